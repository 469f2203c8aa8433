//! The token in the user part of our Record-Route: what later requests of a proxied dialog need, signed, so that
//! the proxy itself keeps nothing of an established call.
//!
//! Octets, then base64url without padding, at most [`TOKEN_CHARACTERS_MAX`] characters:
//! key id, marks, start of the process, the flows, and as far as there is room the users with the hash of their
//! phone's instance, at last eight octets of SipHash-2-4-128 over all of it, the Call-ID and the caller's tag.

use std::hash::Hasher;

use sip::transport::Flow;
use siphasher::sip128::{Hasher128, SipHasher24};
use smallvec::SmallVec;

use super::flow;

/// The longest token, in characters.
pub const TOKEN_CHARACTERS_MAX: usize = 96;

/// Room for a token, on the stack.
pub type TokenText = SmallVec<[u8; TOKEN_CHARACTERS_MAX]>;

/// One end of a dialog, as it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct End<'a> {
    /// The flow on which it is reached; none when its Contact is enough.
    pub flow: Option<Flow>,
    /// The user's name in the directory, empty for others: where to look when the flow is gone.
    pub user: &'a str,
    /// Says which phone of that user it was; 0 when unknown.
    pub instance: u32,
}

/// The same, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenedEnd {
    /// What stands of the flow.
    pub flow: Option<flow::Read>,
    /// The user's name, empty when the token does not say it.
    pub user: SmallVec<[u8; 24]>,
    /// The instance, 0 when the token does not say it.
    pub instance: u32,
}

/// A token that we signed for this dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The end that sent the first request.
    pub caller: OpenedEnd,
    /// The other.
    pub callee: OpenedEnd,
    /// True when this request comes from the callee's end.
    pub towards_caller: bool,
}

/// What binds a token to its dialog.
#[derive(Debug, Clone, Copy)]
pub struct Bound<'a> {
    /// The Call-ID.
    pub call_id: &'a [u8],
    /// The From tag of the message at hand.
    pub from_tag: &'a [u8],
    /// The To tag of the message at hand, empty when it has none.
    pub to_tag: &'a [u8],
}

/// The keys of tokens: the first one signs, all of them verify.
#[derive(Clone)]
pub struct Keys {
    keys: SmallVec<[(u8, [u8; 16]); 2]>,
    start: u32,
}

impl Keys {
    /// `start` is a number that no earlier start of this edge had: connections are remembered by it.
    pub fn new(id: u8, key: [u8; 16], start: u32) -> Self {
        Self { keys: SmallVec::from_iter([(id, key)]), start }
    }

    /// Adds a key of the past, which verifies and does not sign.
    pub fn and_old(mut self, id: u8, key: [u8; 16]) -> Self {
        self.keys.push((id, key));
        self
    }

    /// The number of this start.
    pub const fn start(&self) -> u32 {
        self.start
    }

    /// Appends the token of a new dialog; `bound.from_tag` is the caller's.
    pub fn sign(&self, caller: &End<'_>, callee: &End<'_>, bound: Bound<'_>, out: &mut TokenText) {
        let (id, key) = self.keys[0];
        let mut octets = SmallVec::<[u8; OCTETS_MAX]>::new();
        octets.extend_from_slice(&[id, 0]);
        octets.extend_from_slice(&self.start.to_be_bytes());
        for (end, mark) in [(caller, CALLER_FLOW), (callee, CALLEE_FLOW)] {
            if let Some(way) = &end.flow {
                octets[1] |= mark;
                flow::write(way, &mut octets);
            }
        }
        for (end, mark) in [(caller, CALLER_USER), (callee, CALLEE_USER)] {
            let room = OCTETS_MAX - SIGNATURE - octets.len();
            if !end.user.is_empty() && end.user.len() <= USER_MAX && end.user.len() + 5 <= room {
                octets[1] |= mark;
                octets.push(end.user.len() as u8);
                octets.extend_from_slice(end.user.as_bytes());
                octets.extend_from_slice(&end.instance.to_be_bytes());
            }
        }
        let signature = signature(&key, &octets, bound.call_id, bound.from_tag);
        octets.extend_from_slice(&signature);
        write_base64url(&octets, out);
    }

