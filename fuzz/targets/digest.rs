//! The digest headers: read and written.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| sip::fuzz::digest(octets));
