//! What `/metrics` says of the rooms: their counts, each under a name of Prometheus' form, read when scraped.

use std::sync::Arc;

use node::telemetry::{Page, Registry};
use proto::application::ApplicationCounters;
use proto::{ClientCounters, NearCounters};
use proxy::core::counters::Counters;
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
        ("carillon_calls_conducted_total", "Calls that the call core conducted.", counters.calls_conducted),
        (
            "carillon_late_successes_total",
            "2xx of phones when another had the call or its caller had given up.",
            counters.late_successes,
        ),
        ("carillon_media_lost_total", "Calls ended because their media had stopped.", counters.media_lost),
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
    write_runs(page, &labels, counters);
    write_subscriptions(page, &labels, snapshot);
    let gauges = &snapshot.gauges;
    for (name, help, value) in [
        ("carillon_requests_under_way", "Requests being forwarded.", gauges.requests),
        ("carillon_conducted_calls", "Calls that the call core conducts.", gauges.conducted),
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

fn write_subscriptions(page: &mut Page, labels: &[(&str, &str)], snapshot: &Snapshot) {
    let counters = &snapshot.counters;
    for (name, help, value) in [
        ("carillon_subscriptions_total", "Subscriptions begun.", counters.subscriptions),
        (
            "carillon_subscriptions_refused_total",
            "Subscriptions refused by subscriptions_max and subscriptions_per_user_max.",
            counters.subscriptions_refused,
        ),
        (
            "carillon_subscriptions_failed_total",
            "Subscriptions whose phone was gone.",
            counters.subscriptions_failed,
        ),
        ("carillon_lamps_left_out_total", "Lamps that were not lit by calls_max.", counters.lamps_left_out),
        ("carillon_notifies_total", "NOTIFYs of our own.", counters.notifies),
    ] {
        page.counter(name, help, labels, value);
    }
    let held = snapshot.gauges.subscriptions as f64;
    page.gauge("carillon_subscriptions", "Subscriptions of phones.", labels, held);
}

fn write_runs(page: &mut Page, labels: &[(&str, &str)], counters: &Counters) {
    const RUNS: &str = "Calls handed to an application, by what became of it: begun, refused since no application of \
                        that name took them, lost by it, or cut since it let the caller wait.";
    for (outcome, value) in [
        ("begun", counters.runs),
        ("refused", counters.runs_refused),
        ("lost", counters.runs_lost),
        ("cut", counters.runs_cut),
    ] {
        let labels = [labels, &[("outcome", outcome)]].concat();
        page.counter("carillon_runs_total", RUNS, &labels, value);
    }
}

/// The bindings of this process's own registrar.
pub fn of_registrar(page: &mut Page, counters: &registrar::core::Counters) {
    page.gauge("carillon_bindings", "Bindings that stand.", &[], counters.bindings as f64);
    const REGISTERED: &str = "REGISTER requests that came to the registrar, by what became of them.";
    for (outcome, value) in [
        ("accepted", counters.accepted),
        ("fetched", counters.fetched),
        ("too_brief", counters.too_brief),
        ("out_of_order", counters.out_of_order),
        ("malformed", counters.malformed),
        ("contacts_max", counters.contacts_full),
        ("bindings_max", counters.bindings_full),
    ] {
        page.counter("carillon_registrar_requests_total", REGISTERED, &[("outcome", outcome)], value);
    }
    const LOCATED: &str = "Addresses of record that were looked up.";
    page.counter("carillon_registrar_located_total", LOCATED, &[], counters.located);
    const EXPIRED: &str = "Bindings that ended because nobody refreshed them.";
    page.counter("carillon_bindings_expired_total", EXPIRED, &[], counters.expired);
}

/// The copies that stand before the registrar of another process.
pub fn of_near_copy(page: &mut Page, counters: &NearCounters) {
    page.gauge("carillon_near_aors", "Addresses of record in the near-copy.", &[], counters.aors as f64);
    const FROM: &str =
        "Look-ups, by who answered: a fresh copy, the registrar, or a stale copy in its absence.";
    for (from, value) in [("copy", counters.fresh), ("registrar", counters.asked), ("stale", counters.stale)]
    {
        page.counter("carillon_near_lookups_total", FROM, &[("from", from)], value);
    }
}

/// The stream of questions to a service of another process.
pub fn of_client(page: &mut Page, service: &str, counters: &ClientCounters) {
    let labels = [("service", service)];
    let connected = f64::from(u8::from(counters.connected));
    page.gauge("carillon_service_connected", "1 while the service is connected.", &labels, connected);
    const WAITING: &str = "Questions that wait for an answer.";
    page.gauge("carillon_service_in_flight", WAITING, &labels, counters.in_flight as f64);
    const LOST: &str = "How often an open stream to the service was lost.";
    page.counter("carillon_service_lost_total", LOST, &labels, counters.lost);
    const ASKED: &str = "Questions sent to the service.";
    page.counter("carillon_service_asked_total", ASKED, &labels, counters.asked);
    const OUTCOMES: &str = "Questions to the service, by how they ended.";
    for (outcome, value) in [
        ("answered", counters.answered),
        ("deadline", counters.deadlines),
        ("in_flight_max", counters.overloaded),
        ("unavailable", counters.unavailable),
    ] {
        let labels = [("service", service), ("outcome", outcome)];
        page.counter("carillon_service_questions_total", OUTCOMES, &labels, value);
    }
}

/// Runs at an application of another process.
pub fn of_application(page: &mut Page, application: &str, counters: &ApplicationCounters) {
    let labels = [("application", application)];
    page.gauge("carillon_application_runs", "Calls that it conducts.", &labels, counters.runs as f64);
    const BEGUN: &str = "Calls that were handed to it.";
    page.counter("carillon_application_runs_total", BEGUN, &labels, counters.begun);
    const OUTCOMES: &str =
        "What befell its runs: told anew to another instance, refused as too many, given up.";
    for (outcome, value) in
        [("replayed", counters.replays), ("runs_max", counters.overloaded), ("lost", counters.lost)]
    {
        let labels = [("application", application), ("outcome", outcome)];
        page.counter("carillon_application_trouble_total", OUTCOMES, &labels, value);
    }
}
