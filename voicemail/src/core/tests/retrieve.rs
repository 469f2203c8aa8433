//! Listening to messages.

use super::super::Kept;
use super::ladder::retrieve;

/// Two new messages, the later one urgent and its caller withheld, and one that was heard before.
fn messages() -> Vec<Kept> {
    let new = |file: &str, at_ms, caller: &str| Kept {
        file: file.into(),
        at_ms,
        caller: caller.into(),
        is_new: true,
        ..Kept::default()
    };
    vec![
        new("a.wav", 60_000, "6001"),
        Kept { is_urgent: true, ..new("b.wav", 120_000, "") },
        Kept { is_new: false, ..new("c.wav", 0, "6003") },
    ]
}

/// A ladder that begins with what bob hears first on his own phone.
fn own_phone(rest: &str) {
    let first = "180 in called bob
                 180 out answer
                 180 in answered
                 180 out log-in 6002 without from its own phone
                 180 in open
                 180 out play … mailbox-menu
                 180 out collect 1";
    retrieve(&messages(), &format!("{first}\n{rest}"));
}

#[test]
fn a_greeting_is_recorded_heard_and_kept() {
    own_phone(
        "185 in collected 0
         185 out play options-menu
         185 out collect 1
         186 in collected 1
         186 out play record-no-answer-greeting
         188 in played
         188 out record voicemail/6002/own/run-1 until #
         195 in recorded 5 #
         195 out play recording-menu
         195 out collect 1
         196 in collected 2
         196 out play record:voicemail/6002/own/run-1.wav
         201 in played
         201 out play recording-menu
         201 out collect 1
         202 in collected 1
         202 out set 6002 noanswer voicemail/6002/own/run-1.wav
         202 in changed
         202 out play recording-kept options-menu
         202 out collect 1
         203 in collected *
         203 out play mailbox-menu
         203 out collect 1",
    );
}

#[test]
fn a_recording_that_says_nothing_removes_the_greeting() {
    own_phone(
        "185 in collected 0
         185 out play options-menu
         185 out collect 1
         186 in collected 4
         186 out play record-temporary-greeting
         188 in played
         188 out record voicemail/6002/own/run-1 until #
         189 in recorded 0 #
         189 out drop voicemail/6002/own/run-1.wav
         189 out set 6002 temporary nothing
         189 in changed
         189 out play temporary-greeting-removed options-menu
         189 out collect 1",
    );
}

#[test]
fn a_greeting_that_was_not_kept_is_dropped_by_hanging_up() {
    for (what, then) in [
        ("recorded 5 #", "195 out play recording-menu\n195 out collect 1\n196 in ended\n196 out drop"),
        ("recorded 5 stopped", "195 out drop"),
    ] {
        let end = if what.ends_with('#') { "196 out finished" } else { "196 in ended\n196 out finished" };
        own_phone(&format!(
            "185 in collected 0
             185 out play options-menu
             185 out collect 1
             186 in collected 3
             186 out play record-name
             188 in played
             188 out record voicemail/6002/own/run-1 until #
             195 in {what}
             {then} voicemail/6002/own/run-1.wav
             {end}"
        ));
    }
}

#[test]
fn a_pin_is_typed_twice_and_may_be_refused() {
    own_phone(
        "185 in collected 0
         185 out play options-menu
         185 out collect 1
         186 in collected 5
         186 out play enter-new-pin
         186 out collect 16
         190 in collected 4711
         190 out play repeat-new-pin
         190 out collect 16
         195 in collected 4712
         195 out play pins-differ options-menu
         195 out collect 1
         196 in collected 5
         196 out play enter-new-pin
         196 out collect 16
         200 in collected 1234
         200 out play repeat-new-pin
         200 out collect 16
         205 in collected 1234
         205 out pin 6002 1234
         205 in too-simple
         205 out play pin-too-simple options-menu
         205 out collect 1",
    );
}

