//! Applications that conduct calls (voicemail, menus, queues, anybody's own): numbered events to them, commands back.
//!
//! Both ways are one-way: nothing is asked, so nothing waits. What goes wrong with a command comes back as an event. An
//! application has no timers of its own: what it waits for (a digit, the end of a sentence, an answer) ends by itself,
//! and each event says when it was. So an application that decides by its events alone can be told all of them again,
//! in another process, and stands where the first one stood; commands that were taken already are passed over.
//!
//! Over gRPC the application serves and the exchange connects, one stream for each run. That is how all our services
//! stand, and what Kubernetes is made for: the application is a Deployment behind a Service, scales and is rolled out by
//! itself, and needs to know no edge; edges, which come and go, let nobody in. A stream for each run means that a program
//! in another language is one function (events in, commands out), that calls spread over its instances, and that a slow
//! run holds up no other.

mod client;
mod log;
mod server;
#[cfg(test)]
mod tests;
mod wire;

use std::sync::Arc;
use std::time::Duration;

pub use client::{ApplicationClient, ApplicationCounters, RunLimits};
pub use log::Log;
pub use server::{ApplicationServer, RUNS_MAX};

use crate::asked::ServiceError;
use crate::media::{Ended, Repeat, Tone};

/// What conducts calls. Called from any thread; no method may block.
pub trait Application: Send + Sync + 'static {
    /// Something happened in a run. The first event is [`What::Started`] with number 1; a second one of that number says
    /// that the run begins anew, and what was known of it is to be forgotten.
    fn post(&self, run: &str, event: Event);

    /// Nobody conducts this run here any more: no further event comes, and no command arrives.
    fn forget(&self, run: &str);

    /// Who takes the commands from now on; the last one given.
    fn follow(&self, conductor: Arc<dyn Conductor>);
}

/// Who does what applications say: the call core. Called from any thread; no method may block.
pub trait Conductor: Send + Sync + 'static {
    /// A command of a run; `id` rises within a run.
    fn post(&self, run: &str, id: u32, command: Command);

    /// The last that is heard of a run: the application has finished with it, or cannot go on. Where the call still
    /// stands, it goes back to the dial plan.
    fn ended(&self, run: &str, why: Result<(), ServiceError>);
}

/// An event of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// From 1, without a gap.
    pub number: u64,
    /// When it happened: Unix time in ms.
    pub at_ms: u64,
    /// What happened.
    pub what: What,
}

/// What happened. Leg 0 is the caller; others have the numbers that [`Command::Dial`] gave them. Where an event has an
/// `id`, it is that of the command that began what ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A call has come. Always the first.
    Started(Box<Started>),
    /// A leg is connected: the caller after [`Command::Answer`], or one that was dialled.
    Answered {
        /// Which leg.
        leg: u32,
    },
    /// A digit was dialled, in whatever form it came.
    Digit {
        /// Which leg.
        leg: u32,
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// What was played has ended.
    Played {
        /// Which leg.
        leg: u32,
        /// Of the command.
        id: u32,
        /// Why it ended.
        why: Ended,
    },
    /// What was recorded has ended.
    Recorded {
        /// Which leg.
        leg: u32,
        /// Of the command.
        id: u32,
        /// Its name in the record store, with its ending.
        file: String,
        /// How long it is.
        length: Duration,
        /// Why it ended.
        why: Ended,
    },
    /// Digits that were collected.
    Collected {
        /// Which leg.
        leg: u32,
        /// Of the command.
        id: u32,
        /// What was dialled.
        digits: String,
        /// Why it ended.
        why: Ended,
    },
    /// A leg that was dialled rings, or will not be connected.
    Dialled {
        /// Which leg.
        leg: u32,
        /// Of the command.
        id: u32,
        /// What became of it.
        outcome: Outcome,
    },
    /// A leg that was dialled and connected has hung up.
    Left {
        /// Which leg.
        leg: u32,
    },
    /// A command could not be done; nothing else comes of it.
    Refused {
        /// Of the command.
        id: u32,
        /// For the log.
        why: String,
    },
    /// The run is over. Always the last: what was being recorded or collected is reported before it, and a leg that was
    /// dialled has left before it.
    Ended(Parting),
}

/// How a call came to an application.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Started {
    /// What the dial plan wants of the application: `voicemail/deposit`, `attendant/main`.
    pub purpose: String,
    /// Who calls.
    pub caller: Party,
    /// Whom the call was for.
    pub callee: Party,
    /// What the caller dialled.
    pub dialled: String,
    /// Why the call came here.
    pub why: Reached,
    /// The caller's language (BCP 47); empty where nobody said.
    pub language: String,
    /// Header fields of the INVITE, in their order, as the dial plan lets through.
    pub headers: Vec<(String, String)>,
}

