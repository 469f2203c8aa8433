//! The caller of a run and the media server: early media, the answer that an application gives, what the caller does
//! within its dialog meanwhile, and what the media server tells of sounds, recordings and digits.

use proto::application::What;
use proto::media::{self, Described, Ended, MediaEvent, Theirs};
use proto::{ServiceError, Ticket};
use sip::build::{self, Extra};
use sip::message::{Message, Method, Name, Status};
use sip::transaction::TransactionId;

use super::application::{Errand, Run, Waits};
use super::application_commands::{Going, GoingKind};
use super::crossing::{Kind, Stage};
use super::straight::Straight;
use super::write::session_lines;
use super::{CALLER, Call, write};
use crate::core::answer;
use crate::core::edge::Edge;
use crate::core::effect::{Effect, Turn};
use crate::core::means::{Means, User, Waiter};

impl Call {
    /// The application answers the caller.
    pub fn answer_for(&mut self, means: &mut Means, turn: &mut Turn<'_>, id: u32) {
        if !self.is_unanswered() {
            // Handed on from another application: the caller is connected.
            if self.runs.answering.is_none() {
                self.tell(turn, What::Answered { leg: 0 });
            }
            return;
        }
        let number = self.reliable.invite;
        let serial = self.open_crossing(CALLER, OURSELVES, self.server, number, Kind::Invite, self.offered);
        self.runs.answering = Some(serial);
        if let Some(run) = &mut self.runs.run {
            run.waits = Waits::Answer(id);
        }
        if let Some(sdp) = self.runs.described.clone() {
            return self.say_answer(means, turn, serial, &sdp);
        }
        if self.ask_to_attend(means, turn, serial).is_err() {
            self.fail_to_answer(means, turn, serial, "too many questions");
        }
    }

