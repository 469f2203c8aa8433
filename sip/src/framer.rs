//! Cuts a stream into messages (RFC 3261 §18.3). It reads by the parser's own scanner, keeps at most one message
//! and what was read behind it, and looks at no octet more than twice, however the reads are cut.

use crate::error::ParseError;
use crate::limits::Limits;
use crate::name::Name;
use crate::scan::{self, Line};

/// One thing that a stream brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'f> {
    /// A message, from its start line to the end of its body.
    Message(&'f [u8]),
    /// A double CRLF between messages: the peer's keep-alive, to be answered with one CRLF (RFC 5626 §4.4.1).
    KeepAlive,
}

/// The framer of one connection.
#[derive(Debug)]
pub struct Framer {
    limits: Limits,
    buffer: Vec<u8>,
    /// Where the message that is being read begins; before it is nothing of use.
    start: usize,
    state: State,
    /// Empty lines seen since the last message, less those that made a keep-alive.
    empty_lines: u8,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Before a start line.
    Between,
    /// In the start line; no line end was found before this octet.
    StartLine { searched: usize },
    /// In the header lines: the line that begins at `at`, which does not end before `searched`.
    Head { at: usize, searched: usize, length: Option<u32>, lines: usize },
    /// The head is whole; the message ends here.
    Body { end: usize },
    /// Refused: the stream cannot be cut any more.
    Broken(ParseError),
}

