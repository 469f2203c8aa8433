//! The text of a ladder, read: who takes part, and line by line who sends or gets what at which moment.

use std::collections::BTreeMap;

use sip::message::{Limits, Message};

/// One ladder.
pub struct Ladder {
    /// Who takes part.
    pub phones: Vec<Who>,
    /// What happens, in order.
    pub lines: Vec<Line>,
    /// Why it cannot be run over sockets.
    pub only_simulated: Option<String>,
    /// Why it can be run over sockets against one process alone.
    pub only_whole: Option<String>,
    /// What it wants in the configuration beside users and routes.
    pub config: String,
}

/// A phone and its user: `bob`, or `bob2` for a second phone of bob.
pub struct Who {
    /// As the ladder calls it.
    pub name: String,
    /// Whose phone it is.
    pub user: String,
    /// Whether it speaks TCP.
    pub is_stream: bool,
    /// Whether it has registered when the ladder begins.
    pub is_registered: bool,
}

/// What a phone does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `>`
    Sends,
    /// `<`
    Gets,
    /// `services stop`: who asks registrar or directory hears nothing. Whose line it is means nothing.
    ServicesStop,
    /// `services go`: they answer what they were asked, and then at once again.
    ServicesGo,
}

/// One line: a message.
#[derive(Clone)]
pub struct Line {
    /// Its number in the file.
    pub number: usize,
    /// As it is written.
    pub text: String,
    /// The moment, in ms.
    pub at_ms: u64,
    /// Which phone.
    pub who: usize,
    /// Whether it sends or gets.
    pub direction: Direction,
    /// A method or a status.
    pub what: String,
    /// Of a request that is sent: whom it is for; without one it is sent within the dialog. Of a response that is
    /// sent: the method that it answers.
    pub target: Option<String>,
    /// The same octets as before.
    pub again: bool,
    /// The request that it got, sent back as a proxy does.
    pub returned: bool,
    /// With a description of the phone's session.
    pub sdp: bool,
    /// `Name=text`, `Name` and `!Name`: headers to write, or conditions.
    pub headers: Vec<(String, Option<String>)>,
}

impl Ladder {
    /// Reads a ladder; an error begins with the line's number.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut ladder = Self {
            phones: Vec::new(),
            lines: Vec::new(),
            only_simulated: None,
            only_whole: None,
            config: String::new(),
        };
        for (number, line) in text.lines().enumerate() {
            let number = number + 1;
            let line = line.split('#').next().unwrap_or_default().trim();
            let words = words(line);
            match words.first().map(String::as_str) {
                None => {}
                Some("phones") => ladder.join(&words[1..], true),
                Some("guests") => ladder.join(&words[1..], false),
                Some("config") => {
                    // A value of TOML has blanks and quotes of its own.
                    ladder.config += line.strip_prefix("config").unwrap_or_default().trim();
                    ladder.config.push('\n');
                }
                Some("simulated") => ladder.only_simulated = Some(words[1..].join(" ")),
                Some("whole") => ladder.only_whole = Some(words[1..].join(" ")),
                Some(_) => {
                    let read = ladder.line(number, line, &words).map_err(|why| format!("{number}: {why}"))?;
                    ladder.lines.push(read);
                }
            }
        }
        let stops = ladder.lines.iter().any(|line| line.direction == Direction::ServicesStop);
        if stops && ladder.only_simulated.is_none() {
            return Err("1: services stop in the simulated world alone; say `simulated WHY`".to_owned());
        }
        if ladder.lines.is_empty() { Err("1: nothing happens".to_owned()) } else { Ok(ladder) }
    }

    fn join(&mut self, names: &[String], is_registered: bool) {
        self.phones.extend(names.iter().map(|name| {
            let (name, is_stream) =
                name.strip_suffix("/tcp").map_or((name.as_str(), false), |name| (name, true));
            let user = name.trim_end_matches(|letter: char| letter.is_ascii_digit()).to_owned();
            Who { name: name.to_owned(), user, is_stream, is_registered }
        }));
    }

    fn line(&self, number: usize, text: &str, words: &[String]) -> Result<Line, String> {
        if let [at, services, what] = words
            && services == "services"
        {
            return Self::services(number, text, at, what);
        }
        let [at, who, direction, what, rest @ ..] = words else {
            return Err(format!("write `MS WHO > WHAT` or `MS WHO < WHAT`, not {text:?}"));
        };
        let known = self.phones.iter().position(|phone| phone.name == *who);
        let mut line = Line {
            number,
            text: text.to_owned(),
            at_ms: moment(at)?,
            who: known.ok_or_else(|| format!("{who} is not among the phones or guests"))?,
            direction: match direction.as_str() {
                ">" => Direction::Sends,
                "<" => Direction::Gets,
                other => return Err(format!("{other:?} is neither > nor <")),
            },
            what: what.clone(),
            target: None,
            again: false,
            returned: false,
            sdp: false,
            headers: Vec::new(),
        };
        if self.lines.last().is_some_and(|last| last.at_ms > line.at_ms) {
            return Err("it is earlier than the line above".to_owned());
        }
        for word in rest {
            line.add(word)?;
        }
        Ok(line)
    }
}