    /// The media server shall talk to the caller before the answer.
    pub fn attend_early(&mut self, means: &mut Means, turn: &mut Turn<'_>) -> Result<Ticket, &'static str> {
        if !self.offered {
            return Err("the caller has offered no media, so there are none before the answer");
        }
        let invite = std::mem::take(&mut self.runs.invite);
        let asked = Message::parse(&invite, &means.settings.limits).ok().and_then(|message| {
            let theirs = Theirs::Offer(write::sdp(&message)?);
            Some(self.attend(means, turn, CALLER, theirs, Waiter::Attended(self.id)))
        });
        self.runs.invite = invite;
        asked.ok_or("the caller's offer cannot be read")?.map_err(|_| "too many questions")
    }

    /// The media server's answer for early media is there.
    pub fn on_attended(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        answer: Result<Described, ServiceError>,
    ) {
        let Some(run) = &mut self.runs.run else { return };
        run.waits = Waits::Nothing;
        match answer {
            Ok(described) => {
                let contact = self.contact(means, CALLER);
                let rseq = self.draw_rseq();
                let lines = rseq
                    .iter()
                    .flat_map(|(text, _)| [("Require", &b"100rel"[..]), ("RSeq", text.as_bytes())]);
                let lines: write::Lines<'_> = lines.collect();
                let told = self.leg_mut(CALLER).map(|leg| leg.tell(&described.sdp));
                let (status, told) = (Status::of(183), told.as_deref());
                let octets = Self::spoken(means, self.server, status, contact.as_ref(), told, &lines);
                match &rseq {
                    Some((_, number)) => self.say_reliably(means, turn, octets, *number, true),
                    None => {
                        means.endpoint.respond(turn.now, self.server, &octets, turn.wire());
                    }
                }
                self.runs.described = Some(described.sdp.into());
            }
            Err(error) => {
                means.counters.service_errors += 1;
                if let Some((id, _)) = run.queue.pop_front() {
                    self.refuse_command(turn, id, &error.to_string());
                }
            }
        }
        self.obey_waiting(means, turn);
    }

    /// Asks what is said to a leg that the media server talks to.
    pub fn attend(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        number: u16,
        theirs: Theirs<'_>,
        who: Waiter,
    ) -> Result<Ticket, crate::core::slots::Full> {
        if number == CALLER || self.peer == Some(number) {
            self.straight = Straight::No;
        }
        let (leg, address) = (self.media_leg(number), self.address_of(number));
        self.attend_at(means, turn, leg, theirs, address, who)
    }

    /// The same for a leg that nothing came from yet.
    pub fn attend_at(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        leg: media::Leg,
        theirs: Theirs<'_>,
        address: Option<std::net::IpAddr>,
        who: Waiter,
    ) -> Result<Ticket, crate::core::slots::Full> {
        self.has_media = true;
        let effect = Effect::Attend(media::Attend { call: &self.name, leg, theirs, address });
        means.ask(turn, who, effect)
    }

    /// Asks what an INVITE or UPDATE is answered with, whose request is kept.
    pub fn ask_to_attend(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
    ) -> Result<(), crate::core::slots::Full> {
        let Some(crossing) = self.crossing(serial) else { return Ok(()) };
        let (from, server) = (crossing.from, crossing.server);
        let kept = means.read_again(Some(server));
        let message = Message::parse(&kept, &means.settings.limits).ok();
        let offer = message.as_ref().and_then(write::sdp);
        let theirs = offer.map_or(Theirs::Nothing, Theirs::Offer);
        let asked = self.attend(means, turn, from, theirs, Waiter::Crossing(self.id, serial));
        means.reading = kept;
        self.set_asked(serial, asked?);
        Ok(())
    }

    /// The media server has answered for a request that goes no further than to us.
    pub fn on_attended_crossing(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        answer: Result<Described, ServiceError>,
    ) {
        let Some(crossing) = self.crossing(serial) else { return };
        let confirms = matches!(crossing.stage, Stage::Confirming);
        match answer {
            Ok(_) if confirms => {
                self.finish_crossing(means, serial);
                self.on_caller_ready(means, turn, serial);
            }
            Ok(described) => self.say_answer(means, turn, serial, &described.sdp),
            Err(error) => {
                means.counters.service_errors += 1;
                tracing::warn!(%error, "the media server does not talk to a caller");
                if confirms {
                    self.finish_crossing(means, serial);
                    self.end(means, turn, None, Some(NO_MEDIA));
                } else {
                    self.fail_to_answer(means, turn, serial, &error.to_string());
                }
            }
        }
    }

    fn fail_to_answer(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16, why: &str) {
        if self.runs.answering != Some(serial) {
            return self.fail_crossing(means, turn, serial, Status::of(488));
        }
        self.runs.answering = None;
        self.finish_crossing(means, serial);
        self.give_up_slot(means, true);
        if let Some(run) = &mut self.runs.run
            && let Waits::Answer(id) = std::mem::replace(&mut run.waits, Waits::Nothing)
        {
            self.refuse_command(turn, id, why);
        }
        self.obey_waiting(means, turn);
    }

    /// The 2xx to a request that goes no further than to us.
    pub fn say_answer(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16, sdp: &[u8]) {
        let Some(crossing) = self.crossing(serial) else { return };
        crossing.acknowledged = crossing.offered;
        let (from, kind, server) = (crossing.from, crossing.kind, crossing.server);
        if self.holds_answer(server, serial, None, Some(sdp)) {
            return;
        }
        self.refresh_asker(means, from, server);
        let session = self.agree_session(means, turn.now, from, server);
        let session = session_lines(session.as_ref());
        let told = self.leg_mut(from).map(|leg| leg.tell(sdp));
        let contact = self.contact(means, from);
        let told = told.as_deref();
        let octets = Self::spoken(means, server, Status::of(200), contact.as_ref(), told, &session);
        means.endpoint.respond(turn.now, server, &octets, turn.wire());
        if kind != Kind::Invite {
            self.finish_crossing(means, serial);
            return self.on_prack_answered(means, turn, serial);
        }
        if let Some(dialog) = self.leg_mut(from).and_then(|leg| leg.dialog.as_mut()) {
            dialog.confirm_sent();
        }
        self.repeat_until_acknowledged(means, turn, serial, octets);
        if self.runs.answering == Some(serial) {
            means.endpoint.set_user(server, User::Conducted(self.id));
            means.errands.push_back(Errand::Answered(self.context));
            self.runs.described = Some(sdp.into());
            if let Some(run) = &mut self.runs.run {
                run.until = None;
                run.waits = Waits::Nothing;
            }
            self.obey_waiting(means, turn);
        }
        self.on_answer_said(means, turn, serial);
    }

    /// The answer to a request of a leg in words of our own.
    fn spoken(
        means: &Means,
        server: TransactionId,
        status: Status,
        contact: Option<&crate::core::text::Text>,
        sdp: Option<&[u8]>,
        more: &[(&str, &[u8])],
    ) -> Vec<u8> {
        let mut octets = Vec::with_capacity(1024);
        let kept = means.endpoint.kept_request(server).unwrap_or_default();
        if let Ok(request) = Message::parse(kept, &means.settings.limits) {
            let tag = answer::to_tag(&means.settings, &request);
            let mut lines = write::Lines::new();
            lines.extend(contact.map(|contact| ("Contact", contact.as_bytes())));
            lines.push(("Allow", write::ALLOW.as_bytes()));
            lines.extend(more.iter().copied());
            let body = sdp.map(|sdp| ("application/sdp", sdp));
            let extra =
                Extra { to_tag: Some(&tag), record_route: true, headers: &lines, body, ..Extra::default() };
            build::response(&request, status, &extra, &mut octets);
        }
        octets
    }

    /// The caller has acknowledged a 2xx that was ours alone, with the answer where we had offered.
    pub fn on_ack_for_us(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        serial: u16,
        message: &Message<'_>,
    ) {
        let Some(crossing) = self.crossing(serial) else { return };
        let (from, done) = (crossing.from, crossing.acknowledged);
        if done {
            self.finish_crossing(means, serial);
            return self.on_caller_ready(means, turn, serial);
        }
        let sdp = write::sdp(message);
        let asked = sdp.map(|sdp| {
            self.attend(means, turn, from, Theirs::Answer(sdp), Waiter::Crossing(self.id, serial))
        });
        match (asked, self.crossing(serial)) {
            (Some(Ok(ticket)), Some(crossing)) => {
                crossing.stage = Stage::Confirming;
                crossing.asked = Some(ticket);
            }
            _ => {
                self.finish_crossing(means, serial);
                self.end(means, turn, None, Some(NO_MEDIA));
            }
        }
    }

    fn on_caller_ready(&mut self, means: &mut Means, turn: &mut Turn<'_>, serial: u16) {
        if self.runs.answering == Some(serial) {
            self.runs.answering = None;
            self.announce_slot(means, turn);
            self.tell(turn, What::Answered { leg: 0 });
        }
    }

    /// A request of a leg that talks with nobody but us: it is answered here.
    pub fn attend_request(
        &mut self,
        means: &mut Means,
        turn: &mut Turn<'_>,
        message: &Message<'_>,
        server: TransactionId,
        number: u16,
    ) {
        let cseq = message.cseq().map_or(0, |cseq| cseq.number);
        let offers = write::sdp(message).is_some();
        match message.method() {
            Some(Method::Invite) => {
                let serial = self.open_crossing(number, OURSELVES, server, cseq, Kind::Invite, offers);
                if self.ask_to_attend(means, turn, serial).is_err() {
                    self.fail_crossing(means, turn, serial, Status::of(500));
                }
            }
            Some(Method::Update) if offers => {
                let serial = self.open_crossing(number, OURSELVES, server, cseq, Kind::Update, true);
                if self.ask_to_attend(means, turn, serial).is_err() {
                    self.fail_crossing(means, turn, serial, Status::of(500));
                }
            }
            Some(Method::Update) => {
                self.refresh_asker(means, number, server);
                let contact = self.contact(means, number);
                let session = self.agree_session(means, turn.now, number, server);
                let session = session_lines(session.as_ref());
                let octets = Self::spoken(means, server, Status::of(200), contact.as_ref(), None, &session);
                means.endpoint.respond(turn.now, server, &octets, turn.wire());
            }
            Some(Method::Info) => {
                let digit = dialled(message);
                let status = if digit.is_some() || message.body().is_empty() { 200 } else { 415 };
                Self::refuse(means, turn, server, Status::of(status));
                if let Some(digit) = digit {
                    self.press(means, turn, number, digit);
                }
            }
            // RFC 3515 §2.4.2: understood, and there is nobody whom it could be done with.
            Some(Method::Refer) => {
                tracing::info!(call_id = %self.shown_call_id(), "a phone that talks with nobody transfers");
                Self::refuse(means, turn, server, Status::of(603));
            }
            Some(Method::Options | Method::Message) => Self::refuse(means, turn, server, Status::of(200)),
            _ => {
                answer::respond(means, turn, server, Status::of(405), None, &[("Allow", write::ALLOW)]);
            }
        }
    }

    /// A digit that came beside the sound does what one in it would do, and comes back as an event of the media server.
    pub fn press(&mut self, means: &mut Means, turn: &mut Turn<'_>, number: u16, digit: char) {
        let (call, leg) = (&*self.name, self.media_leg(number));
        let effect = Effect::Press(media::Press { call, leg, digit });
        if means.ask(turn, Waiter::Begun(self.id, 0), effect).is_err() {
            tracing::debug!(call, "too many questions: a digit is lost");
        }
    }

    fn on_digit(&mut self, turn: &mut Turn<'_>, number: u16, digit: char) {
        if let Some(leg) = self.name_of(number) {
            self.tell(turn, What::Digit { leg, digit });
        }
    }

    /// The application's name of a leg.
    pub fn name_of(&self, number: u16) -> Option<u32> {
        if number == CALLER {
            return Some(0);
        }
        self.runs.legs.iter().find(|(_, ours)| *ours == number).map(|(leg, _)| *leg)
    }

    /// Something of a run has ended, or a digit came.
    pub fn on_media_event(&mut self, means: &mut Means, turn: &mut Turn<'_>, event: MediaEvent) {
        if let MediaEvent::Played { id, .. } = event {
            self.has_apologised(means, turn, id);
        }
        match event {
            MediaEvent::Digit { leg, digit, .. } => {
                let number = self.legs.iter().position(|known| known.media == leg.number);
                let number = number.and_then(|number| u16::try_from(number).ok());
                self.on_digit(turn, number.unwrap_or(OURSELVES), digit);
            }
            MediaEvent::Played { id, why, .. } => {
                self.on_over(turn, id, |going| What::Played { leg: going.leg, id: going.id, why })
            }
            MediaEvent::Recorded { id, file, length, why, .. } => {
                self.on_over(turn, id, |going| What::Recorded {
                    leg: going.leg,
                    id: going.id,
                    file,
                    length,
                    why,
                });
            }
            MediaEvent::Collected { id, digits, why, .. } => {
                self.on_over(turn, id, |going| What::Collected { leg: going.leg, id: going.id, digits, why });
            }
            MediaEvent::Inactive { .. } | MediaEvent::Flow { .. } | MediaEvent::Idle | MediaEvent::Gone => {}
        }
    }

    fn on_over(&mut self, turn: &mut Turn<'_>, begun: u32, what: impl FnOnce(&Going) -> What) {
        if let Some(run) = &mut self.runs.run
            && let Some(going) = run.take(begun)
        {
            run.tell(turn, what(&going));
            return;
        }
        for place in 0..self.runs.leaving.len() {
            let run = &mut self.runs.leaving[place];
            if let Some(going) = run.take(begun) {
                run.tell(turn, what(&going));
                return self.part_with(turn, place);
            }
        }
    }

    /// The ends of what goes on may have been missed: nothing is waited for that may never come.
    pub fn on_events_missed(&mut self, turn: &mut Turn<'_>) {
        let all = self.runs.run.iter().chain(&self.runs.leaving);
        let going: Vec<Going> = all.flat_map(|run| run.going.iter().copied()).collect();
        for going in going.into_iter().filter(|going| going.kind != GoingKind::Join) {
            let (leg, id, why) = (going.leg, going.id, Ended::Failed);
            self.on_over(turn, going.begun, |_| match going.kind {
                GoingKind::Play | GoingKind::Join => What::Played { leg, id, why },
                GoingKind::Record => {
                    What::Recorded { leg, id, file: String::new(), length: std::time::Duration::ZERO, why }
                }
                GoingKind::Collect => What::Collected { leg, id, digits: String::new(), why },
            });
        }
    }
}

impl Run {
    /// Takes what goes on under that number off the list.
    pub fn take(&mut self, begun: u32) -> Option<Going> {
        let place = self.going.iter().position(|going| going.begun == begun)?;
        Some(self.going.remove(place))
    }
}

impl Edge {
    /// Events of the media server may have been missed.
    pub(crate) fn on_media_lost(&mut self, turn: &mut Turn<'_>) {
        let of_runs = |call: &&Call| call.runs.run.is_some() || call.lingers();
        let calls: Vec<_> = self.means.calls.iter().filter(of_runs).map(|call| call.id).collect();
        for slot in calls {
            self.means.with_call(turn, slot, |call, _, turn| call.on_events_missed(turn));
        }
    }
}

/// The digit of an INFO: `application/dtmf-relay` says `Signal=5`, `application/dtmf` the digit alone.
pub(crate) fn dialled(message: &Message<'_>) -> Option<char> {
    let kind = message.first(Name::ContentType)?;
    let kind = kind.split(|octet| *octet == b';').next()?.trim_ascii().to_ascii_lowercase();
    let body = std::str::from_utf8(message.body()).ok()?;
    let said = match &*kind {
        b"application/dtmf-relay" => body.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case("signal").then_some(value)
        })?,
        b"application/dtmf" => body,
        _ => return None,
    };
    match said.trim() {
        "10" => Some('*'),
        "11" => Some('#'),
        number @ ("12" | "13" | "14" | "15") => {
            number.as_bytes().get(1).map(|last| char::from(last - b'2' + b'A'))
        }
        said => said.chars().next().map(|digit| digit.to_ascii_uppercase()).filter(|digit| is_digit(*digit)),
    }
}

fn is_digit(digit: char) -> bool {
    matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D')
}

/// What stands for the other leg of a request that is answered here.
pub(crate) const OURSELVES: u16 = u16::MAX;
/// RFC 3326: why a call ends that cannot be heard.
const NO_MEDIA: &[u8] = b"SIP;cause=488;text=\"No Media\"";
