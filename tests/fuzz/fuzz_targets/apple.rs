//! libFuzzer's door to the Apple Health reader: an export is read or refused, and every batch can be ingested.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert!(carnet::source::apple::fuzz_one(bytes)));
