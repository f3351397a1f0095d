//! The whole room at work: what views show, and that nothing but the set of changes decides it.
#![allow(clippy::unwrap_used, clippy::string_slice)]

use super::testing::{Room, Written, author, of_edit, of_texts, put, record_id, written};
use super::{Known, Store, known, rebuild, views};
use crate::error::Error;
use crate::record::ids::{ContentHash, EntryId, ResourceId, ShardId};
use crate::record::patient::{Edit, Shard};
use crate::record::view::{Filter, ListRow};
use proptest::prelude::*;

const GLUCOSE: &str = r#"{"resourceType":"Observation","id":"g1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}],"text":"Glycémie à jeun"},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2020-05-03T10:20:30+02:00","valueQuantity":{"value":5.40,"unit":"mmol/L"}}"#;
const GLUCOSE_AMENDED: &str = r#"{"resourceType":"Observation","id":"g1","meta":{"versionId":"2"},"status":"amended","code":{"coding":[{"system":"http://loinc.org","code":"2339-0"}],"text":"Glycémie à jeun"},"subject":{"reference":"Patient/p1"},"effectiveDateTime":"2020-05-03T10:20:30+02:00","valueQuantity":{"value":5.60,"unit":"mmol/L"}}"#;
const ASTHMA: &str = r#"{"resourceType":"Condition","id":"c1","clinicalStatus":{"coding":[{"code":"active"}]},"code":{"coding":[{"system":"http://snomed.info/sct","code":"195967001"}],"text":"Crise d'asthme"},"subject":{"reference":"Patient/p1"},"onsetDateTime":"2019"}"#;
const PATIENT: &str = r#"{"resourceType":"Patient","id":"p1","name":[{"text":"Zoé Martin"}]}"#;

fn kinds(rows: &[ListRow]) -> Vec<&str> {
    rows.iter().map(|row| row.kind.as_str()).collect()
}

fn list(store: &Store, filter: &Filter) -> Vec<ListRow> {
    store.read(|reader| views::list(reader, filter)).unwrap()
}

fn search(store: &Store, text: &str) -> Vec<ListRow> {
    store
        .read(|reader| views::search(reader, text, &Filter::default()))
        .unwrap()
}

fn first_of(store: &Store, kind: &str) -> ListRow {
    list(
        store,
        &Filter {
            kind: Some(kind.into()),
            ..Filter::default()
        },
    )
    .remove(0)
}

fn fingerprint(store: &Store) -> [u8; 32] {
    store.read(rebuild::fingerprint).unwrap()
}

fn three() -> Room {
    let room = Room::new();
    let done = room.write(&written(1, 1, 1, of_texts(&[GLUCOSE, ASTHMA, PATIENT])));
    assert_eq!(
        (done.new, done.updated, done.unchanged, done.refused),
        (3, 0, 0, 0)
    );
    room
}

/// A correction or note by the first thing in a shard of its own.
fn edit(author_number: u8, seq: u64, edits: &[Edit]) -> Written {
    let mut shard = Shard::empty(&author(author_number));
    let bytes = shard.edit(edits, 1_700_000_000_000).unwrap();
    written(
        author_number,
        seq,
        10 + seq,
        of_edit(ShardId([author_number; 16]), bytes),
    )
}

fn correct(author_number: u8, on: ResourceId, field: &str, value: &str) -> Written {
    edit(
        author_number,
        9,
        &[Edit::Correct {
            on,
            field: field.into(),
            value: value.into(),
        }],
    )
}

