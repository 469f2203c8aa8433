//! What `/metrics` says of the media.

use std::sync::atomic::Ordering;

use node::telemetry::Page;

use super::{Figures, Mediaserver};

impl Mediaserver {
    /// Writes what happened so far; a second old at the most.
    pub fn metrics(&self, page: &mut Page) {
        let figures: Vec<Figures> = self.threads.iter().map(super::Thread::figures).collect();
        for (thread, figures) in figures.iter().enumerate() {
            let thread = thread.to_string();
            of_thread(page, &[("thread", &thread)], figures);
        }
        page.gauge(
            "carillon_media_ports_free",
            "Media ports that are free.",
            &[],
            self.pool.ports_free().into(),
        );
        const FULL: &str = "Questions refused because too many waited for a media thread.";
        page.counter("carillon_media_queue_full_total", FULL, &[], self.overloaded.load(Ordering::Relaxed));
    }
}

fn of_thread(page: &mut Page, labels: &[(&str, &str)], figures: &Figures) {
    let Figures { core, tally, panics } = figures;
    page.gauge("carillon_media_sessions", "Calls that have media here.", labels, core.sessions as f64);
    const ONE_WAY: &str = "Legs of which nothing comes now while their peer is heard.";
    page.gauge("carillon_media_one_way", ONE_WAY, labels, core.one_way_now as f64);
    for (name, help, value) in [
        ("carillon_media_sessions_total", "Calls that have had media here.", core.sessions_begun),
        ("carillon_media_packets_total", "RTP packets relayed.", core.relayed),
        ("carillon_media_octets_total", "Octets of RTP relayed, headers included.", core.relayed_octets),
        ("carillon_media_strays_total", "Packets from elsewhere than the phone's own address.", core.strays),
        (
            "carillon_media_unrouted_total",
            "Packets with nowhere to go: not answered, on hold.",
            core.unrouted,
        ),
        ("carillon_media_orphans_total", "Packets that came after their call had ended.", core.orphans),
        (
            "carillon_media_overloaded_total",
            "Offers refused: sessions_max, or no free port.",
            core.overloaded,
        ),
        (
            "carillon_media_forsaken_total",
            "Sessions ended because nobody was heard and no proxy knew the call.",
            core.forsaken,
        ),
        (
            "carillon_media_inactive_total",
            "Legs that fell silent for as long as inactivity says.",
            core.inactive,
        ),
        (
            "carillon_media_one_way_total",
            "Times that nothing came from a leg while its peer was heard.",
            core.one_way,
        ),
        ("carillon_media_quiet_total", "Times that a leg sent nothing but silence for 10 s.", core.quiet),
        ("carillon_media_reports_total", "RTCP reports of our own.", core.reports),
        ("carillon_media_judged_total", "Legs that ended and whose sound could be judged.", core.judged),
        ("carillon_media_poor_total", "Those of them with a mean opinion score below 3.1.", core.poor),
        ("carillon_media_send_errors_total", "Packets that the kernel did not send.", tally.unsent),
        ("carillon_media_icmp_errors_total", "Packets that nobody took, by ICMP.", tally.untaken),
        ("carillon_media_ports_taken_total", "Ports that another program had.", tally.unbound),
        (
            "carillon_media_unspooled_total",
            "Pieces of recordings lost: the disk was too slow.",
            tally.unspooled,
        ),
        ("carillon_media_panics_total", "Mistakes of ours that ended one input.", *panics),
    ] {
        page.counter(name, help, labels, value);
    }
}
