//! A datagram of a media port: told apart, read, patched, written.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| rtp::fuzz::packet(octets));
