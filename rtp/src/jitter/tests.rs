use super::*;

/// A sender of 20 ms packets, a network, and a player that asks every 20 ms, in virtual time.
struct World {
    buffer: JitterBuffer,
    start: Instant,
    /// Arrival in ms, header.
    network: Vec<(f64, Header)>,
    heard: Vec<Heard>,
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Packet(u16),
    Missing,
    Silence,
}

impl World {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let buffer = JitterBuffer::new(8_000, config);
        Self { buffer, start: Instant::now(), network: Vec::new(), heard: Vec::new(), seed: 0x5eed }
    }

    fn chance(&mut self) -> f64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed % 100_000) as f64 / 100_000.0
    }

    /// Packets of these numbers, each sent 20 ms after the one before; the network says when each arrives, if it does.
    fn send(&mut self, from: u16, count: u16, mut network: impl FnMut(&mut Self, u16) -> Option<f64>) {
        for step in 0..count {
            let sequence = from.wrapping_add(step);
            if let Some(delay) = network(self, step) {
                self.network.push((f64::from(step) * 20.0 + delay, header(sequence)));
            }
        }
    }

    /// Plays until this millisecond.
    fn play(&mut self, until: u64) -> Figures {
        let mut network = std::mem::take(&mut self.network);
        network.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut network = network.into_iter().peekable();
        let mut now = self.start;
        for ms in (0..until).step_by(20) {
            now = self.start + Duration::from_millis(ms) + Duration::from_micros(3_300);
            while let Some((at, header)) = network.next_if(|(at, _)| *at < ms as f64) {
                let arrival = self.start + Duration::from_secs_f64(at / 1_000.0);
                self.buffer.insert(arrival, &header, &[0xd5; 160], 160);
            }
            let heard = match self.buffer.play(now) {
                Played::Packet(frame) => Heard::Packet(frame.header.sequence),
                Played::Missing(_) => Heard::Missing,
                Played::Silence => Heard::Silence,
            };
            self.heard.push(heard);
        }
        self.buffer.figures(now)
    }

    fn packets(&self) -> Vec<u16> {
        let number = |heard: &Heard| if let Heard::Packet(number) = heard { Some(*number) } else { None };
        self.heard.iter().filter_map(number).collect()
    }

    fn count(&self, wanted: Heard) -> usize {
        self.heard.iter().filter(|heard| **heard == wanted).count()
    }
}

fn header(sequence: u16) -> Header {
    let timestamp = u32::from(sequence).wrapping_mul(160);
    Header { sequence, timestamp, ssrc: 1, payload_type: 8, marker: false }
}

#[test]
fn a_calm_network_is_played_whole_and_waits_little() {
    let mut world = World::new();
    world.send(0, 500, |_, _| Some(30.0));
    let figures = world.play(10_200);
    assert_eq!(world.packets(), (0..500).collect::<Vec<_>>());
    assert_eq!((figures.late, figures.lost, figures.discarded, figures.stretched), (0, 0, 0, 0));
    assert!(figures.target <= Duration::from_millis(20), "{figures:?}");
}

#[test]
fn the_wait_follows_the_network() {
    let mut world = World::new();
    world.send(0, 3_000, |world, _| Some(20.0 + world.chance() * 80.0));
    let figures = world.play(60_000);
    let wait = figures.delay.as_millis();
    assert!((60..140).contains(&wait), "{figures:?}");
    // Two of a hundred may be late, and some at the start.
    assert!(figures.late < 90, "{figures:?}");
    assert!(world.packets().is_sorted(), "in order whatever came first");
    assert_eq!(figures.played + figures.late + figures.discarded + figures.depth as u64, figures.received);
}

#[test]
fn a_storm_that_passes_leaves_no_delay_behind() {
    let mut world = World::new();
    world.send(0, 6_000, |world, step| {
        let storm = if (500..1_500).contains(&step) { 200.0 } else { 4.0 };
        Some(20.0 + world.chance() * storm)
    });
    let figures = world.play(120_000);
    assert!(figures.stretched >= 4, "it waited longer: {figures:?}");
    assert!(figures.discarded >= 3 && figures.discarded < 30, "and less again: {figures:?}");
    assert!(figures.delay < Duration::from_millis(80), "{figures:?}");
    let calm = &world.heard[world.heard.len() - 1_000..];
    assert!(calm.iter().filter(|heard| matches!(heard, Heard::Packet(_))).count() > 990);
}

#[test]
fn loss_is_told_and_counted() {
    let mut world = World::new();
    world.send(0, 1_000, |_, step| (step % 10 != 5).then_some(20.0));
    let figures = world.play(20_200);
    assert_eq!((figures.lost, figures.played, figures.late), (100, 900, 0));
    assert_eq!(world.count(Heard::Missing), 100 + 3, "and the end, until it is known for one");
}

#[test]
fn packets_out_of_order_are_played_in_order() {
    let mut world = World::new();
    // Each fourth packet comes behind the next one.
    world.send(0, 400, |_, step| Some(if step % 4 == 0 { 45.0 } else { 20.0 }));
    let figures = world.play(8_200);
    assert!(world.packets().is_sorted());
    assert!(figures.late <= 3, "{figures:?}");
}

