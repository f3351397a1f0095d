//! What `--json` prints: stable shapes for programs, the same in every language. Keys are always there; what is not known
//! is `null`.

pub mod access;
pub mod ble;
pub mod changes;
pub mod compartment;
pub mod documents;
pub mod member;
pub mod safety;
pub mod series;
pub mod sources;

use crate::format::{display, timestamp};
use crate::language::Language;
use carnet::vault::{
    Chain, CompactReport, Conflict, Correction, Detail, Device, FileReport, Finding, History,
    ImportReport, ListRow, LogHistory, Note, Person, Related, Severity, Stats, SyncReport,
    VerifyReport, Version, WrongPerson,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A flat row. `display` is the name in the language asked for; all else is the same in every language.
pub fn row(row: &ListRow, language: Language) -> Value {
    json!({
        "id": row.id.to_string(),
        "record": row.record.to_string(),
        "kind": row.kind,
        "category": row.category.name(),
        "document_category": row.document_category,
        "system": row.system,
        "code": row.code,
        "display": display(row, language),
        "display_fr": row.display_fr,
        "display_en": row.display_en,
        "when": row.when,
        "value": row.value,
        "comparator": row.comparator,
        "unit": row.unit,
        "status": row.status,
        "source": row.source,
        "corrected": row.corrected,
        "notes": row.notes,
    })
}

/// An array of flat rows.
pub fn rows(rows: &[ListRow], language: Language) -> Value {
    rows.iter().map(|one| row(one, language)).collect()
}

/// What an import did, file by file, and in all.
pub fn import(report: &ImportReport) -> Value {
    let files: Vec<Value> = report.files.iter().map(file).collect();
    let sum = |count: fn(&FileReport) -> u64| report.files.iter().map(count).sum::<u64>();
    let mut by_kind: BTreeMap<&str, u64> = BTreeMap::new();
    for (kind, count) in report.files.iter().flat_map(|file| &file.by_kind) {
        *by_kind.entry(kind).or_default() += count;
    }
    json!({
        "files": files,
        "totals": {
            "new": sum(|file| file.new),
            "unchanged": sum(|file| file.unchanged),
            "updated": sum(|file| file.updated),
            "rejected": sum(|file| file.rejected.len() as u64),
            "by_result": by_result(report),
            "by_kind": by_kind,
            "samples": series::counts(report.files.iter().map(|file| &file.samples)),
        },
    })
}

fn question(question: &WrongPerson) -> Value {
    json!({
        "name": question.name,
        "birth_date": question.birth_date,
        "differs": question.differs,
    })
}

fn by_result(report: &ImportReport) -> BTreeMap<&'static str, u64> {
    let mut counts = BTreeMap::new();
    for file in &report.files {
        *counts.entry(file.fate.name()).or_default() += 1;
    }
    counts
}

fn file(report: &FileReport) -> Value {
    let rejected: Vec<Value> = report
        .rejected
        .iter()
        .map(|item| json!({ "where": item.location, "reason": item.reason }))
        .collect();
    json!({
        "path": report.path.to_string_lossy(),
        "inside": report.inside,
        "format": report.format,
        "result": report.fate.name(),
        "reason": report.reason,
        "document": report.document.map(|id| id.to_string()),
        "question": report.question.as_ref().map(question),
        "resources": report.resources,
        "new": report.new,
        "unchanged": report.unchanged,
        "updated": report.updated,
        "rejected": rejected,
        "warnings": report.warnings,
        "samples": series::counts(std::iter::once(&report.samples)),
    })
}

/// Counts.
pub fn stats(stats: &Stats) -> Value {
    json!({
        "by_kind": stats.by_kind,
        "versions": stats.versions,
        "attachments": stats.attachments,
        "notes": stats.notes,
        "bytes_on_disk": stats.bytes_on_disk,
        "unsent": stats.unsent,
        "quarantined": stats.quarantined,
    })
}

