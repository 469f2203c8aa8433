//! A datagram: read, judged, answered and forwarded.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| sip::fuzz::message(octets));
