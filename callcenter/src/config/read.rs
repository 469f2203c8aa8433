//! From the menus as written to a [`Book`]: every mistake is found here, before a call meets it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use node::config::When;
use prompt::Language;
use toml::Spanned;

use super::{HolidaysConfig, Known, MenuConfig, MenuNumber, OpenConfig};
use crate::core::{Book, Choice, Entry, Holidays, Hours, Said, Target};

/// What cannot be used, or is probably not meant: where it stands in the file, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The octets of the file that it takes.
    pub at: Range<usize>,
    /// Cause and next step.
    pub what: String,
}

/// What was read.
#[derive(Debug, Clone)]
pub struct Read {
    /// The menus.
    pub book: Book,
    /// Where they answer.
    pub numbers: Vec<MenuNumber>,
    /// Greetings that must be there and playable, and where they stand in the file.
    pub greetings: Vec<(String, Range<usize>)>,
    /// What works and is probably not meant.
    pub warnings: Vec<Mistake>,
}

/// Reads the menus.
///
/// # Errors
/// Every mistake that was found.
pub fn read(
    menus: &[Spanned<MenuConfig>],
    holidays: &[Spanned<HolidaysConfig>],
    known: &Known<'_>,
) -> Result<Read, Vec<Mistake>> {
    let mut reader = Reader {
        menus,
        holidays: BTreeMap::new(),
        known,
        errors: Vec::new(),
        warnings: Vec::new(),
        numbers: Vec::new(),
        greetings: Vec::new(),
    };
    reader.holidays(holidays);
    let mut entries = BTreeMap::new();
    for menu in menus {
        let entry = reader.menu(menu.get_ref());
        if entries.insert(entry.name.clone(), Arc::new(entry)).is_some() {
            let name = &menu.get_ref().name;
            reader.wrong(name.span(), format!("menu {:?} is there already", name.get_ref()));
        }
    }
    let people = known.users.iter().chain(known.groups);
    let extensions: BTreeSet<String> =
        people.filter_map(|(_, extension)| extension.map(str::to_owned)).collect();
    let Reader { errors, warnings, numbers, greetings, .. } = reader;
    if !errors.is_empty() {
        return Err(errors);
    }
    let book = Book {
        menus: entries,
        language: known.language,
        zone: known.zone.clone(),
        extensions,
        mailboxes: known.mailboxes.unwrap_or_default().to_owned(),
        codes: known.codes.actions(),
    };
    Ok(Read { book, numbers, greetings, warnings })
}

struct Reader<'a> {
    menus: &'a [Spanned<MenuConfig>],
    holidays: BTreeMap<&'a str, Holidays>,
    known: &'a Known<'a>,
    errors: Vec<Mistake>,
    warnings: Vec<Mistake>,
    numbers: Vec<MenuNumber>,
    greetings: Vec<(String, Range<usize>)>,
}

impl<'a> Reader<'a> {
    fn wrong(&mut self, at: Range<usize>, what: String) {
        self.errors.push(Mistake { at, what });
    }

    fn holidays(&mut self, written: &'a [Spanned<HolidaysConfig>]) {
        for table in written.iter().map(Spanned::get_ref) {
            let name = table.name.get_ref().as_str();
            let mut days = Holidays::default();
            match When::read("", "", table.dates.get_ref(), false) {
                Ok(when) => days.add(when),
                Err(why) => self.wrong(table.dates.span(), format!("holidays {name:?}: {why}")),
            }
            if Holidays::built_in(name).is_some() || self.holidays.insert(name, days).is_some() {
                self.wrong(table.name.span(), format!("holidays {name:?} are there already"));
            }
        }
    }

