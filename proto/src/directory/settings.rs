//! What a user wants done with calls: forwarding, peace, and other phones to ring.

/// What becomes of the calls to a user. Numbers are dialled as the user would dial them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Settings {
    /// No phone of the user rings; callers hear that it is busy.
    pub do_not_disturb: bool,
    /// Where calls go by themselves.
    pub forward: Forward,
    /// Others that ring, one after the other, when the user's own phones were not answered.
    pub follow_me: Vec<Follow>,
}

/// Where calls are forwarded to; `None` is nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forward {
    /// Every call.
    pub always: Option<String>,
    /// When a phone is busy or declines, or the user wants peace.
    pub busy: Option<String>,
    /// When nobody answers.
    pub no_answer: Option<String>,
    /// When no phone is registered, or none can be reached.
    pub unreachable: Option<String>,
}

/// A number that rings for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follow {
    /// Whom.
    pub number: String,
    /// How long, in seconds.
    pub seconds: u16,
}

/// When calls are forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// [`Forward::always`].
    Always,
    /// [`Forward::busy`].
    Busy,
    /// [`Forward::no_answer`].
    NoAnswer,
    /// [`Forward::unreachable`].
    Unreachable,
}

/// One change of the settings of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Peace, or its end.
    DoNotDisturb(bool),
    /// Forwarding to a number, or none.
    Forward(When, Option<String>),
    /// The numbers that ring too; none ends it.
    FollowMe(Vec<Follow>),
}

impl Settings {
    /// True when calls just ring.
    pub fn is_plain(&self) -> bool {
        *self == Settings::default()
    }

    /// Makes a change.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::DoNotDisturb(on) => self.do_not_disturb = *on,
            Change::Forward(when, to) => self.forward.of_mut(*when).clone_from(to),
            Change::FollowMe(numbers) => self.follow_me.clone_from(numbers),
        }
    }
}

impl Settings {
    /// All that is set, as changes of plain ones.
    pub fn changes(&self) -> Vec<Change> {
        let peace = self.do_not_disturb.then_some(Change::DoNotDisturb(true));
        let forward = When::ALL.into_iter().filter_map(|when| {
            let to = self.forward.of(when)?.to_owned();
            Some(Change::Forward(when, Some(to)))
        });
        let follow = (!self.follow_me.is_empty()).then(|| Change::FollowMe(self.follow_me.clone()));
        peace.into_iter().chain(forward).chain(follow).collect()
    }
}

impl Forward {
    /// Where calls go.
    pub fn of(&self, when: When) -> Option<&str> {
        match when {
            When::Always => self.always.as_deref(),
            When::Busy => self.busy.as_deref(),
            When::NoAnswer => self.no_answer.as_deref(),
            When::Unreachable => self.unreachable.as_deref(),
        }
    }

    fn of_mut(&mut self, when: When) -> &mut Option<String> {
        match when {
            When::Always => &mut self.always,
            When::Busy => &mut self.busy,
            When::NoAnswer => &mut self.no_answer,
            When::Unreachable => &mut self.unreachable,
        }
    }
}

impl When {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Always, Self::Busy, Self::NoAnswer, Self::Unreachable];

    /// As people write it, `no-answer` for one.
    pub const fn name(self) -> &'static str {
        match self {
            When::Always => "always",
            When::Busy => "busy",
            When::NoAnswer => "no-answer",
            When::Unreachable => "unreachable",
        }
    }
}

