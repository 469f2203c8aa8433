//! Leaving a message.

use super::super::Mailbox;
use super::ladder::deposit;

fn mailbox() -> Mailbox {
    Mailbox { number: "6002".into(), no_answer: Some("6002/no-answer.wav".into()), ..Mailbox::default() }
}

fn with_operator() -> Mailbox {
    Mailbox { operator: Some("6000".into()), ..mailbox() }
}

/// A ladder that begins with what every message begins with.
fn recording(mailbox: Mailbox, rest: &str) {
    let until = if mailbox.operator.is_some() { "#0" } else { "#" };
    deposit(
        mailbox,
        &format!(
            "0 in started no-answer
             0 out open 6002
             0 in mailbox
             0 out answer
             0 in answered
             0 out play record:6002/no-answer.wav
             4 in played
             4 out record voicemail/6002/run-1 until {until}
             {rest}"
        ),
    );
}

#[test]
fn a_message_is_recorded_and_filed() {
    recording(
        mailbox(),
        "19 in recorded 15 silence
         19 out file 6002 voicemail/6002/run-1.wav 15s from 6001 at 4
         19 in filed
         19 out waiting 6002 1/0
         19 out play recording-kept goodbye
         21 in played
         21 out hang-up
         21 in ended
         21 out finished",
    );
}

#[test]
fn why_the_mailbox_was_reached_picks_the_greeting() {
    let temporary = Mailbox { temporary: Some("6002/away.wav".into()), ..mailbox() };
    let named = Mailbox { name: Some("6002/name.wav".into()), ..Mailbox { no_answer: None, ..mailbox() } };
    let busy = Mailbox { busy: Some("6002/busy.wav".into()), ..mailbox() };
    for (mailbox, why, greeting) in [
        (mailbox(), "no-answer", "record:6002/no-answer.wav"),
        (mailbox(), "unreachable", "record:6002/no-answer.wav"),
        (busy.clone(), "busy", "record:6002/busy.wav"),
        (busy, "no-answer", "record:6002/no-answer.wav"),
        (temporary, "busy", "record:6002/away.wav"),
        (named, "busy", "record:6002/name.wav … leave-message"),
    ] {
        deposit(
            mailbox,
            &format!(
                "0 in started {why}
                 0 out open 6002
                 0 in mailbox
                 0 out answer
                 0 in answered
                 0 out play {greeting}"
            ),
        );
    }
}

#[test]
fn who_hangs_up_while_recording_has_left_a_message() {
    recording(
        mailbox(),
        "9 in recorded 5 stopped
         9 in ended
         9 out file 6002 voicemail/6002/run-1.wav 5s from 6001 at 4
         9 in filed
         9 out waiting 6002 1/0
         9 out finished",
    );
}

#[test]
fn who_hangs_up_at_the_tone_has_left_none() {
    recording(
        mailbox(),
        "5 in recorded 1 stopped
         5 out drop voicemail/6002/run-1.wav
         5 in ended
         5 out finished",
    );
}

#[test]
fn who_hangs_up_in_the_menu_has_left_a_message() {
    recording(
        mailbox(),
        "9 in recorded 5 #
         9 out play recording-menu
         9 out collect 1
         10 in ended
         10 out file 6002 voicemail/6002/run-1.wav 5s from 6001 at 4
         10 in filed
         10 out waiting 6002 1/0
         10 out finished",
    );
}

#[test]
fn who_hangs_up_while_it_is_filed_is_filed_once() {
    recording(
        mailbox(),
        "9 in recorded 5 silence
         9 out file 6002 voicemail/6002/run-1.wav 5s from 6001 at 4
         9 in ended
         9 in filed
         9 out waiting 6002 1/0
         9 out finished",
    );
}

#[test]
fn a_message_is_heard_recorded_again_and_made_urgent() {
    recording(
        mailbox(),
        "9 in recorded 5 #
         9 out play recording-menu
         9 out collect 1
         10 in collected 2
         10 out play record:voicemail/6002/run-1.wav
         15 in played
         15 out play recording-menu
         15 out collect 1
         16 in collected 3
         16 out record voicemail/6002/run-2 until #
         26 in recorded 10 #
         26 out drop voicemail/6002/run-1.wav
         26 out play recording-menu
         26 out collect 1
         27 in collected 4
         27 out play marked-urgent recording-menu
         27 out collect 1
         29 in collected 1
         29 out file 6002 voicemail/6002/run-2.wav 10s from 6001 at 16 urgent",
    );
}

