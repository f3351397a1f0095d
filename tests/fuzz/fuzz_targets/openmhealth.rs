//! libFuzzer's door to the Open mHealth reader: a document is read or refused, and every batch can be ingested.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert!(carnet::source::openmhealth::fuzz_one(bytes)));
