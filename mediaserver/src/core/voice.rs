//! What is played to a leg and collected from it, 20 ms at a time.

mod collector;
mod player;
mod recorder;

use std::time::{Duration, Instant};

use proto::ServiceError;
use proto::media::{Collect, DigitForm, Ended, Leg, MediaEvent, Record, Stop};
use rtp::codec::Codec;
use rtp::dtmf::{Detector, Press};
use rtp::packet::Packet;

use collector::Collector;
use player::Player;
pub use player::{Piece, Playing};
use recorder::Recorder;

use super::session::Session;
use super::{Out, Place, overloaded};

/// What goes on at a leg.
#[derive(Debug, Default)]
pub(super) struct Voice {
    player: Option<Player>,
    collector: Option<Collector>,
    recorder: Option<Recorder>,
    /// Keys that are heard as tones, while digits are collected of a leg that has no events.
    detector: Option<Box<Detector>>,
}

/// Sound on its way, kept from one packet to the next.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub samples: Vec<i16>,
    pub octets: Vec<u8>,
}

impl Voice {
    /// True when nothing goes on.
    fn is_idle(&self) -> bool {
        self.player.is_none() && self.collector.is_none() && self.recorder.is_none()
    }

    /// True while it is played to: nobody else is heard.
    pub fn is_playing(&self) -> bool {
        self.player.is_some()
    }

    /// A digit was dialled; gives what ends by it.
    pub fn digit(&mut self, now: Instant, leg: Leg, digit: char) -> [Option<MediaEvent>; 2] {
        let played = self.player.take_if(|player| player.stops_on_digit()).map(|player| MediaEvent::Played {
            leg,
            id: player.id(),
            why: Ended::Digit(digit),
        });
        let why = self.collector.as_mut().and_then(|collector| collector.digit(now, digit));
        [played, why.and_then(|why| self.collected(leg, why))]
    }

    /// Takes a packet of the leg, where it is recorded.
    pub fn take(&mut self, now: Instant, octets: &[u8]) {
        if let Some(recorder) = &mut self.recorder
            && let Ok(packet) = Packet::read(octets)
        {
            recorder.take(now, &packet);
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
        self.collector.as_ref()?;
        let detector = self.detector.get_or_insert_with(|| Box::new(Detector::new(codec.sample_rate())));
        scratch.samples.clear();
        codec.decoder().decode(payload, &mut scratch.samples);
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
            return Err(ServiceError::Refused(
                "this leg knows neither PCMA nor PCMU, or is not described".to_owned(),
            ));
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

    /// Begins to record; see [`proto::Media::record`].
    pub fn record(&mut self, place: &mut Place<'_>, ask: &Record<'_>) -> Result<u16, ServiceError> {
        if ask.both_sides {
            return Err(ServiceError::Refused("both sides of a call cannot be recorded yet".to_owned()));
        }
        let index = self.find_known(ask.leg)?;
        let call = self.call().to_owned();
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        let nothing =
            || ServiceError::Refused("this leg knows neither PCMA nor PCMU, or is not described".to_owned());
        let codec = leg.codec().ok_or_else(nothing)?;
        let key = place.out.begin_recording(ask.to).ok_or_else(overloaded)?;
        leg.own_numbers();
        let name = leg.name;
        let voice = leg.voice.get_or_insert_default();
        voice.end_recording(0, &call, name, place.out);
        voice.recorder = Some(Recorder::new(ask, key, codec));
        Ok(index)
    }

    /// Begins to collect; see [`proto::Media::collect`].
    pub fn collect(&mut self, place: &mut Place<'_>, ask: &Collect<'_>) -> Result<u16, ServiceError> {
        let index = self.find_known(ask.leg)?;
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        let voice = leg.voice.get_or_insert_default();
        let name = leg.name;
        let before = voice.collected(name, Ended::Stopped);
        voice.collector = Some(Collector::new(place.now, ask, voice.player.is_some()));
        if let Some(before) = before {
            place.out.tell(self.call(), before);
        }
        Ok(index)
    }

    /// Ends what is played and collected; see [`proto::Media::stop`].
    pub fn stop(&mut self, place: &mut Place<'_>, ask: &Stop<'_>) -> Result<(), ServiceError> {
        let Some(index) = self.find(ask.leg) else { return Ok(()) };
        let leg = self.leg(index).ok_or(ServiceError::Gone)?;
        let name = leg.name;
        let ended = leg.voice.as_mut().map(|voice| voice.stop(name, ask.id));
        self.end_recording(index, ask.id, place.out);
        for event in ended.into_iter().flatten().flatten() {
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
        if let Some(player) = &mut voice.player {
            let mut frame = [0; FRAME];
            let goes_on = player.fill(&mut frame);
            let stream = leg.streams.iter_mut().find(|stream| stream.said.codec.is_some());
            if let (Some((codec, payload_type)), Some(stream)) = (codec, stream) {
                stream.send_own(now, (codec, payload_type), &frame, scratch, out);
            }
            if !goes_on {
                told[0] = Some(MediaEvent::Played { leg: name, id: player.id(), why: Ended::Complete });
                voice.player = None;
            }
        }
        if voice.player.is_none()
            && let Some(collector) = &mut voice.collector
        {
            collector.begin(now);
            if collector.is_late(now) {
                told[1] = voice.collected(name, Ended::Timeout);
            }
        }
        if let Some(recorder) = &mut voice.recorder {
            let mut frame = [0; FRAME];
            let is_beeping = recorder.beep(&mut frame);
            let stream = leg.streams.iter_mut().find(|stream| stream.said.codec.is_some());
            if let (true, Some(codec), Some(stream)) = (is_beeping, codec, stream) {
                stream.send_own(now, codec, &frame, scratch, out);
            }
            if let Some(why) = recorder.listen(now, is_beeping, out)
                && let Some(recorder) = voice.recorder.take()
            {
                recorder.end(call, name, why, out);
            }
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
        let header = rewriter.own(now, payload_type, samples.len() as u32);
        scratch.octets.clear();
        scratch.octets.extend_from_slice(&header.octets());
        codec.encoder().encode(samples, &mut scratch.octets);
        out.send(self.ports.rtp, to, &scratch.octets);
        self.sent += 1;
        self.sent_octets += scratch.octets.len() as u64;
    }
}

/// How a digit that was heard is told.
pub(super) const HEARD: DigitForm = DigitForm::Tone;
/// How long a packet of ours lasts.
pub(super) const TICK: Duration = Duration::from_millis(20);
/// Samples of it; all codecs here have 8000 a second.
const FRAME: usize = 160;
