//! The package of references: built when it is asked for, so that nobody else waits for it.

use crate::child::{Numbers, read_numbers};
use carnet_tests::paths::repository;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The built program.
pub struct References(PathBuf);

impl References {
    /// Builds it in the release profile, with its own lock file.
    pub fn build() -> Self {
        let package = repository().join("tests/bench/references");
        let target = repository().join("target/references");
        let status = Command::new("cargo")
            .args(["build", "--quiet", "--release", "--locked"])
            .arg("--target-dir")
            .arg(&target)
            .current_dir(package)
            .status()
            .expect("cargo");
        assert!(status.success(), "the references did not build");
        Self(target.join("release/references"))
    }

    /// Runs one measurement.
    pub fn run(&self, arguments: &[&str]) -> Numbers {
        let output = Command::new(&self.0)
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .expect("the references");
        assert!(
            output.status.success(),
            "the reference {arguments:?} failed"
        );
        read_numbers(&output.stdout)
    }
}