#[test]
fn urgent_messages_come_first_and_what_was_heard_is_old() {
    own_phone(
        "185 in collected 1
         185 out play urgent-message … record:b.wav
         185 out collect 1
         200 in collected
         200 out mark 6002 b.wav heard
         200 out play message-menu
         200 out collect 1
         201 in marked
         201 out waiting 6002 0/0
         202 in collected 6
         202 out play … record:a.wav
         202 out collect 1
         203 in collected 6
         203 out play no-more-messages mailbox-menu
         203 out collect 1
         204 in collected 2
         204 out play urgent-message … record:b.wav
         204 out collect 1
         205 in collected 6
         205 out play … record:c.wav
         205 out collect 1",
    );
}

#[test]
fn a_message_is_deleted_at_once_and_comes_back() {
    own_phone(
        "185 in collected 1
         185 out play urgent-message … record:b.wav
         185 out collect 1
         190 in collected 7
         190 out mark 6002 b.wav deleted
         190 out play message-deleted message-menu
         190 out collect 1
         191 in marked
         191 out waiting 6002 0/0
         192 in collected 7
         192 out mark 6002 b.wav restored
         192 out play message-restored message-menu
         192 out collect 1
         193 in ended
         194 in marked
         194 out waiting 6002 0/0
         194 out finished",
    );
}

#[test]
fn keys_go_back_repeat_and_keep() {
    own_phone(
        "185 in collected 1
         185 out play urgent-message … record:b.wav
         185 out collect 1
         186 in collected 4
         186 out play first-message message-menu
         186 out collect 1
         187 in collected 5
         187 out play urgent-message … record:b.wav
         187 out collect 1
         188 in collected 9
         188 out mark 6002 b.wav heard
         188 out play message-kept message-menu
         188 out collect 1
         189 in collected 6
         189 out play … record:a.wav
         189 out collect 1
         190 in collected 4
         190 out play urgent-message … record:b.wav
         190 out collect 1
         191 in collected #
         191 out play … mailbox-menu
         191 out collect 1
         192 in collected #
         192 out play goodbye
         193 in played
         193 out hang-up",
    );
}

#[test]
fn the_caller_is_called_back_where_there_is_a_number() {
    own_phone(
        "185 in collected 1
         185 out play urgent-message … record:b.wav
         185 out collect 1
         186 in collected 3
         186 out play cannot-call-back message-menu
         186 out collect 1
         187 in collected 6
         187 out play … record:a.wav
         187 out collect 1
         188 in collected 3
         188 out play calling-back
         190 in played
         190 out transfer 6001
         190 in refused
         190 out play cannot-call-back message-menu
         190 out collect 1",
    );
}

#[test]
fn an_empty_folder_says_so() {
    retrieve(
        &[],
        "0 in called bob
         0 out answer
         0 in answered
         0 out log-in 6002 without from its own phone
         0 in open
         0 out play … mailbox-menu
         0 out collect 1
         1 in collected 1
         1 out play no-messages mailbox-menu
         1 out collect 1",
    );
}

#[test]
fn another_phone_types_mailbox_and_pin() {
    retrieve(
        &messages(),
        "0 in called somebody
         0 out answer
         0 in answered
         0 out play enter-mailbox
         0 out collect 16
         5 in collected 6003
         5 out play enter-pin
         5 out collect 16
         9 in collected 4711
         9 out log-in 6003 4711
         9 in wrong
         9 out play wrong-pin enter-mailbox
         9 out collect 16
         15 in collected 6002
         15 out play enter-pin
         15 out collect 16
         19 in collected 4711
         19 out log-in 6002 4711
         19 in open
         19 out play … mailbox-menu
         19 out collect 1",
    );
}

