//! Mailboxes asked over gRPC.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::asked::{Asked, Reply, ServiceError};
use crate::pipeline::{ClientCounters, ClientLimits, Pipeline, Pipelined, Task};
use crate::waiting::{MessageWaiting, Summarise, Waiting, WaitingSink};
use crate::wire::waiting::v1;
use v1::answer::Answer as Kind;
use v1::message_waiting_client::MessageWaitingClient as Wire;
use v1::question::Ask;

/// A [`MessageWaiting`] at the other end of a channel. Dropping it ends its task, and whoever waits is told
/// [`ServiceError::Gone`].
pub struct WaitingClient {
    pipeline: Arc<Pipeline<Questions>>,
    sink: Arc<Followed>,
    _task: Task,
}

impl WaitingClient {
    /// A client whose task runs on `runtime` and begins to connect at once. The channel should notice a dead peer by
    /// itself (HTTP/2 keep-alive).
    pub fn new(channel: Channel, limits: ClientLimits, runtime: &Handle) -> Self {
        let sink = Arc::new(Followed::default());
        let pipeline = Pipeline::new(Questions { wire: Wire::new(channel), sink: sink.clone() }, limits);
        let task = Task(runtime.spawn(pipeline.clone().run()));
        WaitingClient { pipeline, sink, _task: task }
    }

    /// Resolves when questions can be asked (`true`), or cannot (`false`).
    pub async fn until_open(&self, open: bool) {
        self.pipeline.until(open).await;
    }

    /// What happened so far.
    pub fn counters(&self) -> ClientCounters {
        self.pipeline.counters()
    }
}

impl MessageWaiting for WaitingClient {
    fn summarise(&self, ask: &Summarise<'_>, reply: Reply<Option<Waiting>>) -> Asked<Option<Waiting>> {
        let ask = Ask::Summarise(v1::Summarise { user: ask.user.to_owned() });
        let question = |id, within_ms| v1::Question { id, within_ms, ask: Some(ask) };
        self.pipeline.ask(reply, question, |reply| reply)
    }

    fn follow(&self, sink: Arc<dyn WaitingSink>) {
        self.sink.set(sink);
    }
}

/// Who hears of changes, where somebody does.
#[derive(Default)]
struct Followed(Mutex<Option<Arc<dyn WaitingSink>>>);

impl Followed {
    fn set(&self, sink: Arc<dyn WaitingSink>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
    }

    /// Never held while the sink is called.
    fn sink(&self) -> Option<Arc<dyn WaitingSink>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Questions {
    wire: Wire<Channel>,
    sink: Arc<Followed>,
}

impl Pipelined for Questions {
    type Question = v1::Question;
    type Answer = v1::Answer;
    type Waiting = Reply<Option<Waiting>>;

    async fn open(&self, questions: ReceiverStream<v1::Question>) -> Result<Streaming<v1::Answer>, Status> {
        Ok(self.wire.clone().ask(questions).await?.into_inner())
    }

    fn id(answer: &v1::Answer) -> u64 {
        answer.id
    }

    fn settle(waiting: Self::Waiting, answer: Result<v1::Answer, ServiceError>) {
        waiting.send(match answer.map(|answer| answer.answer) {
            Ok(Some(Kind::Summary(summary))) => Ok(summary.waiting.map(Into::into)),
            Ok(Some(Kind::Failure(failure))) => Err(failure.into()),
            Ok(_) => Err(ServiceError::Protocol("the answer to another question".to_owned())),
            Err(error) => Err(error),
        });
    }

    fn first(&self) -> Option<v1::Question> {
        Some(v1::Question { id: 0, within_ms: 0, ask: Some(Ask::Follow(v1::Follow {})) })
    }

    fn told(&self, answer: v1::Answer) {
        let Some(sink) = self.sink.sink() else { return };
        match answer.answer {
            Some(Kind::Changed(v1::Changed { user, waiting: Some(waiting) })) => {
                sink.post(&user, waiting.into());
            }
            _ => sink.lost(),
        }
    }

    fn lost(&self) {
        if let Some(sink) = self.sink.sink() {
            sink.lost();
        }
    }
}
