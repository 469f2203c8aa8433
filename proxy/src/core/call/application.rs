//! A conducted call in the hands of an application: a run. What happened is told in numbered events; what is wanted
//! comes back as commands ([`super::application_commands`]). The media server talks to the caller meanwhile
//! ([`super::application_media`]).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proto::application::{Event, Parting, Party, Reached, Started, What};
use proto::{Ticket, media};
use sip::header::Diversion;
use sip::message::{Message, Name};
use smallvec::SmallVec;

use super::application_commands::Going;
use super::application_legs::Ringing;
use super::application_ring::Order;
use super::{CALLER, Call};
use crate::core::divert::Chain;
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, Waiter};
use crate::core::plan::application_of;
use crate::core::route::Decision;
use crate::core::slots::Slot;

/// What a conducted call knows of applications.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// The application that holds the call now.
    pub run: Option<Box<Run>>,
    /// Runs that are over, but for what was being recorded or collected.
    pub leaving: SmallVec<[Box<Run>; 1]>,
    /// How many there were.
    pub count: u16,
    /// The caller's INVITE, once it was handed to an application.
    pub invite: Box<[u8]>,
    /// What the media server has said to the caller, when it talks to him itself.
    pub described: Option<Box<[u8]>>,
    /// The legs that the application had called: its name and ours.
    pub legs: SmallVec<[(u32, u16); 1]>,
    /// Who is being rung for it.
    pub rings: SmallVec<[Ringing; 1]>,
    /// How often a leg had the place of one that was rung before.
    pub respent: u32,
    /// How often somebody was.
    pub rung: u16,
    /// Legs on hold, and whom they heard before.
    pub held: SmallVec<[(u16, Option<u16>); 1]>,
    /// Who calls, as applications are told.
    pub caller: Party,
    /// The language that he was said to want.
    pub language: String,
    /// True from an application's sending the call on until another has it.
    pub is_sent_on: bool,
    /// How often the call was sent on.
    pub diversions: u8,
    /// By whom, before it came here.
    pub chain: Chain,
    /// What the dial plan has left: its decision, and the place of the next step.
    pub rest: Option<(Decision, usize)>,
    /// The number of the last words, and when they have taken too long.
    pub apology: Option<(u32, Instant)>,
    /// The crossing of the caller's INVITE when an application has answered it.
    pub answering: Option<u16>,
    /// The number that was given last to what is played, recorded or collected.
    pub begun: u32,
    /// The application that begins once the caller has a session of ours.
    pub next: Option<Box<Started>>,
}

/// One call in the hands of one application.
#[derive(Debug)]
pub(crate) struct Run {
    /// The call's name, a dot, and which of its runs.
    pub name: Box<str>,
    /// The application's name.
    pub application: Box<str>,
    /// How it began, but for the headers.
    pub started: Box<Started>,
    /// The number of the last event.
    pub number: u64,
    /// Commands that wait for the media server, in their order.
    pub queue: VecDeque<(u32, proto::application::Command)>,
    /// What they wait for.
    pub waits: Waits,
    /// What is being played, recorded and collected.
    pub going: SmallVec<[Going; 2]>,
    /// Why it ends, unless somebody else is the cause.
    pub parting: Parting,
    /// When it has had the caller waiting, in silence, or its last words, for too long.
    pub until: Option<Instant>,
}

/// What the commands of a run wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Nothing.
    Nothing,
    /// The answer to the caller, under that command's id.
    Answer(u32),
    /// Early media.
    EarlyMedia(Ticket),
}

/// What a conducted call wants of the edge, which owns the requests under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Errand {
    /// An application has answered the INVITE of this context.
    Answered(Slot),
    /// The call is given back to the dial plan.
    GiveBack(Slot),
    /// The application refuses the INVITE with this status.
    Refuse(Slot, u16),
    /// The caller does not acknowledge what he requires (RFC 3262 §3).
    Unacknowledged(Slot),
    /// A panic has taken the call of this context.
    Abandon(Slot),
    /// It sends the INVITE elsewhere.
    Reroute(Slot, Box<Order>),
    /// Somebody is to be rung for this call.
    Ring(Slot, Box<Order>),
    /// This context rings no longer.
    Silence(Slot),
    /// Nobody is reached by that ringing of this call.
    RingFailed(Slot, u16, Reached),
}

