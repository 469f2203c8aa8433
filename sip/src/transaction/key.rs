//! Which messages belong together (RFC 3261 §17.1.3 and §17.2.3, with the rules for RFC 2543 peers), as keyed
//! hashes of what the clauses compare.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::TransactionKey;
use super::endpoint::LIMITS;
use crate::branch;
use crate::header::Via;
use crate::message::{Message, Method, Name};
use crate::scan::{self, Elements, Line};
use crate::transport::Transport;
use crate::uri::Host;

/// Makes the keys of one endpoint.
#[derive(Debug)]
pub(super) struct Keys {
    seed: [u64; 2],
}

impl Keys {
    pub(super) fn new(seed: [u64; 2]) -> Self {
        Self { seed }
    }

    /// The key of the server transaction that a request belongs to, taken as `method`: a CANCEL is asked about as
    /// an INVITE too. None without a Via or what else is compared.
    pub(super) fn server(&self, message: &Message<'_>, method: Method<'_>) -> Option<TransactionKey> {
        let via = message.via().ok()?;
        match cookie_branch(&via) {
            Some(branch) => Some(self.by_branch(&via, branch, method)),
            None => self.by_fields(message, &via, method.as_str(), message.to().ok()?.tag()),
        }
    }

    /// The key under which the INVITE of an ACK is found.
    pub(super) fn ack(&self, message: &Message<'_>) -> Option<TransactionKey> {
        let via = message.via().ok()?;
        match cookie_branch(&via) {
            Some(branch) => Some(self.by_branch(&via, branch, Method::Invite)),
            None => self.by_fields(message, &via, ACK, message.to().ok()?.tag()),
        }
    }

    /// The key of the ACK that an RFC 2543 client will send for this final response; none for other clients,
    /// whose ACK has the branch of the INVITE.
    pub(super) fn legacy_ack(&self, request: &[u8], response: &[u8]) -> Option<TransactionKey> {
        let request = Message::parse(request, &LIMITS).ok()?;
        let via = request.via().ok()?;
        if cookie_branch(&via).is_some() {
            return None;
        }
        let response = Message::parse(response, &LIMITS).ok()?;
        self.by_fields(&request, &via, ACK, response.to().ok()?.tag())
    }

    /// The key of the client transaction that a response belongs to.
    pub(super) fn response(&self, message: &Message<'_>) -> Option<TransactionKey> {
        let via = message.via().ok()?;
        Some(self.client(via.branch()?, message.cseq().ok()?.method))
    }

    /// The key of a request that we send. It is our own, so it has a Via with a branch; only that is looked for.
    pub(super) fn request(&self, octets: &[u8]) -> TransactionKey {
        let method = octets.split(|octet| *octet == b' ').next().and_then(Method::parse);
        let branch = first_via(octets).and_then(|via| via.branch());
        self.client(branch.unwrap_or_default(), method.unwrap_or(Method::Other("")))
    }

    /// §17.1.3: the branch, and the method of the CSeq.
    fn client(&self, branch: &[u8], method: Method<'_>) -> TransactionKey {
        let mut hash = self.hasher(Rule::Client);
        hash.part(branch);
        hash.part(method.as_str().as_bytes());
        hash.key()
    }

    /// §17.2.3, first rule: the branch, the sent-by and the method.
    fn by_branch(&self, via: &Via<'_>, branch: &[u8], method: Method<'_>) -> TransactionKey {
        let mut hash = self.hasher(Rule::Branch);
        hash.part(branch);
        hash.sent_by(via);
        hash.part(method.as_str().as_bytes());
        hash.key()
    }

    /// §17.2.3, rules for RFC 2543: Request-URI, tags, Call-ID, CSeq and the top Via. Of the Via counts what the
    /// client wrote, not what was added here.
    fn by_fields(
        &self,
        message: &Message<'_>,
        via: &Via<'_>,
        method: &str,
        to_tag: Option<&[u8]>,
    ) -> Option<TransactionKey> {
        let mut hash = self.hasher(Rule::Fields);
        hash.part(method.as_bytes());
        hash.part(message.request_uri()?);
        hash.optional(to_tag);
        hash.optional(message.from().ok()?.tag());
        hash.part(message.first(Name::CallId)?);
        hash.part(&message.cseq().ok()?.number.to_le_bytes());
        hash.part(via.transport);
        hash.sent_by(via);
        hash.optional(via.branch());
        Some(hash.key())
    }

    fn hasher(&self, rule: Rule) -> Hash {
        let mut hasher = SipHasher13::new_with_keys(self.seed[0], self.seed[1]);
        hasher.write_u8(rule as u8);
        Hash(hasher)
    }
}

/// By which rule two messages belong together; keys of different rules never meet.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Client,
    Branch,
    Fields,
}

struct Hash(SipHasher13);

impl Hash {
    fn part(&mut self, octets: &[u8]) {
        self.0.write_u32(octets.len() as u32);
        self.0.write(octets);
    }

    fn optional(&mut self, octets: Option<&[u8]>) {
        match octets {
            Some(octets) => self.part(octets),
            None => self.0.write_u32(u32::MAX),
        }
    }

    /// Host names are equal in any case, and a port that is not written is the default one.
    fn sent_by(&mut self, via: &Via<'_>) {
        match via.host {
            Host::Name(name) => {
                self.0.write_u32(name.len() as u32);
                for octet in name.bytes() {
                    self.0.write_u8(octet.to_ascii_lowercase());
                }
            }
            Host::V4(address) => self.part(&address.octets()),
            Host::V6(address) => self.part(&address.octets()),
        }
        let default = Transport::from_name(via.transport).map_or(5060, Transport::default_port);
        self.0.write_u16(via.port.unwrap_or(default));
    }

    fn key(self) -> TransactionKey {
        TransactionKey(self.0.finish128().as_u128())
    }
}

fn cookie_branch<'a>(via: &Via<'a>) -> Option<&'a [u8]> {
    via.branch().filter(|branch| branch::has_cookie(branch))
}

fn first_via(octets: &[u8]) -> Option<Via<'_>> {
    let (_, mut at) = scan::line_end(octets, 0)?;
    loop {
        let Line::Field(field) = scan::field(octets, at).ok()? else { return None };
        if field.name == Name::Via {
            return Via::parse(Elements::of(&octets[field.value_start..field.value_end]).next()?).ok();
        }
        at = field.next;
    }
}

/// The method under which the ACK of an RFC 2543 INVITE is kept.
const ACK: &str = "ACK";
