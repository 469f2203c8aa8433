//! `[[menu]]` and `[[holidays]]`: plain data, read once. What it means is made of it by [`read`].

mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use node::config::Duration;
use prompt::Language;
use proto::directory::When;
use serde::Deserialize;
use toml::Spanned;

use crate::core::Action;

pub use read::{Mistake, Read, read};

/// `[callcenter]`: the limits of what answers calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How many calls may be in menus at a time, some 2 KB each. Default 10,000. More are given back to the dial plan.
    pub runs_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Config { runs_max: 10_000 }
    }
}

/// `[codes]`: what users dial to change what becomes of their calls, and what they hear confirmed. `""` switches a code
/// off; two of them may not begin alike.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CodesConfig {
    /// All calls go to the number that follows the code, or that is asked for. Default `"*72"`.
    pub forward_always: String,
    /// They do no more. Default `"*73"`.
    pub forward_always_off: String,
    /// Calls go elsewhere when the phone is busy. Default `"*90"`.
    pub forward_busy: String,
    /// They do no more. Default `"*91"`.
    pub forward_busy_off: String,
    /// Calls go elsewhere when nobody answers. Default `"*92"`.
    pub forward_no_answer: String,
    /// They do no more. Default `"*93"`.
    pub forward_no_answer_off: String,
    /// Calls go elsewhere when no phone is reached. Default `"*94"`.
    pub forward_unreachable: String,
    /// They do no more. Default `"*95"`.
    pub forward_unreachable_off: String,
    /// No phone of the user rings. Default `"*78"`.
    pub do_not_disturb: String,
    /// They ring again. Default `"*79"`.
    pub do_not_disturb_off: String,
    /// Turns do-not-disturb round. Default `"*76"`.
    pub do_not_disturb_toggle: String,
    /// Closes all menus that have hours until it is dialled again. Any user may. Default `""`.
    pub night_toggle: String,
}

impl Default for CodesConfig {
    fn default() -> Self {
        CodesConfig {
            forward_always: "*72".to_owned(),
            forward_always_off: "*73".to_owned(),
            forward_busy: "*90".to_owned(),
            forward_busy_off: "*91".to_owned(),
            forward_no_answer: "*92".to_owned(),
            forward_no_answer_off: "*93".to_owned(),
            forward_unreachable: "*94".to_owned(),
            forward_unreachable_off: "*95".to_owned(),
            do_not_disturb: "*78".to_owned(),
            do_not_disturb_off: "*79".to_owned(),
            do_not_disturb_toggle: "*76".to_owned(),
            night_toggle: String::new(),
        }
    }
}

impl CodesConfig {
    /// All codes that are switched on: the name of what they do, the action, and what is dialled.
    pub fn actions(&self) -> Vec<(&'static str, Action, String)> {
        let all = [
            ("forward-always", Action::Forward(When::Always), &self.forward_always),
            ("forward-always-off", Action::Unforward(When::Always), &self.forward_always_off),
            ("forward-busy", Action::Forward(When::Busy), &self.forward_busy),
            ("forward-busy-off", Action::Unforward(When::Busy), &self.forward_busy_off),
            ("forward-no-answer", Action::Forward(When::NoAnswer), &self.forward_no_answer),
            ("forward-no-answer-off", Action::Unforward(When::NoAnswer), &self.forward_no_answer_off),
            ("forward-unreachable", Action::Forward(When::Unreachable), &self.forward_unreachable),
            ("forward-unreachable-off", Action::Unforward(When::Unreachable), &self.forward_unreachable_off),
            ("do-not-disturb", Action::Peace(true), &self.do_not_disturb),
            ("do-not-disturb-off", Action::Peace(false), &self.do_not_disturb_off),
            ("do-not-disturb-toggle", Action::TogglePeace, &self.do_not_disturb_toggle),
            ("night-toggle", Action::ToggleNight, &self.night_toggle),
        ];
        let on = all.into_iter().filter(|(_, _, code)| !code.is_empty());
        on.map(|(name, action, code)| (name, action, code.clone())).collect()
    }

    /// What is wrong with it, as a sentence for people; `None` when it is good.
    pub fn mistake(&self) -> Option<String> {
        let actions = self.actions();
        for (at, (name, _, code)) in actions.iter().enumerate() {
            if !code.bytes().all(|octet| octet.is_ascii_digit() || b"*#".contains(&octet)) {
                return Some(format!("{name}: {code:?} cannot be dialled; write one such as \"*72\""));
            }
            let alike = |(_, _, other): &&(_, _, String)| {
                code.starts_with(other.as_str()) || other.starts_with(code.as_str())
            };
            if let Some((other, _, with)) = actions[..at].iter().find(alike) {
                return Some(format!(
                    "{name} {code:?} and {other} {with:?} begin alike; a phone could not tell them apart"
                ));
            }
        }
        None
    }
}

