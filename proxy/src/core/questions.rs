//! The questions that wait for an answer of a service: who asked, and until when.
//!
//! A ticket names one. Forgetting it cancels it: the answer that still comes is counted and dropped. All questions
//! have the same time, so the oldest one is always in front.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proto::Ticket;

use super::slots::{Full, Slot, Slots};

/// Questions of the kind `T`, which says who waits for what.
#[derive(Debug)]
pub struct Questions<T> {
    open: Slots<T>,
    by_age: VecDeque<(Instant, Slot)>,
    timeout: Duration,
}

impl<T> Questions<T> {
    /// At most `max` at once, each for `timeout`.
    pub fn new(max: usize, timeout: Duration) -> Self {
        Self { open: Slots::new(max), by_age: VecDeque::new(), timeout }
    }

    /// Opens a question.
    pub fn open(&mut self, now: Instant, who: T) -> Result<Ticket, Full> {
        self.sweep();
        let slot = self.open.insert(who)?;
        self.by_age.push_back((now + self.timeout, slot));
        Ok(Ticket(slot.to_bits()))
    }

    /// Who waits for this answer; `None` when it comes too late, twice, or for somebody who has gone.
    pub fn close(&mut self, ticket: Ticket) -> Option<T> {
        self.open.remove(Slot::from_bits(ticket.0))
    }

    /// True while an answer is waited for.
    pub fn is_open(&self, ticket: Ticket) -> bool {
        self.open.get(Slot::from_bits(ticket.0)).is_some()
    }

    /// The next question whose time is over.
    pub fn expired(&mut self, now: Instant) -> Option<T> {
        while let Some((at, slot)) = self.by_age.front().copied() {
            if self.open.get(slot).is_some() && at > now {
                return None;
            }
            self.by_age.pop_front();
            if let Some(who) = self.open.remove(slot) {
                return Some(who);
            }
        }
        None
    }

    /// When [`Questions::expired`] is to be asked next.
    pub fn deadline(&self) -> Option<Instant> {
        self.by_age.front().map(|(at, _)| *at)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Takes answered questions from the front: most are answered long before their time.
    fn sweep(&mut self) {
        while self.by_age.front().is_some_and(|(_, slot)| self.open.get(*slot).is_none()) {
            self.by_age.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    #[test]
    fn each_question_is_answered_or_expires_and_never_both() {
        let start = Instant::now();
        let mut questions = Questions::new(3, TIMEOUT);
        let first = questions.open(start, 'a').unwrap();
        let second = questions.open(start + TIMEOUT / 2, 'b').unwrap();
        assert_eq!(questions.close(first), Some('a'));
        assert_eq!(questions.close(first), None);
        assert_eq!(questions.expired(start + TIMEOUT), None);
        assert_eq!(questions.expired(start + TIMEOUT * 2), Some('b'));
        assert_eq!(questions.close(second), None);
        assert!(questions.len() == 0 && questions.deadline().is_none());
    }

    #[test]
    fn answered_questions_leave_no_trace() {
        let start = Instant::now();
        let mut questions = Questions::new(1, TIMEOUT);
        for who in 0..1000 {
            let ticket = questions.open(start, who).unwrap();
            assert_eq!(questions.open(start, -1), Err(Full));
            questions.close(ticket);
        }
        assert!(questions.by_age.len() <= 1);
    }
}
