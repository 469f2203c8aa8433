//! Files that are refused, and what is said of them.

use jiff::tz::TimeZone;
use prompt::Language;
use serde::Deserialize;
use toml::Spanned;

use super::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    menu: Vec<Spanned<MenuConfig>>,
    #[serde(default)]
    holidays: Vec<Spanned<HolidaysConfig>>,
}

fn of(text: &str, mailboxes: Option<&str>) -> Result<Read, Vec<Mistake>> {
    let file: File = toml::from_str(text).expect("good TOML");
    let known = Known {
        users: &[("alice", Some("6001")), ("bob", None)],
        groups: &[("sales", Some("6100")), ("night", None)],
        codes: &CodesConfig::default(),
        mailboxes,
        language: Language::English,
        zone: TimeZone::UTC,
    };
    read(&file.menu, &file.holidays, &known)
}

#[test]
fn a_key_that_leads_nowhere_is_refused_with_what_was_meant() {
    for (target, said) in [
        ("Alice", "no user Alice; alice exists"),
        ("alcie", "no user alcie; alice exists"),
        ("zoe", "no user zoe; add it as [[user]]"),
        ("repaet", "no user repaet; repeat exists"),
        ("night", "group night has no extension"),
        ("menu:accueill", "no menu accueill; accueil exists"),
        ("menu:cave", "no menu cave; write a [[menu]]"),
        ("voicemail:Alice", "no user Alice; alice exists"),
        ("language:de", "no language \"de\"; there are fr, en"),
        ("", "no user ;"),
    ] {
        let text = format!("[[menu]]\nname = \"accueil\"\nkeys = {{ 1 = {target:?} }}\n");
        let mistakes = of(&text, Some("voicemail/deposit")).expect_err(target);
        assert!(mistakes[0].what.starts_with("menu \"accueil\": "), "{mistakes:?}");
        assert!(mistakes[0].what.contains(said), "{mistakes:?}");
        assert_eq!(&text[mistakes[0].at.clone()], format!("{target:?}"), "it is pointed at");
    }
}

#[test]
fn other_mistakes_are_named_too() {
    for (menu, said) in [
        ("keys = { A = \"alice\" }", "no phone has a key \"A\"; write 0 to 9"),
        ("keys = { 12 = \"alice\" }", "no phone has a key \"12\""),
        ("keys = { 1 = \"voicemail:alice\" }", "write a [voicemail] section"),
        ("tries = 0", "tries is at least 1"),
        ("dial = false", "there is nothing to say"),
        ("keys = { 0 = \"operator\" }", "operator calls nobody; write operator = \"NAME\""),
        (
            "closed = \"repeat\"",
            "who is closed sends callers to a user, a group, a number, a mailbox or another menu",
        ),
        ("closed = \"language:en\"", "who is closed sends callers to"),
        ("closed = \"menu:accueil\"", "who is closed sends callers to"),
        ("operator = \"repeat\"", "the operator is a user, a group or a number"),
        ("language = \"de\"", "no language \"de\""),
        ("open = [{ days = \"lundi\" }]", "open: \"lundi\" names no day"),
        ("holidays = [\"us\"]", "no holidays \"us\""),
    ] {
        let text = format!("[[menu]]\nname = \"accueil\"\n{menu}\n");
        let mistakes = of(&text, None).expect_err(menu);
        assert!(mistakes[0].what.contains(said), "{mistakes:?}");
    }
    for (text, said) in [
        ("[[menu]]\nname = \"a\"\n[[menu]]\nname = \"a\"", "menu \"a\" is there already"),
        ("[[menu]]\nname = \"a b\"", "is no name"),
        ("[[menu]]\nname = \"a\"\n[[holidays]]\nname = \"fr\"\ndates = \"05-02\"", "are there already"),
        ("[[menu]]\nname = \"a\"\n[[holidays]]\nname = \"x\"\ndates = \"2/5\"", "holidays \"x\""),
    ] {
        let mistakes = of(text, None).expect_err(text);
        assert!(mistakes[0].what.contains(said), "{mistakes:?}");
    }
}

#[test]
fn a_number_that_is_not_in_the_file_is_a_warning() {
    let read = of(
        "[[menu]]\nname = \"a\"\nextension = \"7000\"\ngreeting = \"b.wav\"\nkeys = { 1 = \"6009\" }",
        None,
    );
    let read = read.expect("a rule may have it");
    assert!(read.warnings[0].what.contains("no user 6009 in this file"));
    assert_eq!(read.numbers[0].number, "7000");
    assert_eq!(read.greetings[0].0, "b.wav");
}

#[test]
fn codes_that_a_phone_could_not_tell_apart_are_refused() {
    let usual = CodesConfig::default();
    assert_eq!((usual.mistake(), usual.actions().len()), (None, 11));
    for (code, said) in [
        ("*7", "night-toggle \"*7\" and forward-always \"*72\" begin alike"),
        ("nuit", "night-toggle: \"nuit\" cannot be dialled"),
    ] {
        let mistake = CodesConfig { night_toggle: code.to_owned(), ..usual.clone() }.mistake();
        assert!(mistake.is_some_and(|mistake| mistake.contains(said)), "{code}");
    }
}
