//! Plays ladders in text: `SECONDS in WHAT` and `SECONDS out WHAT`. Ids are filled in by the player: what ends is what was
//! begun last.

use std::time::Duration;

use prompt::Fixed;
use proto::application::{Command, Event, Parting, Party, Reached, Sound, Started, What};
use proto::media::Ended;

use super::super::{
    Changed, Counts, Deposit, Effect, Filed, Input, Kept, Mailbox, Policy, Retrieve, Verdict,
};

pub(super) struct World {
    dialogue: Box<dyn FnMut(Input, &mut Vec<Effect>)>,
    mailbox: Mailbox,
    messages: Vec<Kept>,
    number: u64,
    /// Ids of what was begun last.
    play: u32,
    record: u32,
    to: String,
    collect: u32,
    /// Of the last command of all.
    last: u32,
}

/// Plays a ladder against a deposit in `mailbox`.
pub(super) fn deposit(mailbox: Mailbox, ladder: &str) {
    let mut dialogue = Deposit::new("run", Policy::default());
    let dialogue = Box::new(move |input, out: &mut Vec<Effect>| dialogue.handle(input, out));
    play(dialogue, mailbox, Vec::new(), ladder);
}

/// Plays a ladder against one who listens to `messages`.
pub(super) fn retrieve(messages: &[Kept], ladder: &str) {
    let mut dialogue = Retrieve::new("run", Policy::default());
    let dialogue = Box::new(move |input, out: &mut Vec<Effect>| dialogue.handle(input, out));
    play(dialogue, Mailbox::default(), messages.to_vec(), ladder);
}

fn play(
    dialogue: Box<dyn FnMut(Input, &mut Vec<Effect>)>,
    mailbox: Mailbox,
    messages: Vec<Kept>,
    ladder: &str,
) {
    let mut world = World {
        dialogue,
        mailbox,
        messages,
        number: 0,
        play: 0,
        record: 0,
        to: String::new(),
        collect: 0,
        last: 0,
    };
    let mut said = Vec::new();
    let mut wanted = Vec::new();
    for line in ladder.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.splitn(3, ' ').filter(|word| !word.is_empty());
        let (time, way, what) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap_or(""));
        if way == "in" {
            said.push(line.to_owned());
            wanted.push(line.to_owned());
            let at: f64 = time.parse().unwrap();
            let effects = world.input((at * 1000.0) as u64, what.trim());
            said.extend(effects.iter().map(|effect| format!("{time} out {}", World::seen(effect))));
            for effect in &effects {
                world.note(effect);
            }
        } else {
            wanted.push(line.to_owned());
        }
    }
    assert_eq!(said.join("\n"), wanted.join("\n"));
}

impl World {
    fn input(&mut self, at_ms: u64, what: &str) -> Vec<Effect> {
        let mut out = Vec::new();
        let words: Vec<&str> = what.split(' ').collect();
        let input = match words[..] {
            ["mailbox"] => Input::Opened(Some(Box::new(self.mailbox.clone()))),
            ["nobody"] => Input::Opened(None),
            ["filed"] => Input::Filed(Filed::Done(Counts { new: 1, ..Counts::default() })),
            ["full"] => Input::Filed(Filed::Full),
            ["open"] => Input::LoggedIn(Verdict::Open(self.messages.clone())),
            ["needs-pin"] => Input::LoggedIn(Verdict::NeedsPin),
            ["wrong"] => Input::LoggedIn(Verdict::Wrong),
            ["locked"] => Input::LoggedIn(Verdict::LockedFor { minutes: 5 }),
            ["away"] => Input::LoggedIn(Verdict::Failed),
            ["marked"] => Input::Marked(Counts::default()),
            ["changed"] => Input::Changed(Changed::Done),
            ["too-simple"] => Input::Changed(Changed::TooSimple),
            ["failed"] => Input::Filed(Filed::Failed),
            _ => {
                self.number += 1;
                Input::Event(Event { number: self.number, at_ms, what: self.event(&words) })
            }
        };
        (self.dialogue)(input, &mut out);
        out
    }

