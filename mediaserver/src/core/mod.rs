//! The sessions of one thread: tables of calls and ports, and no I/O. Time is an argument; ports, packets and events go
//! through [`Out`].

mod attend;
mod describe;
mod flow;
mod latch;
mod leg;
mod received;
mod relay;
mod reports;
mod session;
#[cfg(test)]
mod tests;
mod transcoder;
mod voice;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use proto::ServiceError;
use proto::media::{
    Answer, Attend, Bridge, Collect, Described, Ended, Leg, LegStatistics, MediaEvent, Offer, Press, Record,
    Release, Released, Stop,
};
use rtp::ntp::NtpTime;
use rtp::sdp::{self, Sdp};
use session::Session;
pub use voice::{Clip, Piece, Playing};
use voice::{Scratch, TICK};

/// One of our ports, by its place in the tables of its thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortId(pub u32);

/// Two ports for one stream of a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// For RTP.
    pub rtp: PortId,
    /// For RTCP.
    pub rtcp: PortId,
    /// What SDP says of them; RTCP is on the next port.
    pub shown: SocketAddr,
}

/// What the sessions need of the machine.
pub trait Out {
    /// Two free ports at the address that suits a peer over there, of this family. `None` when they have run out, or
    /// when there is no such address.
    fn take(&mut self, near: Option<IpAddr>, family: Option<Family>) -> Option<Pair>;
    /// Gives them back.
    fn give_back(&mut self, pair: Pair);
    /// Sends a packet from one of our ports.
    fn send(&mut self, from: PortId, to: SocketAddr, octets: &[u8]);
    /// Begins a recording of this name; gives what it is known by, and `None` when too much waits for the disk.
    fn begin_recording(&mut self, name: &str, form: Form) -> Option<u64>;
    /// Goes on with it.
    fn record(&mut self, key: u64, recorded: Recorded<'_>);
    /// Tells whoever follows.
    fn tell(&mut self, call: &str, event: MediaEvent);
}

/// What a recording holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Samples a second of a channel, each of 16 bits.
    pub rate: u32,
    /// One for what the leg says, and another one for what it hears where that is kept too.
    pub channels: u8,
}

/// What becomes of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded<'a> {
    /// It goes on; channels side by side.
    Samples(&'a [i16]),
    /// It is over. Once the file can be played, [`MediaEvent::Recorded`] is told.
    End {
        /// Whose it is.
        call: &'a str,
        /// Which leg.
        leg: Leg,
        /// What it was begun under.
        id: u32,
        /// Samples of each channel at its end that are not kept.
        cut: usize,
        /// Why it ended.
        why: Ended,
    },
}

/// Which Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

impl Family {
    /// That of an address.
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// The limits and terms of the sessions of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How many sessions may stand.
    pub sessions_max: usize,
    /// How many legs a session may have.
    pub legs_max: usize,
    /// How many streams a leg may have; those beyond it are refused in the answer.
    pub streams_max: usize,
    /// After so long without a packet of a leg that should send, [`MediaEvent::Inactive`] is told.
    pub inactivity: Duration,
    /// After so long without a packet of a leg whose peer is heard, [`Flow::OneWay`](proto::media::Flow::OneWay) is told.
    pub one_way: Duration,
    /// After so long of nothing but silence, [`Flow::Quiet`](proto::media::Flow::Quiet) is told.
    pub quiet: Duration,
    /// What descriptions are read by.
    pub sdp: sdp::Limits,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            sessions_max: 10_000,
            legs_max: 64,
            streams_max: 8,
            inactivity: Duration::from_secs(60),
            one_way: Duration::from_secs(1),
            quiet: Duration::from_secs(10),
            sdp: sdp::Limits::default(),
        }
    }
}

/// What happened so far on one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Sessions that stand.
    pub sessions: usize,
    /// Sessions made.
    pub sessions_begun: u64,
    /// Packets relayed.
    pub relayed: u64,
    /// Octets of them.
    pub relayed_octets: u64,
    /// Packets from elsewhere than the leg's own address.
    pub strays: u64,
    /// Packets that had nowhere to go: no answer yet, on hold, no peer.
    pub unrouted: u64,
    /// Sessions that were idle, and that nobody asked for any more.
    pub forsaken: u64,
    /// Packets on ports of no session any more.
    pub orphans: u64,
    /// Questions refused because a table was full or ports ran out.
    pub overloaded: u64,
    /// Legs that fell silent.
    pub inactive: u64,
    /// Times that nothing came from a leg while its peer was heard.
    pub one_way: u64,
    /// Legs of which that is so now.
    pub one_way_now: u64,
    /// Times that nothing but silence came from a leg.
    pub quiet: u64,
    /// Reports of our own that were sent.
    pub reports: u64,
    /// Legs that ended and whose sound can be judged.
    pub judged: u64,
    /// Those of them that sounded poor: a mean opinion score below 3.1, where nearly all are dissatisfied.
    pub poor: u64,
}

