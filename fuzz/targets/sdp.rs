//! A session description: read, edited, answered.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtp::fuzz::sdp(octets));