    /// Reads a token; `None` when it was not signed by us for this dialog.
    pub fn open(&self, text: &[u8], bound: Bound<'_>) -> Option<Opened> {
        let octets = read_base64url(text)?;
        let (content, signed) = octets.split_last_chunk::<SIGNATURE>()?;
        let (_, key) = self.keys.iter().find(|(id, _)| content.first() == Some(id))?;
        let fits = |tag: &[u8]| same(&signature(key, content, bound.call_id, tag), signed);
        let towards_caller = !fits(bound.from_tag);
        if towards_caller && !fits(bound.to_tag) {
            return None;
        }
        let mut rest = content.get(1..)?;
        let [marks] = flow::take(&mut rest)?;
        let same_start = u32::from_be_bytes(flow::take(&mut rest)?) == self.start;
        let mut flows = [None, None];
        for (read, mark) in flows.iter_mut().zip([CALLER_FLOW, CALLEE_FLOW]) {
            if marks & mark != 0 {
                *read = Some(flow::read(&mut rest, same_start)?);
            }
        }
        let [caller, callee] = flows;
        let caller = read_end(caller, marks & CALLER_USER != 0, &mut rest)?;
        let callee = read_end(callee, marks & CALLEE_USER != 0, &mut rest)?;
        Some(Opened { caller, callee, towards_caller })
    }
}

impl Opened {
    /// The end to which this request goes.
    pub fn destination(&self) -> &OpenedEnd {
        if self.towards_caller { &self.caller } else { &self.callee }
    }

    /// The end from which it comes.
    pub fn origin(&self) -> &OpenedEnd {
        if self.towards_caller { &self.callee } else { &self.caller }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Keys").field("start", &self.start).finish_non_exhaustive()
    }
}

fn read_end(flow: Option<flow::Read>, has_user: bool, rest: &mut &[u8]) -> Option<OpenedEnd> {
    let mut end = OpenedEnd { flow, user: SmallVec::new(), instance: 0 };
    if has_user {
        let [length] = flow::take(rest)?;
        let (user, behind) = rest.split_at_checked(usize::from(length))?;
        end.user.extend_from_slice(user);
        *rest = behind;
        end.instance = u32::from_be_bytes(flow::take(rest)?);
    }
    Some(end)
}

fn signature(key: &[u8; 16], content: &[u8], call_id: &[u8], tag: &[u8]) -> [u8; SIGNATURE] {
    let mut hasher = SipHasher24::new_with_key(key);
    for part in [content, call_id, tag] {
        hasher.write(&(part.len() as u64).to_be_bytes());
        hasher.write(part);
    }
    hasher.finish128().h1.to_be_bytes()
}

/// Compares in a time that does not tell where the difference is.
fn same(left: &[u8; SIGNATURE], right: &[u8; SIGNATURE]) -> bool {
    left.iter().zip(right).fold(0, |seen, (left, right)| seen | (left ^ right)) == 0
}

fn write_base64url(octets: &[u8], out: &mut TokenText) {
    for chunk in octets.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, octet| word << 8 | u32::from(*octet)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            out.push(ALPHABET[(word >> (18 - 6 * place)) as usize & 63]);
        }
    }
}

fn read_base64url(text: &[u8]) -> Option<SmallVec<[u8; OCTETS_MAX]>> {
    if text.len() > TOKEN_CHARACTERS_MAX {
        return None;
    }
    let mut octets = SmallVec::new();
    for chunk in text.chunks(4) {
        let mut word = 0;
        for character in chunk {
            word = word << 6 | value(*character)?;
        }
        word <<= 6 * (4 - chunk.len());
        let count = chunk.len().checked_sub(1).filter(|count| *count > 0)?;
        if word & ((1 << (24 - 8 * count)) - 1) != 0 {
            return None;
        }
        octets.extend_from_slice(&word.to_be_bytes()[1..=count]);
    }
    Some(octets)
}

const fn value(character: u8) -> Option<u32> {
    let value = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(value as u32)
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const OCTETS_MAX: usize = TOKEN_CHARACTERS_MAX / 4 * 3;
const SIGNATURE: usize = 8;
const USER_MAX: usize = 24;
const CALLER_FLOW: u8 = 1;
const CALLEE_FLOW: u8 = 2;
const CALLER_USER: u8 = 4;
const CALLEE_USER: u8 = 8;

#[cfg(test)]
mod tests;
