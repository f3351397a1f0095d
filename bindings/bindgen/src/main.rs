//! Writes the Kotlin and the Swift of the library: UniFFI's own program, of the version the library was built with.
//!
//! `carnet-bindgen generate --language kotlin --out-dir DIR target/debug/libcarnet_ffi.so`, run where the workspace is.

fn main() {
    uniffi::uniffi_bindgen_main();
}
