//! libFuzzer's door to the Health Connect reader: a database is read or refused, and every batch can be ingested.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert!(carnet::vault::fuzz_health_connect(bytes)));
