//! Who asks (RFC 3261 §22, RFC 7616, RFC 8760): challenges, credentials, and whether the names that a request uses
//! are its sender's.
//!
//! An unknown user and a wrong password get the same answer after the same work; which it was stands in the log.

use std::borrow::Cow;
use std::sync::Arc;

use proto::{Identified, ServiceError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sip::auth::{self, Authorization, Challenge, Freshness, Ha1Set, Hash, Mismatch, Nonces, Use};
use sip::header::{NameAddr, Privacy};
use sip::message::{Message, Method, Name, Refusal, Status};
use sip::transport::{Flow, Packet};
use sip::uri::{Host, Uri};
use smallvec::SmallVec;

use super::answer;
use super::effect::Turn;
use super::means::Means;
use super::request::{self, Request};
use super::route_headers::Way;
use super::settings::Settings;

/// As whom we ask (RFC 3261 §22.2 and §22.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// A server that is asked itself: 401.
    Registrar,
    /// A proxy before the one who is asked: 407.
    Proxy,
}

impl Side {
    /// The status of a challenge.
    pub const fn status(self) -> Status {
        match self {
            Self::Registrar => Status::of(401),
            Self::Proxy => Status::of(407),
        }
    }

    const fn credentials(self) -> Name {
        match self {
            Self::Registrar => Name::Authorization,
            Self::Proxy => Name::ProxyAuthorization,
        }
    }

    const fn challenge(self) -> &'static str {
        match self {
            Self::Registrar => "WWW-Authenticate",
            Self::Proxy => "Proxy-Authenticate",
        }
    }
}

/// What a request must show before it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Nothing.
    Nothing,
    /// Credentials of one of our users.
    Credentials,
    /// Nothing would do.
    Refused(Refusal),
}

/// Decides what a request must show, by where it comes from and whom it wants.
pub(crate) fn demand(settings: &Settings, flow: &Flow, request: &Request<'_>, way: &Way) -> Demand {
    // A token that we signed for this dialog shows that its first request was let through.
    if way.dialog.is_some() || settings.is_trusted(flow.remote.ip()) {
        return Demand::Nothing;
    }
    // §22.1: ACK and CANCEL are never challenged.
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return Demand::Nothing;
    }
    let claims_to_be_ours = settings.is_for_us(&request.from) || is_anonymous(&request.from);
    if !settings.config.allow_unauthenticated_calls || claims_to_be_ours {
        return Demand::Credentials;
    }
    if settings.is_for_us(&request.uri) && !way.goes_on {
        Demand::Nothing
    } else {
        Demand::Refused(Refusal::of(403, "No Relaying"))
    }
}

/// What stands in a request of credentials for our realm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claim<'a> {
    /// Credentials with a fresh nonce of ours: whose.
    Credentials(Cow<'a, str>),
    /// None that could be checked: a challenge is due.
    Challenge {
        /// The nonce was ours and too old: the password may be right.
        stale: bool,
    },
}

/// Nonces and their uses.
pub(crate) struct Guard {
    nonces: Nonces,
    /// The number that our nonces name.
    edge: u16,
    random: StdRng,
    /// Keys of nobody, so that an unknown user costs what a known one does.
    nobody: Ha1Set,
    hashes: SmallVec<[Hash; 3]>,
    /// The second in which failures were logged last, and how many.
    logged: (u64, u32),
}

impl Guard {
    /// A guard for one shard. The nonces of all shards are alike, and their uses are noted in one table.
    pub fn new(settings: &Settings, seed: [u64; 4]) -> Self {
        let mut octets = [0; 32];
        for (chunk, word) in octets.chunks_exact_mut(8).zip(seed) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let mut random = StdRng::from_seed(octets);
        let mut secret = [0; 16];
        random.fill_bytes(&mut secret);
        let nobody = Ha1Set::of_nobody(&secret);
        let mut guard = Self {
            nonces: nonces(settings),
            edge: settings.edge,
            random,
            nobody,
            hashes: SmallVec::new(),
            logged: (0, 0),
        };
        guard.configure(settings);
        guard
    }

    /// Takes other settings.
    pub fn configure(&mut self, settings: &Settings) {
        self.nonces = nonces(settings);
        self.edge = settings.edge;
        let known = |name: &String| auth::Algorithm::parse(name.as_bytes()).map(|algorithm| algorithm.hash);
        self.hashes = settings.config.algorithms.iter().filter_map(known).collect();
    }

    /// True when a failure may be logged: whoever guesses passwords must not fill the disk.
    fn may_log(&mut self, now_s: u64) -> bool {
        if self.logged.0 != now_s {
            self.logged = (now_s, 0);
        }
        self.logged.1 += 1;
        self.logged.1 <= LOGGED_EACH_SECOND
    }