#[test]
fn a_second_recording_that_is_too_short_does_not_cost_the_first_one() {
    recording(
        mailbox(),
        "9 in recorded 5 #
         9 out play recording-menu
         9 out collect 1
         10 in collected 3
         10 out record voicemail/6002/run-2 until #
         11 in recorded 1 stopped
         11 out drop voicemail/6002/run-2.wav
         11 in ended
         11 out file 6002 voicemail/6002/run-1.wav 5s from 6001 at 4",
    );
}

#[test]
fn no_key_and_wrong_keys_file_it_in_the_end() {
    recording(
        mailbox(),
        "9 in recorded 5 #
         9 out play recording-menu
         9 out collect 1
         14 in collected
         14 out play nothing-heard recording-menu
         14 out collect 1
         15 in collected 9
         15 out play invalid-choice recording-menu
         15 out collect 1
         20 in collected
         20 out file 6002 voicemail/6002/run-1.wav 5s from 6001 at 4",
    );
}

#[test]
fn too_short_a_message_is_dropped_and_the_caller_told() {
    recording(
        mailbox(),
        "5 in recorded 1 #
         5 out drop voicemail/6002/run-1.wav
         5 out play message-too-short goodbye
         7 in played
         7 out hang-up",
    );
}

#[test]
fn the_operator_is_called_and_the_message_kept() {
    recording(
        with_operator(),
        "9 in recorded 5 0
         9 out file 6002 voicemail/6002/run-1.wav 5s from 6001 at 4
         9 in filed
         9 out waiting 6002 1/0
         9 out transfer 6000
         9 in ended
         9 out finished",
    );
}

#[test]
fn keys_shorten_the_greeting_or_call_the_operator() {
    for (mailbox, key, rest) in [
        (mailbox(), '#', "2 out stop\n2 out record voicemail/6002/run-1 until #"),
        (with_operator(), '0', "2 out transfer 6000"),
        // The operator cannot be called: a message can be left all the same.
        (
            with_operator(),
            '0',
            "2 out transfer 6000
             3 in refused
             3 out play leave-message
             5 in played
             5 out record voicemail/6002/run-1 until #0",
        ),
        // The owner, whoever's phone it is.
        (Mailbox { listen: Some("6099".into()), ..mailbox() }, '*', "2 out transfer voicemail/retrieve:6002"),
        (mailbox(), '*', ""),
        (mailbox(), '0', ""),
        (mailbox(), '7', ""),
    ] {
        deposit(
            mailbox,
            &format!(
                "0 in started no-answer
                 0 out open 6002
                 0 in mailbox
                 0 out answer
                 0 in answered
                 0 out play record:6002/no-answer.wav
                 2 in digit {key}
                 {rest}"
            ),
        );
    }
}

#[test]
fn a_full_mailbox_says_so() {
    deposit(
        Mailbox { is_full: true, ..mailbox() },
        "0 in started busy
         0 out open 6002
         0 in mailbox
         0 out answer
         0 in answered
         0 out play mailbox-full goodbye
         3 in played
         3 out hang-up",
    );
}

#[test]
fn a_mailbox_that_was_filled_meanwhile_says_so_and_keeps_no_recording() {
    recording(
        mailbox(),
        "9 in recorded 5 silence
         9 out file 6002 voicemail/6002/run-1.wav 5s from 6001 at 4
         9 in full
         9 out drop voicemail/6002/run-1.wav
         9 out play mailbox-full goodbye",
    );
}

#[test]
fn a_store_that_is_away_costs_no_recording() {
    recording(
        mailbox(),
        "9 in recorded 5 silence
         9 out file 6002 voicemail/6002/run-1.wav 5s from 6001 at 4
         9 in failed
         9 out play apology",
    );
}

#[test]
fn a_disk_that_is_full_is_an_apology() {
    recording(mailbox(), "4 in refused record\n4 out play apology\n7 in played\n7 out hang-up");
}

#[test]
fn a_number_without_a_mailbox_is_not_found() {
    deposit(
        mailbox(),
        "0 in started busy
         0 out open 6002
         0 in nobody
         0 out hang-up 404
         0 in ended
         0 out finished",
    );
}

#[test]
fn who_gives_up_before_the_answer_leaves_nothing() {
    deposit(
        mailbox(),
        "0 in started busy
         0 out open 6002
         0 in ended
         0 out finished
         1 in mailbox",
    );
}
