//! What an application does, over real sockets: a prompt, a digit, a message, and the message played back.

use std::sync::mpsc::{Receiver, Sender, channel};

use proto::media::{Ended, Repeat};
use rtp::codec::g711;
use rtp::tone::{Tone, level};

use super::*;

struct Heard(Sender<MediaEvent>);

impl MediaSink for Heard {
    fn post(&self, call: &str, event: MediaEvent) {
        assert_eq!(call, "c");
        let _ = self.0.send(event);
    }
}

struct World {
    folder: std::path::PathBuf,
    media: Mediaserver,
    told: Receiver<MediaEvent>,
    phone: UdpSocket,
    /// Where the phone sends to.
    port: u16,
    /// The phone's next packet.
    sequence: u16,
}

const LEG: Leg = Leg::new(0);

impl World {
    fn new(of: &str, ports: &str) -> World {
        let folder = std::env::temp_dir().join(format!("carillon-dialogue-{of}-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("sounds")).expect("a folder of ours");
        let (sounds, recordings) = (Some(folder.join("sounds")), Some(folder.join("recordings")));
        let ports = ports.parse().expect("a range");
        let config = Config { ports, threads: Some(1), sounds, recordings, ..Config::default() };
        let media = Mediaserver::start(&config).expect("it starts");
        let (sender, told) = channel();
        media.follow(Arc::new(Heard(sender)));
        let phone = phone();
        let mut sdp = sdp(&phone);
        sdp.truncate(sdp.len() - 2);
        sdp.extend(b" 101\r\na=rtpmap:101 telephone-event/8000\r\n");
        let address = Some([127, 0, 0, 1].into());
        let attend = Attend { call: "c", leg: LEG, theirs: Theirs::Offer(&sdp), address };
        let answer = ask(|reply| media.attend(&attend, reply)).expect("attended");
        let port = super::port(&answer);
        World { folder, media, told, phone, port, sequence: 0 }
    }

    fn play(&self, id: u32, sounds: &[Sound<'_>]) -> Result<(), ServiceError> {
        let repeat = Repeat::Times(1);
        let play = Play { call: "c", leg: LEG, id, sounds, repeat, stop_on_digit: true };
        ask(|reply| self.media.play(&play, reply))
    }

    /// One packet of the phone.
    fn say(&mut self, payload_type: u8, payload: &[u8]) {
        let mut octets = vec![0x80, payload_type];
        octets.extend(self.sequence.to_be_bytes());
        octets.extend((u32::from(self.sequence) * 160).to_be_bytes());
        octets.extend([0, 0, 0, 9]);
        octets.extend(payload);
        self.sequence += 1;
        self.phone.send_to(&octets, ("127.0.0.1", self.port)).expect("sent");
    }

    /// Hears packets until so many were loud; gives their sound.
    fn hear(&self, loud: usize) -> Vec<i16> {
        let (mut room, mut samples, mut count) = ([0; 2000], Vec::new(), 0);
        while count < loud {
            let (length, _) = self.phone.recv_from(&mut room).expect("it plays");
            let frame: Vec<i16> = room[12..length].iter().map(|octet| g711::of_ulaw(*octet)).collect();
            count += usize::from(level(&frame) > -40.0);
            samples.extend(frame);
        }
        samples
    }

    /// Says a tone until a second of it is in this file.
    fn speak_until_written(&mut self, file: &str) {
        let (file, begun) = (self.folder.join(file), clock::now());
        let mut tone = Tone::new(8000, &[(700.0, -12.0)]);
        let mut samples = [0; 160];
        // The phone's own pace: it hears nothing now, so its socket times out.
        self.phone.set_read_timeout(Some(Duration::from_millis(20))).expect("it is set");
        while std::fs::metadata(&file).map_or(0, |of| of.len()) < 16_000 {
            tone.fill(&mut samples);
            let payload: Vec<u8> = samples.iter().map(|sample| g711::to_ulaw(*sample)).collect();
            self.say(0, &payload);
            let _ = self.phone.recv_from(&mut [0; 10]);
            assert!(begun.elapsed() < SECONDS, "a second of it should be on the disk by now");
        }
        self.phone.set_read_timeout(Some(SECONDS)).expect("it is set");
    }

    fn told(&self) -> MediaEvent {
        self.told.recv_timeout(SECONDS).expect("it is told")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn a_prompt_a_digit_a_message_and_the_message_again() {
    let mut world = World::new("whole", "41500-41599");
    // A sentence of clips, which the digit cuts off.
    let clip = |name| Sound::Clip { language: "en", name };
    let refused =
        world.play(1, &[clip("n1"), clip("nobody-said-this")]).expect_err("no such clip").to_string();
    assert!(refused.contains("en/nobody-said-this"), "{refused}");
    world.play(1, &[clip("n1"), clip("n2"), Sound::Silence(SECONDS)]).expect("it plays");
    let collect = Collect {
        call: "c",
        leg: LEG,
        id: 2,
        digits_max: 1,
        first: SECONDS,
        between: SECONDS,
        end_digits: "#",
    };
    ask(|reply| world.media.collect(&collect, reply)).expect("it collects");
    world.hear(10);
    world.say(101, &[5, 10, 0, 160]);
    let digit = MediaEvent::Digit { leg: LEG, digit: '5', how: proto::media::DigitForm::Event };
    let played = MediaEvent::Played { leg: LEG, id: 1, why: Ended::Digit('5') };
    let collected = MediaEvent::Collected { leg: LEG, id: 2, digits: "5".into(), why: Ended::Complete };
    assert_eq!([world.told(), world.told(), world.told()], [digit, played, collected]);

    // A message, which a digit ends.
    let record = Record {
        call: "c",
        leg: LEG,
        id: 3,
        to: "bob/1",
        max: SECONDS,
        silence: None,
        stop_digits: "#",
        both_sides: false,
        beep: false,
    };
    ask(|reply| world.media.record(&record, reply)).expect("it records");
    world.speak_until_written("recordings/bob/1.part");
    world.say(101, &[11, 10, 0, 160]);
    assert_eq!(world.told(), MediaEvent::Digit { leg: LEG, digit: '#', how: proto::media::DigitForm::Event });
    let MediaEvent::Recorded { leg: LEG, id: 3, file, length, why: Ended::Digit('#') } = world.told() else {
        panic!("it was not recorded")
    };
    assert_eq!(file, "bob/1.wav");
    assert!(length >= Duration::from_millis(900), "{length:?}");

    // And it is heard, with its ending and without.
    for (id, name) in [(4, "record:bob/1"), (5, "record:bob/1.wav")] {
        world.play(id, &[Sound::File(name)]).expect("it plays");
        let heard = world.hear(30);
        // A busy machine sends and takes packets late, and what is late is concealed.
        let toned = heard.chunks(160).filter(|frame| (level(frame) + 12.0).abs() < 2.0).count();
        assert!(toned >= 10, "{toned} frames of {}", heard.len() / 160);
        let stop = Stop { call: "c", leg: LEG, id };
        ask(|reply| world.media.stop(&stop, reply)).expect("stopped");
        assert_eq!(world.told(), MediaEvent::Played { leg: LEG, id, why: Ended::Stopped });
    }
}

#[test]
fn a_greeting_is_heard_anew_once_its_file_was_replaced() {
    let world = World::new("replaced", "41600-41699");
    let file = world.folder.join("sounds/bonjour.ulaw");
    for (id, octet) in [(1, 0x80), (2, 0x90), (3, 0xa0)] {
        std::fs::write(&file, [octet; 480]).expect("written");
        world.play(id, &[Sound::File("bonjour")]).expect("it plays");
        let mut room = [0; 2000];
        for _ in 0..3 {
            let (length, _) = world.phone.recv_from(&mut room).expect("it comes");
            assert_eq!(room[12..length], [octet; 160]);
        }
        assert_eq!(world.told(), MediaEvent::Played { leg: LEG, id, why: Ended::Complete });
    }
}