    /// Looks for credentials that are worth a question to the directory.
    pub fn claim<'a>(&self, settings: &Settings, now_s: u64, request: &Request<'a>, side: Side) -> Claim<'a> {
        let Some(authorization) = credentials(settings, request.message, side) else {
            return Claim::Challenge { stale: false };
        };
        if !self.hashes.contains(&authorization.algorithm.hash) || authorization.userhash {
            return Claim::Challenge { stale: false };
        }
        match self.nonces.check(authorization.nonce.raw, now_s) {
            Freshness::Fresh { edge, .. } if edge == self.edge => {
                Claim::Credentials(request::lossy(authorization.unescaped_username()))
            }
            Freshness::Fresh { .. } | Freshness::Stale => Claim::Challenge { stale: true },
            Freshness::Forged => Claim::Challenge { stale: false },
        }
    }

    /// The value of Authentication-Info: what to answer with next time, without being asked (RFC 7616 §3.5).
    pub fn next_nonce(&mut self, now_s: u64) -> String {
        let nonce = self.nonces.issue(now_s, self.random.next_u64());
        let mut value = Vec::with_capacity(80);
        auth::write_authentication_info(nonce.as_str(), &mut value);
        String::from_utf8_lossy(&value).into_owned()
    }

    /// The challenge headers, one for each algorithm, the preferred one first (RFC 8760 §2.4).
    pub fn challenge(
        &mut self,
        settings: &Settings,
        now_s: u64,
        side: Side,
        stale: bool,
    ) -> SmallVec<[(&'static str, String); 3]> {
        let nonce = self.nonces.issue(now_s, self.random.next_u64());
        let line = |hash: &Hash| {
            let mut value = Vec::with_capacity(160);
            Challenge::of(settings.realm(), nonce.as_str(), *hash, stale).write(&mut value);
            (side.challenge(), String::from_utf8_lossy(&value).into_owned())
        };
        self.hashes.iter().map(line).collect()
    }
}

/// What the directory's answer makes of a request's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// They are this user's. With `true`, half of the nonce's life has gone.
    User(Arc<proto::User>, bool),
    /// They are not; whose they claim to be is not told.
    Challenge,
    /// They could not be judged.
    Refused(Refusal),
}

/// Checks the proof of a request, with the keys that the directory gave.
pub(crate) fn judge(
    means: &mut Means,
    now_s: u64,
    request: &Request<'_>,
    side: Side,
    answer: Result<Identified, ServiceError>,
) -> Judgement {
    let settings = Arc::clone(&means.settings);
    let Some(authorization) = credentials(&settings, request.message, side) else {
        return Judgement::Challenge;
    };
    let proof = auth::Request { method: request.method.as_str().as_bytes(), body: request.message.body() };
    let name = String::from_utf8_lossy(authorization.username.raw);
    let realm = settings.realm();
    let (user, keys) = match answer {
        Ok(Identified::Known { user, ha1 }) => {
            (user, Ha1Set { md5: ha1.md5, sha256: ha1.sha256, sha512_256: ha1.sha512_256 })
        }
        Ok(Identified::Unknown { nearest }) => {
            // The result is of no use; the time that it takes is what an answer to a known user takes.
            let _ = std::hint::black_box(auth::verify(&authorization, proof, &means.guard.nobody));
            means.counters.wrong_credentials += 1;
            if means.guard.may_log(now_s) {
                let hint = nearest.map(|nearest| format!("; `{nearest}` exists")).unwrap_or_default();
                tracing::warn!(call_id = %request.shown_call_id(), "no user `{name}` in {realm}{hint}");
            }
            return Judgement::Challenge;
        }
        Err(error) => {
            means.counters.service_errors += 1;
            tracing::warn!(call_id = %request.shown_call_id(), %error, "the directory cannot say who `{name}` is");
            return Judgement::Refused(Refusal::of(503, "Directory Unavailable"));
        }
    };
    if let Err(why) = auth::verify(&authorization, proof, &keys) {
        means.counters.wrong_credentials += 1;
        let algorithm = authorization.algorithm;
        if why == Mismatch::NoKey {
            // A key that is missing takes as long as one that does not fit.
            let _ = std::hint::black_box(auth::verify(&authorization, proof, &means.guard.nobody));
        }
        match why {
            _ if !means.guard.may_log(now_s) => {}
            Mismatch::Wrong => {
                tracing::warn!(call_id = %request.shown_call_id(), "wrong password for user `{name}` in {realm}")
            }
            Mismatch::NoKey => {
                tracing::warn!(call_id = %request.shown_call_id(), "user `{name}` in {realm} has no key for {algorithm}")
            }
        }
        return Judgement::Challenge;
    }
    note_use(means, &settings, now_s, &authorization, user)
}

