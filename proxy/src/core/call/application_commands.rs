//! What an application wants done in a call. A command is done, or refused by an event; some wait until the media
//! server talks to the caller, and those behind them wait with them.

use proto::application::{Command, Parting, Sound, What};
use proto::media;
use proto::{ServiceError, Ticket};

use super::application::{Errand, Waits};
use super::{CALLER, Call};
use crate::core::best::Answer;
use crate::core::edge::Edge;
use crate::core::effect::{Effect, Said, Turn};
use crate::core::means::{Means, Waiter};
use crate::core::slots::Full;

/// Something that a leg hears or says, under way at the media server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Going {
    /// Its number there: no other of the call has it.
    pub begun: u32,
    /// The command's.
    pub id: u32,
    /// The application's name of the leg.
    pub leg: u32,
    /// Ours.
    pub number: u16,
    pub kind: GoingKind,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GoingKind {
    Play,
    Record,
    Collect,
    /// Two legs are joined: only a refusal is told.
    Join,
}

impl Going {
    /// True when its end is told even after the call's.
    pub fn is_reported(&self) -> bool {
        match self.kind {
            GoingKind::Play | GoingKind::Join => false,
            GoingKind::Record | GoingKind::Collect => true,
        }
    }
}

impl Edge {
    /// An application says something of a run; what it says of one that is over is too late.
    pub(crate) fn on_said(&mut self, turn: &mut Turn<'_>, run: &str, said: Said) {
        let call = run.rsplit_once('.').map(|(call, _)| call);
        let Some(slot) = call.and_then(|call| self.means.calls.named(call)) else { return };
        self.means.with_call(turn, slot, |call, means, turn| match said {
            Said::Command(id, command) => call.on_command(means, turn, run, id, command),
            Said::Ended(why) => call.on_application_ended(means, turn, run, why),
        });
    }

    /// Does what conducted calls want of requests under way.
    pub(crate) fn on_errands(&mut self, turn: &mut Turn<'_>) {
        while let Some(errand) = self.means.errands.pop_front() {
            match errand {
                Errand::Answered(context) => self.with_context(turn, context, |context, means, turn| {
                    context.on_application_answered(means, turn);
                }),
                Errand::GiveBack(context) => self.with_context(turn, context, |context, means, turn| {
                    if context.held {
                        context.held = false;
                        let why = Answer::Local("Temporarily Unavailable");
                        context.best.consider(480, why, smallvec::SmallVec::new());
                        context.advance(means, turn);
                    }
                }),
                Errand::Abandon(context) => self.with_context(turn, context, |context, means, turn| {
                    context.give_up(means, turn, "Server Internal Error");
                }),
                Errand::Reroute(context, order) => self.reroute(turn, context, &order),
                Errand::Ring(call, order) => self.ring(turn, call, &order),
                Errand::Silence(context) => self.with_context(turn, context, |context, means, turn| {
                    context.on_cancel(means, turn, None);
                }),
                Errand::RingFailed(call, serial, why) => self.on_ring_failed(turn, call, serial, why),
                Errand::Unacknowledged(context) => {
                    self.with_context(turn, context, |context, means, turn| {
                        context.give_up(means, turn, "Not Acknowledged");
                    })
                }
                Errand::Refuse(context, status) => {
                    self.with_context(turn, context, |context, means, turn| {
                        context.held = false;
                        context.answer_ourselves(means, turn, status, None, &[]);
                    })
                }
            }
        }
    }
}

impl Call {
    fn on_command(&mut self, means: &mut Means, turn: &mut Turn<'_>, name: &str, id: u32, command: Command) {
        let Some(run) = self.runs.run.as_mut().filter(|run| *run.name == *name) else { return };
        if run.waits == Waits::Nothing {
            self.stir();
            self.obey(means, turn, id, command);
        } else if run.queue.len() < COMMANDS_MAX {
            run.queue.push_back((id, command));
        } else {
            self.refuse_command(turn, id, "too many commands wait");
        }
    }

    fn on_application_ended(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        name: &str,
        why: Result<(), ServiceError>,
    ) {
        self.runs.leaving.retain(|run| *run.name != *name);
        if self.runs.run.as_ref().is_none_or(|run| *run.name != *name) {
            return;
        }
        if let Err(error) = why {
            means.counters.runs_lost += 1;
            tracing::warn!(run = name, %error, "an application has lost a call: the dial plan goes on");
        }
        self.lose_run(means, turn);
    }

