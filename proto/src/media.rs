//! Sound: sessions that describe themselves in SDP, relay, play, record and listen for digits.
//!
//! SDP is octets at this border: whoever asks passes bodies through and never reads them.

mod client;
mod server;
#[cfg(test)]
mod tests;
mod wire;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

pub use client::MediaClient;
pub use server::MediaServer;

use crate::asked::{Asked, Reply};

/// Who relays, plays, records and collects. A session is the media of one call; it is made by its first
/// [`offer`](Media::offer) or [`attend`](Media::attend), and ends when its last leg is released.
///
/// Errors: [`Refused`](crate::ServiceError::Refused) for a call, leg or file that is not there or cannot be used, and
/// for SDP that cannot be read, saying why; [`Overloaded`](crate::ServiceError::Overloaded) when sessions or ports run
/// out.
pub trait Media: Send + Sync + 'static {
    /// An offer of one leg on its way to another: gives the SDP to send on. Asked again for a later offer
    /// (RFC 3264), and once for each further leg or branch that is offered the same.
    fn offer(&self, ask: &Offer<'_>, reply: Reply<Described>) -> Asked<Described>;

    /// The answer to an offer: gives the SDP to send on. Media flows from then on, so the SDP of a provisional response
    /// is an answer too. The answers of several branches may come; the last one that answered is who is heard.
    fn answer(&self, ask: &Answer<'_>, reply: Reply<Described>) -> Asked<Described>;

    /// The media server itself is the other end of a leg (announcement, voicemail, menu, music).
    fn attend(&self, ask: &Attend<'_>, reply: Reply<Described>) -> Asked<Described>;

    /// Joins two legs of one call that are both described, or parts a leg from whomever it is joined with.
    fn bridge(&self, ask: &Bridge<'_>, reply: Reply<()>) -> Asked<()>;

    /// Plays to a leg. The answer says that it has begun; [`MediaEvent::Played`] says that it has ended.
    fn play(&self, ask: &Play<'_>, reply: Reply<()>) -> Asked<()>;

    /// Records a leg. The answer says that it has begun; [`MediaEvent::Recorded`] says that it has ended.
    fn record(&self, ask: &Record<'_>, reply: Reply<()>) -> Asked<()>;

    /// Collects digits of a leg. The answer says that it has begun; [`MediaEvent::Collected`] says that it has ended. What
    /// was dialled while nobody collected, and stopped no sound or recording, counts; not what was dialled to a peer.
    fn collect(&self, ask: &Collect<'_>, reply: Reply<()>) -> Asked<()>;

    /// Ends what is being played, recorded or collected. What has ended already is no error.
    fn stop(&self, ask: &Stop<'_>, reply: Reply<()>) -> Asked<()>;

    /// A key of a leg went down, as a message beside the sound said (SIP INFO): it does what a digit that is heard does,
    /// and [`MediaEvent::Digit`] says so.
    fn press(&self, ask: &Press<'_>, reply: Reply<()>) -> Asked<()>;

    /// Ends a leg, or the whole call, and gives the statistics of what ended. What is not there is no error: the
    /// answer is empty.
    fn release(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released>;

    /// The statistics of a leg, or of the whole call, while it stands, which the asking affirms. What is not there is no
    /// error: the answer is empty.
    fn statistics(&self, ask: &Release<'_>, reply: Reply<Released>) -> Asked<Released>;

    /// How busy this media server is.
    fn load(&self, reply: Reply<Load>) -> Asked<Load>;

    /// Who hears of events from now on; one sink for each asking process, the last one given.
    fn follow(&self, sink: Arc<dyn MediaSink>);
}

/// Where events go. Called from any thread; it must not block. An event of a call that the sink does not know belongs
/// to another process.
pub trait MediaSink: Send + Sync {
    /// Something happened in `call`.
    fn post(&self, call: &str, event: MediaEvent);

    /// Events may have been lost: the media server was away, or the sink too slow.
    fn lost(&self) {}
}

/// One end of a call: the number of the leg within the call, and which fork of that leg (0 where there is none).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Leg {
    /// Chosen by the asker.
    pub number: u32,
    /// RFC 3261 §16.7: each early dialog of a forked INVITE answers for itself.
    pub branch: u32,
}

impl Leg {
    /// A leg without forks.
    pub const fn new(number: u32) -> Self {
        Leg { number, branch: 0 }
    }
}

/// An offer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer<'a> {
    /// The asker's name of the call: unguessable, at most 255 octets.
    pub call: &'a str,
    /// Who offers.
    pub from: Leg,
    /// Whom it is offered to.
    pub to: Leg,
    /// The offer as it came.
    pub sdp: &'a [u8],
    /// Where the request came from: a phone behind NAT sends its media from there too.
    pub from_address: Option<IpAddr>,
    /// Where the request goes to: decides which of our addresses is shown.
    pub to_address: Option<IpAddr>,
}

/// An answer on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Who answers.
    pub from: Leg,
    /// Who offered.
    pub to: Leg,
    /// The answer as it came.
    pub sdp: &'a [u8],
    /// Where the response came from.
    pub from_address: Option<IpAddr>,
}

/// A leg that the media server itself talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attend<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Which leg.
    pub leg: Leg,
    /// What the leg says of itself.
    pub theirs: Theirs<'a>,
    /// Where the leg's signalling comes from or goes to.
    pub address: Option<IpAddr>,
}

/// What a leg has said of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theirs<'a> {
    /// Its offer; the answer to it is given.
    Offer(&'a [u8]),
    /// Nothing yet (late offer): an offer to it is given.
    Nothing,
    /// Its answer to the offer that was given; nothing more is to be sent, and the SDP given is empty.
    Answer(&'a [u8]),
}

/// A session description (RFC 8866) to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// The body, `application/sdp`.
    pub sdp: Vec<u8>,
}

/// Who hears whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bridge<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Which leg.
    pub leg: Leg,
    /// The other one; without it, the leg is parted from its peer.
    pub with: Option<Leg>,
}

/// What to play.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Play<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Which leg hears it.
    pub leg: Leg,
    /// Chosen by the asker, above 0. What this leg is being played under another id ends.
    pub id: u32,
    /// One after the other, without a gap.
    pub sounds: &'a [Sound<'a>],
    /// How often.
    pub repeat: Repeat,
    /// Whether any digit ends it.
    pub stop_on_digit: bool,
}

/// A sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sound<'a> {
    /// A file of the sounds folder, or of the record store where the name begins with `record:`; with `/` between
    /// folders, never `..`.
    File(&'a str),
    /// A clip of the exchange's own prompts (crate `prompt`), unless the sounds folder holds `LANGUAGE/NAME.wav`.
    Clip {
        /// A tag of BCP 47, `fr`.
        language: &'a str,
        /// Its name there.
        name: &'a str,
    },
    /// A tone.
    Tone(Tone),
    /// Nothing, for so long.
    Silence(Duration),
}

/// A tone of one or two frequencies, on and off for ever or for so often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tone {
    /// The frequencies in Hz, below 4000; the second one is 0 where there is one alone.
    pub hz: [u16; 2],
    /// How long it sounds.
    pub on: Duration,
    /// How long it is silent after that.
    pub off: Duration,
    /// How often; 0 for ever.
    pub times: u32,
}

/// How often what is played is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// So often; 0 counts as once.
    Times(u32),
    /// Until it is stopped.
    Forever,
}

/// What to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Which leg.
    pub leg: Leg,
    /// Chosen by the asker, above 0.
    pub id: u32,
    /// Its name in the record store, without an ending; with `/` between folders, never `..`.
    pub to: &'a str,
    /// The longest.
    pub max: Duration,
    /// Ends after so long a silence; what was silent at the end is cut off.
    pub silence: Option<Duration>,
    /// Digits that end it, such as `#`.
    pub stop_digits: &'a str,
    /// What the leg hears as well, on a channel of its own; else the leg alone.
    pub both_sides: bool,
    /// A tone before it.
    pub beep: bool,
}