    fn event(&self, words: &[&str]) -> What {
        let ended = |why: &str| match why {
            "silence" => Ended::Silence,
            "timeout" => Ended::Timeout,
            "stopped" => Ended::Stopped,
            "failed" => Ended::Failed,
            key => Ended::Digit(key.chars().next().unwrap()),
        };
        match *words {
            ["started", why] => What::Started(Box::new(Started {
                purpose: "voicemail/deposit".into(),
                caller: Party { number: "6001".into(), ..Party::default() },
                callee: Party { number: "6002".into(), ..Party::default() },
                why: match why {
                    "busy" => Reached::Busy,
                    "unreachable" => Reached::Unreachable,
                    _ => Reached::NoAnswer,
                },
                language: "en".into(),
                ..Started::default()
            })),
            ["called", by] => What::Started(Box::new(Started {
                purpose: "voicemail/retrieve".into(),
                caller: Party {
                    user: if by == "bob" { "bob".into() } else { String::new() },
                    number: "6002".into(),
                    ..Party::default()
                },
                language: "en".into(),
                ..Started::default()
            })),
            // Somebody pressed `*` in bob's greeting, on that phone.
            ["called-for-bob", by] => What::Started(Box::new(Started {
                purpose: "voicemail/retrieve".into(),
                caller: Party { user: by.into(), number: "6001".into(), ..Party::default() },
                callee: Party { user: "bob".into(), number: "6002".into(), ..Party::default() },
                language: "en".into(),
                ..Started::default()
            })),
            ["cannot-play"] => What::Refused { id: self.play, why: "no such file".into() },
            ["breaks-off"] => What::Played { leg: 0, id: self.play, why: Ended::Failed },
            ["answered"] => What::Answered { leg: 0 },
            ["digit", digit] => What::Digit { leg: 0, digit: digit.chars().next().unwrap() },
            ["played"] => What::Played { leg: 0, id: self.play, why: Ended::Complete },
            ["recorded", seconds, why] => What::Recorded {
                leg: 0,
                id: self.record,
                file: format!("{}.wav", self.to),
                length: Duration::from_secs(seconds.parse().unwrap()),
                why: ended(why),
            },
            ["collected"] => {
                What::Collected { leg: 0, id: self.collect, digits: String::new(), why: Ended::Timeout }
            }
            ["collected", digits] => {
                What::Collected { leg: 0, id: self.collect, digits: digits.into(), why: Ended::Complete }
            }
            ["refused"] => What::Refused { id: self.last, why: "nobody has that number".into() },
            ["refused", "record"] => What::Refused { id: self.record, why: "the disk is full".into() },
            ["ended"] => What::Ended(Parting::Caller),
            _ => panic!("no such input: {words:?}"),
        }
    }

    fn note(&mut self, effect: &Effect) {
        if let Effect::Command { id, .. } = effect {
            assert_eq!(*id, self.last + 1, "ids rise by one");
            self.last = *id;
        }
        match effect {
            Effect::Command { id, command: Command::Play { .. } } => self.play = *id,
            Effect::Command { id, command: Command::Collect { .. } } => self.collect = *id,
            Effect::Command { id, command: Command::Record { to, .. } } => {
                self.record = *id;
                self.to.clone_from(to);
            }
            _ => {}
        }
    }

    fn seen(effect: &Effect) -> String {
        match effect {
            Effect::Command { command, .. } => command_seen(command),
            Effect::Open { mailbox } => format!("open {mailbox}"),
            Effect::File(message) => {
                let urgent = if message.is_urgent { " urgent" } else { "" };
                let seconds = message.length_ms / 1000;
                format!(
                    "file {} {} {seconds}s from {} at {}{urgent}",
                    message.mailbox,
                    message.file,
                    message.caller,
                    message.at_ms / 1000
                )
            }
            Effect::LogIn { mailbox, pin, is_own } => {
                let own = if *is_own { " from its own phone" } else { "" };
                format!("log-in {mailbox} {}{own}", pin.as_deref().unwrap_or("without"))
            }
            Effect::Mark { mailbox, file, mark } => format!("mark {mailbox} {file} {mark:?}").to_lowercase(),
            Effect::SetOwn { mailbox, which, file } => {
                format!("set {mailbox} {which:?} {}", file.as_deref().unwrap_or("nothing")).to_lowercase()
            }
            Effect::ChangePin { mailbox, pin } => format!("pin {mailbox} {pin}"),
            Effect::Comment { mailbox, message, file } => {
                format!("comment {file} to {message} for {mailbox}")
            }
            Effect::Forward { mailbox, message, comment, file } => {
                format!(
                    "forward {} {message} to {mailbox} as {file}",
                    comment.as_deref().unwrap_or("nothing")
                )
            }
            Effect::Drop { file } => format!("drop {file}"),
            Effect::Waiting { mailbox, counts } => format!("waiting {mailbox} {}/{}", counts.new, counts.old),
            Effect::Finished => "finished".to_owned(),
        }
    }
}

fn command_seen(command: &Command) -> String {
    match command {
        Command::Answer => "answer".to_owned(),
        Command::Play { sounds, .. } => {
            let mut names: Vec<&str> = sounds.iter().filter(is_heard).map(sound_seen).collect();
            names.dedup_by(|after, before| *after == VALUES && *before == VALUES);
            format!("play {}", names.join(" "))
        }
        Command::Record { to, stop_digits, beep: true, .. } => format!("record {to} until {stop_digits}"),
        Command::Collect { digits_max, .. } => format!("collect {digits_max}"),
        Command::Stop { .. } => "stop".to_owned(),
        Command::Transfer { target, .. } => format!("transfer {target}"),
        Command::HangUp { status: 0, .. } => "hang-up".to_owned(),
        Command::HangUp { status, .. } => format!("hang-up {status}"),
        other => panic!("{other:?}"),
    }
}

/// The pause behind last words is no word.
fn is_heard(sound: &&Sound) -> bool {
    !matches!(sound, Sound::Silence(_))
}

/// How numbers, names and dates are said is the business of `prompt`: they are one mark here.
fn sound_seen(sound: &Sound) -> &str {
    match sound {
        Sound::File(file) => file,
        Sound::Clip { name, .. } if Fixed::ALL.iter().any(|fixed| fixed.clip() == name) => name,
        Sound::Clip { .. } => VALUES,
        other => panic!("{other:?}"),
    }
}

const VALUES: &str = "…";
