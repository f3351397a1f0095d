//! A folder as people have it: a laboratory's report, a scan, and a portal's zip with the same report once more.

use super::{Stage, Steps};
use crate::error::CliResult;
use crate::format::{clean, integer};
use crate::texts::{demo, import};
use carnet::Vault;
use carnet::vault::{Fate, FileReport};

/// The files: their names, and their bytes. The zip is stored, not compressed, so that its words can be looked for.
pub const FILES: [(&str, &[u8]); 3] = [
    (
        "compte-rendu-annecy.xml",
        include_bytes!("../../../demo/documents/compte-rendu-annecy.xml"),
    ),
    (
        "mon-espace.zip",
        include_bytes!("../../../demo/documents/mon-espace.zip"),
    ),
    (
        "ordonnance-scannee.pdf",
        include_bytes!("../../../demo/documents/ordonnance-scannee.pdf"),
    ),
];

/// What the folder comes to: understood, kept as documents, already known.
const EXPECTED: [usize; 3] = [2, 2, 1];

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Understood(u64),
    Kept,
    Known,
    Refused,
}

fn outcome(file: &FileReport) -> Outcome {
    let changed = file.new + file.updated;
    match (file.fate, changed) {
        (Fate::Understood | Fate::Kept, 0) => Outcome::Known,
        (Fate::Understood, items) => Outcome::Understood(items),
        (Fate::Kept, _) => Outcome::Kept,
        (Fate::Rejected | Fate::Held, _) => Outcome::Refused,
    }
}

/// Imports the folder, and says of each item what became of it.
pub fn import(stage: &Stage, phone: &Vault, told: &mut Steps) -> CliResult {
    let person = super::first_person(phone)?;
    let report = phone.import(person.record, &[stage.documents()], None)?;
    let outcomes: Vec<Outcome> = report.files.iter().map(outcome).collect();
    let count = |wanted: fn(&Outcome) -> bool| outcomes.iter().filter(|one| wanted(one)).count();
    let counts = [
        count(|one| matches!(one, Outcome::Understood(_))),
        count(|one| *one == Outcome::Kept),
        count(|one| *one == Outcome::Known),
    ];
    told.check(
        counts == EXPECTED && outcomes.len() == counts.iter().sum::<usize>(),
        demo::WHY_DOCUMENTS,
    )?;
    told.done(demo::DOCUMENTS, &[])?;
    for (file, outcome) in report.files.iter().zip(outcomes) {
        print(file, outcome, told)?;
    }
    Ok(())
}

fn print(file: &FileReport, outcome: Outcome, told: &mut Steps) -> CliResult {
    let language = told.language();
    let said = match outcome {
        Outcome::Understood(items) => demo::UNDERSTOOD.fill(language, &[&integer(items, language)]),
        Outcome::Kept => import::KEPT.pick(language).to_owned(),
        Outcome::Known => demo::KNOWN.pick(language).to_owned(),
        Outcome::Refused => import::REJECTED.pick(language).to_owned(),
    };
    told.detail(demo::DOCUMENT, &[&name(file), &said])
}

/// The file's name, and the name inside it.
fn name(file: &FileReport) -> String {
    let outer = file.path.file_name().unwrap_or_default().to_string_lossy();
    match &file.inside {
        Some(inside) => format!("{} › {}", clean(&outer), clean(inside)),
        None => clean(&outer),
    }
}
