//! A clip: a name, what it says, and how it sounds.

/// One recorded piece of a language. Made by that language alone, so it always has its sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Clip(pub(crate) u16);

/// What is played for a part of a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A clip of the language.
    Clip(Clip),
    /// What a person recorded, a name for one: where it is kept.
    Recording(&'a str),
}

/// The clips of a language: name and text, in the order of the archive.
pub(crate) type Table = [(&'static str, &'static str)];

/// Finds a clip when the language is compiled; one that is missing stops the build.
pub(crate) const fn find(table: &Table, name: &str) -> Clip {
    let mut at = 0;
    while at < table.len() {
        if same(table[at].0.as_bytes(), name.as_bytes()) {
            return Clip(at as u16);
        }
        at += 1;
    }
    panic!("the language has no clip of this name")
}

pub(crate) const fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A clip and those behind it.
pub(crate) const fn following<const N: usize>(first: Clip) -> [Clip; N] {
    let mut clips = [first; N];
    let mut at = 0;
    while at < N {
        clips[at] = Clip(first.0 + at as u16);
        at += 1;
    }
    clips
}
