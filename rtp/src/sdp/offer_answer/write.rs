//! The text of our own descriptions.

use std::fmt::Write as _;

use super::{Author, Format, Profile, Slot, Want};
use crate::sdp::address::family;

/// One stream as it is written.
pub(super) struct Stream<'a> {
    pub slot: &'a Slot,
    pub want: Want,
    pub formats: &'a [(Format, u8)],
    pub has_rtcp_mux: bool,
    pub mid: Option<&'a str>,
}

/// A description with these streams. Its `o=` is a place for that of its author.
pub(super) fn description(
    author: &Author,
    profile: &Profile,
    streams: &[Stream<'_>],
    times: &[u8],
) -> Vec<u8> {
    let mut text = String::with_capacity(256 + 256 * streams.len());
    let places = streams.iter().filter_map(|stream| stream.want.place);
    let address = places.map(|place| place.rtp.ip()).next().unwrap_or(author.address());
    let times = str::from_utf8(times).unwrap_or("0 0");
    let _ = write!(text, "v=0\r\no=\r\ns=-\r\nc=IN {} {address}\r\nt={times}\r\n", family(address));
    for stream in streams {
        let written = write_stream(&mut text, profile, stream, address);
        debug_assert!(written.is_ok(), "a string takes everything");
    }
    text.into_bytes()
}

fn write_stream(
    text: &mut String,
    profile: &Profile,
    stream: &Stream<'_>,
    session: std::net::IpAddr,
) -> std::fmt::Result {
    let Slot { kind, proto, formats } = stream.slot;
    let Some(place) = stream.want.place else {
        // RFC 3264 §6: a rejected stream has port 0; what else it says has no meaning.
        let formats = if formats.is_empty() { "0" } else { formats };
        write!(text, "m={kind} 0 {proto} {formats}\r\n")?;
        return stream.mid.map_or(Ok(()), |mid| write!(text, "a=mid:{mid}\r\n"));
    };
    let (ip, port) = (place.rtp.ip(), place.rtp.port());
    write!(text, "m={kind} {port} {proto}")?;
    stream.formats.iter().try_for_each(|(_, number)| write!(text, " {number}"))?;
    text.push_str("\r\n");
    if ip != session {
        write!(text, "c=IN {} {ip}\r\n", family(ip))?;
    }
    for (format, number) in stream.formats {
        write!(text, "a=rtpmap:{}\r\n", format.map(*number))?;
        if let Some(fmtp) = &format.fmtp {
            write!(text, "a=fmtp:{number} {fmtp}\r\n")?;
        }
    }
    write!(text, "a=ptime:{}\r\n", profile.ptime)?;
    if let Some(most) = profile.maxptime {
        write!(text, "a=maxptime:{most}\r\n")?;
    }
    let (rtcp, rtcp_port) = (place.rtcp.ip(), place.rtcp.port());
    if stream.has_rtcp_mux {
        text.push_str("a=rtcp-mux\r\n");
    }
    // RFC 5761 §5.1.1: with rtcp-mux the port stands here for who cannot share, and both are told where to go.
    let is_next = rtcp == ip && port.checked_add(1) == Some(rtcp_port);
    if !is_next {
        write!(text, "a=rtcp:{rtcp_port} IN {} {rtcp}\r\n", family(rtcp))?;
    }
    if let Some(mid) = stream.mid {
        write!(text, "a=mid:{mid}\r\n")?;
    }
    write!(text, "a={}\r\n", stream.want.direction)
}