    /// Goes on with the commands that waited.
    pub fn obey_waiting(&mut self, means: &mut Means, turn: &mut Turn<'_>) {
        while let Some(run) = self.runs.run.as_mut().filter(|run| run.waits == Waits::Nothing)
            && let Some((id, command)) = run.queue.pop_front()
        {
            self.obey(means, turn, id, command);
        }
    }

    fn obey(&mut self, means: &mut Means, turn: &mut Turn<'_>, id: u32, command: Command) {
        if self.over || self.ending.is_some() {
            return self.refuse_command(turn, id, "the call ends");
        }
        match command {
            Command::Answer => self.answer_for(means, turn, id),
            Command::Play { leg, .. } | Command::Record { leg, .. } | Command::Collect { leg, .. } => {
                let Some(number) = self.number_of(leg) else { return self.refuse_leg(turn, id, leg) };
                if self.may_begin(means, turn, id, number, &command) {
                    self.begin(means, turn, id, (leg, number), &command);
                }
            }
            Command::Stop { leg, id: of } => {
                let Some(number) = self.number_of(leg) else { return self.refuse_leg(turn, id, leg) };
                let going = self.runs.run.iter().flat_map(|run| &run.going);
                let begun = going.filter(|going| going.id == of).map(|going| going.begun).next();
                match (of, begun) {
                    (0, _) => self.stop(means, turn, number, 0),
                    (_, Some(begun)) => self.stop(means, turn, number, begun),
                    // It has ended already: no error.
                    (_, None) => {}
                }
            }
            Command::HangUp { leg: 0, status } => {
                self.leave_run(means, turn, Parting::Application);
                if self.is_unanswered() {
                    let status = if (300..700).contains(&status) { status } else { 480 };
                    means.errands.push_back(Errand::Refuse(self.context, status));
                } else {
                    self.end(means, turn, None, None);
                }
            }
            Command::Dial { leg, target, within } => self.dial(means, turn, id, leg, target, within),
            Command::Transfer { leg: 0, target } => self.transfer(means, turn, id, target),
            Command::Transfer { .. } => {
                self.refuse_command(turn, id, "only the caller can be sent elsewhere")
            }
            Command::Bridge { leg, with } => {
                if self.bridges_early(means, turn, id, leg, with) {
                    return;
                }
                let both = self
                    .attended_leg(leg)
                    .zip(with.map_or(Some(None), |with| self.attended_leg(with).map(Some)));
                match both {
                    Some((number, with)) if with != Some(number) => self.join(means, turn, id, number, with),
                    Some(_) | None => self.refuse_command(turn, id, "these legs cannot be joined"),
                }
            }
            Command::Hold { leg, on } => match self.attended_leg(leg) {
                Some(number) => self.hold(means, turn, id, number, on),
                None => self.refuse_leg(turn, id, leg),
            },
            Command::HangUp { leg, .. } => {
                if !self.hang_up_of(means, turn, leg) {
                    self.refuse_leg(turn, id, leg);
                }
            }
            Command::Unknown(why) => self.refuse_command(turn, id, &why),
        }
    }

    /// Tells the application that a command cannot be done.
    pub fn refuse_command(&mut self, turn: &mut Turn<'_>, id: u32, why: &str) {
        if let Some(run) = &self.runs.run {
            tracing::debug!(run = &*run.name, id, why, "a command of an application is refused");
        }
        self.tell(turn, What::Refused { id, why: why.to_owned() });
    }

    fn refuse_leg(&mut self, turn: &mut Turn<'_>, id: u32, leg: u32) {
        self.refuse_command(turn, id, &format!("no leg {leg} in this call"));
    }

    /// Our number of a leg that the application names.
    fn number_of(&self, leg: u32) -> Option<u16> {
        if leg == 0 {
            return Some(CALLER);
        }
        self.runs.legs.iter().find(|(known, _)| *known == leg).map(|(_, number)| *number)
    }

    /// The same, when the media server talks to it.
    fn attended_leg(&self, leg: u32) -> Option<u16> {
        let number = self.number_of(leg)?;
        let is_there = self.leg(number).is_some_and(|leg| leg.dialog.is_some());
        (is_there && (number != CALLER || !self.is_unanswered())).then_some(number)
    }

