//! What is played to a leg and collected from it, 20 ms at a time.

mod ahead;
mod collector;
mod ear;
mod player;
mod recorder;

use std::time::{Duration, Instant};

use proto::ServiceError;
use proto::media::{Collect, DigitForm, Ended, Leg, MediaEvent, Record, Stop};
use rtp::codec::{Codec, Decoder};
use rtp::dtmf::{Detector, Press};
use rtp::packet::Packet;

pub use ahead::Ahead;
use collector::Collector;
use player::Player;
pub use player::{Clip, Piece, Playing};
use recorder::Recorder;

use super::leg::Said;
use super::session::Session;
use super::{Out, Place, overloaded};

/// What goes on at a leg.
#[derive(Debug, Default)]
pub(super) struct Voice {
    player: Option<Player>,
    collector: Option<Collector>,
    recorder: Option<Recorder>,
    /// How much of what is to be played is being read.
    awaited: u32,
    /// Keys that are heard as tones, while something is played to a leg that has no events, or digits are collected.
    detector: Option<(Codec, Box<Detector>, Decoder)>,
}

/// Sound on its way, kept from one packet to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub samples: Vec<i16>,
    pub resampled: Vec<i16>,
    pub octets: Vec<u8>,
}

impl Voice {
    /// True when nothing goes on.
    fn is_idle(&self) -> bool {
        self.player.is_none() && self.collector.is_none() && self.recorder.is_none() && self.awaited == 0
    }

    /// True while it is played to: nobody else is heard.
    pub fn is_playing(&self) -> bool {
        self.player.is_some()
    }

    /// True when nothing here takes a digit of a leg that nobody hears.
    fn lets_wait(&self) -> bool {
        let stops = self.player.as_ref().is_some_and(Player::stops_on_digit);
        self.collector.is_none() && self.recorder.is_none() && !stops
    }

    /// A digit was dialled; gives what ends by it.
    fn digit(&mut self, now: Instant, leg: Leg, digit: char) -> [Option<MediaEvent>; 2] {
        let played = self.player.take_if(|player| player.stops_on_digit()).map(|player| MediaEvent::Played {
            leg,
            id: player.id(),
            why: Ended::Digit(digit),
        });
        let why = self.collector.as_mut().and_then(|collector| collector.digit(now, digit));
        [played, why.and_then(|why| self.collected(leg, why))]
    }

    /// Takes a packet of the leg, where it is recorded.
    pub fn take(&mut self, now: Instant, said: &Said, octets: &[u8]) {
        if let Some(recorder) = &mut self.recorder
            && let Ok(packet) = Packet::read(octets)
        {
            recorder.take(now, said.sound(packet.header.payload_type), &packet);
        }
    }

    /// Takes a packet that goes to the leg, from one that has said this of itself.
    pub fn take_other(&mut self, now: Instant, said: &Said, octets: &[u8]) {
        if let Some(recorder) = &mut self.recorder
            && let Ok(packet) = Packet::read(octets)
        {
            recorder.take_other(now, said.sound(packet.header.payload_type), &packet);
        }
    }

    /// Ends the recording that this digit ends.
    pub fn end_recording_by(&mut self, digit: char, call: &str, leg: Leg, out: &mut dyn Out) {
        if let Some(recorder) = self.recorder.take_if(|recorder| recorder.stops_on(digit)) {
            recorder.end(call, leg, Ended::Digit(digit), out);
        }
    }

    /// Ends the recording with this id, or whichever there is.
    pub fn end_recording(&mut self, id: u32, call: &str, leg: Leg, out: &mut dyn Out) {
        if let Some(recorder) = self.recorder.take_if(|recorder| id == 0 || id == recorder.id()) {
            recorder.end(call, leg, Ended::Stopped, out);
        }
    }

    /// Listens for keys in the audio, where that is needed; gives the one that went down.
    pub fn hear(&mut self, codec: Codec, payload: &[u8], scratch: &mut Scratch) -> Option<char> {
        if self.collector.is_none() && self.player.is_none() {
            return None;
        }
        let known = self.detector.take().filter(|(of, ..)| *of == codec);
        let known =
            known.unwrap_or_else(|| (codec, Box::new(Detector::new(codec.sample_rate())), codec.decoder()));
        let (_, detector, decoder) = self.detector.insert(known);
        scratch.samples.clear();
        decoder.decode(payload, &mut scratch.samples);
        let mut pressed = None;
        detector.detect(&scratch.samples, &mut |press| {
            if let Press::Down(digit) = press {
                pressed = Some(digit.letter());
            }
        });
        pressed
    }

    fn collected(&mut self, leg: Leg, why: Ended) -> Option<MediaEvent> {
        let collector = self.collector.take()?;
        self.detector = None;
        Some(MediaEvent::Collected { leg, id: collector.id(), digits: collector.digits(), why })
    }