impl Call {
    /// Hands the call to an application; false when it cannot be had.
    pub fn begin_run(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        started: Started,
        invite: &[u8],
    ) -> bool {
        let is_transferred = self.transfer.is_some();
        if is_transferred {
            self.part_with_transferor(means, turn);
            self.hush_caller(means, turn);
        }
        self.leave_run(means, turn, Parting::Transferred);
        for ring in std::mem::take(&mut self.runs.rings) {
            self.silence(means, turn, &ring);
        }
        self.runs.apology = None;
        if self.over || self.runs.count >= RUNS_MAX {
            return false;
        }
        if self.runs.invite.is_empty() {
            self.runs.invite = invite.into();
            self.runs.caller = started.caller.clone();
            self.runs.language.clone_from(&started.language);
            self.runs.diversions = diversions(invite, means);
        }
        self.runs.count += 1;
        self.runs.is_sent_on = false;
        let name = format!("{}.{}", self.name, self.runs.count);
        let patience = *means.settings.config.ring_timeout;
        self.runs.run = Some(Box::new(Run {
            name: name.into(),
            application: application_of(&started.purpose).into(),
            started: Box::new(Started { headers: Vec::new(), ..started.clone() }),
            number: 0,
            queue: VecDeque::new(),
            waits: Waits::Nothing,
            going: SmallVec::new(),
            parting: Parting::Caller,
            until: self.is_unanswered().then(|| turn.now + patience),
        }));
        let is_told = self.tell(turn, What::Started(Box::new(started)));
        if is_told {
            means.counters.runs += 1;
            if is_transferred {
                // Who was on hold hears it already, and says nothing until he is asked to.
                self.renew(means, turn, CALLER);
            }
        } else {
            means.counters.runs_refused += 1;
            self.runs.run = None;
        }
        is_told
    }

    /// Its time begins anew: something was said.
    pub fn stir(&mut self) {
        let is_answered = !self.is_unanswered();
        if let Some(run) = self.runs.run.as_mut().filter(|_| is_answered) {
            run.until = None;
        }
    }

    /// Notes since when the application leaves a caller whom it has answered in silence.
    pub fn watch_silence(&mut self, means: &Means, now: Instant) {
        if self.is_unanswered() {
            return;
        }
        let is_alone = self.peer.is_none()
            && self.transfer.is_none()
            && self.runs.rings.is_empty()
            && self.runs.legs.is_empty()
            && self.runs.held.is_empty();
        let patience = *means.settings.config.application_idle;
        let Some(run) = &mut self.runs.run else { return };
        let is_silent = is_alone && run.going.is_empty() && run.waits == Waits::Nothing;
        if !is_silent || patience.is_zero() {
            run.until = None;
        } else {
            run.until.get_or_insert(now + patience);
        }
    }

    /// Tells the application what happened; false when nobody hears it.
    pub fn tell(&mut self, turn: &mut Turn<'_>, what: What) -> bool {
        self.stir();
        self.runs.run.as_mut().is_some_and(|run| run.tell(turn, what))
    }

    /// The run of that name has ended, or will when all that was being recorded and collected is reported.
    pub fn leave_run(&mut self, means: &mut Means, turn: &mut Turn<'_>, parting: Parting) {
        let Some(mut run) = self.runs.run.take() else { return };
        run.parting = parting;
        run.queue.clear();
        let waits = std::mem::replace(&mut run.waits, Waits::Nothing);
        self.stop_waiting(means, waits);
        let legs: SmallVec<[u16; 2]> = run.going.iter().map(|going| going.number).collect();
        for (place, number) in legs.iter().enumerate() {
            if !legs[..place].contains(number) {
                self.stop(means, turn, *number, 0);
            }
        }
        run.going.retain(|going| going.is_reported());
        self.leave_legs(means, turn, &mut run, true);
        if run.going.is_empty() {
            run.tell(turn, What::Ended(parting));
        } else {
            run.until = Some(turn.now + LAST_WORDS);
            self.runs.leaving.push(run);
        }
    }

