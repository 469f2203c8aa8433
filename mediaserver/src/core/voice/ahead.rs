//! Digits that were dialled before anybody asked for them.

/// So many at the most; more are told, and not kept. Without an allocation, since each leg has one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ahead {
    digits: [u8; AHEAD_MAX],
    count: u8,
}

impl Ahead {
    /// One more.
    pub fn put(&mut self, digit: char) {
        if let (Ok(digit), Some(place)) = (u8::try_from(digit), self.digits.get_mut(usize::from(self.count)))
        {
            *place = digit;
            self.count += 1;
        }
    }

    /// The one that was dialled first.
    pub fn take(&mut self) -> Option<char> {
        let left = self.count.checked_sub(1)?;
        let first = self.digits[0];
        self.digits.copy_within(1.., 0);
        self.count = left;
        Some(char::from(first))
    }

    /// They mean nothing any more.
    pub fn clear(&mut self) {
        self.count = 0;
    }
}

/// A mailbox, its PIN and some keys.
const AHEAD_MAX: usize = 23;