/// Which digits to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Collect<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Which leg.
    pub leg: Leg,
    /// Chosen by the asker, above 0.
    pub id: u32,
    /// Ends with so many.
    pub digits_max: u8,
    /// How long to wait for the first one; while something is played, from its end.
    pub first: Duration,
    /// How long to wait for each further one.
    pub between: Duration,
    /// Digits that end it and do not belong to it, such as `#`.
    pub end_digits: &'a str,
}

/// What to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Which leg.
    pub leg: Leg,
    /// What was begun under this id; 0 for all, and for digits that were dialled ahead.
    pub id: u32,
}

/// A key that went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Press<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Which leg.
    pub leg: Leg,
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub digit: char,
}

/// What is over, or is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Release<'a> {
    /// The asker's name of the call.
    pub call: &'a str,
    /// Which leg; without it, the whole call.
    pub leg: Option<Leg>,
}

/// The answer to [`Release`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Released {
    /// What ended, or what there is by now, in the order of the legs.
    pub legs: Vec<LegStatistics>,
}

/// The media of one leg from its beginning to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LegStatistics {
    /// Which leg.
    pub leg: Leg,
    /// RTP packets that came from it.
    pub received: u64,
    /// Octets of their payload and header.
    pub received_octets: u64,
    /// RTP packets that were sent to it.
    pub sent: u64,
    /// Octets of their payload and header.
    pub sent_octets: u64,
    /// Packets that are missing in the sequence that came (RFC 3550).
    pub lost: u64,
    /// The jitter of what came, in microseconds (RFC 3550).
    pub jitter_us: u32,
    /// The round trip between the leg and whoever it is joined with, in microseconds, where RTCP told it.
    pub round_trip_us: Option<u32>,
    /// Packets that came from elsewhere than the leg's own address, and were dropped.
    pub strays: u64,
    /// How it sounded, as a mean opinion score times 100 (ITU-T G.107), where that can be said.
    pub mos_100: Option<u16>,
    /// How long nothing came from it while its peer was heard, in ms; counted in seconds.
    pub one_way_ms: u64,
    /// How long it sent nothing but silence, in ms, as far as its codec can be heard here; counted in seconds.
    pub quiet_ms: u64,
    /// From its first description until now, in ms.
    pub lasted_ms: u64,
}

