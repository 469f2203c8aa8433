//! Digits one after the other, until there are enough or no more come.

use std::time::{Duration, Instant};

use proto::media::{Collect, Ended};

/// A collector at work.
#[derive(Debug)]
pub(super) struct Collector {
    id: u32,
    digits: String,
    digits_max: usize,
    first: Duration,
    between: Duration,
    end_digits: String,
    /// Until when the next digit must come; `None` while something is played.
    until: Option<Instant>,
}

impl Collector {
    pub fn new(now: Instant, ask: &Collect<'_>, is_playing: bool) -> Self {
        Collector {
            id: ask.id,
            digits: String::new(),
            digits_max: usize::from(ask.digits_max.max(1)),
            first: ask.first,
            between: ask.between,
            end_digits: ask.end_digits.to_owned(),
            until: (!is_playing).then(|| now + ask.first),
        }
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    /// What was dialled.
    pub fn digits(self) -> String {
        self.digits
    }

    /// Something is played: the first digit has time until it has ended.
    pub fn wait(&mut self) {
        if self.digits.is_empty() {
            self.until = None;
        }
    }

    /// Nothing is played any more.
    pub fn begin(&mut self, now: Instant) {
        self.until.get_or_insert(now + self.first);
    }

    /// Takes a digit; says why that was the last one.
    pub fn digit(&mut self, now: Instant, digit: char) -> Option<Ended> {
        if self.end_digits.contains(digit) {
            return Some(Ended::Digit(digit));
        }
        self.digits.push(digit);
        self.until = Some(now + self.between);
        (self.digits.len() >= self.digits_max).then_some(Ended::Complete)
    }

    /// True when the next digit should have come.
    pub fn is_late(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now >= until)
    }
}
