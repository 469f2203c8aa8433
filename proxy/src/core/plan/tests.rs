//! The dial plan, as a table of files, numbers and what happens.

use serde::Deserialize;
use toml::Spanned;

use super::*;
use crate::config::plan::{DialConfig, GroupConfig, ParkConfig, RouteConfig};
use crate::core::route::Strategy;

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    dial: DialConfig,
    #[serde(default)]
    route: Vec<Spanned<RouteConfig>>,
    #[serde(default)]
    group: Vec<Spanned<GroupConfig>>,
}

const USERS: [&str; 6] = ["alice", "6001", "bob", "6002", "martin", "6003"];

fn built(text: &str) -> Result<(Plan, Vec<PlanWarning>), Vec<PlanError>> {
    let file: File = toml::from_str(text).unwrap_or_else(|why| panic!("{why}"));
    Plan::build(&file.dial, &file.route, &file.group, &USERS, &attached())
}

fn attached() -> Attached {
    let number = |number: &str, purpose: &str| AttachedNumber {
        number: number.into(),
        purpose: purpose.into(),
        at: 7..9,
    };
    Attached {
        applications: vec!["voicemail".into(), "menu".into()],
        numbers: vec![number("6099", "voicemail/retrieve"), number("7000", "menu/accueil")],
        patterns: vec![number("_*72!", "menu/forward")],
        unanswered: None,
        park: None,
        anchored: vec!["bob".into(), "6002".into()],
        music: vec![("bob".into(), "bob.wav".into())],
    }
}

/// `alice+bob 10s | martin | 480 closed`.
fn shown(decision: &Decision) -> String {
    let step = |step: &Step| match step {
        Step::Ring { users, seconds, strategy } => {
            let between = if *strategy == Strategy::All { "+" } else { ">" };
            let time = seconds.map(|seconds| format!(" {seconds}s")).unwrap_or_default();
            format!("{}{time}", users.join(between))
        }
        Step::Application { purpose, needs_user } => {
            format!("{purpose}{}", if *needs_user { " of a user" } else { "" })
        }
        Step::Answer { status, reason } => {
            let reason = reason.as_deref().map(|reason| format!(" {reason}")).unwrap_or_default();
            format!("{status}{reason}")
        }
    };
    decision.steps.iter().map(step).collect::<Vec<_>>().join(" | ")
}

fn call<'a>(to_user: &'a str, from_user: Option<&'a str>, unix_s: i64) -> Call<'a> {
    Call { to_user, host_is_local: true, from_user, from_extension: None, method: "INVITE", unix_s }
}

/// Monday 2026-11-23, 10:00 UTC.
const MONDAY_TEN: i64 = 1_795_428_000;

#[test]
fn the_first_rule_that_matches_decides() {
    let (plan, warnings) = built(
        r#"
        [dial]
        time_zone = "UTC"
        [[route]]
        name = "night"
        extension = "6000"
        when = { days = "mon-fri", hours = "08:00-18:00", not = true }
        steps = [{ answer = 480, reason = "closed" }]
        [[route]]
        extension = "6000"
        steps = [{ ring = ["sales"], for = "10s" }, { ring = "martin" }]
        [[route]]
        name = "abroad"
        prefix = "00"
        from = ["alice", "_m."]
        steps = [{ ring = "$number" }]
        [[route]]
        prefix = "00"
        steps = [{ answer = 403 }]
        [[route]]
        pattern = "_61XX"
        steps = [{ ring = ["alice", "bob"], strategy = "in-order", for = "5s" }, { answer = 486 }]
        [[group]]
        name = "sales"
        extension = "6010"
        members = ["alice", "bob", "alice"]
        strategy = "in-order"
        for = "15s"
        "#,
    )
    .expect("a good plan");
    assert_eq!(warnings, []);
    for (dialled, caller, unix_s, rule, steps) in [
        ("6000", Some("bob"), MONDAY_TEN, "extension 6000", "alice+bob 10s | martin"),
        ("6000", Some("bob"), MONDAY_TEN + 9 * 3600, "night", "480 closed"),
        ("6000", None, MONDAY_TEN + 5 * 86_400, "night", "480 closed"),
        ("0033140", Some("alice"), MONDAY_TEN, "abroad", "0033140"),
        ("0033140", Some("martin"), MONDAY_TEN, "abroad", "0033140"),
        ("0033140", Some("bob"), MONDAY_TEN, "prefix 00", "403"),
        ("0033140", None, MONDAY_TEN, "prefix 00", "403"),
        ("6123", Some("bob"), MONDAY_TEN, "pattern _61XX", "alice>bob 5s | 486"),
        ("6010", Some("bob"), MONDAY_TEN, "group sales", "alice>bob 15s"),
        ("6002", Some("alice"), MONDAY_TEN, "no rule: a user's name or extension", "6002"),
        ("bob", Some("alice"), MONDAY_TEN, "no rule: a user's name or extension", "bob"),
    ] {
        let decision = plan.decide(&call(dialled, caller, unix_s));
        assert_eq!(
            (&*decision.rule, shown(&decision)),
            (rule, steps.to_owned()),
            "{dialled} from {caller:?}"
        );
    }
    let night = call("6000", Some("bob"), MONDAY_TEN);
    assert_eq!(plan.explain(&night).passed, [("night".into(), Passed::Time)]);
    let abroad = call("001", Some("bob"), MONDAY_TEN);
    assert_eq!(plan.explain(&abroad).passed, [("abroad".into(), Passed::Caller)]);
}

