//! `/metrics`, `/healthz` and `/readyz` on a port of their own.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{Health, Registry};

/// Options of the HTTP port for machines: `[http]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// Where `/metrics`, `/healthz` and `/readyz` are. Default: nowhere. It asks for no password, so it belongs on
    /// loopback or on a network of your own.
    pub listen: Option<SocketAddr>,
}

/// Why the port could not be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for metrics: {cause}; choose another port under [http] listen")]
pub struct HttpError {
    /// What was asked for.
    pub address: SocketAddr,
    /// What the system said.
    pub cause: io::Error,
}

/// Serves until `end`; gives the address that was bound. To be called inside a runtime.
pub async fn serve(
    address: SocketAddr,
    registry: Registry,
    health: Health,
    end: CancellationToken,
) -> Result<SocketAddr, HttpError> {
    let told = |cause| HttpError { address, cause };
    let listener = TcpListener::bind(address).await.map_err(told)?;
    let bound = listener.local_addr().map_err(told)?;
    let router = Router::new()
        .route("/metrics", get(metrics).with_state(registry))
        .route("/healthz", get(alive).with_state(health.clone()))
        .route("/readyz", get(ready).with_state(health));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(end.cancelled_owned()).await
        {
            tracing::error!(%error, "the HTTP port for metrics has ended");
        }
    });
    Ok(bound)
}

async fn metrics(State(registry): State<Registry>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], registry.page().await)
        .into_response()
}

async fn alive(State(health): State<Health>) -> (StatusCode, String) {
    match health.broken() {
        None => (StatusCode::OK, "alive\n".to_owned()),
        Some(why) => (StatusCode::INTERNAL_SERVER_ERROR, format!("broken: {why}\n")),
    }
}

async fn ready(State(health): State<Health>) -> (StatusCode, String) {
    match health.reasons() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    async fn fetch(address: SocketAddr, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    #[tokio::test]
    async fn metrics_and_health_are_served() {
        let (registry, health, end) = (Registry::new(), Health::new(), CancellationToken::new());
        registry.add(|page| page.counter("x_total", "Of x.", &[], 7));
        let any = "127.0.0.1:0".parse().expect("an address");
        let address = serve(any, registry, health.clone(), end.clone()).await.expect("a free port");
        let page = fetch(address, "/metrics").await;
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("version=0.0.4"), "{page}");
        assert!(page.contains("# HELP x_total Of x.\n# TYPE x_total counter\nx_total 7\n"), "{page}");
        assert!(fetch(address, "/readyz").await.ends_with("\r\n\r\nready\n"));
        health.not_ready("registrar", "no answer");
        let not_ready = fetch(address, "/readyz").await;
        assert!(not_ready.starts_with("HTTP/1.1 503") && not_ready.ends_with("registrar: no answer\n"));
        assert!(fetch(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        health.ready("registrar");
        assert!(fetch(address, "/readyz").await.starts_with("HTTP/1.1 200"));
        health.break_down("a shard is gone");
        assert!(fetch(address, "/healthz").await.starts_with("HTTP/1.1 500"));
        assert!(fetch(address, "/nothing").await.starts_with("HTTP/1.1 404"));
        let taken = serve(address, Registry::new(), health, end).await.expect_err("taken").to_string();
        assert!(taken.contains("[http] listen"), "{taken}");
    }
}
