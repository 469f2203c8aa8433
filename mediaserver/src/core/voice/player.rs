//! Sounds one after the other, as samples of the rate that the leg's codec has.

use std::sync::Arc;
use std::time::Duration;

use proto::media::{Repeat, Tone};
use rtp::resample::Resampler;
use rtp::tone::{self, Rhythm};

/// What is to be played, once its files have been read.
#[derive(Debug, Clone)]
pub struct Playing {
    /// Chosen by the asker.
    pub id: u32,
    /// One after the other.
    pub pieces: Vec<Piece>,
    /// How often.
    pub repeat: Repeat,
    /// Whether any digit ends it.
    pub stop_on_digit: bool,
}

/// A sound that is at hand.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Samples.
    Clip(Clip),
    /// A tone.
    Tone(Tone),
    /// Nothing.
    Silence(Duration),
}

/// Sound of one channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clip {
    /// Samples a second.
    pub rate: u32,
    /// All of them.
    pub samples: Arc<[i16]>,
}

/// A player at work.
#[derive(Debug)]
pub(super) struct Player {
    playing: Playing,
    piece: usize,
    /// Samples of the piece that have gone.
    at: usize,
    rhythm: Option<Rhythm>,
    rounds: u32,
    other_rate: Option<OtherRate>,
}

/// Clips on their way to another rate. It goes on from clip to clip, so that nothing is cut between them.
#[derive(Debug)]
struct OtherRate {
    rates: (u32, u32),
    resampler: Resampler,
    ready: Vec<i16>,
}

impl Player {
    pub fn new(playing: Playing) -> Self {
        Player { playing, piece: 0, at: 0, rhythm: None, rounds: 0, other_rate: None }
    }

    pub fn id(&self) -> u32 {
        self.playing.id
    }

    pub fn stops_on_digit(&self) -> bool {
        self.playing.stop_on_digit
    }

    /// Fills `out` with what comes next, so many samples a second, silence behind the end; false when that was the end.
    pub fn fill(&mut self, rate: u32, mut out: &mut [i16]) -> bool {
        // A round that holds nothing would never end.
        let mut empty = 0;
        while !out.is_empty() && empty <= self.playing.pieces.len() {
            if self.piece == self.playing.pieces.len() {
                self.rounds += 1;
                self.piece = 0;
                if let Repeat::Times(times) = self.playing.repeat
                    && self.rounds >= times.max(1)
                {
                    break;
                }
                empty += 1;
                continue;
            }
            let (filled, is_over) = self.fill_from_piece(rate, out);
            if is_over {
                (self.piece, self.at, self.rhythm) = (self.piece + 1, 0, None);
            }
            if filled > 0 {
                empty = 0;
            }
            out = &mut out[filled..];
        }
        out.fill(0);
        let is_last = matches!(self.playing.repeat, Repeat::Times(times) if self.rounds + 1 >= times.max(1));
        // At its very end it has ended: nobody waits for a packet of silence more.
        out.is_empty() && !(is_last && self.piece == self.playing.pieces.len())
    }
}

impl Player {
    /// Fills with what is left of the present piece; says how many samples, and whether that was its end.
    fn fill_from_piece(&mut self, rate: u32, out: &mut [i16]) -> (usize, bool) {
        let timed = |length: usize, at: usize| length.saturating_sub(at).min(out.len());
        match &self.playing.pieces[self.piece] {
            Piece::Clip(clip) if clip.rate == rate => {
                let count = timed(clip.samples.len(), self.at);
                out[..count].copy_from_slice(&clip.samples[self.at..self.at + count]);
                self.at += count;
                (count, self.at == clip.samples.len())
            }
            Piece::Clip(clip) => {
                let other = self.other_rate.take().filter(|other| other.rates == (clip.rate, rate));
                let other = self.other_rate.insert(other.unwrap_or_else(|| OtherRate::new(clip.rate, rate)));
                let (count, taken) = other.fill(&clip.samples[self.at..], out);
                self.at += taken;
                (count, self.at == clip.samples.len() && other.ready.is_empty())
            }
            Piece::Silence(duration) => {
                let length = samples(*duration, rate);
                let count = timed(length, self.at);
                out[..count].fill(0);
                self.at += count;
                (count, self.at >= length)
            }
            Piece::Tone(tone) => {
                let once = samples(tone.on, rate) + samples(tone.off, rate);
                let length =
                    if tone.times == 0 { usize::MAX } else { once.saturating_mul(tone.times as usize) };
                let count = timed(length, self.at);
                self.rhythm.get_or_insert_with(|| rhythm(tone, rate)).fill(&mut out[..count]);
                self.at += count;
                (count, self.at >= length)
            }
        }
    }
}

impl OtherRate {
    fn new(from: u32, to: u32) -> OtherRate {
        OtherRate { rates: (from, to), resampler: Resampler::new(from, to), ready: Vec::new() }
    }

