//! The resolver with static entries and with a small name server on the loopback.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::{Sink, Ticket};
use sip::transport::ListenerId;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::listen::{Interface, Listener};

struct Inbox(UnboundedSender<Result<Vec<NextHop>, ServiceError>>);

impl Sink<Vec<NextHop>> for Inbox {
    fn post(&self, _ticket: Ticket, answer: Result<Vec<NextHop>, ServiceError>) {
        let _ = self.0.send(answer);
    }
}

type Answers = UnboundedReceiver<Result<Vec<NextHop>, ServiceError>>;

fn listeners() -> Arc<Listeners> {
    let listener = |id, transport| Listener {
        id: ListenerId(id),
        transport,
        bound: ([0, 0, 0, 0], 5060).into(),
        advertised: None,
        local_networks: Vec::new(),
    };
    let interface =
        Interface { address: [192, 0, 2, 99].into(), network: "192.0.2.0/24".parse().expect("a network") };
    Arc::new(Listeners::new([listener(0, Transport::Udp), listener(1, Transport::Tcp)], [interface], []))
}

fn resolver(config: &str) -> (Resolver, Reply<Vec<NextHop>>, Answers) {
    let config: Config = toml::from_str(config).expect("a configuration");
    let resolver = Resolver::new(&config, listeners(), Handle::current());
    let (sender, answers) = unbounded_channel();
    (resolver, Reply::new(Arc::new(Inbox(sender)), Ticket(1)), answers)
}

fn ask(host: &str) -> Query<'_> {
    Query { host, port: None, transport: None, secure: false }
}

fn text(hops: Result<Vec<NextHop>, ServiceError>) -> String {
    let hops = hops.expect("it is found");
    let text: Vec<String> =
        hops.iter().map(|hop| format!("{}:{}", hop.transport().param_name(), hop.remote())).collect();
    text.join(" ")
}

const STATIC: &str = r#"
nameservers = ["127.0.0.1:1"]
hosts."a.example.org" = ["192.0.2.1", "2001:db8::1"]
hosts."b.example.org" = ["192.0.2.2"]
srv = [
    { name = "_sip._udp.example.org", priority = 2, port = 5060, target = "a.example.org" },
    { name = "_sip._udp.example.org", priority = 1, port = 5070, target = "b.example.org" },
]
naptr = [{ name = "example.org", service = "SIP+D2U", replacement = "_sip._udp.example.org" }]
"#;

#[tokio::test]
async fn static_entries_are_answered_at_once_and_the_dead_come_last() {
    let (resolver, reply, mut answers) = resolver(STATIC);
    let Asked::Now(found) = resolver.resolve(&ask("example.org"), reply) else { panic!("it is known") };
    assert_eq!(text(found), "udp:192.0.2.2:5070 udp:192.0.2.1:5060", "no listener reaches IPv6");
    resolver.died(Transport::Udp, "192.0.2.2:5070".parse().expect("an address"), None);
    assert!(answers.recv().await.is_none(), "nothing is posted");
    let (sender, _answers) = unbounded_channel();
    let reply = Reply::new(Arc::new(Inbox(sender)), Ticket(2));
    let Asked::Now(found) = resolver.resolve(&ask("example.org"), reply) else { panic!("it is known") };
    assert_eq!(text(found), "udp:192.0.2.1:5060 udp:192.0.2.2:5070");
}

/// Answers A questions from a table, anything else with NXDOMAIN; counts the questions.
async fn name_server(table: BTreeMap<&'static str, [u8; 4]>, silent: bool) -> (SocketAddr, Arc<AtomicUsize>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut room = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut room).await {
            counted.fetch_add(1, Ordering::SeqCst);
            if silent {
                continue;
            }
            let (name, end) = name_at(&room[..length], 12);
            let kind = u16::from_be_bytes([room[end], room[end + 1]]);
            let found = table.get(name.to_ascii_lowercase().as_str()).filter(|_| kind == 1);
            let mut answer = room[..2].to_vec();
            // A response, recursion available, and the result; one question, one or no answer.
            answer.extend([
                0x81,
                if found.is_some() { 0x80 } else { 0x83 },
                0,
                1,
                0,
                u8::from(found.is_some()),
                0,
                0,
                0,
                0,
            ]);
            answer.extend(&room[12..end + 4]);
            if let Some(four) = found {
                answer.extend([0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                answer.extend(four);
            }
            let _ = socket.send_to(&answer, from).await;
        }
    });
    (address, count)
}

fn name_at(octets: &[u8], mut at: usize) -> (String, usize) {
    let mut labels = Vec::new();
    while octets[at] != 0 {
        let length = usize::from(octets[at]);
        labels.push(String::from_utf8_lossy(&octets[at + 1..at + 1 + length]).into_owned());
        at += length + 1;
    }
    (labels.join("."), at + 1)
}