#[test]
fn applications_take_calls_by_rule_by_number_and_where_nobody_answers() {
    let text = "[[route]]\nextension = \"6050\"\nsteps = [{ ring = \"bob\", for = \"5s\" }, { application = \"menu/x\" }]";
    let file: File = toml::from_str(text).expect("good");
    let unanswered =
        Unanswered { after: std::time::Duration::from_millis(9500), purpose: "voicemail/deposit".into() };
    let attached = Attached { unanswered: Some(unanswered), ..attached() };
    let (plan, warnings) =
        Plan::build(&file.dial, &file.route, &file.group, &USERS, &attached).expect("a good plan");
    assert_eq!(warnings, []);
    for (dialled, method, rule, steps) in [
        ("6050", "INVITE", "extension 6050", "bob 5s | menu/x"),
        ("7000", "INVITE", "menu/accueil", "menu/accueil"),
        ("*726003", "INVITE", "menu/forward", "menu/forward"),
        ("6099", "INVITE", "voicemail/retrieve", "voicemail/retrieve"),
        ("6002", "INVITE", "no rule: a user's name or extension", "6002 10s | voicemail/deposit of a user"),
        ("6002", "MESSAGE", "no rule: a user's name or extension", "6002"),
    ] {
        let decision = plan.decide(&Call { method, ..call(dialled, Some("alice"), MONDAY_TEN) });
        assert_eq!((&*decision.rule, shown(&decision)), (rule, steps.to_owned()), "{method} {dialled}");
    }
}

#[test]
fn a_rule_and_a_user_say_whose_media_go_through_us() {
    let (plan, _) = built(
        "[[route]]\nprefix = \"00\"\nanchor = \"nat\"\nsteps = [{ ring = \"martin\" }]\n\
         [[route]]\nprefix = \"01\"\nanchor = \"never\"\nsteps = [{ ring = \"bob\" }]",
    )
    .expect("a good plan");
    for (dialled, caller, anchor) in [
        ("001", "alice", Some(Anchor::Nat)),
        ("001", "bob", Some(Anchor::Always)),
        ("011", "alice", Some(Anchor::Always)),
        ("6002", "alice", Some(Anchor::Always)),
        ("6003", "bob", Some(Anchor::Always)),
        ("6003", "alice", None),
    ] {
        let call = call(dialled, Some(caller), MONDAY_TEN);
        assert_eq!(plan.anchor(&call, &plan.decide(&call)), anchor, "{dialled} from {caller}");
    }
}

