//! Faults below a program: the n-th write kills it, is torn, or fails. A small library (`crash/shim.c`, compiled here with
//! `cc`) is preloaded into the real program, so that what is tested is what ships.

use crate::paths::repository;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// What happens at the chosen write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The program dies before it.
    KillBefore,
    /// The program dies right after it.
    KillAfter,
    /// Half of it is written, then the program dies.
    KillTorn,
    /// It fails with this error number; later ones work.
    FailOne(i32),
    /// It and every later one fail with this error number.
    FailOn(i32),
}

/// No space left on the device.
pub const ENOSPC: i32 = 28;
/// Input or output error.
pub const EIO: i32 = 5;

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::KillBefore => "kill-before",
            Self::KillAfter => "kill-after",
            Self::KillTorn => "kill-torn",
            Self::FailOne(_) => "fail-one",
            Self::FailOn(_) => "fail-on",
        }
    }

    fn error_number(self) -> i32 {
        match self {
            Self::FailOne(number) | Self::FailOn(number) => number,
            _ => 0,
        }
    }

    /// The three ways to die, in turn.
    pub fn kill(turn: usize) -> Self {
        [Self::KillAfter, Self::KillBefore, Self::KillTorn][turn % 3]
    }
}

/// Watches the writes of one run of a program below one folder.
pub struct Watch {
    counter: PathBuf,
    folder: PathBuf,
    _scratch: TempDir,
}

impl Watch {
    /// Watches writes below this folder.
    pub fn new(folder: &Path) -> Self {
        let scratch = tempfile::tempdir().expect("a folder for the counter");
        let counter = scratch.path().join("counter");
        std::fs::write(&counter, [0; 16]).expect("a counter");
        let folder = folder.canonicalize().expect("a folder to watch");
        Self {
            counter,
            folder,
            _scratch: scratch,
        }
    }

    /// Makes a command count its writes.
    pub fn count(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", shim())
            .env("FAULT_COUNTER", &self.counter)
            .env("FAULT_FOLDER", &self.folder);
    }

    /// Makes a command meet a fault at its write number `at`, from 1.
    pub fn fault(&self, command: &mut Command, at: u64, fault: Fault) {
        self.count(command);
        command
            .env("FAULT_AT", at.to_string())
            .env("FAULT_MODE", fault.name())
            .env("FAULT_ERRNO", fault.error_number().to_string());
    }

    /// How many writes were seen.
    pub fn writes(&self) -> u64 {
        self.number(0)
    }

    /// Whether the fault was met.
    pub fn was_met(&self) -> bool {
        self.number(8) > 0
    }

    fn number(&self, at: usize) -> u64 {
        let bytes = std::fs::read(&self.counter).expect("a counter");
        let eight: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes");
        u64::from_ne_bytes(eight)
    }
}

/// The library to preload, compiled once per test program.
fn shim() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| compile("shim.c"))
}

/// Compiles a library of `tests/crash` and returns its path. It stays until the program ends.
pub fn compile(source: &str) -> PathBuf {
    static FOLDER: OnceLock<TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder for libraries"));
    let library = folder.path().join(source).with_extension("so");
    let status = Command::new("cc")
        .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(repository().join("tests/crash").join(source))
        .arg("-ldl")
        .status()
        .expect("a C compiler (apt-get install gcc)");
    assert!(status.success(), "{source} did not compile");
    library
}

/// At most `most` numbers from 1 to `last`, evenly spread, the ends among them.
pub fn spread(last: u64, most: u64) -> Vec<u64> {
    if last <= most || most < 2 {
        return (1..=last).collect();
    }
    (0..most)
        .map(|step| 1 + step * (last - 1) / (most - 1))
        .collect()
}
