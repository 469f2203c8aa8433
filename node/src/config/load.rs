//! Reads one TOML file into a typed value. What is wrong is said with file, line, column and what was meant; a
//! file with a mistake is refused whole.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

/// The text of a configuration and where it came from.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    text: String,
}

/// One mistake and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub path: PathBuf,
    /// Line and column, counted from one; `None` when the file as a whole is meant.
    pub at: Option<(usize, usize)>,
    /// Cause and next step.
    pub what: String,
}

/// All mistakes that were found. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report(pub Vec<Problem>);

impl Source {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Report> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::of(path, text)),
            Err(why) => {
                let what = format!("cannot be read ({why}); name the right file with --config FILE");
                Err(Report(vec![Problem { path: path.to_owned(), at: None, what }]))
            }
        }
    }

    /// A text that was not read from a file, such as the built-in example; `path` is only shown.
    pub fn of(path: &Path, text: impl Into<String>) -> Self {
        Self { path: path.to_owned(), text: text.into() }
    }

    /// The folder that relative paths in the configuration start at.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The typed value of the whole file. As many mistakes as can be told apart are found at once.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Report> {
        match toml::from_str(&self.text) {
            Ok(value) => Ok(value),
            Err(first) => Err(self.all_problems::<T>(&first)),
        }
    }

    /// Takes each entry that is refused out of the document and reads the rest again.
    fn all_problems<T: DeserializeOwned>(&self, first: &toml::de::Error) -> Report {
        let (document, syntax) = DeTable::parse_recoverable(&self.text);
        if !syntax.is_empty() {
            return in_order(syntax.iter().map(|error| self.explain(error)).collect());
        }
        let mut problems = Vec::new();
        let mut document = document;
        let mut taken_out: Vec<Removed> = Vec::new();
        while problems.len() < PROBLEMS_MAX {
            let Err(error) = T::deserialize(Deserializer::from(document.clone())) else { break };
            // What is missing because it was taken out is no mistake of its own.
            let made_up = missing_field(error.message()).is_some_and(|name| {
                taken_out.iter().any(|out| out.name == name && Some(&out.table) == error.span().as_ref())
            });
            if !made_up {
                problems.push(self.explain(&error));
            }
            let whole = document.span();
            let removed = error.span().and_then(|at| remove_from_table(document.get_mut(), &whole, &at));
            let Some(removed) = removed else { break };
            taken_out.push(removed);
        }
        if problems.is_empty() {
            problems.push(self.explain(first));
        }
        in_order(problems)
    }

    fn explain(&self, error: &toml::de::Error) -> Problem {
        let what = advise(error.message());
        match error.span() {
            Some(span) => self.problem(span, what),
            None => Problem { path: self.path.clone(), at: None, what },
        }
    }

    /// A mistake that was found later, at these octets of the text.
    pub fn problem(&self, at: Range<usize>, what: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), at: Some(self.position(at.start)), what: what.into() }
    }

    /// Line and column of an octet, counted from one.
    pub fn position(&self, octet: usize) -> (usize, usize) {
        let before = self.text.get(..octet).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            let newline = if index > 0 { "\n" } else { "" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

impl From<Problem> for Report {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

fn in_order(mut problems: Vec<Problem>) -> Report {
    problems.sort_by_key(|problem| problem.at);
    problems.dedup();
    Report(problems)
}

fn missing_field(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'))
}

/// An entry that was taken out, and where the table stands that held it.
struct Removed {
    name: String,
    table: Range<usize>,
}

/// Takes out the innermost entry that an error points at.
fn remove_from_table(table: &mut DeTable<'_>, place: &Range<usize>, at: &Range<usize>) -> Option<Removed> {
    let mut entry = None;
    // The span of a table that has a header is its header: what stands below lies outside of it.
    for (key, value) in table.iter_mut() {
        let this = covers(&key.span(), at);
        if !this && let Some(inner) = remove_from_value(value, at) {
            return Some(inner);
        }
        if this || covers(&value.span(), at) {
            entry = Some(key.clone());
            break;
        }
    }
    let key = entry?;
    table.remove(&key);
    Some(Removed { name: key.into_inner().into_owned(), table: place.clone() })
}

fn remove_from_value(value: &mut Spanned<DeValue<'_>>, at: &Range<usize>) -> Option<Removed> {
    let place = value.span();
    match value.get_mut() {
        DeValue::Table(table) => remove_from_table(table, &place, at),
        DeValue::Array(array) => {
            let mut found = None;
            for (number, element) in array.iter_mut().enumerate() {
                if let Some(inner) = remove_from_value(element, at) {
                    return Some(inner);
                }
                if covers(&element.span(), at) {
                    found = Some(number);
                    break;
                }
            }
            let found = found?;
            let elements = array.clone().into_iter().enumerate();
            *array = elements.filter(|(number, _)| *number != found).map(|(_, element)| element).collect();
            Some(Removed { name: String::new(), table: place })
        }
        _ => None,
    }
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Says what was meant: an unknown key is answered with the nearest known one, a wrong type with the right one.
fn advise(message: &str) -> String {
    if let Some(name) = message.strip_prefix("missing field ") {
        return format!("{name} is missing here");
    }
    if let Some((found, expected)) =
        message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        return format!("expected {}, not {found}", plainly(expected));
    }
    if let Some((found, expected)) =
        message.strip_prefix("invalid value: ").and_then(|rest| rest.rsplit_once(", expected "))
    {
        return format!("expected {}, not {found}", plainly(expected));
    }
    advise_nearest(message)
}

/// What the library calls a type, in words of the file.
fn plainly(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "text in quotes",
        "a sequence" => "a list in brackets",
        "a map" => "a table",
        "socket address" => "an address and port in quotes, such as \"127.0.0.1:9360\"",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn advise_nearest(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    let is_unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    let Some(written) = quoted.next().filter(|_| is_unknown) else { return message.to_owned() };
    let known: Vec<&str> = quoted.collect();
    let kind = if message.starts_with("unknown field") { "key" } else { "value" };
    let nearest = known
        .iter()
        .map(|known| (strsim::damerau_levenshtein(written, known), *known))
        .filter(|(distance, known)| *distance <= 1 + known.len().max(written.len()) / 3)
        .min();
    match nearest {
        Some((_, nearest)) => format!("unknown {kind} `{written}`; did you mean `{nearest}`?"),
        None if known.is_empty() => format!("unknown {kind} `{written}`"),
        None => format!("unknown {kind} `{written}`; known here: {}", known.join(", ")),
    }
}

/// Mistakes that are shown at once.
const PROBLEMS_MAX: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct File {
        sip: Sip,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sip {
        listen: Vec<crate::config::ListenAddress>,
        shards: u8,
        idle: crate::config::Duration,
    }

    #[test]
    fn a_mistake_is_named_with_its_place_and_what_was_meant() {
        for (text, said) in [
            ("[sip]\nlisen = []", "x.toml:2:1: unknown key `lisen`; did you mean `listen`?"),
            ("[spi]", "x.toml:1:2: unknown key `spi`; did you mean `sip`?"),
            ("[sip]\ncolour = 1", "x.toml:2:1: unknown key `colour`; known here: listen, shards, idle"),
            (
                "[sip]\nshards = \"one\"",
                "x.toml:2:10: expected a whole number from 0 to 255, not string \"one\"",
            ),
            ("[sip]\nlisten = [\"udp:5060\"]", "x.toml:2:11: `udp:5060` has no address"),
            ("[sip]\nidle = \"5 parsecs\"", "x.toml:2:8: "),
            ("[sip\n", "x.toml:1:5: "),
        ] {
            let said_here =
                Source::of(Path::new("x.toml"), text).parse::<File>().expect_err(text).to_string();
            assert!(said_here.starts_with(said), "{text:?}: {said_here}");
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct User {
        name: String,
        extension: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only its shape counts")]
    struct Company {
        #[serde(default)]
        sip: Sip,
        user: Vec<toml::Spanned<User>>,
    }

    #[test]
    fn several_mistakes_are_named_at_once_and_none_is_made_up() {
        for (text, said) in [
            (
                "[sip]\nlisen = []\nshards = -1\nidle = 5\n[[user]]\nname = 7\n[[user]]\nextention = \"1\"\nname = \"a\"\n\
                 [[user]]\nextension = \"2\"\n[[user]]\nname = \"b\"\n",
                vec![
                    "x.toml:2:1: unknown key `lisen`; did you mean `listen`?",
                    "x.toml:3:10: expected a whole number from 0 to 255, not integer `-1`",
                    "x.toml:4:8: expected a duration in quotes, such as \"15s\", \"2m\" or \"500ms\", not integer `5`",
                    "x.toml:6:8: expected text in quotes, not integer `7`",
                    "x.toml:8:1: unknown key `extention`; did you mean `extension`?",
                    "x.toml:10:1: `name` is missing here",
                ],
            ),
            (
                "[sip]\nlisten = [\"udp\", \"tcp:0.0.0.0:5060\", \"x:1\"]\n[[user]]\nname = \"a\"",
                vec![
                    "x.toml:2:11: `udp` has no address; write it as `udp:0.0.0.0:5060`",
                    "x.toml:2:38: `x` is no transport; take udp, tcp, tls, ws or wss, as in `udp:0.0.0.0:5060`",
                ],
            ),
            ("[sip]\nshards = 1", vec!["x.toml:1:1: `user` is missing here"]),
        ] {
            let report = Source::of(Path::new("x.toml"), text).parse::<Company>().expect_err(text);
            let lines: Vec<String> = report.0.iter().map(ToString::to_string).collect();
            assert_eq!(lines, said, "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let said = Source::read(Path::new("/nonexistent/x.toml")).expect_err("nothing there").to_string();
        assert!(said.starts_with("/nonexistent/x.toml: cannot be read"), "{said}");
    }
}
