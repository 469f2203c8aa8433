//! The shell of the edge: a [`node::Core`] over [`Edge`]. It asks the services, brings their answers back as
//! inputs, and knows the wall's time. No decision is made here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use node::dns::{Query, Resolver};
use node::shard::Full;
use node::{Inbox, Input as NodeInput, clock};
use proto::application::{Application, Command as Wanted, Conductor, Event};
use proto::media::{Described, Media, MediaEvent, MediaSink, Released};
use proto::registrar::Follower;
use proto::{
    Asked, Directory, Found, Identified, Located, Location, MessageWaiting, Registered, Reply, ServiceError,
    Sink, Ticket, Waiting, WaitingSink,
};
use sip::transport::{NextHop, Outbox};

use crate::core::Edge;
use crate::core::call::write;
use crate::core::calls::CallState;
use crate::core::counters::{Counters, Gauges};
use crate::core::effect::{Answer, Change, Effect, Input, Out, Passed, Said, Tried};
use crate::core::notifier::watched::Watched;
use crate::core::settings::Settings;

/// Finds hosts (RFC 3263). It never waits: what is not known yet comes to the reply.
pub trait Names: Send + Sync + 'static {
    /// The next hops of a host, in the order in which they are to be tried.
    fn resolve(&self, query: &Query<'_>, reply: Reply<Vec<NextHop>>) -> Asked<Vec<NextHop>>;
    /// Takes note of what became of one of them.
    fn tried(&self, hop: &NextHop, how: Tried);
}

impl Names for Resolver {
    fn resolve(&self, query: &Query<'_>, reply: Reply<Vec<NextHop>>) -> Asked<Vec<NextHop>> {
        self.resolve(query, reply)
    }

    fn tried(&self, hop: &NextHop, how: Tried) {
        match how {
            Tried::Answered => self.answered(hop.transport(), hop.remote()),
            Tried::Died(retry_after) => self.died(hop.transport(), hop.remote(), retry_after),
        }
    }
}

/// What the edge asks.
#[derive(Clone)]
pub struct Services {
    /// Where phones are.
    pub location: Arc<dyn Location>,
    /// Who exists.
    pub directory: Arc<dyn Directory>,
    /// Who relays the media of conducted calls, where somebody does.
    pub media: Option<Arc<dyn Media>>,
    /// Who conducts the calls that the dial plan hands over, by name.
    pub applications: BTreeMap<Box<str>, Arc<dyn Application>>,
    /// Who knows what waits in mailboxes, where somebody does.
    pub waiting: Option<Arc<dyn MessageWaiting>>,
    /// Where hosts are.
    pub names: Arc<dyn Names>,
    /// The inboxes of all shards, so that one tells the others what their phones watch.
    pub shards: Arc<[Inbox<Posted>]>,
}

/// What is posted to a shard of the edge.
pub enum Posted {
    /// A service has answered.
    Answer(Ticket, Answer),
    /// Something happened to the media of the call of that name.
    Media(Box<str>, MediaEvent),
    /// Events of media may have been missed.
    MediaLost,
    /// The application that conducts the run of that name says something.
    Run(Box<str>, Said),
    /// Something that phones watch has changed.
    Changed(Change),
    /// Another shard hands something over.
    Passed(Passed),
    /// Somebody wants something of the shard.
    Command(Command),
}

/// What a shard can be told or asked. Answers go to the function, on the shard's thread: it must not block.
pub enum Command {
    /// Other settings from now on.
    Configure(Arc<Settings>),
    /// The requests under way.
    Calls(Box<dyn FnOnce(Vec<CallState>) + Send>),
    /// What was counted.
    Snapshot(Box<dyn FnOnce(Snapshot) + Send>),
}

/// What a shard has done and is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Since the start.
    pub counters: Counters,
    /// Now.
    pub gauges: Gauges,
}

/// The edge of one shard with its services.
pub struct Service {
    edge: Edge,
    /// The time of the last input.
    latest: Instant,
    desk: Desk,
}

impl Service {
    /// Makes the edge of a shard. `seed` must be drawn anew for each shard and start; `inbox` is the shard's own.
    pub fn new(settings: Arc<Settings>, services: Services, inbox: Inbox<Posted>, seed: [u64; 4]) -> Self {
        Self::new_at(settings, services, inbox, seed, clock::now(), clock::unix_ms())
    }

