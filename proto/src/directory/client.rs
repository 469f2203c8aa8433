//! The directory asked over gRPC.

use std::future::Future;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};

use super::wire::settings_of;
use crate::asked::{Asked, Reply, ServiceError};
use crate::directory::{
    AddUser, Change, Directory, Find, Found, Identified, Identify, ListUsers, NewSecret, Settings, User,
    UserPage,
};
use crate::pipeline::{ClientCounters, ClientLimits, Pipeline, Pipelined, Task};
use crate::wire::directory::v1;
use v1::answer::Answer as Kind;
use v1::directory_client::DirectoryClient as Wire;
use v1::question::Ask;

/// A [`Directory`] at the other end of a channel. Dropping it ends its task, and whoever waits is told
/// [`ServiceError::Gone`].
pub struct DirectoryClient {
    pipeline: Arc<Pipeline<Questions>>,
    wire: Wire<Channel>,
    runtime: Handle,
    _task: Task,
}

impl DirectoryClient {
    /// A client whose task runs on `runtime` and begins to connect at once. The channel should notice a dead peer by
    /// itself (HTTP/2 keep-alive).
    pub fn new(channel: Channel, limits: ClientLimits, runtime: &Handle) -> Self {
        let wire = Wire::new(channel);
        let pipeline = Pipeline::new(Questions { wire: wire.clone() }, limits);
        let task = Task(runtime.spawn(pipeline.clone().run()));
        DirectoryClient { pipeline, wire, runtime: runtime.clone(), _task: task }
    }

    /// Resolves when questions can be asked (`true`), or cannot (`false`).
    pub async fn until_open(&self, open: bool) {
        self.pipeline.until(open).await;
    }

    /// What happened so far.
    pub fn counters(&self) -> ClientCounters {
        self.pipeline.counters()
    }

    /// Makes a unary call and posts what `read` makes of its answer.
    fn call<W: Send, T: Send + 'static>(
        &self,
        call: impl Future<Output = Result<Response<W>, Status>> + Send + 'static,
        reply: Reply<T>,
        read: impl FnOnce(W) -> T + Send + 'static,
    ) -> Asked<T> {
        self.runtime.spawn(async move {
            let answer = call.await;
            reply.send(answer.map(|answer| read(answer.into_inner())).map_err(Into::into));
        });
        Asked::Later
    }
}

impl Directory for DirectoryClient {
    fn credentials(&self, ask: &Identify<'_>, reply: Reply<Identified>) -> Asked<Identified> {
        let identify = v1::Identify { realm: ask.realm.to_owned(), username: ask.username.to_owned() };
        let question = |id, within_ms| v1::Question { id, within_ms, ask: Some(Ask::Identify(identify)) };
        self.pipeline.ask(reply, question, Waiting::Identified)
    }

    fn find(&self, ask: &Find<'_>, reply: Reply<Found>) -> Asked<Found> {
        let find = v1::Find { name_or_extension: ask.name_or_extension.to_owned() };
        let question = |id, within_ms| v1::Question { id, within_ms, ask: Some(Ask::Find(find)) };
        self.pipeline.ask(reply, question, Waiting::Found)
    }

    fn list(&self, ask: &ListUsers<'_>, reply: Reply<UserPage>) -> Asked<UserPage> {
        let page_max = u32::try_from(ask.page_max).unwrap_or(u32::MAX);
        let request = v1::ListRequest { prefix: ask.prefix.to_owned(), page_max, from: ask.from.to_owned() };
        let mut wire = self.wire.clone();
        self.call(async move { wire.list(request).await }, reply, Into::into)
    }

    fn add(&self, ask: &AddUser<'_>, reply: Reply<User>) -> Asked<User> {
        let request = v1::AddRequest {
            name: ask.name.to_owned(),
            extension: ask.extension.unwrap_or_default().to_owned(),
            display_name: ask.display_name.to_owned(),
            secret: Some((&ask.secret).into()),
        };
        let mut wire = self.wire.clone();
        self.call(async move { wire.add(request).await }, reply, |added| {
            added.user.unwrap_or_default().into()
        })
    }

    fn remove(&self, name: &str, reply: Reply<()>) -> Asked<()> {
        let request = v1::RemoveRequest { name: name.to_owned() };
        let mut wire = self.wire.clone();
        self.call(async move { wire.remove(request).await }, reply, |v1::RemoveReply {}| ())
    }

    fn set_secret(&self, name: &str, secret: &NewSecret<'_>, reply: Reply<()>) -> Asked<()> {
        let request = v1::SetSecretRequest { name: name.to_owned(), secret: Some(secret.into()) };
        let mut wire = self.wire.clone();
        self.call(async move { wire.set_secret(request).await }, reply, |v1::SetSecretReply {}| ())
    }

    fn configure(&self, name: &str, change: &Change, reply: Reply<Settings>) -> Asked<Settings> {
        let request = v1::ConfigureRequest { name: name.to_owned(), change: Some(change.into()) };
        let mut wire = self.wire.clone();
        self.call(async move { wire.configure(request).await }, reply, |configured| {
            settings_of(&configured.settings)
        })
    }
}

struct Questions {
    wire: Wire<Channel>,
}

enum Waiting {
    Identified(Reply<Identified>),
    Found(Reply<Found>),
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
            Waiting::Identified(reply) => reply.send(match answer {
                Ok(Some(Kind::Identified(identified))) => identified.try_into(),
                other => Err(failure(other)),
            }),
            Waiting::Found(reply) => reply.send(match answer {
                Ok(Some(Kind::Found(found))) => Ok(found.into()),
                other => Err(failure(other)),
            }),
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
