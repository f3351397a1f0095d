//! libFuzzer's door to what is told from the bytes of a document: its format, title and date.
#![no_main]

use carnet::source::{Format, describe::describe, recognise};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let formats = [Format::Pdf, Format::Jpeg, Format::Heic, Format::Dicom, Format::Html, Format::Text];
    for format in [recognise(bytes)].into_iter().chain(formats) {
        let described = describe(format, bytes);
        assert!(described.title.is_none_or(|title| title.chars().count() <= 200));
    }
});