    /// The same, whose time begins at `now`, which is `unix_ms` on the wall.
    pub fn new_at(
        settings: Arc<Settings>,
        services: Services,
        inbox: Inbox<Posted>,
        seed: [u64; 4],
        now: Instant,
        unix_ms: u64,
    ) -> Self {
        let timeout = *settings.config.question_timeout;
        let edge = Edge::new(settings, seed, now, unix_ms);
        let post = Arc::new(Post(inbox));
        let sinks = Sinks {
            identified: Arc::<Post>::clone(&post),
            found: Arc::<Post>::clone(&post),
            registered: Arc::<Post>::clone(&post),
            located: Arc::<Post>::clone(&post),
            described: Arc::<Post>::clone(&post),
            released: Arc::<Post>::clone(&post),
            done: Arc::<Post>::clone(&post),
            summarised: Arc::<Post>::clone(&post),
            resolved: post,
        };
        Self { edge, latest: now, desk: Desk { services, sinks, timeout, answered: VecDeque::new() } }
    }

    /// Takes one input at `now`, which is `unix_ms` on the wall.
    pub fn handle_at(&mut self, now: Instant, unix_ms: u64, input: NodeInput<'_, Posted>, out: &mut Outbox) {
        self.edge.set_wall(now, unix_ms);
        self.latest = now;
        let input = match input {
            NodeInput::Packet(packet) => Input::Packet(packet),
            NodeInput::Posted(Posted::Answer(ticket, answer)) => Input::Answered(ticket, answer),
            NodeInput::Posted(Posted::Media(call, event)) => {
                let mut outputs = Outputs { wire: out, desk: &mut self.desk };
                self.edge.handle(now, Input::Media(&call, event), &mut outputs);
                return outputs.go_on(&mut self.edge, now);
            }
            NodeInput::Posted(Posted::Run(run, said)) => {
                let mut outputs = Outputs { wire: out, desk: &mut self.desk };
                self.edge.handle(now, Input::Run(&run, said), &mut outputs);
                return outputs.go_on(&mut self.edge, now);
            }
            NodeInput::Posted(Posted::MediaLost) => Input::MediaLost,
            NodeInput::Posted(Posted::Changed(change)) => Input::Changed(change),
            NodeInput::Posted(Posted::Passed(passed)) => Input::Passed(passed),
            NodeInput::Posted(Posted::Command(command)) => return self.obey(now, command),
            NodeInput::Failed { transaction, why } => Input::Failed { transaction, why },
            NodeInput::ConnectionClosed(connection) => Input::ConnectionClosed(connection),
            NodeInput::Tick => Input::Tick,
        };
        let mut outputs = Outputs { wire: out, desk: &mut self.desk };
        self.edge.handle(now, input, &mut outputs);
        outputs.go_on(&mut self.edge, now);
    }

    fn obey(&mut self, now: Instant, command: Command) {
        match command {
            Command::Configure(settings) => {
                self.desk.timeout = *settings.config.question_timeout;
                self.edge.configure(settings);
            }
            Command::Calls(answer) => answer(self.edge.calls(now)),
            Command::Snapshot(answer) => {
                answer(Snapshot { counters: self.edge.counters(), gauges: self.edge.gauges() });
            }
        }
    }
}

impl node::Core for Service {
    type Posted = Posted;

    fn handle(&mut self, now: Instant, input: NodeInput<'_, Posted>, out: &mut Outbox) {
        self.handle_at(now, clock::unix_ms(), input, out);
    }

    fn deadline(&self) -> Option<Instant> {
        // After a panic, answers of other calls may wait.
        if self.desk.answered.is_empty() { self.edge.deadline() } else { Some(self.latest) }
    }

    fn quiet(&self) -> bool {
        self.edge.quiet()
    }

    fn recover(&mut self, _now: Instant, octets: Option<&[u8]>) {
        self.edge.recover(octets);
    }
}

/// Where questions are asked.
struct Desk {
    services: Services,
    sinks: Sinks,
    timeout: Duration,
    answered: VecDeque<(Ticket, Answer)>,
}