    /// Fills with what these samples become; says how many there were, and how many were taken.
    fn fill(&mut self, samples: &[i16], out: &mut [i16]) -> (usize, usize) {
        let step = (self.rates.0 / 50).max(1) as usize;
        let mut taken = 0;
        while self.ready.len() < out.len() && taken < samples.len() {
            let next = samples.len().min(taken + step);
            self.resampler.resample(&samples[taken..next], &mut self.ready);
            taken = next;
        }
        let count = self.ready.len().min(out.len());
        out[..count].copy_from_slice(&self.ready[..count]);
        self.ready.drain(..count);
        (count, taken)
    }
}

fn rhythm(tone: &Tone, rate: u32) -> Rhythm {
    let sines: Vec<(f64, f64)> =
        tone.hz.iter().filter(|hz| **hz > 0).map(|hz| (f64::from((*hz).min(3999)), LEVEL_DBM0)).collect();
    // Without a pause it is one tone, which may be as long as it likes.
    let parts = if tone.off.is_zero() { &[][..] } else { &[tone.on, tone.off][..] };
    Rhythm::new(tone::Tone::new(rate, &sines), rate, parts)
}

fn samples(duration: Duration, rate: u32) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX).saturating_mul(rate as usize / 1000)
}

/// The level of each sine of a tone (ITU-T E.180 has tones from -15 to -5 dBm0).
const LEVEL_DBM0: f64 = -13.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn play(pieces: Vec<Piece>, repeat: Repeat, frames: usize) -> (Vec<i16>, usize) {
        let mut player = Player::new(Playing { id: 1, pieces, repeat, stop_on_digit: false });
        let mut sound = Vec::new();
        for frame in 1..=frames {
            let mut out = [9; 160];
            let goes_on = player.fill(8000, &mut out);
            sound.extend(out);
            if !goes_on {
                return (sound, frame);
            }
        }
        (sound, frames + 1)
    }

    fn clip(of: i16, count: usize) -> Piece {
        Piece::Clip(Clip { rate: 8000, samples: vec![of; count].into() })
    }

    #[test]
    fn sounds_follow_each_other_without_a_gap() {
        let pieces = vec![clip(1, 100), Piece::Silence(Duration::from_millis(10)), clip(2, 140)];
        let (sound, frames) = play(pieces, Repeat::Times(1), 10);
        assert_eq!(frames, 2);
        assert_eq!((sound[99], sound[100], sound[179], sound[180], sound[319]), (1, 0, 0, 2, 2));
    }

    #[test]
    fn what_is_repeated_begins_anew_and_ends_when_it_should() {
        assert_eq!(play(vec![clip(1, 160)], Repeat::Times(3), 10).1, 3);
        assert_eq!(play(vec![clip(1, 200)], Repeat::Times(2), 10).1, 3);
        assert_eq!(play(vec![clip(1, 160)], Repeat::Times(0), 10).1, 1);
        assert_eq!(play(vec![clip(1, 100)], Repeat::Forever, 50).1, 51);
        for nothing in [Vec::new(), vec![clip(1, 0)], vec![Piece::Silence(Duration::ZERO)]] {
            assert_eq!(play(nothing, Repeat::Forever, 10).1, 1, "nothing for ever is over at once");
        }
    }

    #[test]
    fn a_wide_clip_sounds_alike_on_a_narrow_leg_and_a_narrow_one_on_a_wide_leg() {
        for (from, to) in [(16_000, 8000), (8000, 16_000)] {
            let mut samples = vec![0; from as usize / 5];
            tone::Tone::new(from, &[(800.0, -10.0)]).fill(&mut samples);
            let clip = || Piece::Clip(Clip { rate: from, samples: samples.clone().into() });
            // Two clips behind each other: twice as many samples, and no gap between them.
            let pieces = vec![clip(), clip()];
            let mut player =
                Player::new(Playing { id: 1, pieces, repeat: Repeat::Times(1), stop_on_digit: false });
            let (mut sound, mut frames) = (Vec::new(), 0);
            loop {
                let mut out = vec![0; to as usize / 50];
                let goes_on = player.fill(to, &mut out);
                sound.extend(out);
                frames += 1;
                if !goes_on {
                    break;
                }
            }
            assert_eq!(frames, 20, "{from} to {to}");
            for part in sound[to as usize / 50..].chunks(to as usize / 100) {
                assert!((tone::level(part) + 10.0).abs() < 1.0, "{from} to {to}: {}", tone::level(part));
            }
        }
    }

    #[test]
    fn a_tone_is_on_and_off_and_as_loud_as_tones_are() {
        let on = Duration::from_millis(40);
        let tone = Tone { hz: [440, 0], on, off: on, times: 2 };
        let (sound, frames) = play(vec![Piece::Tone(tone)], Repeat::Times(1), 20);
        assert_eq!(frames, 8);
        let level = tone::level(&sound[..320]);
        assert!((-13.5..-12.5).contains(&level), "{level}");
        assert!(sound[320..640].iter().all(|sample| *sample == 0));
        assert!(tone::level(&sound[640..960]) > -14.0);
    }
}
