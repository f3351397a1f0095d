//! Carnet's side of the bench: the import of the record, the first page of a fresh process, many queries.

use crate::child::{tell, tell_cost, tell_disk};
use carnet::Vault;
use carnet::record::row::Category;
use carnet::vault::Filter;
use carnet_tests::devices::host_in;
use carnet_tests::dice::Dice;
use carnet_tests::measure::{own_cpu, own_peak_kib, quantile};
use carnet_wire::RecordId;
use std::path::Path;

fn open(folder: &Path) -> Vault {
    Vault::open(&folder.join("vault"), host_in(&folder.join("anchors"))).expect("the vault opens")
}

fn record_of(vault: &Vault) -> RecordId {
    vault
        .persons()
        .expect("persons")
        .first()
        .expect("a person")
        .record
}

/// Imports `record.ndjson` of this folder into a new vault.
pub fn import(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder.join("vault"));
    let host = host_in(&folder.join("anchors"));
    let vault = Vault::create(&folder.join("vault"), host, "bench", "Camille Martin", None)
        .expect("a vault");
    let record = record_of(&vault);
    let from = own_cpu();
    let report = vault
        .import(record, &[folder.join("record.ndjson")], None)
        .expect("an import");
    drop(vault);
    tell_cost(from);
    tell_disk(&folder.join("vault"));
    let refused: usize = report.files.iter().map(|file| file.rejected.len()).sum();
    assert_eq!(refused, 0, "the generated record has refused resources");
}

/// What a phone does between the unlocked key and the first screen.
pub fn first_page(folder: &Path) {
    let from = own_cpu();
    let vault = open(folder);
    let page = Filter {
        record: Some(record_of(&vault)),
        dated: true,
        limit: Some(50),
        ..Filter::default()
    };
    let rows = vault.list(&page).expect("a page");
    tell("cpu", own_cpu() - from);
    tell("peak_kib", own_peak_kib() as f64);
    assert_eq!(rows.len(), 50, "the page is not full");
}

/// Many different queries of each kind, in milliseconds of CPU each.
pub fn queries(folder: &Path) {
    let vault = open(folder);
    let record = record_of(&vault);
    let mut dice = Dice::new(7);
    tell_times("indexed", 300, || {
        vault.list(&indexed(&mut dice, record)).expect("rows").len()
    });
    tell_times("sorted", 300, || {
        vault.list(&sorted(&mut dice, record)).expect("rows").len()
    });
    tell_times("text", 300, || {
        let twenty = Filter {
            record: Some(record),
            limit: Some(20),
            ..Filter::default()
        };
        vault
            .search(&words(&mut dice), &twenty)
            .expect("rows")
            .len()
    });
}

fn indexed(dice: &mut Dice, record: RecordId) -> Filter {
    let codes = ["2345-7", "718-7", "8867-4", "4548-4", "44054006", "860975"];
    let year = dice.between(1999, 2024);
    Filter {
        record: Some(record),
        code: Some((*dice.pick(&codes)).to_owned()),
        from: Some(format!("{year}")),
        to: Some(format!("{year}")),
        limit: Some(20),
        ..Filter::default()
    }
}

fn sorted(dice: &mut Dice, record: RecordId) -> Filter {
    let kinds = ["Observation", "Condition", "MedicationRequest", "Encounter"];
    let mut filter = Filter {
        record: Some(record),
        limit: Some(20),
        ..Filter::default()
    };
    match dice.below(4) {
        0 => filter.kind = Some((*dice.pick(&kinds)).to_owned()),
        1 => filter.category = Some(*dice.pick(&Category::ALL)),
        2 => filter.offset = dice.below(200) as u32,
        _ => {
            filter.to = Some(format!(
                "{}-{:02}",
                dice.between(1999, 2024),
                dice.between(1, 12)
            ))
        }
    }
    filter
}

fn words(dice: &mut Dice) -> String {
    let one = [
        "glucose",
        "hemoglobine",
        "asthme",
        "hypertension",
        "grippe",
        "penicilline",
        "oedeme",
        "urgence",
    ];
    let two = [
        "sodium serum",
        "vaccin tetanos",
        "diabete type",
        "poids corporel",
        "thyreotropine unites",
        "coronaire atherosclerose",
    ];
    let from: &[&str] = if dice.chance(50) { &one } else { &two };
    (*dice.pick(from)).to_owned()
}

fn tell_times(name: &str, samples: usize, mut query: impl FnMut() -> usize) {
    let mut found = 0;
    let mut times: Vec<f64> = Vec::with_capacity(samples);
    for _ in 0..samples {
        let from = own_cpu();
        found += query();
        times.push((own_cpu() - from) * 1e3);
    }
    assert!(found > samples / 2, "the {name} queries find nothing");
    tell(name, quantile(&times, 0.95));
    tell(&format!("{name}_median"), quantile(&times, 0.5));
    tell(&format!("{name}_worst"), quantile(&times, 1.0));
}
