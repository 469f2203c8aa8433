//! What the digits mean that were pressed so far: a key of the menu, an extension, or not yet anything.

use super::book::{Book, Entry};

/// What some digits mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A key of the menu.
    Key(char),
    /// An extension that is known to exist.
    Extension,
    /// Perhaps the beginning of something: more digits may come.
    Open,
    /// Perhaps an extension: the directory knows.
    Unknown,
    /// Nothing.
    Nothing,
}

/// What `digits` mean; `is_whole` when no more come.
pub(crate) fn read(book: &Book, entry: &Entry, digits: &str, is_whole: bool) -> Reading {
    let mut keys = digits.chars();
    let key = match (keys.next(), keys.next()) {
        (Some(key), None) if entry.keys.contains_key(&key) => Some(key),
        _ => None,
    };
    let is_number =
        entry.may_dial && !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let is_extension = is_number && book.extensions.contains(digits);
    let mut behind = book.extensions.range(digits.to_owned()..);
    let is_longer = |known: &String| known.len() > digits.len() && known.starts_with(digits);
    let may_grow = is_number && behind.find(|known| known.as_str() != digits).is_some_and(is_longer);
    match key {
        _ if may_grow && !is_whole => Reading::Open,
        _ if is_extension => Reading::Extension,
        Some(key) => Reading::Key(key),
        None if !is_number || digits.len() > DIGITS_MAX => Reading::Nothing,
        None if is_whole => Reading::Unknown,
        None => Reading::Open,
    }
}

/// The most digits of an extension.
pub(crate) const DIGITS_MAX: usize = 16;
