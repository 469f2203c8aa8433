//! A timer wheel of 10 ms ticks for a fixed population: each owner has one place, by its number, and at most one
//! timer in it. Whoever needs two keeps both moments and hangs the nearer one.
//!
//! The timers are links in one array, so starting, moving and stopping one touch two neighbours and nothing
//! else: no allocation, no stale entries that wait for their time, and memory that follows the population (16
//! octets each). The nearest 41 s lie in slots of one tick; what is further away lies in three coarser rings and
//! is brought nearer when its time comes. No clock here: time is an argument.

use std::time::{Duration, Instant};

/// A moment in ticks since the wheel began.
pub type Tick = u64;

/// The length of a tick.
pub const TICK: Duration = Duration::from_millis(10);

/// The timers of one population.
#[derive(Debug)]
pub struct Wheel {
    began: Instant,
    current: Tick,
    nodes: Vec<Node>,
    places: Vec<Place>,
    near: Bits,
    far: [u64; RINGS],
    running: usize,
}

impl Wheel {
    /// An empty wheel whose tick 0 is `began`, with room for `population` owners before it has to grow.
    pub fn new(began: Instant, population: usize) -> Self {
        Self {
            began,
            current: 0,
            nodes: Vec::with_capacity(population),
            places: vec![Place { first: NONE, last: NONE }; NEAR + RINGS * RING],
            near: Bits::default(),
            far: [0; RINGS],
            running: 0,
        }
    }

    /// The first tick that is not before `moment`: a timer never fires early, and at most one tick late.
    pub fn tick_at(&self, moment: Instant) -> Tick {
        let nanos = moment.saturating_duration_since(self.began).as_nanos();
        Tick::try_from(nanos.div_ceil(TICK.as_nanos())).unwrap_or(Tick::MAX)
    }

    /// The moment of a tick.
    pub fn moment(&self, tick: Tick) -> Instant {
        let nanos = u64::try_from(TICK.as_nanos()).unwrap_or(u64::MAX).saturating_mul(tick);
        self.began.checked_add(Duration::from_nanos(nanos)).unwrap_or(self.began)
    }

    /// Starts the timer of `owner`, or moves it. A tick that has passed fires at the next [`Wheel::pop`].
    pub fn start(&mut self, owner: u32, due: Tick) {
        let index = owner as usize;
        if index >= self.nodes.len() {
            self.nodes.resize(index + 1, Node::OFF);
        }
        if self.nodes[index].is_on() {
            if self.nodes[index].due == due {
                return;
            }
            self.unlink(owner);
        }
        self.running += 1;
        self.link(owner, due.max(self.current));
    }

    /// Stops the timer of `owner`; nothing happens when it does not run.
    pub fn stop(&mut self, owner: u32) {
        if self.nodes.get(owner as usize).is_some_and(Node::is_on) {
            self.unlink(owner);
        }
    }

    /// When the timer of `owner` fires.
    pub fn due(&self, owner: u32) -> Option<Tick> {
        self.nodes.get(owner as usize).filter(|node| node.is_on()).map(|node| node.due)
    }

    /// The next owner whose timer is due at `now`; its timer has stopped. They come in the order of the ticks,
    /// and within a tick in the order of the starts as long as all were started for less than 41 s.
    pub fn pop(&mut self, now: Instant) -> Option<u32> {
        let elapsed = now.saturating_duration_since(self.began).as_nanos() / TICK.as_nanos();
        let until = Tick::try_from(elapsed).unwrap_or(Tick::MAX);
        loop {
            let Some(next) = self.next().filter(|next| next.tick <= until) else {
                self.current = self.current.max(until);
                return None;
            };
            self.current = next.tick;
            match next.place {
                Some(place) => {
                    let first = self.places[place].first;
                    self.unlink(first);
                    return Some(first);
                }
                None => self.bring_nearer(),
            }
        }
    }

    /// When [`Wheel::pop`] is to be called next; none when no timer runs. Exact for all that is due within 41 s;
    /// with nothing so near it may be earlier, so that what is far is brought nearer.
    pub fn deadline(&self) -> Option<Instant> {
        self.next().map(|next| self.moment(next.tick))
    }

    /// How many timers run.
    pub fn len(&self) -> usize {
        self.running
    }

    /// True when no timer runs.
    pub fn is_empty(&self) -> bool {
        self.running == 0
    }

    fn next(&self) -> Option<Next> {
        if self.running == 0 {
            return None;
        }
        let slot = (self.current % NEAR as Tick) as usize;
        let mut best = self.near.first_from(slot).map(|found| {
            let ahead = (found + NEAR - slot) % NEAR;
            Next { tick: self.current + ahead as Tick, place: Some(found) }
        });
        for ring in 0..RINGS {
            let width = width(ring);
            let here = self.current / width;
            let Some(ahead) = ahead_in(self.far[ring], here) else { continue };
            let tick = (here + ahead) * width;
            // A coarse slot goes first: it may hold timers of this very tick.
            if best.as_ref().is_none_or(|best| tick <= best.tick) {
                best = Some(Next { tick, place: None });
            }
        }
        best
    }

