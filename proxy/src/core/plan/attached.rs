//! What services add to the dial plan: numbers at which applications answer, and the application that takes calls that
//! a user does not.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::build::{Builder, PlanError, plain};
use super::pattern::Pattern;
use super::{Plan, Rule};
use crate::config::plan::{ParkConfig, StepConfig};
use crate::core::route::{Call, Decision, Directly, Routes, Step};

/// What services add. They do not know each other: whoever builds the process collects it from them.
#[derive(Debug, Clone, Default)]
pub struct Attached {
    /// The names of the applications that there are.
    pub applications: Vec<String>,
    /// Numbers at which one answers. They come after all rules and before users.
    pub numbers: Vec<AttachedNumber>,
    /// The same in Asterisk's form, `_*72!`: feature codes. Rules of the file may take some of them.
    pub patterns: Vec<AttachedNumber>,
    /// Who takes a call to a user that is not answered; rules of the file say so themselves.
    pub unanswered: Option<Unanswered>,
    /// `[park]`, and the octets of the file that it takes.
    pub park: Option<(ParkConfig, Range<usize>)>,
    /// Names and extensions of the users whose media go through us.
    pub anchored: Vec<String>,
    /// What whoever is put on hold by a user hears: his name or extension, and the sound.
    pub music: Vec<(String, String)>,
}

/// A number at which an application answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedNumber {
    /// What is dialled.
    pub number: String,
    /// What is wanted of the application: `voicemail/retrieve`, `menu/accueil`.
    pub purpose: String,
    /// The octets of the file that ask for it.
    pub at: Range<usize>,
}

/// What becomes of a call to a user that is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// How long the user's phones ring.
    pub after: Duration,
    /// What is wanted of the application: `voicemail/deposit`.
    pub purpose: String,
}

