//! A bounded table whose places carry a generation, so that an old name is harmless. No hash, no iteration in an
//! order of chance.

/// The name of one entry: its place, and how often that place was used before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// The place in the table.
    pub index: u32,
    /// Counts the uses of that place.
    pub generation: u32,
}

impl Slot {
    /// Both halves in one number, as [`proto::Ticket`] carries them.
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// The reverse of [`Slot::to_bits`].
    pub const fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

/// The table has as many entries as its limit allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Up to `max` values of one kind.
#[derive(Debug)]
pub struct Slots<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    max: usize,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Slots<T> {
    /// An empty table for at most `max` entries; memory follows the use.
    pub fn new(max: usize) -> Self {
        Self { places: Vec::new(), free: Vec::new(), max: max.min(u32::MAX as usize) }
    }

    /// Adds an entry under a name that was never used before.
    pub fn insert(&mut self, value: T) -> Result<Slot, Full> {
        if let Some(index) = self.free.pop() {
            let place = &mut self.places[index as usize];
            place.value = Some(value);
            return Ok(Slot { index, generation: place.generation });
        }
        if self.places.len() >= self.max {
            return Err(Full);
        }
        let index = self.places.len() as u32;
        self.places.push(Place { generation: 0, value: Some(value) });
        Ok(Slot { index, generation: 0 })
    }

    /// The entry of that name, while it lives.
    pub fn get(&self, slot: Slot) -> Option<&T> {
        let place = self.places.get(slot.index as usize)?;
        place.value.as_ref().filter(|_| place.generation == slot.generation)
    }

    /// The entry of that name, to be changed.
    pub fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        let place = self.places.get_mut(slot.index as usize)?;
        if place.generation == slot.generation { place.value.as_mut() } else { None }
    }

    /// Removes an entry; its name never comes back.
    pub fn remove(&mut self, slot: Slot) -> Option<T> {
        let place = self.places.get_mut(slot.index as usize)?;
        if place.generation != slot.generation {
            return None;
        }
        let value = place.value.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot.index);
        Some(value)
    }

    /// The name of the entry that stands in a place now.
    pub fn at(&self, index: u32) -> Option<Slot> {
        let place = self.places.get(index as usize)?;
        place.value.as_ref().map(|_| Slot { index, generation: place.generation })
    }

    /// The names of all entries, by place.
    pub fn names(&self) -> impl Iterator<Item = Slot> {
        (0..self.places.len() as u32).filter_map(|index| self.at(index))
    }

    /// All entries by place: for lists that people read.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.places.iter().filter_map(|place| place.value.as_ref())
    }

    /// How many entries live.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// True when none lives.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The limit.
    pub fn max(&self) -> usize {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_name_is_harmless() {
        let mut slots = Slots::new(2);
        let first = slots.insert('a').unwrap();
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b').unwrap();
        assert_eq!(first.index, second.index);
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&'b'));
        assert_eq!(Slot::from_bits(second.to_bits()), second);
    }

    #[test]
    fn a_full_table_refuses() {
        let mut slots = Slots::new(1);
        let only = slots.insert(1).unwrap();
        assert_eq!(slots.insert(2), Err(Full));
        slots.remove(only);
        assert!(slots.insert(2).is_ok());
        assert_eq!(slots.len(), 1);
    }
}
