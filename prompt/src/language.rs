//! The languages. Another one is a file here with its table of clips and its grammar, a line in [`Language`], and its
//! archive of sounds.

mod english;
mod french;
mod grammar;

use std::fmt::Write as _;

use grammar::{Grammar, Phrase};

use crate::clip::{Clip, Piece, Table, find};
use crate::sentence::{Fixed, Month, Sentence, Weekday};

/// A language that callers are spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Language {
    /// French of France.
    #[default]
    French,
    /// English, as in the United States.
    English,
}

/// What a language brings.
pub(crate) struct Voice {
    /// Its clips.
    table: &'static Table,
    /// Where the sound of each lies in the archive.
    places: &'static [(u32, u32)],
    archive: &'static [u8],
    /// Puts a sentence into clips.
    grammar: &'static dyn Grammar,
    /// How espeak-ng calls its voice.
    espeak: &'static str,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::French, Self::English];

    /// The language of a tag of BCP 47, by its first part: `fr`, `fr-FR`, `en-GB`.
    pub fn of(tag: &str) -> Option<Self> {
        let language = tag.split(['-', '_']).next()?;
        Self::ALL.into_iter().find(|known| known.tag().eq_ignore_ascii_case(language))
    }

    /// The tag: `fr`.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// The name of its voice in espeak-ng, with which its clips are made.
    pub const fn espeak_voice(self) -> &'static str {
        self.voice().espeak
    }

    /// What is played for a sentence, in order. Empty only for digits that hold none.
    pub fn say<'a>(self, sentence: &Sentence<'a>) -> Vec<Piece<'a>> {
        let mut said = Said { voice: self.voice(), pieces: Vec::new() };
        self.voice().grammar.say(sentence, &mut said);
        said.pieces
    }

    /// A sentence in letters, for logs, mails and tests. A recording stands as `[where it is kept]`.
    pub fn text(self, sentence: &Sentence<'_>) -> String {
        let mut text = String::new();
        for piece in self.say(sentence) {
            let before = if text.is_empty() { "" } else { " " };
            // Writing into a String does not fail.
            let _ = match piece {
                Piece::Clip(clip) => write!(text, "{before}{}", self.clip_text(clip)),
                Piece::Recording(kept) => write!(text, "{before}[{kept}]"),
            };
        }
        text
    }

    /// The clips: name and text, as they are to be recorded.
    pub fn clips(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.voice().table.iter().copied()
    }

    /// The name of a clip: a recording of that name may take its place.
    pub fn clip_name(self, clip: Clip) -> &'static str {
        self.voice().table[usize::from(clip.0)].0
    }

    /// What a clip says.
    pub fn clip_text(self, clip: Clip) -> &'static str {
        self.voice().table[usize::from(clip.0)].1
    }

    /// How a clip sounds: G.722 at 64 kbit/s, 16 kHz, one channel.
    pub fn clip_sound(self, clip: Clip) -> &'static [u8] {
        let voice = self.voice();
        let (start, end) = voice.places[usize::from(clip.0)];
        &voice.archive[start as usize..end as usize]
    }

    /// The clip of a name.
    pub fn clip_of(self, name: &str) -> Option<Clip> {
        let at = self.voice().table.iter().position(|(known, _)| *known == name)?;
        Some(Clip(at as u16))
    }

    const fn voice(self) -> &'static Voice {
        match self {
            Self::French => &french::VOICE,
            Self::English => &english::VOICE,
        }
    }
}

/// A sentence under way.
pub(crate) struct Said<'a> {
    voice: &'static Voice,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Said<'a> {
    fn clip(&mut self, clip: Clip) {
        self.pieces.push(Piece::Clip(clip));
    }

    fn recording(&mut self, kept: &'a str) {
        self.pieces.push(Piece::Recording(kept));
    }

    /// A clip that every language has ([`complete`] sees to it).
    fn named(&mut self, name: &str) {
        self.clip(find(self.voice.table, name));
    }

    fn phrase(&mut self, phrase: Phrase) {
        self.named(phrase.clip());
    }

    /// Digits one by one, `*` and `#` too; what is none of them is left out.
    fn digits(&mut self, digits: &str) {
        for digit in digits.bytes() {
            match digit {
                b'0'..=b'9' => self.clip(Clip(u16::from(digit - b'0'))),
                b'*' => self.phrase(Phrase::Star),
                b'#' => self.phrase(Phrase::Hash),
                _ => {}
            }
        }
    }
}

/// Stops the build where a language lacks a clip that all need, or does not begin with the numbers from 0 to 99, by
/// which [`Clip`] finds them.
const fn complete(table: &Table) {
    let mut number = 0;
    while number < 100 {
        let name = table[number].0.as_bytes();
        assert!(name[0] == b'n', "a language begins with n0 to n99");
        let last = name[name.len() - 1] - b'0';
        let first = if name.len() == 3 { name[1] - b'0' } else { 0 };
        assert!((first * 10 + last) as usize == number, "the numbers stand in order");
        number += 1;
    }
    let mut at = 0;
    while at < Fixed::ALL.len() {
        find(table, Fixed::ALL[at].clip());
        at += 1;
    }
    at = 0;
    while at < Month::ALL.len() {
        find(table, Month::ALL[at].clip());
        at += 1;
    }
    at = 0;
    while at < Weekday::ALL.len() {
        find(table, Weekday::ALL[at].clip());
        at += 1;
    }
    at = 0;
    while at < Phrase::ALL.len() {
        find(table, Phrase::ALL[at].clip());
        at += 1;
    }
}