#[test]
fn doubles_are_played_once() {
    let mut world = World::new();
    world.send(0, 100, |_, _| Some(20.0));
    world.send(0, 100, |_, _| Some(21.0));
    let figures = world.play(2_200);
    assert_eq!((figures.played, figures.doubled), (100, 100));
}

#[test]
fn silence_between_spurts_is_no_loss() {
    let mut world = World::new();
    world.send(0, 100, |_, _| Some(20.0));
    // Two seconds without a packet: the numbers go on, the timestamps jump.
    for step in 0..100_u16 {
        let timestamp = (100 + 100 + u32::from(step)) * 160;
        let marker = step == 0;
        let header = Header { marker, timestamp, ..header(100 + step) };
        world.network.push((4_020.0 + f64::from(step) * 20.0, header));
    }
    let figures = world.play(6_200);
    assert_eq!(world.packets().len(), 200);
    assert_eq!((figures.lost, figures.restarts), (0, 0));
    assert!(world.count(Heard::Silence) > 90 && world.count(Heard::Missing) <= 6, "{:?}", world.heard);
}

#[test]
fn digits_between_packets_are_no_loss() {
    let mut world = World::new();
    world.send(0, 50, |_, _| Some(20.0));
    // Ten packets of a digit: numbers and time go on, but they are not sound.
    world.send(60, 50, |_, _| Some(60.0 * 20.0 + 20.0));
    world.play(1_200);
    (0..10).for_each(|_| world.buffer.other());
    world.send(60, 50, |_, step| Some(1_220.0 + f64::from(step % 2)));
    let figures = world.play(2_600);
    assert_eq!(figures.lost, 0, "{figures:?}");
}

#[test]
fn another_source_and_a_jump_of_time_begin_anew() {
    let mut world = World::new();
    let now = |world: &World, ms: u64| world.start + Duration::from_millis(ms);
    let insert = |world: &mut World, ms: u64, header: Header| {
        let now = now(world, ms);
        world.buffer.insert(now, &header, &[0; 160], 160)
    };
    for step in 0..50_u16 {
        assert_eq!(insert(&mut world, u64::from(step) * 20, header(step)), Inserted::Kept);
    }
    let other = Header { ssrc: 2, ..header(40_000) };
    assert_eq!(insert(&mut world, 1_000, other), Inserted::Kept);
    assert_eq!(world.buffer.figures(now(&world, 1_000)).restarts, 1);
    assert_eq!(world.buffer.figures(now(&world, 1_000)).depth, 1, "what the other source left is gone");
    // The same source with another clock: the first packet may be a stray, the second is not.
    let jumped = |step: u16| Header {
        timestamp: 0x7000_0000 + u32::from(step) * 160,
        ..Header { ssrc: 2, ..header(40_001 + step) }
    };
    assert_eq!(insert(&mut world, 1_020, jumped(0)), Inserted::Stray);
    assert_eq!(insert(&mut world, 1_040, jumped(1)), Inserted::Kept);
    assert_eq!(world.buffer.figures(now(&world, 1_040)).restarts, 2);
}

#[test]
fn numbers_and_timestamps_turn_over() {
    let mut world = World::new();
    for step in 0..100_u16 {
        let timestamp = 0xffff_e000_u32.wrapping_add(u32::from(step) * 160);
        let header = Header { timestamp, ..header(65_500_u16.wrapping_add(step)) };
        world.network.push((20.0 + f64::from(step) * 20.0, header));
    }
    let figures = world.play(2_200);
    assert_eq!((figures.played, figures.lost, figures.late), (100, 0, 0));
}

#[test]
fn clocks_that_drift_are_followed() {
    for drift in [0.998, 1.002] {
        let mut world = World::new();
        for step in 0..15_000_u16 {
            world.network.push((20.0 + f64::from(step) * 20.0 * drift, header(step)));
        }
        let figures = world.play(299_000);
        assert!(figures.delay < Duration::from_millis(100) && figures.depth < 8, "{drift}: {figures:?}");
        let gaps = world.count(Heard::Missing) + world.count(Heard::Silence);
        // 0.2 % of five minutes are 600 ms, which are 30 packets: each costs a stretch, and at most one that is late.
        assert!(gaps <= 64 && figures.late <= 30, "{drift}: {gaps} {figures:?}");
    }
}

#[test]
fn packets_that_wait_have_a_limit() {
    let mut world = World::with(Config { packets_max: 10, ..Config::default() });
    let now = world.start;
    for step in 0..50 {
        world.buffer.insert(now, &header(step), &[0; 160], 160);
    }
    let figures = world.buffer.figures(now);
    assert_eq!((figures.depth, figures.discarded), (10, 40));
    let later = now + Duration::from_secs(2);
    assert!(matches!(world.buffer.play(later), Played::Packet(frame) if frame.header.sequence == 40));
}
