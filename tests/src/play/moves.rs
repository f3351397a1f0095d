//! What happens in a step.

use super::Play;
use super::check::timed;
use super::ledger::Item;
use super::phone::StopAfter;
use carnet::VaultError;
use carnet::record::ids::ResourceId;
use carnet::vault::{Filter, Person, SyncReport};
use carnet_wire::relay::code;
use std::sync::atomic::AtomicI64;

/// The values a status may be corrected to.
const STATUSES: [&str; 3] = ["amended", "corrected", "entered-in-error"];

impl Play {
    /// One step of one phone.
    pub(super) fn step(&mut self) {
        let at = self.dice.below(self.awake()) as usize;
        let (name, action): (_, fn(&mut Self, usize)) = match self.dice.below(100) {
            0..22 => ("import", Self::import),
            22..37 => ("note", Self::annotate),
            37..52 => ("correct", Self::correct),
            52..55 => ("document", Self::import_document),
            55..57 => ("person", Self::add_person),
            57 => ("rename", Self::rename_device),
            58..60 => ("restart", |play, at| play.phones[at].reopen()),
            60..66 => ("meeting", Self::meet),
            66..69 => ("stick", Self::use_stick),
            69..73 => ("background", Self::sync_background),
            _ => ("sync", Self::sync),
        };
        self.say(|| format!("{at} {name}"));
        self.time(name, |play| action(play, at));
        // What a sync writes by itself rests on what it had read by then, which nobody saw from here.
        if !matches!(
            name,
            "meeting" | "stick" | "background" | "sync" | "restart"
        ) {
            self.note_witnesses(at);
        }
    }

    pub(super) fn time<T>(&mut self, part: &'static str, work: impl FnOnce(&mut Self) -> T) -> T {
        let mut costs = std::mem::take(&mut self.costs);
        let value = timed(&mut costs, part, || work(self));
        for (part, (times, seconds)) in std::mem::replace(&mut self.costs, costs) {
            let sum = self.costs.entry(part).or_default();
            *sum = (sum.0 + times, sum.1 + seconds);
        }
        value
    }

    /// A file of a few resources out of few, so that phones import the same ones and other versions of them.
    fn import(&mut self, at: usize) {
        let person = self.some_person(at);
        let mut text = String::new();
        for _ in 0..1 + self.dice.below(4) {
            let (number, version) = (self.dice.below(20), self.dice.below(3));
            let id = format!("{}-{number}", slug(&person.name));
            text.push_str(&observation(&id, number, version));
            text.push('\n');
            self.ledger
                .wrote(at, Item::Version(id, version.to_string()));
        }
        self.import_text(at, &person, "ndjson", &text);
    }

    /// A file that is kept as a document.
    fn import_document(&mut self, at: usize) {
        if self.rules.snapshots.lost {
            return;
        }
        let person = self.some_person(at);
        let text = format!(
            r#"{{"resourceType":"MedicationOrder","id":"m{}","status":"active","medicationCodeableConcept":{{"text":"x"}}}}"#,
            self.dice.below(5)
        );
        self.import_text(at, &person, "json", &text);
        let documents = Filter {
            kind: Some("DocumentReference".to_owned()),
            record: Some(person.record),
            ..Filter::default()
        };
        for row in self.phones[at].vault.list(&documents).expect("rows") {
            let item = Item::Document(row.id);
            if !self.ledger.knows(&item) {
                self.ledger.wrote(at, item);
            }
        }
    }

    fn import_text(&mut self, at: usize, person: &Person, kind: &str, text: &str) {
        let file = self.folder.join(format!("{}.{kind}", self.dice.below(4)));
        std::fs::write(&file, text).expect("a file");
        let report = self.phones[at].vault.import(person.record, &[file], None);
        let report = report.expect("an import");
        let refused = report.files.iter().any(|file| !file.rejected.is_empty());
        assert!(!refused, "{report:?}");
    }

    fn add_person(&mut self, at: usize) {
        let name = format!("Person {}", self.dice.throw());
        self.phones[at]
            .vault
            .add_person(&name, Some("2019-02"))
            .expect("a person");
        self.ledger.wrote(at, Item::Person(name));
    }

    /// Any device may rename any other.
    fn rename_device(&mut self, at: usize) {
        let mut devices = self.phones[at].vault.devices().expect("devices");
        devices.sort_by_key(|device| device.id);
        let device = self.dice.pick(&devices).id;
        let name = format!("phone {}", self.dice.below(1_000));
        let renamed = self.phones[at].vault.rename_device(device, &name);
        renamed.expect("another name");
    }

