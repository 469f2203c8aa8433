//! Client and server of `waiting.v1` against each other over a real socket.

use std::sync::Mutex;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tonic::transport::Server;

use super::*;
use crate::loopback::{Inbox, Peer, soon};
use crate::{ClientLimits, ServerLimits, ServiceError};

/// One mailbox: that of bob.
#[derive(Default)]
struct Mailboxes(Mutex<Option<Arc<dyn WaitingSink>>>);

impl MessageWaiting for Mailboxes {
    fn summarise(&self, ask: &Summarise<'_>, reply: Reply<Option<Waiting>>) -> Asked<Option<Waiting>> {
        reply.now(match ask.user {
            "bob" => Ok(Some(waiting(2))),
            "broken" => Err(ServiceError::Unavailable("no disk".into())),
            _ => Ok(None),
        })
    }

    fn follow(&self, sink: Arc<dyn WaitingSink>) {
        *self.0.lock().unwrap() = Some(sink);
    }
}

struct Heard(mpsc::UnboundedSender<Option<(String, Waiting)>>);

impl WaitingSink for Heard {
    fn post(&self, user: &str, waiting: Waiting) {
        let _ = self.0.send(Some((user.to_owned(), waiting)));
    }

    fn lost(&self) {
        let _ = self.0.send(None);
    }
}

fn waiting(new: u32) -> Waiting {
    Waiting { new, old: 8, urgent_new: 1, urgent_old: 3, account: "6099".into() }
}

#[tokio::test]
async fn counts_are_asked_and_changes_told() {
    let mailboxes = Arc::new(Mailboxes::default());
    let server = WaitingServer::new(mailboxes.clone(), ServerLimits::default());
    let peer = Peer::start(Server::builder().add_service(server.service())).await;
    let client = WaitingClient::new(peer.channel(), ClientLimits::default(), &Handle::current());
    let (sender, mut heard) = mpsc::unbounded_channel();
    client.follow(Arc::new(Heard(sender)));
    soon(client.until_open(true)).await;

    let mut inbox = Inbox::new();
    for (ticket, user, expected) in [
        (1, "bob", Ok(Some(waiting(2)))),
        (2, "nobody", Ok(None)),
        (3, "broken", Err(ServiceError::Unavailable("no disk".into()))),
    ] {
        assert!(matches!(client.summarise(&Summarise { user }, inbox.reply(ticket)), Asked::Later));
        assert_eq!(inbox.next().await, (ticket, expected));
    }

    let sink = mailboxes.0.lock().unwrap().clone().unwrap();
    for new in [3, 0] {
        sink.post("bob", waiting(new));
        assert_eq!(soon(heard.recv()).await, Some(Some(("bob".to_owned(), waiting(new)))));
    }

    server.drain();
    assert_eq!(soon(heard.recv()).await, Some(None));
}
