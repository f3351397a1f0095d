//! People by the program: who belongs, compartments and secrets, the access log, what is new; and nonsense, which changes nothing.

use carnet_tests::commands::{Outcome, Phone};
use carnet_tests::paths::scratch;
use serde_json::json;
use std::path::PathBuf;

const SECRET: &str = r#"{"resourceType":"Condition","id":"6d1f5a3c-0000-4000-8000-000000000077",
 "meta":{"security":[{"code":"R"}]},"code":{"text":"Quinquina"}}"#;
const OPEN: &str = r#"{"resourceType":"Condition","id":"6d1f5a3c-0000-4000-8000-000000000078","code":{"text":"Rhume"}}"#;

fn file(phone: &Phone, name: &str, text: &str) -> PathBuf {
    let path = phone.folder().join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

/// A command that must be refused with this code, in words of one line, and leave everything as it was.
#[track_caller]
fn refused(phone: &Phone, arguments: &[&str], code: i32) -> Outcome {
    let before = phone.json(["member", "list"]);
    let outcome = phone.run(arguments);
    assert_eq!(
        outcome.code,
        Some(code),
        "{arguments:?}: {}",
        outcome.stderr
    );
    assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    assert_eq!(outcome.stdout, "");
    assert_eq!(phone.json(["member", "list"]), before);
    outcome
}

#[test]
fn whoever_is_alone_is_the_founder_and_nonsense_is_refused_in_words() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let people = phone.json(["member", "list"]);
    let members = &people["records"][0]["members"];
    assert_eq!(members.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (
            &members[0]["this"],
            &members[0]["rank"],
            &members[0]["access"]["role"]
        ),
        (&json!(true), &json!(0), &json!("owner"))
    );
    let account = members[0]["account"].as_str().expect("an account");
    let me = account.get(..8).expect("digits");
    // The founder cannot leave, nor be made less, nor hand over to nobody.
    let founder = refused(&phone, &["member", "remove", me], 5);
    assert!(founder.stderr.contains("founder"), "{}", founder.stderr);
    refused(&phone, &["member", "role", me, "reader"], 5);
    refused(&phone, &["member", "remove", "Nobody"], 4);
    refused(
        &phone,
        &["member", "verify", me, "one", "two", "three", "four"],
        4,
    );
    refused(&phone, &["member", "adopt", "Tablet"], 4);
    refused(&phone, &["member", "dismiss", "abcd"], 4);
    refused(&phone, &["handover-ownership", "accept"], 4);
    refused(&phone, &["member", "accept", "not-a-code"], 10);
    // What would open nothing, or nothing any more, is not given.
    let place = [
        "member",
        "invite",
        "--role",
        "reader",
        "--relay",
        "https://relay.example",
    ];
    let with = |more: &[&'static str]| [place.as_slice(), more].concat();
    let unknown = refused(&phone, &with(&["--compartment", "dentist"]), 4);
    assert!(unknown.stderr.contains("general, private, measurements"));
    refused(&phone, &with(&["--until", "2001-01-01"]), 5);
    refused(&phone, &with(&["--until", "soon"]), 5);
    // A record is shared by nobody who could lose it with one phone.
    let alone = refused(&phone, &with(&[]), 5);
    assert!(alone.stderr.contains("recovery kit"), "{}", alone.stderr);
    let french = phone.clone().in_french().run(["member", "remove", me]);
    assert!(french.stderr.contains("fondateur"), "{}", french.stderr);
}

#[test]
fn compartments_are_listed_added_and_items_move_between_them() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    // What its source labels as secret goes to private, the other to general.
    phone.import(&[
        &file(&phone, "a.json", SECRET),
        &file(&phone, "b.json", OPEN),
    ]);
    let items = |name: &str| {
        let all = phone.json(["compartment", "list"]);
        let all = all.as_array().expect("a list");
        let found = all.iter().find(|one| one["name"] == name);
        found.map(|one| one["items"].clone())
    };
    assert_eq!(
        (items("general"), items("private")),
        (Some(json!(1)), Some(json!(1)))
    );
    let id = |word: &str| {
        let found = phone.json(["search", word]);
        found[0]["id"].as_str().expect("an id").to_owned()
    };
    let rhume = id("rhume");
    phone
        .run(["annotate", &rhume, "depuis mardi"])
        .expect_ok("annotate");
    phone
        .run(["compartment", "add", "Dentiste"])
        .expect_ok("compartment add");
    let moved = phone.json(["compartment", "move", &rhume, "Dentiste"]);
    assert_eq!(
        (&moved["from"], &moved["to"]),
        (&json!(["general"]), &json!("Dentiste"))
    );
    assert_eq!(
        (items("general"), items("Dentiste")),
        (Some(json!(0)), Some(json!(1)))
    );
    assert_eq!(
        phone.json(["search", "depuis mardi"])[0]["id"],
        json!(rhume)
    );
    // Imported again, it goes where it lies.
    let again = phone.import(&[&file(&phone, "b.json", OPEN)]);
    assert_eq!(again["totals"]["unchanged"], 1);
    assert_eq!(
        (items("general"), items("Dentiste")),
        (Some(json!(0)), Some(json!(1)))
    );
    for (arguments, code) in [
        (["compartment", "move", &rhume, "Dentiste"].as_slice(), 5),
        (&["compartment", "move", &rhume, "nowhere"], 4),
        (&["compartment", "move", "ffff", "private"], 4),
        (&["compartment", "add", "Dentiste"], 5),
        (&["compartment", "add", "privé"], 5),
        (&["compartment", "add", ""], 5),
    ] {
        refused(&phone, arguments, code);
    }
    phone.verify().expect_ok("verify");
}