    /// The application says nothing more of its run, and the call stands.
    pub fn lose_run(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let Some(mut run) = self.runs.run.take() else { return };
        self.stop_waiting(means, run.waits);
        if !run.going.is_empty() {
            self.stop(means, turn, CALLER, 0);
        }
        // It hears nothing more.
        run.application = Box::default();
        self.leave_legs(means, turn, &mut run, false);
        self.go_on(means, turn);
    }

    fn stop_waiting(&mut self, means: &mut Means, waits: Waits) {
        match waits {
            Waits::Nothing => {}
            Waits::EarlyMedia(ticket) => {
                means.questions.close(ticket);
            }
            Waits::Answer(_) => {
                if let Some(serial) = self.runs.answering.take() {
                    self.finish_crossing(means, serial);
                }
            }
        }
    }

    /// Ends what this leg hears and says: one thing, or with 0 all of it.
    pub fn stop(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16, id: u32) {
        if !self.has_media {
            return;
        }
        let effect = Effect::Stop(media::Stop { call: &self.name, leg: self.media_leg(number), id });
        if means.ask(turn, Waiter::Begun(self.id, 0), effect).is_err() {
            tracing::debug!(call = &*self.name, "too many questions: something is played on");
        }
    }

    /// True while what was recorded when the call ended is not reported yet.
    pub fn lingers(&self) -> bool {
        !self.runs.leaving.is_empty()
    }

    /// The moments of its runs.
    pub fn run_deadline(&self) -> Option<Instant> {
        let all = self.runs.run.iter().chain(&self.runs.leaving);
        let apology = self.runs.apology.map(|(_, until)| until);
        all.filter_map(|run| run.until).chain(apology).min()
    }

    /// One of them may have come.
    pub fn on_run_time(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        let now = turn.now;
        let is_due = |run: &Run| run.until.is_some_and(|until| until <= now);
        while let Some(place) = self.runs.leaving.iter().position(|run| is_due(run)) {
            let mut run = self.runs.leaving.remove(place);
            means.counters.runs_cut += 1;
            run.tell(turn, What::Ended(run.parting));
        }
        if let Some((begun, _)) = self.runs.apology.filter(|(_, until)| *until <= now) {
            self.has_apologised(means, turn, begun);
        }
        if let Some(run) = self.runs.run.as_ref().filter(|run| is_due(run)) {
            means.counters.runs_cut += 1;
            tracing::warn!(run = &*run.name, "an application lets a caller wait for too long");
            turn.out.forget(&run.application, &run.name);
            self.lose_run(means, turn);
        }
    }
}

impl Run {
    /// Tells the application what happened.
    pub fn tell(&mut self, turn: &mut Turn<'_>, what: What) -> bool {
        self.number += 1;
        let event = Event { number: self.number, at_ms: turn.unix_ms, what };
        turn.out.tell(&self.application, &self.name, event)
    }
}

/// Runs of one call; steps and transfers that go round in a circle end here.
const RUNS_MAX: u16 = 20;
/// How long the last recording of a run may take to be reported.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How often a call was sent on before it came here (RFC 5806 §4).
fn diversions(invite: &[u8], means: &Means) -> u8 {
    let Ok(message) = Message::parse(invite, &means.settings.limits) else { return 0 };
    let read = message.elements(Name::Diversion).filter_map(|element| Diversion::parse(element).ok());
    let count: u64 = read.map(|diversion| u64::from(diversion.counter())).sum();
    u8::try_from(count).unwrap_or(u8::MAX)
}