    /// Ends what has this id, or all.
    fn stop(&mut self, leg: Leg, id: u32) -> [Option<MediaEvent>; 2] {
        let is_meant = |own: u32| id == 0 || id == own;
        let played = self.player.take_if(|player| is_meant(player.id()));
        let played = played.map(|player| MediaEvent::Played { leg, id: player.id(), why: Ended::Stopped });
        let collects = self.collector.as_ref().is_some_and(|collector| is_meant(collector.id()));
        [played, if collects { self.collected(leg, Ended::Stopped) } else { None }]
    }
}

impl Session {
    /// Begins to play; see [`proto::Media::play`].
    pub fn play(&mut self, place: &mut Place<'_>, name: Leg, playing: Playing) -> Result<u16, ServiceError> {
        let index = self.find_known(name)?;
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        if leg.codec().is_none() {
            return Err(nothing_known());
        }
        leg.own_numbers();
        let voice = leg.voice.get_or_insert_default();
        let before = voice.player.replace(Player::new(playing));
        if let Some(collector) = &mut voice.collector {
            collector.wait();
        }
        let name = leg.name;
        if let Some(before) = before {
            let event = MediaEvent::Played { leg: name, id: before.id(), why: Ended::Stopped };
            place.out.tell(self.call(), event);
        }
        Ok(index)
    }

    /// What is to be played is being read, or is no more: whoever is asked for digits has time until it has ended.
    pub fn expect(&mut self, name: Leg, is_read: bool) -> Result<u16, ServiceError> {
        let index = self.find_known(name)?;
        let voice = self.leg(index).ok_or(ServiceError::Gone)?.voice.get_or_insert_default();
        voice.awaited = if is_read { voice.awaited + 1 } else { voice.awaited.saturating_sub(1) };
        Ok(index)
    }

    /// Begins to record; see [`proto::Media::record`].
    pub fn record(&mut self, place: &mut Place<'_>, ask: &Record<'_>) -> Result<u16, ServiceError> {
        let index = self.find_known(ask.leg)?;
        let call = self.call().to_owned();
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        let (codec, _) = leg.codec().ok_or_else(nothing_known)?;
        let form = Recorder::form(ask, codec);
        let key = place.out.begin_recording(ask.to, form).ok_or_else(overloaded)?;
        leg.own_numbers();
        let name = leg.name;
        let voice = leg.voice.get_or_insert_default();
        voice.end_recording(0, &call, name, place.out);
        leg.ahead.clear();
        voice.recorder = Some(Recorder::new(ask, key, form));
        Ok(index)
    }

    /// Begins to collect; see [`proto::Media::collect`].
    pub fn collect(&mut self, place: &mut Place<'_>, ask: &Collect<'_>) -> Result<u16, ServiceError> {
        let index = self.find_known(ask.leg)?;
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        let voice = leg.voice.get_or_insert_default();
        let name = leg.name;
        let before = voice.collected(name, Ended::Stopped);
        voice.collector = Some(Collector::new(place.now, ask, voice.player.is_some() || voice.awaited > 0));
        let mut told: Vec<MediaEvent> = before.into_iter().collect();
        while voice.collector.is_some()
            && let Some(digit) = leg.ahead.take()
        {
            told.extend(voice.digit(place.now, name, digit).into_iter().flatten());
        }
        for event in told {
            place.out.tell(self.call(), event);
        }
        Ok(index)
    }

    /// Ends what is played and collected; see [`proto::Media::stop`].
    pub fn stop(&mut self, place: &mut Place<'_>, ask: &Stop<'_>) -> Result<(), ServiceError> {
        let Some(index) = self.find(ask.leg) else { return Ok(()) };
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        let name = leg.name;
        let ended = leg.voice.as_mut().map(|voice| voice.stop(name, ask.id));
        if ask.id == 0 {
            // What was dialled meant what is over.
            leg.ahead.clear();
        }
        self.end_recording(index, ask.id, place.out);
        for event in ended.into_iter().flatten().flatten() {
            place.out.tell(self.call(), event);
        }
        Ok(())
    }

