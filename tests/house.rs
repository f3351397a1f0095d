//! The house as it is written: who may use whom, what a package may depend on, how a file opens. Reads sources and manifests,
//! runs in seconds.

use carnet_tests::paths::{files_below, repository};
use carnet_tests::sources::{rooms_reached, tokens};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms of the engine and what each may use: the table of the design, in its order. `error` may be used by every room.
/// Two arrows more than in the table: `record` names things that cross the network (`wire` ids), and `error` has to know
/// what `wire` refuses.
const ROOMS: &[(&str, &[&str])] = &[
    ("vault", &["*"]),
    ("source", &["record"]),
    ("pull", &["source", "host"]),
    ("record", &["wire"]),
    ("seal", &["wire"]),
    ("roster", &["seal", "wire"]),
    ("store", &["record", "seal", "wire"]),
    ("sync", &["store", "seal", "roster", "host", "wire"]),
    ("handover", &["record", "store", "seal"]),
    ("host", &["wire"]),
    ("error", &["wire"]),
];

/// What the rooms without I/O, clock and chance never name.
const IMPURE: &[&str] = &[
    "rusqlite",
    "reqwest",
    "tokio",
    "getrandom",
    "SystemTime",
    "Instant",
    "File",
    "fs",
    "net",
    "env",
    "process",
    "thread",
];
const PURE_ROOMS: &[&str] = &["record", "roster", "source"];

/// What a relay must not be able to do is not in its build: no record, no CRDT, nothing that opens a ciphertext.
const NOT_IN_THE_RELAY: &[&str] = &[
    "carnet",
    "automerge",
    "chacha20poly1305",
    "hpke",
    "argon2",
    "hkdf",
    "ml-kem",
];

fn rust_files(folder: &str) -> Vec<PathBuf> {
    let files = files_below(&repository().join(folder));
    files
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "rs"))
        .filter(|file| !file.components().any(|part| part.as_os_str() == "target"))
        .collect()
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Files that only tests compile.
fn is_test_file(file: &Path) -> bool {
    let stem = file
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let in_folder = file.components().any(|part| part.as_os_str() == "tests");
    let known = ["bench", "testing", "tests"].contains(&&*stem);
    in_folder || known || stem.ends_with("_tests")
}

/// `store/schema.rs` is the module `["store", "schema"]`; `mod.rs` and `lib.rs` name their folder.
fn module_of(file: &Path) -> Vec<String> {
    let root = repository().join("core/engine/src");
    let inside = file.strip_prefix(root).expect("a file of the engine");
    let parts = inside.with_extension("");
    let names = parts.iter().map(|part| part.to_string_lossy().into_owned());
    let modules = names.filter(|name| name != "mod" && name != "lib");
    modules.flat_map(with_its_tests).collect()
}

/// `identity_tests.rs` is what `identity` calls `mod tests`.
fn with_its_tests(name: String) -> Vec<String> {
    match name.strip_suffix("_tests") {
        Some(tested) => vec![tested.to_owned(), "tests".to_owned()],
        None => vec![name],
    }
}

fn forbidden_arrows(source: &str, module: &[&str]) -> Vec<String> {
    let Some(room) = module.first() else {
        return Vec::new(); // lib.rs opens every room
    };
    let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| name == room) else {
        return vec![format!("the room `{room}` is not in the table")];
    };
    let mut used: BTreeSet<String> = rooms_reached(source, module)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    if tokens(source)
        .iter()
        .any(|token| token.text == "carnet_wire")
    {
        used.insert("wire".to_owned());
    }
    let free = |name: &str| {
        name == *room || name == "error" || allowed.contains(&"*") || allowed.contains(&name)
    };
    let arrows = used.into_iter().filter(|name| !free(name));
    arrows.map(|name| format!("{room} -> {name}")).collect()
}

