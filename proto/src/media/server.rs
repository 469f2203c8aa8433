//! Any [`Media`] served over gRPC.

use std::sync::Arc;

use tokio::sync::broadcast;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use super::wire;
use crate::asked::{Asked, Reply, ServiceError};
use crate::media::{
    Answer, Attend, Bridge, Collect, Media, MediaEvent, MediaSink, Offer, Play, Press, Record, Release, Stop,
};
use crate::serve::{Answer as _, Drain, Lane, Room, ServerLimits};
use crate::wire::media::v1;
use v1::answer::Answer as Kind;
use v1::media_server::{Media as Service, MediaServer as Wire};
use v1::question::Ask;

/// Serves a media server's sessions. Clones serve the same ones.
#[derive(Clone)]
pub struct MediaServer {
    media: Arc<dyn Media>,
    events: broadcast::Sender<v1::Event>,
    limits: ServerLimits,
    drain: Drain,
}

impl MediaServer {
    /// Serves `media`, whose events come here from now on.
    pub fn new(media: Arc<dyn Media>, limits: ServerLimits) -> Self {
        let (events, _) = broadcast::channel(EVENTS_MAX);
        media.follow(Arc::new(Events(events.clone())));
        MediaServer { media, events, limits, drain: Drain::new() }
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
                    tokio::spawn(follow(self.events.subscribe(), lane.clone(), id, self.drain.clone()));
                }
                Some(ask) => self.describe(ask, &Asker { lane: &lane, ticket, id, within_ms }, room),
                None => {
                    room.send(Ok(broken(id, "a question that we do not know")));
                }
            }
        }
    }
}

impl MediaServer {
    /// What describes a leg; all else goes on to [`MediaServer::command`].
    fn describe(&self, ask: Ask, asker: &Asker<'_>, room: Room<v1::Answer>) {
        let media = &*self.media;
        match ask {
            Ask::Offer(wire) => asker.ask(room, |reply| match Offer::try_from(&wire) {
                Ok(ask) => media.offer(&ask, reply),
                Err(why) => reply.now(Err(why)),
            }),
            Ask::Answer(wire) => asker.ask(room, |reply| match Answer::try_from(&wire) {
                Ok(ask) => media.answer(&ask, reply),
                Err(why) => reply.now(Err(why)),
            }),
            Ask::Attend(wire) => asker.ask(room, |reply| match Attend::try_from(&wire) {
                Ok(ask) => media.attend(&ask, reply),
                Err(why) => reply.now(Err(why)),
            }),
            other => self.command(other, asker, room),
        }
    }

    fn command(&self, ask: Ask, asker: &Asker<'_>, room: Room<v1::Answer>) {
        let media = &*self.media;
        match ask {
            Ask::Play(wire) => asker.ask(room, |reply| match wire::sounds(&wire) {
                Ok(sounds) => media.play(&Play { sounds: &sounds, ..(&wire).into() }, reply),
                Err(why) => reply.now(Err(why)),
            }),
            Ask::Bridge(wire) => asker.ask(room, |reply| media.bridge(&Bridge::from(&wire), reply)),
            Ask::Record(wire) => asker.ask(room, |reply| media.record(&Record::from(&wire), reply)),
            Ask::Collect(wire) => asker.ask(room, |reply| media.collect(&Collect::from(&wire), reply)),
            Ask::Press(wire) => asker.ask(room, |reply| media.press(&Press::from(&wire), reply)),
            Ask::Stop(wire) => asker.ask(room, |reply| media.stop(&Stop::from(&wire), reply)),
            Ask::Release(wire) => asker.ask(room, |reply| media.release(&Release::from(&wire), reply)),
            Ask::Statistics(wire) => asker.ask(room, |reply| media.statistics(&Release::from(&wire), reply)),
            Ask::Load(v1::GiveLoad {}) => asker.ask(room, |reply| media.load(reply)),
            Ask::Follow(_) | Ask::Offer(_) | Ask::Answer(_) | Ask::Attend(_) => {
                room.send(Ok(broken(asker.id, "a second follow on one stream")));
            }
        }
    }
}

/// Where the answer to one question goes.
struct Asker<'a> {
    lane: &'a Arc<Lane<v1::Answer>>,
    ticket: u64,
    id: u64,
    within_ms: u32,
}

impl Asker<'_> {
    fn ask<T>(&self, room: Room<v1::Answer>, ask: impl FnOnce(Reply<T>) -> Asked<T>)
    where
        T: Into<Kind> + 'static,
    {
        self.lane.ask(self.ticket, self.id, self.within_ms, room, ask);
    }
}

/// Tells one stream of every event, until it ends. A stream that falls behind is told a failure, and goes on.
async fn follow(
    mut events: broadcast::Receiver<v1::Event>,
    lane: Arc<Lane<v1::Answer>>,
    id: u64,
    drain: Drain,
) {
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            () = lane.closed() => return,
            () = drain.begun() => return,
        };
        let answer = match event {
            Ok(event) => v1::Answer { id, answer: Some(Kind::Event(event)) },
            Err(broadcast::error::RecvError::Lagged(_)) => v1::Answer::new(id, Err(ServiceError::Gone)),
            Err(broadcast::error::RecvError::Closed) => return,
        };
        if !lane.send(answer).await {
            return;
        }
    }
}

struct Events(broadcast::Sender<v1::Event>);

impl MediaSink for Events {
    fn post(&self, call: &str, event: MediaEvent) {
        // An error says that nobody follows.
        let _ = self.0.send(wire::wired(call, event));
    }
}

fn broken(id: u64, how: &str) -> v1::Answer {
    v1::Answer::new(id, Err(ServiceError::Protocol(how.to_owned())))
}

#[tonic::async_trait]
impl Service for MediaServer {
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

/// Events that a stream may be behind, some 150 octets each.
const EVENTS_MAX: usize = 4096;
