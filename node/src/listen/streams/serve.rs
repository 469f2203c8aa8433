//! Reads and writes one stream: what comes is framed and posted, what waits is written.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use sip::framer::{Frame, Framer};
use sip::transport::{Flow, Packet};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf, ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout, timeout_at};

use super::connection::{Connection, Written};
use super::{End, Streams};
use crate::clock;

/// Serves a connection until it ends. `flow` is the connection's with the local address that it has now.
pub(super) async fn serve<S>(
    streams: &Arc<Streams>,
    connection: &Arc<Connection>,
    flow: Flow,
    stream: S,
) -> End
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    let end = tokio::select! {
        end = read(streams, connection, flow, &mut reader) => end,
        end = write(streams, connection, &mut writer) => end,
        () = connection.closing() => End::Closed,
    };
    let _ = timeout(FAREWELL, writer.shutdown()).await;
    end
}

async fn read<S: AsyncRead>(
    streams: &Arc<Streams>,
    connection: &Arc<Connection>,
    flow: Flow,
    reader: &mut ReadHalf<S>,
) -> End {
    let config = &streams.config;
    let mut framer = Framer::new(config.limits.into());
    // When the message that is half here began.
    let mut begun: Option<Instant> = None;
    loop {
        let deadline = match begun {
            Some(begun) => begun + *config.half_request_timeout,
            None => Instant::now() + *config.idle_timeout,
        };
        match timeout_at(deadline, fill(reader, &mut framer)).await {
            Ok(Ok(octets)) if octets > 0 => streams.counters.octets_in.add_shared(octets as u64),
            Ok(_) => return End::Peer,
            Err(_) if begun.is_some() => return End::Half,
            Err(_) => return End::Idle,
        }
        let mut whole = false;
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(octets))) => {
                    whole = true;
                    streams.deliver(flow, octets).await;
                }
                Ok(Some(Frame::KeepAlive)) => {
                    whole = true;
                    streams.counters.keep_alives.add_shared(1);
                    // RFC 5626 §4.4.1: a double CRLF is answered with one.
                    let _ = connection.push(b"\r\n", None);
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::debug!(remote = %flow.remote, %error, "the stream cannot be cut into messages");
                    return End::Broken;
                }
            }
        }
        begun = match begun {
            _ if !framer.is_half_way() => None,
            Some(begun) if !whole => Some(begun),
            _ => Some(Instant::now()),
        };
    }
}

/// Reads once into the framer, over a room that all connections of the thread share: an idle one holds none.
async fn fill<S: AsyncRead>(reader: &mut ReadHalf<S>, framer: &mut Framer) -> io::Result<usize> {
    poll_fn(|cx| {
        ROOM.with_borrow_mut(|room| {
            let mut buffer = ReadBuf::new(room);
            ready!(Pin::new(&mut *reader).poll_read(cx, &mut buffer))?;
            framer.push(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    })
    .await
}

async fn write<S: AsyncWrite>(
    streams: &Arc<Streams>,
    connection: &Arc<Connection>,
    writer: &mut WriteHalf<S>,
) -> End {
    let mut taken = Written::default();
    loop {
        connection.take(&mut taken).await;
        // TLS keeps octets back until it is flushed.
        if writer.write_all(&taken.octets).await.is_err() || writer.flush().await.is_err() {
            return End::Peer;
        }
        streams.counters.octets_out.add_shared(taken.octets.len() as u64);
    }
}

impl Streams {
    /// Posts a message to the shard of its Call-ID, waiting until that has room: so the stream is not read.
    pub(super) async fn deliver(&self, flow: Flow, octets: &[u8]) {
        self.counters.messages.add_shared(1);
        let owner = usize::from(self.spread.shard_of_message(octets));
        let packet = Packet { octets, flow, arrived: clock::now() };
        self.doors[owner].hand_over_when_room(&packet).await;
    }
}

thread_local! {
    static ROOM: RefCell<Vec<u8>> = RefCell::new(vec![0; ROOM_OCTETS]);
}

const ROOM_OCTETS: usize = 32 * 1024;
/// How long closing may take.
const FAREWELL: Duration = Duration::from_secs(1);
