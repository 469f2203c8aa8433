//! Session descriptions (RFC 8866): the octets and an index of their lines. What is not known here is carried as it
//! came. Offer and answer are in [`offer_answer`], changes of a description that passes through us in [`edit`].

mod address;
pub mod attribute;
pub mod edit;
mod line;
mod media;
pub mod offer_answer;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub use address::{Address, Connection, Origin};
pub use attribute::{Attribute, Direction, Rtcp, RtpMap};
pub use edit::{Edit, Level};
pub use media::{Kind, Media, Proto};

use crate::error::ParseError;
use line::{Line, Words};

/// Limits on a description. Reaching one is a [`ParseError`] that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Octets of a description. Default 32,768: browsers with many candidates write about 8,000.
    pub sdp_bytes_max: usize,
    /// Lines of a description. Default 1,024.
    pub sdp_lines_max: usize,
    /// Octets of one line. Default 8,192, since keys and tickets of some attributes are long.
    pub sdp_line_bytes_max: usize,
    /// Streams (`m=` lines) of a description. Default 32.
    pub sdp_streams_max: usize,
    /// Formats of one stream. Default 128, as many as there are payload types.
    pub sdp_formats_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sdp_bytes_max: 32_768,
            sdp_lines_max: 1_024,
            sdp_line_bytes_max: 8_192,
            sdp_streams_max: 32,
            sdp_formats_max: 128,
        }
    }
}

/// A description that was read: its octets and where its lines are.
#[derive(Debug, Clone)]
pub struct Sdp<'a> {
    octets: &'a [u8],
    lines: Vec<Line>,
    origin: Origin<'a>,
    sections: Vec<media::Section<'a>>,
}

impl<'a> Sdp<'a> {
    /// Reads a description (RFC 8866 §5). Taken although the standard does not allow it, because phones write it: lines
    /// that end with LF alone, `s=` or `t=` missing, lines of a section in another order, several spaces for one, empty
    /// lines and zeros at the end, a rejected stream without formats. Refused: no `v=0` first, no `o=`, lines that are
    /// no `x=…`, an `m=`, `c=` or `o=` that cannot be read, what exceeds `limits`.
    pub fn parse(octets: &'a [u8], limits: &Limits) -> Result<Self, ParseError> {
        if octets.len() > limits.sdp_bytes_max {
            return Err(ParseError::new(limits.sdp_bytes_max, "no more than sdp_bytes_max octets"));
        }
        let lines = line::index(octets, limits)?;
        let version = lines.first().ok_or(ParseError::new(0, "v=0"))?;
        if version.letter != b'v' || version.value(octets).trim_ascii() != b"0" {
            return Err(ParseError::new(version.start, "v=0"));
        }
        let mut origin = None;
        let mut sections: Vec<media::Section<'a>> = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            match line.letter {
                b'm' => {
                    if sections.len() == limits.sdp_streams_max {
                        return Err(ParseError::new(line.start, "no more than sdp_streams_max streams"));
                    }
                    if let Some(last) = sections.last_mut() {
                        last.lines.end = number;
                    }
                    sections.push(media::Section::read(octets, line, number..lines.len(), limits)?);
                }
                b'o' if sections.is_empty() && origin.is_none() => {
                    origin = Some(Origin::read(octets, line)?);
                }
                b'c' => {
                    let connection = Connection::read(octets, line)?;
                    if let Some(section) = sections.last_mut()
                        && section.connection.is_none()
                    {
                        section.connection = Some(connection);
                    }
                }
                _ => {}
            }
        }
        let origin =
            origin.ok_or(ParseError::new(lines.get(1).map_or(octets.len(), |line| line.start), "o="))?;
        Ok(Self { octets, lines, origin, sections })
    }

    /// The octets as they came.
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Who described the session, and which version of it this is (RFC 8866 §5.2).
    pub fn origin(&self) -> Origin<'a> {
        self.origin
    }

    /// The connection of streams that have none of their own (RFC 8866 §5.7).
    pub fn connection(&self) -> Option<Connection<'a>> {
        let line = self.session_lines().iter().find(|line| line.letter == b'c')?;
        Connection::read(self.octets, line).ok()
    }

    /// The streams, in their order.
    pub fn media(&self) -> impl ExactSizeIterator<Item = Media<'_, 'a>> {
        (0..self.sections.len()).map(|index| Media { sdp: self, index })
    }

    /// One stream.
    pub fn stream(&self, index: usize) -> Option<Media<'_, 'a>> {
        (index < self.sections.len()).then_some(Media { sdp: self, index })
    }

    /// The attributes of the session, not of its streams, in their order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> {
        attributes(self.octets, self.session_lines())
    }

    /// The value of the first attribute of the session with this name: empty for a property attribute.
    pub fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes().find(|attribute| attribute.is(name)).map(|attribute| attribute.value)
    }

    /// The value of the first line of the session with this letter, as octets: `s=` may be in any charset.
    pub fn line(&self, letter: u8) -> Option<&'a [u8]> {
        self.session_lines().iter().find(|line| line.letter == letter).map(|line| line.value(self.octets))
    }

    fn session_lines(&self) -> &[Line] {
        let end = self.sections.first().map_or(self.lines.len(), |section| section.lines.start);
        &self.lines[..end]
    }

    fn lines_of(&self, level: Level) -> &[Line] {
        match level {
            Level::Session => self.session_lines(),
            Level::Media(index) => {
                self.sections.get(index).map_or(&[], |section| &self.lines[section.lines.clone()])
            }
        }
    }
}

/// The attributes among these lines; those that are no text are passed over.
fn attributes<'a>(octets: &'a [u8], lines: &[Line]) -> impl Iterator<Item = Attribute<'a>> {
    lines
        .iter()
        .filter(|line| line.letter == b'a')
        .filter_map(move |line| Attribute::read(line.value(octets)))
}

/// A piece of the octets, from the first to behind the last.
type Span = Range<usize>;
