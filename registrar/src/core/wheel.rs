//! When bindings expire: three wheels of 64 places, ticks of one second, lists through the slots themselves.
//!
//! A binding moves at most twice on its way down. A refresh does not touch the wheel: the place is only a promise to
//! look, and whoever looks compares with the slot's own time and puts it back.

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A slot's place in the wheel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    previous: u32,
    next: u32,
    place: u8,
}

impl Default for Link {
    fn default() -> Self {
        Link { previous: NONE, next: NONE, place: NOWHERE }
    }
}

/// What the wheel is strung through.
pub(super) trait Linked {
    /// The place in the wheel.
    fn link(&mut self) -> &mut Link;
    /// The second at which to look.
    fn due(&self) -> u64;
}

/// The wheel of one stripe.
#[derive(Debug)]
pub(super) struct Wheel {
    /// The second up to which everything was looked at.
    tick: u64,
    heads: [u32; LEVELS * 64],
    occupied: [u64; LEVELS],
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel { tick: 0, heads: [NONE; LEVELS * 64], occupied: [0; LEVELS] }
    }
}

impl Wheel {
    /// Sets the time of an empty wheel.
    pub(super) fn start(&mut self, tick: u64) {
        debug_assert_eq!(self.occupied, [0; LEVELS], "only an empty wheel jumps");
        self.tick = tick;
    }

    /// Puts a slot where it will be looked at in the second when it is due, not before the next one.
    pub(super) fn insert<T: Linked>(&mut self, slots: &mut [T], at: u32) {
        let due = slots[at as usize].due().max(self.tick + 1);
        self.put(slots, at, due);
    }

    /// Takes a slot out.
    pub(super) fn remove<T: Linked>(&mut self, slots: &mut [T], at: u32) {
        let link = std::mem::take(slots[at as usize].link());
        if link.place == NOWHERE {
            return;
        }
        if link.next != NONE {
            slots[link.next as usize].link().previous = link.previous;
        }
        if link.previous != NONE {
            slots[link.previous as usize].link().next = link.next;
            return;
        }
        self.heads[usize::from(link.place)] = link.next;
        if link.next == NONE {
            self.occupied[usize::from(link.place / 64)] &= !(1 << (link.place % 64));
        }
    }

    /// Takes out the next slot to look at up to the second `to`; `None` when there is none left, and the wheel
    /// stands at `to`.
    pub(super) fn next<T: Linked>(&mut self, slots: &mut [T], to: u64) -> Option<u32> {
        loop {
            let head = self.heads[place_in(0, self.tick)];
            if head != NONE {
                self.remove(slots, head);
                return Some(head);
            }
            if self.tick >= to {
                return None;
            }
            let ahead = self.occupied[0] & above(self.tick);
            let stop = if ahead == 0 {
                (self.tick | 63) + 1
            } else {
                self.tick & !63 | u64::from(ahead.trailing_zeros())
            };
            self.tick = stop.min(to);
            if self.tick == stop && ahead == 0 {
                self.turn(slots);
            }
        }
    }

    /// At the end of a round of the first wheel: what the next place of the second (and third) holds moves down.
    fn turn<T: Linked>(&mut self, slots: &mut [T]) {
        if self.tick.is_multiple_of(1 << 12) {
            self.cascade(slots, place_in(2, self.tick));
        }
        self.cascade(slots, place_in(1, self.tick));
    }

    fn cascade<T: Linked>(&mut self, slots: &mut [T], place: usize) {
        self.occupied[place / 64] &= !(1 << (place % 64));
        let mut at = std::mem::replace(&mut self.heads[place], NONE);
        while at != NONE {
            let next = std::mem::take(slots[at as usize].link()).next;
            let due = slots[at as usize].due().max(self.tick);
            self.put(slots, at, due);
            at = next;
        }
    }

    fn put<T: Linked>(&mut self, slots: &mut [T], at: u32, due: u64) {
        let differ = due ^ self.tick;
        let place = if differ < 1 << 6 {
            place_in(0, due)
        } else if differ < 1 << 12 {
            place_in(1, due)
        } else if (due >> 12) - (self.tick >> 12) < 64 {
            place_in(2, due)
        } else {
            // Farther than the wheels reach: look again after almost a round of the third.
            place_in(2, self.tick.wrapping_sub(1 << 12))
        };
        let next = std::mem::replace(&mut self.heads[place], at);
        *slots[at as usize].link() = Link { previous: NONE, next, place: place as u8 };
        if next != NONE {
            slots[next as usize].link().previous = at;
        }
        self.occupied[place / 64] |= 1 << (place % 64);
    }
}

const LEVELS: usize = 3;
const NOWHERE: u8 = u8::MAX;

const fn place_in(level: usize, tick: u64) -> usize {
    level * 64 + ((tick >> (6 * level)) & 63) as usize
}

/// The places of a round that lie after this tick's.
const fn above(tick: u64) -> u64 {
    (u64::MAX - 1) << (tick & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing {
        due: u64,
        link: Link,
    }

    impl Linked for Thing {
        fn link(&mut self) -> &mut Link {
            &mut self.link
        }
        fn due(&self) -> u64 {
            self.due
        }
    }

    const START: u64 = 1_700_000_000;

    fn wheel_of(dues: &[u64]) -> (Wheel, Vec<Thing>) {
        let mut wheel = Wheel::default();
        wheel.start(START);
        let mut things: Vec<_> =
            dues.iter().map(|due| Thing { due: START + due, link: Link::default() }).collect();
        for at in 0..things.len() {
            wheel.insert(&mut things, at as u32);
        }
        (wheel, things)
    }

    #[test]
    fn each_is_looked_at_in_the_second_when_it_is_due() {
        let dues = [
            0, 1, 2, 62, 63, 64, 65, 127, 128, 3600, 4095, 4096, 4097, 86_400, 262_143, 262_144, 400_000,
            1_000_000,
        ];
        for step in [1, 7, 63, 64, 1000] {
            let (mut wheel, mut things) = wheel_of(&dues);
            let mut seen = Vec::new();
            let mut now = START;
            while now < START + 1_000_100 {
                now += step;
                while let Some(at) = wheel.next(&mut things, now) {
                    let thing = &things[at as usize];
                    if thing.due > now {
                        wheel.insert(&mut things, at);
                        continue;
                    }
                    assert!(
                        thing.due.max(START + 1) + step > now,
                        "{} is late at {}",
                        thing.due - START,
                        now - START
                    );
                    seen.push(thing.due - START);
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, dues, "step {step}");
        }
    }

    #[test]
    fn what_was_taken_out_is_not_looked_at() {
        let (mut wheel, mut things) = wheel_of(&[5, 5, 5, 100, 100, 5000]);
        for at in [1, 0, 4, 5] {
            wheel.remove(&mut things, at);
            wheel.remove(&mut things, at);
        }
        let seen: Vec<u32> = std::iter::from_fn(|| wheel.next(&mut things, START + 10_000)).collect();
        assert_eq!(seen, [2, 3]);
        assert_eq!(wheel.occupied, [0; LEVELS]);
        wheel.start(START);
    }
}