    /// True when the media server talks to this leg; otherwise the command waits until it does, or is refused.
    fn may_begin(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        id: u32,
        number: u16,
        command: &Command,
    ) -> bool {
        if number != CALLER || self.runs.described.is_some() || !self.is_unanswered() {
            return true;
        }
        match self.attend_early(means, turn) {
            Ok(ticket) => {
                if let Some(run) = &mut self.runs.run {
                    run.waits = Waits::EarlyMedia(ticket);
                    run.queue.push_front((id, command.clone()));
                }
            }
            Err(why) => self.refuse_command(turn, id, why),
        }
        false
    }

    /// Begins what is played, recorded or collected.
    fn begin(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        id: u32,
        (leg, number): (u32, u16),
        command: &Command,
    ) {
        if self.runs.run.as_ref().is_none_or(|run| run.going.len() >= GOING_MAX) {
            return self.refuse_command(turn, id, "too much goes on at once");
        }
        self.runs.begun += 1;
        let begun = self.runs.begun;
        let (kind, asked) = match self.ask_for(means, turn, begun, number, command) {
            Ok(asked) => asked,
            Err(why) => return self.refuse_command(turn, id, &why),
        };
        match (asked, &mut self.runs.run) {
            (Ok(_), Some(run)) => run.going.push(Going { begun, id, leg, number, kind }),
            (Ok(_), None) => {}
            (Err(Full), _) => self.refuse_command(turn, id, "too many questions"),
        }
    }

    fn ask_for(
        &self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        begun: u32,
        number: u16,
        command: &Command,
    ) -> Result<(GoingKind, Result<Ticket, Full>), String> {
        let (call, leg, id) = (&*self.name, self.media_leg(number), begun);
        let who = Waiter::Begun(self.id, begun);
        Ok(match command {
            Command::Play { sounds, repeat, stop_on_digit, .. } => {
                let sounds: Vec<_> = sounds.iter().map(sound).collect();
                let (repeat, stop_on_digit) = (*repeat, *stop_on_digit);
                let play = media::Play { call, leg, id, sounds: &sounds, repeat, stop_on_digit };
                (GoingKind::Play, means.ask(turn, who, Effect::Play(play)))
            }
            Command::Record { to, max, silence, stop_digits, both_sides, beep, .. } => {
                let (max, silence, both_sides, beep) = (*max, *silence, *both_sides, *beep);
                let record = media::Record { call, leg, id, to, max, silence, stop_digits, both_sides, beep };
                (GoingKind::Record, means.ask(turn, who, Effect::Record(record)))
            }
            Command::Collect { digits_max, first, between, end_digits, .. } => {
                let (digits_max, first, between) = (*digits_max, *first, *between);
                let collect = media::Collect { call, leg, id, digits_max, first, between, end_digits };
                (GoingKind::Collect, means.ask(turn, who, Effect::Collect(collect)))
            }
            _ => return Err("not done here".into()),
        })
    }

    /// The media server has begun something, or cannot.
    pub fn on_begun(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        begun: u32,
        answer: Result<(), ServiceError>,
    ) {
        let Err(error) = answer else {
            let is_joined = |going: &Going| going.begun == begun && going.kind == GoingKind::Join;
            if let Some(run) = &mut self.runs.run {
                run.going.retain(|going| !is_joined(going));
            }
            return;
        };
        self.has_apologised(means, turn, begun);
        means.counters.service_errors += u64::from(!matches!(error, ServiceError::Refused(_)));
        if let Some(going) = self.runs.run.as_mut().and_then(|run| run.take(begun)) {
            self.refuse_command(turn, going.id, &error.to_string());
        }
        for place in (0..self.runs.leaving.len()).rev() {
            self.runs.leaving[place].take(begun);
            self.part_with(turn, place);
        }
    }

    /// A run that is over has nothing left to be told.
    pub fn part_with(&mut self, turn: &mut Turn<'_>, place: usize) {
        if self.runs.leaving[place].going.is_empty() {
            let mut run = self.runs.leaving.remove(place);
            run.tell(turn, What::Ended(run.parting));
        }
    }
}

/// The media server's name of a sound.
fn sound(sound: &Sound) -> media::Sound<'_> {
    match sound {
        Sound::File(name) => media::Sound::File(name),
        Sound::Clip { language, name } => media::Sound::Clip { language, name },
        Sound::Tone(tone) => media::Sound::Tone(*tone),
        Sound::Silence(time) => media::Sound::Silence(*time),
    }
}

/// Commands of one run that wait.
const COMMANDS_MAX: usize = 64;
/// What one run plays, records and collects at once.
const GOING_MAX: usize = 16;
