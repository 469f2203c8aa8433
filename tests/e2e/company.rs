//! A small company's telephones, by the example file as it stands: voicemail, the attendant that speaks French, and what
//! an administrator is told. The phones are baresip, linphone and Twinkle; the scenarios are in `rig/company.py`.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use prompt::{Fixed, Language, Offer, Sentence};

use super::exchange::{Exchange, binary, said};
use super::ground::Ground;
use super::needs::{BARESIP, BARESIP_AND_SIPP, LINPHONE, NOTHING, PYTHON, PYTHON_APPLICATION, TWINKLE};
use super::scene::{Scene, USUAL_S};
use super::sipp::{BOB, Run};
use super::spoken;

tests! {
    BARESIP => nobody_answers_and_a_message_is_left_heard_and_deleted,
        greetings_are_recorded_by_phone_and_callers_hear_them,
        a_pin_is_changed_by_phone_and_asked_for_then,
        what_was_said_before_a_crash_is_heard_after_it,
        what_was_said_is_heard_though_the_edge_was_killed_apart,
        what_was_said_is_heard_though_the_media_server_was_killed_apart,
        what_was_said_is_heard_though_voicemail_was_killed_apart,
        the_attendant_greets_where_all_services_are_apart,
        the_attendant_greets_connects_and_greets_again,
        a_phone_that_knows_sixteen_bits_alone_is_greeted_and_connected,
        phones_forward_their_calls_by_codes_and_hear_it_confirmed,
        callers_find_their_ways_through_menus_by_day_and_by_night,
        a_call_is_parked_and_taken_back_from_another_phone;
    BARESIP_AND_SIPP => who_is_put_through_hears_what_is_said_before_the_answer;
    LINPHONE => linphone_leaves_a_message,
        linphone_puts_two_callers_together;
    TWINKLE => twinkle_puts_two_callers_together,
        digits_come_as_events_as_messages_and_as_tones;
    PYTHON_APPLICATION => an_application_in_python_conducts_a_call;
    NOTHING => a_misspelt_name_is_refused_with_the_name_that_was_meant,
        a_greeting_that_cannot_be_played_is_refused;
}

fn a_call_is_parked_and_taken_back_from_another_phone() {
    let text = example().replace("[proxy]\n", "[proxy]\nmusic_on_hold = \"bonsoir.wav\"\n");
    let slot = french(&[Sentence::Digits("701")]);
    play_in(company_and(&text, &[("slot.wav", slot)]), "park", &["udp", "udp", "udp"]);
}

/// The same with another configuration.
pub fn voicemail(change: impl FnOnce(&str) -> String) {
    play_in(company(&change(&example())), "voicemail", &["udp", "udp"]);
}

fn nobody_answers_and_a_message_is_left_heard_and_deleted() {
    play("voicemail", &["udp", "udp"]);
}

fn greetings_are_recorded_by_phone_and_callers_hear_them() {
    let said = [
        ("record-busy.wav", Fixed::RecordBusyGreeting),
        ("record-temporary.wav", Fixed::RecordTemporaryGreeting),
        ("recording-menu.wav", Fixed::RecordingMenu),
        ("kept.wav", Fixed::RecordingKept),
    ];
    // Nobody is rung for long.
    let text = example().replace("after = \"10s\"", "after = \"3s\"");
    play_in(company_hearing(&text, &said), "greetings", &["udp", "udp"]);
}

fn a_pin_is_changed_by_phone_and_asked_for_then() {
    let said = [
        ("which-pin.wav", Fixed::EnterPin),
        ("wrong-pin.wav", Fixed::WrongPin),
        ("new-pin.wav", Fixed::EnterNewPin),
        ("repeat-pin.wav", Fixed::RepeatNewPin),
        ("pin-changed.wav", Fixed::PinChanged),
        ("main-menu.wav", Fixed::MailboxMenu),
    ];
    let text = example().replace("[voicemail]\n", "[voicemail]\nown_phone_pin = true\n");
    play_in(company_hearing(&text, &said), "another-pin", &["udp"]);
}

fn what_was_said_before_a_crash_is_heard_after_it() {
    let mut exchange = company(&example());
    let mut scene = Scene::of("company.py", &exchange, "voicemail-crash", &["udp", "udp"], USUAL_S);
    scene.until("speaking", &mut exchange);
    exchange.crash();
    exchange.restart();
    exchange.wait_for("a message of a call that was cut off is filed");
    scene.go_on();
    scene.until("hung up", &mut exchange);
    scene.go_on();
    scene.end(&mut exchange);
    exchange.end();
}

fn what_was_said_is_heard_though_the_edge_was_killed_apart() {
    leaves_a_message_over("proxy");
}

fn what_was_said_is_heard_though_the_media_server_was_killed_apart() {
    leaves_a_message_over("mediaserver");
}

