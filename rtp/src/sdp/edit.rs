//! Changes of a description that passes through us, as splices of its octets: what is not named stays as it came.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};

use super::address::family;
use super::{Attribute, Connection, Direction, Line, Origin, Sdp, Span, attribute};

/// The session's own part, or a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What stands before the first `m=`.
    Session,
    /// A stream by its place, from 0.
    Media(usize),
}

/// The changes of one copy. Nothing is written before [`Edit::write`].
#[derive(Debug)]
pub struct Edit<'s, 'a> {
    sdp: &'s Sdp<'a>,
    splices: Vec<(Span, String)>,
}

impl<'s, 'a> Edit<'s, 'a> {
    /// A copy without changes.
    pub fn new(sdp: &'s Sdp<'a>) -> Self {
        Self { sdp, splices: Vec::new() }
    }

    /// Another `o=`.
    pub fn origin(mut self, origin: &Origin<'_>) -> Self {
        if let Some(line) = self.find(Level::Session, |line| line.letter == b'o') {
            self.splices.push((line.value_span(), origin.to_string()));
        }
        self
    }

    /// Another address in the `c=` of this level, or a new `c=` where its order is (RFC 8866 §5). `c=0.0.0.0` stays: it
    /// says that the call is on hold.
    pub fn connection(mut self, level: Level, address: IpAddr) -> Self {
        let text = format!("IN {} {address}", family(address));
        match self.find(level, |line| line.letter == b'c') {
            Some(line) => {
                let held = Connection::read(self.sdp.octets, &line);
                if !held.is_ok_and(|connection| connection.address.is_unspecified()) {
                    self.splices.push((line.value_span(), text));
                }
            }
            None => self.insert(level, "vosiuepmi", &format!("c={text}")),
        }
        self
    }

    /// Another port of a stream.
    pub fn port(mut self, index: usize, port: u16) -> Self {
        if let Some(section) = self.sdp.sections.get(index) {
            self.splices.push((section.port_span.clone(), port.to_string()));
        }
        self
    }

    /// Another direction, in the place of the one that this level says, or behind its other lines.
    pub fn direction(mut self, level: Level, direction: Direction) -> Self {
        let octets = self.sdp.octets;
        let is_direction = |line: &Line| read(octets, line).and_then(Direction::read).is_some();
        match self.find(level, is_direction) {
            Some(line) => self.splices.push((line.value_span(), direction.as_str().to_owned())),
            None => self.append(level, &format!("a={direction}")),
        }
        self
    }

    /// The first attribute of this name with another value, or a new one behind the other lines of its level.
    pub fn set(mut self, level: Level, name: &str, value: impl Display) -> Self {
        let octets = self.sdp.octets;
        let text = format!("{name}:{value}");
        match self.find(level, |line| read(octets, line).is_some_and(|attribute| attribute.is(name))) {
            Some(line) => self.splices.push((line.value_span(), text)),
            None => self.append(level, &format!("a={text}")),
        }
        self
    }

    /// Takes away all attributes of this level with these names.
    pub fn remove(mut self, level: Level, names: &[&str]) -> Self {
        let octets = self.sdp.octets;
        for line in self.sdp.lines_of(level) {
            let is_named = |attribute: Attribute<'_>| names.iter().any(|name| attribute.is(name));
            if read(octets, line).is_some_and(is_named) {
                self.splices.push((line.start..line.end, String::new()));
            }
        }
        self
    }

    /// Takes away ICE, of the session and of all streams.
    pub fn without_ice(mut self) -> Self {
        self = self.remove(Level::Session, &attribute::ICE);
        (0..self.sdp.sections.len())
            .fold(self, |edit, index| edit.remove(Level::Media(index), &attribute::ICE))
    }

