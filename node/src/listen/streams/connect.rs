//! Makes connections: TCP and TLS under one deadline; its senders wait in the connection's queue.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sip::transport::{Flow, Transport};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout_at;
use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::{End, Streams, serve, tls};

/// Connects and serves until the end.
pub(super) async fn connect(streams: Arc<Streams>, connection: Arc<Connection>) {
    let end = run(&streams, &connection).await;
    streams.finish(&connection, end);
}

async fn run(streams: &Arc<Streams>, connection: &Arc<Connection>) -> End {
    let deadline = tokio::time::Instant::now() + *streams.config.connect_timeout;
    let remote = connection.flow.remote;
    let stream = match timeout_at(deadline, dial(streams, connection.flow)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            tracing::debug!(%remote, %error, "connecting failed");
            return End::Connect;
        }
        Err(_) => return End::Connect,
    };
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().map_or(connection.flow.local, |address| address.ip());
    let flow = Flow { local, ..connection.flow };
    if flow.transport == Transport::Tcp {
        return go_on(streams, connection, flow, stream).await;
    }
    let Some(certificates) = &streams.certificates else { return End::Handshake };
    let name = tls::server_name(connection.host.as_deref(), remote.ip());
    let connector = TlsConnector::from(certificates.client());
    match timeout_at(deadline, connector.connect(name, stream)).await {
        Ok(Ok(secure)) => go_on(streams, connection, flow, secure).await,
        Ok(Err(error)) => {
            tracing::warn!(%remote, host = ?connection.host, %error, "the server's TLS is refused");
            End::Handshake
        }
        Err(_) => End::Handshake,
    }
}

async fn go_on<S>(streams: &Arc<Streams>, connection: &Arc<Connection>, flow: Flow, stream: S) -> End
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send,
{
    streams.counters.connected.add_shared(1);
    connection.connected();
    serve::serve(streams, connection, flow, stream).await
}

async fn dial(streams: &Arc<Streams>, flow: Flow) -> io::Result<TcpStream> {
    let socket = if flow.remote.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    let bound = streams.listeners.listener(flow.listener).map(|listener| listener.bound.ip());
    if let Some(bound) =
        bound.filter(|bound| !bound.is_unspecified() && bound.is_ipv4() == flow.remote.is_ipv4())
    {
        socket.bind(SocketAddr::new(bound, 0))?;
    }
    socket.connect(flow.remote).await
}
