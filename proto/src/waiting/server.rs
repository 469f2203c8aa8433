//! Any [`MessageWaiting`] served over gRPC.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::asked::ServiceError;
use crate::serve::{Answer as _, Drain, Lane, ServerLimits};
use crate::waiting::{MessageWaiting, Summarise, Waiting, WaitingSink};
use crate::wire::waiting::v1;
use v1::answer::Answer as Kind;
use v1::message_waiting_server::{MessageWaiting as Service, MessageWaitingServer as Wire};
use v1::question::Ask;

/// Serves what waits in mailboxes. Clones serve the same ones.
#[derive(Clone)]
pub struct WaitingServer {
    waiting: Arc<dyn MessageWaiting>,
    changes: broadcast::Sender<v1::Changed>,
    limits: ServerLimits,
    drain: Drain,
}

impl WaitingServer {
    /// Serves `waiting`, whose changes come here from now on.
    pub fn new(waiting: Arc<dyn MessageWaiting>, limits: ServerLimits) -> Self {
        let (changes, _) = broadcast::channel(CHANGES_MAX);
        waiting.follow(Arc::new(Changes(changes.clone())));
        WaitingServer { waiting, changes, limits, drain: Drain::new() }
    }

    /// What a tonic server takes.
    pub fn service(&self) -> Wire<Self> {
        Wire::new(self.clone())
    }

    /// Ends all streams, now and from now on: their askers go to another server.
    pub fn drain(&self) {
        self.drain.begin();
    }

    async fn converse(self, mut questions: Streaming<v1::Question>, lane: Arc<Lane<v1::Answer>>) {
        let over = async {
            tokio::select! {
                () = lane.closed() => {}
                () = self.drain.begun() => {}
            }
        };
        tokio::pin!(over);
        let mut following = false;
        for ticket in 0.. {
            let question = tokio::select! {
                question = questions.message() => question,
                () = &mut over => return,
            };
            // An error is the end too: the asker has gone.
            let Ok(Some(question)) = question else { return };
            let Some(room) = lane.room().await else { return };
            let (id, within_ms) = (question.id, question.within_ms);
            match question.ask {
                Some(Ask::Follow(v1::Follow {})) if !following => {
                    drop(room);
                    following = true;
                    tokio::spawn(follow(self.changes.subscribe(), lane.clone(), id, self.drain.clone()));
                }
                Some(Ask::Summarise(ask)) => lane.ask(ticket, id, within_ms, room, |reply| {
                    self.waiting.summarise(&Summarise { user: &ask.user }, reply)
                }),
                Some(Ask::Follow(_)) | None => {
                    let broken = ServiceError::Protocol("a question that we do not know".to_owned());
                    room.send(Ok(v1::Answer::new(id, Err(broken))));
                }
            }
        }
    }
}

/// Tells one stream of every change, until it ends. A stream that falls behind is told a failure, and goes on.
async fn follow(
    mut changes: broadcast::Receiver<v1::Changed>,
    lane: Arc<Lane<v1::Answer>>,
    id: u64,
    drain: Drain,
) {
    loop {
        let change = tokio::select! {
            change = changes.recv() => change,
            () = lane.closed() => return,
            () = drain.begun() => return,
        };
        let answer = match change {
            Ok(change) => v1::Answer::new(id, Ok(Kind::Changed(change))),
            Err(broadcast::error::RecvError::Lagged(_)) => v1::Answer::new(id, Err(ServiceError::Gone)),
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if !lane.send(answer).await {
            return;
        }
    }
}

struct Changes(broadcast::Sender<v1::Changed>);

impl WaitingSink for Changes {
    fn post(&self, user: &str, waiting: Waiting) {
        // An error says that nobody follows.
        let _ = self.0.send(v1::Changed { user: user.to_owned(), waiting: Some(waiting.into()) });
    }
}

#[tonic::async_trait]
impl Service for WaitingServer {
    type AskStream = ReceiverStream<Result<v1::Answer, Status>>;

    async fn ask(
        &self,
        request: Request<Streaming<v1::Question>>,
    ) -> Result<Response<Self::AskStream>, Status> {
        let (lane, answers) = Lane::new(self.limits.in_flight_max);
        tokio::spawn(self.clone().converse(request.into_inner(), lane));
        Ok(Response::new(answers))
    }
}

/// Changes that a stream may be behind, some 100 octets each.
const CHANGES_MAX: usize = 4096;
