//! A message: its octets and an index of its header lines, made in one pass. Headers are read when asked for;
//! nothing is copied and, up to [`FIELDS_INLINE`] lines, nothing is allocated.

mod typed;

use std::ops::Range;

use smallvec::SmallVec;

use self::typed::Seen;

pub use crate::error::{ParseError, Refusal};
pub use crate::limits::Limits;
pub use crate::method::Method;
pub use crate::name::Name;
use crate::scan::{self, Elements, Line};
pub use crate::status::Status;

/// A request or a response, borrowed from the octets that it came in.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    octets: &'a [u8],
    index: Index,
    seen: Seen<'a>,
}

/// Where everything stands in a message, apart from its octets: a copy of them is read by it without another pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Index {
    start: Start,
    fields: SmallVec<[Entry; FIELDS_INLINE]>,
    body_start: u32,
    body_end: u32,
    lone_feeds: bool,
    lone_returns: bool,
}

/// The start line, as places in the octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Request { method: Span, uri: Span, version: Span },
    Response { version: Span, status: Status, reason: Span },
}

impl Default for Start {
    fn default() -> Self {
        Self::Request { method: Span::default(), uri: Span::default(), version: Span::default() }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    name: Name,
    name_length: u16,
    start: u32,
    value: Span,
    next: u32,
}

/// One header line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Which header.
    pub name: Name,
    /// Its name as it was written.
    pub name_text: &'a [u8],
    /// Its value without the white space around it; folds inside stay.
    pub value: &'a [u8],
    /// The first octet of the line in the message.
    pub start: usize,
    /// The first octet of the next line.
    pub end: usize,
}

impl<'a> Message<'a> {
    /// Indexes the message of a datagram, or one that a stream's framer cut out.
    ///
    /// Without Content-Length the body goes to the end (RFC 3261 §18.3); octets behind the body are not the
    /// message's. A length beyond the end is for [`crate::validate`] to refuse.
    pub fn parse(octets: &'a [u8], limits: &Limits) -> Result<Self, ParseError> {
        let too_long = |at| ParseError { at, expected: "a shorter message" };
        if octets.len() > limits.message_bytes_max || u32::try_from(octets.len()).is_err() {
            return Err(too_long(limits.message_bytes_max));
        }
        let first = scan::skip_empty_lines(octets, 0);
        let (start, mut at) = Start::parse(octets, first)?;
        let (mut fields, mut lone_feeds) = (SmallVec::new(), false);
        let mut returns = u32::from(octets[at - 2] == b'\r');
        let body_start = loop {
            match scan::field(octets, at)? {
                Line::Partial => return Err(ParseError { at, expected: "the end of the header lines" }),
                Line::End(body) => {
                    returns += u32::from(body - at == 2);
                    break body;
                }
                Line::Field(field) => {
                    if field.next - at > limits.line_bytes_max {
                        return Err(ParseError { at, expected: "a shorter header line" });
                    }
                    if fields.len() == limits.headers_max {
                        return Err(ParseError { at, expected: "fewer header lines" });
                    }
                    let name_length = u16::try_from(field.name_end - field.name_start)
                        .map_err(|_| ParseError { at, expected: "a shorter header name" })?;
                    fields.push(Entry {
                        name: field.name,
                        name_length,
                        start: at as u32,
                        value: Span::of(field.value_start, field.value_end),
                        next: field.next as u32,
                    });
                    at = field.next;
                    lone_feeds |= field.lone_feed;
                    returns += field.returns;
                }
            }
        };
        let lone_returns = has_lone_return(&octets[..first])
            || scan::count(b'\r', &octets[first..body_start]) != returns as usize;
        let (body_start, body_end) = (body_start as u32, octets.len() as u32);
        let index = Index { start, fields, body_start, body_end, lone_feeds, lone_returns };
        let mut message = Self { octets, index, seen: Seen::default() };
        if let Some(length) = message.content_length().and_then(Result::ok) {
            let end = u64::from(body_start) + u64::from(length);
            message.index.body_end = u32::try_from(end).unwrap_or(u32::MAX).min(octets.len() as u32);
        }
        Ok(message)
    }

    /// A message by an index that was made of the same octets, or of others and then changed with them
    /// ([`Index::replace`]). `None` when it says more than there is.
    pub fn of_index(octets: &'a [u8], index: &Index) -> Option<Self> {
        let fits = index.body_end as usize == octets.len();
        fits.then(|| Self { octets, index: index.clone(), seen: Seen::default() })
    }

    /// Where everything stands in it.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The method and the Request-URI of a request, read without its header lines.
    pub fn request_line(octets: &'a [u8]) -> Option<(Method<'a>, &'a [u8])> {
        match Start::parse(octets, scan::skip_empty_lines(octets, 0)).ok()?.0 {
            Start::Request { method, uri, .. } => {
                Some((Method::parse(method.of_octets(octets))?, uri.of_octets(octets)))
            }
            Start::Response { .. } => None,
        }
    }

