//! A call, as an application sees it: each method says a command and waits until it was done.

use std::sync::Arc;
use std::time::Duration;

use proto::application::{Command, Conductor, Event, Outcome, Parting, Sound, Started, What};
use proto::media::{Ended, Repeat};
use tokio::sync::mpsc;

/// A call that was handed over. The caller is leg 0.
pub struct Call {
    run: String,
    started: Started,
    conductor: Arc<dyn Conductor>,
    events: mpsc::Receiver<Event>,
    commands: u32,
    legs: u32,
}

/// Why a call does not go on. An application usually passes it up with `?`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// The call is over.
    #[error("the call is over: {0:?}")]
    Over(Parting),
    /// The exchange cannot do what was asked, and says why. The call stands.
    #[error("the exchange refuses: {0}")]
    Refused(String),
    /// The exchange does not speak to us about this call any more.
    #[error("the exchange has gone, or told the call to another instance")]
    Lost,
}

/// Which digits are waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    /// So many at most.
    pub max: u8,
    /// How long to wait for the first one. Default 5 s.
    pub first: Duration,
    /// How long to wait for each further one. Default 3 s.
    pub between: Duration,
    /// Digits that end it and are not told. Default `#`.
    pub end: String,
}

impl Digits {
    /// So many at most, with the usual times.
    pub fn up_to(max: u8) -> Self {
        Self { max, first: Duration::from_secs(5), between: Duration::from_secs(3), end: "#".into() }
    }
}

/// How to record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The longest. Default 3 min.
    pub max: Duration,
    /// Ends after so long a silence. Default never.
    pub silence: Option<Duration>,
    /// Digits that end it. Default `#`.
    pub stop_digits: String,
    /// A tone before it. Default yes.
    pub beep: bool,
}

impl Default for Recording {
    fn default() -> Self {
        Self { max: Duration::from_secs(180), silence: None, stop_digits: "#".into(), beep: true }
    }
}

/// What was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its name in the record store; played by `Sound::File("record:NAME")`.
    pub file: String,
    /// How long it is.
    pub length: Duration,
    /// Why it ended.
    pub why: Ended,
}

impl Call {
    pub(crate) fn new(
        run: String,
        started: Started,
        conductor: Arc<dyn Conductor>,
        events: mpsc::Receiver<Event>,
    ) -> Self {
        Self { run, started, conductor, events, commands: 0, legs: 0 }
    }

    /// How the call came here: who calls whom, and why.
    pub fn started(&self) -> &Started {
        &self.started
    }

    /// Answers the caller. What is played before is early media.
    pub async fn answer(&mut self) -> Result<(), Stopped> {
        let id = self.say(Command::Answer);
        self.until(id, |what| matches!(what, What::Answered { leg: 0 }).then_some(())).await
    }

    /// Plays to the caller, to the end.
    pub async fn play(&mut self, sounds: &[Sound]) -> Result<Ended, Stopped> {
        let id = self.begin_playing(sounds, Repeat::Times(1), false);
        self.until(id, |what| match what {
            What::Played { id: of, why, .. } if *of == id => Some(*why),
            _ => None,
        })
        .await
    }

    /// Plays to the caller and goes on at once; what played before ends. A digit ends it where `stop_on_digit` says so.
    pub fn begin_playing(&mut self, sounds: &[Sound], repeat: Repeat, stop_on_digit: bool) -> u32 {
        self.say(Command::Play { leg: 0, sounds: sounds.to_vec(), repeat, stop_on_digit })
    }

    /// Waits for digits of the caller; empty when none came.
    pub async fn collect(&mut self, wanted: Digits) -> Result<String, Stopped> {
        let Digits { max, first, between, end } = wanted;
        let command = Command::Collect { leg: 0, digits_max: max, first, between, end_digits: end };
        let id = self.say(command);
        self.until(id, |what| match what {
            What::Collected { id: of, digits, .. } if *of == id => Some(digits.clone()),
            _ => None,
        })
        .await
    }

    /// Plays and waits for digits, which may come before the end and end what is played.
    pub async fn ask(&mut self, sounds: &[Sound], wanted: Digits) -> Result<String, Stopped> {
        self.begin_playing(sounds, Repeat::Times(1), true);
        self.collect(wanted).await
    }

    /// Records the caller under a name of the record store, without an ending.
    pub async fn record(&mut self, name: &str, how: Recording) -> Result<Recorded, Stopped> {
        let Recording { max, silence, stop_digits, beep } = how;
        let to = name.to_owned();
        let id = self.say(Command::Record { leg: 0, to, max, silence, stop_digits, both_sides: false, beep });
        self.until(id, |what| match what {
            What::Recorded { id: of, file, length, why, .. } if *of == id => {
                Some(Recorded { file: file.clone(), length: *length, why: *why })
            }
            _ => None,
        })
        .await
    }

    /// Calls a name or number on a leg of its own and gives its number once it has answered, or what became of it.
    pub async fn dial(&mut self, target: &str, within: Duration) -> Result<Result<u32, Outcome>, Stopped> {
        self.legs += 1;
        let leg = self.legs;
        let id = self.say(Command::Dial { leg, target: target.to_owned(), within });
        self.until(id, |what| match what {
            What::Answered { leg: of } if *of == leg => Some(Ok(leg)),
            What::Dialled { id: of, outcome, .. } if *of == id => {
                (!matches!(outcome, Outcome::Ringing | Outcome::EarlyMedia)).then_some(Err(*outcome))
            }
            _ => None,
        })
        .await
    }

    /// Joins the caller and a leg that was dialled, and waits until that leg hangs up.
    pub async fn talk_with(&mut self, leg: u32) -> Result<(), Stopped> {
        let id = self.say(Command::Bridge { leg: 0, with: Some(leg) });
        self.until(id, |what| matches!(what, What::Left { leg: of } if *of == leg).then_some(())).await
    }

    /// Sends the caller to a name or number, by the dial plan. That ends the run, so it returns only when it fails.
    pub async fn transfer(&mut self, target: &str) -> Result<(), Stopped> {
        let id = self.say(Command::Transfer { leg: 0, target: target.to_owned() });
        self.over(id).await
    }

    /// Hangs up.
    pub async fn hang_up(&mut self) -> Result<(), Stopped> {
        let id = self.say(Command::HangUp { leg: 0, status: 0 });
        self.over(id).await
    }

    /// Says any command and gives its id, for what the other methods do not do.
    pub fn say(&mut self, command: Command) -> u32 {
        self.commands += 1;
        self.conductor.post(&self.run, self.commands, command);
        self.commands
    }

    /// The next thing that happens.
    pub async fn next(&mut self) -> Result<What, Stopped> {
        match self.events.recv().await {
            None => Err(Stopped::Lost),
            Some(Event { what: What::Ended(why), .. }) => Err(Stopped::Over(why)),
            Some(Event { what, .. }) => Ok(what),
        }
    }

    /// Waits for what ends a command; what else happens meanwhile is passed over.
    async fn until<T>(&mut self, id: u32, done: impl Fn(&What) -> Option<T>) -> Result<T, Stopped> {
        loop {
            match self.next().await? {
                What::Refused { id: of, why } if of == id => return Err(Stopped::Refused(why)),
                what => {
                    if let Some(done) = done(&what) {
                        return Ok(done);
                    }
                }
            }
        }
    }

    /// Waits for the end that a command brings.
    async fn over(&mut self, id: u32) -> Result<(), Stopped> {
        match self.until(id, |_| None::<()>).await {
            Err(Stopped::Over(_)) | Ok(()) => Ok(()),
            Err(why) => Err(why),
        }
    }
}
