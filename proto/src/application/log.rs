//! What has happened in a run, so that it can be said again to another instance of its application.

use std::collections::VecDeque;

use super::Event;

/// The events of a run, and how far its commands were taken.
#[derive(Debug, Clone)]
pub struct Log {
    events: VecDeque<Event>,
    events_max: usize,
    /// The number of the first event that is kept.
    first: u64,
    /// The greatest id of a command that was taken.
    taken: u32,
}

impl Log {
    /// A log that keeps the last `events_max` events.
    pub fn new(events_max: usize) -> Self {
        Log { events: VecDeque::new(), events_max: events_max.max(1), first: 1, taken: 0 }
    }

    /// Keeps an event. False, and nothing is kept, for one that is not the next.
    pub fn push(&mut self, event: Event) -> bool {
        if event.number != self.last() + 1 {
            return false;
        }
        if self.events.len() == self.events_max {
            self.events.pop_front();
            self.first += 1;
        }
        self.events.push_back(event);
        true
    }

    /// The number of the last event; 0 when there is none.
    pub fn last(&self) -> u64 {
        self.first - 1 + self.events.len() as u64
    }

    /// An event that is still kept.
    pub fn event(&self, number: u64) -> Option<&Event> {
        let at = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.events.get(at)
    }

    /// True while all events are kept, so that another instance can be told all of them.
    pub fn is_whole(&self) -> bool {
        self.first == 1
    }

    /// Whether a command is to be done: true once for each id. Ids rise, so what is not above all others was done.
    pub fn take(&mut self, id: u32) -> bool {
        let is_new = id > self.taken;
        self.taken = self.taken.max(id);
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::What;

    fn event(number: u64) -> Event {
        Event { number, at_ms: number, what: What::Answered { leg: 0 } }
    }

    #[test]
    fn events_are_kept_in_order_and_the_oldest_go_first() {
        let mut log = Log::new(2);
        assert!(!log.push(event(2)), "the first one is missing");
        assert!(log.push(event(1)) && log.push(event(2)) && log.is_whole());
        assert!(!log.push(event(2)), "it came twice");
        assert!(log.push(event(3)) && !log.is_whole());
        assert_eq!((log.event(1), log.event(4), log.last()), (None, None, 3));
        assert_eq!(log.event(2).map(|event| event.at_ms), Some(2));
    }

    #[test]
    fn a_command_is_taken_once() {
        let mut log = Log::new(1);
        let taken: Vec<bool> = [1, 2, 1, 2, 3, 0].into_iter().map(|id| log.take(id)).collect();
        assert_eq!(taken, [true, true, false, false, true, false]);
    }
}