    fn menu(&mut self, menu: &'a MenuConfig) -> Entry {
        let name = menu.name.get_ref();
        if name.is_empty() || name.contains(['/', ':', ' ']) {
            self.wrong(
                menu.name.span(),
                format!("menu: {name:?} is no name; write one without / : and blanks"),
            );
        }
        if menu.tries == 0 {
            self.wrong(menu.name.span(), format!("menu {name:?}: tries is at least 1"));
        }
        if let Some(number) = &menu.extension {
            let at = number.span();
            self.numbers.push(MenuNumber { number: number.get_ref().clone(), menu: name.clone(), at });
        }
        if let Some(greeting) = &menu.greeting {
            self.greetings.push((greeting.get_ref().clone(), greeting.span()));
        } else if menu.keys.is_empty() && !menu.dial {
            let what =
                format!("menu {name:?}: no greeting, no keys, and no dialling: there is nothing to say");
            self.wrong(menu.name.span(), what);
        }
        Entry {
            name: name.clone(),
            greeting: menu.greeting.as_ref().map(|greeting| greeting.get_ref().clone()),
            wait: *menu.wait,
            between: *menu.between,
            tries: menu.tries,
            keys: self.keys(menu),
            may_dial: menu.dial,
            operator: menu.operator.as_ref().and_then(|operator| self.operator(menu, operator)),
            language: menu.language.as_ref().and_then(|tag| self.language(tag)),
            hours: self.hours(menu),
            closed: menu.closed.as_ref().and_then(|closed| self.closed(menu, closed)),
        }
    }

    fn keys(&mut self, menu: &MenuConfig) -> BTreeMap<char, Choice> {
        let mut keys = BTreeMap::new();
        for (key, target) in &menu.keys {
            let choice = self.choice(menu, target);
            match (one_key(key.get_ref()), choice) {
                (Some(key), Some(choice)) => {
                    keys.insert(key, choice);
                }
                (None, _) => {
                    let (menu, shown) = (menu.name.get_ref(), key.get_ref());
                    let what =
                        format!("menu {menu:?}: no phone has a key {shown:?}; write 0 to 9, \"*\" or \"#\"");
                    self.wrong(key.span(), what);
                }
                (Some(_), None) => {}
            }
        }
        keys
    }

    fn operator(&mut self, menu: &MenuConfig, written: &Spanned<String>) -> Option<Choice> {
        let choice = self.choice(menu, written)?;
        if matches!(choice.target, Target::Call(_) | Target::Mailbox(_)) {
            return Some(choice);
        }
        let what = format!("menu {:?}: the operator is a user, a group or a number", menu.name.get_ref());
        self.wrong(written.span(), what);
        None
    }

    fn closed(&mut self, menu: &MenuConfig, written: &Spanned<String>) -> Option<Choice> {
        let choice = self.choice(menu, written)?;
        let leads_back = match &choice.target {
            Target::Repeat | Target::Language(_) => true,
            Target::Menu(name) => name == menu.name.get_ref(),
            Target::Call(_) | Target::Mailbox(_) | Target::Operator | Target::HangUp => false,
        };
        if !leads_back {
            return Some(choice);
        }
        let what = format!(
            "menu {:?}: who is closed sends callers to a user, a group, a number, a mailbox or another menu",
            menu.name.get_ref()
        );
        self.wrong(written.span(), what);
        None
    }

    fn language(&mut self, tag: &Spanned<String>) -> Option<Language> {
        let language = Language::of(tag.get_ref());
        if language.is_none() {
            self.wrong(tag.span(), no_language(tag.get_ref()));
        }
        language
    }

    fn hours(&mut self, menu: &MenuConfig) -> Option<Hours> {
        let mut hours = Hours::default();
        let name = menu.name.get_ref();
        for open in &menu.open {
            let OpenConfig { days, hours: span, dates } = open.get_ref();
            match When::read(days, span, dates, false) {
                Ok(when) => hours.open.push(when),
                Err(why) => self.wrong(open.span(), format!("menu {name:?}: open: {why}")),
            }
        }
        for tag in &menu.holidays {
            let named = tag.get_ref().as_str();
            match Holidays::built_in(named).or_else(|| self.holidays.get(named).cloned()) {
                Some(days) => hours.holidays.push(days),
                None => {
                    let what = format!(
                        "menu {name:?}: no holidays {named:?}; \"fr\" and \"fr-alsace-moselle\" are built in, others \
                         are a [[holidays]] with name and dates"
                    );
                    self.wrong(tag.span(), what);
                }
            }
        }
        let has_hours = !menu.open.is_empty() || !menu.holidays.is_empty() || menu.closed.is_some();
        has_hours.then_some(hours)
    }

