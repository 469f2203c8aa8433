//! The location service asked over gRPC.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use crate::asked::{Asked, Reply, ServiceError};
use crate::pipeline::{ClientCounters, ClientLimits, Pipeline, Pipelined, Task};
use crate::registrar::{
    BindingPage, Change, ListBindings, Locate, Located, Location, Register, Registered, RemoveBindings,
};
use crate::wire::registrar::v1;
use v1::answer::Answer as Kind;
use v1::question::Ask;
use v1::registrar_client::RegistrarClient as Wire;

/// A [`Location`] at the other end of a channel. Dropping it ends its task, and whoever waits is told
/// [`ServiceError::Gone`].
pub struct RegistrarClient {
    pipeline: Arc<Pipeline<Questions>>,
    wire: Wire<Channel>,
    runtime: Handle,
    _task: Task,
}

/// Who is told of the changes at a registrar.
pub trait Follower: Send + Sync + 'static {
    /// A watch has begun: changes after this number will be told. What was known before is stale.
    fn began(&self, run: u64, number: u64);
    /// Something changed.
    fn changed(&self, change: &Change);
    /// Nothing will be told until a watch begins again.
    fn lost(&self);
}

impl RegistrarClient {
    /// A client whose task runs on `runtime` and begins to connect at once. The channel should notice a dead peer by
    /// itself (HTTP/2 keep-alive). With a follower it watches.
    pub fn new(
        channel: Channel,
        limits: ClientLimits,
        follower: Option<Arc<dyn Follower>>,
        runtime: &Handle,
    ) -> Self {
        let wire = Wire::new(channel);
        let pipeline = Pipeline::new(Questions { wire: wire.clone(), follower }, limits);
        let task = Task(runtime.spawn(pipeline.clone().run()));
        RegistrarClient { pipeline, wire, runtime: runtime.clone(), _task: task }
    }

    /// Resolves when questions can be asked (`true`), or cannot (`false`).
    pub async fn until_open(&self, open: bool) {
        self.pipeline.until(open).await;
    }

    /// Why no question could be asked last, for people.
    pub fn failure(&self) -> String {
        self.pipeline.failure()
    }

    /// What happened so far.
    pub fn counters(&self) -> ClientCounters {
        self.pipeline.counters()
    }
}

impl Location for RegistrarClient {
    fn register(&self, ask: &Register<'_>, reply: Reply<Registered>) -> Asked<Registered> {
        let question = |id, within_ms| v1::Question { id, within_ms, ask: Some(Ask::Register(ask.into())) };
        self.pipeline.ask(reply, question, Waiting::Registered)
    }

    fn locate(&self, ask: &Locate<'_>, reply: Reply<Located>) -> Asked<Located> {
        let locate = |aor: &str| Ask::Locate(v1::Locate { aor: aor.to_owned() });
        let question = |id, within_ms| v1::Question { id, within_ms, ask: Some(locate(ask.aor)) };
        self.pipeline.ask(reply, question, Waiting::Located)
    }

    fn list(&self, ask: &ListBindings<'_>, reply: Reply<BindingPage>) -> Asked<BindingPage> {
        let page_max = u32::try_from(ask.page_max).unwrap_or(u32::MAX);
        let request = v1::ListRequest { prefix: ask.prefix.to_owned(), page_max, from: ask.from };
        let mut wire = self.wire.clone();
        self.runtime.spawn(async move {
            let answer = wire.list(request).await;
            reply.send(answer.map(|answer| answer.into_inner().into()).map_err(Into::into));
        });
        Asked::Later
    }

    fn remove(&self, ask: &RemoveBindings<'_>, reply: Reply<u32>) -> Asked<u32> {
        let uri = ask.uri.unwrap_or_default().to_owned();
        let request = v1::RemoveRequest { aor: ask.aor.to_owned(), uri };
        let mut wire = self.wire.clone();
        self.runtime.spawn(async move {
            let answer = wire.remove(request).await;
            reply.send(answer.map(|answer| answer.into_inner().removed).map_err(Into::into));
        });
        Asked::Later
    }
}

struct Questions {
    wire: Wire<Channel>,
    follower: Option<Arc<dyn Follower>>,
}

enum Waiting {
    Registered(Reply<Registered>),
    Located(Reply<Located>),
}

impl Pipelined for Questions {
    type Question = v1::Question;
    type Answer = v1::Answer;
    type Waiting = Waiting;

    async fn open(&self, questions: ReceiverStream<v1::Question>) -> Result<Streaming<v1::Answer>, Status> {
        Ok(self.wire.clone().ask(questions).await?.into_inner())
    }

    fn id(answer: &v1::Answer) -> u64 {
        answer.id
    }

    fn settle(waiting: Waiting, answer: Result<v1::Answer, ServiceError>) {
        let answer = answer.map(|answer| answer.answer);
        match waiting {
            Waiting::Registered(reply) => reply.send(match answer {
                Ok(Some(Kind::Registered(registered))) => registered.try_into(),
                other => Err(failure(other)),
            }),
            Waiting::Located(reply) => reply.send(match answer {
                Ok(Some(Kind::Located(located))) => {
                    Ok(Located { bindings: located.bindings.unwrap_or_default().into(), stale: false })
                }
                other => Err(failure(other)),
            }),
        }
    }

    fn first(&self) -> Option<v1::Question> {
        self.follower.as_ref().map(|_| v1::Question {
            id: 0,
            within_ms: 0,
            ask: Some(Ask::Watch(v1::Watch {})),
        })
    }

    fn told(&self, answer: v1::Answer) {
        let Some(follower) = &self.follower else { return };
        match answer.answer {
            Some(Kind::Watching(watching)) => follower.began(watching.run, watching.number),
            Some(Kind::Change(change)) => {
                follower.changed(&Change { number: change.number, aor: change.aor.into() });
            }
            Some(Kind::Failure(_) | Kind::Registered(_) | Kind::Located(_)) | None => follower.lost(),
        }
    }

    fn lost(&self) {
        if let Some(follower) = &self.follower {
            follower.lost();
        }
    }
}

fn failure(answer: Result<Option<Kind>, ServiceError>) -> ServiceError {
    match answer {
        Err(error) => error,
        Ok(Some(Kind::Failure(failure))) => failure.into(),
        Ok(_) => ServiceError::Protocol("the answer to another question".to_owned()),
    }
}
