//! What the attendant knows: the menus and their keys, hours, and the extensions that may be dialled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use node::config::When;
use prompt::Language;

use super::code::Action;
use super::holidays::Holidays;

/// All menus of an exchange. Plain data; a reload makes a new one.
#[derive(Debug, Clone)]
pub struct Book {
    /// By name.
    pub menus: BTreeMap<String, Arc<Entry>>,
    /// Spoken where neither the menu nor the call says another one.
    pub language: Language,
    /// Where the hours and holidays are meant.
    pub zone: TimeZone,
    /// Extensions that are known to exist: dialled without waiting where no longer one begins so.
    pub extensions: BTreeSet<String>,
    /// What takes messages: a purpose such as `voicemail/deposit`.
    pub mailboxes: String,
    /// Feature codes: the name in the purpose, the action, and what is dialled.
    pub codes: Vec<(&'static str, Action, String)>,
}

/// One menu.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// A file of the sounds; without it the keys are spoken.
    pub greeting: Option<String>,
    /// How long to wait for the first key, once all is said.
    pub wait: Duration,
    /// How long to wait for another digit.
    pub between: Duration,
    /// How often it is said to one who presses nothing, or nothing that is a choice.
    pub tries: u32,
    /// What the keys do.
    pub keys: BTreeMap<char, Choice>,
    /// Whether extensions may be dialled.
    pub may_dial: bool,
    /// Whom the operator's key calls, and who takes those who press nothing.
    pub operator: Option<Choice>,
    /// Its language, whatever the call's.
    pub language: Option<Language>,
    /// When it is open. None: always, night mode or not.
    pub hours: Option<Hours>,
    /// Where calls go that come outside of the hours; without it they are told that it is closed.
    pub closed: Option<Choice>,
}

/// When a menu is open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hours {
    /// One of them must hold; none is always.
    pub open: Vec<When>,
    /// None of them may hold.
    pub holidays: Vec<Holidays>,
}

/// What a key does, and how it is spoken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What it does.
    pub target: Target,
    /// How it is spoken of where the menu has no greeting of its own.
    pub said: Said,
}

/// Where a key leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// To a name or number of the dial plan.
    Call(String),
    /// To the mailbox of a name or extension.
    Mailbox(String),
    /// To another menu.
    Menu(String),
    /// On in another language.
    Language(Language),
    /// To the beginning of this menu.
    Repeat,
    /// To the operator.
    Operator,
    /// To the end.
    HangUp,
}

/// How a key is spoken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// By the extension that it calls.
    Extension(String),
    /// By the extension whose mailbox it leads to.
    Mailbox(String),
    /// As the operator.
    Operator,
    /// As what says the menu again.
    Repeat,
    /// As further choices: there is nothing better to say.
    More,
    /// As the end of the call.
    HangUp,
    /// By the language, in that language.
    Language(Language),
}

impl Hours {
    /// Whether somebody is there.
    pub fn hold(&self, unix_s: i64, zone: &TimeZone) -> bool {
        let is_open = self.open.is_empty() || self.open.iter().any(|when| when.holds(unix_s, zone));
        is_open && !self.holidays.iter().any(|holidays| holidays.hold(unix_s, zone))
    }
}