impl Ladder {
    fn services(number: usize, text: &str, at: &str, what: &str) -> Result<Line, String> {
        Ok(Line {
            number,
            text: text.to_owned(),
            at_ms: moment(at)?,
            who: 0,
            direction: match what {
                "stop" => Direction::ServicesStop,
                "go" => Direction::ServicesGo,
                other => return Err(format!("services {other}? They stop or go")),
            },
            what: String::new(),
            target: None,
            again: false,
            returned: false,
            sdp: false,
            headers: Vec::new(),
        })
    }
}

fn moment(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no time in ms"))
}

impl Line {
    fn add(&mut self, word: &str) -> Result<(), String> {
        if word == "again" {
            self.again = true;
        } else if word == "returned" {
            self.returned = true;
        } else if word == "sdp" && self.direction == Direction::Sends {
            self.sdp = true;
        } else if let Some((name, value)) = word.split_once('=') {
            self.headers.push((name.to_owned(), Some(value.to_owned())));
        } else if self.direction == Direction::Gets {
            self.headers.push((word.to_owned(), None));
        } else if self.target.is_none() {
            self.target = Some(word.to_owned());
        } else {
            return Err(format!("{word:?} is one word too many; headers are written Name=value"));
        }
        Ok(())
    }

    /// The value that the line gives to a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).and_then(|(_, value)| value.as_deref())
    }

    /// The line with `{domain}` and the phones' names in braces replaced.
    pub fn filled(&self, words: &BTreeMap<String, String>) -> Self {
        let fill = |text: &mut String| {
            for (word, value) in words {
                *text = text.replace(&format!("{{{word}}}"), value);
            }
        };
        let mut line = self.clone();
        line.target.iter_mut().for_each(fill);
        line.headers.iter_mut().filter_map(|(_, value)| value.as_mut()).for_each(fill);
        line
    }

    /// Holds a message that was got against the line.
    pub fn judge(&self, octets: &[u8]) -> Result<(), String> {
        let message = Message::parse(octets, &Limits::default())
            .map_err(|why| format!("it cannot be read, {why:?}"))?;
        let what = summary(octets);
        if what != self.what {
            return Err(format!("a {} was due, a {what} came", self.what));
        }
        for (name, text) in &self.headers {
            let values = values(&message, name.trim_start_matches('!'));
            match (name.starts_with('!'), text) {
                (true, _) if values.is_empty() => {}
                (true, _) => return Err(format!("{name} should not be there")),
                (false, None) if !values.is_empty() => {}
                (false, Some(text)) if values.iter().any(|value| value.contains(text.as_str())) => {}
                (false, text) => return Err(format!("{name} should hold {text:?} and is {values:?}")),
            }
        }
        Ok(())
    }
}

/// The values of a header by its name; `uri` is the Request-URI.
fn values(message: &Message<'_>, name: &str) -> Vec<String> {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    if name == "uri" {
        return message.request_uri().map(text).into_iter().collect();
    }
    let named = message.fields().filter(|field| field.name_text.eq_ignore_ascii_case(name.as_bytes()));
    named.map(|field| text(field.value)).collect()
}

/// `INVITE` or `180`.
pub fn summary(octets: &[u8]) -> String {
    let line = String::from_utf8_lossy(octets.split(|octet| *octet == b'\r').next().unwrap_or_default());
    let mut words = line.split(' ');
    match words.next() {
        Some("SIP/2.0") => words.next().unwrap_or_default().to_owned(),
        method => method.unwrap_or_default().to_owned(),
    }
}

/// How a phone registers before a ladder begins.
pub fn registration() -> Vec<Line> {
    let text = "phones any\n0 any > REGISTER\n0 any < 401\n0 any > REGISTER\n0 any < 200\n";
    Ladder::read(text).unwrap_or_else(|why| unreachable!("our own ladder: {why}")).lines
}

/// Words between blanks; quotes hold a value with blanks together and are left out, but for `\"`.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => words.last_mut().expect("there is one").extend(letters.next()),
            '"' => is_quoted = !is_quoted,
            ' ' | '\t' if !is_quoted => words.push(String::new()),
            letter => words.last_mut().expect("there is one").push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