fn what_was_said_is_heard_though_voicemail_was_killed_apart() {
    leaves_a_message_over("voicemail");
}

/// Five processes; this one dies while a message is left.
fn leaves_a_message_over(role: &str) {
    let mut exchange = company_apart();
    let mut scene = Scene::of("company.py", &exchange, "voicemail-crash", &["udp", "udp"], USUAL_S);
    scene.until("speaking", &mut exchange);
    exchange.part(role).kill();
    exchange.part(role).restart();
    scene.go_on();
    scene.until("hung up", &mut exchange);
    exchange.part("voicemail").wait_for("a message ");
    let listed = said(&exchange.ctl_of("voicemail", &["voicemail", "list"]));
    assert!(listed.contains("\nbob   1"), "{listed}");
    let elsewhere = said(&exchange.try_ctl(&["voicemail", "list"]));
    assert!(elsewhere.contains("kept by another process, https://"), "{elsewhere}");
    scene.go_on();
    scene.end(&mut exchange);
    exchange.end();
}

fn the_attendant_greets_where_all_services_are_apart() {
    play_in(company_apart(), "attendant", &["udp", "udp"]);
}

fn linphone_leaves_a_message() {
    play("linphone-leaves-a-message", &["udp", "udp"]);
}

fn linphone_puts_two_callers_together() {
    play("attended-transfer", &["udp", "udp", "udp"]);
}

fn twinkle_puts_two_callers_together() {
    play("twinkle-consults-and-transfers", &["udp", "udp", "udp"]);
}

fn digits_come_as_events_as_messages_and_as_tones() {
    play("digits-of-all-kinds", &["udp", "udp", "udp", "udp"]);
}

fn the_attendant_greets_connects_and_greets_again() {
    play("attendant", &["udp", "udp"]);
}

fn who_is_put_through_hears_what_is_said_before_the_answer() {
    let bob = "10.99.0.21";
    let text = example().replace(
        "[proxy]\n",
        &format!("[proxy.notifier]\nunsolicited = false\n[proxy]\ntrusted = [\"{bob}/32\"]\n"),
    );
    let mut exchange = company(&text);
    Run::of(&exchange, BOB, "register-open.xml", 1, &["-p", "5070"]).judge(&mut exchange);
    let called = Run::of(
        &exchange,
        BOB,
        "answer-early.xml",
        1,
        &["-p", "5070", "-rtp_echo", "-mi", bob, "-mp", "20500"],
    );
    Scene::of("company.py", &exchange, "early-media", &["udp"], USUAL_S).end(&mut exchange);
    called.judge(&mut exchange);
    exchange.end();
}

fn a_phone_that_knows_sixteen_bits_alone_is_greeted_and_connected() {
    play("sixteen-bits", &["udp", "udp"]);
}

fn phones_forward_their_calls_by_codes_and_hear_it_confirmed() {
    let when_busy = [Sentence::ForwardedTo("7000"), Sentence::Fixed(Fixed::WhenBusy)];
    let exchange = company_and(
        &example(),
        &[
            ("which.wav", french(&[Sentence::Fixed(Fixed::EnterExtension)])),
            ("forwarded.wav", french(&[Sentence::ForwardedTo("6003")])),
            ("own.wav", french(&[Sentence::Fixed(Fixed::ForwardingOff)])),
            ("busy.wav", french(&when_busy)),
            ("peace.wav", french(&[Sentence::Fixed(Fixed::DoNotDisturbOn)])),
        ],
    );
    play_in(exchange, "codes", &["udp", "udp", "udp"]);
}

fn callers_find_their_ways_through_menus_by_day_and_by_night() {
    let more = "operator = \"martin\"\nopen = [{ hours = \"00:00-24:00\" }]\nclosed = \"menu:night\"\n\
                [codes]\nnight_toggle = \"*28\"\n\
                [[group]]\nname = \"sales\"\nextension = \"6010\"\nmembers = [\"bob\", \"martin\"]\n\
                [[menu]]\nname = \"more\"\nkeys = { 1 = \"martin\", 8 = \"language:en\" }\n\
                [[menu]]\nname = \"night\"\ngreeting = \"bonsoir.wav\"\nkeys = { 2 = \"bob\" }\n";
    let keys = "3 = \"martin\", 5 = \"sales\", 6 = \"menu:more\", 0 = \"operator\", 9 = \"hang-up\" }";
    let text = example().replace("3 = \"martin\" }", keys) + more;
    let martin = Sentence::Choice { key: '1', what: Offer::Extension("6003") };
    let exchange = company_and(
        &text,
        &[
            ("for-martin.wav", french(&[martin])),
            ("for-martin-en.wav", spoken::sentences(Language::English, &[martin])),
            ("night.wav", french(&[Sentence::Fixed(Fixed::NightOn)])),
            ("day.wav", french(&[Sentence::Fixed(Fixed::NightOff)])),
            ("goodbye.wav", french(&[Sentence::Fixed(Fixed::Goodbye)])),
        ],
    );
    play_in(exchange, "menus", &["udp", "udp", "udp"]);
}

