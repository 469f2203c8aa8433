//! Conversations with a menu.

mod code;
mod ladder;

use ladder::play;

/// The small company: three keys, a submenu, and extensions that may be dialled.
const COMPANY: &str = r##"
    [[menu]]
    name = "accueil"
    extension = "7000"
    greeting = "bonjour.wav"
    keys = { 1 = "alice", 2 = "bob", 3 = "voicemail:bob", 6 = "sales", 8 = "language:en", 9 = "menu:more", "*" = "repeat", "#" = "hang-up" }

    [[menu]]
    name = "more"
    keys = { 1 = "alice", 9 = "menu:accueil" }
    dial = false
"##;

/// Begins with what every call begins with.
fn greeted(menus: &str, rest: &str) {
    play(
        menus,
        &format!(
            "0 in started accueil
             0 out answer
             0 in answered
             0 out play bonjour.wav
             0 out collect 16 for 5s then 2s until #
             {rest}"
        ),
    );
}

#[test]
fn a_key_sends_the_caller_on_while_the_greeting_is_still_heard() {
    greeted(
        COMPANY,
        "2 in digit 2
         2 out stop collect
         2 out transfer 6002
         2 in collected 2 stopped
         2 in ended transferred
         2 out finished",
    );
}

#[test]
fn who_presses_nothing_hears_it_again_and_at_last_goodbye() {
    greeted(
        COMPANY,
        "9 in collected - timeout
         9 out play bonjour.wav
         9 out collect 16 for 5s then 2s until #
         18 in collected - timeout
         18 out play bonjour.wav
         18 out collect 16 for 5s then 2s until #
         27 in collected - timeout
         27 out play goodbye
         29 in played
         29 out hang-up
         29 in ended application
         29 out finished",
    );
}

#[test]
fn the_operator_takes_who_presses_nothing_where_there_is_one() {
    let menus = COMPANY.replace("extension = \"7000\"", "operator = \"alice\"\ntries = 1");
    let menus = menus.replace("\"*\" = ", "0 = \"operator\", \"*\" = ");
    greeted(
        &menus,
        "9 in collected - timeout
         9 out transfer 6001
         9 in refused
         9 out play goodbye",
    );
    let mailbox = menus.replace("operator = \"alice\"", "operator = \"voicemail:alice\"");
    greeted(&mailbox, "9 in collected - timeout\n9 out transfer voicemail/deposit:alice");
    greeted(&menus, "1 in digit 0\n1 out stop collect\n1 out transfer 6001");
}

#[test]
fn a_key_that_means_nothing_is_said_and_the_menu_comes_again() {
    play(
        &COMPANY.replace("extension = \"7000\"", "dial = false"),
        "0 in started accueil
         0 out answer
         0 in answered
         0 out play bonjour.wav
         0 out collect 1 for 5s then 2s
         1 in digit 5
         1 out stop collect
         1 out play invalid-choice bonjour.wav
         1 out collect 1 for 5s then 2s",
    );
}

#[test]
fn an_extension_is_dialled_as_soon_as_it_can_be_no_other() {
    greeted(
        COMPANY,
        "1 in digit 6
         1 in digit 0
         1 in digit 0
         1 in digit 3
         1 out stop collect
         1 out transfer 6003",
    );
}

#[test]
fn a_key_that_begins_an_extension_waits_for_the_next_digit() {
    greeted(
        COMPANY,
        "1 in digit 6
         3 in collected 6 timeout
         3 out transfer 6100",
    );
    greeted(COMPANY, "1 in digit 6\n1 in digit #\n1 out stop collect\n1 out transfer 6100");
}

#[test]
fn an_extension_of_the_database_is_looked_up_when_no_further_digit_comes() {
    greeted(
        COMPANY,
        "1 in digit 5
         1 in digit 5
         3 in collected 55 timeout
         3 out find 55
         3 in found
         3 out transfer 55",
    );
    greeted(
        COMPANY,
        "1 in digit 5
         2 in digit #
         2 out stop collect
         2 out find 5
         2 in nobody
         2 out play number … nobody-has bonjour.wav
         2 out collect 16 for 5s then 2s until #",
    );
}

#[test]
fn nothing_but_an_extension_can_be_dialled() {
    // Beginning with a star, a feature code would be the caller's to use.
    greeted(
        COMPANY,
        "1 in digit *\n1 out stop collect\n1 out play bonjour.wav\n1 out collect 16 for 5s then 2s until #",
    );
    greeted(
        COMPANY,
        "1 in digit 6
         1 in digit *
         1 out stop collect
         1 out play invalid-choice bonjour.wav
         1 out collect 16 for 5s then 2s until #",
    );
}

#[test]
fn a_submenu_is_another_menu_with_its_own_tries() {
    greeted(
        COMPANY,
        "9 in collected - timeout
         9 out play bonjour.wav
         9 out collect 16 for 5s then 2s until #
         10 in digit 9
         10 out stop collect
         10 out play for extension … press … for-more press …
         10 out collect 1 for 5s then 2s
         11 in digit 9
         11 out stop collect
         11 out play bonjour.wav
         11 out collect 16 for 5s then 2s until #",
    );
}

#[test]
fn keys_lead_to_mailboxes_languages_and_the_end() {
    greeted(COMPANY, "1 in digit 3\n1 out stop collect\n1 out transfer voicemail/deposit:bob");
    greeted(
        COMPANY,
        "1 in digit 8
         1 out stop collect
         1 out play bonjour.wav
         1 out collect 16 for 5s then 2s until #
         2 in digit #
         2 out stop collect
         2 out play en:goodbye
         3 in played
         3 out hang-up",
    );
}

