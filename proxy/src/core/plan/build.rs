//! From the configuration as written to a [`Plan`]: every mistake is found here, before a call meets it.

use std::ops::Range;
use std::sync::Arc;

use jiff::tz::TimeZone;
use node::config::When;
use toml::Spanned;

use super::attached::{Attached, is_near};
use super::pattern::Pattern;
use super::{Caller, DIALLED, Plan, Rule};
use crate::config::plan::{DialConfig, GroupConfig, RouteConfig, StepConfig, Strategy};
use crate::core::route::{self, Decision, Step};

/// A rule or group that cannot be used: where it stands in the file, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct PlanError {
    /// The octets of the file that the rule or group takes.
    pub at: Range<usize>,
    /// Cause and next step.
    pub what: String,
}

/// Something that works and is probably not meant: the same shape as an error.
pub type PlanWarning = PlanError;

impl Plan {
    /// Reads the rules. `users` are the names and extensions that the file itself defines: a step that rings
    /// another one is a warning, since users may be added later.
    pub fn build(
        dial: &DialConfig,
        routes: &[Spanned<RouteConfig>],
        groups: &[Spanned<GroupConfig>],
        users: &[&str],
        attached: &Attached,
    ) -> Result<(Self, Vec<PlanWarning>), Vec<PlanError>> {
        let (errors, warnings) = (Vec::new(), Vec::new());
        let mut builder = Builder { groups, users, attached, plan: Self::empty(), errors, warnings };
        builder.zone(dial);
        for route in routes {
            builder.route(route);
        }
        for group in groups {
            builder.group(group);
        }
        builder.attach();
        match builder.errors.is_empty() {
            true => Ok((builder.plan, builder.warnings)),
            false => Err(builder.errors),
        }
    }
}

pub(super) struct Builder<'c> {
    pub(super) groups: &'c [Spanned<GroupConfig>],
    pub(super) users: &'c [&'c str],
    pub(super) attached: &'c Attached,
    pub(super) plan: Plan,
    pub(super) errors: Vec<PlanError>,
    warnings: Vec<PlanWarning>,
}

