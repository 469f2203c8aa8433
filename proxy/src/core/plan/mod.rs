//! The dial plan: typed rules, the first that matches decides. Pure: the moment is an argument.

mod attached;
mod build;
mod pattern;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use node::config::When;

pub(crate) use self::attached::application_of;
pub use self::attached::{Attached, AttachedNumber, Unanswered};
pub use self::build::{PlanError, PlanWarning};
pub use self::pattern::{Pattern, PatternError};
use super::route::{Call, Decision, Routes, Step};
use crate::config::Anchor;

/// A dial plan, read from the configuration and then only asked.
#[derive(Debug)]
pub struct Plan {
    zone: TimeZone,
    rules: Vec<Rule>,
    /// The rules for one number, by that number; the index spares a walk through a thousand extensions.
    exact: HashMap<Box<str>, Vec<usize>>,
    /// All other rules, in the order of the file.
    others: Vec<usize>,
    /// What becomes of a call to a user that is not answered.
    unanswered: Option<Unanswered>,
    /// The numbers at which calls are parked, and for how long.
    park: Option<(Pattern, Duration)>,
    /// The number that stands for the first of them that is free.
    park_number: Option<Box<str>>,
    /// Names and extensions of users who pick up each other's calls.
    pickups: Vec<Arc<[Arc<str>]>>,
    /// Rules that say whose media go through us.
    anchors: Vec<(Arc<str>, Anchor)>,
    /// Users, by name and extension, whose media always do.
    anchored: HashSet<Box<str>>,
    /// Rules that say what people on hold hear.
    music: HashMap<Arc<str>, Box<str>>,
    /// The same by user, by name and extension.
    music_of_users: HashMap<Box<str>, Box<str>>,
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    from: Vec<Caller>,
    when: Vec<When>,
    decision: Decision,
    /// A step rings [`DIALLED`], so the decision depends on the number.
    rings_dialled: bool,
}

/// Whom a rule is for.
#[derive(Debug)]
enum Caller {
    User(Box<str>),
    Matching(Pattern),
}

/// Why a rule did not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// It is for other callers.
    Caller,
    /// It is for other times.
    Time,
}

/// A decision with the rules for that number that stood before it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What would happen.
    pub decision: Decision,
    /// The rules whose number matched and which passed the call on, in order.
    pub passed: Vec<(Arc<str>, Passed)>,
}

impl Plan {
    /// A plan without rules: each user is reached by name and by extension.
    pub fn empty() -> Self {
        Self {
            zone: TimeZone::UTC,
            rules: Vec::new(),
            exact: HashMap::new(),
            others: Vec::new(),
            unanswered: None,
            park: None,
            park_number: None,
            pickups: Vec::new(),
            anchors: Vec::new(),
            anchored: HashSet::new(),
            music: HashMap::new(),
            music_of_users: HashMap::new(),
        }
    }

    /// Decides as [`Routes::decide`] does and keeps what was passed over on the way.
    pub fn explain(&self, call: &Call<'_>) -> Explanation {
        let mut passed = Vec::new();
        let decision = self.walk(call, |rule, why| passed.push((rule.decision.rule.clone(), why)));
        Explanation { decision, passed }
    }

    fn walk(&self, call: &Call<'_>, mut pass: impl FnMut(&Rule, Passed)) -> Decision {
        let exact = self.exact.get(call.to_user).map_or(&[][..], Vec::as_slice);
        for index in merged(exact, &self.others) {
            let rule = &self.rules[index];
            if !rule.pattern.matches(call.to_user) {
                continue;
            }
            match rule.refusal(call, &self.zone) {
                None => return rule.decided(call),
                Some(why) => pass(rule, why),
            }
        }
        self.directly(call)
    }
}

impl Routes for Plan {
    fn anchor(&self, call: &Call<'_>, decision: &Decision) -> Option<Anchor> {
        let is_anchored = |user: &str| self.anchored.contains(user);
        let rings = |step: &Step| matches!(step, Step::Ring { users, .. } if users.iter().any(|user| is_anchored(user)));
        if !self.anchored.is_empty()
            && (call.from_user.is_some_and(is_anchored) || decision.steps.iter().any(rings))
        {
            return Some(Anchor::Always);
        }
        let of_rule = |(rule, _): &&(Arc<str>, Anchor)| Arc::ptr_eq(rule, &decision.rule);
        self.anchors.iter().find(of_rule).map(|(_, anchor)| *anchor)
    }

    fn music(&self, rule: Option<&str>, holder: Option<&str>) -> Option<&str> {
        let of_user = holder.and_then(|user| self.music_of_users.get(user));
        of_user.or_else(|| self.music.get(rule?)).map(|sound| &**sound)
    }

    fn park(&self, number: &str) -> Option<Duration> {
        self.park.as_ref().filter(|(slots, _)| slots.matches(number)).map(|(_, after)| *after)
    }

    fn park_anywhere(&self, number: &str, place: u64) -> Option<(Box<str>, Duration)> {
        if self.park_number.as_deref() != Some(number) {
            return None;
        }
        let (Pattern::Range { first, last, digits }, after) = self.park.as_ref()? else { return None };
        let slot = first.checked_add(place).filter(|slot| slot <= last)?;
        Some((format!("{slot:0digits$}").into(), *after))
    }

    fn pick_up_together(&self, one: &[&str], other: &[&str]) -> bool {
        let has = |group: &Arc<[Arc<str>]>, user: &[&str]| {
            group.iter().any(|member| user.iter().any(|name| **member == **name))
        };
        self.pickups.iter().any(|group| has(group, one) && has(group, other))
    }

    fn decide(&self, call: &Call<'_>) -> Decision {
        self.walk(call, |_, _| ())
    }
}

impl Rule {
    fn refusal(&self, call: &Call<'_>, zone: &TimeZone) -> Option<Passed> {
        let is_caller = |wanted: &Caller| match (wanted, call.from_user) {
            (Caller::User(name), Some(caller)) => **name == *caller || call.from_extension == Some(&**name),
            (Caller::Matching(pattern), Some(caller)) => {
                pattern.matches(caller)
                    || call.from_extension.is_some_and(|extension| pattern.matches(extension))
            }
            (_, None) => false,
        };
        if !self.from.is_empty() && !self.from.iter().any(is_caller) {
            return Some(Passed::Caller);
        }
        let is_open = self.when.is_empty() || self.when.iter().any(|when| when.holds(call.unix_s, zone));
        (!is_open).then_some(Passed::Time)
    }

    fn decided(&self, call: &Call<'_>) -> Decision {
        if !self.rings_dialled {
            return self.decision.clone();
        }
        let named = |user: &Arc<str>| if **user == *DIALLED { call.to_user.into() } else { user.clone() };
        let step = |step: &Step| match step {
            Step::Ring { users, seconds, strategy } => Step::Ring {
                users: users.iter().map(named).collect(),
                seconds: *seconds,
                strategy: *strategy,
            },
            Step::Application { .. } | Step::Answer { .. } => step.clone(),
        };
        Decision { rule: self.decision.rule.clone(), steps: self.decision.steps.iter().map(step).collect() }
    }

    fn is_unconditional(&self) -> bool {
        self.from.is_empty() && self.when.is_empty()
    }
}

/// What a step writes for the number that was dialled.
const DIALLED: &str = "$number";

/// Two rising lists of places as one.
fn merged<'a>(left: &'a [usize], right: &'a [usize]) -> impl Iterator<Item = usize> + 'a {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some(first), Some(second)) if first < second => left.next(),
        (Some(_), None) => left.next(),
        _ => right.next(),
    })
    .copied()
}

#[cfg(test)]
mod tests;
