//! Messages told to a web address that is here, and is not always well.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect};
use axum::routing::any;

use super::*;
use crate::config::WebhookConfig;
use crate::core::webhook::{key, signature};

const SECRET: &str = "a sentence of our own";

/// What came, and what is answered to it: the first ones by what is left in the list, all others by 204.
#[derive(Clone)]
struct Web {
    address: std::net::SocketAddr,
    came: Arc<Mutex<Vec<(HeaderMap, String)>>>,
    answers: Arc<Mutex<Vec<StatusCode>>>,
}

impl Web {
    async fn new(mut answers: Vec<StatusCode>) -> Self {
        answers.reverse();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let web = Web { address, came: Arc::default(), answers: Arc::new(Mutex::new(answers)) };
        let told = any(|State(web): State<Web>, headers: HeaderMap, body: Bytes| async move {
            let body = String::from_utf8(body.to_vec()).expect("it is UTF-8");
            web.came.lock().push((headers, body));
            let status = web.answers.lock().pop().unwrap_or(StatusCode::NO_CONTENT);
            match status {
                StatusCode::FOUND => Redirect::to("/elsewhere").into_response(),
                StatusCode::SERVICE_UNAVAILABLE => (status, [("retry-after", "600")]).into_response(),
                status => status.into_response(),
            }
        });
        // Where a redirection leads would be counted too.
        let router = Router::new().route("/{*path}", told).with_state(web.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        web
    }

    fn config(&self) -> Config {
        let webhook = WebhookConfig {
            url: Secret::new(format!("http://{}/told", self.address)),
            secret: Some(Secret::new(SECRET)),
            timeout: Duration::from_secs(10).into(),
            in_clear: false,
        };
        Config { webhook: Some(webhook), ..Config::default() }
    }

    fn count(&self) -> usize {
        self.came.lock().len()
    }
}

/// Tells what is due so many seconds after the beginning of the test, which no look of the real clock reaches.
async fn look(ground: &Ground, begun_ms: u64, after_s: u64) {
    ground.voicemail.shared.send_due(How::Webhook, begun_ms + after_s * 1000).await;
}

async fn left(ground: &Ground) -> usize {
    ground.voicemail.shared.mailboxes.due("webhook", u64::MAX >> 1, 9).await.expect("read").len()
}

#[tokio::test]
async fn a_web_address_is_told_of_a_message_once_and_can_tell_that_it_was_us() {
    let begun = node::clock::unix_ms();
    let web = Web::new(Vec::new()).await;
    let mut ground = Ground::within(folder(), web.config()).await;
    ground.leave("r.1").await;
    ground.waiting().await;
    look(&ground, begun, 600).await;
    look(&ground, begun, 1200).await;
    look(&ground, begun, 7200).await;
    assert_eq!((web.count(), left(&ground).await), (1, 0));
    let (headers, body) = web.came.lock().remove(0);
    let header = |name: &str| headers[name].to_str().expect("it is ASCII").to_owned();
    let at_s = header("webhook-timestamp").parse().expect("seconds");
    let key = key(SECRET).expect("a key");
    assert_eq!(header("webhook-signature"), signature(&key, &header("webhook-id"), at_s, &body));
    assert_eq!(header("content-type"), "application/json");
    let told: serde_json::Value = serde_json::from_str(&body).expect("it is JSON");
    assert_eq!(told["type"], "voicemail.message");
    let told = &told["data"];
    assert_eq!((&told["mailbox"], &told["caller"]), (&"bob".into(), &"0123456789".into()));
    assert_eq!((&told["length_ms"], &told["counts"]["new"]), (&4000.into(), &1.into()));
    assert_eq!(ground.voicemail.shared.counts.webhooks.load(Ordering::Relaxed), 1);
    ground.end().await;
}

#[tokio::test]
async fn what_is_refused_is_told_again_when_it_is_time_and_after_a_restart() {
    let answers = vec![StatusCode::INTERNAL_SERVER_ERROR, StatusCode::FOUND, StatusCode::SERVICE_UNAVAILABLE];
    let begun = node::clock::unix_ms();
    let web = Web::new(answers).await;
    let folder = folder();
    let mut ground = Ground::within(folder.clone(), web.config()).await;
    ground.leave("r.1").await;
    ground.waiting().await;
    let mut later_s = 0;
    while web.count() < 3 {
        later_s += 3600;
        look(&ground, begun, later_s).await;
    }
    // It asked for ten minutes, which are more than the waits of ours.
    look(&ground, begun, later_s + 590).await;
    assert_eq!((web.count(), left(&ground).await), (3, 1));
    ground.voicemail.shared.mailboxes.close().await;
    let ground = Ground::within(folder, web.config()).await;
    look(&ground, begun, later_s + 610).await;
    assert_eq!((web.count(), left(&ground).await), (4, 0));
    let came: Vec<_> = web.came.lock().iter().map(|(headers, _)| headers["webhook-id"].clone()).collect();
    assert!(came.iter().all(|id| *id == came[0]), "{came:?}");
    ground.end().await;
}

#[tokio::test]
async fn what_is_never_taken_is_given_up_and_stays_in_its_mailbox() {
    let begun = node::clock::unix_ms();
    let web = Web::new(vec![StatusCode::NOT_FOUND; 20]).await;
    let mut ground = Ground::within(folder(), web.config()).await;
    ground.leave("r.1").await;
    ground.waiting().await;
    for day in 1..=9 {
        look(&ground, begun, day * 24 * 3600).await;
    }
    assert_eq!(left(&ground).await, 0);
    let shared = &ground.voicemail.shared;
    assert_eq!(shared.counts.webhooks_failed.load(Ordering::Relaxed), 1);
    assert_eq!(shared.mailboxes.counts("bob").await.expect("read").new, 1);
    ground.end().await;
}

#[tokio::test]
async fn a_message_that_a_full_mailbox_did_not_take_is_told_to_nobody() {
    let begun = node::clock::unix_ms();
    let web = Web::new(Vec::new()).await;
    let config = Config { messages_max: 1, ..web.config() };
    let mut ground = Ground::within(folder(), config).await;
    // Both were let in when there was room.
    let (first, second) = (ground.record("r.1").await, ground.record("r.2").await);
    for (run, (id, to)) in [("r.1", first), ("r.2", second)] {
        let file = format!("{to}.wav");
        write(&ground.folder, &file, 4);
        ground.number = 3;
        let length = Duration::from_secs(4);
        ground.tell(run, What::Recorded { leg: 0, id, file, length, why: Ended::Stopped });
        ground.tell(run, What::Ended(Parting::Caller));
        while !matches!(ground.next().await, Heard::Ended(Ok(()))) {}
    }
    for hours in 1..=9 {
        look(&ground, begun, hours * 3600).await;
    }
    assert_eq!((web.count(), left(&ground).await), (1, 0));
    ground.end().await;
}
