//! Ladders of the machines for all other requests (RFC 3261 §17.1.2 and §17.2.2, RFC 4320).

use super::ladder::{Setup, check};

#[test]
fn an_unanswered_request_is_repeated_at_e_until_f() {
    check(
        Setup::UDP,
        "0     tu   OPTIONS
         0     out  OPTIONS
         0.5   out  OPTIONS            # E doubles up to T2
         1.5   out  OPTIONS
         3.5   out  OPTIONS
         7.5   out  OPTIONS
         11.5  out  OPTIONS
         15.5  out  OPTIONS
         19.5  out  OPTIONS
         23.5  out  OPTIONS
         27.5  out  OPTIONS
         31.5  out  OPTIONS
         32    tu   failure(timeout)
         32    gone",
    );
    check(
        Setup::TCP,
        "0     tu   OPTIONS
         0     out  OPTIONS
         32    tu   failure(timeout)
         32    gone",
    );
}

#[test]
fn once_the_server_has_spoken_a_request_is_repeated_each_t2() {
    check(
        Setup::UDP,
        "0     tu   BYE
         0     out  BYE
         0.5   out  BYE
         0.6   in   100
         0.6   tu   100
         1.5   out  BYE                # E as it was set before the 100
         5.5   out  BYE
         9.5   out  BYE
         10    in   200
         10    tu   200
         10.5  in   200                # K absorbs
         15    gone",
    );
}

#[test]
fn over_a_stream_a_final_response_ends_a_request_at_once() {
    check(
        Setup::TCP,
        "0     tu   REGISTER
         0     out  REGISTER
         0.1   in   401
         0.1   tu   401
         0.1   gone",
    );
}

#[test]
fn a_lost_way_ends_a_request_that_waits() {
    check(
        Setup::UDP,
        "0     tu   MESSAGE
         0     out  MESSAGE
         0.1   net  failed
         0.1   tu   failure(transport)
         0.1   gone",
    );
}

#[test]
fn a_final_response_is_repeated_for_each_request_until_j() {
    check(
        Setup::UDP,
        "0     in   REGISTER
         0     tu   request
         0.05  in   REGISTER           # nothing was said yet
         0.1   tu   200
         0.1   out  200
         0.5   in   REGISTER
         0.5   out  200
         31    in   REGISTER
         31    out  200
         31.1  tu   500                # discarded
         32.1  gone",
    );
    check(
        Setup::TCP,
        "0     in   REGISTER
         0     tu   request
         0.1   tu   200
         0.1   out  200
         0.1   gone",
    );
}

#[test]
fn a_100_comes_when_the_clients_e_has_reached_t2_and_no_other_provisional() {
    check(
        Setup::UDP,
        "0     in   SUBSCRIBE
         0     tu   request
         0.1   tu   100                # RFC 4320 §4.1: not yet
         0.2   tu   180                # never
         1.5   in   SUBSCRIBE
         3.5   out  100
         3.5   in   SUBSCRIBE
         3.5   out  100
         5     tu   202
         5     out  202
         37    gone",
    );
    check(
        Setup::TCP,
        "0     in   SUBSCRIBE
         0     tu   request
         0.1   tu   100                # at any time over a stream
         0.1   out  100
         0.2   tu   100
         5     tu   202
         5     out  202
         5     gone",
    );
}

#[test]
fn a_408_is_never_sent() {
    check(
        Setup::UDP,
        "0     in   MESSAGE
         0     tu   request
         1     tu   408
         1.5   in   MESSAGE            # still absorbed
         33    gone",
    );
    check(
        Setup::TCP,
        "0     in   MESSAGE
         0     tu   request
         1     tu   408
         1     gone",
    );
}

#[test]
fn a_request_whose_user_never_answers_ends_with_its_client() {
    check(
        Setup::UDP,
        "0     in   MESSAGE
         0     tu   request
         3.5   out  100
         32    gone",
    );
}

#[test]
fn a_lost_way_ends_a_server_too() {
    check(
        Setup::UDP,
        "0     in   INFO
         0     tu   request
         1     tu   200
         1     out  200
         1.1   net  failed
         1.1   tu   failure(transport)
         1.1   gone",
    );
}

#[test]
fn an_rfc_2543_client_is_known_by_its_fields() {
    check(
        Setup::LEGACY,
        "0     in   REGISTER
         0     tu   request
         0.1   tu   200
         0.1   out  200
         0.5   in   REGISTER
         0.5   out  200
         32.1  gone",
    );
}