impl Builder<'_> {
    /// Files what services add.
    pub(super) fn attach(&mut self) {
        let attached = self.attached;
        for (index, written) in attached.numbers.iter().enumerate() {
            if let Err(what) = self.attach_number(written, &attached.numbers[..index]) {
                let what = format!("{}: {what}", written.purpose);
                self.errors.push(PlanError { at: written.at.clone(), what });
            }
        }
        for written in &attached.patterns {
            if let Err(what) = self.attach_pattern(written) {
                let what = format!("{}: {what}", written.purpose);
                self.errors.push(PlanError { at: written.at.clone(), what });
            }
        }
        if let Some((park, at)) = &attached.park
            && let Err(what) = self.attach_slots(park, at)
        {
            self.errors.push(PlanError { at: at.clone(), what: format!("park: {what}") });
        }
        self.plan.unanswered.clone_from(&attached.unanswered);
        let music = attached.music.iter().map(|(user, sound)| (user.as_str().into(), sound.as_str().into()));
        self.plan.music_of_users = music.collect();
        self.plan.anchored = attached.anchored.iter().map(|user| user.as_str().into()).collect();
    }

    fn attach_number(&mut self, written: &AttachedNumber, before: &[AttachedNumber]) -> Result<(), String> {
        let number = plain("extension", &written.number)?;
        let in_use = |by: String| Err(format!("extension {number} is in use by {by}; choose another"));
        if self.users.contains(&&*number) {
            return in_use("a user".into());
        }
        if let Some(other) = before.iter().find(|other| *other.number == *number) {
            return in_use(other.purpose.clone());
        }
        let group = |group: &&toml::Spanned<crate::config::plan::GroupConfig>| {
            group.get_ref().extension.as_deref() == Some(&*number)
        };
        if let Some(group) = self.groups.iter().find(group) {
            return in_use(format!("group {}", group.get_ref().name));
        }
        let taken = self.plan.exact.get(&number).into_iter().flatten();
        let mut taken = taken.map(|index| &self.plan.rules[*index]);
        if let Some(rule) = taken.find(|rule| rule.is_unconditional()) {
            return in_use(format!("route {:?}", rule.decision.rule));
        }
        let step = self.known(&written.purpose)?;
        let decision = Decision { rule: written.purpose.as_str().into(), steps: [step].into() };
        self.push(Rule::new(Pattern::Exact(number), Vec::new(), Vec::new(), decision), &written.at);
        Ok(())
    }

    /// Who dials a slot takes the call that is there; a rule says what becomes of him where none is.
    fn attach_slots(&mut self, park: &ParkConfig, at: &Range<usize>) -> Result<(), String> {
        let after =
            std::time::Duration::from_millis(u64::try_from(park.after.as_millis()).unwrap_or(u64::MAX));
        if after.is_zero() {
            return Err("`after` is zero, so who parks a call would be rung at once; write \"60s\"".into());
        }
        let slots = Pattern::range(&park.slots).map_err(|why| format!("slots: {}", why.0))?;
        let attached = self.attached.numbers.iter().map(|number| (&*number.number, number.purpose.clone()));
        let users = self.users.iter().map(|user| (*user, "a user".to_owned()));
        let groups = self
            .groups
            .iter()
            .map(toml::Spanned::get_ref)
            .filter_map(|group| Some((group.extension.as_deref()?, format!("group {}", group.name))));
        let rules = self.plan.rules.iter().filter(|rule| rule.is_unconditional());
        let rules = rules.filter_map(|rule| match &rule.pattern {
            Pattern::Exact(number) => Some((&**number, format!("route {:?}", rule.decision.rule))),
            _ => None,
        });
        let anywhere = park.number.as_deref().map(|number| plain("number", number)).transpose()?;
        let mut taken = users.chain(groups).chain(attached).chain(rules);
        let is_anywhere = |number: &str| anywhere.as_deref() == Some(number);
        match taken.find(|(number, _)| slots.matches(number) || is_anywhere(number)) {
            Some((number, by)) if is_anywhere(number) => {
                return Err(format!("number {number} is in use by {by}; choose another"));
            }
            Some((number, by)) => {
                return Err(format!("slot {number} is in use by {by}; choose other slots"));
            }
            None => {}
        }
        if let Some(number) = anywhere.as_deref().filter(|number| slots.matches(number)) {
            return Err(format!("number {number} is one of the slots; choose another"));
        }
        let nobody = Step::Answer { status: 404, reason: Some("Nobody Is Parked Here".into()) };
        let decision = Decision { rule: format!("park {}", park.slots).into(), steps: [nobody].into() };
        self.push(Rule::new(slots.clone(), Vec::new(), Vec::new(), decision.clone()), at);
        if let Some(number) = anywhere {
            self.push(Rule::new(Pattern::Exact(number.clone()), Vec::new(), Vec::new(), decision), at);
            self.plan.park_number = Some(number);
        }
        self.plan.park = Some((slots, after));
        Ok(())
    }

    fn attach_pattern(&mut self, written: &AttachedNumber) -> Result<(), String> {
        let pattern = Pattern::asterisk(&written.number).map_err(|why| why.0)?;
        let step = self.known(&written.purpose)?;
        let decision = Decision { rule: written.purpose.as_str().into(), steps: [step].into() };
        self.push(Rule::new(pattern, Vec::new(), Vec::new(), decision), &written.at);
        Ok(())
    }

    /// The step of a rule that hands the call to an application.
    pub(super) fn application(
        &self,
        purpose: &str,
        step: &StepConfig,
        number: usize,
    ) -> Result<Step, String> {
        let is_alone = step.ring.0.is_empty()
            && step.answer.is_none()
            && step.ring_for.is_none()
            && step.strategy.is_none()
            && step.reason.is_none();
        if !is_alone {
            return Err(format!(
                "step {number} hands the call to {purpose:?} and does more; make two steps of it"
            ));
        }
        self.known(purpose).map_err(|what| format!("step {number}: {what}"))
    }

    fn known(&self, purpose: &str) -> Result<Step, String> {
        let name = application_of(purpose);
        let known = &self.attached.applications;
        if known.iter().any(|known| known == name) {
            return Ok(Step::Application { purpose: purpose.into(), needs_user: false });
        }
        let near = known.iter().find(|known| known.eq_ignore_ascii_case(name) || is_near(known, name));
        Err(match (near, &known[..]) {
            (Some(near), _) => format!("no application {name:?}; {near:?} exists"),
            (None, []) => format!(
                "no application {name:?}, and none at all; write [rpc] applications = {{ {name} = \"https://host:port\" }}"
            ),
            (None, known) => format!("no application {name:?}; there are {}", known.join(", ")),
        })
    }
}

impl Plan {
    /// A call to a user by name or extension, as no rule says otherwise.
    pub(super) fn directly(&self, call: &Call<'_>) -> Decision {
        let mut decision = Directly.decide(call);
        if let (Some(unanswered), "INVITE") = (&self.unanswered, call.method) {
            let after = unanswered.after.as_millis().div_ceil(1000);
            let mut steps = decision.steps.to_vec();
            for step in &mut steps {
                if let Step::Ring { seconds, .. } = step {
                    *seconds = Some(u32::try_from(after).unwrap_or(u32::MAX));
                }
            }
            steps.push(Step::Application { purpose: unanswered.purpose.as_str().into(), needs_user: true });
            decision.steps = Arc::from(steps);
        }
        decision
    }
}

/// The name of the application in what is wanted of it.
pub(crate) fn application_of(purpose: &str) -> &str {
    purpose.split('/').next().unwrap_or(purpose)
}

/// True when one letter is missing, too many, or another, or two have changed places.
pub(super) fn is_near(known: &str, said: &str) -> bool {
    let (long, short) = if known.len() >= said.len() { (known, said) } else { (said, known) };
    let same_front = long.bytes().zip(short.bytes()).take_while(|(left, right)| left == right).count();
    let rest = &long.as_bytes()[same_front..];
    let other = &short.as_bytes()[same_front..];
    match long.len() - short.len() {
        0 => {
            let swapped = rest.len() > 1 && rest[0] == other[1] && rest[1] == other[0];
            rest.get(1..) == other.get(1..) || swapped && rest[2..] == other[2..]
        }
        1 => rest.get(1..) == Some(other),
        _ => false,
    }
}
