//! libFuzzer's door to the reader of FHIR in XML: what is read once is read the same by the device that receives it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| assert!(carnet::source::fhir_xml::fuzz_one(bytes)));