fn an_application_in_python_conducts_a_call() {
    let more = "[rpc]\napplications = { door = \"http://127.0.0.1:5072\" }\n\
                [[route]]\nextension = \"7777\"\nsteps = [{ application = \"door\" }]\n";
    let mut exchange = Exchange::start(Ground::namespace(), more);
    let mut command = exchange.ground.command(PYTHON);
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    command.arg(top.join("sdk/python/door.py")).env("CARILLON_PROTO", top.join("proto/src"));
    let log = std::fs::File::create(exchange.folder.join("door.log")).expect("our own folder");
    command.env("PYTHONDONTWRITEBYTECODE", "1").stderr(log).stdout(Stdio::piped());
    let mut door = Running(command.spawn().expect("Python is here"));
    let mut lines = BufReader::new(door.0.stdout.take().expect("it was piped")).lines();
    let ready = lines.find_map(|line| line.ok().filter(|line| line.contains("the application is at")));
    assert!(
        ready.is_some(),
        "it does not start: {:?}",
        std::fs::read_to_string(exchange.folder.join("door.log"))
    );
    let mut scene = Scene::of("company.py", &exchange, "door", &["udp", "udp"], USUAL_S);
    scene.until("registered", &mut exchange);
    scene.go_on();
    scene.end(&mut exchange);
    exchange.end();
}

fn a_misspelt_name_is_refused_with_the_name_that_was_meant() {
    let text = example().replace("\"alice\", 2", "\"Alice\", 2");
    let told = check(&text, &spoken::greeting(1));
    assert!(told.contains("Alice") && told.contains("alice") && told.contains("company.toml:"), "{told}");
}

fn a_greeting_that_cannot_be_played_is_refused() {
    let told = check(&example(), b"ID3\x03 this is an MP3");
    assert!(told.contains("bonjour.wav"), "{told}");
}

fn play(scenario: &str, transports: &[&str]) {
    play_in(company(&example()), scenario, transports);
}

fn play_in(mut exchange: Exchange, scenario: &str, transports: &[&str]) {
    Scene::of("company.py", &exchange, scenario, transports, USUAL_S).end(&mut exchange);
    exchange.end();
}

/// The company by this file, its greetings, and what the rig compares recordings with.
fn company(text: &str) -> Exchange {
    company_and(text, &[("deleted.wav", french(&[Sentence::Fixed(Fixed::MessageDeleted)]))])
}

/// The same with each service as a process of its own, where nobody is rung for long.
fn company_apart() -> Exchange {
    let text = example().replace("after = \"10s\"", "after = \"2s\"");
    among(&[], |files| Exchange::start_all_apart(Ground::namespace(), files, &text))
}

/// The same, with further files to compare with.
fn company_and(text: &str, more: &[(&str, Vec<u8>)]) -> Exchange {
    among(more, |files| Exchange::start_among(Ground::namespace(), files, text))
}

/// The same, with words to compare with.
fn company_hearing(text: &str, said: &[(&str, Fixed)]) -> Exchange {
    let sounds: Vec<_> =
        said.iter().map(|(name, words)| (*name, french(&[Sentence::Fixed(*words)]))).collect();
    company_and(text, &sounds)
}

fn among(more: &[(&str, Vec<u8>)], start: impl Fn(&[(&str, &[u8])]) -> Exchange) -> Exchange {
    let before = french(&[Sentence::Fixed(Fixed::LeaveMessage)]);
    let (bonjour, bonsoir) = (spoken::greeting(1), spoken::greeting(2));
    let mut files: Vec<(&str, &[u8])> =
        vec![("leave-message.wav", &before), ("bonjour.wav", &bonjour), ("bonsoir.wav", &bonsoir)];
    files.extend(more.iter().map(|(name, sound)| (*name, &sound[..])));
    start(&files)
}

fn french(said: &[Sentence<'_>]) -> Vec<u8> {
    spoken::sentences(Language::French, said)
}

fn example() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples/french-company.toml");
    std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

/// What `carillon check` says of a configuration that it must refuse.
fn check(text: &str, greeting: &[u8]) -> String {
    let ground = Ground::loopback();
    let folder = std::env::temp_dir().join(format!("carillon-check-{}", ground.address(1)));
    std::fs::create_dir_all(&folder).expect("the temporary folder can be written");
    std::fs::write(folder.join("company.toml"), text).expect("our own folder");
    std::fs::write(folder.join("bonjour.wav"), greeting).expect("our own folder");
    let output = Command::new(binary()).arg("check").arg(folder.join("company.toml")).output();
    let output = output.expect("the binary runs");
    let _ = std::fs::remove_dir_all(&folder);
    assert!(!output.status.success(), "it was accepted: {}", said(&output));
    said(&output)
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
