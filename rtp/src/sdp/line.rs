//! Lines of a description and the words of a line, with the octets where they stand.

use super::{Limits, Span};
use crate::error::ParseError;

/// One line: `letter=value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub letter: u8,
    pub start: usize,
    /// Behind the value, before the line's end.
    pub value_end: usize,
    /// Behind the line's end.
    pub end: usize,
}

impl Line {
    pub fn value<'a>(&self, octets: &'a [u8]) -> &'a [u8] {
        &octets[self.value_span()]
    }

    pub fn value_span(&self) -> Span {
        self.start + 2..self.value_end
    }
}

/// The lines of a description (RFC 8866 §5, §9).
pub(super) fn index(octets: &[u8], limits: &Limits) -> Result<Vec<Line>, ParseError> {
    let mut lines = Vec::new();
    let padding = octets.iter().rev().take_while(|octet| matches!(octet, b'\r' | b'\n' | b' ' | 0)).count();
    let end_of_text = octets.len() - padding;
    let mut start = 0;
    while start < end_of_text {
        let feed = octets[start..].iter().position(|octet| *octet == b'\n');
        let end = feed.map_or(end_of_text, |feed| start + feed + 1);
        let mut value_end = feed.map_or(end_of_text, |feed| start + feed);
        if value_end > start && octets[value_end - 1] == b'\r' {
            value_end -= 1;
        }
        let line = &octets[start..value_end];
        if line.len() < 2 || !line[0].is_ascii_alphabetic() || line[1] != b'=' {
            return Err(ParseError::new(start, "a letter and ="));
        }
        if line.len() > limits.sdp_line_bytes_max {
            return Err(ParseError::new(start, "no more than sdp_line_bytes_max octets in a line"));
        }
        if let Some(at) = line.iter().position(|octet| matches!(octet, b'\r' | 0)) {
            return Err(ParseError::new(start + at, "CRLF or LF"));
        }
        if lines.len() == limits.sdp_lines_max {
            return Err(ParseError::new(start, "no more than sdp_lines_max lines"));
        }
        lines.push(Line { letter: line[0], start, value_end, end });
        start = end;
    }
    Ok(lines)
}

/// The words of a value, cut at spaces, each with its place in the octets.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    octets: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Words<'a> {
    pub fn of(octets: &'a [u8], line: &Line) -> Self {
        let span = line.value_span();
        Self { octets, at: span.start, end: span.end }
    }

    /// The next word, or what was expected there.
    pub fn word(&mut self, expected: &'static str) -> Result<(Span, &'a str), ParseError> {
        self.skip_spaces();
        let rest = &self.octets[self.at..self.end];
        let length = rest.iter().position(|octet| *octet == b' ').unwrap_or(rest.len());
        let text = std::str::from_utf8(&rest[..length]).unwrap_or_default();
        if text.is_empty() {
            return Err(ParseError::new(self.at, expected));
        }
        let span = self.at..self.at + length;
        self.at = span.end;
        Ok((span, text))
    }

    /// What is left, without the spaces around it.
    pub fn rest(mut self) -> Result<(Span, &'a str), ParseError> {
        self.skip_spaces();
        let rest = self.octets[self.at..self.end].trim_ascii_end();
        let text = std::str::from_utf8(rest).map_err(|_| ParseError::new(self.at, "text"))?;
        Ok((self.at..self.at + rest.len(), text))
    }

    fn skip_spaces(&mut self) {
        while self.at < self.end && self.octets[self.at] == b' ' {
            self.at += 1;
        }
    }
}
