//! What people were told is done. In the end every phone must show all of it, and nothing else.
//!
//! A write is *certain* once the engine has answered, and stays so until a phone or a relay is put back from a copy: then
//! what no other phone holds, and what no relay was told of that keeps its data, is *possible*: it may be there or not.

use carnet::Vault;
use carnet::record::ids::ResourceId;
use carnet::vault::{Detail, Filter};
use std::collections::{BTreeMap, BTreeSet};

/// One thing somebody wrote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    /// A version of an imported resource: its native id and version.
    Version(String, String),
    /// A document: the resource that stands for it.
    Document(ResourceId),
    /// A note.
    Note(ResourceId, String),
    /// A field that was corrected, with whatever value.
    Correction(ResourceId, String),
    /// A person.
    Person(String),
}

/// Who wrote an item, and whether it must be there.
#[derive(Debug, Clone, Default)]
struct Fate {
    by: BTreeSet<usize>,
    /// Relays that acknowledged it.
    at: BTreeSet<usize>,
    possible: bool,
}

/// Everything written in a play.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    items: BTreeMap<Item, Fate>,
    /// Values somebody wrote into a field.
    values: BTreeMap<(ResourceId, String), BTreeSet<String>>,
}

impl Ledger {
    /// A phone wrote something.
    pub fn wrote(&mut self, by: usize, item: Item) {
        let fate = self.items.entry(item).or_default();
        fate.by.insert(by);
        fate.possible = false;
    }

    /// Everything a phone wrote: what a copy of it holds of its own.
    pub fn written_by(&self, phone: usize) -> BTreeSet<Item> {
        let own = self
            .items
            .iter()
            .filter(|(_, fate)| fate.by.contains(&phone));
        own.map(|(item, _)| item.clone()).collect()
    }

    /// A phone was put back from a copy that held this of its own: it no longer has what it wrote since.
    pub fn phone_put_back(&mut self, phone: usize, own: &BTreeSet<Item>) {
        for (item, fate) in &mut self.items {
            if !own.contains(item) {
                fate.by.remove(&phone);
            }
        }
    }

    /// A phone corrected a field.
    pub fn corrected(&mut self, by: usize, on: ResourceId, field: &str, value: &str) {
        self.wrote(by, Item::Correction(on, field.to_owned()));
        let values = self.values.entry((on, field.to_owned())).or_default();
        values.insert(value.to_owned());
    }

    /// A relay took everything a phone wrote.
    pub fn acknowledged(&mut self, by: usize, relay: usize) {
        for fate in self.items.values_mut() {
            if fate.by.contains(&by) {
                fate.at.insert(relay);
            }
        }
    }

    /// A relay was put back from a copy: what it acknowledged may be gone there.
    pub fn relay_put_back(&mut self, relay: usize) {
        for fate in self.items.values_mut() {
            fate.at.remove(&relay);
        }
    }

    /// Something was put back from a copy: certain is what a phone shows, or a relay acknowledged.
    pub fn put_back(&mut self, shown: &BTreeSet<Item>) {
        for (item, fate) in &mut self.items {
            fate.possible |= !shown.contains(item) && fate.at.is_empty();
        }
    }

    /// No relay will be asked any more: what no phone shows and no phone that wrote it still is, lies out of reach.
    pub fn without_relays(&mut self, shown: &BTreeSet<Item>) {
        for (item, fate) in &mut self.items {
            fate.possible |= fate.by.is_empty() && !shown.contains(item);
        }
    }

    /// Whether a document is known already.
    pub fn knows(&self, item: &Item) -> bool {
        self.items.contains_key(item)
    }

    /// Fails on what a phone shows and nobody wrote.
    pub fn check_forged(&self, name: &str, shown: &BTreeSet<Item>) {
        for item in shown {
            // A record may arrive before the name of its person.
            let unnamed = *item == Item::Person(String::new());
            assert!(
                unnamed || self.knows(item),
                "{name} shows what nobody wrote: {item:?}"
            );
        }
    }

    /// Compares with what a phone shows in the end: all that is certain, nothing that nobody wrote.
    pub fn check(&self, name: &str, shown: &BTreeSet<Item>) {
        self.check_forged(name, shown);
        assert!(!shown.contains(&Item::Person(String::new())), "{name}");
        for (item, fate) in &self.items {
            assert!(
                fate.possible || shown.contains(item),
                "{name} has lost {item:?} ({fate:?})"
            );
        }
    }

    /// Compares the values of corrected fields with what was written.
    pub fn check_values(&self, name: &str, id: ResourceId, detail: &Detail) {
        for correction in &detail.corrections {
            let written = self.values.get(&(id, correction.field.clone()));
            assert!(
                written.is_some_and(|values| values.contains(&correction.value)),
                "{name}: a value nobody wrote"
            );
        }
    }
}

/// Everything a vault shows, one by one.
pub fn shown(vault: &Vault, mut each: impl FnMut(ResourceId, &Detail)) -> BTreeSet<Item> {
    let persons = vault.persons().expect("persons");
    let mut items: BTreeSet<Item> = persons
        .into_iter()
        .map(|person| Item::Person(person.name))
        .collect();
    for row in vault.list(&Filter::default()).expect("rows") {
        let detail = vault.detail(row.id).expect("a detail");
        if row.kind == "DocumentReference" {
            items.insert(Item::Document(row.id));
        } else {
            items.extend(detail.history.iter().map(|seen| {
                let version = seen.version.clone().unwrap_or_default();
                Item::Version(number_in(&detail.original), version)
            }));
        }
        let notes = detail.notes.iter();
        items.extend(notes.map(|note| Item::Note(row.id, note.text.clone())));
        let corrections = detail.corrections.iter();
        items.extend(corrections.map(|one| Item::Correction(row.id, one.field.clone())));
        each(row.id, &detail);
    }
    items
}

/// The id in the original text of an observation of [`super::moves::observation`].
fn number_in(original: &str) -> String {
    let after = original.split("\"id\":\"").nth(1).unwrap_or_default();
    after.split('"').next().unwrap_or_default().to_owned()
}