#[test]
fn a_number_of_a_service_that_is_in_use_is_refused() {
    for (text, number, hint) in [
        ("", "6001", "in use by a user"),
        ("[[group]]\nname = \"a\"\nextension = \"7001\"\nmembers = \"bob\"", "7001", "in use by group a"),
        ("[[route]]\nextension = \"7001\"\nsteps = [{ answer = 486 }]", "7001", "in use by route"),
        ("", "6099", "in use by voicemail/retrieve"),
        ("", "_7XXX", "looks like a pattern"),
    ] {
        let text = text.replace("= \"bob\"", "= [\"bob\"]");
        let file: File = toml::from_str(&text).expect("good");
        let mut attached = attached();
        attached.numbers[1].number = number.into();
        let said = Plan::build(&file.dial, &file.route, &file.group, &USERS, &attached).expect_err(hint);
        assert!(said[0].what.contains(hint), "{said:?} names {hint:?}");
        assert_eq!(said[0].at, 7..9);
    }
}

#[test]
fn a_plan_that_cannot_work_is_refused_with_the_cause() {
    for (text, hint) in [
        ("[dial]\ntime_zone = \"Paris\"", "Europe/Paris"),
        ("[[route]]\nsteps = [{ answer = 486 }]", "names no number"),
        ("[[route]]\nextension = \"1\"\nprefix = \"1\"\nsteps = [{ answer = 486 }]", "twice"),
        ("[[route]]\nextension = \"_6XXX\"\nsteps = [{ answer = 486 }]", "pattern = \"_6XXX\""),
        ("[[route]]\nextension = \"1\"\nsteps = []", "no steps"),
        ("[[route]]\nextension = \"1\"\nsteps = [{}]", "step 1 does nothing"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ answer = 200 }]", "300 to 699"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ answer = 999 }]", "300 to 699"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ answer = 486 }, { ring = \"bob\" }]", "never reached"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ ring = \"bob\", answer = 486 }]", "two steps"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ answer = 486, for = \"2s\" }]", "mean nothing"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ ring = \"bob\", for = \"0s\" }]", "zero"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ ring = \"bob\", reason = \"x\" }]", "goes with `answer`"),
        ("[[route]]\nextension = \"1\"\nfrom = \"_\"\nsteps = [{ ring = \"bob\" }]", "matches nothing"),
        ("[[route]]\nextension = \"1\"\nwhen = { days = \"x\" }\nsteps = [{ ring = \"bob\" }]", "mon-fri"),
        (
            "[[route]]\nextension = \"1\"\nsteps = [{ application = \"queue/deposit\" }]",
            "step 1: no application \"queue\"; there are voicemail, menu",
        ),
        ("[[route]]\nextension = \"1\"\nsteps = [{ application = \"voicmail\" }]", "\"voicemail\" exists"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ application = \"menu/a\", ring = \"bob\" }]", "two steps"),
        ("[[group]]\nname = \"bob\"\nmembers = [\"alice\"]", "taken"),
        (
            "[[group]]\nname = \"a\"\nmembers = [\"bob\"]\n[[group]]\nname = \"a\"\nmembers = [\"bob\"]",
            "taken",
        ),
        ("[[group]]\nname = \"a\"\nextension = \"6001\"\nmembers = [\"bob\"]", "belongs to a user"),
        ("[[group]]\nname = \"a\"\nextension = \"1\"\nmembers = []", "no members"),
        (
            "[[group]]\nname = \"a\"\nextension = \"1\"\nmembers = [\"b\"]\n[[group]]\nname = \"b\"\nmembers = [\"a\"]",
            "itself",
        ),
    ] {
        let said = built(text).expect_err(hint);
        assert!(said.iter().any(|error| error.what.contains(hint)), "{said:?} names {hint:?}");
        assert!(said.iter().all(|error| !text[error.at.clone()].is_empty()), "{said:?} says where");
    }
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    for (text, hint) in [
        ("[[route]]\nextension = \"1\"\nsteps = [{ ring = \"Bob\" }]", "bob exists"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ ring = \"bobb\" }]", "; bob exists"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ ring = \"matrin\" }]", "; martin exists"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ ring = \"6009\" }]", "users add"),
        ("[[route]]\nextension = \"1\"\nsteps = [{ ring = \"zoe\" }]", "users add"),
        (
            "[[route]]\nprefix = \"1\"\nsteps = [{ ring = \"bob\" }]\n[[route]]\nextension = \"12\"\nsteps = [{ ring = \"bob\" }]",
            "never reached",
        ),
    ] {
        let (_, warnings) = built(text).expect("it works all the same");
        assert!(warnings.iter().any(|warning| warning.what.contains(hint)), "{warnings:?} names {hint:?}");
    }
}

