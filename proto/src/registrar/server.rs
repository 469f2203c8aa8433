//! Any [`Location`] served over gRPC.

use std::sync::Arc;

use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::asked::{ServiceError, awaited};
use crate::registrar::{Action, ContactUpdate, ListBindings, Locate, Location, Register, RemoveBindings};
use crate::serve::{Answer as _, Drain, Lane, ServerLimits};
use crate::wire::registrar::v1;
use v1::answer::Answer as Kind;
use v1::question::Ask;
use v1::registrar_server::{Registrar, RegistrarServer as Wire};

/// Serves a location. Clones serve the same one.
#[derive(Clone)]
pub struct RegistrarServer {
    location: Arc<dyn Location>,
    /// Unix time in ms: the registrar goes by its own clock, not by the askers'.
    clock: fn() -> u64,
    limits: ServerLimits,
    drain: Drain,
}

impl RegistrarServer {
    /// Serves `location` by this clock (unix time in ms).
    pub fn new(location: Arc<dyn Location>, clock: fn() -> u64, limits: ServerLimits) -> Self {
        RegistrarServer { location, clock, limits, drain: Drain::new() }
    }

    /// What a tonic server takes.
    pub fn service(&self) -> Wire<Self> {
        Wire::new(self.clone())
    }

    /// Ends all streams, now and from now on: their askers go to another registrar.
    pub fn drain(&self) {
        self.drain.begin();
    }

    /// Resolves when a stream should end.
    async fn over(&self, lane: &Lane<v1::Answer>) {
        tokio::select! {
            () = lane.closed() => {}
            () = self.drain.begun() => {}
        }
    }

    async fn converse(self, mut questions: Streaming<v1::Question>, lane: Arc<Lane<v1::Answer>>) {
        let mut watching = false;
        let over = self.over(&lane);
        tokio::pin!(over);
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
                Some(Ask::Register(wire)) => {
                    let contacts: Vec<ContactUpdate<'_>> = wire.contacts.iter().map(Into::into).collect();
                    let path: Vec<&str> = wire.path.iter().map(String::as_str).collect();
                    lane.ask(ticket, id, within_ms, room, |reply| {
                        match Action::of(&contacts, usize::from(wire.remove_all), Some(0)) {
                            Ok(action) => {
                                self.location.register(&register(&wire, action, &path, (self.clock)()), reply)
                            }
                            Err(fault) => reply.now(Ok(crate::Registered::Malformed(fault))),
                        }
                    });
                }
                Some(Ask::Locate(wire)) => lane.ask(ticket, id, within_ms, room, |reply| {
                    let ask = Locate { now_ms: (self.clock)(), aor: &wire.aor, past_copy: true };
                    self.location.locate(&ask, reply)
                }),
                Some(Ask::Watch(_)) if !watching => {
                    drop(room);
                    watching = true;
                    tokio::spawn(watch(self.clone(), lane.clone(), id));
                }
                Some(Ask::Watch(_)) => {
                    room.send(Ok(broken(id, "a second watch on one stream")));
                }
                None => {
                    room.send(Ok(broken(id, "a question that we do not know")));
                }
            }
        }
    }
}

async fn watch(server: RegistrarServer, lane: Arc<Lane<v1::Answer>>, id: u64) {
    let Some(changes) = server.location.changes() else {
        lane.send(broken(id, "this location service tells no changes")).await;
        return;
    };
    let over = server.over(&lane);
    tokio::pin!(over);
    // A watcher that falls behind begins again, which it sees by a second `watching`.
    loop {
        let mut watch = changes.watch();
        let watching = Kind::Watching(v1::Watching { run: changes.run(), number: watch.from() });
        if !lane.send(v1::Answer { id, answer: Some(watching) }).await {
            return;
        }
        loop {
            let change = tokio::select! {
                change = watch.next() => change,
                () = &mut over => return,
            };
            let Ok(change) = change else { break };
            if !lane.send(v1::Answer { id, answer: Some(change.into()) }).await {
                return;
            }
        }
    }
}

fn register<'a>(
    wire: &'a v1::Register,
    action: Action<'a>,
    path: &'a [&'a str],
    now_ms: u64,
) -> Register<'a> {
    Register {
        now_ms,
        aor: &wire.aor,
        call_id: &wire.call_id,
        cseq: wire.cseq,
        action,
        path,
        flow: &wire.flow,
        user_agent: &wire.user_agent,
        source: &wire.source,
    }
}

fn broken(id: u64, how: &str) -> v1::Answer {
    v1::Answer::new(id, Err(ServiceError::Protocol(how.to_owned())))
}

#[tonic::async_trait]
impl Registrar for RegistrarServer {
    type AskStream = ReceiverStream<Result<v1::Answer, Status>>;

    async fn ask(
        &self,
        request: Request<Streaming<v1::Question>>,
    ) -> Result<Response<Self::AskStream>, Status> {
        let (lane, answers) = Lane::new(self.limits.in_flight_max);
        tokio::spawn(self.clone().converse(request.into_inner(), lane));
        Ok(Response::new(answers))
    }

    async fn list(&self, request: Request<v1::ListRequest>) -> Result<Response<v1::ListReply>, Status> {
        let wire = request.into_inner();
        let page_max = wire.page_max.clamp(1, PAGE_MAX) as usize;
        let (reply, awaited) = awaited();
        let now_ms = (self.clock)();
        let asked = self
            .location
            .list(&ListBindings { now_ms, prefix: &wire.prefix, page_max, from: wire.from }, reply);
        Ok(Response::new(awaited.answer(asked).await?.into()))
    }

    async fn get(&self, request: Request<v1::GetRequest>) -> Result<Response<v1::GetReply>, Status> {
        let wire = request.into_inner();
        let (reply, awaited) = awaited();
        let ask = Locate { now_ms: (self.clock)(), aor: &wire.aor, past_copy: true };
        let asked = self.location.locate(&ask, reply);
        let located = awaited.answer(asked).await?;
        Ok(Response::new(v1::GetReply { bindings: Some(located.bindings.into()) }))
    }

    async fn remove(&self, request: Request<v1::RemoveRequest>) -> Result<Response<v1::RemoveReply>, Status> {
        let wire = request.into_inner();
        let uri = (!wire.uri.is_empty()).then_some(wire.uri.as_str());
        let (reply, awaited) = awaited();
        let asked = self.location.remove(&RemoveBindings { aor: &wire.aor, uri }, reply);
        Ok(Response::new(v1::RemoveReply { removed: awaited.answer(asked).await? }))
    }
}

/// The largest page that one call may ask for.
const PAGE_MAX: u32 = 1000;
