//! Chance with a seed below the whole program: `crash/chance.c`, preloaded, answers the engine's questions for random bytes,
//! so that ids, keys and nonces of a play are the same every time it is played. The engine itself has no such door.

use crate::faults::compile;
use std::process::Command;

/// Set in a process whose chance is seeded.
const SEEDED: &str = "CARNET_CHANCE";
const WORDS: &[u8; 32] = b"carnet: this thread's chance is ";

/// Whether this process's chance can be seeded.
pub fn is_seeded() -> bool {
    std::env::var_os(SEEDED).is_some()
}

/// From now on this thread's random bytes follow from `seed`. Call it before the thread draws any.
pub fn seed(seed: u64) {
    let mut bytes = [0; 40];
    bytes[..32].copy_from_slice(WORDS);
    bytes[32..].copy_from_slice(&seed.to_ne_bytes());
    getrandom::fill(&mut bytes).expect("random bytes");
}

/// Runs a test of this program again, in a process whose chance is seeded; fails if it fails there.
pub fn rerun_seeded(test: &str) {
    let library = compile("chance.c");
    let status = Command::new(std::env::current_exe().expect("this program"))
        .args([test, "--exact", "--nocapture"])
        .env("LD_PRELOAD", library)
        .env(SEEDED, "1")
        .status()
        .expect("this program again");
    assert!(status.success(), "see above");
}
