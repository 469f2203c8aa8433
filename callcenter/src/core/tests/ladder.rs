//! Plays ladders in text: `SECONDS in WHAT` and `SECONDS out WHAT`; the first time may be a moment in Paris. Ids are
//! filled in by the player: what ends is what was begun last.

use std::sync::Arc;

use jiff::tz::TimeZone;
use prompt::Language;
use proto::application::{Command, Event, Parting, Sound, Started, What};
use proto::media::Ended;
use serde::Deserialize;
use toml::Spanned;

use super::super::{Effect, Input, Menu};
use crate::config::{CodesConfig, HolidaysConfig, Known, MenuConfig, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    menu: Vec<Spanned<MenuConfig>>,
    #[serde(default)]
    holidays: Vec<Spanned<HolidaysConfig>>,
}

struct World {
    menu: Menu,
    number: u64,
    begun_ms: u64,
    /// Ids of what was begun last.
    play: u32,
    collect: u32,
    last: u32,
}

/// Plays a ladder against the menus of a file; everybody of the company is known.
pub(super) fn play(menus: &str, ladder: &str) {
    let file: File = toml::from_str(menus).expect("a good file");
    let known = Known {
        users: &[("alice", Some("6001")), ("bob", Some("6002")), ("martin", Some("6003"))],
        groups: &[("sales", Some("6100"))],
        codes: &CodesConfig::default(),
        mailboxes: Some("voicemail/deposit"),
        language: Language::French,
        zone: TimeZone::get("Europe/Paris").expect("the zone is compiled in"),
    };
    let book = Arc::new(read(&file.menu, &file.holidays, &known).expect("good menus").book);
    let mut menu = Menu::new(book, ladder.contains(" night "));
    let out = &mut Vec::new();
    menu.handle(Input::Found(true), out);
    assert_eq!(out, &[], "nothing was asked yet");
    let mut world = World { menu, number: 0, begun_ms: 0, play: 0, collect: 0, last: 0 };
    let (mut said, mut wanted) = (Vec::new(), Vec::new());
    for line in ladder.lines().map(str::trim).filter(|line| !line.is_empty()) {
        wanted.push(line.to_owned());
        let (time, rest) = line.split_once(' ').expect("a time");
        let Some(what) = rest.strip_prefix("in ").or_else(|| rest.strip_prefix("night ")) else { continue };
        said.push(line.to_owned());
        let effects = world.input(time, what);
        let time = if time.contains('T') { "0" } else { time };
        said.extend(effects.iter().map(|effect| format!("{time} out {}", seen(effect))));
        for effect in &effects {
            world.note(effect);
        }
    }
    assert_eq!(said.join("\n"), wanted.join("\n"));
}

impl World {
    fn input(&mut self, time: &str, what: &str) -> Vec<Effect> {
        let mut out = Vec::new();
        let input = match what {
            "found" => Input::Found(true),
            "nobody" => Input::Found(false),
            _ => {
                self.number += 1;
                let at_ms = self.moment(time);
                Input::Event(Event { number: self.number, at_ms, what: self.event(what) })
            }
        };
        self.menu.handle(input, &mut out);
        assert_eq!(self.menu.is_over(), out.contains(&Effect::Finished) || self.menu.is_over());
        out
    }

    fn moment(&mut self, time: &str) -> u64 {
        if let Ok(civil) = time.parse::<jiff::civil::DateTime>() {
            let zoned = civil.in_tz("Europe/Paris").expect("a time of that zone");
            self.begun_ms = zoned.timestamp().as_millisecond() as u64;
            return self.begun_ms;
        }
        self.begun_ms + time.parse::<u64>().expect("seconds") * 1000
    }

    fn event(&self, what: &str) -> What {
        let words: Vec<&str> = what.split(' ').collect();
        let started = |name: &str, language: &str| {
            let (purpose, language) = (format!("callcenter/menu/{name}"), language.to_owned());
            What::Started(Box::new(Started { purpose, language, ..Started::default() }))
        };
        match *words {
            ["started", name] => started(name, ""),
            ["started", name, language] => started(name, language),
            ["answered"] => What::Answered { leg: 0 },
            ["digit", digit] => What::Digit { leg: 0, digit: digit.chars().next().expect("a digit") },
            ["played"] => What::Played { leg: 0, id: self.play, why: Ended::Complete },
            ["collected", digits, why] => What::Collected {
                leg: 0,
                id: self.collect,
                digits: digits.trim_matches('-').to_owned(),
                why: if why == "timeout" { Ended::Timeout } else { Ended::Stopped },
            },
            ["refused"] => What::Refused { id: self.last, why: "nobody has that number".into() },
            ["refused", "play"] => What::Refused { id: self.play, why: "this is an MP3".into() },
            ["ended", "transferred"] => What::Ended(Parting::Transferred),
            ["ended", "application"] => What::Ended(Parting::Application),
            ["ended", "caller"] => What::Ended(Parting::Caller),
            _ => panic!("no such input: {what}"),
        }
    }

    fn note(&mut self, effect: &Effect) {
        let Effect::Command { id, command } = effect else { return };
        assert_eq!(*id, self.last + 1, "ids rise by one");
        self.last = *id;
        match command {
            Command::Play { .. } => self.play = *id,
            Command::Collect { .. } => self.collect = *id,
            Command::Stop { id, .. } => assert_eq!(*id, self.collect),
            _ => {}
        }
    }
}

pub(super) fn seen(effect: &Effect) -> String {
    match effect {
        Effect::Configure { user, change } => {
            let value = change.value();
            let value = if value.is_empty() { "off".to_owned() } else { value };
            format!("configure {user} {} {value}", change.key())
        }
        Effect::TogglePeace { user } => format!("toggle-peace {user}"),
        Effect::ToggleNight => "toggle-night".to_owned(),
        Effect::Find { extension } => format!("find {extension}"),
        Effect::Finished => "finished".to_owned(),
        Effect::Command { command, .. } => match command {
            Command::Answer => "answer".to_owned(),
            Command::Play { sounds, .. } => {
                let is_sound = |sound: &&Sound| !matches!(sound, Sound::Silence(_));
                let mut names: Vec<String> = sounds.iter().filter(is_sound).map(sound_seen).collect();
                names.dedup_by(|after, before| after == "…" && before == "…");
                format!("play {}", names.join(" "))
            }
            Command::Collect { digits_max, first, between, end_digits, .. } => {
                let until =
                    if end_digits.is_empty() { String::new() } else { format!(" until {end_digits}") };
                format!("collect {digits_max} for {}s then {}s{until}", first.as_secs(), between.as_secs())
            }
            Command::Stop { .. } => "stop collect".to_owned(),
            Command::Transfer { leg: 0, target } => format!("transfer {target}"),
            Command::HangUp { status: 0, .. } => "hang-up".to_owned(),
            Command::HangUp { status, .. } => format!("hang-up {status}"),
            other => panic!("{other:?}"),
        },
    }
}

/// How digits are said is the business of `prompt`: they are one mark here. French is not named.
fn sound_seen(sound: &Sound) -> String {
    match sound {
        Sound::File(file) => file.clone(),
        Sound::Clip { name, .. } if name.starts_with('n') && name[1..].parse::<u32>().is_ok() => {
            "…".to_owned()
        }
        Sound::Clip { language, name } if language == "fr" => name.clone(),
        Sound::Clip { language, name } => format!("{language}:{name}"),
        other => panic!("{other:?}"),
    }
}
