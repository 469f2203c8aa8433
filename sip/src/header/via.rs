//! `Via`: the hops that a request took and that its responses take back (RFC 3261 §20.42, RFC 3581).

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

use super::HeaderError;
use super::param::{Params, Scanner};
use crate::name::Name;
use crate::uri::{Host, write_number, write_v4};

/// One hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// `SIP`.
    pub protocol: &'a [u8],
    /// `2.0`.
    pub version: &'a [u8],
    /// The transport as it was written; [`crate::transport::Transport::from_name`] reads it.
    pub transport: &'a [u8],
    /// Where the sender wants responses.
    pub host: Host<'a>,
    /// The port, where it was written.
    pub port: Option<u16>,
    /// All parameters.
    pub params: Params<'a>,
    branch: Option<&'a [u8]>,
    received: Option<&'a [u8]>,
    #[allow(clippy::option_option, reason = "not there, asked for and answered are three things")]
    rport: Option<Option<u16>>,
}

/// Where a response goes that has no connection to go back on (RFC 3261 §18.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplyTo<'a> {
    /// The address, or the name to be resolved.
    pub host: Host<'a>,
    /// The port, where one is known; else the transport's own.
    pub port: Option<u16>,
}

impl<'a> Via<'a> {
    /// Reads one element.
    pub fn parse(element: &'a [u8]) -> Result<Self, HeaderError> {
        let mut scanner = Scanner::new(Name::Via, element);
        let protocol = scanner.token("a protocol, SIP for one")?;
        scanner.separator(b'/', "a slash behind the protocol")?;
        let version = scanner.token("a version, 2.0 for one")?;
        scanner.separator(b'/', "a slash behind the version")?;
        let transport = scanner.token("a transport, UDP for one")?;
        let start = scanner.at();
        scanner.skip_space();
        if scanner.at() == start {
            return Err(scanner.error("white space behind the transport"));
        }
        let (host, port) = scanner.host_port()?;
        let (mut branch, mut received, mut rport) = (None, None, None);
        scanner.skip_space();
        let start = scanner.at();
        let mut at = start;
        while let Some(param) = scanner.next_param()? {
            if branch.is_none() && param.is(b"branch") {
                branch = param.raw();
            } else if received.is_none() && param.is(b"received") {
                received = param.raw();
            } else if rport.is_none() && param.is(b"rport") {
                rport = Some(match param.raw() {
                    None => None,
                    Some(text) => {
                        let port = crate::scan::decimal(text).and_then(|port| u16::try_from(port).ok());
                        Some(port.ok_or(scanner.error_at(at, "a port of at most 65535 as rport"))?)
                    }
                });
            }
            at = scanner.at();
        }
        let params = Params::read(scanner.since(start));
        scanner.end()?;
        Ok(Self { protocol, version, transport, host, port, params, branch, received, rport })
    }

    /// The transaction of the hop that wrote this Via; empty only in requests of RFC 2543 that have none.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.branch
    }

    /// The address that the request came from, which its receiver wrote down. `None` too when it is no address.
    pub fn received(&self) -> Option<IpAddr> {
        Host::parse(self.received?).ok()?.ip()
    }

    /// RFC 3581 §3: `Some(None)` asks the receiver for the port, `Some(Some(port))` is its answer.
    pub fn rport(&self) -> Option<Option<u16>> {
        self.rport
    }

    /// A multicast or other address in place of sent-by (RFC 3261 §18.1.1).
    pub fn maddr(&self) -> Option<Host<'a>> {
        Host::parse(self.params.raw(b"maddr")?).ok()
    }

    /// The time to live of multicast.
    pub fn ttl(&self) -> Option<u8> {
        u8::try_from(self.params.number(b"ttl")?).ok()
    }

    /// RFC 3261 §18.2.2 and RFC 3581 §4: maddr, else received with the port of rport or sent-by, else sent-by.
    pub fn reply_to(&self) -> ReplyTo<'a> {
        if let Some(host) = self.maddr() {
            return ReplyTo { host, port: self.port };
        }
        match self.received() {
            Some(address) => ReplyTo { host: address.into(), port: self.rport.flatten().or(self.port) },
            None => ReplyTo { host: self.host, port: self.rport.flatten().or(self.port) },
        }
    }

    /// Appends it as it is written in a message.
    pub fn write(&self, out: &mut Vec<u8>) {
        self.write_head(out);
        self.params.write(out);
    }

    /// Appends it as the receiver of a request passes it on: `received` is set where the address that it came from
    /// is not the one in sent-by (RFC 3261 §18.2.1), and both `received` and `rport` where the sender asked for the
    /// port (RFC 3581 §4). What a sender claims in either is not kept.
    pub fn write_received(&self, source: SocketAddr, out: &mut Vec<u8>) {
        self.write_head(out);
        let asked = self.rport.is_some();
        let address = source.ip().to_canonical();
        for param in self.params.iter() {
            if param.is(b"rport") {
                out.extend_from_slice(b";rport=");
                write_number(u64::from(source.port()), out);
            } else if !param.is(b"received") {
                param.write(out);
            }
        }
        if asked || self.host.ip().map(|sent_by| sent_by.to_canonical()) != Some(address) {
            out.extend_from_slice(b";received=");
            match address {
                IpAddr::V4(address) => write_v4(address, out),
                // RFC 3261 §25.1 writes it here without brackets. Writing to a `Vec` cannot fail.
                IpAddr::V6(address) => {
                    let _ = write!(out, "{address}");
                }
            }
        }
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.protocol);
        out.push(b'/');
        out.extend_from_slice(self.version);
        out.push(b'/');
        out.extend_from_slice(self.transport);
        out.push(b' ');
        self.host.write(out);
        if let Some(port) = self.port {
            out.push(b':');
            write_number(u64::from(port), out);
        }
    }
}
