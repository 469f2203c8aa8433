//! INVITE client ladders (RFC 3261 §17.1.1, RFC 6026 §7.2), and CANCEL (§9.1).

use std::time::Duration;

use super::super::Intervals;
use super::ladder::{Setup, check};

#[test]
fn an_unanswered_invite_is_repeated_at_a_until_b() {
    check(
        Setup::UDP,
        "0     tu   INVITE
         0     out  INVITE
         0.5   out  INVITE             # A doubles without a limit
         1.5   out  INVITE
         3.5   out  INVITE
         7.5   out  INVITE
         15.5  out  INVITE
         31.5  out  INVITE
         32    tu   failure(timeout)
         32    gone",
    );
    check(
        Setup::TCP,
        "0     tu   INVITE
         0     out  INVITE
         32    tu   failure(timeout)
         32    gone",
    );
}

#[test]
fn a_failure_is_acknowledged_each_time_and_passed_up_once() {
    check(
        Setup::UDP,
        "0     tu   INVITE
         0     out  INVITE
         0.1   in   100
         0.1   tu   100
         2     in   180
         2     tu   180
         2.1   in   180                # each provisional response is passed up
         2.1   tu   180
         60    in   486                # nothing limits ringing here
         60    out  ACK
         60    tu   486
         60.5  in   486
         60.5  out  ACK
         61    in   180                # late
         61    in   200                # not any more
         92    gone",
    );
}

#[test]
fn over_a_stream_a_failure_ends_at_once() {
    check(
        Setup::TCP,
        "0     tu   INVITE
         0     out  INVITE
         1     in   404
         1     out  ACK
         1     tu   404
         1     gone
         2     in   404
         2     stray",
    );
}

#[test]
fn every_2xx_is_passed_up_for_64_t1_and_nothing_is_acknowledged_here() {
    for setup in [Setup::UDP, Setup::TCP] {
        check(
            setup,
            "0     tu   INVITE
             0     out  INVITE
             0.1   in   200
             0.1   tu   200
             0.6   in   200
             0.6   tu   200
             0.7   in   180                # only 2xx
             0.8   in   486
             32.1  gone
             33    in   200
             33    stray",
        );
    }
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    check(
        Setup::UDP,
        "0     tu   INVITE
         0     out  INVITE
         0.2   tu   cancel
         0.5   out  INVITE
         0.6   in   100
         0.6   out  CANCEL
         0.6   tu   100
         0.7   in   200(CANCEL)
         0.7   tu   200(CANCEL)
         0.8   in   487
         0.8   out  ACK
         0.8   tu   487
         0.9   tu   cancel             # nothing to cancel any more
         5.7   gone (CANCEL)
         32.8  gone",
    );
}

#[test]
fn a_cancel_after_a_provisional_response_goes_at_once_and_once() {
    check(
        Setup::TCP,
        "0     tu   INVITE
         0     out  INVITE
         0.1   in   180
         0.1   tu   180
         1     tu   cancel
         1     out  CANCEL
         1.1   tu   cancel
         1.2   in   200(CANCEL)
         1.2   tu   200(CANCEL)
         1.2   gone (CANCEL)
         1.3   in   487
         1.3   out  ACK
         1.3   tu   487
         1.3   gone",
    );
}

#[test]
fn a_cancel_that_meets_silence_gives_up_64_t1_later() {
    check(
        Setup::UDP,
        "0     tu   INVITE
         0     out  INVITE
         0.1   in   180
         0.1   tu   180
         1     tu   cancel
         1     out  CANCEL
         1.1   in   200(CANCEL)
         1.1   tu   200(CANCEL)
         6.1   gone (CANCEL)
         20    in   180
         20    tu   180
         33    tu   failure(timeout)
         33    gone",
    );
}

#[test]
fn a_2xx_that_crosses_a_cancel_wins() {
    check(
        Setup::TCP,
        "0     tu   INVITE
         0     out  INVITE
         0.1   in   180
         0.1   tu   180
         1     tu   cancel
         1     out  CANCEL
         1.1   in   200
         1.1   tu   200
         1.2   in   200(CANCEL)
         1.2   tu   200(CANCEL)
         1.2   gone (CANCEL)
         33.1  gone",
    );
}

#[test]
fn a_cancel_that_still_waits_dies_with_its_invite() {
    check(
        Setup::TCP,
        "0     tu   INVITE
         0     out  INVITE
         0.1   tu   cancel
         0.2   in   503
         0.2   out  ACK
         0.2   tu   503
         0.2   gone",
    );
}

#[test]
fn a_lost_way_ends_an_invite_that_waits() {
    check(
        Setup::TCP,
        "0     tu   INVITE
         0     out  INVITE
         0.1   in   180
         0.1   tu   180
         0.2   net  failed
         0.2   tu   failure(transport)
         0.2   gone",
    );
}

/// T1 = 20 ms, as the flow tests over sockets run it.
#[test]
fn other_intervals_shorten_everything_alike() {
    let intervals = Intervals { t1: ms(20), t2: ms(160), t4: ms(200) };
    check(
        Setup { intervals, ..Setup::UDP },
        "0     tu   INVITE
         0     out  INVITE
         0.02  out  INVITE
         0.06  out  INVITE
         0.14  out  INVITE
         0.2   in   486
         0.2   out  ACK
         0.2   tu   486
         1.48  gone",
    );
    check(
        Setup { intervals, ..Setup::UDP },
        "0     in   INFO
         0     tu   request
         0.14  out  100
         0.2   tu   200
         0.2   out  200
         1.48  gone",
    );
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}
