//! The real registrar behind gRPC, asked by two proxies with near-copies.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use proto::registrar::{RegistrarClient, RegistrarServer};
use proto::{
    Action, Asked, ClientLimits, ContactUpdate, ListBindings, Locate, Location, Near, NearCopy, NearLimits,
    Register, Registered, RemoveBindings, Reply, ServerLimits, ServiceError, awaited,
};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};

use super::*;

const NOW_MS: u64 = 1_700_000_000_000;

async fn serve() -> (Arc<Registrar>, SocketAddr) {
    let registrar = Arc::new(Registrar::new(&Config::default(), [1, 2, 3, 4], 1).unwrap());
    let server = RegistrarServer::new(registrar.clone(), || NOW_MS, ServerLimits::default());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Server::builder().add_service(server.service());
    tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    (registrar, address)
}

async fn proxy(address: SocketAddr) -> Near {
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    let copy = NearCopy::new(
        NearLimits { stale_after: Duration::from_secs(60), ..NearLimits::default() },
        &Handle::current(),
    );
    let client =
        RegistrarClient::new(channel, ClientLimits::default(), Some(copy.follower()), &Handle::current());
    soon(client.until_open(true)).await;
    copy.before(Arc::new(client))
}

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it comes within 20 s")
}

async fn answer<T: Send + 'static>(ask: impl FnOnce(Reply<T>) -> Asked<T>) -> Result<T, ServiceError> {
    let (reply, awaited) = awaited();
    soon(awaited.answer(ask(reply))).await
}

async fn register(near: &Near, cseq: u32, uri: &str, expires: Option<u32>) -> Registered {
    let contacts = [ContactUpdate { uri, expires, q: 1000, ..ContactUpdate::default() }];
    let ask = Register {
        now_ms: NOW_MS,
        aor: "alice@example.org",
        call_id: "c",
        cseq,
        action: Action::Update(&contacts),
        path: &[],
        flow: b"flow",
        user_agent: "",
        source: "udp:192.0.2.1:5060",
    };
    answer(|reply| near.register(&ask, reply)).await.unwrap()
}

async fn locate(near: &Near) -> Vec<String> {
    // A copy answers at once; what changes it must have its turn too.
    tokio::task::yield_now().await;
    let ask = Locate { now_ms: NOW_MS, aor: "alice@example.org", past_copy: false };
    let located = answer(|reply| near.locate(&ask, reply)).await.unwrap();
    assert!(!located.stale);
    located.bindings.iter().map(|binding| binding.uri.to_owned()).collect()
}

#[tokio::test]
async fn what_one_proxy_registers_another_finds() {
    let (registrar, address) = serve().await;
    let (paris, london) = (proxy(address).await, proxy(address).await);
    assert_eq!(locate(&london).await, Vec::<String>::new());
    assert!(matches!(register(&paris, 1, "sip:a@h1", None).await, Registered::Accepted { .. }));
    // Negative copies are not trusted while the registrar answers.
    assert_eq!(locate(&london).await, ["sip:a@h1"]);
    assert_eq!(locate(&paris).await, ["sip:a@h1"], "its own, from its copy");
    assert_eq!(
        register(&london, 1, "sip:a@h1", Some(10)).await,
        Registered::IntervalTooBrief { min_expires_s: 60 }
    );
    assert_eq!(register(&london, 1, "sip:a@h1", Some(100)).await, Registered::OutOfOrder);
    // Paris has it in its copy until it hears that London changed it.
    assert!(
        matches!(register(&london, 2, "sip:b@h1", None).await, Registered::Accepted { bindings } if bindings.len() == 2)
    );
    soon(async { while locate(&paris).await.len() < 2 {} }).await;
    let removed =
        answer(|reply| paris.remove(&RemoveBindings { aor: "alice@example.org", uri: None }, reply)).await;
    assert_eq!(removed, Ok(2));
    soon(async { while !locate(&london).await.is_empty() {} }).await;
    let list = ListBindings { now_ms: 0, prefix: "", page_max: 10, from: 0 };
    assert_eq!(answer(|reply| london.list(&list, reply)).await.map(|page| page.listed.len()), Ok(0));
    assert!(paris.counters().fresh > 0);
    assert_eq!(registrar.counters().bindings, 0);
}

#[tokio::test]
async fn expiry_runs_by_the_clock_that_is_given() {
    let registrar = Registrar::new(&Config::default(), [1, 2, 3, 4], 1).unwrap();
    let contacts = [ContactUpdate { uri: "sip:a@h", expires: Some(60), ..ContactUpdate::default() }];
    let ask = Register {
        now_ms: NOW_MS,
        aor: "alice@example.org",
        call_id: "c",
        cseq: 1,
        action: Action::Update(&contacts),
        path: &[],
        flow: &[],
        user_agent: "",
        source: "",
    };
    let answered = answer(|reply| registrar.register(&ask, reply)).await.unwrap();
    assert!(matches!(answered, Registered::Accepted { .. }));
    let ended = async {
        while registrar.counters().expired == 0 {
            tokio::task::yield_now().await
        }
    };
    soon(async {
        tokio::select! {
            () = registrar.keep_time(|| NOW_MS + 60_000) => {}
            () = ended => {}
        }
    })
    .await;
    assert_eq!(registrar.counters().bindings, 0);
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused() {
    use node::config::Duration;
    let ok = Config::default();
    for (config, error) in [
        (
            Config {
                min_expires: Duration::from_secs(3601),
                max_expires: Duration::from_secs(9000),
                ..ok.clone()
            },
            "min_expires is at most one hour (RFC 3261 §10.3)",
        ),
        (
            Config { max_expires: Duration::from_secs(30), ..ok.clone() },
            "max_expires is below min_expires or default_expires",
        ),
        (
            Config { default_expires: Duration::from_secs(30), ..ok.clone() },
            "default_expires is below min_expires",
        ),
        (Config { contacts_max: 0, ..ok.clone() }, "contacts_max and bindings_max are at least 1"),
    ] {
        assert_eq!(Registrar::new(&config, [0; 4], 1).err(), Some(error));
    }
    // One who raises the minimum raises the others with it.
    let short =
        Config { default_expires: Duration::from_secs(90), max_expires: Duration::from_secs(120), ..ok };
    assert!(Registrar::new(&short, [0; 4], 1).is_ok());
}