    /// Sends the media of the description to a relay: addresses and ports of its streams become those of `places` (a
    /// place for each stream that is not rejected), `a=rtcp` follows, ICE goes. Directions, formats, keys and all else
    /// stay: what two phones agree on passes through.
    pub fn through(mut self, places: &[Option<Place>]) -> Self {
        self = self.without_ice();
        let sdp = self.sdp;
        let of = |index: usize| places.get(index).copied().flatten();
        let mut live = sdp.media().filter(|media| media.port() != 0);
        let session = live.find_map(|media| of(media.index())).map(|place| place.rtp.ip());
        let has_session_line = sdp.connection().is_some();
        if let (Some(address), true) = (session, has_session_line) {
            self = self.connection(Level::Session, address);
        }
        for media in sdp.media() {
            let (index, level) = (media.index(), Level::Media(media.index()));
            let Some(place) = of(index).filter(|_| media.port() != 0) else { continue };
            let has_own = sdp.sections[index].connection.is_some();
            let is_held = media.connection().is_some_and(|connection| connection.address.is_unspecified());
            if !is_held && (has_own || !has_session_line || session != Some(place.rtp.ip())) {
                self = self.connection(level, place.rtp.ip());
            }
            self = self.port(index, place.rtp.port());
            let is_shared = media.has_rtcp_mux() && place.rtcp == place.rtp;
            let is_next = place.rtp.port().checked_add(1) == Some(place.rtcp.port());
            if media.attribute("rtcp").is_some() || !is_shared && !is_next && media.proto().is_rtp() {
                self = self.set(level, "rtcp", rtcp(place));
            }
        }
        self
    }

    /// Writes the copy behind what stands in `out`.
    pub fn write(mut self, out: &mut Vec<u8>) {
        let octets = self.sdp.octets;
        // A line that comes in stands before one that goes.
        self.splices.sort_by_key(|(span, _)| (span.start, span.end));
        let mut copied = 0;
        for (span, text) in &self.splices {
            // A line that is taken away is not changed too.
            if span.start < copied {
                continue;
            }
            out.extend_from_slice(&octets[copied..span.start]);
            out.extend_from_slice(text.as_bytes());
            copied = span.end;
        }
        out.extend_from_slice(&octets[copied..]);
    }

    fn find(&self, level: Level, is_wanted: impl Fn(&Line) -> bool) -> Option<Line> {
        self.sdp.lines_of(level).iter().copied().find(is_wanted)
    }

    /// A line behind the last one of this level.
    fn append(&mut self, level: Level, text: &str) {
        if let Some(line) = self.sdp.lines_of(level).last().copied() {
            self.behind(line, text);
        }
    }

    /// A line behind the first lines of this level that have one of these letters.
    fn insert(&mut self, level: Level, letters: &str, text: &str) {
        let lines = self.sdp.lines_of(level);
        let before = lines.iter().take_while(|line| letters.as_bytes().contains(&line.letter));
        if let Some(line) = before.last().copied() {
            self.behind(line, text);
        }
    }

    fn behind(&mut self, line: Line, text: &str) {
        let first = self.sdp.lines[0];
        let ending = if first.end - first.value_end == 1 { "\n" } else { "\r\n" };
        let has_end = self.sdp.octets[line.value_end..line.end].contains(&b'\n');
        let (at, text) = if has_end {
            (line.end, format!("{text}{ending}"))
        } else if line.letter == b'a' {
            // The last line has no end, and may be taken away itself.
            (line.start, format!("{text}{ending}"))
        } else {
            (line.value_end, format!("{ending}{text}"))
        };
        self.splices.push((at..at, text));
    }
}

/// Where a relay receives one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its RTP.
    pub rtp: SocketAddr,
    /// Its RTCP; the same as for RTP when both share a port.
    pub rtcp: SocketAddr,
}

impl Place {
    /// RTP on this port, RTCP on the next one.
    pub fn pair(rtp: SocketAddr) -> Self {
        let mut rtcp = rtp;
        rtcp.set_port(rtp.port().saturating_add(1));
        Self { rtp, rtcp }
    }
}

/// The value of `a=rtcp` (RFC 3605 §2.1).
fn rtcp(place: Place) -> String {
    let (ip, port) = (place.rtcp.ip(), place.rtcp.port());
    format!("{port} IN {} {ip}", family(ip))
}

fn read<'a>(octets: &'a [u8], line: &Line) -> Option<Attribute<'a>> {
    (line.letter == b'a').then(|| Attribute::read(line.value(octets))).flatten()
}
