//! WebSocket, plain and under TLS.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};

use super::*;

type Browser = tokio_tungstenite::WebSocketStream<TcpStream>;

async fn browse(world: &World, subprotocol: Option<&'static str>) -> Result<Browser, Error> {
    let mut request = format!("ws://{}/", world.address).into_client_request().expect("a request");
    if let Some(name) = subprotocol {
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(name));
    }
    let (socket, response) = tokio_tungstenite::client_async(request, world.connect().await).await?;
    assert_eq!(response.headers().get("sec-websocket-protocol"), Some(&HeaderValue::from_static("sip")));
    Ok(socket)
}

async fn next(browser: &mut Browser) -> Option<Result<Message, Error>> {
    timeout(PATIENCE, browser.next()).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_is_a_message_of_either_kind() {
    let mut world = World::new("ws:127.0.0.1:0", |_| {});
    let mut browser = browse(&world, Some("sip")).await.expect("upgraded");
    let text = message(1, 1).replace("Content-Length: 4\r\n", "");
    browser.send(Message::text(text.clone())).await.expect("sent");
    let (read, flow) = world.packet().await;
    assert_eq!((read.as_str(), flow.transport), (text.as_str(), Transport::Ws));
    assert_eq!(next(&mut browser).await.expect("a frame").expect("good"), Message::text(text.clone()));
    let latin = [text.as_bytes(), b"\xe9"].concat();
    browser.send(Message::binary(latin.clone())).await.expect("sent");
    assert_eq!(next(&mut browser).await.expect("a frame").expect("good"), Message::binary(latin));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_offer_the_subprotocol_sip_is_refused() {
    let world = World::new("ws:127.0.0.1:0", |_| {});
    for other in [None, Some("xmpp, chat")] {
        match browse(&world, other).await {
            Err(Error::Http(response)) => assert_eq!(response.status(), StatusCode::BAD_REQUEST),
            result => panic!("a refusal was expected, not {result:?}"),
        }
    }
    browse(&world, Some("xmpp, sip")).await.expect("one of several will do");
}

#[tokio::test(flavor = "multi_thread")]
async fn pings_and_keep_alives_are_answered_and_never_reach_the_core() {
    let mut world = World::new("ws:127.0.0.1:0", |_| {});
    let mut browser = browse(&world, Some("sip")).await.expect("upgraded");
    browser.send(Message::Ping("abc".into())).await.expect("sent");
    assert_eq!(next(&mut browser).await.expect("a frame").expect("good"), Message::Pong("abc".into()));
    browser.send(Message::text("\r\n\r\n")).await.expect("sent");
    assert_eq!(next(&mut browser).await.expect("a frame").expect("good"), Message::text("\r\n"));
    browser.send(Message::text(message(1, 1))).await.expect("sent");
    assert_eq!(world.packet().await.0, message(1, 1), "the first thing that the core met");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_too_long_closes_the_connection() {
    let world = World::new("ws:127.0.0.1:0", |config| {
        config.limits.message_bytes_max = crate::config::Size(1000);
    });
    let mut browser = browse(&world, Some("sip")).await.expect("upgraded");
    browser.send(Message::text("x".repeat(1001))).await.expect("sent");
    while let Some(Ok(_)) = next(&mut browser).await {}
    assert_eq!(world.counters().closed_broken.read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_upgrade_and_half_a_frame_are_closed() {
    let world = World::new("ws:127.0.0.1:0", |config| {
        config.connect_timeout = millis(200);
        config.half_request_timeout = millis(30);
    });
    let mut half = world.connect().await;
    half.write_all(b"GET / HTTP/1.1\r\n").await.expect("sent");
    ends(&mut half).await;
    assert_eq!(world.counters().handshake_failed.read(), 1);
    let mut browser = browse(&world, Some("sip")).await.expect("upgraded");
    browser.get_mut().write_all(&[0x81, 0xfe, 0x01]).await.expect("sent");
    while let Some(Ok(_)) = next(&mut browser).await {}
    assert_eq!(world.counters().closed_half.read(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_reaches_the_browser_over_its_own_connection() {
    let mut world = World::new("ws:127.0.0.1:0", |_| {});
    let mut browser = browse(&world, Some("sip")).await.expect("upgraded");
    browser.send(Message::text(message(1, 1))).await.expect("sent");
    let (_, flow) = world.packet().await;
    next(&mut browser).await;
    let request = message(2, 1);
    world.order(NextHop::Flow(flow), 1, request.as_bytes());
    assert_eq!(next(&mut browser).await.expect("a frame").expect("good"), Message::text(request.clone()));
    // By its address too: the connection is found in the table.
    world.order(towards(Transport::Ws, flow.remote, Some("ignored.invalid")), 2, request.as_bytes());
    assert_eq!(next(&mut browser).await.expect("a frame").expect("good"), Message::text(request));
    browser.close(None).await.expect("closed");
    assert_eq!(world.failed().await.0, 1);
    assert_eq!(world.failed().await.0, 2);
    assert!(matches!(world.next().await, Met::Closed(_)));
}
