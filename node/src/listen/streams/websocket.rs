//! SIP over WebSocket (RFC 7118): the subprotocol `sip`, one message a frame, text or binary.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use parking_lot::Mutex;
use sip::transport::Flow;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::connection::{Connection, Written};
use super::{End, Streams};
use crate::listen::Config;

/// When the frame that is half here began; the library does not say.
type Progress = Arc<Mutex<Option<Instant>>>;

/// Upgrades a connection. A client that does not offer the subprotocol `sip` is refused with 400 (RFC 7118 §4.1).
pub(super) async fn accept<S>(
    stream: S,
    config: &Config,
) -> Result<(WebSocketStream<Metered<S>>, Progress), Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let progress = Progress::default();
    let metered = Metered { stream, progress: Arc::clone(&progress) };
    let most = config.limits.message_bytes_max.bytes();
    let limits = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(most))
        .max_frame_size(Some(most));
    let socket = tokio_tungstenite::accept_hdr_async_with_config(metered, subprotocol, Some(limits)).await?;
    *progress.lock() = None;
    Ok((socket, progress))
}

#[expect(clippy::result_large_err, reason = "the type of the library's callback")]
fn subprotocol(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request.headers().get_all(SUBPROTOCOL).iter();
    let mut names = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if names.any(|name| name.trim().eq_ignore_ascii_case("sip")) {
        response.headers_mut().insert(SUBPROTOCOL, HeaderValue::from_static("sip"));
        return Ok(response);
    }
    let mut refusal =
        ErrorResponse::new(Some("offer the WebSocket subprotocol \"sip\" (RFC 7118)\n".to_owned()));
    *refusal.status_mut() = StatusCode::BAD_REQUEST;
    Err(refusal)
}

/// Serves an upgraded connection until it ends.
pub(super) async fn serve<S>(
    streams: &Arc<Streams>,
    connection: &Arc<Connection>,
    flow: Flow,
    socket: WebSocketStream<Metered<S>>,
    progress: Progress,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sink, mut source) = socket.split();
    let end = tokio::select! {
        end = read(streams, connection, flow, &mut source, &progress) => end,
        end = write(streams, connection, &mut sink) => end,
        () = connection.closing() => End::Closed,
    };
    let _ = timeout(std::time::Duration::from_secs(1), sink.close()).await;
    end
}

async fn read<S>(
    streams: &Arc<Streams>,
    connection: &Arc<Connection>,
    flow: Flow,
    source: &mut SplitStream<WebSocketStream<Metered<S>>>,
    progress: &Progress,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let idle = *streams.config.idle_timeout;
    let half = *streams.config.half_request_timeout;
    let mut last = Instant::now();
    loop {
        let begun = *progress.lock();
        let deadline = begun.map_or(Instant::now() + half.min(idle), |begun| begun + half);
        let message = match timeout_at(deadline, source.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(Error::Capacity(_) | Error::Protocol(_) | Error::Utf8(_)))) => return End::Broken,
            Ok(_) => return End::Peer,
            Err(_) => {
                let now = Instant::now();
                if progress.lock().is_some_and(|begun| now >= begun + half) {
                    return End::Half;
                }
                if now >= last + idle {
                    return End::Idle;
                }
                continue;
            }
        };
        *progress.lock() = None;
        last = Instant::now();
        let octets: &[u8] = match &message {
            Message::Text(text) => text.as_bytes(),
            Message::Binary(octets) => octets,
            // A ping is answered by the library.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            Message::Close(_) => return End::Peer,
        };
        streams.counters.octets_in.add_shared(octets.len() as u64);
        if octets.iter().all(|octet| matches!(octet, b'\r' | b'\n')) {
            streams.counters.keep_alives.add_shared(1);
            let _ = connection.push(b"\r\n", None);
            continue;
        }
        streams.deliver(flow, octets).await;
    }
}

async fn write<S>(
    streams: &Arc<Streams>,
    connection: &Arc<Connection>,
    sink: &mut SplitSink<WebSocketStream<Metered<S>>, Message>,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut taken = Written::default();
    loop {
        connection.take(&mut taken).await;
        let octets = Bytes::copy_from_slice(&taken.octets);
        let mut start = 0;
        for end in &taken.ends {
            let one = octets.slice(start..*end);
            start = *end;
            let message = match Utf8Bytes::try_from(one.clone()) {
                Ok(text) => Message::Text(text),
                Err(_) => Message::Binary(one),
            };
            if sink.feed(message).await.is_err() {
                return End::Peer;
            }
        }
        if sink.flush().await.is_err() {
            return End::Peer;
        }
        streams.counters.octets_out.add_shared(taken.octets.len() as u64);
    }
}

/// A stream that notes when octets came since the last whole message.
pub(super) struct Metered<S> {
    stream: S,
    progress: Progress,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            this.progress.lock().get_or_insert_with(Instant::now);
        }
        result
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

const SUBPROTOCOL: &str = "sec-websocket-protocol";
/// Small, since there is one for each connection.
const READ_BUFFER: usize = 4096;