    /// Deals out the coarse slots that begin at the current tick, the widest first.
    fn bring_nearer(&mut self) {
        for ring in (0..RINGS).rev() {
            if !self.current.is_multiple_of(width(ring)) {
                continue;
            }
            let place = place_in(ring, (self.current / width(ring)) as usize % RING);
            let mut owner = self.places[place].first;
            self.places[place] = Place { first: NONE, last: NONE };
            self.mark(place, false);
            while owner != NONE {
                let Node { next, due, .. } = self.nodes[owner as usize];
                self.link(owner, due);
                owner = if next & EDGE == 0 { next } else { NONE };
            }
        }
    }

    fn link(&mut self, owner: u32, due: Tick) {
        let place = self.place_for(due);
        let edge = EDGE | place as u32;
        let last = std::mem::replace(&mut self.places[place].last, owner);
        if last == NONE {
            self.places[place].first = owner;
            self.mark(place, true);
        } else {
            self.nodes[last as usize].next = owner;
        }
        let previous = if last == NONE { edge } else { last };
        self.nodes[owner as usize] = Node { next: edge, previous, due };
    }

    fn unlink(&mut self, owner: u32) {
        let Node { next, previous, .. } = std::mem::replace(&mut self.nodes[owner as usize], Node::OFF);
        self.running -= 1;
        if previous & EDGE == 0 {
            self.nodes[previous as usize].next = next;
        } else {
            let place = (previous & !EDGE) as usize;
            self.places[place].first = if next & EDGE == 0 { next } else { NONE };
            if next & EDGE != 0 {
                self.mark(place, false);
            }
        }
        if next & EDGE == 0 {
            self.nodes[next as usize].previous = previous;
        } else {
            self.places[(next & !EDGE) as usize].last = if previous & EDGE == 0 { previous } else { NONE };
        }
    }

    fn place_for(&self, due: Tick) -> usize {
        if due - self.current < NEAR as Tick {
            return (due % NEAR as Tick) as usize;
        }
        for ring in 0..RINGS {
            let width = width(ring);
            if due / width - self.current / width < RING as Tick {
                return place_in(ring, (due / width) as usize % RING);
            }
        }
        // Further than 124 days: as far as the last ring reaches, and from there again.
        let furthest = self.current / width(RINGS - 1) + RING as Tick - 1;
        place_in(RINGS - 1, furthest as usize % RING)
    }

    fn mark(&mut self, place: usize, occupied: bool) {
        if place < NEAR {
            self.near.set(place, occupied);
            return;
        }
        let (ring, slot) = ((place - NEAR) / RING, (place - NEAR) % RING);
        if occupied {
            self.far[ring] |= 1 << slot;
        } else {
            self.far[ring] &= !(1 << slot);
        }
    }
}

/// The timer of one owner: a link in the list of its place. At either end of a list stands the place instead of
/// a neighbour.
#[derive(Debug, Clone, Copy)]
struct Node {
    next: u32,
    previous: u32,
    due: Tick,
}

impl Node {
    const OFF: Self = Self { next: NONE, previous: NONE, due: Tick::MAX };

    fn is_on(&self) -> bool {
        self.next != NONE
    }
}

#[derive(Debug, Clone, Copy)]
struct Place {
    first: u32,
    last: u32,
}

/// What comes next: a timer in a near slot, or the beginning of coarse slots.
struct Next {
    tick: Tick,
    place: Option<usize>,
}

/// Which of the near slots are occupied: 64 words, and one that says which words are not zero.
#[derive(Debug)]
struct Bits {
    words: [u64; NEAR / 64],
    summary: u64,
}

impl Default for Bits {
    fn default() -> Self {
        Self { words: [0; NEAR / 64], summary: 0 }
    }
}

impl Bits {
    fn set(&mut self, bit: usize, occupied: bool) {
        let word = &mut self.words[bit / 64];
        if occupied {
            *word |= 1 << (bit % 64);
        } else {
            *word &= !(1 << (bit % 64));
        }
        if *word == 0 {
            self.summary &= !(1 << (bit / 64));
        } else {
            self.summary |= 1 << (bit / 64);
        }
    }

    /// The first occupied slot at or after `from`, going round.
    fn first_from(&self, from: usize) -> Option<usize> {
        let (word, bit) = (from / 64, from % 64);
        let rest = self.words[word] & (u64::MAX << bit);
        if rest != 0 {
            return Some(word * 64 + rest.trailing_zeros() as usize);
        }
        // The word itself comes last again, for the slots before `from`.
        let ahead = ahead_in(self.summary, word as Tick)?;
        let word = (word + ahead as usize) % 64;
        Some(word * 64 + self.words[word].trailing_zeros() as usize)
    }
}

/// How far ahead of position `here` (modulo 64) the next set bit is, 1 to 64; the own one comes last.
fn ahead_in(bits: u64, here: Tick) -> Option<Tick> {
    if bits == 0 {
        return None;
    }
    let next = ((here + 1) % 64) as u32;
    Some(Tick::from(bits.rotate_right(next).trailing_zeros()) + 1)
}

const fn width(ring: usize) -> Tick {
    (NEAR as Tick) << (6 * ring as u32)
}

const fn place_in(ring: usize, slot: usize) -> usize {
    NEAR + ring * RING + slot
}

/// Slots of one tick.
const NEAR: usize = 4096;
/// Coarser rings, each of 64 slots, each slot as wide as all that is nearer.
const RINGS: usize = 3;
const RING: usize = 64;
const NONE: u32 = u32::MAX;
/// Set in a link that names a place rather than an owner; owners are therefore fewer than 2^31.
const EDGE: u32 = 1 << 31;

#[cfg(test)]
mod tests;
