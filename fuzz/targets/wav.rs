//! A file of sound.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtp::fuzz::wav(octets));
