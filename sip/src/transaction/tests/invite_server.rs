//! INVITE server ladders (RFC 3261 §17.2.1, RFC 6026 §7.1).

use super::ladder::{Setup, check};

#[test]
fn a_user_that_thinks_is_covered_by_a_100_after_200_ms() {
    check(
        Setup::UDP,
        "0     in   INVITE
         0     tu   request
         0.1   in   INVITE             # nothing was said yet, so nothing is repeated
         0.2   out  100
         0.5   in   INVITE
         0.5   out  100
         3     tu   180
         3     out  180
         4     in   INVITE
         4     out  180                # the last provisional response
         5     tu   200
         5     out  200
         37    gone",
    );
}

#[test]
fn a_failure_is_repeated_at_g_until_no_ack_comes() {
    check(
        Setup::UDP,
        "0     in   INVITE
         0     tu   request
         0     tu   100
         0     out  100
         0     tu   487
         0     out  487
         0.5   out  487                # G doubles: T1, 2*T1, 4*T1, T2
         1.5   out  487
         3.5   out  487
         7.5   out  487
         11.5  out  487
         15.5  out  487
         19.5  out  487
         23.5  out  487
         27.5  out  487
         31.5  out  487
         32    tu   failure(no-ack)
         32    gone",
    );
}

#[test]
fn an_ack_ends_the_repeats_and_timer_i_absorbs_more_of_them() {
    check(
        Setup::UDP,
        "0     in   INVITE
         0     tu   request
         0.1   tu   486
         0.1   out  486
         0.4   in   INVITE
         0.4   out  486
         0.6   out  486
         0.7   in   ACK
         0.8   in   ACK
         0.9   in   INVITE             # late and absorbed
         1     tu   500                # a second final response is discarded
         5.7   gone",
    );
}

#[test]
fn over_a_stream_a_failure_goes_once_and_its_ack_ends_all() {
    check(
        Setup::TCP,
        "0     in   INVITE
         0     tu   request
         0     tu   404
         0     out  404
         10    in   ACK
         10    gone",
    );
    check(
        Setup::TCP,
        "0     in   INVITE
         0     tu   request
         0     tu   404
         0     out  404
         32    tu   failure(no-ack)
         32    gone",
    );
}

#[test]
fn a_2xx_is_the_users_to_repeat_and_each_ack_is_passed_up() {
    check(
        Setup::UDP,
        "0     in   INVITE
         0     tu   request
         0.1   tu   200
         0.1   out  200
         0.5   in   INVITE             # RFC 6026 §7.1: absorbed
         0.6   tu   200
         0.6   out  200
         0.7   in   ACK                # an ACK with the branch of the INVITE, as some phones send it
         0.7   tu   ACK
         0.8   in   ACK
         0.8   tu   ACK
         0.9   tu   486                # too late
         1     tu   180
         32.1  gone",
    );
    check(
        Setup::TCP,
        "0     in   INVITE
         0     tu   request
         0.1   tu   200
         0.1   out  200
         32.1  gone                    # L is 64*T1 over any transport",
    );
}

#[test]
fn an_ack_before_any_final_response_means_nothing() {
    check(
        Setup::UDP,
        "0     in   INVITE
         0     tu   request
         0     tu   180
         0     out  180
         1     in   ACK
         2     tu   603
         2     out  603
         2.1   in   ACK
         7.1   gone",
    );
}

#[test]
fn a_cancel_has_its_own_transaction_and_a_repeat_is_answered_from_it() {
    check(
        Setup::UDP,
        "0     in   INVITE
         0     tu   request
         0     tu   180
         0     out  180
         2     in   CANCEL
         2     tu   CANCEL
         2     tu   200(CANCEL)
         2     out  200(CANCEL)
         2     tu   487
         2     out  487
         2.4   in   CANCEL
         2.4   out  200(CANCEL)
         2.45  in   ACK
         7.45  gone
         34    gone (CANCEL)",
    );
}

#[test]
fn a_cancel_that_matches_nothing_is_still_a_request() {
    check(
        Setup::TCP,
        "0     in   CANCEL
         0     tu   CANCEL of nothing
         0     tu   481(CANCEL)
         0     out  481(CANCEL)
         0     gone (CANCEL)",
    );
}

#[test]
fn an_ack_that_matches_nothing_goes_up() {
    check(
        Setup::UDP,
        "0     in   ACK
         0     tu   ACK of nothing",
    );
}

#[test]
fn the_user_is_told_of_a_lost_way_and_the_machine_stays() {
    check(
        Setup::UDP,
        "0     in   INVITE
         0     tu   request
         0     tu   180
         0     out  180
         0.1   net  failed
         0.1   tu   failure(transport)
         1     tu   200
         1     out  200
         33    gone",
    );
}

#[test]
fn an_rfc_2543_client_is_known_by_its_fields_and_its_ack_by_our_tag() {
    check(
        Setup::LEGACY,
        "0     in   INVITE
         0     tu   request
         0     tu   180
         0     out  180
         0.5   in   INVITE
         0.5   out  180
         1     in   CANCEL
         1     tu   CANCEL
         1     tu   200(CANCEL)
         1     out  200(CANCEL)
         1     tu   487
         1     out  487
         1.2   in   ACK
         6.2   gone
         33    gone (CANCEL)",
    );
    check(
        Setup::LEGACY,
        "0     in   INVITE
         0     tu   request
         0     tu   200
         0     out  200
         0.3   in   ACK
         0.3   tu   ACK
         32    gone",
    );
}
