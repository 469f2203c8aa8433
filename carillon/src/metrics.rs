//! What `/metrics` says of the rooms: their counts, each under a name of Prometheus' form, read when scraped.

use std::sync::Arc;

use node::telemetry::{Page, Registry};
use proxy::{Command, Posted, Snapshot};
use tokio::sync::oneshot;

/// Adds the edge's shards to what is scraped.
pub fn add_shards(registry: &Registry, inboxes: &Arc<[node::Inbox<Posted>]>) {
    let inboxes = Arc::clone(inboxes);
    registry.add_asking(move |page| {
        let inboxes = Arc::clone(&inboxes);
        Box::pin(async move {
            for (shard, inbox) in inboxes.iter().enumerate() {
                let (to, answered) = oneshot::channel();
                // Whoever scraped may have gone meanwhile: then nobody misses the answer.
                let answer = Box::new(move |snapshot| {
                    let _ = to.send(snapshot);
                });
                if inbox.post(Posted::Command(Command::Snapshot(answer))).is_ok()
                    && let Ok(snapshot) = answered.await
                {
                    write(page, &shard.to_string(), &snapshot);
                }
            }
        })
    });
}

fn write(page: &mut Page, shard: &str, snapshot: &Snapshot) {
    let labels = [("shard", shard)];
    let counters = &snapshot.counters;
    for (name, help, value) in [
        ("carillon_unparseable_total", "Octets that were no message.", counters.unparseable),
        (
            "carillon_stray_responses_total",
            "Responses that were malformed or matched nothing.",
            counters.stray_responses,
        ),
        (
            "carillon_requests_total",
            "Requests other than ACK and CANCEL, repeats not counted.",
            counters.requests,
        ),
        ("carillon_refused_total", "Requests refused as malformed or not allowed.", counters.refused),
        ("carillon_overloaded_total", "Requests refused because a table was full.", counters.overloaded),
        ("carillon_user_limited_total", "Requests refused by calls_per_user_max.", counters.user_limited),
        ("carillon_loops_total", "Requests that had come here before, unchanged.", counters.loops),
        ("carillon_challenges_total", "Challenges sent.", counters.challenges),
        ("carillon_wrong_credentials_total", "Credentials that did not fit.", counters.wrong_credentials),
        (
            "carillon_replayed_credentials_total",
            "Credentials that were used before.",
            counters.replayed_credentials,
        ),
        ("carillon_registrations_total", "Registrations accepted.", counters.registrations),
        ("carillon_calls_total", "Calls forwarded to at least one phone.", counters.calls),
        ("carillon_calls_answered_total", "Calls answered with 2xx.", counters.calls_answered),
        ("carillon_branches_total", "Branches of all requests.", counters.branches),
        ("carillon_targets_left_out_total", "Phones left out by targets_max.", counters.targets_left_out),
        ("carillon_forged_tokens_total", "Route tokens that were not ours.", counters.forged_tokens),
        (
            "carillon_questions_unanswered_total",
            "Questions that no service answered in time.",
            counters.questions_unanswered,
        ),
        ("carillon_late_answers_total", "Answers that came too late.", counters.late_answers),
        (
            "carillon_service_errors_total",
            "Answers that said that a service could not.",
            counters.service_errors,
        ),
    ] {
        page.counter(name, help, &labels, value);
    }
    let gauges = &snapshot.gauges;
    for (name, help, value) in [
        ("carillon_requests_under_way", "Requests being forwarded.", gauges.requests),
        ("carillon_registrations_under_way", "Registrations being decided.", gauges.registrations),
        ("carillon_questions_under_way", "Questions to services.", gauges.questions),
        (
            "carillon_transactions",
            "Transactions, those that only absorb repeats included.",
            gauges.transactions,
        ),
    ] {
        page.gauge(name, help, &labels, value as f64);
    }
}