#[test]
fn the_access_log_tells_what_came_in_and_went_out() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    phone.import(&[
        &file(&phone, "a.json", SECRET),
        &file(&phone, "b.json", OPEN),
    ]);
    let out = phone
        .folder()
        .join("out.json")
        .to_string_lossy()
        .into_owned();
    phone
        .run(["export", "--format", "fhir", &out])
        .expect_ok("export");
    let log = phone.json(["access", "--verify"]);
    assert_eq!(
        (&log["problems"], &log["loading"]),
        (&json!([]), &json!(false))
    );
    let entries = log["entries"].as_array().expect("entries");
    // Each compartment counts its own: the log of general says nothing of private.
    let told: Vec<_> = entries
        .iter()
        .map(|one| {
            (
                one["act"].clone(),
                one["compartment"].clone(),
                one["items"].clone(),
            )
        })
        .collect();
    for expected in [
        (json!("imported"), json!("general"), json!(1)),
        (json!("imported"), json!("private"), json!(1)),
        (json!("exported"), json!("general"), json!(null)),
        (json!("exported"), json!("private"), json!(null)),
    ] {
        assert!(
            told.contains(&expected),
            "{expected}: {told:?}",
            expected = expected.0
        );
    }
    let shown = phone.run(["access", "--verify"]).expect_ok("access");
    assert!(
        shown.stdout.contains("The log is whole: 4 events"),
        "{}",
        shown.stdout
    );
    assert!(shown.stdout.contains("export (fhir)"));
}

#[test]
fn what_this_phone_wrote_itself_is_no_news() {
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    phone.import(&[&file(&phone, "b.json", OPEN)]);
    phone
        .run(["person", "add", "Lou Martin"])
        .expect_ok("person add");
    let news = phone.json(["changes"]);
    assert_eq!(news.as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&news[0]["news"], &news[0]["since"]),
        (&json!([]), &json!(null))
    );
    let shown = phone
        .run(["changes", "--person", "Lou Martin"])
        .expect_ok("changes");
    assert!(
        shown.stdout.contains("Lou Martin, since 2"),
        "{}",
        shown.stdout
    );
}