/// What a sync did.
pub fn sync(report: &SyncReport) -> Value {
    json!({
        "sent": report.sent,
        "received": report.received,
        "stored": report.stored,
        "quarantined": report.quarantined,
        "bytes_sent": report.bytes_sent,
        "bytes_received": report.bytes_received,
        "round_trips": report.round_trips,
        "complete": report.complete,
        "notices": report.notices,
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// What a check found.
pub fn verify(report: &VerifyReport) -> Value {
    json!({
        "changes": report.changes,
        "attachments": report.attachments,
        "views": report.views,
        "problems": report.problems,
    })
}

/// What was found wrong, or was and is healed. `kind` and `severity` are stable words.
pub fn finding(finding: &Finding) -> Value {
    json!({
        "kind": finding.kind.word(),
        "severity": match finding.severity {
            Severity::Notice => "notice",
            Severity::Warning => "warning",
            Severity::Alarm => "alarm",
        },
        "record": finding.record.map(|record| record.to_string()),
        "compartment": finding.compartment,
        "device": finding.device.map(|device| device.to_string()),
        "device_name": finding.device_name,
        "witness_name": finding.witness_name,
        "relay": finding.relay,
        "missing": finding.missing,
        "first": finding.range.map(|(first, _)| first),
        "last": finding.range.map(|(_, last)| last),
        "since": timestamp(finding.since),
        "healed": finding.healed.map(timestamp),
    })
}

/// What each device wrote, and what was found wrong.
pub fn history(history: &History) -> Value {
    json!({
        "logs": history.logs.iter().map(log).collect::<Vec<_>>(),
        "findings": history.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn log(log: &LogHistory) -> Value {
    json!({
        "record": log.record.to_string(),
        "person": log.person,
        "compartment": log.compartment,
        "chains": log.chains.iter().map(chain).collect::<Vec<_>>(),
        "quarantine": log.held.iter().copied().collect::<BTreeMap<_, _>>(),
    })
}

fn chain(chain: &Chain) -> Value {
    json!({
        "device": chain.device.to_string(),
        "name": chain.name,
        "this": chain.this,
        "life": chain.life,
        "changes": chain.changes,
        "missing": chain.missing,
        "heard": chain.heard.map(timestamp),
        "forked": chain.forked,
        "snapshots": chain.snapshots,
    })
}

/// What a snapshot is made of.
pub fn compact(report: &CompactReport) -> Value {
    json!({
        "changes": report.changes,
        "pieces": report.pieces,
        "made": report.made,
        "reused": report.reused,
        "bytes": report.bytes,
        "new_bytes": report.new_bytes,
    })
}

/// A person.
pub fn person(person: &Person) -> Value {
    json!({
        "record": person.record.to_string(),
        "name": person.name,
        "birth_date": person.birth_date,
    })
}

/// A device.
pub fn device(device: &Device) -> Value {
    json!({
        "id": device.id.to_string(),
        "name": device.name,
        "this": device.this,
        "state": "live",
    })
}

/// One resource with its whole story; `resource` is the original text of the current version, byte for byte.
pub fn detail(detail: &Detail, language: Language) -> Value {
    json!({
        "row": row(&detail.row, language),
        "native": detail.native,
        "history": detail.history.iter().map(version).collect::<Vec<_>>(),
        "notes": detail.notes.iter().map(note).collect::<Vec<_>>(),
        "corrections": detail.corrections.iter().map(correction).collect::<Vec<_>>(),
        "references": detail.references.iter().map(related).collect::<Vec<_>>(),
        "original": detail.original,
    })
}

/// A same-field conflict; the first value is the one lists show.
pub fn conflict(conflict: &Conflict) -> Value {
    json!({
        "record": conflict.record.to_string(),
        "on": conflict.on.to_string(),
        "field": conflict.field,
        "values": conflict.values.iter().map(correction).collect::<Vec<_>>(),
    })
}

/// One version of a resource where it was seen.
pub fn version(version: &Version) -> Value {
    json!({
        "content": version.content.to_string(),
        "current": version.current,
        "version": version.version,
        "last_updated": version.last_updated,
        "source": version.source,
        "format": version.format,
        "device": version.device.to_string(),
        "recorded_at": timestamp(version.recorded_at),
    })
}

fn note(note: &Note) -> Value {
    json!({
        "id": note.id.to_string(),
        "text": note.text,
        "device": note.device.to_string(),
        "recorded_at": timestamp(note.recorded_at),
    })
}

fn correction(correction: &Correction) -> Value {
    json!({
        "field": correction.field,
        "source": correction.source,
        "value": correction.value,
        "device": correction.device.to_string(),
        "recorded_at": timestamp(correction.recorded_at),
    })
}

fn related(related: &Related) -> Value {
    json!({
        "path": related.path,
        "target": related.target.map(|target| target.to_string()),
        "display_fr": related.display_fr,
        "display_en": related.display_en,
        "reference": related.reference,
    })
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use carnet::record::ids::ResourceId;
    use carnet::record::row::Category;
    use carnet::vault::Rejection;

    /// A laboratory result with a comparator, a correction and a note.
    pub fn row() -> ListRow {
        ListRow {
            id: ResourceId([0x3f; 16]),
            record: crate::samples::record(1),
            kind: "Observation".to_owned(),
            category: Category::Laboratory,
            document_category: Some("BIOLOGIE".to_owned()),
            system: Some("http://loinc.org".to_owned()),
            code: Some("1988-5".to_owned()),
            display_fr: Some("Protéine C réactive".to_owned()),
            display_en: Some("C reactive protein".to_owned()),
            when: Some("2021-03".to_owned()),
            value: Some("1.0".to_owned()),
            comparator: Some("<".to_owned()),
            unit: Some("mg/L".to_owned()),
            status: Some("final".to_owned()),
            source: "bilan.json".to_owned(),
            corrected: true,
            notes: 1,
        }
    }

    fn keys(value: &Value) -> Vec<&str> {
        value
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn a_flat_row_has_its_keys_and_knows_no_language() {
        let fr = super::row(&row(), Language::Fr);
        #[rustfmt::skip]
        let wanted = [
            "id", "record", "kind", "category", "document_category", "system", "code", "display", "display_fr", "display_en",
            "when", "value", "comparator", "unit", "status", "source", "corrected", "notes",
        ];
        assert_eq!(keys(&fr), wanted);
        assert_eq!(fr["when"], "2021-03");
        assert_eq!(fr["value"], "1.0");
        assert_eq!(fr["display"], "Protéine C réactive");
        let mut en = super::row(&row(), Language::En);
        assert_eq!(en["display"], "C reactive protein");
        en["display"] = fr["display"].clone();
        assert_eq!(fr, en);
    }

    #[test]
    fn what_is_unknown_is_null_not_absent() {
        let mut bare = row();
        bare.when = None;
        bare.value = None;
        let value = super::row(&bare, Language::En);
        assert!(value["when"].is_null() && value["value"].is_null());
        assert_eq!(keys(&value).len(), 18);
        assert!(rows(&[], Language::En).as_array().unwrap().is_empty());
    }

    #[test]
    fn an_import_report_is_the_shape_of_the_contract() {
        let one = FileReport {
            path: "a.json".into(),
            format: "fhir-json",
            resources: 3,
            new: 2,
            rejected: vec![Rejection {
                location: "entry[2]".to_owned(),
                reason: "not a resource",
            }],
            by_kind: BTreeMap::from([("Patient".to_owned(), 1), ("Observation".to_owned(), 1)]),
            ..FileReport::default()
        };
        let mut two = one.clone();
        two.rejected.clear();
        two.unchanged = 4;
        let report = ImportReport {
            files: vec![one, two],
        };
        let expected = r#"{"files":[{"path":"a.json","inside":null,"format":"fhir-json","result":"understood","reason":null,"document":null,"question":null,"resources":3,"new":2,"unchanged":0,"updated":0,"rejected":[{"where":"entry[2]","reason":"not a resource"}],"warnings":[],"samples":{"read":0,"new":0,"unknown":{},"kept":0}},{"path":"a.json","inside":null,"format":"fhir-json","result":"understood","reason":null,"document":null,"question":null,"resources":3,"new":2,"unchanged":4,"updated":0,"rejected":[],"warnings":[],"samples":{"read":0,"new":0,"unknown":{},"kept":0}}],"totals":{"new":4,"unchanged":4,"updated":0,"rejected":1,"by_result":{"understood":2},"by_kind":{"Observation":2,"Patient":2},"samples":{"read":0,"new":0,"unknown":{},"kept":0}}}"#;
        assert_eq!(import(&report).to_string(), expected);
    }

    #[test]
    fn sync_and_stats_have_their_keys() {
        let report = SyncReport {
            sent: 3,
            complete: true,
            notices: vec!["gap"],
            ..SyncReport::default()
        };
        let expected = r#"{"sent":3,"received":0,"stored":0,"quarantined":0,"bytes_sent":0,"bytes_received":0,"round_trips":0,"complete":true,"notices":["gap"],"findings":[]}"#;
        assert_eq!(sync(&report).to_string(), expected);
        #[rustfmt::skip]
        let wanted = ["by_kind", "versions", "attachments", "notes", "bytes_on_disk", "unsent", "quarantined"];
        assert_eq!(keys(&stats(&Stats::default())), wanted);
    }

    #[test]
    fn a_finding_has_its_keys_and_what_is_unknown_is_null() {
        use carnet::vault::FindingKind;
        let mut one = crate::findings::tests::finding(FindingKind::Gap, 3);
        one.record = None;
        let value = finding(&one);
        #[rustfmt::skip]
        let wanted = [
            "kind", "severity", "record", "compartment", "device", "device_name", "witness_name", "relay", "missing",
            "first", "last", "since", "healed",
        ];
        assert_eq!(keys(&value), wanted);
        assert_eq!(
            (&value["kind"], &value["severity"]),
            (&json!("gap"), &json!("warning"))
        );
        assert!(value["record"].is_null() && value["healed"].is_null());
        assert_eq!((&value["first"], &value["last"]), (&json!(4), &json!(6)));
    }

    #[test]
    fn the_original_survives_json_byte_for_byte() {
        let text = "{ \"a\":1.50,\r\n\t\"é\" : \"\\u0000\" }";
        let story = crate::samples::detail(text);
        let printed = detail(&story, Language::Fr).to_string();
        let read: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(read["original"], text);
    }
}