    /// One whose name has arrived: another phone may have learnt of the record and not yet of the person.
    fn some_person(&mut self, at: usize) -> Person {
        let mut persons = self.phones[at].vault.persons().expect("persons");
        persons.retain(|person| !person.name.is_empty());
        persons.sort_by(|one, other| one.name.cmp(&other.name));
        self.dice.pick(&persons).clone()
    }

    fn some_resource(&mut self, at: usize) -> Option<ResourceId> {
        let rows = self.phones[at]
            .vault
            .list(&Filter::default())
            .expect("rows");
        let mut ids: Vec<_> = rows
            .into_iter()
            .filter(|row| row.kind == "Observation")
            .map(|row| row.id)
            .collect();
        ids.sort_unstable();
        (!ids.is_empty()).then(|| *self.dice.pick(&ids))
    }

    fn annotate(&mut self, at: usize) {
        let Some(on) = self.some_resource(at) else {
            return;
        };
        let text = format!("note {}", self.dice.throw());
        self.phones[at].vault.annotate(on, &text).expect("a note");
        self.ledger.wrote(at, Item::Note(on, text));
    }

    fn correct(&mut self, at: usize) {
        let Some(on) = self.some_resource(at) else {
            return;
        };
        let field = *self.dice.pick(&["value", "unit", "status", "display"]);
        let value = match field {
            "value" => format!("{}.{}", self.dice.below(100), self.dice.below(10)),
            "status" => (*self.dice.pick(&STATUSES)).to_owned(),
            _ => format!("{field} {}", self.dice.below(100)),
        };
        self.phones[at]
            .vault
            .correct(on, field, &value)
            .expect("a correction");
        self.ledger.corrected(at, on, field, &value);
    }

    /// Any relay; the lying one where there is one.
    pub(super) fn some_relay(&mut self) -> usize {
        match self.lies() {
            true => 0,
            false => self.dice.below(self.relays.len() as u64) as usize,
        }
    }

    /// A sync with a relay, which may be cut at any of its looks at the clock.
    fn sync(&mut self, at: usize) {
        if self.away[at] {
            return;
        }
        let relay = self.some_relay();
        let cut = self.dice.chance(20).then(|| self.dice.below(12) as i64);
        let stop = cut.map(|looks| StopAfter(AtomicI64::new(looks)));
        let url = self.relays[relay].url().to_owned();
        let outcome = self.phones[at].sync(&url, stop);
        self.say(|| format!("  {}", told(&outcome)));
        match outcome {
            Ok(report) if report.complete && !self.lies() => {
                self.ledger.acknowledged(at, relay);
            }
            Ok(report) if report.complete => self.check_reported(at),
            Ok(_) | Err(VaultError::Offline | VaultError::Cancelled) => {}
            // A question asked twice is answered the second time by: that challenge is used.
            Err(VaultError::RelayRefused(code::NO_SESSION)) => {}
            Err(VaultError::Bug(what)) => panic!("{}: {what}", self.phones[at].name),
            Err(_) if self.lies() => {}
            Err(error) => panic!(
                "a sync in bad weather on {}: {error:?}",
                self.phones[at].name
            ),
        }
        if self.lies() {
            self.check_nothing_forged(at);
        }
    }
}

/// What a sync said, for the story.
pub(super) fn told(outcome: &Result<SyncReport, VaultError>) -> String {
    match outcome {
        Ok(report) => format!(
            "{} sent, {} received, {} held, {:?}, {:?}",
            report.sent,
            report.received,
            report.quarantined,
            report.notices,
            report
                .findings
                .iter()
                .map(|one| one.kind.word())
                .collect::<Vec<_>>()
        ),
        Err(error) => format!("{error:?}"),
    }
}

fn slug(name: &str) -> String {
    name.replace(' ', "-")
}

/// A version of a resource.
pub(super) fn observation(id: &str, number: u64, version: u64) -> String {
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","meta":{{"versionId":"{version}","lastUpdated":"2025-01-0{}T10:00:00Z"}},"identifier":[{{"system":"urn:sim","value":"{id}"}}],"status":"final","code":{{"coding":[{{"system":"http://loinc.org","code":"2345-7","display":"Glucose"}}]}},"effectiveDateTime":"20{:02}-03-04","valueQuantity":{{"value":{}.{version},"unit":"mg/dL"}}}}"#,
        version + 1,
        10 + number % 15,
        80 + number
    )
}