impl Builder<'_> {
    fn zone(&mut self, dial: &DialConfig) {
        self.plan.zone = match &dial.time_zone {
            None => TimeZone::system(),
            Some(name) => TimeZone::get(name.get_ref()).unwrap_or_else(|_| {
                let what = format!("no time zone {:?}; write one such as \"Europe/Paris\"", name.get_ref());
                self.errors.push(PlanError { at: name.span(), what });
                TimeZone::UTC
            }),
        };
    }

    fn route(&mut self, written: &Spanned<RouteConfig>) {
        let route = written.get_ref();
        let refused = |what: String| PlanError { at: written.span(), what: format!("route: {what}") };
        let pattern = match pattern(route) {
            Ok(pattern) => pattern,
            Err(what) => return self.errors.push(refused(what)),
        };
        let shown = match (&route.pattern, &pattern) {
            (Some(text), Pattern::Asterisk(_)) => format!("pattern {text}"),
            _ => pattern.to_string(),
        };
        let name = route.name.clone().unwrap_or(shown);
        let refused =
            |what: String| PlanError { at: written.span(), what: format!("route {name:?}: {what}") };
        let conditions = callers(&route.from.0).and_then(|from| Ok((from, times(route)?)));
        let steps = self.steps(&route.steps, &written.span());
        match (conditions, steps) {
            (Ok((from, when)), Ok(steps)) => {
                let decision = Decision { rule: name.as_str().into(), steps: steps.into() };
                let music =
                    route.music_on_hold.as_deref().map(|sound| (Arc::clone(&decision.rule), sound.into()));
                self.plan.music.extend(music);
                self.plan.anchors.extend(route.anchor.map(|anchor| (Arc::clone(&decision.rule), anchor)));
                self.push(Rule::new(pattern, from, when, decision), &written.span());
            }
            (Err(what), Ok(_)) | (Ok(_), Err(what)) => self.errors.push(refused(what)),
            (Err(first), Err(second)) => self.errors.extend([refused(first), refused(second)]),
        }
    }

    fn group(&mut self, written: &Spanned<GroupConfig>) {
        let group = written.get_ref();
        let refused =
            |what: String| PlanError { at: written.span(), what: format!("group {:?}: {what}", group.name) };
        let taken = self.users.contains(&group.name.as_str())
            || self
                .groups
                .iter()
                .any(|other| other.get_ref().name == group.name && other.span() != written.span());
        if taken {
            return self.errors.push(refused("the name is taken; each user and group needs its own".into()));
        }
        if let Some(extension) = group.extension.as_deref().filter(|extension| self.users.contains(extension))
        {
            return self.errors.push(refused(format!("extension {extension} belongs to a user")));
        }
        if group.pickup {
            let mut members = Vec::new();
            match self.members(&group.name, &written.span(), &mut members, &mut Vec::new()) {
                Ok(()) => self.plan.pickups.push(members.into()),
                Err(what) => return self.errors.push(refused(what)),
            }
        }
        let Some(extension) = &group.extension else { return };
        let step = StepConfig {
            ring: crate::config::plan::Many(vec![group.name.clone()]),
            ring_for: group.ring_for,
            strategy: group.strategy,
            ..StepConfig::default()
        };
        match self.steps(&[step], &written.span()) {
            Ok(steps) => {
                let decision = Decision { rule: format!("group {}", group.name).into(), steps: steps.into() };
                let pattern = Pattern::Exact(extension.as_str().into());
                self.push(Rule::new(pattern, Vec::new(), Vec::new(), decision), &written.span());
            }
            Err(what) => self.errors.push(refused(what)),
        }
    }

    /// Files a rule, and tells when one before it leaves it nothing.
    pub(super) fn push(&mut self, rule: Rule, at: &Range<usize>) {
        let index = self.plan.rules.len();
        if let Pattern::Exact(number) = &rule.pattern {
            let hides = |before: &&Rule| before.is_unconditional() && before.pattern.matches(number);
            if let Some(before) = self.plan.rules.iter().find(hides) {
                let (rule, before) = (&rule.decision.rule, &before.decision.rule);
                let what =
                    format!("route {rule:?} is never reached, since {before:?} stands before it; move it up");
                self.warnings.push(PlanError { at: at.clone(), what });
            }
            self.plan.exact.entry(number.clone()).or_default().push(index);
        } else {
            self.plan.others.push(index);
        }
        self.plan.rules.push(rule);
    }

    fn steps(&mut self, written: &[StepConfig], at: &Range<usize>) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        for (index, step) in written.iter().enumerate() {
            let number = index + 1;
            if let Some(purpose) = &step.application {
                steps.push(self.application(purpose, step, number)?);
                continue;
            }
            match (&step.ring.0[..], step.answer) {
                ([], None) => {
                    return Err(format!(
                        "step {number} does nothing; write ring = [\"alice\"], application = \"voicemail/deposit\" \
                         or answer = 486"
                    ));
                }
                ([_, ..], Some(_)) => {
                    return Err(format!("step {number} rings and answers; make two steps of it"));
                }
                ([], Some(status)) if step.ring_for.is_some() || step.strategy.is_some() => {
                    return Err(format!(
                        "step {number} answers {status}, so `for` and `strategy` mean nothing there"
                    ));
                }
                ([], Some(status)) => {
                    if !(300..=699).contains(&status) {
                        return Err(format!(
                            "step {number}: a caller can be answered with 300 to 699 only, not with {status}"
                        ));
                    }
                    if number < written.len() {
                        return Err(format!(
                            "step {number} ends the call, so the steps after it are never reached"
                        ));
                    }
                    steps.push(Step::Answer { status, reason: step.reason.as_deref().map(Arc::from) });
                }
                (whom, None) => self.ring(step, whom, at, &mut steps)?,
            }
        }
        match steps.is_empty() {
            true => Err("it has no steps; write steps = [{ ring = [\"alice\"], for = \"20s\" }]".into()),
            false => Ok(steps),
        }
    }

    fn ring(
        &mut self,
        step: &StepConfig,
        whom: &[String],
        at: &Range<usize>,
        steps: &mut Vec<Step>,
    ) -> Result<(), String> {
        if step.reason.is_some() {
            return Err("`reason` goes with `answer`".into());
        }
        let seconds = match step.ring_for.map(|time| time.as_millis()) {
            None => None,
            Some(time) => match u32::try_from(time.div_ceil(1000)) {
                Ok(0) => return Err("`for` is zero, so nobody would ring".into()),
                Ok(seconds) => Some(seconds),
                Err(_) => return Err("`for` is longer than a life; write \"20s\"".into()),
            },
        };
        let mut members = Vec::new();
        for name in whom {
            self.members(name, at, &mut members, &mut Vec::new())?;
        }
        let strategy = match step.strategy.unwrap_or_default() {
            Strategy::All => route::Strategy::All,
            Strategy::InOrder => route::Strategy::InOrder,
        };
        steps.push(Step::Ring { users: members.into(), seconds, strategy });
        Ok(())
    }

    /// One name of a step: itself, or the members of the group that it names.
    fn members(
        &mut self,
        name: &str,
        at: &Range<usize>,
        into: &mut Vec<Arc<str>>,
        within: &mut Vec<String>,
    ) -> Result<(), String> {
        let group = self.groups.iter().map(Spanned::get_ref).find(|group| group.name == name);
        let Some(group) = group else {
            self.warn_unknown(name, at);
            if !into.iter().any(|member| **member == *name) {
                into.push(name.into());
            }
            return Ok(());
        };
        if within.iter().any(|outer| outer == name) {
            return Err(format!("group {name:?} contains itself ({} > {name})", within.join(" > ")));
        }
        if group.members.is_empty() {
            return Err(format!("group {name:?} has no members"));
        }
        within.push(name.to_owned());
        for member in &group.members {
            self.members(member, at, into, within)?;
        }
        within.pop();
        Ok(())
    }

    fn warn_unknown(&mut self, name: &str, at: &Range<usize>) {
        if name == DIALLED || self.users.contains(&name) {
            return;
        }
        let alike = self.users.iter().find(|user| user.eq_ignore_ascii_case(name));
        // One digit more or less is another extension.
        let is_name = name.len() >= 3 && name.bytes().any(|octet| !octet.is_ascii_digit());
        let near = self.users.iter().find(|user| is_name && is_near(user, name));
        let hint = match (alike, near) {
            (Some(alike), _) => format!("{alike} exists; names are case sensitive"),
            (None, Some(near)) => format!("{near} exists"),
            (None, None) => "add it as [[user]] or with `carillon ctl users add`".to_owned(),
        };
        self.warnings
            .push(PlanError { at: at.clone(), what: format!("no user {name:?} in this file; {hint}") });
    }
}