    /// A key went down; see [`proto::Media::press`].
    pub fn press(
        &mut self,
        place: &mut Place<'_>,
        ask: &proto::media::Press<'_>,
    ) -> Result<(), ServiceError> {
        let (index, digit) = (self.find_known(ask.leg)?, ask.digit);
        if !matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D') {
            return Err(ServiceError::Refused(format!("{digit:?} is no digit")));
        }
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        let name = leg.name;
        let ahead = leg.peer.is_none().then_some(&mut leg.ahead);
        let ended = dialled(place.now, name, leg.voice.as_deref_mut(), ahead, digit);
        place.out.tell(self.call(), MediaEvent::Digit { leg: name, digit, how: DigitForm::Message });
        let Session { call, legs, .. } = self;
        let leg = legs.get_mut(usize::from(index)).and_then(Option::as_mut);
        if let Some(voice) = leg.and_then(|leg| leg.voice.as_mut()) {
            voice.end_recording_by(digit, call, name, place.out);
        }
        for event in ended.into_iter().flatten() {
            place.out.tell(self.call(), event);
        }
        Ok(())
    }

    /// Ends the recording of a leg with this id, or whichever there is.
    pub(super) fn end_recording(&mut self, index: u16, id: u32, out: &mut dyn Out) {
        let Session { call, legs, .. } = self;
        let leg = legs.get_mut(usize::from(index)).and_then(Option::as_mut);
        if let Some((name, voice)) = leg.and_then(|leg| Some((leg.name, leg.voice.as_mut()?))) {
            voice.end_recording(id, call, name, out);
        }
    }

    /// 20 ms of a leg; false when nothing goes on there any more.
    pub fn tick(&mut self, now: Instant, index: u16, scratch: &mut Scratch, out: &mut dyn Out) -> bool {
        let Session { call, legs, .. } = self;
        let Some(leg) = legs.get_mut(usize::from(index)).and_then(Option::as_mut) else { return false };
        let (name, codec) = (leg.name, leg.codec());
        let Some(voice) = &mut leg.voice else { return false };
        let mut told = [None, None];
        let rate = codec.map_or(8000, |(codec, _)| codec.sample_rate());
        let mut room = [0; FRAME_MAX];
        let frame = &mut room[..(rate as usize / 50).min(FRAME_MAX)];
        let is_waiting = voice.recorder.as_ref().is_some_and(Recorder::is_waiting);
        let mut is_sound = false;
        if let Some(player) = &mut voice.player {
            is_sound = true;
            if !player.fill(rate, frame) {
                told[0] = Some(MediaEvent::Played { leg: name, id: player.id(), why: Ended::Complete });
                voice.player = None;
            }
        } else if let Some(recorder) = &mut voice.recorder {
            // The tone comes behind what is played.
            is_sound = recorder.beep(rate, frame);
        }
        let stream = leg.streams.iter_mut().find(|stream| stream.said.codec.is_some());
        if let (true, Some(codec), Some(stream)) = (is_sound, codec, stream) {
            stream.send_own(now, codec, frame, scratch, out);
        }
        if voice.player.is_none()
            && voice.awaited == 0
            && let Some(collector) = &mut voice.collector
        {
            collector.begin(now);
            if collector.is_late(now) {
                told[1] = voice.collected(name, Ended::Timeout);
            }
        }
        if let Some(recorder) = &mut voice.recorder
            && let Some(why) = recorder.listen(now, is_waiting, is_sound.then_some((rate, &*frame)), out)
            && let Some(recorder) = voice.recorder.take()
        {
            recorder.end(call, name, why, out);
        }
        let goes_on = !voice.is_idle();
        for event in told.into_iter().flatten() {
            out.tell(call, event);
        }
        goes_on
    }
}

impl super::leg::Stream {
    /// Sends sound of our own, when the leg wants any.
    fn send_own(
        &mut self,
        now: Instant,
        (codec, payload_type): (Codec, u8),
        samples: &[i16],
        scratch: &mut Scratch,
        out: &mut dyn Out,
    ) {
        let (Some(to), Some(rewriter)) = (self.target(), &mut self.rewriter) else { return };
        let duration = samples.len() as u32 * codec.clock_rate() / codec.sample_rate();
        let header = rewriter.own(now, payload_type, duration);
        scratch.octets.clear();
        scratch.octets.extend_from_slice(&header.octets());
        let known = self.encoder.take().filter(|(of, _)| *of == codec);
        let known = known.unwrap_or_else(|| (codec, codec.encoder()));
        self.encoder.insert(known).1.encode(samples, &mut scratch.octets);
        out.send(self.ports.rtp, to, &scratch.octets);
        self.sent += 1;
        self.sent_octets += scratch.octets.len() as u64;
    }
}

/// A leg has dialled; gives what ends by it. What nobody waits for yet waits itself, in `ahead`; there is none where
/// somebody hears the leg.
pub(super) fn dialled(
    now: Instant,
    leg: Leg,
    voice: Option<&mut Voice>,
    ahead: Option<&mut Ahead>,
    digit: char,
) -> [Option<MediaEvent>; 2] {
    if let Some(ahead) = ahead
        && voice.as_ref().is_none_or(|voice| voice.lets_wait())
    {
        ahead.put(digit);
    }
    voice.map_or([None, None], |voice| voice.digit(now, leg, digit))
}

fn nothing_known() -> ServiceError {
    ServiceError::Refused("this leg knows none of G722, PCMA, PCMU and L16, or is not described".to_owned())
}

/// How a digit that was heard is told.
pub(super) const HEARD: DigitForm = DigitForm::Tone;
/// How long a packet of ours lasts.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// Samples of it at the most: 16,000 a second.
const FRAME_MAX: usize = 320;
