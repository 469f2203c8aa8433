use super::*;

struct Source {
    reception: Reception,
    start: Instant,
}

impl Source {
    fn new() -> Self {
        Self { reception: Reception::new(7, 8_000), start: Instant::now() }
    }

    /// A packet with this number that comes at this millisecond; its timestamp is that of its number.
    fn at(&mut self, ms: u64, sequence: u16) -> Verdict {
        let timestamp = u32::from(sequence).wrapping_mul(160);
        let header = Header { sequence, timestamp, ..Header::default() };
        self.reception.receive(self.start + Duration::from_millis(ms), &header)
    }

    /// Packets with these numbers, in time.
    fn all(&mut self, numbers: impl IntoIterator<Item = u16>) -> Vec<Verdict> {
        numbers.into_iter().enumerate().map(|(place, number)| self.at(place as u64 * 20, number)).collect()
    }

    fn report(&mut self) -> ReportBlock {
        self.reception.report(self.start + Duration::from_secs(10)).expect("a trusted source")
    }
}

#[test]
fn a_source_is_trusted_after_two_packets_in_a_row() {
    use Verdict::*;
    let mut source = Source::new();
    assert_eq!(source.all([10, 12, 14, 15, 16]), [Probation, Probation, Probation, InOrder, InOrder]);
    let figures = source.reception.figures();
    assert_eq!((figures.expected, figures.received, figures.lost), (2, 2, 0));
    assert_eq!(Source::new().reception.report(Instant::now()), None);
}

#[test]
fn loss_is_counted_whole_and_since_the_last_report() {
    let mut source = Source::new();
    source.all((0..=100).filter(|number| !(41..=60).contains(number)));
    let first = source.report();
    // 100 packets since the source is trusted, 20 of them lost.
    assert_eq!(
        (first.cumulative_lost, first.fraction_lost, first.highest_sequence),
        (20, (20 * 256 / 100) as u8, 100)
    );
    source.all(101..=200);
    let second = source.report();
    assert_eq!((second.cumulative_lost, second.fraction_lost), (20, 0));
    assert_eq!(source.report().fraction_lost, 0, "nothing was expected since");
}

#[test]
fn late_and_double_packets_are_no_loss() {
    use Verdict::*;
    let mut source = Source::new();
    assert_eq!(
        source.all([1, 2, 4, 3, 5, 5]),
        [Probation, InOrder, InOrder, Misordered, InOrder, Misordered]
    );
    assert_eq!(source.report().cumulative_lost, -1, "one came twice");
    assert_eq!(source.report().fraction_lost, 0);
}

#[test]
fn sequence_numbers_turn_over() {
    let mut source = Source::new();
    source.all((0..10).map(|step| 65_530_u16.wrapping_add(step)));
    let report = source.report();
    assert_eq!((report.highest_sequence, report.cumulative_lost), (0x0001_0003, 0));
}

#[test]
fn one_stray_changes_nothing_and_two_in_a_row_are_a_restart() {
    use Verdict::*;
    let mut source = Source::new();
    assert_eq!(source.all([1, 2, 3, 30_000, 4, 5]), [Probation, InOrder, InOrder, Stray, InOrder, InOrder]);
    assert_eq!(source.report().cumulative_lost, 0);
    assert_eq!(source.all([40_000, 40_001, 40_002]), [Stray, Restarted, InOrder]);
    let figures = source.reception.figures();
    assert_eq!((figures.expected, figures.received), (2, 2));
}

/// Arrival times that stray by ±d around their place: jitter comes to about 2d·(mean of the differences).
#[test]
fn jitter_follows_the_arrivals() {
    let jitter = |offset: fn(u64) -> u64| {
        let mut source = Source::new();
        for number in 0..500_u16 {
            source.at(u64::from(number) * 20 + offset(u64::from(number)), number);
        }
        source.reception.figures().jitter
    };
    assert_eq!(jitter(|_| 50), Duration::ZERO);
    let alternating = jitter(|number| if number % 2 == 0 { 0 } else { 10 });
    assert!(alternating.abs_diff(Duration::from_millis(10)) < Duration::from_millis(1), "{alternating:?}");
}

#[test]
fn digits_and_jumps_of_time_are_no_jitter() {
    let mut source = Source::new();
    source.all(0..50);
    for step in 0..50_u16 {
        let header = Header { sequence: 50 + step, timestamp: 49 * 160, ..Header::default() };
        let now = source.start + Duration::from_millis(1_000 + u64::from(step) * 20);
        source.reception.receive(now, &header);
    }
    for step in 0..50_u16 {
        let timestamp = 0x8000_0000 + u32::from(step) * 160;
        let header = Header { sequence: 100 + step, timestamp, ..Header::default() };
        let now = source.start + Duration::from_millis(2_000 + u64::from(step) * 20);
        source.reception.receive(now, &header);
    }
    assert_eq!(source.reception.jitter(), 0);
}

#[test]
fn a_report_says_when_the_senders_last_one_came() {
    let mut source = Source::new();
    source.all(0..10);
    let before = source.report();
    assert_eq!((before.last_report, before.delay), (0, 0));
    source.reception.report_received(source.start + Duration::from_secs(9), NtpTime(0x1234_5678_9abc_def0));
    let after = source.report();
    assert_eq!((after.last_report, after.delay), (0x5678_9abc, 1 << 16));
}

/// What was lost, and what burst it is: how many, lost and packets in them, lost and packets between them.
#[test]
fn losses_are_bursts_or_alone() {
    let table: [(&str, &[u32], (u32, (u32, u32), (u32, u32))); 5] = [
        ("none", &[], (0, (0, 0), (0, 100))),
        ("one alone", &[50], (0, (0, 0), (1, 100))),
        ("two together", &[50, 51], (1, (2, 2), (0, 98))),
        ("15 between", &[20, 36], (1, (2, 17), (0, 83))),
        ("16 between", &[20, 37], (0, (0, 0), (2, 100))),
    ];
    for (what, lost, (bursts, in_bursts, in_gaps)) in table {
        let mut counted = Bursts::default();
        for packet in 0..100 {
            if lost.contains(&packet) { counted.lost() } else { counted.received() }
        }
        let density = |(lost, packets)| Density { lost, packets };
        assert_eq!(counted.figures(), (bursts, density(in_bursts), density(in_gaps)), "{what}");
    }
    let mut rows = Bursts::default();
    for packet in 0..1_000 {
        if packet % 100 < 4 { rows.lost() } else { rows.received() }
    }
    assert!((rows.ratio() - 3.84).abs() < 0.01, "{}", rows.ratio());
}
