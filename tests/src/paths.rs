//! Where things are: the repository, the corpus, the built programs, room for scratch files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use tempfile::TempDir;

/// The root of the repository.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ has a parent").to_path_buf()
}

/// The folder of public samples (`CARNET_CORPUS`, else beside the repository), or a loud `None`.
pub fn corpus(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CARNET_CORPUS")
        .map_or_else(|| repository().join("../shared/corpus"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {test}: no corpus; name its folder with CARNET_CORPUS");
    None
}

/// A scratch folder, in memory where the system offers it: thousands of copies of a vault need no disk.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::Builder::new()
            .prefix("carnet-")
            .tempdir_in(memory)
    } else {
        tempfile::Builder::new().prefix("carnet-").tempdir()
    };
    made.expect("a scratch folder")
}

/// A program of the workspace, of the same profile as the test that asks. Built once if nobody did.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(build_programs).join(name)
}

/// `tests/run` builds everything first and says so; a lone `cargo test` builds here.
fn build_programs() -> PathBuf {
    let test = std::env::current_exe().expect("a path of this test");
    let mut folder = test.parent().expect("a target folder");
    if folder.ends_with("deps") {
        folder = folder.parent().expect("a target folder");
    }
    // A program of the workspace, as the bench is, was built with the others: to build here would replace it while it runs, and
    // its children with it.
    let is_test = test.parent().is_some_and(|parent| parent.ends_with("deps"));
    if is_test && std::env::var_os("CARNET_BUILT").is_none() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--bins", "--offline"]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let status = build.current_dir(repository()).status().expect("cargo");
        assert!(status.success(), "the programs did not build");
    }
    assert!(
        folder.join("carnet-relay").is_file(),
        "the relay is not built: cargo build --workspace --bins, or tests/bench/run"
    );
    folder.to_path_buf()
}

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for item in std::fs::read_dir(from).expect("a folder to copy") {
        let item = item.expect("an item");
        let target = to.join(item.file_name());
        if item.file_type().expect("a type").is_dir() {
            copy_folder(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).expect("a copy");
        }
    }
}

/// Every file below a folder, in a stable order.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(items) = std::fs::read_dir(folder) else {
        return files;
    };
    for item in items.flatten() {
        if item.path().is_dir() {
            files.extend(files_below(&item.path()));
        } else {
            files.push(item.path());
        }
    }
    files.sort();
    files
}

/// Every file below a folder and what it holds.
pub fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = files_below(folder).into_iter();
    files
        .map(|file| (file.clone(), std::fs::read(&file).expect("a file")))
        .collect()
}

/// A number from the environment: how long a slow suite works.
pub fn scale(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is not a number"))
    })
}
