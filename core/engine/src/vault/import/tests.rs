#![allow(clippy::unwrap_used)]
use super::super::tests::Phone;
use super::*;
use crate::record::row::Category;
use crate::vault::{Filter, Observer, Progress, VaultError};
use std::io::{Cursor, Write};
use std::path::Path;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const GLUCOSE: &[u8] = br#"{"resourceType":"Observation","id":"g1","status":"final","code":{"text":"glucose"},"effectiveDateTime":"2021-03","valueQuantity":{"value":5.40,"unit":"mmol/L"}}"#;
const PDF: &[u8] = b"%PDF-1.4\n1 0 obj << /Title (Bilan) /CreationDate (D:20210401) >> endobj\ntrailer << /Info 1 0 R >>\n%%EOF";
const TEXT: &[u8] = b"Lettre de sortie\nTout va bien.\n";
const RUBBISH: &[u8] = &[1, 2, 3, 250, 0, 9];

pub(super) fn zip_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(super) struct Desk {
    pub(super) phone: Phone,
    folder: tempfile::TempDir,
}

impl Desk {
    pub(super) fn new() -> Self {
        Self {
            phone: Phone::new(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(super) fn import(&self, path: &Path) -> ImportReport {
        let record = self.phone.vault.persons().unwrap()[0].record;
        self.phone
            .vault
            .import(record, &[path.to_owned()], None)
            .unwrap()
    }

    /// The same once the person has said that it is theirs.
    fn import_accepted(&self, path: &Path, hash: [u8; 32]) -> ImportReport {
        let record = self.phone.vault.persons().unwrap()[0].record;
        let accepted = ImportOptions {
            accepted: vec![hash],
            ..ImportOptions::default()
        };
        let vault = &self.phone.vault;
        vault
            .import_with(record, &[path.to_owned()], &accepted, None)
            .unwrap()
    }

    pub(super) fn import_bytes(&self, bytes: &[u8]) -> ImportReport {
        self.import(&self.put("given", bytes))
    }

    /// What the record lists, without where it came from.
    fn resources(&self) -> Vec<String> {
        let rows = self.phone.vault.list(&Filter::default()).unwrap();
        let mut texts: Vec<String> = rows
            .iter()
            .map(|row| self.phone.vault.detail(row.id).unwrap().original)
            .collect();
        texts.sort();
        texts
    }

    pub(super) fn check(&self) {
        let report = self.phone.vault.verify(true).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
    }
}

pub(super) fn fates(report: &ImportReport) -> Vec<(Option<&str>, &'static str, &'static str)> {
    let files = report.files.iter();
    files
        .map(|file| (file.inside.as_deref(), file.format, file.fate.name()))
        .collect()
}

pub(super) fn new(report: &ImportReport) -> u64 {
    report.files.iter().map(|file| file.new).sum()
}

#[test]
fn a_folder_of_anything_is_understood_or_kept() {
    let desk = Desk::new();
    for (name, bytes) in [
        ("in/a", GLUCOSE),
        ("in/b.json", PDF),
        ("in/c", TEXT),
        ("in/d.pdf", RUBBISH),
        ("in/e", b""),
        ("in/f.json", b"{\"steps\": 12}"),
    ] {
        desk.put(name, bytes);
    }
    let report = desk.import(&desk.folder.path().join("in"));
    assert_eq!(
        fates(&report),
        [
            (None, "fhir-json", "understood"),
            (None, "pdf", "kept"),
            (None, "text", "kept"),
            (None, "unknown", "kept"),
            (None, "empty", "rejected"),
            (None, "json", "kept"),
        ]
    );
    assert_eq!(new(&report), 5);
    let rows = desk.phone.vault.list(&Filter::default()).unwrap();
    let bilan = rows
        .iter()
        .find(|row| row.display_fr.as_deref() == Some("Bilan"));
    assert_eq!(bilan.unwrap().when.as_deref(), Some("2021-04-01"));
    assert_eq!(new(&desk.import(&desk.folder.path().join("in"))), 0);
    desk.check();
}

#[test]
fn zipped_nested_and_renamed_it_is_the_same_record() {
    let one_by_one = Desk::new();
    for bytes in [GLUCOSE, PDF, TEXT, RUBBISH] {
        one_by_one.import_bytes(bytes);
    }
    let inner = zip_of(&[("x\\y", PDF), ("é.dat", RUBBISH)]);
    let outer = zip_of(&[("1", GLUCOSE), ("deep/2.zip", &inner), ("3.exe", TEXT)]);
    let zipped = Desk::new();
    let report = zipped.import_bytes(&outer);
    assert_eq!(
        fates(&report),
        [
            (Some("1"), "fhir-json", "understood"),
            (Some("deep/2.zip/x/y"), "pdf", "kept"),
            (Some("deep/2.zip/é.dat"), "unknown", "kept"),
            (Some("3.exe"), "text", "kept"),
        ]
    );
    assert_eq!(zipped.resources(), one_by_one.resources());
    assert_eq!(new(&zipped.import_bytes(TEXT)), 0);
    zipped.check();
}

#[test]
fn gzip_is_looked_into_whatever_it_holds() {
    let desk = Desk::new();
    let report = desk.import_bytes(&gzip(PDF));
    assert_eq!(fates(&report), [(Some("given"), "pdf", "kept")]);
    assert_eq!(new(&desk.import_bytes(PDF)), 0);
    let report = desk.import_bytes(&gzip(GLUCOSE));
    assert_eq!(fates(&report), [(None, "fhir-json-gz", "understood")]);
    let cut = gzip(PDF);
    let report = desk.import_bytes(&cut[..cut.len() - 12]);
    assert_eq!(fates(&report), [(None, "gzip", "kept")]);
}

#[test]
fn a_file_of_which_a_part_is_refused_is_kept_whole() {
    let desk = Desk::new();
    let lines = [GLUCOSE, b"\n{\"resourceType\":\n", GLUCOSE].concat();
    let report = desk.import_bytes(&lines);
    let file = &report.files[0];
    assert_eq!(file.fate, Fate::Understood, "{file:?}");
    assert!(!file.rejected.is_empty() && file.document.is_some());
    assert_eq!(desk.phone.vault.stats(None).unwrap().attachments, 1);
    assert_eq!(new(&desk.import_bytes(&lines)), 0);
}

#[test]
fn names_that_lead_out_are_shown_and_nothing_is_written() {
    let desk = Desk::new();
    let zip = zip_of(&[
        ("../../evil.txt", TEXT),
        ("/etc/x", PDF),
        ("C:\\y", RUBBISH),
    ]);
    let report = desk.import_bytes(&zip);
    assert_eq!(report.files[0].inside.as_deref(), Some("../../evil.txt"));
    assert!(report.files.iter().all(|file| file.fate == Fate::Kept));
    let beside = desk.folder.path().parent().unwrap().parent().unwrap();
    assert!(!beside.join("evil.txt").exists() && !Path::new("/etc/x").exists());
}

#[test]
fn links_and_folders_in_a_zip_are_no_items() {
    let desk = Desk::new();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    zip.add_directory("d", options).unwrap();
    zip.add_symlink("l", "/etc/passwd", options).unwrap();
    let report = desk.import_bytes(&zip.finish().unwrap().into_inner());
    assert_eq!(fates(&report), [(Some("l"), "unknown", "rejected")]);
    assert_eq!(new(&report), 0);
}

#[test]
fn a_zip_that_is_cut_gives_what_is_readable_and_is_kept() {
    let desk = Desk::new();
    let zip = zip_of(&[("a", GLUCOSE), ("b", PDF), ("c", TEXT)]);
    let at = zip
        .windows(4)
        .position(|window| window == b"PK\x01\x02")
        .unwrap();
    let report = desk.import_bytes(&zip[..at - 10]);
    assert_eq!(
        fates(&report),
        [
            (Some("a"), "fhir-json", "understood"),
            (Some("b"), "pdf", "kept"),
            (None, "zip", "kept"),
        ]
    );
    assert_eq!(report.files[2].reason, Some(archive::BROKEN));
    let report = desk.import_bytes(&zip[..20]);
    assert_eq!(report.files[0].reason, Some(archive::NOT_AN_ARCHIVE));
    desk.check();
}

#[test]
fn a_damaged_entry_costs_that_entry_only() {
    let desk = Desk::new();
    let mut zip = zip_of(&[("a", GLUCOSE), ("b", PDF)]);
    let data = zip.iter().position(|byte| *byte == b'a').unwrap() + 8;
    zip[data] ^= 0xff;
    let report = desk.import_bytes(&zip);
    assert_eq!(
        fates(&report),
        [
            (Some("a"), "unknown", "rejected"),
            (Some("b"), "pdf", "kept"),
            (None, "zip", "kept"),
        ]
    );
    assert_eq!(report.files[2].reason, Some(archive::PARTLY));
}

/// Changes the two bytes of flags of every header.
fn with_flag(mut zip: Vec<u8>, flag: u8) -> Vec<u8> {
    for (mark, offset) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let found: Vec<usize> = zip
            .windows(4)
            .enumerate()
            .filter(|(_, window)| window == mark)
            .map(|(at, _)| at + offset)
            .collect();
        found.into_iter().for_each(|at| zip[at] |= flag);
    }
    zip
}

#[test]
fn an_encrypted_entry_is_rejected_and_the_zip_kept() {
    let desk = Desk::new();
    let report = desk.import_bytes(&with_flag(zip_of(&[("secret", PDF)]), 1));
    assert_eq!(
        fates(&report),
        [
            (Some("secret"), "unknown", "rejected"),
            (None, "zip", "kept")
        ]
    );
    assert!(report.files[0].reason.unwrap().contains("password"));
}

#[test]
fn entries_that_share_their_bytes_are_not_opened() {
    let desk = Desk::new();
    let mut zip = zip_of(&[("a", PDF), ("b", PDF)]);
    let central = zip
        .windows(4)
        .rposition(|window| window == b"PK\x01\x02")
        .unwrap();
    zip[central + 42..central + 46].fill(0);
    let report = desk.import_bytes(&zip);
    assert_eq!(fates(&report), [(None, "zip", "kept")]);
    assert_eq!(report.files[0].reason, Some(archive::OVERLAPS));
}

#[test]
fn a_bomb_of_zips_in_zips_ends_soon_and_is_kept() {
    let desk = Desk::new();
    let zeros = vec![0; 70 << 20];
    let mut bomb = zip_of(&[("0", &zeros)]);
    for _ in 0..4 {
        let bytes = bomb;
        let names: Vec<String> = (0..16).map(|at| at.to_string()).collect();
        let entries: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), bytes.as_slice()))
            .collect();
        bomb = zip_of(&entries);
    }
    let began = std::time::Instant::now();
    let report = desk.import_bytes(&bomb);
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    let last = report.files.last().unwrap();
    assert_eq!((last.inside.as_deref(), last.fate), (None, Fate::Kept));
    assert!(report.files.len() < 100, "{} items", report.files.len());
    desk.check();
}