/// The shard's inbox, as each service sees it. Made once, so that a question allocates nothing for it.
struct Sinks {
    identified: Arc<dyn Sink<Identified>>,
    found: Arc<dyn Sink<Found>>,
    registered: Arc<dyn Sink<Registered>>,
    located: Arc<dyn Sink<Located>>,
    resolved: Arc<dyn Sink<Vec<NextHop>>>,
    described: Arc<dyn Sink<Described>>,
    released: Arc<dyn Sink<Released>>,
    done: Arc<dyn Sink<()>>,
    summarised: Arc<dyn Sink<Option<Waiting>>>,
}

struct Outputs<'a> {
    wire: &'a mut Outbox,
    desk: &'a mut Desk,
}

impl Outputs<'_> {
    /// Answers that were there at once are inputs of the same turn, one after the other.
    fn go_on(&mut self, edge: &mut Edge, now: Instant) {
        while let Some((ticket, answer)) = self.desk.answered.pop_front() {
            edge.handle(now, Input::Answered(ticket, answer), self);
        }
    }
}

impl Outputs<'_> {
    /// Asks the media server for something that is only begun.
    fn done(&self, ticket: Ticket, ask: impl FnOnce(&dyn Media, Reply<()>) -> Asked<()>) -> Option<Answer> {
        let Desk { services, sinks, timeout, .. } = &*self.desk;
        match &services.media {
            Some(media) => at_once(ask(&**media, reply(&sinks.done, ticket, *timeout)), Answer::Done),
            None => Some(Answer::Done(Err(no_media()))),
        }
    }

    fn described(
        &self,
        ticket: Ticket,
        ask: impl FnOnce(&dyn Media, Reply<Described>) -> Asked<Described>,
    ) -> Option<Answer> {
        let Desk { services, sinks, timeout, .. } = &*self.desk;
        match &services.media {
            Some(media) => {
                at_once(ask(&**media, reply(&sinks.described, ticket, *timeout)), Answer::Described)
            }
            None => Some(Answer::Described(Err(no_media()))),
        }
    }

    fn released(
        &self,
        ticket: Ticket,
        ask: impl FnOnce(&dyn Media, Reply<Released>) -> Asked<Released>,
    ) -> Option<Answer> {
        let Desk { services, sinks, timeout, .. } = &*self.desk;
        match &services.media {
            Some(media) => at_once(ask(&**media, reply(&sinks.released, ticket, *timeout)), Answer::Released),
            None => Some(Answer::Released(Err(no_media()))),
        }
    }
}

