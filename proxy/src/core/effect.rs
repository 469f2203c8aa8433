//! What the core asks of the world and what the world tells it. A page each; together with the messages these are
//! the whole border of the proxy's decisions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use node::dns::Query;
use proto::application::{Command, Event};
use proto::media::{self, Described, MediaEvent, Released};
use proto::{
    Find, Found, Identified, Identify, Locate, Located, Register, Registered, ServiceError, Summarise,
    Ticket, Waiting,
};
use sip::transaction::TransactionId;
use sip::transport::{ConnectionId, NextHop, Outbox, Packet};

use super::call::elsewhere::Handed;

/// What happens to the core.
#[derive(Debug)]
pub enum Input<'a> {
    /// A message came.
    Packet(Packet<'a>),
    /// A question was answered.
    Answered(Ticket, Answer),
    /// What this transaction sent could not be delivered.
    Failed {
        /// The transaction that waits.
        transaction: TransactionId,
        /// For the log.
        why: &'static str,
    },
    /// A connection is gone.
    ConnectionClosed(ConnectionId),
    /// Something happened to the media of the call of that name.
    Media(&'a str, MediaEvent),
    /// Events of the media may have been missed.
    MediaLost,
    /// The application that conducts the run of that name says something.
    Run(&'a str, Said),
    /// Something that phones watch has changed.
    Changed(Change),
    /// Another shard hands something over.
    Passed(Passed),
    /// A deadline has come.
    Tick,
}

/// What has changed.
#[derive(Debug, Clone)]
pub enum Change {
    /// What waits in a mailbox.
    Waiting {
        /// Whose, by his name.
        user: Arc<str>,
        /// What waits now.
        waiting: Arc<Waiting>,
    },
    /// Changes of mailboxes may have been missed.
    WaitingLost,
    /// The calls of a user, by his name.
    Calls(Arc<str>),
    /// Where somebody is registered, by his address of record.
    Bindings(Arc<str>),
    /// Changes of registrations may have been missed.
    BindingsLost,
}

/// What one shard hands to another, which owns the call that it is about.
#[derive(Debug)]
pub struct Passed(pub(crate) Handed);

/// What an application says of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It wants something done, under an id that rises within the run.
    Command(u32, Command),
    /// It has finished with the run, or cannot go on: the last that is heard of it.
    Ended(Result<(), ServiceError>),
}

/// The answer to an [`Effect`].
#[derive(Debug)]
pub enum Answer {
    /// To [`Effect::Credentials`].
    Identified(Result<Identified, ServiceError>),
    /// To [`Effect::Find`].
    Found(Result<Found, ServiceError>),
    /// To [`Effect::Register`].
    Registered(Result<Registered, ServiceError>),
    /// To [`Effect::Locate`].
    Located(Result<Located, ServiceError>),
    /// To [`Effect::Resolve`]: next hops in the order in which they are to be tried.
    Resolved(Result<Vec<NextHop>, ServiceError>),
    /// To [`Effect::Offer`] and [`Effect::Answer`]: what is to be sent on.
    Described(Result<Described, ServiceError>),
    /// To [`Effect::Release`] and [`Effect::Statistics`].
    Released(Result<Released, ServiceError>),
    /// To [`Effect::Bridge`], [`Effect::Play`], [`Effect::Record`], [`Effect::Collect`], [`Effect::Press`] and [`Effect::Stop`]: it was begun.
    Done(Result<(), ServiceError>),
    /// To [`Effect::Summarise`].
    Summarised(Result<Option<Waiting>, ServiceError>),
}

/// A question of the core. It borrows from the message at hand: whoever takes it starts the question at once.
#[derive(Debug)]
pub enum Effect<'a> {
    /// The keys of a user.
    Credentials(Identify<'a>),
    /// The user of a name or extension.
    Find(Find<'a>),
    /// What a REGISTER wants.
    Register(Register<'a>),
    /// Where a user's phones are.
    Locate(Locate<'a>),
    /// Where a host is (RFC 3263).
    Resolve(Query<'a>),
    /// What an offer of one leg becomes on its way to another.
    Offer(media::Offer<'a>),
    /// What the answer to it becomes.
    Answer(media::Answer<'a>),
    /// What is said to a leg that the media server itself talks to.
    Attend(media::Attend<'a>),
    /// Who hears whom.
    Bridge(media::Bridge<'a>),
    /// What a leg is to hear.
    Play(media::Play<'a>),
    /// What is to be recorded.
    Record(media::Record<'a>),
    /// Which digits are waited for.
    Collect(media::Collect<'a>),
    /// A digit that a message told.
    Press(media::Press<'a>),
    /// What is to end.
    Stop(media::Stop<'a>),
    /// Media that stand, though nobody is heard.
    Statistics(media::Release<'a>),
    /// Media that are over.
    Release(media::Release<'a>),
    /// What waits in a user's mailbox.
    Summarise(Summarise<'a>),
}

/// What became of a next hop that a name led to (RFC 3263 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It answered.
    Answered,
    /// It did not answer, could not be reached, or asked to be left alone for so long.
    Died(Option<Duration>),
}

/// Where the core's outputs go.
pub trait Out {
    /// What is sent in this turn.
    fn wire(&mut self) -> &mut Outbox;
    /// Starts a question. Its answer comes as an [`Input`], later in this turn or in another, never inside this call.
    fn ask(&mut self, ticket: Ticket, effect: Effect<'_>);
    /// Tells an application what happened in a run; false when there is none of that name.
    fn tell(&mut self, application: &str, run: &str, event: Event) -> bool;
    /// Tells it that a run is conducted no longer.
    fn forget(&mut self, application: &str, run: &str);
    /// Tells all shards, this one too, that something has changed that phones may watch. It comes as an [`Input`] later.
    fn changed(&mut self, change: Change);
    /// Hands something to another shard, where it comes as an [`Input`]. What that cannot take comes back.
    fn pass(&mut self, shard: u16, passed: Passed) -> Result<(), Passed>;
    /// Tells what became of a next hop that an answer to [`Effect::Resolve`] held.
    fn tried(&mut self, hop: &NextHop, how: Tried);
}

/// One input's time and outputs.
pub(crate) struct Turn<'a> {
    /// The time of the turn.
    pub now: Instant,
    /// The same on the wall: unix time in ms.
    pub unix_ms: u64,
    /// Where outputs go.
    pub out: &'a mut dyn Out,
}

impl Turn<'_> {
    /// What is sent in this turn.
    pub fn wire(&mut self) -> &mut Outbox {
        self.out.wire()
    }
}