    /// All octets, body included.
    pub fn octets(&self) -> &'a [u8] {
        &self.octets[..self.index.body_end as usize]
    }

    /// The octets of the body.
    pub fn body(&self) -> &'a [u8] {
        &self.octets[self.index.body_start as usize..self.index.body_end as usize]
    }

    /// The start line without its line end.
    pub fn start_line(&self) -> &'a [u8] {
        let (Start::Request { method: Span { start, .. }, version: Span { end, .. }, .. }
        | Start::Response { version: Span { start, .. }, reason: Span { end, .. }, .. }) = self.index.start;
        &self.octets[start as usize..end as usize]
    }

    /// The octet at which the header lines begin.
    pub fn fields_start(&self) -> usize {
        match (self.index.fields.first(), self.index.start) {
            (Some(first), _) => first.start as usize,
            (None, _) => self.fields_end(),
        }
    }

    /// The octet at which the empty line before the body stands.
    pub fn fields_end(&self) -> usize {
        let before = self.index.body_start as usize - 1;
        if before > 0 && self.octets[before - 1] == b'\r' { before - 1 } else { before }
    }

    /// True when a header line or a fold ends with LF alone.
    pub fn has_lone_feeds(&self) -> bool {
        self.index.lone_feeds
    }

    /// True when a CR stands in the head that ends no line. Some software ends a line there, so it would read
    /// another message than we do.
    pub fn has_lone_returns(&self) -> bool {
        self.index.lone_returns
    }

    /// True for a request.
    pub fn is_request(&self) -> bool {
        matches!(self.index.start, Start::Request { .. })
    }

    /// The method of the request line.
    pub fn method(&self) -> Option<Method<'a>> {
        match self.index.start {
            Start::Request { method, .. } => Method::parse(method.of_octets(self.octets)),
            Start::Response { .. } => None,
        }
    }

    /// The Request-URI, as it stands.
    pub fn request_uri(&self) -> Option<&'a [u8]> {
        match self.index.start {
            Start::Request { uri, .. } => Some(uri.of_octets(self.octets)),
            Start::Response { .. } => None,
        }
    }

    /// `SIP/2.0`, or what stood in its place.
    pub fn version(&self) -> &'a [u8] {
        match self.index.start {
            Start::Request { version, .. } | Start::Response { version, .. } => {
                version.of_octets(self.octets)
            }
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<Status> {
        match self.index.start {
            Start::Response { status, .. } => Some(status),
            Start::Request { .. } => None,
        }
    }

    /// The reason phrase of a response.
    pub fn reason(&self) -> Option<&'a [u8]> {
        match self.index.start {
            Start::Response { reason, .. } => Some(reason.of_octets(self.octets)),
            Start::Request { .. } => None,
        }
    }

    /// All header lines in order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'a>> + Clone {
        let octets = self.octets;
        self.index.fields.iter().map(move |entry| entry.field(octets))
    }

    /// The value of the first line of that name.
    pub fn first(&self, name: Name) -> Option<&'a [u8]> {
        self.index
            .fields
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| entry.value.of_octets(self.octets))
    }

    /// How many lines have that name.
    pub fn count(&self, name: Name) -> usize {
        self.index.fields.iter().filter(|entry| entry.name == name).count()
    }

    /// The values of all lines of that name, in order.
    pub fn lines(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + Clone {
        let octets = self.octets;
        self.index
            .fields
            .iter()
            .filter(move |entry| entry.name == name)
            .map(move |entry| entry.value.of_octets(octets))
    }

    /// The elements of a list header, over all of its lines (RFC 3261 §7.3.1).
    pub fn elements(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.lines(name).flat_map(Elements::of)
    }

    /// The value of the first line of a header that has no [`Name`], in any case.
    pub fn unknown(&self, name: &[u8]) -> Option<&'a [u8]> {
        let wanted = |field: &Field<'_>| field.name_text.eq_ignore_ascii_case(name);
        self.fields().filter(|field| field.name == Name::Other).find(wanted).map(|field| field.value)
    }

    /// Content-Length: `None` without one, an error for one that is no number or that differs from another.
    pub fn content_length(&self) -> Option<Result<u32, ParseError>> {
        let mut lengths = self.index.fields.iter().filter(|entry| entry.name == Name::ContentLength);
        let read = |entry: &Entry| {
            let wrong = ParseError { at: entry.value.start as usize, expected: "one Content-Length" };
            scan::decimal(entry.value.of_octets(self.octets)).ok_or(wrong)
        };
        let first = read(lengths.next()?);
        Some(lengths.fold(first, |first, entry| match (first, read(entry)) {
            (Ok(one), Ok(other)) if one == other => Ok(one),
            (Err(why), _) | (_, Err(why)) => Err(why),
            _ => Err(ParseError { at: entry.value.start as usize, expected: "one Content-Length" }),
        }))
    }

    /// Octets between the head and the end of what came in, the body's and what lies behind it.
    pub fn octets_behind_head(&self) -> usize {
        self.octets.len() - self.index.body_start as usize
    }
}

