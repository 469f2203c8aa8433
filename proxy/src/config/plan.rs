//! The dial plan as it is written: `[[route]]`, `[[group]]` and `[dial]`. Read by [`crate::core::plan`].

use std::fmt;
use std::marker::PhantomData;

use node::config::Duration;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

/// `[dial]`: what all rules share.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DialConfig {
    /// The IANA time zone of time conditions, `Europe/Paris` for one. Default: that of the machine.
    /// A wrong one opens and closes the office at the wrong hour.
    pub time_zone: Option<toml::Spanned<String>>,
}

/// `[[route]]`: one rule. The first rule of the file that matches decides; users' own extensions and names come
/// after all rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouteConfig {
    /// What logs and `carillon ctl route` call it. Default: its condition, `prefix 00` for one.
    pub name: Option<String>,
    /// The number itself.
    pub extension: Option<String>,
    /// How the number begins.
    pub prefix: Option<String>,
    /// `"6000-6099"`: numbers of that length between both, both included.
    pub range: Option<String>,
    /// Asterisk's form, `"_6XXX"`: X is 0-9, Z 1-9, N 2-9, `[15-7]` a set, `.` one or more, `!` none or more.
    pub pattern: Option<String>,
    /// A regular expression that the whole number must match.
    pub regex: Option<String>,
    /// The callers that the rule is for: user names, or Asterisk's form. Default: all.
    #[serde(default)]
    pub from: Many<String>,
    /// When the rule is open: one of them must hold. Default: always.
    #[serde(default)]
    pub when: Many<WhenConfig>,
    /// Whose media go through a media server in these calls: `never`, `nat` or `always`. Default: as `[proxy] anchor`
    /// says.
    pub anchor: Option<super::Anchor>,
    /// What people on hold hear in these calls, where no `[[user]]` who holds them says otherwise: a sound file, or `""`
    /// for silence. Default: as `[proxy] music_on_hold` says.
    pub music_on_hold: Option<String>,
    /// What to do, in order: the next step is taken when one fails.
    pub steps: Vec<StepConfig>,
}

/// A time condition: all of its parts must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WhenConfig {
    /// `"mon-fri"`, `"sat, sun"`.
    pub days: String,
    /// `"09:00-12:30, 14:00-18:00"`; a span that ends before it begins goes over midnight.
    pub hours: String,
    /// `"2026-12-24..2027-01-02"`, or `"12-25"` for every year.
    pub dates: String,
    /// Turns the condition round: outside these times.
    pub not: bool,
}

/// One step of a rule: ring somebody, hand the call to an application, or answer with a status.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepConfig {
    /// Users, extensions or groups to ring; `$number` is what was dialled.
    pub ring: Many<String>,
    /// How long they ring before the next step, `"10s"`. Default: until `[proxy] ring_timeout`.
    #[serde(rename = "for")]
    pub ring_for: Option<Duration>,
    /// `"all"` at once (the default) or `"in-order"`, one after the other.
    pub strategy: Option<Strategy>,
    /// The application that takes the call, and what is wanted of it: `"voicemail/deposit"`. A call with such a step is
    /// conducted from its first ring, whatever `[proxy] anchor` says.
    pub application: Option<String>,
    /// The status to answer with, 300 to 699.
    pub answer: Option<u16>,
    /// The reason phrase of that answer. Default: the standard one.
    pub reason: Option<String>,
}

/// `[[group]]`: several users under one name and, if they like, one extension.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupConfig {
    /// How steps name it.
    pub name: String,
    /// The number that rings it. Default: none, it is reached by rules only.
    pub extension: Option<String>,
    /// User names or extensions.
    pub members: Vec<String>,
    /// How its members ring when its own extension is dialled.
    pub strategy: Option<Strategy>,
    /// How long each turn rings when its own extension is dialled.
    #[serde(rename = "for")]
    pub ring_for: Option<Duration>,
    /// Whether its members pick up each other's calls with `[proxy] pickup` alone (`*8`). Default no.
    #[serde(default)]
    pub pickup: bool,
}

/// `[park]`: numbers at which calls wait until somebody takes them back.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParkConfig {
    /// The numbers, `"701-720"`: a phone transfers whom it talks with to one of them, and whoever dials that one takes
    /// him back. One call waits at each.
    pub slots: String,
    /// A number for the first of them that is free, `"700"`: who dials it hears which one that is and keeps it until he
    /// transfers somebody there (attended) or hangs up; a phone that transfers there blindly is told by a text message,
    /// where it takes any. Default none.
    pub number: Option<String>,
    /// How long before who parked a call is rung back, three times at most. Default 60 s. Short ones ring while
    /// somebody is still looked for; long ones let callers wait who were forgotten.
    #[serde(default = "park_after")]
    pub after: Duration,
}

fn park_after() -> Duration {
    Duration::from_secs(60)
}

/// Who rings when, among several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// All at once.
    #[default]
    All,
    /// One after the other, each for the step's time.
    InOrder,
}

/// One value, or a list of them, as people write either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Many<T>(pub Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

struct ManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
    type Value = Many<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("one value or a list of them")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(StrDeserializer::new(text)).map(|value| Many(vec![value]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|value| Many(vec![value]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sequence)).map(Many)
    }
}
