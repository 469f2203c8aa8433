//! The target for digits.

use std::time::Duration;

use super::start;
use crate::dtmf::info::Info;
use crate::dtmf::{Press, Receiver};

/// Events in any order and bodies of INFO: a key that goes down comes up once, before another goes down.
pub fn dtmf(octets: &[u8]) {
    if let Ok(info) = Info::read(octets) {
        assert_eq!(Info::read(info.relay().as_bytes()), Ok(info), "a body is read as it was written");
    }
    // Six octets are a packet: how much later its timestamp is, and its payload.
    let (mut receiver, mut timestamp, mut down) = (Receiver::new(8_000), 0_u32, None);
    let mut now = start();
    for packet in octets.as_chunks::<6>().0 {
        let [t0, t1, payload @ ..] = packet;
        timestamp = timestamp.wrapping_add_signed(i32::from(i16::from_be_bytes([*t0, *t1])));
        now += Duration::from_millis(20);
        let told = receiver.receive(now, timestamp, payload).expect("four octets are an event");
        told.into_iter().flatten().for_each(|press| follow(press, &mut down));
    }
    if let Some(press) = receiver.idle(now + Duration::from_secs(1)) {
        follow(press, &mut down);
    }
    assert_eq!(receiver.idle(now + Duration::from_secs(2)), None);
}

fn follow(press: Press, down: &mut Option<crate::dtmf::Digit>) {
    match press {
        Press::Down(digit) => assert_eq!(down.replace(digit), None, "one key at a time"),
        Press::Up(digit, _) => assert_eq!(down.take(), Some(digit), "what comes up went down"),
    }
}