/// RFC 7616 §3.4.5: each answer counts once.
fn note_use(
    means: &mut Means,
    settings: &Settings,
    now_s: u64,
    authorization: &Authorization<'_>,
    user: Arc<proto::User>,
) -> Judgement {
    let Freshness::Fresh { id, issued_s, .. } = means.guard.nonces.check(authorization.nonce.raw, now_s)
    else {
        return Judgement::Challenge;
    };
    let ages = (now_s as u32).wrapping_sub(issued_s) > lifetime_s(settings) / 2;
    let count = authorization.qop.as_ref().map(|qop| qop.count);
    let mut uses = settings.uses.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match uses.note(id, issued_s, count) {
        Use::First => Judgement::User(user, ages),
        Use::Again | Use::Forgotten => {
            means.counters.replayed_credentials += 1;
            Judgement::Challenge
        }
    }
}

/// Asks for credentials without remembering anything.
pub(crate) fn challenge_statelessly(
    means: &mut Means,
    turn: &mut Turn<'_>,
    packet: &Packet<'_>,
    message: &Message<'_>,
    side: Side,
    stale: bool,
) {
    let settings = Arc::clone(&means.settings);
    let challenge = means.guard.challenge(&settings, turn.unix_ms / 1000, side, stale);
    means.counters.challenges += 1;
    answer::statelessly(means, turn, packet, message, side.status(), None, &lines(&challenge));
}

/// Header lines as answers take them.
pub(crate) fn lines<'a>(challenge: &'a [(&'static str, String)]) -> SmallVec<[(&'a str, &'a str); 3]> {
    challenge.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

/// Whether an authenticated user may call under the names that the request uses (RFC 3325 §6): From, and each
/// P-Asserted-Identity, which nobody outside the trust domain may set for another.
pub(crate) fn check_identity(
    settings: &Settings,
    request: &Request<'_>,
    user: &proto::User,
) -> Result<(), Refusal> {
    if !is_anonymous(&request.from) && !is_identity_of(settings, &request.from, user) {
        tracing::info!(call_id = %request.shown_call_id(), user = user.name, from = %request.from, "a user called under another name");
        return Err(Refusal::of(403, "From Is Not Yours"));
    }
    for element in request.message.elements(Name::PAssertedIdentity) {
        let own = NameAddr::parse(Name::PAssertedIdentity, element)
            .and_then(|identity| identity.uri())
            .is_ok_and(|uri| is_identity_of(settings, &uri, user));
        if !own {
            tracing::info!(call_id = %request.shown_call_id(), user = user.name, "a user asserted an identity that is not his");
            return Err(Refusal::of(403, "P-Asserted-Identity Is Not Yours"));
        }
    }
    Ok(())
}

/// True when a user part names this user: by name or by extension.
pub(crate) fn is_name_of(name: &str, user: &proto::User) -> bool {
    name == user.name || user.extension.as_deref() == Some(name)
}

/// True when the identity of a request must not leave the trust domain (RFC 3325 §7).
pub(crate) fn wants_privacy(message: &Message<'_>) -> bool {
    message.lines(Name::Privacy).any(|value| Privacy::parse(value).is_ok_and(|privacy| privacy.id()))
}

/// True when credentials are for this realm.
pub(crate) fn is_for_realm(value: &[u8], realm: &str) -> bool {
    Authorization::parse(Name::ProxyAuthorization, value)
        .is_ok_and(|authorization| authorization.realm.unescape() == Cow::Borrowed(realm.as_bytes()))
}

fn is_identity_of(settings: &Settings, uri: &Uri<'_>, user: &proto::User) -> bool {
    settings.is_for_us(uri) && is_name_of(&request::user_of(uri), user)
}

/// RFC 3323 §4.1.1.3: `sip:anonymous@anonymous.invalid`.
fn is_anonymous(uri: &Uri<'_>) -> bool {
    uri.as_sip().is_some_and(|uri| match uri.host {
        Host::Name(host) => host.eq_ignore_ascii_case("anonymous.invalid"),
        Host::V4(_) | Host::V6(_) => false,
    })
}

/// The credentials of our realm, those with a preferred algorithm first as the client put them.
fn credentials<'a>(settings: &Settings, message: &Message<'a>, side: Side) -> Option<Authorization<'a>> {
    let realm = settings.realm().as_bytes();
    message
        .lines(side.credentials())
        .filter_map(|value| Authorization::parse(side.credentials(), value).ok())
        .find(|authorization| *authorization.realm.unescape() == *realm)
}

fn nonces(settings: &Settings) -> Nonces {
    Nonces::new(settings.nonce_key, settings.edge, lifetime_s(settings))
}

fn lifetime_s(settings: &Settings) -> u32 {
    u32::try_from(settings.config.nonce_lifetime.as_secs()).unwrap_or(u32::MAX)
}

/// Failures beyond this many are counted and not logged.
const LOGGED_EACH_SECOND: u32 = 20;
