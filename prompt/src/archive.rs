//! The sounds of a language in one file: for each clip its name, its text and its G.722 octets, in the order of the
//! language's table. The compiler reads it, so a clip that is missing, or was made from another text, stops the build.
//!
//! Each entry: octets of the name (1), name, octets of the text (2, big-endian), text, octets of the sound (4), sound.

use crate::clip::{Table, same};

/// One clip to be written.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name in the table.
    pub name: String,
    /// What it says.
    pub text: String,
    /// G.722 at 64 kbit/s.
    pub sound: Vec<u8>,
}

/// The archive of these clips. Names of at most 255 octets and texts of at most 65,535.
///
/// # Panics
/// When a name or a text is longer.
pub fn write(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        out.push(u8::try_from(entry.name.len()).expect("names are short"));
        out.extend_from_slice(entry.name.as_bytes());
        out.extend_from_slice(&u16::try_from(entry.text.len()).expect("texts are short").to_be_bytes());
        out.extend_from_slice(entry.text.as_bytes());
        out.extend_from_slice(&u32::try_from(entry.sound.len()).expect("sounds are short").to_be_bytes());
        out.extend_from_slice(&entry.sound);
    }
    out
}

/// Where the sound of each clip begins and ends. Evaluated by the compiler, which stops where the archive and the
/// table differ: `./dev prompts` makes the archive anew.
#[cfg_attr(feature = "make", expect(dead_code, reason = "the archive is about to be made"))]
pub(crate) const fn places<const N: usize>(archive: &[u8], table: &Table) -> [(u32, u32); N] {
    assert!(N == table.len(), "one place for each clip");
    let mut places = [(0, 0); N];
    let (mut at, mut clip) = (0, 0);
    while clip < N {
        assert!(at < archive.len(), "a clip is missing from the archive: run ./dev prompts");
        let name = archive[at] as usize;
        assert!(has(archive, at + 1, table[clip].0), "the archive has another clip here: run ./dev prompts");
        at += 1 + name;
        let text = number(archive, at, 2);
        assert!(has(archive, at + 2, table[clip].1), "a clip says another text: run ./dev prompts");
        assert!(
            name == table[clip].0.len() && text == table[clip].1.len(),
            "a longer one: run ./dev prompts"
        );
        at += 2 + text;
        let sound = number(archive, at, 4);
        assert!(sound > 0, "a clip is silent: run ./dev prompts");
        at += 4;
        places[clip] = (at as u32, (at + sound) as u32);
        at += sound;
        clip += 1;
    }
    assert!(at == archive.len(), "the archive has clips that nobody says: run ./dev prompts");
    places
}

const fn has(archive: &[u8], at: usize, text: &str) -> bool {
    let (_, rest) = archive.split_at(at);
    if rest.len() < text.len() {
        return false;
    }
    let (here, _) = rest.split_at(text.len());
    same(here, text.as_bytes())
}

const fn number(archive: &[u8], at: usize, octets: usize) -> usize {
    let (mut value, mut octet) = (0, 0);
    while octet < octets {
        value = value << 8 | archive[at + octet] as usize;
        octet += 1;
    }
    value
}