impl Change {
    /// What is changed, under which it is kept: `do-not-disturb`, `forward-busy`, `follow-me`.
    pub const fn key(&self) -> &'static str {
        match self {
            Change::DoNotDisturb(_) => "do-not-disturb",
            Change::Forward(When::Always, _) => "forward-always",
            Change::Forward(When::Busy, _) => "forward-busy",
            Change::Forward(When::NoAnswer, _) => "forward-no-answer",
            Change::Forward(When::Unreachable, _) => "forward-unreachable",
            Change::FollowMe(_) => "follow-me",
        }
    }

    /// What it is changed to, as text: `on` or `off`, a number or nothing, `0601020304 20, 6002 15`.
    pub fn value(&self) -> String {
        match self {
            Change::DoNotDisturb(on) => if *on { "on" } else { "off" }.to_owned(),
            Change::Forward(_, to) => to.clone().unwrap_or_default(),
            Change::FollowMe(numbers) => {
                let shown = numbers.iter().map(|follow| format!("{} {}", follow.number, follow.seconds));
                shown.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Reads what [`Change::key`] and [`Change::value`] wrote, and what people write so.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn read(key: &str, value: &str) -> Result<Self, String> {
        let value = value.trim();
        if key == "do-not-disturb" {
            return match value {
                "on" => Ok(Change::DoNotDisturb(true)),
                "off" => Ok(Change::DoNotDisturb(false)),
                _ => Err(format!("do-not-disturb is on or off, not {value:?}")),
            };
        }
        if key == "follow-me" {
            let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty() && *part != "off");
            let numbers = parts.map(follow).collect::<Result<Vec<_>, _>>()?;
            if numbers.len() > FOLLOW_MAX {
                return Err(format!("follow-me: {FOLLOW_MAX} numbers at most"));
            }
            return Ok(Change::FollowMe(numbers));
        }
        let when = key.strip_prefix("forward-");
        let when = when.and_then(|name| When::ALL.into_iter().find(|when| when.name() == name));
        let Some(when) = when else {
            return Err(format!(
                "no setting {key:?}; there are do-not-disturb, forward-always, forward-busy, forward-no-answer, \
                 forward-unreachable and follow-me"
            ));
        };
        let to = Some(value).filter(|value| !value.is_empty() && *value != "off");
        to.map(number).transpose().map(|to| Change::Forward(when, to))
    }
}

fn follow(part: &str) -> Result<Follow, String> {
    let (to, seconds) = part.split_once(' ').unwrap_or((part, "20"));
    let seconds = seconds.trim().trim_end_matches('s');
    let seconds = seconds.parse().ok().filter(|seconds| (1..=300).contains(seconds));
    let seconds =
        seconds.ok_or_else(|| format!("follow-me: {part:?} is no number and seconds; write \"6002 20\""))?;
    Ok(Follow { number: number(to)?, seconds })
}

/// A name or number as it is dialled.
fn number(text: &str) -> Result<String, String> {
    let is_dialled = |octet: u8| octet.is_ascii_alphanumeric() || b"+*#-._".contains(&octet);
    match text.len() <= NUMBER_MAX && !text.is_empty() && text.bytes().all(is_dialled) {
        true => Ok(text.to_owned()),
        false => Err(format!("{text:?} is no number that can be dialled")),
    }
}

/// The most numbers of a user that ring.
pub const FOLLOW_MAX: usize = 5;
/// The most octets of a number.
const NUMBER_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back() {
        let follow = |number: &str, seconds| Follow { number: number.to_owned(), seconds };
        for change in [
            Change::DoNotDisturb(true),
            Change::DoNotDisturb(false),
            Change::Forward(When::Always, Some("0601020304".into())),
            Change::Forward(When::Busy, Some("bob".into())),
            Change::Forward(When::NoAnswer, None),
            Change::Forward(When::Unreachable, None),
            Change::FollowMe(vec![follow("6002", 15), follow("+33601020304", 300)]),
            Change::FollowMe(Vec::new()),
        ] {
            assert_eq!(Change::read(change.key(), &change.value()), Ok(change.clone()));
            let mut settings = Settings::default();
            settings.apply(&change);
            let is_off = matches!(change.value().as_str(), "" | "off");
            assert_eq!(settings.is_plain(), is_off, "{change:?}");
        }
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        for (key, value, said) in [
            ("dnd", "on", "no setting \"dnd\"; there are do-not-disturb,"),
            ("do-not-disturb", "yes", "on or off"),
            ("forward-always", "a b", "no number that can be dialled"),
            ("forward-always", "sip:x@evil.example", "no number"),
            ("follow-me", "6002 0", "write \"6002 20\""),
            ("follow-me", "6002 999", "write \"6002 20\""),
            ("follow-me", "1,2,3,4,5,6", "5 numbers at most"),
        ] {
            let refused = Change::read(key, value).expect_err(value);
            assert!(refused.contains(said), "{refused}");
        }
        assert_eq!(Change::read("forward-busy", "off"), Ok(Change::Forward(When::Busy, None)));
    }
}
