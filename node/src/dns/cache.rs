//! What was looked up, until its time; who is looking up what; and answers that have run out, for bad days.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::records::{Answer, Lookup};

/// A bounded cache of look-ups.
#[derive(Debug)]
pub(crate) struct Cache {
    entries: HashMap<Lookup, Entry>,
    /// The entries by the end of their use, so that the one that ends first can make room.
    ends: BTreeSet<(Instant, Lookup)>,
    /// Who waits for the look-ups under way. They are bounded by `lookups_max`.
    asking: HashMap<Lookup, Vec<oneshot::Sender<Answer>>>,
    most: usize,
    stale_max: Duration,
}

#[derive(Debug)]
struct Entry {
    answer: Answer,
    /// Until when the answer is good.
    until: Instant,
    /// Until when it will do if nobody can give another (RFC 8767 §4).
    end: Instant,
}

/// Who is to ask.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is known by now.
    Known(Answer),
    /// The caller asks, and then calls [`Cache::keep`].
    Ours,
    /// Another asks; here comes what is found.
    Theirs(oneshot::Receiver<Answer>),
}

impl Cache {
    pub(crate) fn new(most: usize, stale_max: Duration) -> Self {
        let most = most.max(1);
        Self { entries: HashMap::new(), ends: BTreeSet::new(), asking: HashMap::new(), most, stale_max }
    }

    /// What is known and still good.
    pub(crate) fn find(&self, now: Instant, lookup: &Lookup) -> Option<Answer> {
        let entry = self.entries.get(lookup).filter(|entry| now < entry.until)?;
        Some(entry.answer.clone())
    }

    /// Says who is to ask for it: several that want the same at once are one question.
    pub(crate) fn turn(&mut self, now: Instant, lookup: &Lookup) -> Turn {
        if let Some(answer) = self.find(now, lookup) {
            return Turn::Known(answer);
        }
        if let Some(waiting) = self.asking.get_mut(lookup) {
            let (teller, told) = oneshot::channel();
            waiting.push(teller);
            return Turn::Theirs(told);
        }
        self.asking.insert(lookup.clone(), Vec::new());
        Turn::Ours
    }

    /// Keeps an answer for `ttl`, tells it to who waits, and gives it back. A failure leaves what was known before
    /// in its place, for a while.
    pub(crate) fn keep(&mut self, now: Instant, lookup: &Lookup, answer: Answer, ttl: Duration) -> Answer {
        let until = now + ttl;
        let (answer, end) = match (answer, self.entries.get(lookup)) {
            (Answer::Failed(_), Some(known)) if now < known.end => (known.answer.clone(), known.end),
            (failed @ Answer::Failed(_), _) => (failed, until),
            (answer, _) => (answer, until + self.stale_max),
        };
        self.remove(lookup);
        if self.entries.len() >= self.most
            && let Some((_, first)) = self.ends.pop_first()
        {
            self.entries.remove(&first);
        }
        self.ends.insert((end, lookup.clone()));
        self.entries.insert(lookup.clone(), Entry { answer: answer.clone(), until, end });
        for teller in self.asking.remove(lookup).into_iter().flatten() {
            // Who waited may have lost its patience.
            let _ = teller.send(answer.clone());
        }
        answer
    }

    /// Forgets what was asked of name servers that are asked no more. Look-ups under way still come in.
    pub(crate) fn clear(&mut self, most: usize, stale_max: Duration) {
        self.entries.clear();
        self.ends.clear();
        self.most = most.max(1);
        self.stale_max = stale_max;
    }

    /// How many answers are kept.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn remove(&mut self, lookup: &Lookup) {
        if let Some(entry) = self.entries.remove(lookup) {
            self.ends.remove(&(entry.end, lookup.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::records::{Kind, Records};

    fn answer(last: u8) -> Answer {
        Answer::of(Records::Addresses(vec![[192, 0, 2, last].into()]))
    }

    #[test]
    fn answers_run_out_and_still_serve_when_nobody_knows_better() {
        let start = crate::clock::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut cache = Cache::new(10, Duration::from_secs(100));
        let lookup = Lookup::new(Kind::A, "A.example.");
        cache.keep(start, &lookup, answer(1), Duration::from_secs(10));
        assert!(matches!(cache.turn(start, &lookup), Turn::Known(_)));
        assert_eq!(cache.find(at(9), &Lookup::whole(Kind::A, "a.EXAMPLE")), Some(answer(1)));
        assert_eq!(cache.find(at(10), &lookup), None);
        let failed = Answer::Failed("away".into());
        assert_eq!(cache.keep(at(20), &lookup, failed.clone(), Duration::from_secs(5)), answer(1), "stale");
        assert_eq!(cache.find(at(21), &lookup), Some(answer(1)));
        assert_eq!(cache.keep(at(111), &lookup, failed.clone(), Duration::from_secs(5)), failed, "too old");
        cache.keep(at(120), &lookup, Answer::Nothing, Duration::from_secs(5));
        assert_eq!(cache.find(at(121), &lookup), Some(Answer::Nothing));
    }

    #[test]
    fn one_asks_and_others_are_told() {
        let now = crate::clock::now();
        let mut cache = Cache::new(10, Duration::ZERO);
        let lookup = Lookup::new(Kind::A, "a.example");
        assert!(matches!(cache.turn(now, &lookup), Turn::Ours));
        let Turn::Theirs(mut told) = cache.turn(now, &lookup) else { panic!("somebody asks already") };
        assert!(matches!(cache.turn(now, &Lookup::new(Kind::Aaaa, "a.example")), Turn::Ours));
        cache.keep(now, &lookup, answer(1), Duration::ZERO);
        assert_eq!(told.try_recv(), Ok(answer(1)), "although it is good no longer");
        assert!(matches!(cache.turn(now, &lookup), Turn::Ours));
    }

    #[test]
    fn the_answer_that_ends_first_makes_room() {
        let now = crate::clock::now();
        let mut cache = Cache::new(2, Duration::ZERO);
        for (name, ttl) in [("a", 30), ("b", 10), ("b", 11), ("c", 20)] {
            cache.keep(now, &Lookup::new(Kind::A, name), answer(1), Duration::from_secs(ttl));
        }
        assert_eq!((cache.len(), cache.ends.len()), (2, 2));
        assert_eq!(cache.find(now, &Lookup::new(Kind::A, "b")), None);
        assert_eq!(cache.find(now, &Lookup::new(Kind::A, "a")), Some(answer(1)));
        cache.clear(1, Duration::ZERO);
        assert_eq!((cache.len(), cache.ends.len()), (0, 0));
    }
}