#[test]
fn every_arrow_between_rooms_is_in_the_table() {
    let files = rust_files("core/engine/src");
    assert!(files.len() > 10, "the engine was not found");
    let mut wrong = Vec::new();
    for file in files {
        let module = module_of(&file);
        let module: Vec<&str> = module.iter().map(String::as_str).collect();
        let arrows = forbidden_arrows(&read(&file), &module);
        wrong.extend(
            arrows
                .into_iter()
                .map(|arrow| format!("{}: {arrow}", file.display())),
        );
    }
    assert!(
        wrong.is_empty(),
        "arrows that the design does not allow:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn a_forbidden_arrow_is_seen_however_it_is_written() {
    let seen = |source: &str, module: &[&str]| forbidden_arrows(source, module);
    assert_eq!(
        seen("use crate::store::Store;", &["source", "fhir"]),
        ["source -> store"]
    );
    assert_eq!(
        seen("use crate::{error::Error, seal};", &["record"]),
        ["record -> seal"]
    );
    assert_eq!(
        seen("use crate::{store::{a, b}, vault};", &["sync"]),
        ["sync -> vault"]
    );
    assert_eq!(
        seen("fn f() { super::super::vault::open() }", &["seal", "keys"]),
        ["seal -> vault"]
    );
    assert_eq!(
        seen("mod tests { use super::super::sync; }", &["store"]),
        ["store -> sync"]
    );
    assert_eq!(
        seen("use carnet_wire::RecordId;", &["handover"]),
        ["handover -> wire"]
    );
    assert_eq!(
        seen("use crate::x;", &["attic"]),
        ["the room `attic` is not in the table"]
    );
}

#[test]
fn an_allowed_arrow_is_not_reported() {
    let seen = |source: &str, module: &[&str]| forbidden_arrows(source, module);
    assert!(
        seen(
            "use crate::record::{ids, row}; use crate::error::Error;",
            &["source"]
        )
        .is_empty()
    );
    assert!(
        seen(
            "// use crate::vault\nconst A: &str = \"crate::vault\";",
            &["record"]
        )
        .is_empty()
    );
    assert!(
        seen(
            "/* /* crate::vault */ */ const B: &str = r#\"\"crate::sync\"#;",
            &["record"]
        )
        .is_empty()
    );
    assert!(seen("mod tests { use super::source; }", &["sync"]).is_empty());
    assert!(
        seen(
            "use super::ids; fn f<'a>(x: &'a str) -> char { '\\'' }",
            &["record", "row"]
        )
        .is_empty()
    );
    assert!(seen("use crate::anything;", &["vault"]).is_empty());
}

#[test]
fn rooms_without_io_name_nothing_that_does_io() {
    let mut wrong = Vec::new();
    for room in PURE_ROOMS {
        for file in rust_files(&format!("core/engine/src/{room}")) {
            if is_test_file(&file) {
                continue;
            }
            let found = tokens(&read(&file));
            let code = found
                .iter()
                .filter(|token| !token.inside.iter().any(|name| name == "tests"));
            let impure = code.filter(|token| IMPURE.contains(&token.text.as_str()));
            wrong.extend(impure.map(|token| format!("{}: {}", file.display(), token.text)));
        }
    }
    assert!(
        wrong.is_empty(),
        "a room without I/O, clock and chance names:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_relay_cannot_read_a_record() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "carnet-relay",
            "-e",
            "normal",
            "--prefix",
            "none",
            "--locked",
            "--offline",
        ])
        .current_dir(repository())
        .output()
        .expect("cargo tree");
    assert!(
        tree.status.success(),
        "cargo tree: {}",
        String::from_utf8_lossy(&tree.stderr)
    );
    let text = String::from_utf8(tree.stdout).expect("UTF-8");
    let packages: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(
        packages.contains("carnet-wire"),
        "the tree is not the relay's"
    );
    let found: Vec<_> = NOT_IN_THE_RELAY
        .iter()
        .filter(|name| packages.contains(**name))
        .collect();
    assert!(found.is_empty(), "the relay depends on {found:?}");
}

#[test]
fn no_unsafe_code_anywhere() {
    for folder in ["core", "bindings", "tests"] {
        for file in rust_files(folder) {
            let unsafe_code = tokens(&read(&file))
                .iter()
                .any(|token| token.text == "unsafe");
            assert!(!unsafe_code, "{} has unsafe code", file.display());
        }
    }
}

