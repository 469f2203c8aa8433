//! Sounds one after the other, as samples.

use std::sync::Arc;
use std::time::Duration;

use proto::media::{Repeat, Tone};
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
    /// Samples, 8000 a second.
    Clip(Arc<[i16]>),
    /// A tone.
    Tone(Tone),
    /// Nothing.
    Silence(Duration),
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
}

impl Player {
    pub fn new(playing: Playing) -> Self {
        Player { playing, piece: 0, at: 0, rhythm: None, rounds: 0 }
    }

    pub fn id(&self) -> u32 {
        self.playing.id
    }

    pub fn stops_on_digit(&self) -> bool {
        self.playing.stop_on_digit
    }

    /// Fills `out` with what comes next, silence behind the end; false when that was the end.
    pub fn fill(&mut self, mut out: &mut [i16]) -> bool {
        // A round that holds nothing would never end.
        let mut empty = 0;
        while !out.is_empty() && empty <= self.playing.pieces.len() {
            let Some(piece) = self.playing.pieces.get(self.piece) else {
                self.rounds += 1;
                self.piece = 0;
                if let Repeat::Times(times) = self.playing.repeat
                    && self.rounds >= times.max(1)
                {
                    break;
                }
                empty += 1;
                continue;
            };
            let left = length(piece).saturating_sub(self.at);
            let (now, later) = out.split_at_mut(left.min(out.len()));
            match piece {
                Piece::Clip(samples) => now.copy_from_slice(&samples[self.at..self.at + now.len()]),
                Piece::Silence(_) => now.fill(0),
                Piece::Tone(tone) => self.rhythm.get_or_insert_with(|| rhythm(tone)).fill(now),
            }
            self.at += now.len();
            if now.len() == left {
                (self.piece, self.at, self.rhythm) = (self.piece + 1, 0, None);
            }
            if !now.is_empty() {
                empty = 0;
            }
            out = later;
        }
        out.fill(0);
        let is_last = matches!(self.playing.repeat, Repeat::Times(times) if self.rounds + 1 >= times.max(1));
        // At its very end it has ended: nobody waits for a packet of silence more.
        out.is_empty() && !(is_last && self.piece == self.playing.pieces.len())
    }
}

fn length(piece: &Piece) -> usize {
    match piece {
        Piece::Clip(samples) => samples.len(),
        Piece::Silence(duration) => samples(*duration),
        Piece::Tone(tone) if tone.times == 0 => usize::MAX,
        Piece::Tone(tone) => (samples(tone.on) + samples(tone.off)).saturating_mul(tone.times as usize),
    }
}

fn rhythm(tone: &Tone) -> Rhythm {
    let sines: Vec<(f64, f64)> =
        tone.hz.iter().filter(|hz| **hz > 0).map(|hz| (f64::from((*hz).min(3999)), LEVEL_DBM0)).collect();
    // Without a pause it is one tone, which may be as long as it likes.
    let parts = if tone.off.is_zero() { &[][..] } else { &[tone.on, tone.off][..] };
    Rhythm::new(tone::Tone::new(RATE, &sines), RATE, parts)
}

fn samples(duration: Duration) -> usize {
    usize::try_from(duration.as_millis()).unwrap_or(usize::MAX).saturating_mul(8)
}

/// Samples a second of all that is played.
const RATE: u32 = 8000;
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
            let goes_on = player.fill(&mut out);
            sound.extend(out);
            if !goes_on {
                return (sound, frame);
            }
        }
        (sound, frames + 1)
    }

    fn clip(of: i16, count: usize) -> Piece {
        Piece::Clip(vec![of; count].into())
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