/// Which stream of which leg a port belongs to.
#[derive(Debug, Clone, Copy)]
struct Use {
    session: u32,
    leg: u16,
    stream: u16,
    is_rtcp: bool,
}

/// Whose port is whose.
#[derive(Debug, Default)]
struct Uses(Vec<Option<Use>>);

impl Uses {
    fn set(&mut self, port: PortId, used: Option<Use>) {
        let at = port.0 as usize;
        if self.0.len() <= at {
            self.0.resize(at + 1, None);
        }
        self.0[at] = used;
    }

    fn of(&self, port: PortId) -> Option<Use> {
        self.0.get(port.0 as usize).copied().flatten()
    }
}

/// All sessions of one thread.
#[derive(Debug)]
pub struct Sessions {
    terms: Terms,
    slots: Vec<Option<Session>>,
    free: Vec<u32>,
    names: HashMap<Box<str>, u32>,
    uses: Uses,
    counters: Counters,
    /// The session ids of SDP are drawn from here.
    seed: u64,
    is_draining: bool,
    /// Legs at which something goes on.
    active: Vec<(u32, u16)>,
    tick_at: Option<Instant>,
    scratch: Scratch,
    /// When time began, for reports.
    epoch: Option<Instant>,
}

impl Sessions {
    /// None yet. `seed` makes the session ids of our descriptions.
    pub fn new(terms: Terms, seed: u64) -> Self {
        Sessions {
            terms,
            slots: Vec::new(),
            free: Vec::new(),
            names: HashMap::new(),
            uses: Uses::default(),
            counters: Counters::default(),
            seed,
            is_draining: false,
            active: Vec::new(),
            tick_at: None,
            scratch: Scratch::default(),
            epoch: None,
        }
    }

    /// What happened so far.
    pub fn counters(&self) -> Counters {
        Counters { sessions: self.names.len(), ..self.counters }
    }

    /// From now on new calls are refused; those that stand go on.
    pub fn drain(&mut self) {
        self.is_draining = true;
    }

    /// An offer on its way; see [`proto::Media::offer`].
    pub fn offer(
        &mut self,
        now: Instant,
        ask: &Offer<'_>,
        out: &mut dyn Out,
    ) -> Result<Described, ServiceError> {
        let sdp = self.read(ask.sdp)?;
        self.with(now, ask.call, out, |session, place| session.offer(place, ask, &sdp))
    }

    /// An answer on its way; see [`proto::Media::answer`].
    pub fn answer(
        &mut self,
        now: Instant,
        ask: &Answer<'_>,
        out: &mut dyn Out,
    ) -> Result<Described, ServiceError> {
        let sdp = self.read(ask.sdp)?;
        let slot = self.slot(ask.call)?;
        self.enter(now, slot, out, |session, place| session.answer(place, ask, &sdp))
    }

    /// We are the other end; see [`proto::Media::attend`].
    pub fn attend(
        &mut self,
        now: Instant,
        ask: &Attend<'_>,
        out: &mut dyn Out,
    ) -> Result<Described, ServiceError> {
        self.with(now, ask.call, out, |session, place| session.attend(place, ask))
    }

    /// Plays; see [`proto::Media::play`].
    pub fn play(
        &mut self,
        now: Instant,
        (call, leg): (&str, Leg),
        playing: Playing,
        out: &mut dyn Out,
    ) -> Result<(), ServiceError> {
        let slot = self.slot(call)?;
        let leg = self.enter(now, slot, out, |session, place| session.play(place, leg, playing))?;
        self.activate(now, (slot, leg));
        Ok(())
    }

    /// What is to be played to a leg is being read, or is no more.
    pub fn expect(
        &mut self,
        now: Instant,
        (call, leg): (&str, Leg),
        is_read: bool,
        out: &mut dyn Out,
    ) -> Result<(), ServiceError> {
        let slot = self.slot(call)?;
        let leg = self.enter(now, slot, out, |session, _| session.expect(leg, is_read))?;
        self.activate(now, (slot, leg));
        Ok(())
    }

