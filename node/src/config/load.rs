//! Reads one TOML file into a typed value. What is wrong is said with file, line, column and what was meant; a
//! file with a mistake is refused whole.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

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

    /// The typed value of the whole file.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, Report> {
        toml::from_str(&self.text).map_err(|why| {
            let what = advise(why.message());
            Report(vec![match why.span() {
                Some(span) => self.problem(span, what),
                None => Problem { path: self.path.clone(), at: None, what },
            }])
        })
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

/// Says what was meant: an unknown key is answered with the nearest known one.
fn advise(message: &str) -> String {
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
            ("[sip]\nshards = \"one\"", "x.toml:2:10: invalid type: string \"one\", expected u8"),
            ("[sip]\nlisten = [\"udp:5060\"]", "x.toml:2:11: `udp:5060` has no address"),
            ("[sip]\nidle = \"5 parsecs\"", "x.toml:2:8: "),
            ("[sip\n", "x.toml:1:5: "),
        ] {
            let said_here =
                Source::of(Path::new("x.toml"), text).parse::<File>().expect_err(text).to_string();
            assert!(said_here.starts_with(said), "{text:?}: {said_here}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let said = Source::read(Path::new("/nonexistent/x.toml")).expect_err("nothing there").to_string();
        assert!(said.starts_with("/nonexistent/x.toml: cannot be read"), "{said}");
    }
}
