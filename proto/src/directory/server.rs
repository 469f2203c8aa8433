//! Any [`Directory`] served over gRPC.

use std::sync::Arc;

use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::wire::{secret, settings_to};
use crate::asked::{ServiceError, awaited};
use crate::directory::{AddUser, Change, Directory, Find, Identify, ListUsers};
use crate::serve::{Answer as _, Drain, Lane, ServerLimits};
use crate::wire::directory::v1;
use v1::directory_server::{Directory as Service, DirectoryServer as Wire};
use v1::question::Ask;

/// Serves a directory. Clones serve the same one.
#[derive(Clone)]
pub struct DirectoryServer {
    directory: Arc<dyn Directory>,
    limits: ServerLimits,
    drain: Drain,
}

impl DirectoryServer {
    /// Serves `directory`.
    pub fn new(directory: Arc<dyn Directory>, limits: ServerLimits) -> Self {
        DirectoryServer { directory, limits, drain: Drain::new() }
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
                Some(Ask::Identify(wire)) => lane.ask(ticket, id, within_ms, room, |reply| {
                    let ask = Identify { realm: &wire.realm, username: &wire.username };
                    self.directory.credentials(&ask, reply)
                }),
                Some(Ask::Find(wire)) => lane.ask(ticket, id, within_ms, room, |reply| {
                    self.directory.find(&Find { name_or_extension: &wire.name_or_extension }, reply)
                }),
                None => {
                    let broken = ServiceError::Protocol("a question that we do not know".to_owned());
                    room.send(Ok(v1::Answer::new(id, Err(broken))));
                }
            }
        }
    }
}

#[tonic::async_trait]
impl Service for DirectoryServer {
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
        let asked =
            self.directory.list(&ListUsers { prefix: &wire.prefix, page_max, from: &wire.from }, reply);
        Ok(Response::new(awaited.answer(asked).await?.into()))
    }

    async fn add(&self, request: Request<v1::AddRequest>) -> Result<Response<v1::AddReply>, Status> {
        let wire = request.into_inner();
        let (reply, awaited) = awaited();
        let asked = self.directory.add(
            &AddUser {
                name: &wire.name,
                extension: (!wire.extension.is_empty()).then_some(wire.extension.as_str()),
                display_name: &wire.display_name,
                secret: secret(wire.secret.as_ref())?,
            },
            reply,
        );
        let user = awaited.answer(asked).await?;
        Ok(Response::new(v1::AddReply { user: Some((&user).into()) }))
    }

    async fn remove(&self, request: Request<v1::RemoveRequest>) -> Result<Response<v1::RemoveReply>, Status> {
        let (reply, awaited) = awaited();
        let asked = self.directory.remove(&request.into_inner().name, reply);
        awaited.answer(asked).await?;
        Ok(Response::new(v1::RemoveReply {}))
    }

    async fn set_secret(
        &self,
        request: Request<v1::SetSecretRequest>,
    ) -> Result<Response<v1::SetSecretReply>, Status> {
        let wire = request.into_inner();
        let (reply, awaited) = awaited();
        let asked = self.directory.set_secret(&wire.name, &secret(wire.secret.as_ref())?, reply);
        awaited.answer(asked).await?;
        Ok(Response::new(v1::SetSecretReply {}))
    }

    async fn configure(
        &self,
        request: Request<v1::ConfigureRequest>,
    ) -> Result<Response<v1::ConfigureReply>, Status> {
        let wire = request.into_inner();
        let v1::Setting { key, value } = wire.change.unwrap_or_default();
        let change = Change::read(&key, &value).map_err(ServiceError::Refused)?;
        let (reply, awaited) = awaited();
        let asked = self.directory.configure(&wire.name, &change, reply);
        let settings = awaited.answer(asked).await?;
        Ok(Response::new(v1::ConfigureReply { settings: settings_to(&settings) }))
    }
}

/// The largest page that one call may ask for.
const PAGE_MAX: u32 = 1000;