    /// Records; see [`proto::Media::record`].
    pub fn record(&mut self, now: Instant, ask: &Record<'_>, out: &mut dyn Out) -> Result<(), ServiceError> {
        let slot = self.slot(ask.call)?;
        let leg = self.enter(now, slot, out, |session, place| session.record(place, ask))?;
        self.activate(now, (slot, leg));
        Ok(())
    }

    /// Collects digits; see [`proto::Media::collect`].
    pub fn collect(
        &mut self,
        now: Instant,
        ask: &Collect<'_>,
        out: &mut dyn Out,
    ) -> Result<(), ServiceError> {
        let slot = self.slot(ask.call)?;
        let leg = self.enter(now, slot, out, |session, place| session.collect(place, ask))?;
        self.activate(now, (slot, leg));
        Ok(())
    }

    /// Ends what was begun; see [`proto::Media::stop`].
    pub fn stop(&mut self, now: Instant, ask: &Stop<'_>, out: &mut dyn Out) -> Result<(), ServiceError> {
        let Ok(slot) = self.slot(ask.call) else { return Ok(()) };
        self.enter(now, slot, out, |session, place| session.stop(place, ask))
    }

    /// A key went down; see [`proto::Media::press`].
    pub fn press(&mut self, now: Instant, ask: &Press<'_>, out: &mut dyn Out) -> Result<(), ServiceError> {
        let slot = self.slot(ask.call)?;
        self.enter(now, slot, out, |session, place| session.press(place, ask))
    }

    /// When [`Sessions::tick`] is wanted.
    pub fn deadline(&self) -> Option<Instant> {
        self.tick_at
    }

    /// Plays and waits for digits, 20 ms further.
    pub fn tick(&mut self, now: Instant, out: &mut dyn Out) {
        let Some(due) = self.tick_at.filter(|due| *due <= now) else { return };
        let Sessions { active, slots, scratch, .. } = self;
        active.retain(|(slot, leg)| {
            let session = slots.get_mut(*slot as usize).and_then(Option::as_mut);
            session.is_some_and(|session| session.tick(now, *leg, scratch, out))
        });
        // Who is late by much does not hurry after it.
        let next = due + TICK;
        let next = if next + TICK * 5 < now { now + TICK } else { next };
        self.tick_at = (!self.active.is_empty()).then_some(next);
    }

    fn activate(&mut self, now: Instant, leg: (u32, u16)) {
        if !self.active.contains(&leg) {
            self.active.push(leg);
        }
        self.tick_at.get_or_insert(now);
    }

    /// Joins or parts; see [`proto::Media::bridge`].
    pub fn bridge(&mut self, now: Instant, ask: &Bridge<'_>, out: &mut dyn Out) -> Result<(), ServiceError> {
        let slot = self.slot(ask.call)?;
        self.enter(now, slot, out, |session, _| session.bridge(ask))
    }

    /// Ends a leg or a call; see [`proto::Media::release`].
    pub fn release(&mut self, now: Instant, ask: &Release<'_>, out: &mut dyn Out) -> Released {
        let Ok(slot) = self.slot(ask.call) else { return Released::default() };
        let mut legs: Vec<LegStatistics> = self
            .enter(now, slot, out, |session, place| Ok(session.release(place, ask.leg)))
            .unwrap_or_default();
        legs.sort_by_key(|of| of.leg);
        for mos in legs.iter().filter_map(|of| of.mos_100) {
            self.counters.judged += 1;
            self.counters.poor += u64::from(mos < POOR_100);
        }
        self.sweep(slot);
        Released { legs }
    }

    /// What there is by now of a leg or a call; see [`proto::Media::statistics`].
    pub fn statistics(&mut self, now: Instant, ask: &Release<'_>) -> Released {
        let slot = self.names.get(ask.call).copied();
        let session = slot.and_then(|slot| self.slots.get_mut(slot as usize)?.as_mut());
        let mut legs = session.map_or_else(Vec::new, |session| {
            session.asked(now);
            session.statistics(now, ask.leg)
        });
        legs.sort_by_key(|of| of.leg);
        Released { legs }
    }

    /// A packet that came to one of our ports. It may be changed.
    pub fn packet(
        &mut self,
        now: Instant,
        port: PortId,
        from: SocketAddr,
        octets: &mut [u8],
        out: &mut dyn Out,
    ) {
        let used = self.uses.of(port);
        let session = used.and_then(|used| self.slots.get_mut(used.session as usize)?.as_mut());
        match (used, session) {
            (Some(used), Some(session)) => {
                let mut tools = Tools { counters: &mut self.counters, scratch: &mut self.scratch, out };
                session.packet(now, used, from, octets, &mut tools);
            }
            _ => self.counters.orphans += 1,
        }
    }

