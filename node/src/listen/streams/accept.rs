//! Accepts connections and brings them as far as SIP: limits, TLS, the WebSocket upgrade.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use sip::transport::{Flow, ListenerId, Transport};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::connection::Connection;
use super::{End, Streams, serve, websocket};

/// Accepts on one listener until the end.
pub(super) async fn accept(
    streams: Arc<Streams>,
    listener: ListenerId,
    transport: Transport,
    socket: TcpListener,
) {
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(%error, "a listener could not be started");
            return;
        }
    };
    while let Some(accepted) = streams.ended.run_until_cancelled(socket.accept()).await {
        match accepted {
            Ok((stream, remote)) => admit(&streams, listener, transport, stream, remote),
            // Out of descriptors, most often: the queue of the kernel keeps the others.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

fn admit(
    streams: &Arc<Streams>,
    listener: ListenerId,
    transport: Transport,
    stream: TcpStream,
    remote: SocketAddr,
) {
    let local = stream.local_addr().map_or_else(|_| remote.ip(), |address| address.ip());
    let flow = Flow { transport, listener, local, remote, connection: None };
    let added = streams.add(&mut streams.table.lock(), flow, None);
    let connection = match added {
        Ok(connection) => connection,
        Err(why) => {
            tracing::debug!(%remote, why, "a connection was refused");
            return;
        }
    };
    streams.counters.accepted.add_shared(1);
    connection.connected();
    let streams_of_task = Arc::clone(streams);
    streams.io.spawn(async move {
        let end = run(&streams_of_task, &connection, stream).await;
        streams_of_task.finish(&connection, end);
    });
}

async fn run(streams: &Arc<Streams>, connection: &Arc<Connection>, stream: TcpStream) -> End {
    let _ = stream.set_nodelay(true);
    let flow = connection.flow;
    let within = *streams.config.connect_timeout;
    match flow.transport {
        Transport::Udp => End::Broken,
        Transport::Tcp => serve::serve(streams, connection, flow, stream).await,
        Transport::Ws => {
            let upgraded = timeout(within, websocket::accept(stream, &streams.config)).await;
            let Ok(Ok((socket, progress))) = upgraded else { return End::Handshake };
            websocket::serve(streams, connection, flow, socket, progress).await
        }
        Transport::Tls | Transport::Wss => {
            let Some(certificates) = &streams.certificates else { return End::Handshake };
            let acceptor = TlsAcceptor::from(certificates.server());
            // One deadline for TLS and the upgrade together.
            let deadline = tokio::time::Instant::now() + within;
            let Ok(Ok(secure)) = tokio::time::timeout_at(deadline, acceptor.accept(stream)).await else {
                return End::Handshake;
            };
            if flow.transport == Transport::Tls {
                return serve::serve(streams, connection, flow, secure).await;
            }
            let upgraded =
                tokio::time::timeout_at(deadline, websocket::accept(secure, &streams.config)).await;
            let Ok(Ok((socket, progress))) = upgraded else { return End::Handshake };
            websocket::serve(streams, connection, flow, socket, progress).await
        }
    }
}

const REST: Duration = Duration::from_millis(50);