/// `[[menu]]`: what callers hear at a number, and what their keys do.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MenuConfig {
    /// What other menus and logs call it.
    pub name: Spanned<String>,
    /// The number at which it answers. Default: none, other menus lead to it.
    pub extension: Option<Spanned<String>>,
    /// The sound that greets: a file beside the configuration file, or in `[media] sounds`; WAV of any rate, or raw
    /// µ-law and A-law of 8000 Hz. A file that is replaced is heard from the next call on. Default: the keys are spoken,
    /// "for extension 6001, press 1".
    pub greeting: Option<Spanned<String>>,
    /// How long to wait for a key when all is said. Default 5 s. Shorter, and people are still thinking.
    #[serde(default = "wait")]
    pub wait: Duration,
    /// How long to wait for a further digit where one key is also how an extension begins. Default 2 s. Shorter, and slow
    /// fingers get the key; longer, and the key seems dead.
    #[serde(default = "between")]
    pub between: Duration,
    /// How often it is said to one who presses nothing, or nothing that is a choice; then the operator takes the call,
    /// or it ends. Default 3.
    #[serde(default = "tries")]
    pub tries: u32,
    /// What the keys do: `{ 1 = "alice", 2 = "6002", 9 = "menu:night", 0 = "operator", "*" = "repeat" }`. A user, an
    /// extension, a group, a number of the dial plan, `menu:NAME`, `voicemail:USER`, `language:fr`, `repeat`,
    /// `operator` or `hang-up`.
    #[serde(default)]
    pub keys: BTreeMap<Spanned<String>, Spanned<String>>,
    /// Whether callers may dial the extension of a user or group. Default true.
    #[serde(default = "yes")]
    pub dial: bool,
    /// Whom `operator` calls, and who takes those who press nothing: as in `keys`. Default: nobody.
    pub operator: Option<Spanned<String>>,
    /// What is spoken, `"fr"` or `"en"`. Default: the language of the call, or of the whole exchange.
    pub language: Option<Spanned<String>>,
    /// When it is open, `[{ days = "mon-fri", hours = "09:00-12:30, 14:00-18:00" }]`: one of them must hold. Default:
    /// always. The time zone is that of `[dial]`.
    #[serde(default)]
    pub open: Vec<Spanned<OpenConfig>>,
    /// Days on which it is closed: `"fr"`, `"fr-alsace-moselle"`, or the name of a `[[holidays]]`. Default: none.
    #[serde(default)]
    pub holidays: Vec<Spanned<String>>,
    /// Where calls go while it is closed, as in `keys`. Default: they are told that it is closed.
    pub closed: Option<Spanned<String>>,
}

/// A time at which a menu is open: all of its parts must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenConfig {
    /// `"mon-fri"`, `"sat, sun"`.
    pub days: String,
    /// `"09:00-12:30, 14:00-18:00"`; a span that ends before it begins goes over midnight.
    pub hours: String,
    /// `"2026-12-24..2027-01-02"`, or `"12-25"` for every year.
    pub dates: String,
}

/// `[[holidays]]`: days of a company's own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolidaysConfig {
    /// How menus name them.
    pub name: Spanned<String>,
    /// `"2026-12-24..2027-01-02, 05-02"`.
    pub dates: Spanned<String>,
}

/// What a key may lead to, beside menus.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// Names and extensions of the file's users.
    pub users: &'a [(&'a str, Option<&'a str>)],
    /// Names and extensions of the file's groups.
    pub groups: &'a [(&'a str, Option<&'a str>)],
    /// Feature codes.
    pub codes: &'a CodesConfig,
    /// What takes messages, `voicemail/deposit`, where there is voicemail.
    pub mailboxes: Option<&'a str>,
    /// Spoken where nothing else is said.
    pub language: Language,
    /// Where hours are meant.
    pub zone: TimeZone,
}

/// A number at which a menu answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuNumber {
    /// What is dialled.
    pub number: String,
    /// The menu.
    pub menu: String,
    /// The octets of the file that say so.
    pub at: Range<usize>,
}

const fn wait() -> Duration {
    Duration::from_secs(5)
}

const fn between() -> Duration {
    Duration::from_secs(2)
}

const fn tries() -> u32 {
    3
}

const fn yes() -> bool {
    true
}
