//! What an administrator asks and changes.

use super::*;

fn why<T: std::fmt::Debug>(refused: Result<T, Refused>) -> String {
    refused.expect_err("it is refused").0
}

#[tokio::test]
async fn a_mailbox_is_listed_with_what_it_holds_and_a_message_is_thrown_away() {
    let mut ground = Ground::new().await;
    assert_eq!(ground.voicemail.usage(None).await, Ok(vec![]));
    for run in ["r.1", "r.2"] {
        ground.leave(run).await;
        ground.waiting().await;
    }
    let usage = ground.voicemail.usage(None).await.expect("listed");
    let of_bob = |usage: &Usage| (usage.user.clone(), usage.counts.new, usage.length.as_secs(), usage.pin);
    assert_eq!(usage.iter().map(of_bob).collect::<Vec<_>>(), [("bob".into(), 2, 8, "configuration")]);
    assert_eq!((usage[0].messages_max, usage[0].length_max), (100, Duration::from_secs(3600)));
    assert_eq!(ground.voicemail.usage(Some("6002")).await, Ok(usage));
    let alice =
        ground.voicemail.usage(Some("alice")).await.expect("an empty one is listed where it is named");
    assert_eq!((alice[0].counts.new, alice[0].pin), (0, "none"));

    let letters = ground.voicemail.letters("6002").await.expect("listed");
    let (first, second) = (&letters[0].id, &letters[1].id);
    let said = why(ground.voicemail.delete("bob", "").await);
    assert!(said.contains("messages bob"), "{said}");
    assert!(why(ground.voicemail.delete("bob", "msg_").await).contains("no message"));
    assert!(why(ground.voicemail.delete("alice", first).await).contains("alice has no message"));
    assert!(why(ground.voicemail.letters("carol").await).contains("no user carol"));
    let gone = ground.voicemail.delete("6002", &first["msg_".len()..][..12]).await.expect("it is gone");
    assert_eq!(&gone.id, first);
    assert_eq!(ground.waiting().await, ("bob".into(), 1, 0), "phones are told");
    let (kept, path) = ground.voicemail.sound("bob", second).await.expect("it has a sound");
    assert_eq!((&kept.id, path.is_file()), (second, true));
    std::fs::remove_file(path).expect("our own folder");
    assert!(why(ground.voicemail.sound("bob", second).await).contains("cannot be read"));
    ground.end().await;
}

#[tokio::test]
async fn a_pin_that_was_forgotten_is_set_anew_and_the_mailbox_unlocked() {
    let config = Config { wrong_pins_max: 1, ..Config::default() };
    let mut ground = Ground::within(folder(), config).await;
    ground.start("r.1", RETRIEVE, "");
    while !matches!(ground.command().await.1, Command::Answer) {}
    ground.tell("r.1", What::Answered { leg: 0 });
    ground.type_pin("r.1", "1111").await;
    while !matches!(ground.command().await.1, Command::Play { stop_on_digit: false, .. }) {}
    let locked = ground.voicemail.usage(None).await.expect("listed");
    assert!(locked[0].user == "bob" && !locked[0].locked.is_zero(), "{locked:?}");
    assert_eq!(ground.voicemail.unlock("6002").await, Ok(true));
    assert_eq!(ground.voicemail.unlock("6002").await, Ok(false));

    assert!(why(ground.voicemail.reset_pin("bob", Some("1234".into())).await).contains("tried first"));
    assert!(
        why(ground.voicemail.reset_pin("bob", Some("6002".into())).await).contains("number of the mailbox")
    );
    let pin = |usage: Result<Usage, Refused>| usage.expect("it is set").pin;
    assert_eq!(pin(ground.voicemail.reset_pin("bob", Some("90210".into())).await), "own");
    ground.start("r.2", RETRIEVE, "");
    while !matches!(ground.command().await.1, Command::Answer) {}
    ground.tell("r.2", What::Answered { leg: 0 });
    ground.type_pin("r.2", "90210").await;
    ground.collecting().await;
    assert_eq!(pin(ground.voicemail.reset_pin("bob", None).await), "configuration");
    assert_eq!(pin(ground.voicemail.reset_pin("alice", None).await), "none");
    ground.end().await;
}