impl Index {
    /// Follows the octets when those of `range`, which lie within one line, become so many.
    pub fn replace(&mut self, range: Range<usize>, length: usize) {
        let moved = |at: &mut u32| {
            if *at as usize >= range.end {
                *at = (*at as usize - range.len() + length) as u32;
            }
        };
        for entry in &mut self.fields {
            for at in [&mut entry.start, &mut entry.value.start, &mut entry.value.end, &mut entry.next] {
                moved(at);
            }
        }
        moved(&mut self.body_start);
        moved(&mut self.body_end);
    }

    /// Becomes a copy, in the room that is there already.
    pub fn copy_from(&mut self, other: &Self) {
        self.fields.clear();
        self.fields.extend_from_slice(&other.fields);
        let Self { start, body_start, body_end, lone_feeds, lone_returns, fields: _ } = *other;
        (self.start, self.body_start, self.body_end) = (start, body_start, body_end);
        (self.lone_feeds, self.lone_returns) = (lone_feeds, lone_returns);
    }
}

/// True for a CR that no LF follows.
fn has_lone_return(mut head: &[u8]) -> bool {
    while let Some(at) = scan::find(b'\r', head) {
        if head.get(at + 1) != Some(&b'\n') {
            return true;
        }
        head = &head[at + 2..];
    }
    false
}

impl Start {
    fn parse(octets: &[u8], at: usize) -> Result<(Self, usize), ParseError> {
        let (end, next) = scan::line_end(octets, at).ok_or(ParseError { at, expected: "a start line" })?;
        let line = &octets[at..end];
        if line.len() >= 4 && line[..4].eq_ignore_ascii_case(b"SIP/") {
            return Self::response(line, at).map(|start| (start, next));
        }
        // RFC 3261 §7.1: Method SP Request-URI SP SIP-Version. What stands between the outer spaces is the URI, so
        // that one with spaces can be refused in words; so can spaces behind the version, which stay with it.
        let first = scan::find(b' ', line).ok_or(ParseError { at, expected: "a space behind the method" })?;
        let last = memchr::memrchr(b' ', line.trim_ascii_end()).unwrap_or(first);
        let version = &line[last + 1..];
        if last == first || version.len() < 4 || !version[..4].eq_ignore_ascii_case(b"SIP/") {
            return Err(ParseError {
                at: at + last,
                expected: "a SIP version at the end of the request line",
            });
        }
        if Method::parse(&line[..first]).is_none() {
            return Err(ParseError { at, expected: "a method" });
        }
        let start = Self::Request {
            method: Span::of(at, at + first),
            uri: Span::of(at + first + 1, at + last),
            version: Span::of(at + last + 1, end),
        };
        Ok((start, next))
    }

    /// RFC 3261 §7.2: SIP-Version SP Status-Code SP Reason-Phrase; the last space may be missing with the phrase.
    fn response(line: &[u8], at: usize) -> Result<Self, ParseError> {
        let space =
            scan::find(b' ', line).ok_or(ParseError { at, expected: "a space behind the version" })?;
        let code = line.get(space + 1..space + 4).unwrap_or_default();
        let ends = matches!(line.get(space + 4), None | Some(b' '));
        let status =
            scan::decimal(code).filter(|_| ends).and_then(|code| Status::new(u16::try_from(code).ok()?));
        let status = status.ok_or(ParseError { at: at + space + 1, expected: "a status from 100 to 699" })?;
        let reason = Span::of(at + line.len().min(space + 5), at + line.len());
        Ok(Self::Response { version: Span::of(at, at + space), status, reason })
    }
}

impl Span {
    const fn of(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    fn of_octets(self, octets: &[u8]) -> &[u8] {
        &octets[self.start as usize..self.end as usize]
    }
}

impl Entry {
    fn field<'a>(&self, octets: &'a [u8]) -> Field<'a> {
        let start = self.start as usize;
        Field {
            name: self.name,
            name_text: &octets[start..start + usize::from(self.name_length)],
            value: self.value.of_octets(octets),
            start,
            end: self.next as usize,
        }
    }
}

/// Header lines that an index holds without allocating.
pub const FIELDS_INLINE: usize = 32;

#[cfg(test)]
mod tests;
