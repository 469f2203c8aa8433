//! Sending messages on.

use super::super::Kept;
use super::ladder::retrieve;

/// A ladder that begins where bob hears his only message and pressed `8`.
fn pressed_8(rest: &str) {
    let only = Kept { file: "a.wav".into(), caller: "6001".into(), is_new: true, ..Kept::default() };
    let first = "0 in called bob
                 0 out answer
                 0 in answered
                 0 out log-in 6002 without from its own phone
                 0 in open
                 0 out play … mailbox-menu
                 0 out collect 1
                 5 in collected 1
                 5 out play … record:a.wav
                 5 out collect 1
                 9 in collected 8
                 9 out play enter-extension
                 9 out collect 16";
    retrieve(&[only], &format!("{first}\n{rest}"));
}

/// The same, where he chose a mailbox and speaks.
fn speaking(rest: &str) {
    let first = "12 in collected 6003
                 12 out open 6003
                 12 in mailbox
                 12 out play record-comment
                 15 in played
                 15 out comment voicemail/6003/run-f1-comment.wav to a.wav for 6003
                 15 out record voicemail/6003/run-f1-comment until #*";
    pressed_8(&format!("{first}\n{rest}"));
}

#[test]
fn a_message_is_sent_on_behind_a_comment_and_is_heard_then() {
    speaking(
        "20 in recorded 5 #
         20 out forward voicemail/6003/run-f1-comment.wav a.wav to 6003 as voicemail/6003/run-f1.wav
         20 in filed
         20 out waiting 6003 1/0
         20 out mark 6002 a.wav heard
         20 out play message-forwarded message-menu
         20 out collect 1
         21 in marked
         21 out waiting 6002 0/0
         22 in collected 8
         22 out play enter-extension
         22 out collect 16
         25 in collected 6001
         25 out open 6001
         25 in mailbox
         25 out play record-comment
         28 in played
         28 out comment voicemail/6001/run-f2-comment.wav to a.wav for 6001
         28 out record voicemail/6001/run-f2-comment until #*",
    );
}

#[test]
fn who_says_nothing_sends_it_on_without_a_comment() {
    for why in ["#", "silence"] {
        speaking(&format!(
            "20 in recorded 0 {why}
             20 out forward nothing a.wav to 6003 as voicemail/6003/run-f1.wav
             20 out drop voicemail/6003/run-f1-comment.wav
             20 in full
             20 out play mailbox-full message-menu
             20 out collect 1"
        ));
    }
}

#[test]
fn who_hangs_up_while_speaking_has_sent_it() {
    speaking(
        "20 in recorded 5 stopped
         20 out forward voicemail/6003/run-f1-comment.wav a.wav to 6003 as voicemail/6003/run-f1.wav
         20 in ended
         20 in filed
         20 out waiting 6003 1/0
         20 out mark 6002 a.wav heard
         20 in marked
         20 out waiting 6002 0/0
         20 out finished",
    );
}

#[test]
fn a_star_takes_it_back_and_a_disk_that_is_full_ends_it() {
    for (input, said) in [
        ("recorded 5 *", "recording-dropped"),
        ("recorded 5 failed", "apology"),
        ("refused record", "apology"),
    ] {
        speaking(&format!(
            "20 in {input}
             20 out drop voicemail/6003/run-f1-comment.wav
             20 out play {said} message-menu
             20 out collect 1
             21 in ended
             21 out finished"
        ));
    }
}

#[test]
fn a_mailbox_that_is_not_there_or_not_typed_is_said() {
    for (typed, said) in [("*", "message-menu"), ("", "nothing-heard message-menu")] {
        pressed_8(
            format!(
                "12 in collected {typed}
                 12 out play {said}
                 12 out collect 1"
            )
            .as_str(),
        );
    }
    pressed_8(
        "12 in collected 6009
         12 out open 6009
         12 in nobody
         12 out play no-such-mailbox message-menu
         12 out collect 1",
    );
}

#[test]
fn the_store_away_is_said_and_the_message_stays_new() {
    speaking(
        "20 in recorded 5 #
         20 out forward voicemail/6003/run-f1-comment.wav a.wav to 6003 as voicemail/6003/run-f1.wav
         20 in failed
         20 out play apology message-menu
         20 out collect 1
         21 in ended
         21 out finished",
    );
}
