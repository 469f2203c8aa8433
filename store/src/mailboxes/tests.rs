//! Mailboxes in a database of their own.

use super::*;

struct Ground {
    folder: std::path::PathBuf,
    mailboxes: Mailboxes,
}

impl Ground {
    async fn new(of: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("carillon-mailboxes-{of}-{}", std::process::id()));
        let mailboxes = Mailboxes::open(&folder.join("voicemail.db")).await.expect("a new file");
        Ground { folder, mailboxes }
    }

    async fn end(self) {
        self.mailboxes.close().await;
        std::fs::remove_dir_all(&self.folder).expect("our own folder");
    }
}

fn message(file: &str, at_ms: u64) -> StoredMessage {
    StoredMessage {
        file: file.into(),
        user: "bob".into(),
        caller: "6001".into(),
        at_ms,
        length_ms: 4000,
        is_new: true,
        ..StoredMessage::default()
    }
}

#[tokio::test]
async fn a_message_is_filed_once_heard_deleted_and_restored() {
    let ground = Ground::new("filed").await;
    let mailboxes = &ground.mailboxes;
    let take = Take { file: "b/1.wav".into(), user: "bob".into(), ..Take::default() };
    mailboxes.begin(&take).await.expect("noted");
    let urgent = StoredMessage { is_urgent: true, ..message("b/1.wav", 5) };
    for _ in 0..2 {
        assert!(mailboxes.file(&urgent, 1, 60_000).await.expect("filed"));
    }
    assert_eq!(mailboxes.begun().await.expect("read"), []);
    let counts = mailboxes.counts("bob").await.expect("read");
    assert_eq!(counts, MailboxCounts { new: 1, new_urgent: 1, ..MailboxCounts::default() });
    mailboxes.mark("bob", "b/1.wav", MessageMark::Heard { at_ms: 9 }).await.expect("marked");
    mailboxes.mark("alice", "b/1.wav", MessageMark::Deleted { at_ms: 9 }).await.expect("not hers");
    let counts = mailboxes.counts("bob").await.expect("read");
    assert_eq!(counts, MailboxCounts { old: 1, old_urgent: 1, ..MailboxCounts::default() });
    mailboxes.mark("bob", "b/1.wav", MessageMark::Deleted { at_ms: 9 }).await.expect("marked");
    assert_eq!(mailboxes.messages("bob").await.expect("read"), []);
    mailboxes.mark("bob", "b/1.wav", MessageMark::Restored).await.expect("marked");
    let kept = StoredMessage { is_new: false, ..urgent };
    assert_eq!(mailboxes.messages("bob").await.expect("read"), std::slice::from_ref(&kept));
    assert_eq!(mailboxes.message("b/1.wav").await.expect("read"), Some(kept));
    let usage = MailboxUse { user: "bob".into(), counts, length_ms: 4000, ..MailboxUse::default() };
    assert_eq!(mailboxes.list(None, 9).await.expect("read"), [usage]);
    ground.end().await;
}

#[tokio::test]
async fn a_mailbox_is_full_by_messages_and_by_their_length() {
    let ground = Ground::new("full").await;
    let mailboxes = &ground.mailboxes;
    assert!(mailboxes.file(&message("1", 1), 2, 8000).await.expect("filed"));
    assert!(!mailboxes.file(&message("2", 2), 1, 8000).await.expect("refused"));
    assert!(mailboxes.file(&message("2", 2), 9, 8000).await.expect("filed"));
    assert!(!mailboxes.file(&message("3", 3), 9, 8000).await.expect("refused"));
    assert!(!mailboxes.has_room("bob", 9, 8000).await.expect("read"));
    assert!(mailboxes.has_room("bob", 3, 8001).await.expect("read"));
    ground.end().await;
}

#[tokio::test]
async fn a_mailbox_is_locked_after_too_many_wrong_pins() {
    let ground = Ground::new("locked").await;
    let mailboxes = &ground.mailboxes;
    assert_eq!(mailboxes.wrong("6002", 1, 2, 900).await.expect("counted"), Tries { wrong: 1, locked_ms: 0 });
    assert_eq!(mailboxes.wrong("6002", 2, 2, 900).await.expect("locked"), Tries { wrong: 0, locked_ms: 900 });
    let usage = MailboxUse { user: "6002".into(), locked_ms: 900, ..MailboxUse::default() };
    assert_eq!(mailboxes.list(None, 899).await.expect("read"), [usage]);
    assert_eq!(mailboxes.list(None, 900).await.expect("read"), []);
    mailboxes.right("6002").await.expect("forgotten");
    assert_eq!(mailboxes.tries("6002").await.expect("read"), Tries::default());
    ground.end().await;
}