#[tokio::test]
async fn name_servers_are_asked_once_and_their_answer_is_kept() {
    let (server, count) = name_server(BTreeMap::from([("pbx.example.net", [192, 0, 2, 5])]), false).await;
    let (resolver, reply, mut answers) = resolver(&format!("nameservers = [\"{server}\"]"));
    assert!(matches!(resolver.resolve(&ask("pbx.example.net"), reply), Asked::Later));
    let found = answers.recv().await.expect("one answer");
    assert_eq!(text(found), "udp:192.0.2.5:5060");
    let asked = count.load(Ordering::SeqCst);
    assert_eq!(asked, 5, "NAPTR, two SRV, A and AAAA");
    let (sender, _answers) = unbounded_channel();
    let reply = Reply::new(Arc::new(Inbox(sender)), Ticket(2));
    assert!(matches!(resolver.resolve(&ask("PBX.example.net"), reply), Asked::Now(Ok(_))));
    assert_eq!(count.load(Ordering::SeqCst), asked);
    assert_eq!((resolver.counters().known.read(), resolver.counters().asked.read()), (1, 1));
}

#[tokio::test]
async fn a_host_that_is_not_there_and_a_server_that_is_silent_are_errors() {
    let (server, _) = name_server(BTreeMap::new(), false).await;
    let (resolver_of_nothing, reply, mut answers) = resolver(&format!("nameservers = [\"{server}\"]"));
    assert!(matches!(resolver_of_nothing.resolve(&ask("pbx.example.net"), reply), Asked::Later));
    assert!(matches!(answers.recv().await, Some(Err(ServiceError::Unavailable(_)))));
    let (silent, _) = name_server(BTreeMap::new(), true).await;
    let (resolver, reply, mut answers) =
        resolver(&format!("nameservers = [\"{silent}\"]\ntimeout = \"20ms\"\nlookups_max = 1"));
    assert!(matches!(resolver.resolve(&ask("pbx.example.net"), reply), Asked::Later));
    let (sender, _answers) = unbounded_channel();
    let reply = Reply::new(Arc::new(Inbox(sender)), Ticket(2));
    let refused = resolver.resolve(&ask("other.example.net"), reply);
    assert!(matches!(refused, Asked::Now(Err(ServiceError::Overloaded { .. }))));
    assert!(matches!(answers.recv().await, Some(Err(ServiceError::Unavailable(_)))));
    assert!(resolver.counters().failures.read() > 0);
}

#[tokio::test]
async fn questions_for_one_host_at_once_are_one_question() {
    let (server, count) = name_server(BTreeMap::from([("pbx.example.net", [192, 0, 2, 5])]), false).await;
    let (resolver, reply, mut answers) = resolver(&format!("nameservers = [\"{server}\"]\nttl_min = \"0\""));
    let (sender, mut more_answers) = unbounded_channel();
    let second = Reply::new(Arc::new(Inbox(sender)), Ticket(2));
    assert!(matches!(resolver.resolve(&ask("pbx.example.net"), reply), Asked::Later));
    assert!(matches!(resolver.resolve(&ask("pbx.example.net"), second), Asked::Later));
    for answers in [&mut answers, &mut more_answers] {
        assert_eq!(text(answers.recv().await.expect("one answer")), "udp:192.0.2.5:5060");
    }
    assert_eq!(count.load(Ordering::SeqCst), 5, "NAPTR, two SRV, A and AAAA");
    let counters = resolver.counters();
    assert_eq!(counters.misses.read() + counters.joined.read() + counters.hits.read(), 10);
}

#[tokio::test]
async fn a_target_that_answers_again_and_another_configuration_change_what_is_found() {
    let (resolver, first, _answers) = resolver(STATIC);
    let remote = "192.0.2.2:5070".parse().expect("an address");
    let found = |reply| match resolver.resolve(&ask("example.org"), reply) {
        Asked::Now(found) => text(found),
        Asked::Later => panic!("it is known"),
    };
    resolver.died(Transport::Udp, remote, None);
    assert_eq!(resolver.sizes(clock::now()), (0, 1));
    resolver.answered(Transport::Udp, remote);
    assert_eq!(found(first), "udp:192.0.2.2:5070 udp:192.0.2.1:5060");
    assert_eq!(resolver.sizes(clock::now()), (0, 0));
    let other = "nameservers = [\"127.0.0.1:1\"]\nhosts.\"example.org\" = [\"192.0.2.7\"]";
    resolver.configure(&toml::from_str(other).expect("a configuration"));
    let (sender, _answers) = unbounded_channel();
    assert_eq!(found(Reply::new(Arc::new(Inbox(sender)), Ticket(2))), "udp:192.0.2.7:5060");
}