impl Out for Outputs<'_> {
    fn wire(&mut self) -> &mut Outbox {
        self.wire
    }

    fn ask(&mut self, ticket: Ticket, effect: Effect<'_>) {
        let Desk { services, sinks, timeout, .. } = &*self.desk;
        let now = match effect {
            Effect::Credentials(ask) => {
                let reply = reply(&sinks.identified, ticket, *timeout);
                at_once(services.directory.credentials(&ask, reply), Answer::Identified)
            }
            Effect::Find(ask) => {
                let reply = reply(&sinks.found, ticket, *timeout);
                at_once(services.directory.find(&ask, reply), Answer::Found)
            }
            Effect::Register(ask) => {
                let reply = reply(&sinks.registered, ticket, *timeout);
                at_once(services.location.register(&ask, reply), Answer::Registered)
            }
            Effect::Locate(ask) => {
                let reply = reply(&sinks.located, ticket, *timeout);
                at_once(services.location.locate(&ask, reply), Answer::Located)
            }
            Effect::Resolve(ask) => {
                let reply = reply(&sinks.resolved, ticket, *timeout);
                at_once(services.names.resolve(&ask, reply), Answer::Resolved)
            }
            Effect::Offer(ask) => self.described(ticket, |media, reply| media.offer(&ask, reply)),
            Effect::Answer(ask) => self.described(ticket, |media, reply| media.answer(&ask, reply)),
            Effect::Attend(ask) => self.described(ticket, |media, reply| media.attend(&ask, reply)),
            Effect::Bridge(ask) => self.done(ticket, |media, reply| media.bridge(&ask, reply)),
            Effect::Play(ask) => self.done(ticket, |media, reply| media.play(&ask, reply)),
            Effect::Record(ask) => self.done(ticket, |media, reply| media.record(&ask, reply)),
            Effect::Collect(ask) => self.done(ticket, |media, reply| media.collect(&ask, reply)),
            Effect::Press(ask) => self.done(ticket, |media, reply| media.press(&ask, reply)),
            Effect::Stop(ask) => self.done(ticket, |media, reply| media.stop(&ask, reply)),
            Effect::Statistics(ask) => self.released(ticket, |media, reply| media.statistics(&ask, reply)),
            Effect::Release(ask) => self.released(ticket, |media, reply| media.release(&ask, reply)),
            Effect::Summarise(ask) => match &services.waiting {
                Some(waiting) => {
                    let reply = reply(&sinks.summarised, ticket, *timeout);
                    at_once(waiting.summarise(&ask, reply), Answer::Summarised)
                }
                // Nobody has a mailbox.
                None => Some(Answer::Summarised(Ok(None))),
            },
        };
        self.desk.answered.extend(now.map(|answer| (ticket, answer)));
    }

    fn tell(&mut self, application: &str, run: &str, event: Event) -> bool {
        let Some(application) = self.desk.services.applications.get(application) else { return false };
        application.post(run, event);
        true
    }

    fn forget(&mut self, application: &str, run: &str) {
        if let Some(application) = self.desk.services.applications.get(application) {
            application.forget(run);
        }
    }

    fn changed(&mut self, change: Change) {
        tell_all(&self.desk.services.shards, &change);
    }

    fn pass(&mut self, shard: u16, passed: Passed) -> Result<(), Passed> {
        let Some(inbox) = self.desk.services.shards.get(usize::from(shard)) else { return Err(passed) };
        match inbox.post(Posted::Passed(passed)) {
            Err(Full(Posted::Passed(passed))) => Err(passed),
            Ok(()) | Err(Full(_)) => Ok(()),
        }
    }

    fn tried(&mut self, hop: &NextHop, how: Tried) {
        self.desk.services.names.tried(hop, how);
    }
}

fn reply<T>(sink: &Arc<dyn Sink<T>>, ticket: Ticket, timeout: Duration) -> Reply<T> {
    Reply::new(Arc::clone(sink), ticket).within(timeout)
}

fn at_once<T>(asked: Asked<T>, answer: impl FnOnce(Result<T, ServiceError>) -> Answer) -> Option<Answer> {
    match asked {
        Asked::Now(result) => Some(answer(result)),
        Asked::Later => None,
    }
}

fn no_media() -> ServiceError {
    ServiceError::Unavailable("this process has no media server".into())
}

/// Brings what happens to mailboxes and registrations to all shards: each has subscriptions of its own.
#[derive(Clone)]
pub struct Changes {
    shards: Arc<[Inbox<Posted>]>,
    watched: Arc<Watched>,
}

impl Changes {
    /// To these shards, which have this table.
    pub fn new(shards: Arc<[Inbox<Posted>]>, watched: Arc<Watched>) -> Self {
        Self { shards, watched }
    }
}

impl WaitingSink for Changes {
    fn post(&self, user: &str, waiting: Waiting) {
        tell_all(&self.shards, &Change::Waiting { user: user.into(), waiting: Arc::new(waiting) });
    }

    fn lost(&self) {
        tell_all(&self.shards, &Change::WaitingLost);
    }
}

impl Follower for Changes {
    fn began(&self, _: u64, _: u64) {
        tell_all(&self.shards, &Change::BindingsLost);
    }

    fn changed(&self, change: &proto::registrar::Change) {
        if self.watched.has_registrations() {
            tell_all(&self.shards, &Change::Bindings(Arc::clone(&change.aor)));
        }
    }

    /// What is told when it is back.
    fn lost(&self) {}
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Changes").finish_non_exhaustive()
    }
}

fn tell_all(shards: &[Inbox<Posted>], change: &Change) {
    for inbox in shards {
        if inbox.post(Posted::Changed(change.clone())).is_err() {
            tracing::debug!("the inbox of a shard is full, and a change is told late");
        }
    }
}

/// Brings what happens to media to the shard that owns the call.
#[derive(Clone)]
pub struct MediaEvents(pub Arc<[Inbox<Posted>]>);