#[test]
fn the_own_phone_types_its_pin_where_that_is_asked_for() {
    let begun = "0 in called bob
                 0 out answer
                 0 in answered
                 0 out log-in 6002 without from its own phone
                 0 in needs-pin
                 0 out play enter-pin
                 0 out collect 16";
    retrieve(
        &messages(),
        &format!(
            "{begun}
             3 in collected 1
             3 out log-in 6002 1 from its own phone
             3 in wrong
             3 out play wrong-pin enter-pin
             3 out collect 16
             6 in collected
             6 out log-in 6002  from its own phone
             6 in wrong
             6 out play wrong-pin enter-pin
             6 out collect 16
             9 in collected 3
             9 out log-in 6002 3 from its own phone
             9 in wrong
             9 out play wrong-pin too-many-tries goodbye
             12 in played
             12 out hang-up"
        ),
    );
    for (verdict, said) in [("locked", "… goodbye"), ("away", "apology")] {
        let rest = format!(
            "3 in collected 1234
             3 out log-in 6002 1234 from its own phone
             3 in {verdict}
             3 out play {said}"
        );
        retrieve(&messages(), &format!("{begun}\n{rest}"));
    }
}

#[test]
fn no_key_and_wrong_keys_end_it_in_the_end() {
    own_phone(
        "185 in collected
         185 out play mailbox-menu
         185 out collect 1
         190 in collected 5
         190 out play invalid-choice mailbox-menu
         190 out collect 1
         195 in collected
         195 out play too-many-tries goodbye
         197 in played
         197 out hang-up
         198 in ended
         198 out finished",
    );
}

#[test]
fn who_hangs_up_while_the_store_is_asked_is_done_with() {
    retrieve(
        &messages(),
        "0 in called bob
         0 out answer
         0 in answered
         0 out log-in 6002 without from its own phone
         1 in ended
         1 out finished
         2 in open",
    );
}

#[test]
fn a_message_that_cannot_be_played_stays_new() {
    for way in ["cannot-play", "breaks-off"] {
        own_phone(&format!(
            "185 in collected 1
             185 out play urgent-message … record:b.wav
             185 out collect 1
             186 in {way}
             186 out play apology message-menu
             186 out collect 1
             190 in collected #
             190 out play … mailbox-menu
             190 out collect 1"
        ));
    }
}

#[test]
fn without_new_messages_the_old_ones_are_heard_and_without_old_ones_the_new() {
    let first = |messages: &[Kept], key: &str, said: &str| {
        let ladder = format!(
            "180 in called bob
             180 out answer
             180 in answered
             180 out log-in 6002 without from its own phone
             180 in open
             180 out play … mailbox-menu
             180 out collect 1
             185 in collected {key}
             185 out play {said}
             185 out collect 1"
        );
        retrieve(messages, &ladder);
    };
    let (new, old) = (&messages()[..1], &messages()[2..]);
    first(old, "1", "… record:c.wav");
    first(&[], "1", "no-messages mailbox-menu");
    retrieve(
        new,
        "180 in called bob
         180 out answer
         180 in answered
         180 out log-in 6002 without from its own phone
         180 in open
         180 out play … mailbox-menu
         180 out collect 1
         185 in collected 2
         185 out play no-messages mailbox-menu
         185 out collect 1
         190 in collected 1
         190 out play … record:a.wav
         190 out collect 1",
    );
}

#[test]
fn a_mailbox_is_opened_by_its_pin_on_the_phone_of_somebody_else() {
    // Alice's phone knows alice; bob, whose greeting was heard, has his own PIN.
    retrieve(
        &messages(),
        "180 in called-for-bob alice
         180 out answer
         180 in answered
         180 out play enter-pin
         180 out collect 16
         185 in collected 2909
         185 out log-in 6002 2909
         185 in open
         185 out play … mailbox-menu
         185 out collect 1",
    );
    // On his own phone he needs none; from there another one opens by `*`.
    retrieve(
        &messages(),
        "180 in called-for-bob bob
         180 out answer
         180 in answered
         180 out log-in 6001 without from its own phone
         180 in open
         180 out play … mailbox-menu
         180 out collect 1
         185 in collected *
         185 out play enter-mailbox
         185 out collect 16
         190 in collected 6003
         190 out play enter-pin
         190 out collect 16
         195 in collected 7521
         195 out log-in 6003 7521",
    );
}
