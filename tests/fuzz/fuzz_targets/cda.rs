//! libFuzzer's door to the CDA reader: nothing is lost, and what is read once is read the same by the device that receives it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert!(carnet::source::cda::fuzz_one(bytes)));