#[test]
fn lists_newest_first_and_shows_one_with_its_story() {
    let room = three();
    let rows = list(&room.store, &Filter::default());
    assert_eq!(kinds(&rows), ["Observation", "Condition", "Patient"]);
    let row = &rows[0];
    assert_eq!(row.when.as_deref(), Some("2020-05-03T10:20:30+02:00"));
    assert_eq!(row.value.as_deref(), Some("5.40"));
    assert_eq!(row.unit.as_deref(), Some("mmol/L"));
    assert_eq!(row.source, "fichier.json");
    assert_eq!(row.record, record_id(1));
    let detail = room
        .store
        .read(|reader| views::detail(reader, row.id))
        .unwrap();
    assert_eq!(detail.original, GLUCOSE);
    assert_eq!(detail.row, *row);
    assert!(
        detail
            .references
            .iter()
            .any(|reference| reference.target == Some(rows[2].id))
    );
    assert_eq!(detail.history.len(), 1);
    assert_eq!(detail.history[0].device, author(1).device);
    assert!(detail.history[0].current);
    let mut texts = Vec::new();
    let count = room.store.read(|reader| {
        super::each_current_text(reader, record_id(1), |text, _| {
            texts.push(text.to_owned());
            Ok(())
        })
    });
    assert_eq!(count.unwrap(), 3);
    assert_eq!(texts, [GLUCOSE, ASTHMA, PATIENT]);
}

#[test]
fn filters_narrow_and_pages_join() {
    let room = three();
    let only = |filter: Filter| -> usize { list(&room.store, &filter).len() };
    let date = |text: &str| Some(text.to_owned());
    assert_eq!(
        only(Filter {
            dated: true,
            ..Filter::default()
        }),
        2
    );
    assert_eq!(
        only(Filter {
            from: date("2019"),
            to: date("2019"),
            ..Filter::default()
        }),
        1
    );
    assert_eq!(
        only(Filter {
            from: date("2020-05-03"),
            ..Filter::default()
        }),
        1
    );
    assert_eq!(
        only(Filter {
            to: date("2018"),
            ..Filter::default()
        }),
        0
    );
    assert_eq!(
        only(Filter {
            code: Some("2339-0".into()),
            ..Filter::default()
        }),
        1
    );
    assert_eq!(
        only(Filter {
            kind: Some("Device".into()),
            ..Filter::default()
        }),
        0
    );
    assert_eq!(
        only(Filter {
            record: Some(record_id(9)),
            ..Filter::default()
        }),
        0
    );
    let page = |offset| {
        list(
            &room.store,
            &Filter {
                limit: Some(1),
                offset,
                ..Filter::default()
            },
        )
    };
    let joined: Vec<ListRow> = (0..4).flat_map(page).collect();
    assert_eq!(joined, list(&room.store, &Filter::default()));
    let bad = room.store.read(|reader| {
        views::list(
            reader,
            &Filter {
                from: date("hier"),
                ..Filter::default()
            },
        )
    });
    assert!(matches!(bad, Err(Error::Invalid(_))));
}

#[test]
fn search_folds_accents_elisions_and_ends() {
    let room = three();
    for found in [
        "glycemie",
        "GLYCÉMIE",
        "glyc",
        "jeun glycemie",
        "l'asthme",
        "crise asthm",
    ] {
        assert_eq!(search(&room.store, found).len(), 1, "{found}");
    }
    for missed in ["asthme glycemie", "lycemie", "", "' \" *", "NOT"] {
        assert_eq!(search(&room.store, missed).len(), 0, "{missed}");
    }
    for hostile in [
        "\"",
        "a* OR b",
        "words:x",
        "(",
        "-",
        "^a",
        "NEAR(a b)",
        "5.4",
        "29463-7",
        "é\u{301}",
        "\0",
    ] {
        search(&room.store, hostile);
    }
}