impl Rule {
    pub(super) fn new(pattern: Pattern, from: Vec<Caller>, when: Vec<When>, decision: Decision) -> Self {
        let rings = |step: &Step| matches!(step, Step::Ring { users, .. } if users.iter().any(|user| **user == *DIALLED));
        let rings_dialled = decision.steps.iter().any(rings);
        Self { pattern, from, when, decision, rings_dialled }
    }
}

fn pattern(route: &RouteConfig) -> Result<Pattern, String> {
    let readers: [(&Option<String>, fn(&str) -> Result<Pattern, String>); 5] = [
        (&route.extension, |text| plain("extension", text).map(Pattern::Exact)),
        (&route.prefix, |text| plain("prefix", text).map(Pattern::Prefix)),
        (&route.range, |text| Pattern::range(text).map_err(|why| why.0)),
        (&route.pattern, |text| Pattern::asterisk(text).map_err(|why| why.0)),
        (&route.regex, |text| Pattern::regex(text).map_err(|why| why.0)),
    ];
    let mut written = readers.iter().filter_map(|(text, read)| text.as_deref().map(|text| (text, read)));
    match (written.next(), written.next()) {
        (Some((text, read)), None) => read(text),
        (None, _) => Err(format!("it names no number; write one of {FORMS}")),
        (Some(_), Some(_)) => Err(format!("it names its numbers twice; write one of {FORMS}")),
    }
}

pub(super) fn plain(key: &str, text: &str) -> Result<Box<str>, String> {
    match text {
        "" => Err(format!("{key} is empty")),
        _ if text.starts_with('_') => {
            Err(format!("{key} {text:?} looks like a pattern; write pattern = {text:?}"))
        }
        _ if text.contains(char::is_whitespace) => Err(format!("{key} {text:?} holds white space")),
        _ => Ok(text.into()),
    }
}

fn callers(names: &[String]) -> Result<Vec<Caller>, String> {
    let read = |name: &String| match name.starts_with('_') {
        true => Pattern::asterisk(name).map(Caller::Matching).map_err(|why| format!("from: {why}")),
        false => Ok(Caller::User(name.as_str().into())),
    };
    names.iter().map(read).collect()
}

fn times(route: &RouteConfig) -> Result<Vec<When>, String> {
    let read = |when: &crate::config::plan::WhenConfig| {
        When::read(&when.days, &when.hours, &when.dates, when.not).map_err(|why| format!("when: {why}"))
    };
    route.when.0.iter().map(read).collect()
}

const FORMS: &str = "extension = \"6002\", prefix = \"00\", range = \"6000-6099\", pattern = \"_6XXX\", regex = \"6\\\\d{3}\"";