#[test]
fn zips_too_deep_are_kept_unopened() {
    let desk = Desk::new();
    let bottom = zip_of(&[("text", TEXT)]);
    let deep = (0..10).fold(bottom, |zip, _| zip_of(&[("z", &zip)]));
    let report = desk.import_bytes(&deep);
    assert_eq!(report.files.len(), 1);
    assert_eq!(report.files[0].reason, Some(archive::TOO_DEEP));
    assert_eq!(report.files[0].fate, Fate::Kept);
}

#[test]
fn an_empty_zip_says_so() {
    let report = Desk::new().import_bytes(&zip_of(&[]));
    assert_eq!(fates(&report), [(None, "zip", "rejected")]);
}

#[test]
fn what_is_labelled_a_secret_goes_into_private_and_stays_where_it_lives() {
    let desk = Desk::new();
    let labelled = br#"{"resourceType":"Observation","id":"s1","meta":{"security":[{"code":"R"}]},"status":"final","code":{"text":"secret"}}"#;
    assert_eq!(new(&desk.import_bytes(labelled)), 1);
    assert_eq!(new(&desk.import_bytes(GLUCOSE)), 1);
    // Without its label it is a new version, in the same place.
    let bare =
        br#"{"resourceType":"Observation","id":"s1","status":"final","code":{"text":"secret"}}"#;
    assert_eq!(desk.import_bytes(bare).files[0].updated, 1);
    let open = desk.phone.vault.unlocked().unwrap();
    let places: Vec<(String, i64)> = open
        .store
        .read(|conn| {
            let mut select = conn.prepare(
                "SELECT l.name, count(*) FROM row JOIN log l USING(log) GROUP BY l.name ORDER BY l.name",
            )?;
            let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .unwrap();
    assert_eq!(
        places,
        [("general".to_owned(), 1), ("private".to_owned(), 1)]
    );
    desk.check();
}

/// Cancels when `.0` questions were asked.
struct Patience(std::sync::atomic::AtomicU32);

impl Observer for Patience {
    fn progress(&self, progress: Progress) -> bool {
        assert!(progress.done <= progress.total.unwrap());
        self.0
            .fetch_update(
                std::sync::atomic::Ordering::Relaxed,
                std::sync::atomic::Ordering::Relaxed,
                |left| left.checked_sub(1),
            )
            .is_ok()
    }
}

#[test]
fn an_import_can_be_cancelled_anywhere_and_goes_on() {
    let desk = Desk::new();
    let noise: Vec<u8> = (0..1_u32 << 19)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    let zip = zip_of(&[("a", GLUCOSE), ("b", &noise), ("c", PDF)]);
    let path = desk.put("z", &zip);
    let record = desk.phone.vault.persons().unwrap()[0].record;
    let mut cancelled = 0;
    for patience in 0..40 {
        let observer = Patience(patience.into());
        let done = desk
            .phone
            .vault
            .import(record, std::slice::from_ref(&path), Some(&observer));
        match done {
            Err(error) => assert_eq!(error, VaultError::Cancelled),
            Ok(_) => break,
        }
        cancelled += 1;
    }
    assert!(cancelled > 3, "{cancelled}");
    assert_eq!(new(&desk.import(&path)), 0);
    assert_eq!(desk.resources().len(), 3);
    desk.check();
}

#[test]
fn a_document_without_a_type_is_of_the_category_of_others() {
    let desk = Desk::new();
    desk.import_bytes(PDF);
    let rows = desk.phone.vault.list(&Filter::default()).unwrap();
    assert_eq!(rows[0].category, Category::Other);
    assert_eq!(
        rows[0]
            .display_en
            .as_deref()
            .or(rows[0].display_fr.as_deref()),
        Some("Bilan")
    );
}

#[test]
fn a_zip_changed_anywhere_is_read_or_kept_and_never_fails() {
    let desk = Desk::new();
    let zip = zip_of(&[("a", GLUCOSE), ("b/c", PDF), ("d", TEXT)]);
    for at in (0..zip.len()).step_by(5) {
        let mut changed = zip.clone();
        changed[at] ^= 1 << (at % 8);
        let report = desk.import_bytes(&changed);
        assert!(!report.files.is_empty(), "byte {at}");
    }
    desk.check();
}

/// A document of a patient with a label of confidentiality.
fn cda(given: &str, born: &str, label: &str) -> Vec<u8> {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <id root="1.2.250.1.999.77" extension="{given}{born}{label}"/>
  <code code="11502-2" codeSystem="2.16.840.1.113883.6.1" displayName="CR de biologie"/>
  <title>Bilan</title>
  <effectiveTime value="20210401"/>
  <confidentialityCode code="{label}" codeSystem="2.16.840.1.113883.5.25"/>
  <recordTarget><patientRole><id root="1.2.250.1.999.78" extension="1"/>
    <patient><name><given>{given}</given><family>EXEMPLE</family></name><birthTime value="{born}"/></patient>
  </patientRole></recordTarget>
  <component><structuredBody><component><section>
    <code code="30954-2" codeSystem="2.16.840.1.113883.6.1"/><title>Biologie</title><text>CRP 4 mg/L</text>
    <entry><observation classCode="OBS" moodCode="EVN">
      <code code="1988-5" codeSystem="2.16.840.1.113883.6.1" displayName="CRP"/>
      <effectiveTime value="20210401"/><value xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="PQ" value="4" unit="mg/L"/>
    </observation></entry>
  </section></component></structuredBody></component>
</ClinicalDocument>"#
    )
    .into_bytes()
}

impl Desk {
    fn compartments(&self) -> Vec<String> {
        let open = self.phone.vault.unlocked().unwrap();
        let read = open.store.read(|conn| {
            let mut select = conn
                .prepare("SELECT DISTINCT l.name FROM row JOIN log l USING(log) ORDER BY l.name")?;
            let names = select.query_map([], |row| row.get(0))?;
            Ok(names.collect::<rusqlite::Result<_>>()?)
        });
        read.unwrap()
    }
}

#[test]
fn what_was_read_from_a_document_leads_back_to_its_bytes() {
    let desk = Desk::new();
    let document = cda("Camille", "19840512", "N");
    let report = desk.import_bytes(&document);
    assert_eq!(fates(&report), [(None, "cda", "understood")], "{report:#?}");
    assert!(report.files[0].document.is_some());
    let rows = desk.phone.vault.list(&Filter::default()).unwrap();
    let crp = rows.iter().find(|row| row.kind == "Observation").unwrap();
    let mut bytes = Vec::new();
    desk.phone.vault.write_document(crp.id, &mut bytes).unwrap();
    assert!(bytes == document);
    assert_eq!(new(&desk.import_bytes(&zip_of(&[("x", &document)]))), 0);
    assert_eq!(desk.compartments(), ["general"]);
    desk.check();
}

#[test]
fn a_document_about_somebody_else_is_asked_about_and_leaves_nothing() {
    let desk = Desk::new();
    let path = desk.put("lou", &cda("Lou", "20190203", "N"));
    let report = desk.import(&path);
    assert_eq!(fates(&report), [(None, "cda", "held")]);
    let question = report.files[0].question.clone().unwrap();
    assert_eq!(question.birth_date.as_deref(), Some("2019-02-03"));
    assert_eq!(desk.resources(), Vec::<String>::new());
    assert_eq!(desk.phone.vault.stats(None).unwrap().attachments, 0);
    assert!(new(&desk.import_accepted(&path, question.hash)) > 2);
}

#[test]
fn a_confidential_document_goes_into_private_whole() {
    let desk = Desk::new();
    assert!(new(&desk.import_bytes(&cda("Camille", "19840512", "R"))) > 2);
    assert_eq!(desk.compartments(), ["private"]);
    assert_eq!(new(&desk.import_bytes(&cda("Camille", "19840512", "R"))), 0);
    desk.check();
}

/// A bundle whose Patient comes last.
fn bundle_of(given: &str, born: &str, more: &str) -> Vec<u8> {
    format!(
        r#"{{"resourceType":"Bundle","type":"collection","entry":[{{"resource":{}}},{{"resource":{{"resourceType":"Patient","name":[{{"family":"Martin","given":["{given}"]}}],"birthDate":"{born}"{more}}}}}]}}"#,
        std::str::from_utf8(GLUCOSE).unwrap()
    )
    .into_bytes()
}

#[test]
fn fhir_about_somebody_else_is_held_until_the_person_says_so() {
    let desk = Desk::new();
    let path = desk.put("lou", &bundle_of("Lou", "2019-02-03", ""));
    let report = desk.import(&path);
    assert_eq!(fates(&report), [(None, "fhir-json", "held")]);
    let question = report.files[0].question.clone().unwrap();
    assert_eq!(question.name.as_deref(), Some("Lou Martin"));
    assert_eq!(question.birth_date.as_deref(), Some("2019-02-03"));
    assert_eq!(desk.resources(), Vec::<String>::new());

    assert_eq!(new(&desk.import_accepted(&path, question.hash)), 2);
    let compressed = desk.import_bytes(&gzip(&bundle_of("Lou", "2018", "")));
    assert_eq!(fates(&compressed), [(None, "fhir-json-gz", "held")]);
}

#[test]
fn a_record_learns_the_national_identity_of_its_person() {
    let ins = |number: &str| {
        format!(
            r#","gender":"female","identifier":[{{"system":"urn:oid:1.2.250.1.213.1.4.8","value":"{number}"}}]"#
        )
    };
    let desk = Desk::new();
    let own = bundle_of("Camille", "1984-05-12", &ins("284057512345612"));
    assert_eq!(
        fates(&desk.import_bytes(&own)),
        [(None, "fhir-json", "understood")]
    );
    let renamed = bundle_of("Anne", "1984-05-12", &ins("2840575123456"));
    assert_eq!(
        fates(&desk.import_bytes(&renamed)),
        [(None, "fhir-json", "understood")]
    );
    for other in [ins("2840575123499"), r#","gender":"male""#.to_owned()] {
        let namesake = bundle_of("Camille", "1984-05-12", &other);
        assert_eq!(
            fates(&desk.import_bytes(&namesake)),
            [(None, "fhir-json", "held")]
        );
    }
}

impl Desk {
    fn changes(&self) -> u64 {
        let open = self.phone.vault.unlocked().unwrap();
        let count = |conn: &rusqlite::Connection| {
            Ok(conn.query_row("SELECT count(*) FROM change", [], |row| row.get(0))?)
        };
        open.store.read(count).unwrap()
    }

    fn archive(&self) -> Vec<u8> {
        let record = self.phone.vault.persons().unwrap()[0].record;
        let mut out = Vec::new();
        let format = crate::vault::ExportFormat::Archive;
        self.phone.vault.export(record, format, &mut out).unwrap();
        out
    }

    /// What people see of each resource: versions, notes, corrections, where each came from.
    fn seen(&self) -> Vec<String> {
        let rows = self.phone.vault.list(&Filter::default()).unwrap();
        let mut seen: Vec<String> = rows
            .iter()
            .map(|row| {
                let detail = self.phone.vault.detail(row.id).unwrap();
                let versions = detail.history.iter();
                let versions: Vec<_> = versions
                    .map(|one| (&one.source, &one.version, &one.last_updated))
                    .collect();
                let notes: Vec<_> = detail.notes.iter().map(|note| &note.text).collect();
                let corrections = detail.corrections.iter();
                let corrections: Vec<_> = corrections.map(|one| (&one.field, &one.value)).collect();
                format!(
                    "{} {} {versions:?} {notes:?} {corrections:?}",
                    detail.original, row.source
                )
            })
            .collect();
        seen.sort();
        seen
    }
}

#[test]
fn many_small_files_are_few_changes_and_each_keeps_its_name() {
    let desk = Desk::new();
    for number in 0..300 {
        let text = format!(
            r#"{{"resourceType":"Observation","status":"final","code":{{"text":"n{number}"}}}}"#
        );
        desk.put(&format!("in/{number:03}.json"), text.as_bytes());
    }
    desk.put("in/letter", TEXT);
    desk.put("in/the same letter", TEXT);
    let before = desk.changes();
    let report = desk.import(&desk.folder.path().join("in"));
    assert_eq!((report.files.len(), new(&report)), (302, 301));
    assert_eq!(report.files.last().unwrap().unchanged, 1);
    assert_eq!(desk.changes() - before, 1);
    let rows = desk.phone.vault.list(&Filter::default()).unwrap();
    let sources: std::collections::BTreeSet<&str> =
        rows.iter().map(|row| row.source.as_str()).collect();
    assert_eq!(sources.len(), 301, "each has its own file's name");
    assert_eq!(new(&desk.import(&desk.folder.path().join("in"))), 0);
    assert_eq!(desk.changes() - before, 1, "nothing new is no change");
    desk.check();
}

/// Of two versions in two files that are written together, the one that was read last is the one that lists show.
#[test]
fn what_waits_is_written_in_the_order_it_was_read() {
    let desk = Desk::new();
    let later = String::from_utf8(GLUCOSE.to_vec())
        .unwrap()
        .replace("5.40", "5.60");
    desk.put("in/1", GLUCOSE);
    desk.put("in/2", later.as_bytes());
    let report = desk.import(&desk.folder.path().join("in"));
    let counts: Vec<_> = report
        .files
        .iter()
        .map(|file| (file.new, file.updated))
        .collect();
    assert_eq!(counts, [(1, 0), (0, 1)]);
    assert_eq!(desk.resources(), [later]);
    desk.check();
}

#[test]
fn an_archive_brings_back_versions_notes_corrections_and_series() {
    let first = Desk::new();
    let later = String::from_utf8(GLUCOSE.to_vec())
        .unwrap()
        .replace("5.40", "5.60");
    first.import(&first.put("january.json", GLUCOSE));
    first.import(&first.put("march.json", later.as_bytes()));
    first.import_bytes(&zip_of(&[("letter.txt", TEXT), ("scan.pdf", PDF)]));
    first.import_bytes(&cda("Camille", "19840512", "R"));
    let rows = first.phone.vault.list(&Filter::default()).unwrap();
    for row in &rows {
        first
            .phone
            .vault
            .annotate(row.id, "à revoir avec le médecin")
            .unwrap();
    }
    let glucose = rows
        .iter()
        .find(|row| row.value.as_deref() == Some("5.60"))
        .unwrap();
    first
        .phone
        .vault
        .correct(glucose.id, "value", "5.50")
        .unwrap();
    let measured = crate::record::series::SampleBatch {
        metric: crate::record::series::Metric::from_key("heart-rate").unwrap(),
        unit: crate::record::series::Unit::from_text("/min").unwrap(),
        source: crate::record::series::Source {
            key: "watch".to_owned(),
            name: "Montre".to_owned(),
            kind: crate::record::series::SourceKind::Watch,
        },
        samples: (0..100).map(beat).collect(),
    };
    let record = first.phone.vault.persons().unwrap()[0].record;
    let ingest = crate::vault::Ingest {
        feed: "watch".to_owned(),
        batches: vec![measured],
        deletions: Vec::new(),
        token: None,
        window: None,
    };
    first.phone.vault.ingest(record, &ingest).unwrap();

    let archive = first.archive();
    let second = Desk::new();
    let report = second.import_bytes(&archive);
    assert!(
        report.files.iter().all(|file| file.rejected.is_empty()),
        "{report:#?}"
    );
    assert_eq!(second.seen(), first.seen());
    assert_eq!(second.compartments(), first.compartments());
    let own = second.phone.vault.persons().unwrap()[0].record;
    let (one, two) = (
        first.phone.vault.series(record),
        second.phone.vault.series(own),
    );
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(new(&second.import_bytes(&archive)), 0);
    assert_eq!(second.seen(), first.seen());
    // A record that came out of an archive leaves in an archive that says the same.
    let third = Desk::new();
    third.import_bytes(&second.archive());
    assert_eq!(third.seen(), first.seen());
    second.check();
}

fn beat(number: i64) -> crate::record::series::Sample {
    crate::record::series::Sample {
        start: 1_700_000_000_000 + number * 60_000,
        end: 1_700_000_000_000 + number * 60_000,
        offset: Some(60),
        reading: crate::record::series::Reading::Value(
            crate::record::series::Decimal::new(60 + number % 40, 0).unwrap(),
        ),
        quality: crate::record::series::Quality::default(),
        id: None,
        version: 0,
    }
}

#[test]
fn an_archive_of_somebody_else_is_held_as_a_whole() {
    let lou = Desk::new();
    let added = lou
        .phone
        .vault
        .add_person("Lou Petit", Some("2019-02-03"))
        .unwrap();
    let path = lou.put("glucose", GLUCOSE);
    lou.phone.vault.import(added.record, &[path], None).unwrap();
    let mut archive = Vec::new();
    let format = crate::vault::ExportFormat::Archive;
    lou.phone
        .vault
        .export(added.record, format, &mut archive)
        .unwrap();

    let desk = Desk::new();
    let path = desk.put("archive", &archive);
    let report = desk.import(&path);
    assert_eq!(fates(&report), [(None, "carnet-archive", "held")]);
    let question = report.files[0].question.clone().unwrap();
    assert_eq!(question.name.as_deref(), Some("Lou Petit"));
    assert_eq!(desk.resources(), Vec::<String>::new());
    assert_eq!(new(&desk.import_accepted(&path, question.hash)), 1);
}

/// More entries than the first format of zip can count: the directory is in its 64-bit form.
#[test]
fn a_zip_of_the_64_bit_form_is_read() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for number in 0..66_000 {
        zip.start_file(format!("{number}"), stored).unwrap();
    }
    zip.start_file("glucose", stored.large_file(true)).unwrap();
    zip.write_all(GLUCOSE).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    assert!(
        bytes.windows(4).any(|window| window == b"PK\x06\x06"),
        "no 64-bit directory"
    );
    let desk = Desk::new();
    let report = desk.import_bytes(&bytes);
    let understood = report
        .files
        .iter()
        .filter(|file| file.fate == Fate::Understood);
    assert_eq!(understood.count(), 1);
    assert_eq!((report.files.len(), new(&report)), (66_001, 1));
}