    /// Looks for legs that are not heard as they should be, and sends the reports that are due. To be called about once
    /// a second.
    pub fn look_around(&mut self, now: Instant, out: &mut dyn Out) {
        let epoch = *self.epoch.get_or_insert(now);
        // RFC 3550 §4: any clock will do that all of our reports share.
        let clock = NtpTime::since_1970(DAY + now.saturating_duration_since(epoch));
        self.counters.one_way_now = 0;
        let mut tools = Tools { counters: &mut self.counters, scratch: &mut self.scratch, out };
        let mut forsaken = Vec::new();
        for session in self.slots.iter_mut().flatten() {
            session.look_around(now, &self.terms, &mut tools);
            session.report(now, clock, &mut tools);
            if session.is_forsaken(now, &self.terms, tools.out) {
                forsaken.push(session.call().to_owned());
            }
        }
        for call in forsaken {
            self.counters.forsaken += 1;
            self.release(now, &Release { call: &call, leg: None }, out);
        }
    }

    fn read<'a>(&self, octets: &'a [u8]) -> Result<Sdp<'a>, ServiceError> {
        Sdp::parse(octets, &self.terms.sdp).map_err(|why| ServiceError::Refused(format!("SDP: {why}")))
    }

    fn slot(&self, call: &str) -> Result<u32, ServiceError> {
        let missing = || ServiceError::Refused("no such call here".to_owned());
        self.names.get(call).copied().ok_or_else(missing)
    }

    /// In the session of this call, which is made when it is not there, and is gone again when nothing came of it.
    fn with<T>(
        &mut self,
        now: Instant,
        call: &str,
        out: &mut dyn Out,
        act: impl FnOnce(&mut Session, &mut Place<'_>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let slot = match self.slot(call) {
            Ok(slot) => slot,
            Err(_) => self.begin(now, call)?,
        };
        let result = self.enter(now, slot, out, act);
        self.sweep(slot);
        result
    }

    fn enter<T>(
        &mut self,
        now: Instant,
        slot: u32,
        out: &mut dyn Out,
        act: impl FnOnce(&mut Session, &mut Place<'_>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        let session = self.slots.get_mut(slot as usize).and_then(Option::as_mut);
        let session = session.ok_or(ServiceError::Gone)?;
        session.asked(now);
        let mut place = Place { now, slot, terms: &self.terms, uses: &mut self.uses, out };
        let result = act(session, &mut place);
        if matches!(result, Err(ServiceError::Overloaded { .. })) {
            self.counters.overloaded += 1;
        }
        result
    }

    fn begin(&mut self, now: Instant, call: &str) -> Result<u32, ServiceError> {
        if call.is_empty() || call.len() > CALL_BYTES_MAX {
            return Err(ServiceError::Protocol("the name of a call has 1 to 255 octets".to_owned()));
        }
        if self.is_draining || self.names.len() >= self.terms.sessions_max {
            self.counters.overloaded += 1;
            return Err(overloaded());
        }
        self.counters.sessions_begun += 1;
        // A different id for each session (RFC 8866 asks for one that is unique to the machine).
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let session = Session::new(now, call, self.seed >> 2);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(session);
                slot
            }
            None => {
                self.slots.push(Some(session));
                (self.slots.len() - 1) as u32
            }
        };
        self.names.insert(call.into(), slot);
        Ok(slot)
    }

    /// A session without legs is over.
    fn sweep(&mut self, slot: u32) {
        let Some(place) = self.slots.get_mut(slot as usize) else { return };
        if place.as_ref().is_some_and(Session::is_empty)
            && let Some(session) = place.take()
        {
            self.names.remove(session.call());
            self.free.push(slot);
        }
    }
}

/// What a session works with while it is asked something.
struct Place<'a> {
    now: Instant,
    slot: u32,
    terms: &'a Terms,
    uses: &'a mut Uses,
    out: &'a mut dyn Out,
}

/// What the way of a packet needs beside its session.
struct Tools<'a> {
    counters: &'a mut Counters,
    scratch: &'a mut Scratch,
    out: &'a mut dyn Out,
}

fn overloaded() -> ServiceError {
    ServiceError::Overloaded { retry_after: Duration::from_secs(1) }
}

const CALL_BYTES_MAX: usize = 255;
const DAY: Duration = Duration::from_secs(86_400);
/// ITU-T G.107 annex B: below it nearly all users are dissatisfied.
const POOR_100: u16 = 310;