impl Framer {
    /// A framer that holds its messages to these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, buffer: Vec::new(), start: 0, state: State::Between, empty_lines: 0 }
    }

    /// Takes what was read from the stream.
    pub fn push(&mut self, octets: &[u8]) {
        if self.start > 0 && self.start >= self.buffer.len() / 2 {
            self.compact();
        }
        self.buffer.extend_from_slice(octets);
    }

    /// The next message or keep-alive; `None` when more must be read. An error is for good: the end of a message
    /// is not known any more, so the connection must be closed.
    #[allow(clippy::should_implement_trait, reason = "what it gives borrows from it, which no iterator may")]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, ParseError> {
        loop {
            match self.advance() {
                Step::More => return Ok(None),
                Step::Again => {}
                Step::KeepAlive => return Ok(Some(Frame::KeepAlive)),
                Step::Message(from, to) => return Ok(Some(Frame::Message(&self.buffer[from..to]))),
                Step::Broken(why) => {
                    self.state = State::Broken(why);
                    return Err(why);
                }
            }
        }
    }

    /// True when a message has begun and is not whole: a slow sender must not hold a connection like that.
    pub fn is_half_way(&self) -> bool {
        !matches!(self.state, State::Between) && self.start < self.buffer.len()
    }

    /// Octets that are held.
    pub fn held(&self) -> usize {
        self.buffer.len() - self.start
    }

    fn advance(&mut self) -> Step {
        match self.state {
            State::Broken(why) => Step::Broken(why),
            State::Between => self.between(),
            State::StartLine { searched } => self.start_line(searched),
            State::Head { at, searched, length, lines } => self.head(at, searched, length, lines),
            State::Body { end } if self.buffer.len() < end => Step::More,
            State::Body { end } => {
                let from = std::mem::replace(&mut self.start, end);
                self.state = State::Between;
                Step::Message(from, end)
            }
        }
    }

    fn between(&mut self) -> Step {
        match self.buffer.get(self.start..) {
            Some([]) | None => {
                // An idle connection holds no memory of the largest message that it ever brought.
                if self.buffer.capacity() > IDLE_BYTES_MAX {
                    self.buffer = Vec::new();
                }
                self.buffer.clear();
                self.start = 0;
                Step::More
            }
            Some([b'\r']) => Step::More,
            Some([b'\r', b'\n', ..]) => self.empty_line(2),
            Some([b'\n', ..]) => self.empty_line(1),
            Some([b'\r', ..]) => {
                Step::Broken(ParseError { at: 0, expected: "a line feed behind a carriage return" })
            }
            Some(_) => {
                self.empty_lines = 0;
                self.state = State::StartLine { searched: self.start };
                Step::Again
            }
        }
    }

    fn empty_line(&mut self, octets: usize) -> Step {
        self.start += octets;
        self.empty_lines += 1;
        if self.empty_lines == 2 {
            self.empty_lines = 0;
            return Step::KeepAlive;
        }
        Step::Again
    }

    fn start_line(&mut self, searched: usize) -> Step {
        let Some((_, next)) = scan::line_end(&self.buffer, searched) else {
            self.state = State::StartLine { searched: self.buffer.len() };
            return self.bounded(self.start, self.limits.line_bytes_max, "a shorter start line");
        };
        self.state = State::Head { at: next, searched: next, length: None, lines: 0 };
        Step::Again
    }

    fn head(&mut self, at: usize, searched: usize, length: Option<u32>, lines: usize) -> Step {
        // A header is read once, when it is whole with its folds. The empty line has none to wait for.
        let empty = matches!(self.buffer.get(at), Some(b'\r' | b'\n'));
        if let (false, Err(searched)) = (empty, scan::folded_end(&self.buffer, searched)) {
            self.state = State::Head { at, searched, length, lines };
            return self.bounded(at, self.limits.line_bytes_max, "a shorter header line");
        }
        match scan::field(&self.buffer, at) {
            Err(why) => Step::Broken(why),
            Ok(Line::Partial) => Step::More,
            Ok(Line::End(body)) => self.body(body, length),
            Ok(Line::Field(_)) if lines == self.limits.headers_max => {
                Step::Broken(ParseError { at: at - self.start, expected: "fewer header lines" })
            }
            Ok(Line::Field(field)) if field.next - at > self.limits.line_bytes_max => {
                Step::Broken(ParseError { at: at - self.start, expected: "a shorter header line" })
            }
            Ok(Line::Field(field)) => {
                let length = if field.name == Name::ContentLength {
                    let wrong =
                        ParseError { at: field.value_start - self.start, expected: "one Content-Length" };
                    match (scan::decimal(&self.buffer[field.value_start..field.value_end]), length) {
                        (Some(read), None) => Some(read),
                        (Some(read), Some(before)) if read == before => Some(read),
                        _ => return Step::Broken(wrong),
                    }
                } else {
                    length
                };
                self.state = State::Head { at: field.next, searched: field.next, length, lines: lines + 1 };
                Step::Again
            }
        }
    }

    /// RFC 3261 §18.3: on a stream Content-Length says where the message ends; without it there is no body.
    fn body(&mut self, body: usize, length: Option<u32>) -> Step {
        let length = length.unwrap_or(0) as usize;
        let head = body - self.start;
        if length > self.limits.body_bytes_max || head + length > self.limits.message_bytes_max {
            return Step::Broken(ParseError { at: head, expected: "a shorter body" });
        }
        self.state = State::Body { end: body + length };
        Step::Again
    }

    fn bounded(&self, from: usize, most: usize, expected: &'static str) -> Step {
        let whole = self.buffer.len() - self.start;
        if self.buffer.len() - from > most || whole > self.limits.message_bytes_max {
            return Step::Broken(ParseError { at: from - self.start, expected });
        }
        Step::More
    }

    fn compact(&mut self) {
        let by = self.start;
        self.buffer.drain(..by);
        self.start = 0;
        self.state = match self.state {
            State::StartLine { searched } => State::StartLine { searched: searched - by },
            State::Head { at, searched, length, lines } => {
                State::Head { at: at - by, searched: searched - by, length, lines }
            }
            State::Body { end } => State::Body { end: end - by },
            other => other,
        };
    }
}

enum Step {
    More,
    Again,
    KeepAlive,
    Message(usize, usize),
    Broken(ParseError),
}

/// Octets of buffer that a connection keeps between messages.
const IDLE_BYTES_MAX: usize = 4_096;

#[cfg(test)]
mod tests;
