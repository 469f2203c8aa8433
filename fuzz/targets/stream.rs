//! A stream: cut into messages by reads of any length, as the parser would.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| sip::fuzz::stream(octets));
