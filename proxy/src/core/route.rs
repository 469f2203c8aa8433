//! What the proxy asks the dial plan, and what the dial plan decides. No pattern is matched here: that is the
//! room of [`Routes`]; and no user is looked up here: a step names users, the proxy finds where they are.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Anchor;

/// The dial plan as the proxy sees it: a pure question with one answer.
pub trait Routes: Send + Sync {
    /// Decides what happens to a call. It is asked once for each request outside a dialog whose Request-URI is ours.
    fn decide(&self, call: &Call<'_>) -> Decision;

    /// Whose media go through a media server in this call; `None` where `[proxy] anchor` says so.
    fn anchor(&self, _call: &Call<'_>, _decision: &Decision) -> Option<Anchor> {
        None
    }

    /// What somebody on hold hears in a call of that rule whom this user (name or extension) holds; `None` where `[proxy]
    /// music_on_hold` says so.
    fn music(&self, _rule: Option<&str>, _holder: Option<&str>) -> Option<&str> {
        None
    }

    /// How long a call may be parked at that number before who parked it is rung back; `None` for what is no slot.
    fn park(&self, _number: &str) -> Option<Duration> {
        None
    }

    /// One slot after the other, by its place, where that number stands for the first that is free, and how long a call
    /// may be parked there; `None` behind the last, and for all other numbers.
    fn park_anywhere(&self, _number: &str, _place: u64) -> Option<(Box<str>, Duration)> {
        None
    }

    /// Whether two users, each by a name or extension, pick up each other's calls.
    fn pick_up_together(&self, _one: &[&str], _other: &[&str]) -> bool {
        false
    }
}

/// What a decision may look at.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The user part of the Request-URI, its escapes resolved; empty when it has none.
    pub to_user: &'a str,
    /// True when the host of the Request-URI is one of ours. Others are asked about only when somebody wonders
    /// (`carillon ctl route`): the proxy itself forwards them without asking.
    pub host_is_local: bool,
    /// The name of the authenticated user that calls; `None` for everybody else.
    pub from_user: Option<&'a str>,
    /// The extension of that user, when the directory told it.
    pub from_extension: Option<&'a str>,
    /// The method, `INVITE` for one.
    pub method: &'a str,
    /// The time of the call: seconds since 1970, UTC.
    pub unix_s: i64,
}

/// What is to be done, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What logs and `carillon ctl route` print: which rule said so.
    pub rule: Arc<str>,
    /// Tried in order. When every branch of one failed or its seconds ran out, the next one begins; after the
    /// last one the best response goes to the caller.
    pub steps: Arc<[Step]>,
}

/// One step of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ring these users.
    Ring {
        /// Names or extensions of the directory.
        users: Arc<[Arc<str>]>,
        /// How long before the next step begins; without it, timer C alone ends the ringing.
        seconds: Option<u32>,
        /// Who rings when.
        strategy: Strategy,
    },
    /// Let an application conduct the call.
    Application {
        /// What is wanted of it: its name, and after a `/` whatever it likes, `voicemail/deposit`.
        purpose: Arc<str>,
        /// Passed over where the steps before it have rung no user.
        needs_user: bool,
    },
    /// Answer the caller. The last step of any use.
    Answer {
        /// 300 to 699.
        status: u16,
        /// The reason phrase; without it, the standard one.
        reason: Option<Arc<str>>,
    },
}

/// Who of several rings when.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// All at once.
    #[default]
    All,
    /// One after the other, each for the seconds of the step.
    InOrder,
}

/// The dial plan of nobody: what was dialled is a user's name or extension. Tests use it, and a proxy without rules.
#[derive(Debug, Clone, Copy, Default)]
pub struct Directly;

impl Routes for Directly {
    fn decide(&self, call: &Call<'_>) -> Decision {
        let user: Arc<str> = call.to_user.into();
        let ring = Step::Ring { users: [user].into(), seconds: None, strategy: Strategy::All };
        Decision { rule: "no rule: a user's name or extension".into(), steps: [ring].into() }
    }
}