#[test]
fn slots_are_numbers_of_their_own_where_calls_are_parked() {
    let park = |slots: &str| Attached {
        park: {
            let (slots, number) = slots.split_once(' ').unwrap_or((slots, ""));
            let number = (!number.is_empty()).then(|| number.to_owned());
            let after = node::config::Duration::from_secs(60);
            Some((ParkConfig { slots: slots.into(), number, after }, 3..5))
        },
        ..attached()
    };
    let build = |slots: &str, routes: &str| {
        let file: File = toml::from_str(routes).unwrap_or_else(|why| panic!("{why}"));
        Plan::build(&file.dial, &file.route, &file.group, &USERS, &park(slots))
    };
    let (plan, _) = build("001-002 700", "").expect("a plan");
    let slots: Vec<_> =
        (0..).map_while(|place| plan.park_anywhere("700", place)).map(|(slot, _)| slot).collect();
    assert_eq!(slots, ["001".into(), "002".into()] as [Box<str>; 2]);
    assert_eq!(plan.park_anywhere("001", 0), None);
    assert_eq!(shown(&plan.decide(&call("700", None, MONDAY_TEN))), "404 Nobody Is Parked Here");
    let (plan, _) = build("701-720", "").expect("a plan");
    assert_eq!(plan.park_anywhere("700", 0), None);
    assert_eq!(plan.park("701"), Some(Duration::from_secs(60)));
    assert_eq!((plan.park("721"), plan.park("70")), (None, None));
    let decision = plan.decide(&call("702", None, MONDAY_TEN));
    assert_eq!((&*decision.rule, &*shown(&decision)), ("park 701-720", "404 Nobody Is Parked Here"));
    let route = "[[route]]\nname = \"lift\"\nextension = \"705\"\nsteps = [{ answer = 486 }]\n";
    for (slots, routes, what) in [
        ("6000-6002", "", "park: slot 6001 is in use by a user; choose other slots"),
        ("7000-7009", "", "park: slot 7000 is in use by menu/accueil; choose other slots"),
        ("701-720", route, "park: slot 705 is in use by route \"lift\"; choose other slots"),
        ("701-720 6001", "", "park: number 6001 is in use by a user; choose another"),
        ("701-720 701", "", "park: number 701 is one of the slots; choose another"),
        ("701", "", "park: slots: range \"701\" has no '-'; write it as \"6000-6099\""),
    ] {
        let errors = build(slots, routes).expect_err(what);
        assert_eq!((&*errors[0].what, errors[0].at.clone()), (what, 3..5));
    }
}

#[test]
fn who_holds_says_what_is_heard_and_then_the_route() {
    let text = "[[route]]\nname = \"shop\"\nextension = \"9\"\nmusic_on_hold = \"shop.wav\"\nsteps = [{ ring = \"bob\" }]\n";
    let (plan, _) = built(text).expect("a plan");
    for (rule, holder, heard) in [
        (Some("shop"), Some("bob"), Some("bob.wav")),
        (Some("shop"), Some("alice"), Some("shop.wav")),
        (Some("shop"), None, Some("shop.wav")),
        (Some("other"), Some("alice"), None),
        (None, None, None),
    ] {
        assert_eq!(plan.music(rule, holder), heard, "{rule:?} {holder:?}");
    }
}

#[test]
fn members_of_a_group_with_pickup_pick_up_each_others_calls() {
    let group = |name: &str, members: &str, pickup: bool| {
        format!("[[group]]\nname = \"{name}\"\nmembers = [{members}]\npickup = {pickup}\n")
    };
    let text = group("office", "\"alice\", \"sales\"", true) + &group("sales", "\"6002\"", false);
    let (plan, _) = built(&text).expect("a plan");
    assert!(plan.pick_up_together(&["alice", "6001"], &["bob", "6002"]));
    assert!(!plan.pick_up_together(&["alice", "6001"], &["martin", "6003"]));
}