/// One side of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Party {
    /// The user of ours, authenticated; empty for others.
    pub user: String,
    /// The extension or telephone number; empty where it is withheld.
    pub number: String,
    /// What phones show.
    pub display_name: String,
}

/// Why a call came to an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reached {
    /// It was dialled.
    #[default]
    Dialled,
    /// Nobody answered.
    NoAnswer,
    /// The callee was busy.
    Busy,
    /// The callee declined.
    Declined,
    /// No phone was reached.
    Unreachable,
    /// A menu, or another application, sent it here.
    Menu,
}

/// What became of a leg that was dialled. That it answered is [`What::Answered`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It rings.
    Ringing,
    /// It rings, and says something meanwhile: [`Command::Bridge`] lets the caller hear it.
    EarlyMedia,
    /// Nobody answered in time.
    NoAnswer,
    /// It was busy.
    Busy,
    /// It declined.
    Declined,
    /// No phone was reached, or there is no such number.
    Unreachable,
}

/// Why a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parting {
    /// The caller hung up, or gave up before the answer.
    Caller,
    /// The application hung up.
    Application,
    /// The application sent the call elsewhere, or one of its phones did (RFC 3515).
    Transferred,
    /// The call or its media were lost.
    Failed,
}

/// What an application wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Answer the caller. What is played before is early media.
    Answer,
    /// Play to a leg; ends what is being played to it.
    Play {
        /// Which leg.
        leg: u32,
        /// One after the other, without a gap.
        sounds: Vec<Sound>,
        /// How often.
        repeat: Repeat,
        /// Whether any digit ends it.
        stop_on_digit: bool,
    },
    /// Record a leg.
    Record {
        /// Which leg.
        leg: u32,
        /// Its name in the record store, without an ending.
        to: String,
        /// The longest.
        max: Duration,
        /// Ends after so long a silence, which is cut off.
        silence: Option<Duration>,
        /// Digits that end it.
        stop_digits: String,
        /// What the leg hears as well, on a channel of its own.
        both_sides: bool,
        /// A tone before it.
        beep: bool,
    },
    /// Collect digits of a leg; those too that it dialled before, while nobody collected.
    Collect {
        /// Which leg.
        leg: u32,
        /// Ends with so many.
        digits_max: u8,
        /// How long to wait for the first one, from the end of what is played.
        first: Duration,
        /// How long to wait for each further one.
        between: Duration,
        /// Digits that end it and do not belong to it.
        end_digits: String,
    },
    /// End what is being played, recorded or collected.
    Stop {
        /// Which leg.
        leg: u32,
        /// The command that began it; 0 for all.
        id: u32,
    },
    /// Call somebody, on a leg of its own.
    Dial {
        /// Its number, above 0 and not used twice.
        leg: u32,
        /// A name or number, as the callee of the run would dial it.
        target: String,
        /// How long it may ring.
        within: Duration,
    },
    /// Join two legs, or part one. A leg that rings and says something can be joined with a caller who was answered or
    /// has heard something, and stays so when it answers where the caller was answered.
    Bridge {
        /// Which leg.
        leg: u32,
        /// The other one; without it the leg is parted.
        with: Option<u32>,
    },
    /// Put a leg on hold, or take it back.
    Hold {
        /// Which leg.
        leg: u32,
        /// On hold.
        on: bool,
    },
    /// Send a leg elsewhere; for leg 0 that ends the run.
    Transfer {
        /// Which leg.
        leg: u32,
        /// A name or number.
        target: String,
    },
    /// Hang up; for leg 0 that ends the run.
    HangUp {
        /// Which leg.
        leg: u32,
        /// The SIP status for a leg that is not answered yet; 0 for 480.
        status: u16,
    },
    /// One that could not be read, and why: to be refused.
    Unknown(String),
}

/// A sound, as in [`crate::media::Sound`], and the clips of our prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sound {
    /// A file of the sounds folder, or of the record store where the name begins with `record:`.
    File(String),
    /// A clip of the crate `prompt`, which makes clips of sentences.
    Clip {
        /// Tag of its language: `fr`.
        language: String,
        /// Its name: `goodbye`.
        name: String,
    },
    /// A tone.
    Tone(Tone),
    /// Nothing, for so long.
    Silence(Duration),
}