#[test]
fn a_submenu_speaks_its_own_language() {
    let menus = COMPANY.replace("name = \"more\"\n", "name = \"more\"\n    language = \"en\"\n");
    greeted(
        &menus,
        "1 in digit 9
         1 out stop collect
         1 out play en:for en:extension … en:press … en:for-more en:press …
         1 out collect 1 for 5s then 2s",
    );
}

#[test]
fn a_menu_without_a_greeting_speaks_its_keys() {
    play(
        r##"
        [[menu]]
        name = "accueil"
        operator = "alice"
        keys = { 1 = "alice", 5 = "voicemail:bob", 8 = "language:en", 0 = "operator", "*" = "repeat", "#" = "hang-up" }
        "##,
        "0 in started accueil
         0 out answer
         0 in answered
         0 out play welcome for extension … press … for-mailbox … press … en:for-language en:press … for-operator press … for-repeat press star for-hang-up press hash dial-extension
         0 out collect 16 for 5s then 2s until #",
    );
}

#[test]
fn a_greeting_that_cannot_be_played_is_spoken_from_the_keys() {
    let menus = COMPANY.replace("keys = { 1 = \"alice\", 2 = \"bob\"", "dial = false\nkeys = { 2 = \"bob\"");
    play(
        &menus,
        "0 in started accueil
         0 out answer
         0 in answered
         0 out play bonjour.wav
         0 out collect 1 for 5s then 2s
         0 in refused play
         0 out play welcome for extension … press … for-mailbox … press … for extension … press … en:for-language en:press … for-more press … for-repeat press star for-hang-up press hash
         0 in refused play
         2 in digit 2
         2 out stop collect
         2 out transfer 6002",
    );
}

#[test]
fn a_number_that_cannot_be_reached_is_said_and_the_caller_stays() {
    greeted(
        COMPANY,
        "2 in digit 2
         2 out stop collect
         2 out transfer 6002
         2 in refused
         2 out play nobody-answers bonjour.wav
         2 out collect 16 for 5s then 2s until #",
    );
}

const HOURS: &str = r#"
    [[menu]]
    name = "accueil"
    greeting = "bonjour.wav"
    open = [{ days = "mon-fri", hours = "09:00-12:30, 14:00-18:00" }]
    holidays = ["fr", "company"]

    [[holidays]]
    name = "company"
    dates = "2026-12-24"
"#;

#[test]
fn outside_of_its_hours_a_menu_is_closed() {
    for (moment, is_open) in [
        ("2026-11-23T09:00", true),
        ("2026-11-23T12:30", false),
        ("2026-11-22T10:00", false),
        ("2026-05-14T10:00", false),
        ("2026-12-24T10:00", false),
    ] {
        let then = match is_open {
            true => "play bonjour.wav\n0 out collect 16 for 5s then 2s until #",
            false => "play closed goodbye\n9 in played\n9 out hang-up",
        };
        play(HOURS, &format!("{moment} in started accueil\n0 out answer\n0 in answered\n0 out {then}"));
    }
}

#[test]
fn while_it_is_closed_calls_go_where_the_administrator_says() {
    for (closed, then) in [
        ("voicemail:alice", "transfer voicemail/deposit:alice"),
        ("menu:more", "play for extension … press …\n0 out collect 1 for 5s then 2s"),
    ] {
        let menus = format!(
            "{}\n[[menu]]\nname = \"more\"\ndial = false\nkeys = {{ 1 = \"alice\" }}\n",
            HOURS.replace("holidays = [", &format!("closed = {closed:?}\nholidays = ["))
        );
        play(
            &menus,
            &format!("2026-11-22T10:00 in started accueil\n0 out answer\n0 in answered\n0 out {then}"),
        );
    }
}

#[test]
fn at_night_what_has_hours_is_closed_and_the_rest_is_not() {
    play(
        HOURS,
        "2026-11-23T10:00 night started accueil\n0 out answer\n0 in answered\n0 out play closed goodbye",
    );
    play(
        COMPANY,
        "2026-11-23T10:00 night started accueil
         0 out answer
         0 in answered
         0 out play bonjour.wav
         0 out collect 16 for 5s then 2s until #",
    );
}

#[test]
fn menus_that_lead_to_each_other_end() {
    play(
        r#"
        [[menu]]
        name = "accueil"
        closed = "menu:night"
        open = [{ days = "mon" }]
        [[menu]]
        name = "night"
        closed = "menu:accueil"
        open = [{ days = "mon" }]
        "#,
        "2026-11-22T10:00 in started accueil
         0 out answer
         0 in answered
         0 out play goodbye",
    );
}

#[test]
fn the_call_says_the_language_unless_the_menu_does() {
    play(
        COMPANY,
        "0 in started accueil en
         0 out answer
         0 in answered
         0 out play bonjour.wav
         0 out collect 16 for 5s then 2s until #
         1 in digit #
         1 out stop collect
         1 out play en:goodbye",
    );
}

#[test]
fn a_menu_that_is_gone_and_a_caller_that_is_gone() {
    play(COMPANY, "0 in started nowhere\n0 out hang-up 404\n0 in ended application\n0 out finished");
    greeted(COMPANY, "1 in ended caller\n1 out finished\n2 in digit 1");
}
