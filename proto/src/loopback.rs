//! For tests: a server in a runtime of its own on the loopback interface, which can be killed at once and started
//! again at the same address, and an inbox that can be awaited.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::server::Router;
use tonic::transport::{Channel, Endpoint};

use crate::asked::{Reply, ServiceError, Sink, Ticket};

pub(crate) struct Peer {
    runtime: Option<Runtime>,
    pub(crate) address: SocketAddr,
}

impl Peer {
    pub(crate) async fn start(router: Router) -> Peer {
        Self::start_at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), router).await
    }

    pub(crate) async fn start_at(address: SocketAddr, router: Router) -> Peer {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.spawn(tokio::net::TcpListener::bind(address)).await.unwrap().unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
        Peer { runtime: Some(runtime), address }
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime may not be awaited inside another; when this returns all its sockets are closed.
            std::thread::spawn(move || drop(runtime)).join().unwrap();
        }
    }
}

pub(crate) struct Inbox<T> {
    sender: Arc<Sender<T>>,
    receiver: mpsc::UnboundedReceiver<(Ticket, Result<T, ServiceError>)>,
}

struct Sender<T>(mpsc::UnboundedSender<(Ticket, Result<T, ServiceError>)>);

impl<T: Send> Sink<T> for Sender<T> {
    fn post(&self, ticket: Ticket, answer: Result<T, ServiceError>) {
        let _ = self.0.send((ticket, answer));
    }
}

impl<T: Send + 'static> Inbox<T> {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Inbox { sender: Arc::new(Sender(sender)), receiver }
    }

    pub(crate) fn reply(&self, ticket: u64) -> Reply<T> {
        Reply::new(self.sender.clone(), Ticket(ticket))
    }

    /// The next answer; a test that waits longer than it can mean has failed.
    pub(crate) async fn next(&mut self) -> (u64, Result<T, ServiceError>) {
        let (ticket, answer) = soon(self.receiver.recv()).await.unwrap();
        (ticket.0, answer)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.receiver.is_empty()
    }
}

pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it comes within 20 s")
}