impl MediaSink for MediaEvents {
    fn post(&self, call: &str, event: MediaEvent) {
        let inbox = write::shard_of(call).and_then(|shard| self.0.get(shard));
        if let Some(inbox) = inbox
            && inbox.post(Posted::Media(call.into(), event)).is_err()
        {
            tracing::debug!("the inbox of a shard is full, and an event of its media is lost");
        }
    }

    fn lost(&self) {
        for inbox in self.0.iter() {
            if inbox.post(Posted::MediaLost).is_err() {
                tracing::debug!(
                    "the inbox of a shard is full: it does not hear that media events were missed"
                );
            }
        }
    }
}

/// Brings what applications say to the shard that owns the run.
#[derive(Clone)]
pub struct Commands(pub Arc<[Inbox<Posted>]>);

impl Commands {
    fn put(&self, run: &str, said: Said) {
        let inbox = write::shard_of(run).and_then(|shard| self.0.get(shard));
        if let Some(inbox) = inbox
            && inbox.post(Posted::Run(run.into(), said)).is_err()
        {
            tracing::warn!(run, "the inbox of a shard is full, and what an application said is lost");
        }
    }
}

impl Conductor for Commands {
    fn post(&self, run: &str, id: u32, command: Wanted) {
        self.put(run, Said::Command(id, command));
    }

    fn ended(&self, run: &str, why: Result<(), ServiceError>) {
        self.put(run, Said::Ended(why));
    }
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Commands").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for MediaEvents {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("MediaEvents").finish_non_exhaustive()
    }
}

/// Brings answers into the shard. One that finds the queue full is dropped: its question runs out of time.
struct Post(Inbox<Posted>);

impl Post {
    fn put(&self, ticket: Ticket, answer: Answer) {
        if self.0.post(Posted::Answer(ticket, answer)).is_err() {
            tracing::debug!("the inbox of a shard is full, and an answer is dropped");
        }
    }
}

impl Sink<Identified> for Post {
    fn post(&self, ticket: Ticket, answer: Result<Identified, ServiceError>) {
        self.put(ticket, Answer::Identified(answer));
    }
}

impl Sink<Found> for Post {
    fn post(&self, ticket: Ticket, answer: Result<Found, ServiceError>) {
        self.put(ticket, Answer::Found(answer));
    }
}

impl Sink<Registered> for Post {
    fn post(&self, ticket: Ticket, answer: Result<Registered, ServiceError>) {
        self.put(ticket, Answer::Registered(answer));
    }
}

impl Sink<Located> for Post {
    fn post(&self, ticket: Ticket, answer: Result<Located, ServiceError>) {
        self.put(ticket, Answer::Located(answer));
    }
}

impl Sink<Vec<NextHop>> for Post {
    fn post(&self, ticket: Ticket, answer: Result<Vec<NextHop>, ServiceError>) {
        self.put(ticket, Answer::Resolved(answer));
    }
}

impl Sink<Described> for Post {
    fn post(&self, ticket: Ticket, answer: Result<Described, ServiceError>) {
        self.put(ticket, Answer::Described(answer));
    }
}

impl Sink<Option<Waiting>> for Post {
    fn post(&self, ticket: Ticket, answer: Result<Option<Waiting>, ServiceError>) {
        self.put(ticket, Answer::Summarised(answer));
    }
}

impl Sink<Released> for Post {
    fn post(&self, ticket: Ticket, answer: Result<Released, ServiceError>) {
        self.put(ticket, Answer::Released(answer));
    }
}

impl Sink<()> for Post {
    fn post(&self, ticket: Ticket, answer: Result<(), ServiceError>) {
        self.put(ticket, Answer::Done(answer));
    }
}

impl std::fmt::Debug for Service {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Service").field("edge", &self.edge).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Services {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Services").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Posted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer(ticket, answer) => {
                formatter.debug_tuple("Answer").field(ticket).field(answer).finish()
            }
            Self::Media(call, event) => formatter.debug_tuple("Media").field(call).field(event).finish(),
            Self::MediaLost => formatter.write_str("MediaLost"),
            Self::Run(run, said) => formatter.debug_tuple("Run").field(run).field(said).finish(),
            Self::Passed(passed) => formatter.debug_tuple("Passed").field(passed).finish(),
            Self::Changed(change) => formatter.debug_tuple("Changed").field(change).finish(),
            Self::Command(_) => formatter.write_str("Command"),
        }
    }
}
