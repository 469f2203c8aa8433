//! Messages that are sent on, with records and a database.

use super::*;

impl Ground {
    /// Bob hears his message and sends it to alice; gives the command that records his comment, and its name.
    async fn comment(&mut self, run: &str) -> (u32, String) {
        self.start(run, RETRIEVE, "bob");
        self.tell(run, What::Answered { leg: 0 });
        for digits in ["1", "8", "6001"] {
            let id = self.collecting().await;
            self.tell(run, What::Collected { leg: 0, id, digits: digits.into(), why: Ended::Complete });
        }
        loop {
            match self.command().await {
                (id, Command::Play { stop_on_digit: false, .. }) => {
                    self.tell(run, What::Played { leg: 0, id, why: Ended::Complete });
                }
                (id, Command::Record { to, .. }) => return (id, to),
                _ => {}
            }
        }
    }
}

#[tokio::test]
async fn a_message_sent_on_is_in_both_mailboxes_and_both_are_told() {
    let mut ground = Ground::new().await;
    ground.leave("r.1").await;
    assert_eq!(ground.waiting().await, ("bob".into(), 1, 0));
    let (id, to) = ground.comment("r.2").await;
    let file = format!("{to}.wav");
    write(&ground.folder, &file, 3);
    let length = Duration::from_secs(3);
    ground.tell("r.2", What::Recorded { leg: 0, id, file, length, why: Ended::Digit('#') });
    assert_eq!(ground.waiting().await, ("alice".into(), 1, 0));
    assert_eq!(ground.waiting().await, ("bob".into(), 0, 1));
    let mailboxes = ground.voicemail.shared.mailboxes.clone();
    let sent = mailboxes.messages("alice").await.expect("read");
    let kept = mailboxes.messages("bob").await.expect("read");
    let seen = |message: &store::StoredMessage| (message.caller.clone(), message.length_ms, message.is_new);
    assert_eq!(sent.iter().map(seen).collect::<Vec<_>>(), [("0123456789".into(), 7000, true)]);
    assert_eq!(kept.iter().map(seen).collect::<Vec<_>>(), [("0123456789".into(), 4000, false)]);
    assert_eq!(mailboxes.begun().await.expect("read"), [], "the comment stands in the message now");
    let records = &ground.voicemail.shared.records;
    assert_eq!(records.state(&to).expect("our own folder"), store::Recorded::Nothing);
    assert_eq!(records.read(&sent[0].file).expect("our own folder").len(), 46 + 7 * 16_000);
    ground.end().await;
}

#[tokio::test]
async fn a_comment_that_a_crash_cut_off_is_sent_with_its_message_once() {
    let folder = folder();
    let mut ground = Ground::within(folder.clone(), Config::default()).await;
    ground.leave("r.1").await;
    ground.waiting().await;
    let (_, to) = ground.comment("r.2").await;
    ground.voicemail.shared.mailboxes.close().await;
    // Short as it is, it belongs to what was to be sent.
    write(&folder, &format!("{to}.wav"), 1);
    let ground = Ground::within(folder, Config::default()).await;
    let mailboxes = &ground.voicemail.shared.mailboxes;
    while !mailboxes.begun().await.expect("read").is_empty() {
        tokio::task::yield_now().await;
    }
    let sent = mailboxes.messages("alice").await.expect("read");
    assert_eq!(sent.iter().map(|message| message.length_ms).collect::<Vec<_>>(), [5000]);
    assert_eq!(mailboxes.counts("bob").await.expect("read").new, 1);
    // A crash between the filing and the forgetting: it is done again, and changes nothing.
    let again = store::Take {
        file: format!("{to}.wav"),
        user: "alice".into(),
        message: Some(mailboxes.messages("bob").await.expect("read")[0].file.clone()),
        ..store::Take::default()
    };
    write(&ground.folder, &again.file, 1);
    ground.voicemail.shared.file_comment(&again, node::clock::unix_ms()).await;
    assert_eq!(mailboxes.messages("alice").await.expect("read"), sent);
    ground.end().await;
}
