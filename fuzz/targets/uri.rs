//! A URI: read, written, compared.

#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| sip::fuzz::uri(octets));
