//! libFuzzer's door to the Bluetooth decoders: any bytes are read as every characteristic or refused; what comes out is a valid sample and a readable resource.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert!(carnet::source::ble::fuzz_one(bytes)));
