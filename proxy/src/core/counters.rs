//! What the proxy counts: plain fields of a shard, read when somebody asks.

/// Counts since the start, of one shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Octets that were no message.
    pub unparseable: u64,
    /// Responses that were malformed, or matched nothing (RFC 6026 §7.3).
    pub stray_responses: u64,
    /// Requests other than ACK and CANCEL, repeats not counted.
    pub requests: u64,
    /// Requests that were answered without a transaction: OPTIONS to us, challenges, refusals.
    pub stateless_answers: u64,
    /// Requests refused because they were malformed or not allowed.
    pub refused: u64,
    /// Requests refused because a table was full (`requests_max`, `registrations_max`, `transactions_max`).
    pub overloaded: u64,
    /// Requests refused because a user had too many calls in set-up (`calls_per_user_max`).
    pub user_limited: u64,
    /// Requests that had come to us before, unchanged (RFC 5393 §4.2).
    pub loops: u64,
    /// Challenges sent.
    pub challenges: u64,
    /// Credentials that did not fit.
    pub wrong_credentials: u64,
    /// Credentials that were used before.
    pub replayed_credentials: u64,
    /// Registrations accepted.
    pub registrations: u64,
    /// Calls forwarded to at least one phone.
    pub calls: u64,
    /// Calls answered with 2xx.
    pub calls_answered: u64,
    /// Calls conducted by the call core, from the first phone rung.
    pub calls_conducted: u64,
    /// Calls handed to an application.
    pub runs: u64,
    /// Calls that no application of that name took.
    pub runs_refused: u64,
    /// Calls that an application lost; the dial plan went on.
    pub runs_lost: u64,
    /// Calls taken from an application that let the caller wait for too long.
    pub runs_cut: u64,
    /// 2xx that came when another phone had the call or its caller had given up: acknowledged and ended.
    pub late_successes: u64,
    /// Calls that somebody picked up for another, or took over.
    pub pickups: u64,
    /// INVITEs handed to another shard, which may have the call that they take over.
    pub passed: u64,
    /// Calls that were parked.
    pub parks: u64,
    /// Transfers that phones have asked for.
    pub transfers: u64,
    /// Legs ended because their phone gave no sign in time (RFC 4028).
    pub sessions_expired: u64,
    /// Calls ended because their media had stopped.
    pub media_lost: u64,
    /// Branches of all requests.
    pub branches: u64,
    /// Phones left out because a request had `targets_max` of them.
    pub targets_left_out: u64,
    /// Tokens that we had not signed for their dialog.
    pub forged_tokens: u64,
    /// Flows of dialogs that were gone and looked up again.
    pub flows_looked_up: u64,
    /// ACKs that belonged to nothing.
    pub stray_acks: u64,
    /// Subscriptions begun.
    pub subscriptions: u64,
    /// Subscriptions refused (`subscriptions_max`, `subscriptions_per_user_max`).
    pub subscriptions_refused: u64,
    /// Subscriptions whose time ran out.
    pub subscriptions_expired: u64,
    /// Subscriptions ended because a NOTIFY was refused or not answered.
    pub subscriptions_failed: u64,
    /// Lamps that were not lit because the table was full (`calls_max`).
    pub lamps_left_out: u64,
    /// NOTIFYs of our own.
    pub notifies: u64,
    /// Questions that no service answered in time.
    pub questions_unanswered: u64,
    /// Answers that came too late, or for somebody who had gone.
    pub late_answers: u64,
    /// Answers that said that a service could not.
    pub service_errors: u64,
}

/// What is under way in a shard now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Requests being forwarded.
    pub requests: usize,
    /// Registrations being decided.
    pub registrations: usize,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Calls that the call core conducts, answered or not.
    pub conducted: usize,
    /// Questions to services.
    pub questions: usize,
    /// Transactions, ended ones that still absorb repeats included.
    pub transactions: usize,
}

impl Counters {
    /// Each count with its name, as metrics and people know it.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            ("unparseable", self.unparseable),
            ("stray_responses", self.stray_responses),
            ("requests", self.requests),
            ("stateless_answers", self.stateless_answers),
            ("refused", self.refused),
            ("overloaded", self.overloaded),
            ("user_limited", self.user_limited),
            ("loops", self.loops),
            ("challenges", self.challenges),
            ("wrong_credentials", self.wrong_credentials),
            ("replayed_credentials", self.replayed_credentials),
            ("registrations", self.registrations),
            ("calls", self.calls),
            ("calls_answered", self.calls_answered),
            ("calls_conducted", self.calls_conducted),
            ("runs", self.runs),
            ("runs_refused", self.runs_refused),
            ("runs_lost", self.runs_lost),
            ("runs_cut", self.runs_cut),
            ("late_successes", self.late_successes),
            ("pickups", self.pickups),
            ("passed", self.passed),
            ("parks", self.parks),
            ("transfers", self.transfers),
            ("sessions_expired", self.sessions_expired),
            ("media_lost", self.media_lost),
            ("branches", self.branches),
            ("targets_left_out", self.targets_left_out),
            ("forged_tokens", self.forged_tokens),
            ("flows_looked_up", self.flows_looked_up),
            ("stray_acks", self.stray_acks),
            ("subscriptions", self.subscriptions),
            ("subscriptions_refused", self.subscriptions_refused),
            ("subscriptions_expired", self.subscriptions_expired),
            ("subscriptions_failed", self.subscriptions_failed),
            ("lamps_left_out", self.lamps_left_out),
            ("notifies", self.notifies),
            ("questions_unanswered", self.questions_unanswered),
            ("late_answers", self.late_answers),
            ("service_errors", self.service_errors),
        ]
        .into_iter()
    }
}

impl Gauges {
    /// Each with its name.
    pub fn each(&self) -> impl Iterator<Item = (&'static str, usize)> {
        [
            ("requests", self.requests),
            ("registrations", self.registrations),
            ("subscriptions", self.subscriptions),
            ("conducted", self.conducted),
            ("questions", self.questions),
            ("transactions", self.transactions),
        ]
        .into_iter()
    }
}