#[tokio::test]
async fn owners_change_their_recordings_and_pins() {
    let ground = Ground::new("settings").await;
    let mailboxes = &ground.mailboxes;
    assert_eq!(mailboxes.settings("bob").await.expect("read"), MailboxSettings::default());
    for which in [Recording::Name, Recording::NoAnswer, Recording::Busy, Recording::Temporary] {
        assert_eq!(mailboxes.set_recording("bob", which, Some("a")).await.expect("set"), None);
        assert_eq!(mailboxes.set_recording("bob", which, Some("b")).await.expect("set"), Some("a".into()));
        assert_eq!(mailboxes.settings("bob").await.expect("read").recording(which), Some("b"));
    }
    mailboxes.set_recording("bob", Recording::Busy, None).await.expect("taken away");
    mailboxes.set_pin("bob", Some(&[7; 52])).await.expect("set");
    let usage = MailboxUse { user: "bob".into(), has_own_pin: true, ..MailboxUse::default() };
    assert_eq!(mailboxes.list(Some("bob"), 9).await.expect("read"), [usage]);
    assert_eq!(mailboxes.list(None, 9).await.expect("read"), []);
    let settings = mailboxes.settings("bob").await.expect("read");
    assert_eq!((settings.pin, settings.busy, settings.name), (Some(vec![7; 52]), None, Some("b".into())));
    ground.end().await;
}

#[tokio::test]
async fn what_is_to_be_delivered_waits_until_it_is_due_and_old_things_are_swept() {
    let ground = Ground::new("due").await;
    let mailboxes = &ground.mailboxes;
    for _ in 0..2 {
        mailboxes.deliver("1", "mail", 5).await.expect("noted");
        mailboxes.deliver("never filed", "mail", 4).await.expect("noted");
    }
    assert_eq!(mailboxes.due("mail", 5, 9).await.expect("read"), [], "it is not filed yet");
    assert!(mailboxes.file(&message("1", 4), 9, 90_000).await.expect("filed"));
    assert_eq!(mailboxes.due("mail", 4, 9).await.expect("read"), []);
    let due = mailboxes.due("mail", 5, 9).await.expect("read");
    assert_eq!((due.len(), due[0].tries, due[0].how.as_str()), (1, 0, "mail"));
    mailboxes.retry(due[0].id, 50).await.expect("later");
    assert_eq!(mailboxes.due("mail", 49, 9).await.expect("read"), []);
    assert_eq!(mailboxes.due("mail", 50, 9).await.expect("read")[0].tries, 1);
    mailboxes.delivered(due[0].id).await.expect("done");
    assert_eq!(mailboxes.due("mail", 99, 9).await.expect("read"), []);
    mailboxes.keep_answer("r", 1, "one", 1).await.expect("kept");
    mailboxes.keep_answer("r", 2, "two", 9).await.expect("kept");
    for (file, at_ms) in [("deleted", 1), ("heard", 2), ("new", 3), ("recent", 3)] {
        assert!(mailboxes.file(&message(file, at_ms), 9, 90_000).await.expect("filed"));
    }
    mailboxes.mark("bob", "deleted", MessageMark::Deleted { at_ms: 5 }).await.expect("marked");
    mailboxes.mark("bob", "heard", MessageMark::Heard { at_ms: 39 }).await.expect("marked");
    mailboxes.mark("bob", "recent", MessageMark::Heard { at_ms: 40 }).await.expect("marked");
    mailboxes.mark("bob", "recent", MessageMark::Heard { at_ms: 1 }).await.expect("it was heard before");
    let swept = mailboxes.sweep(6, 40, 5).await.expect("swept");
    assert_eq!(swept, [("bob".into(), "deleted".into()), ("bob".into(), "heard".into())]);
    assert_eq!(mailboxes.answers("r").await.expect("read"), ["two"]);
    assert!(mailboxes.file(&message("never filed", 60), 9, 90_000).await.expect("filed"));
    assert_eq!(mailboxes.due("mail", 99, 9).await.expect("read"), [], "what was to be told of it is swept");
    ground.end().await;
}
