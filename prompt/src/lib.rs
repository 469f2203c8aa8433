//! What callers hear from us: sentences as types, the grammar of each language, and the clips that speak them. Nobody
//! names a sound file; a language that lacks a clip does not compile.
//!
//! ```
//! use prompt::{Language, Sentence};
//!
//! let sentence = Sentence::YouHave { urgent: 0, new: 21, old: 1 };
//! assert_eq!(Language::French.text(&sentence), "vous avez vingt et un nouveaux messages et un ancien message");
//! for piece in Language::French.say(&sentence) {
//!     // play it
//! }
//! ```
//!
//! Nothing here plays or decodes; a clip's octets are G.722 (ITU-T G.722, 64 kbit/s, 16 kHz).

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

#[macro_use]
mod named;
mod archive;
mod clip;
mod language;
mod sentence;

pub use archive::{Entry, write};
pub use clip::{Clip, Piece};
pub use language::Language;
pub use sentence::{Caller, Day, Fixed, Greeting, Month, Offer, Sentence, Weekday, Who};

#[cfg(test)]
mod tests;
