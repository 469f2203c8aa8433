//! Packets with any numbers at any time: played, judged, rewritten.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtp::fuzz::playout(octets));
