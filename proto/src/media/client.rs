//! A media server asked over gRPC.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::wire;
use crate::asked::{Asked, Reply, ServiceError};
use crate::media::{
    Answer, Attend, Bridge, Collect, Described, Load, Media, MediaSink, Offer, Play, Press, Record, Release,
    Released, Stop,
};
use crate::pipeline::{ClientCounters, ClientLimits, Pipeline, Pipelined, Task};
use crate::wire::media::v1;
use v1::answer::Answer as Kind;
use v1::media_client::MediaClient as Wire;
use v1::question::Ask;

/// A [`Media`] at the other end of a channel. Dropping it ends its task, and whoever waits is told
/// [`ServiceError::Gone`].
pub struct MediaClient {
    pipeline: Arc<Pipeline<Questions>>,
    sink: Arc<Followed>,
    _task: Task,
}

impl MediaClient {
    /// A client whose task runs on `runtime` and begins to connect at once. The channel should notice a dead peer by
    /// itself (HTTP/2 keep-alive).
    pub fn new(channel: Channel, limits: ClientLimits, runtime: &Handle) -> Self {
        let sink = Arc::new(Followed::default());
        let pipeline = Pipeline::new(Questions { wire: Wire::new(channel), sink: sink.clone() }, limits);
        let task = Task(runtime.spawn(pipeline.clone().run()));
        MediaClient { pipeline, sink, _task: task }
    }

    /// Resolves when questions can be asked (`true`), or cannot (`false`).
    pub async fn until_open(&self, open: bool) {
        self.pipeline.until(open).await;
    }

    /// What happened so far.
    pub fn counters(&self) -> ClientCounters {
        self.pipeline.counters()
    }

    fn ask<T>(&self, ask: Ask, reply: Reply<T>, wait: fn(Reply<T>) -> Waiting) -> Asked<T> {
        self.pipeline.ask(reply, |id, within_ms| v1::Question { id, within_ms, ask: Some(ask) }, wait)
    }
}

impl Media for MediaClient {
    fn offer(&self, ask: &Offer<'_>, reply: Reply<Described>) -> Asked<Described> {
        self.ask(Ask::Offer(ask.into()), reply, Waiting::Described)
    }

    fn answer(&self, ask: &Answer<'_>, reply: Reply<Described>) -> Asked<Described> {
        self.ask(Ask::Answer(ask.into()), reply, Waiting::Described)
    }

    fn attend(&self, ask: &Attend<'_>, reply: Reply<Described>) -> Asked<Described> {
        self.ask(Ask::Attend(ask.into()), reply, Waiting::Described)
    }

    fn bridge(&self, ask: &Bridge<'_>, reply: Reply<()>) -> Asked<()> {
        self.ask(Ask::Bridge(ask.into()), reply, Waiting::Done)
    }

    fn play(&self, ask: &Play<'_>, reply: Reply<()>) -> Asked<()> {
        self.ask(Ask::Play(ask.into()), reply, Waiting::Done)
    }

    fn record(&self, ask: &Record<'_>, reply: Reply<()>) -> Asked<()> {
        self.ask(Ask::Record(ask.into()), reply, Waiting::Done)
    }

    fn collect(&self, ask: &Collect<'_>, reply: Reply<()>) -> Asked<()> {
        self.ask(Ask::Collect(ask.into()), reply, Waiting::Done)
    }

    fn stop(&self, ask: &Stop<'_>, reply: Reply<()>) -> Asked<()> {
        self.ask(Ask::Stop(ask.into()), reply, Waiting::Done)
    }

    fn press(&self, ask: &Press<'_>, reply: Reply<()>) -> Asked<()> {
        self.ask(Ask::Press(ask.into()), reply, Waiting::Done)
    }

    fn release(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released> {
        self.ask(Ask::Release(ask.into()), reply, Waiting::Released)
    }

    fn statistics(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released> {
        self.ask(Ask::Statistics(ask.into()), reply, Waiting::Released)
    }

    fn load(&self, reply: Reply<Load>) -> Asked<Load> {
        self.ask(Ask::Load(v1::GiveLoad {}), reply, Waiting::Load)
    }

    fn follow(&self, sink: Arc<dyn MediaSink>) {
        self.sink.set(sink);
    }
}

/// Who hears of events, where somebody does.
#[derive(Default)]
struct Followed(Mutex<Option<Arc<dyn MediaSink>>>);

impl Followed {
    fn set(&self, sink: Arc<dyn MediaSink>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
    }

    /// Never held while the sink is called.
    fn sink(&self) -> Option<Arc<dyn MediaSink>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Questions {
    wire: Wire<Channel>,
    sink: Arc<Followed>,
}

enum Waiting {
    Described(Reply<Described>),
    Done(Reply<()>),
    Released(Reply<Released>),
    Load(Reply<Load>),
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
            Waiting::Described(reply) => reply.send(match answer {
                Ok(Some(Kind::Described(described))) => Ok(Described { sdp: described.sdp }),
                other => Err(failure(other)),
            }),
            Waiting::Done(reply) => reply.send(match answer {
                Ok(Some(Kind::Done(v1::Done {}))) => Ok(()),
                other => Err(failure(other)),
            }),
            Waiting::Released(reply) => reply.send(match answer {
                Ok(Some(Kind::Released(released))) => Ok(released.into()),
                other => Err(failure(other)),
            }),
            Waiting::Load(reply) => reply.send(match answer {
                Ok(Some(Kind::Load(load))) => Ok(load.into()),
                other => Err(failure(other)),
            }),
        }
    }

    fn first(&self) -> Option<v1::Question> {
        Some(v1::Question { id: 0, within_ms: 0, ask: Some(Ask::Follow(v1::Follow {})) })
    }

    fn told(&self, answer: v1::Answer) {
        let Some(sink) = self.sink.sink() else { return };
        match answer.answer {
            Some(Kind::Event(event)) => {
                let call = event.call.clone();
                match wire::event(event) {
                    Some(event) => sink.post(&call, event),
                    None => sink.lost(), // of a newer server: not known here
                }
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

fn failure(answer: Result<Option<Kind>, ServiceError>) -> ServiceError {
    match answer {
        Err(error) => error,
        Ok(Some(Kind::Failure(failure))) => failure.into(),
        Ok(_) => ServiceError::Protocol("the answer to another question".to_owned()),
    }
}