#[test]
fn a_common_word_gives_the_same_rows_either_way() {
    let room = Room::new();
    let texts: Vec<String> = (0..2_500)
        .map(|number| {
            let word = if number % 100 == 0 { "rare" } else { "courante" };
            format!(r#"{{"resourceType":"Observation","id":"o{number}","status":"final","code":{{"text":"mesure {word}"}},"effectiveDateTime":"20{:02}"}}"#, number % 60)
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    room.write(&written(1, 1, 1, of_texts(&texts)));
    let page = |text: &str, offset| {
        let filter = Filter {
            limit: Some(7),
            offset,
            ..Filter::default()
        };
        room.store
            .read(|reader| views::search(reader, text, &filter))
            .unwrap()
    };
    let all = list(&room.store, &Filter::default());
    let expected = |rare: bool| -> Vec<&ListRow> {
        let named = |row: &&ListRow| {
            row.display_fr
                .as_deref()
                .is_some_and(|name| name.contains("rare"))
                == rare
        };
        all.iter().filter(named).collect()
    };
    assert_eq!(page("mesure", 3), all[3..10]);
    assert_eq!(
        page("rare", 0).iter().collect::<Vec<_>>(),
        expected(true)[..7]
    );
    assert_eq!(
        page("courante", 9).iter().collect::<Vec<_>>(),
        expected(false)[9..16]
    );
}

#[test]
fn knows_what_it_has() {
    let room = three();
    let row = first_of(&room.store, "Observation");
    let content = room
        .store
        .read(|reader| views::history(reader, row.id))
        .unwrap()[0]
        .content;
    let ask = |log, id, content| {
        room.store
            .read(|reader| known(reader, log, id, content))
            .unwrap()
    };
    assert_eq!(ask(1, row.id, content), Known::Same);
    assert_eq!(ask(1, row.id, ContentHash([0; 16])), Known::Other);
    assert_eq!(ask(2, row.id, content), Known::New);
    assert_eq!(ask(1, ResourceId([0; 16]), content), Known::New);
}

#[test]
fn a_newer_version_stands_and_the_older_stays_in_history() {
    let room = three();
    let before = first_of(&room.store, "Observation");
    let done = room.write(&written(2, 1, 2, of_texts(&[GLUCOSE_AMENDED])));
    assert_eq!((done.new, done.updated), (0, 1));
    let again = room.write(&written(3, 1, 3, of_texts(&[GLUCOSE])));
    assert_eq!((again.unchanged, again.updated), (1, 0));
    let after = first_of(&room.store, "Observation");
    assert_eq!(
        (after.id, after.value.as_deref()),
        (before.id, Some("5.60"))
    );
    let history = room
        .store
        .read(|reader| views::history(reader, after.id))
        .unwrap();
    let current: Vec<bool> = history.iter().map(|version| version.current).collect();
    assert_eq!(current, [true, false, false]);
    assert_eq!(list(&room.store, &Filter::default()).len(), 3);
}

#[test]
fn a_name_is_read_through_a_reference() {
    let room = Room::new();
    let request = r#"{"resourceType":"MedicationRequest","id":"r1","status":"active","intent":"order","medicationReference":{"reference":"Medication/m1"},"subject":{"reference":"Patient/p1"}}"#;
    let medicine = r#"{"resourceType":"Medication","id":"m1","code":{"text":"Paracétamol 1 g"}}"#;
    room.write(&written(1, 1, 1, of_texts(&[request])));
    assert_eq!(first_of(&room.store, "MedicationRequest").display_fr, None);
    room.write(&written(1, 2, 2, of_texts(&[medicine])));
    let row = first_of(&room.store, "MedicationRequest");
    assert_eq!(row.display_fr.as_deref(), Some("Paracétamol 1 g"));
    assert_eq!(row.display_en.as_deref(), Some("Paracétamol 1 g"));
}

#[test]
fn notes_and_corrections_show_and_are_found() {
    let room = three();
    let on = first_of(&room.store, "Observation").id;
    let edits = [
        Edit::Annotate {
            id: EntryId([5; 16]),
            on,
            text: "Après l'effort, très fatigué".into(),
        },
        Edit::Correct {
            on,
            field: "value".into(),
            value: "4.5".into(),
        },
        Edit::Correct {
            on,
            field: "when".into(),
            value: "2018-01-02".into(),
        },
        Edit::Correct {
            on,
            field: "display".into(),
            value: "Sucre".into(),
        },
    ];
    room.write(&edit(1, 9, &edits));
    let row = first_of(&room.store, "Observation");
    assert_eq!(
        (row.value.as_deref(), row.corrected, row.notes),
        (Some("4.5"), true, 1)
    );
    assert_eq!(
        (row.display_fr.as_deref(), row.display_en.as_deref()),
        (Some("Sucre"), Some("Sucre"))
    );
    // The corrected date moves the row below the condition of 2019.
    assert_eq!(
        kinds(&list(&room.store, &Filter::default())),
        ["Condition", "Observation", "Patient"]
    );
    for found in ["effort", "fatigue glycemie", "sucre", "4.5"] {
        assert_eq!(search(&room.store, found).len(), 1, "{found}");
    }
    let detail = room.store.read(|reader| views::detail(reader, on)).unwrap();
    assert_eq!(detail.notes[0].text, "Après l'effort, très fatigué");
    assert_eq!(detail.notes[0].device, author(1).device);
    let value = detail
        .corrections
        .iter()
        .find(|correction| correction.field == "value")
        .unwrap();
    assert_eq!(
        (value.source.as_deref(), value.value.as_str()),
        (Some("5.40"), "4.5")
    );
    assert_eq!(detail.original, GLUCOSE);
}

#[test]
fn concurrent_corrections_are_a_conflict_with_one_standing_value() {
    let room = three();
    let on = first_of(&room.store, "Observation").id;
    room.write(&correct(1, on, "value", "4.5"));
    assert!(room.store.read(views::conflicts).unwrap().is_empty());
    room.write(&correct(2, on, "value", "4.6"));
    let conflicts = room.store.read(views::conflicts).unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(
        (conflicts[0].on, conflicts[0].field.as_str()),
        (on, "value")
    );
    assert_eq!(conflicts[0].values.len(), 2);
    assert_eq!(
        first_of(&room.store, "Observation").value.as_deref(),
        Some(conflicts[0].values[0].value.as_str())
    );
}

#[test]
fn a_note_in_one_compartment_shows_on_a_resource_of_another() {
    let room = three();
    let on = first_of(&room.store, "Condition").id;
    let note = Edit::Annotate {
        id: EntryId([1; 16]),
        on,
        text: "secret".into(),
    };
    room.write(&Written {
        compartment: 2,
        ..edit(1, 9, &[note])
    });
    assert_eq!(first_of(&room.store, "Condition").notes, 1);
    let stats = room
        .store
        .read(|reader| views::stats(reader, None))
        .unwrap();
    assert_eq!(
        (stats.notes, stats.versions, stats.by_kind.len()),
        (1, 3, 3)
    );
}

#[test]
fn records_are_kept_apart() {
    let room = three();
    room.write(&Written {
        record: 2,
        ..written(1, 1, 1, of_texts(&[GLUCOSE]))
    });
    assert_eq!(list(&room.store, &Filter::default()).len(), 4);
    let two = Filter {
        record: Some(record_id(2)),
        ..Filter::default()
    };
    assert_eq!(kinds(&list(&room.store, &two)), ["Observation"]);
    // The patient it names is in the other record: not this one's business.
    let id = list(&room.store, &two)[0].id;
    let on = Edit::Annotate {
        id: EntryId([1; 16]),
        on: id,
        text: "deux".into(),
    };
    room.write(&Written {
        record: 2,
        ..edit(1, 9, &[on])
    });
    let notes: Vec<u32> = list(
        &room.store,
        &Filter {
            kind: Some("Observation".into()),
            ..Filter::default()
        },
    )
    .iter()
    .map(|row| row.notes)
    .collect();
    assert_eq!(notes.iter().sum::<u32>(), 1);
}

#[test]
fn finds_by_the_beginning_of_an_id() {
    let room = three();
    let id = first_of(&room.store, "Patient").id;
    let find = |prefix: &str| room.store.read(|reader| views::find_prefix(reader, prefix));
    let digits = id.to_string();
    assert_eq!(find(&digits).unwrap(), id);
    assert_eq!(find(&digits[..8].to_uppercase()).unwrap(), id);
    assert!(matches!(find(&digits[..3]), Err(Error::Invalid(_))));
    assert!(matches!(find("xyz!"), Err(Error::Invalid(_))));
    assert!(matches!(find("éééé"), Err(Error::Invalid(_))));
    assert!(matches!(find(&"0".repeat(32)), Err(Error::NotFound(_))));
}

#[test]
fn items_that_cannot_be_read_are_counted_and_harm_nothing() {
    let room = Room::new();
    let mut change = of_texts(&["nonsense", GLUCOSE]);
    change.items.extend(change.items.clone());
    if let Some(crate::record::change::Item::Resource { body, .. }) = change.items.get_mut(2) {
        *body = 99;
    }
    if let Some(crate::record::change::Item::Resource { origin, .. }) = change.items.get_mut(3) {
        *origin = 99;
    }
    let bad_edit = of_edit(ShardId([3; 16]), vec![1, 2, 3]);
    let done = room.write(&written(1, 1, 1, change));
    assert_eq!((done.new, done.refused), (1, 3));
    assert_eq!(room.write(&written(1, 2, 2, bad_edit)).refused, 1);
    assert!(
        rebuild::rebuild_and_compare(&room.store)
            .unwrap()
            .is_empty()
    );
}

/// Changes by three devices: two versions of one resource, the same content twice, notes and competing corrections.
fn a_family() -> Vec<Written> {
    let room = three();
    let on = first_of(&room.store, "Observation").id;
    let asthma = first_of(&room.store, "Condition").id;
    let mut shard = Shard::empty(&author(1));
    let mut edits = Vec::new();
    for (number, text) in ["un", "deux", "trois"].into_iter().enumerate() {
        let id = EntryId([u8::try_from(number).unwrap(); 16]);
        let note = Edit::Annotate {
            id,
            on: asthma,
            text: text.into(),
        };
        edits.push(shard.edit(&[note], 1_700_000_000_000).unwrap());
    }
    let mut changes = vec![
        written(1, 1, 1, of_texts(&[GLUCOSE, ASTHMA, PATIENT])),
        written(2, 1, 1, of_texts(&[PATIENT, GLUCOSE])),
        written(2, 2, 2, of_texts(&[GLUCOSE_AMENDED])),
        Written {
            compartment: 2,
            ..written(3, 1, 1, of_texts(&[ASTHMA]))
        },
        correct(1, on, "value", "4.5"),
        correct(2, on, "value", "4.6"),
        correct(3, on, "when", "2018"),
    ];
    for (seq, bytes) in (20..).zip(edits) {
        changes.push(written(1, seq, seq, of_edit(ShardId([77; 16]), bytes)));
    }
    changes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// INV-1: any order, with repetition, one by one or together, gives the same views.
    #[test]
    fn any_order_gives_the_same_views(
        order in Just((0..a_family().len()).collect::<Vec<_>>()).prop_shuffle(),
        repeated in 0..10_usize,
    ) {
        let family = a_family();
        let straight = Room::new();
        family.iter().for_each(|change| { straight.write(change); });
        let shuffled = Room::new();
        order.iter().for_each(|at| { shuffled.write(&family[*at]); });
        shuffled.write(&family[repeated % family.len()]);
        prop_assert_eq!(fingerprint(&straight.store), fingerprint(&shuffled.store));
        let rows = list(&straight.store, &Filter::default());
        prop_assert_eq!(&rows, &list(&shuffled.store, &Filter::default()));
        prop_assert_eq!(straight.store.read(views::conflicts).unwrap(), shuffled.store.read(views::conflicts).unwrap());
        for row in rows {
            let story = |room: &Room| room.store.read(|reader| views::detail(reader, row.id)).unwrap();
            let (mut one, mut two) = (story(&straight), story(&shuffled));
            // Which compartment's copy is shown first follows the local number of its log.
            (one.row, two.row) = (row.clone(), row.clone());
            one.history.clear();
            two.history.clear();
            prop_assert_eq!(one, two);
        }
        prop_assert!(rebuild::rebuild_and_compare(&shuffled.store).unwrap().is_empty());
    }
}

/// The test that can fail: each damage to a view must be seen by the rebuild and change the fingerprint.
#[test]
fn a_rebuild_finds_every_injected_difference() {
    let room = Room::new();
    a_family().iter().for_each(|change| {
        room.write(change);
    });
    assert_eq!(
        rebuild::rebuild_and_compare(&room.store).unwrap(),
        Vec::<String>::new()
    );
    let sound = fingerprint(&room.store);
    for (view, damage) in [
        ("rows", "UPDATE row SET value = '9' WHERE value IS NOT NULL"),
        ("rows", "UPDATE row SET notes = notes + 1"),
        ("rows", "UPDATE term SET text = 'x' WHERE text = 'mmol/L'"),
        ("rows", "UPDATE row SET sort = sort + 1"),
        (
            "sightings",
            "DELETE FROM sighting WHERE version IS NOT NULL",
        ),
        ("aliases", "DELETE FROM alias"),
        ("words", "DELETE FROM search WHERE rowid = 1"),
        (
            "words",
            "INSERT INTO search(rowid, words) VALUES(99, 'intrus')",
        ),
        ("shards", "UPDATE shard SET heads = x'00'"),
        ("entries", "UPDATE entry SET text = 'autre' WHERE kind = 1"),
        ("origins", "UPDATE origin SET name = 'autre'"),
    ] {
        let undone = room.store.write(|tx| {
            assert_eq!(rebuild::fingerprint(tx).unwrap(), sound);
            tx.execute_batch(damage).unwrap();
            assert_ne!(rebuild::fingerprint(tx).unwrap(), sound, "{damage}");
            Err::<(), _>(Error::Cancelled)
        });
        assert!(undone.is_err());
        let copy = Room::new();
        a_family().iter().for_each(|change| {
            copy.write(change);
        });
        copy.store
            .write(|tx| Ok(tx.execute_batch(damage)?))
            .unwrap();
        let problems = rebuild::rebuild_and_compare(&copy.store).unwrap();
        assert!(
            problems.iter().any(|problem| problem.contains(view)),
            "{damage}: {problems:?}"
        );
        copy.store.write(|tx| rebuild::rebuild(tx)).unwrap();
        assert_eq!(fingerprint(&copy.store), sound);
    }
}

#[test]
fn attachments_have_their_lines() {
    use crate::record::change::{Attachment, Item};
    use crate::record::ids::AttachmentId;
    let room = Room::new();
    let mut change = of_texts(&[]);
    let attachment = Attachment {
        id: AttachmentId([1; 16]),
        blob: carnet_wire::BlobId([2; 32]),
        key: [3; 32],
        size: 10,
        sealed_size: 26,
        media_type: "application/pdf".into(),
    };
    change.items.push(Item::Attachment {
        origin: 0,
        attachment: attachment.clone(),
    });
    change.items.push(Item::Attachment {
        origin: 0,
        attachment: Attachment {
            size: u64::MAX,
            ..attachment
        },
    });
    let done = room.write(&written(1, 1, 1, change));
    assert_eq!(done.refused, 1);
    assert_eq!(
        room.store
            .read(|reader| views::stats(reader, None))
            .unwrap()
            .attachments,
        1
    );
    assert!(
        rebuild::rebuild_and_compare(&room.store)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn what_the_caller_derived_gives_the_same_views() {
    let derived = three();
    let given = Room::new();
    let change = written(1, 1, 1, of_texts(&[GLUCOSE, ASTHMA, PATIENT]));
    let texts = [GLUCOSE, ASTHMA, PATIENT].map(|text| super::texts::Located {
        text,
        issuer: "",
        full_url: None,
    });
    let parsed: Vec<_> = texts
        .iter()
        .map(|text| super::outside::derive(text).unwrap())
        .collect();
    given
        .store
        .write(|tx| put(tx, &change, Some(&parsed)))
        .unwrap();
    assert_eq!(fingerprint(&derived.store), fingerprint(&given.store));
    assert!(
        given
            .store
            .write(|tx| put(tx, &written(1, 2, 2, of_texts(&[ASTHMA])), Some(&[])))
            .is_err()
    );
}