#[test]
fn only_programs_print() {
    let printing = ["println", "eprintln", "print", "eprint", "dbg"];
    let of_packages = rust_files("core").into_iter().chain(rust_files("bindings"));
    for file in of_packages {
        let path = file.to_string_lossy().into_owned();
        if path.contains("core/cli/")
            || path.ends_with("/main.rs")
            || path.ends_with("/build.rs")
            || path.contains("/bin/")
            || is_test_file(&file)
        {
            continue;
        }
        let found = tokens(&read(&file));
        let prints = found.windows(2).find(|pair| {
            let in_tests = pair[0].inside.iter().any(|name| name == "tests");
            !in_tests && printing.contains(&pair[0].text.as_str()) && pair[1].text == "!"
        });
        assert!(prints.is_none(), "{path} prints");
    }
}

#[test]
fn every_module_says_what_it_is() {
    for folder in ["core", "bindings", "tests"] {
        // A file of unit tests stands beside the module it tests, which says what both are.
        let modules = rust_files(folder).into_iter();
        for file in modules.filter(|file| folder == "tests" || !is_test_file(file)) {
            let text = read(&file);
            let first = text
                .lines()
                .find(|line| !line.is_empty() && !line.starts_with("#!["))
                .unwrap_or("");
            assert!(
                first.starts_with("//!"),
                "{} does not open with what it is",
                file.display()
            );
        }
    }
}

#[test]
fn versions_stand_in_one_table() {
    let manifests = [
        "core/wire",
        "core/engine",
        "core/relay",
        "core/cli",
        "bindings",
        "tests",
    ];
    for folder in manifests {
        let manifest = repository().join(folder).join("Cargo.toml");
        for line in dependency_lines(&read(&manifest)) {
            let own = ["version", "git", "path", "registry"]
                .iter()
                .any(|key| line.replace(' ', "").contains(&format!("{key}=")));
            let bare = line
                .split_once('=')
                .is_some_and(|(_, value)| value.trim_start().starts_with('"'));
            assert!(
                !own && !bare,
                "{}: `{line}` names a version outside the table",
                manifest.display()
            );
        }
    }
}

fn dependency_lines(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.contains("dependencies");
        } else if inside && !line.trim_start().starts_with('#') {
            lines.push(line.to_owned());
        }
    }
    lines
}

#[test]
fn every_member_is_linted() {
    for folder in [
        "core/wire",
        "core/engine",
        "core/relay",
        "core/cli",
        "bindings",
        "tests",
    ] {
        let manifest = read(&repository().join(folder).join("Cargo.toml"));
        assert!(manifest.contains("[lints"), "{folder} takes no lints");
    }
}

/// The program that writes Kotlin and Swift is a workspace of its own, with a second place for the pin.
#[test]
fn the_bindings_are_written_by_the_uniffi_they_are_built_with() {
    let pin = |manifest: &str| {
        let text = read(&repository().join(manifest));
        let line = text.lines().find(|line| line.starts_with("uniffi = "));
        let line = line.unwrap_or_else(|| panic!("{manifest} names no uniffi"));
        let version = line.split('"').nth(1);
        version.expect("a version").to_owned()
    };
    assert_eq!(pin("Cargo.toml"), pin("bindings/bindgen/Cargo.toml"));
    assert!(pin("Cargo.toml").starts_with('='));
}

/// What the README shows of Kotlin and Swift is a file that the tests of phones compile and run.
#[test]
fn the_examples_of_the_readme_are_compiled_files() {
    let readme = read(&repository().join("README.md"));
    let examples = [
        ("kotlin", "tests/kotlin/scenario/src/test/kotlin/Example.kt"),
        ("swift", "tests/swift/Sources/scenario/Example.swift"),
    ];
    for (language, file) in examples {
        let (_, after) = readme
            .split_once(&format!("```{language}\n"))
            .unwrap_or_else(|| panic!("the README shows no {language}"));
        let (example, _) = after.split_once("```").expect("its end");
        let compiled = read(&repository().join(file));
        assert!(
            example.lines().count() > 5 && compiled.contains(example),
            "the README's {language} is not in {file}"
        );
    }
}
