//! A value of any typed header: every one of them reads it, and writes it again.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| sip::fuzz::headers(octets));
