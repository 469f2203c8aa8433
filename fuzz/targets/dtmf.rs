//! Digits as events and as bodies of INFO.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtp::fuzz::dtmf(octets));
