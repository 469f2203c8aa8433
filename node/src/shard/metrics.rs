//! The counters of shards and streams as metrics, each with what it means.

use std::sync::Arc;

use super::{Count, Counters};
use crate::listen::StreamCounters;
use crate::telemetry::Page;

/// Writes the counters of all shards and of the stream connections.
pub(super) fn write(page: &mut Page, shards: &[Arc<Counters>], streams: Option<&StreamCounters>) {
    for (number, counters) in shards.iter().enumerate() {
        let shard = number.to_string();
        for (name, help, count) in of_shard(counters) {
            page.counter(&format!("carillon_shard_{name}_total"), help, &[("shard", &shard)], count.read());
        }
    }
    let Some(streams) = streams else {
        return;
    };
    let open = streams.open.read();
    page.gauge("carillon_connections", "Stream connections that are open or being opened.", &[], open as f64);
    for (name, help, count) in of_streams(streams) {
        page.counter(&format!("carillon_connections_{name}_total"), help, &[], count.read());
    }
    const CLOSED: &str =
        "Stream connections that we closed or refused, by the limit or mistake that was met.";
    for (why, count) in [
        ("connections_max", &streams.refused_max),
        ("connections_per_peer_max", &streams.refused_peer),
        ("connect_failed", &streams.connect_failed),
        ("handshake_failed", &streams.handshake_failed),
        ("idle_timeout", &streams.closed_idle),
        ("half_request_timeout", &streams.closed_half),
        ("write_queue_max", &streams.closed_full),
        ("not_sip", &streams.closed_broken),
    ] {
        page.counter("carillon_connections_closed_total", CLOSED, &[("why", why)], count.read());
    }
}

fn of_shard(counters: &Counters) -> [(&'static str, &'static str, &Count); 14] {
    [
        ("turns", "Turns of the shard: how often it woke or went on.", &counters.turns),
        ("packets", "SIP messages given to the core, from all transports.", &counters.packets),
        ("datagrams_in", "Datagrams received, of any kind.", &counters.datagrams),
        ("octets_in", "Octets of the datagrams received.", &counters.octets_in),
        ("datagrams_out", "Datagrams sent.", &counters.sent),
        ("octets_out", "Octets of the datagrams sent.", &counters.octets_out),
        ("keep_alives", "Datagrams without a message, which hold a NAT open.", &counters.keep_alives),
        ("stun", "STUN binding requests answered.", &counters.stun),
        ("handed_over", "Datagrams handed to the shard that owns their Call-ID.", &counters.handed_over),
        ("dropped_full", "Datagrams dropped because the owner's queue was full.", &counters.dropped_full),
        ("unsent", "Datagrams that the kernel did not take.", &counters.unsent),
        ("unreachable", "ICMP errors that came back for datagrams sent.", &counters.unreachable),
        ("panics", "Panics caught. Any is a mistake in Carillon: the log says where.", &counters.panics),
        ("quarantined", "Messages dropped because their like had caused a panic.", &counters.quarantined),
    ]
}

fn of_streams(streams: &StreamCounters) -> [(&'static str, &'static str, &Count); 7] {
    [
        ("accepted", "Stream connections accepted.", &streams.accepted),
        ("made", "Stream connections that we made.", &streams.connected),
        ("messages_in", "SIP messages received over streams.", &streams.messages),
        ("octets_in", "Octets received over streams.", &streams.octets_in),
        ("octets_out", "Octets sent over streams.", &streams.octets_out),
        ("keep_alives", "Keep-alives answered on streams (RFC 5626).", &streams.keep_alives),
        ("unsent", "Messages that could not be queued for their connection.", &streams.unsent),
    ]
}