    fn choice(&mut self, menu: &MenuConfig, written: &Spanned<String>) -> Option<Choice> {
        let text = written.get_ref().as_str();
        let choice = match text.split_once(':') {
            Some(("menu", name)) => self.other_menu(name),
            Some(("voicemail", of)) => self.mailbox(of),
            Some(("language", tag)) => Language::of(tag).ok_or_else(|| no_language(tag)).map(|language| {
                Choice { target: Target::Language(language), said: Said::Language(language) }
            }),
            _ => self.plain(text, written),
        };
        let choice = match choice {
            Ok(Choice { target: Target::Operator, .. }) if menu.operator.is_none() => {
                Err("operator calls nobody; write operator = \"NAME\", a user, a group or a number"
                    .to_owned())
            }
            choice => choice,
        };
        choice
            .map_err(|what| self.wrong(written.span(), format!("menu {:?}: {what}", menu.name.get_ref())))
            .ok()
    }

    fn other_menu(&self, name: &str) -> Result<Choice, String> {
        let names = || self.menus.iter().map(|menu| menu.get_ref().name.get_ref().as_str());
        match names().any(|known| known == name) {
            true => Ok(Choice { target: Target::Menu(name.to_owned()), said: Said::More }),
            false => Err(match nearest(name, names()) {
                Some(near) => format!("no menu {name}; {near} exists"),
                None => format!("no menu {name}; write a [[menu]] with name = {name:?}"),
            }),
        }
    }

    fn mailbox(&self, of: &str) -> Result<Choice, String> {
        if self.known.mailboxes.is_none() {
            return Err(format!("voicemail:{of} needs voicemail; write a [voicemail] section"));
        }
        let user = self.known.users.iter().find(|(name, extension)| *name == of || *extension == Some(of));
        match user {
            Some((name, extension)) => Ok(Choice {
                target: Target::Mailbox((*name).to_owned()),
                said: extension.map_or(Said::More, |number| Said::Mailbox(number.to_owned())),
            }),
            None if is_number(of) => {
                Ok(Choice { target: Target::Mailbox(of.to_owned()), said: Said::Mailbox(of.to_owned()) })
            }
            None => Err(self.nobody(of)),
        }
    }

    fn plain(&mut self, text: &str, written: &Spanned<String>) -> Result<Choice, String> {
        let simple = |target, said| Ok(Choice { target, said });
        match text {
            "repeat" => return simple(Target::Repeat, Said::Repeat),
            "operator" => return simple(Target::Operator, Said::Operator),
            "hang-up" => return simple(Target::HangUp, Said::HangUp),
            _ => {}
        }
        let is_meant = |(name, extension): &&(&str, Option<&str>)| *name == text || *extension == Some(text);
        if let Some((name, extension)) = self.known.users.iter().find(is_meant) {
            // By its number, as others dial it: a rule for that number stands above the user.
            let called = extension.unwrap_or(name).to_owned();
            let said = extension.map_or(Said::More, |number| Said::Extension(number.to_owned()));
            return simple(Target::Call(called), said);
        }
        match self.known.groups.iter().find(is_meant) {
            Some((_, Some(number))) => {
                let number = (*number).to_owned();
                return simple(Target::Call(number.clone()), Said::Extension(number));
            }
            Some((name, None)) => {
                return Err(format!(
                    "group {name} has no extension; give it one, so that calls can reach it"
                ));
            }
            None => {}
        }
        if is_number(text) {
            let what = format!("no user {text} in this file; a rule or a user of the database must have it");
            self.warnings.push(Mistake { at: written.span(), what });
            return simple(Target::Call(text.to_owned()), Said::Extension(text.to_owned()));
        }
        Err(self.nobody(text))
    }

    fn nobody(&self, name: &str) -> String {
        let people = self.known.users.iter().chain(self.known.groups).map(|(name, _)| *name);
        let hint = match nearest(name, people.chain(["repeat", "operator", "hang-up"])) {
            Some(near) => format!("{near} exists"),
            None => "add it as [[user]]; a user of the database is named by the extension".to_owned(),
        };
        format!("no user {name}; {hint}")
    }
}

fn one_key(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|key| matches!(key, '0'..='9' | '*' | '#') && chars.next().is_none())
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit() || b"+*#".contains(&octet))
}

fn no_language(tag: &str) -> String {
    let known: Vec<_> = Language::ALL.iter().map(|language| language.tag()).collect();
    format!("no language {tag:?}; there are {}", known.join(", "))
}

/// The known name that is meant, perhaps: by case, or by a letter or two.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let far = |known: &str| match known.eq_ignore_ascii_case(name) {
        true => 0,
        false => strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase()),
    };
    let (distance, near) = known.map(|known| (far(known), known)).min_by_key(|(distance, _)| *distance)?;
    (distance <= name.chars().count().div_ceil(3).min(2)).then_some(near)
}