/// How busy a media server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Sessions that stand.
    pub sessions: u32,
    /// How many may stand.
    pub sessions_max: u32,
    /// Ports that are free; a leg takes one or two for each stream.
    pub ports_free: u32,
    /// Takes no new sessions.
    pub is_draining: bool,
}

/// What happened in a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaEvent {
    /// What was played has ended.
    Played {
        /// Which leg.
        leg: Leg,
        /// The id it was begun under.
        id: u32,
        /// Why it ended.
        why: Ended,
    },
    /// What was recorded has ended, and can be played.
    Recorded {
        /// Which leg.
        leg: Leg,
        /// The id it was begun under.
        id: u32,
        /// Its name in the record store, with its ending.
        file: String,
        /// How long it is.
        length: Duration,
        /// Why it ended.
        why: Ended,
    },
    /// The digits that were collected.
    Collected {
        /// Which leg.
        leg: Leg,
        /// The id it was begun under.
        id: u32,
        /// What was dialled.
        digits: String,
        /// Why it ended.
        why: Ended,
    },
    /// A digit was dialled; said once when it begins, whether collected or not.
    Digit {
        /// Which leg.
        leg: Leg,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// How it came.
        how: DigitForm,
    },
    /// Nothing came from this leg for as long as `[media] inactivity` says.
    Inactive {
        /// Which leg.
        leg: Leg,
    },
    /// Something is wrong with what comes from a leg, or is right again.
    Flow {
        /// Which leg.
        leg: Leg,
        /// What.
        flow: Flow,
    },
    /// Nothing came from any leg, and nobody asked for this call, for as long as `[media] inactivity` says. Any question
    /// for the call says that it stands, [`Media::statistics`] too; without one its media end after the same time, since
    /// who conducted it has died.
    Idle,
    /// The media of this call are lost.
    Gone,
}

/// How a leg is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// As it should be, after something was wrong.
    Heard,
    /// Nothing comes from it, and packets come from its peer. Said within two seconds.
    OneWay,
    /// It sends nothing but silence: a microphone that is off or broken.
    Quiet,
}

/// Why something that was played, recorded or collected has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It came to its end: all was played, all digits are there.
    Complete,
    /// A digit that ends it.
    Digit(char),
    /// The longest time, or no digit in time.
    Timeout,
    /// The silence that ends it.
    Silence,
    /// Stopped, replaced, or the leg was released.
    Stopped,
    /// It could not go on: a disk that is full, a file that went away.
    Failed,
}

/// How a digit came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitForm {
    /// As a named event (RFC 4733).
    Event,
    /// As a pair of tones in the audio (ITU-T Q.23).
    Tone,
    /// As a message beside it, which [`Media::press`] told.
    Message,
}
