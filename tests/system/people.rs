//! Who shares a record, by the program: invitations, roles, compartments, removals, with a relay between. Every command that
//! makes no sense, or that this person may not give, is refused in one line and changes no byte of the vault.

use carnet_tests::commands::Phone;
use carnet_tests::household::{
    Household, Refusal, days_later, invite, join, member, people, refused, settle,
};
use serde_json::{Value, json};

/// An observation and an allergy.
const RECORD: &str = concat!(
    r#"{"resourceType":"Observation","id":"crp","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"1988-5","display":"C reactive protein"}]},"effectiveDateTime":"2024-03-02","valueQuantity":{"value":4.10,"unit":"mg/L"}}"#,
    "\n",
    r#"{"resourceType":"AllergyIntolerance","id":"nuts","code":{"text":"Hazelnut allergy"},"recordedDate":"2023-11-05"}"#,
    "\n",
);

const LOU: [&str; 2] = ["--person", "Lou"];

/// A command about Lou's record.
fn of_lou<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let mut line = arguments.to_vec();
    line.extend(LOU);
    line
}

/// Lou with two items, and Mum, who has been let into the record by these arguments.
fn lou_and_mum(house: &Household, arguments: &[&str]) -> (Phone, Phone) {
    let (lou, mum) = (house.patient("Lou"), house.person("Mum"));
    lou.import(&[&house.file("record.ndjson", RECORD)]);
    join(&lou, &mum, arguments);
    (lou, mum)
}

fn id_of(phone: &Phone, kind: &str) -> String {
    let rows = phone.json(of_lou(&["list", kind]));
    rows[0]["id"].as_str().expect("an id").to_owned()
}

fn notes(phone: &Phone, id: &str) -> usize {
    let notes = phone.json(["show", id])["notes"].clone();
    notes.as_array().expect("notes").len()
}

fn words(phone: &Phone) -> Vec<String> {
    let listed = phone.json(["member", "list"]);
    let words = listed["invitations"][0]["words"]["en"].clone();
    let words = words.as_array().expect("words").iter();
    words
        .map(|word| word.as_str().expect("a word").to_owned())
        .collect()
}

#[test]
fn a_guest_is_let_in_once_and_is_unverified_until_the_words_were_compared() {
    let house = Household::new();
    let (lou, mum, other) = (
        house.person("Lou"),
        house.person("Mum"),
        house.person("Mallory"),
    );
    let line = ["member", "invite", "--role", "caregiver"];
    let said = refused(&lou, Refusal::Invalid, &line);
    assert!(said.contains("recovery"), "no share without a kit: {said}");
    lou.run(["recovery", "create"]).expect_ok("a kit");
    for (why, wrong) in [
        (Refusal::NotFound, &["--compartment", "attic"][..]),
        (Refusal::Invalid, &["--until", "2001-01-01"]),
        (Refusal::Invalid, &["--until", "soon"]),
        (Refusal::NotFound, &["--person", "Nobody"]),
        (Refusal::Invalid, &["--relay", "nonsense"]),
        (
            Refusal::Usage,
            &["--compartment", "general", "--everywhere"],
        ),
    ] {
        refused(&lou, why, &[&line, wrong].concat());
    }
    refused(
        &lou,
        Refusal::Usage,
        &["member", "invite", "--role", "boss"],
    );

    let code = invite(&lou, &["--role", "caregiver"]);
    settle(&[&lou]);
    let mut mistyped = code.clone();
    let last = mistyped.pop().expect("a code");
    mistyped.push(if last == '2' { '3' } else { '2' });
    refused(&mum, Refusal::Pairing, &["member", "accept", &mistyped]);
    mum.run(["member", "accept", &code]).expect_ok("accept");
    refused(&mum, Refusal::Invalid, &["member", "accept", &code]);
    settle(&[&lou, &mum]);

    // Used: whoever comes second gets nothing, and is told so.
    other.run(["member", "accept", &code]).expect_ok("a try");
    settle(&[&lou, &other]);
    let tried = other.json(["member", "list"])["invitations"][0].clone();
    assert_eq!(tried["stage"], "failed", "{tried}");
    assert!(
        tried["reason"]
            .as_str()
            .is_some_and(|why| why.contains("used"))
    );
    assert_eq!(
        other.json(["person", "list"]).as_array().map(Vec::len),
        Some(1)
    );
    let members = people(&lou, "Lou")["members"].clone();
    assert_eq!(members.as_array().map(Vec::len), Some(2), "{members}");

    let (here, there) = (words(&lou), words(&mum));
    assert_eq!((here.len(), &here), (4, &there));
    let verify = |words: &[String]| {
        let mut line = vec!["member".to_owned(), "verify".to_owned(), "Mum".to_owned()];
        line.extend(words.iter().cloned());
        line
    };
    let wrong = verify(&[
        "abandon".to_owned(),
        here[1].clone(),
        here[2].clone(),
        here[3].clone(),
    ]);
    let wrong: Vec<&str> = wrong.iter().map(String::as_str).collect();
    refused(&lou, Refusal::Pairing, &wrong);
    refused(
        &lou,
        Refusal::NotFound,
        &["member", "verify", "Nobody", "zoo"],
    );
    let verified = |phone: &Phone| member(phone, "Lou", "Mum").expect("Mum")["verified"].clone();
    assert_eq!(
        (verified(&lou), verified(&mum)),
        (json!(false), json!(false))
    );
    lou.run(verify(&here)).expect_ok("verify");
    settle(&[&lou, &mum]);
    assert_eq!((verified(&lou), verified(&mum)), (json!(true), json!(true)));
}

#[test]
fn an_invitation_is_worth_nothing_after_a_week_and_a_member_nothing_after_their_last_day() {
    let house = Household::new();
    let (lou, mum) = (house.patient("Lou"), house.person("Mum"));
    let code = invite(&lou, &["--role", "reader"]);
    settle(&[&lou]);
    mum.run(["member", "accept", &code]).expect_ok("accept");
    days_later(&lou, 8, &["sync"]).expect_ok("a sync a week later");
    let stage = |phone: &Phone| {
        let listed = days_later(phone, 8, &["member", "list", "--json"]).expect_ok("list");
        let invitation = listed.json()["invitations"][0].clone();
        (invitation["stage"].clone(), invitation["reason"].clone())
    };
    for phone in [&lou, &mum] {
        let (stage, reason) = stage(phone);
        assert_eq!(stage, "failed");
        assert!(
            reason.as_str().is_some_and(|why| why.contains("expired")),
            "{reason}"
        );
    }
    assert_eq!(
        people(&lou, "Lou")["members"].as_array().map(Vec::len),
        Some(1)
    );

    let carer = house.person("Carer");
    join(
        &lou,
        &carer,
        &["--role", "caregiver", "--until", "2999-12-31"],
    );
    let until = member(&lou, "Lou", "Carer").expect("the carer")["access"]["until"].clone();
    assert_eq!(until, "2999-12-31");
    let long = 365 * 1_000;
    days_later(&lou, long, &["sync"]).expect_ok("a sync on the day after");
    settle(&[&lou, &carer]);
    assert_eq!(member(&lou, "Lou", "Carer"), None);
    assert_eq!(
        people(&carer, "Lou")["members"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_reader_reads_and_only_an_owner_changes_who_does_what() {
    let house = Household::new();
    let (lou, mum) = lou_and_mum(&house, &["--role", "caregiver"]);
    let allergy = id_of(&mum, "AllergyIntolerance");
    mum.run(["annotate", &allergy, "seen"])
        .expect_ok("a carer writes");
    settle(&[&mum, &lou]);
    assert_eq!(notes(&lou, &allergy), 1);
    lou.run(["member", "role", "Mum", "reader"])
        .expect_ok("a lower role");
    refused(&lou, Refusal::Invalid, &["member", "role", "Mum", "reader"]);
    settle(&[&lou, &mum]);

    let more = house.file("more.ndjson", &RECORD.replace("crp", "crp2"));
    let more = more.to_string_lossy();
    for (why, line) in [
        (Refusal::Invalid, &["annotate", &allergy, "again"][..]),
        (Refusal::Invalid, &["correct", &allergy, "display", "none"]),
        (Refusal::Invalid, &["import", &more, "--person", "Lou"]),
        (
            Refusal::Invalid,
            &["compartment", "add", "dentist", "--person", "Lou"],
        ),
        (
            Refusal::NotFound,
            &["compartment", "move", &allergy, "private"],
        ),
        (
            Refusal::Invalid,
            &["compartment", "move", &allergy, "series"],
        ),
        (
            Refusal::Invalid,
            &["member", "role", "Mum", "owner", "--person", "Lou"],
        ),
        (
            Refusal::Invalid,
            &["member", "role", "Lou", "reader", "--person", "Lou"],
        ),
        (
            Refusal::Invalid,
            &["member", "remove", "Lou", "--person", "Lou"],
        ),
        (
            Refusal::Invalid,
            &["member", "invite", "--role", "reader", "--person", "Lou"],
        ),
        (
            Refusal::Invalid,
            &["handover-ownership", "offer", "Mum", "--person", "Lou"],
        ),
        (
            Refusal::NotFound,
            &[
                "handover-ownership",
                "accept",
                "--person",
                "Lou",
                "--remove",
                "Lou",
            ],
        ),
    ] {
        refused(&mum, why, line);
    }
    settle(&[&mum, &lou]);
    assert_eq!(notes(&lou, &allergy), 1);
    let members = people(&lou, "Lou");
    assert_eq!(members, {
        let mut theirs = people(&mum, "Lou");
        swap_this(&mut theirs);
        theirs
    });
}

/// The same list as the other side sees it.
fn swap_this(people: &mut Value) {
    for member in people["members"].as_array_mut().expect("members") {
        member["this"] = json!(member["this"] == false);
    }
}

#[test]
fn nobody_removes_the_founder_and_whoever_is_removed_hears_nothing_more() {
    let house = Household::new();
    let (lou, mum) = lou_and_mum(&house, &["--role", "owner"]);
    let dad = house.person("Dad");
    mum.run(["recovery", "create"]).expect_ok("a kit");
    join(&lou, &dad, &["--role", "owner"]);
    settle(&[&lou, &mum, &dad]);
    for line in [
        ["member", "remove", "Lou", "--person", "Lou"],
        ["member", "remove", "Mum", "--person", "Lou"],
    ] {
        let said = refused(&dad, Refusal::Invalid, &line);
        assert!(
            said.contains("founder") || said.contains("earlier"),
            "{said}"
        );
    }
    refused(&lou, Refusal::Invalid, &["member", "remove", "Lou"]);
    refused(&lou, Refusal::NotFound, &["member", "remove", "Grandma"]);
    let in_french = lou.clone().in_french();
    let said = refused(&in_french, Refusal::Invalid, &["member", "remove", "Lou"]);
    assert!(
        said.starts_with("erreur : ") && said.contains("fondateur"),
        "{said}"
    );

    mum.run(["member", "remove", "Dad", "--person", "Lou"])
        .expect_ok("a removal");
    let removal = |phone: &Phone| people(phone, "Lou")["removals"][0].clone();
    assert_eq!(removal(&mum)["done"], false, "nobody else knows yet");
    mum.run(["sync"]).expect_ok("sync");
    assert_eq!(
        (&removal(&mum)["sent"], &removal(&mum)["done"]),
        (&json!(true), &json!(false))
    );
    settle(&[&lou, &mum]);
    assert_eq!(removal(&mum)["done"], true);
    refused(
        &mum,
        Refusal::NotFound,
        &["member", "remove", "Dad", "--person", "Lou"],
    );
    let allergy = id_of(&lou, "AllergyIntolerance");
    lou.run(["annotate", &allergy, "after"]).expect_ok("a note");
    settle(&[&lou, &dad, &mum]);
    assert_eq!((notes(&mum, &allergy), notes(&dad, &allergy)), (1, 0));
    refused(
        &dad,
        Refusal::Invalid,
        &["annotate", &allergy, "still here"],
    );
    // Whoever was removed may be invited again.
    join(&lou, &dad, &["--role", "reader"]);
    assert_eq!(notes(&dad, &allergy), 1);
}

#[test]
fn a_compartment_is_added_listed_and_filled_and_counts_for_who_has_it() {
    let house = Household::new();
    let (lou, mum) = lou_and_mum(&house, &["--role", "caregiver"]);
    lou.run(["compartment", "add", "dentist"]).expect_ok("add");
    for (why, line) in [
        (Refusal::Invalid, ["compartment", "add", "dentist"]),
        (Refusal::Invalid, ["compartment", "add", "general"]),
        (Refusal::Invalid, ["compartment", "add", ""]),
        (Refusal::Invalid, ["compartment", "add", "roster"]),
    ] {
        refused(&lou, why, &line);
    }
    let long = "x".repeat(10_000);
    refused(&lou, Refusal::Invalid, &["compartment", "add", &long]);
    let allergy = id_of(&lou, "AllergyIntolerance");
    for (why, line) in [
        (
            Refusal::NotFound,
            ["compartment", "move", &allergy, "attic"],
        ),
        (
            Refusal::Invalid,
            ["compartment", "move", &allergy, "general"],
        ),
        (
            Refusal::NotFound,
            ["compartment", "move", "0123456789abcdef", "dentist"],
        ),
        (Refusal::Invalid, ["compartment", "move", "x", "dentist"]),
    ] {
        refused(&lou, why, &line);
    }
    settle(&[&lou, &mum]);
    let items = |phone: &Phone, name: &str| {
        let listed = phone.json(of_lou(&["compartment", "list"]));
        let mut all = listed.as_array().expect("compartments").iter();
        let found = all.find(|one| one["name"] == name);
        found.map(|one| one["items"].as_u64().expect("a number"))
    };
    assert_eq!(
        (items(&lou, "general"), items(&lou, "dentist")),
        (Some(2), Some(0))
    );
    assert_eq!(
        (items(&mum, "general"), items(&mum, "dentist")),
        (Some(2), None)
    );
    let said = lou
        .run(["compartment", "move", &allergy, "dentist"])
        .expect_ok("move");
    assert!(said.stdout.contains("Mum"), "who loses it: {}", said.stdout);
    settle(&[&lou, &mum]);
    assert_eq!(
        (items(&lou, "general"), items(&lou, "dentist")),
        (Some(1), Some(1))
    );
    assert_eq!(items(&mum, "general"), Some(1));
    assert_eq!(mum.run(["show", &allergy]).code, Some(4));
    let places = ["--compartment", "general", "--compartment", "dentist"];
    lou.run([&["member", "role", "Mum", "caregiver"][..], &places].concat())
        .expect_ok("more");
    settle(&[&lou, &mum]);
    assert_eq!(items(&mum, "dentist"), Some(1));
    mum.run(["show", &allergy]).expect_ok("it is there");
    for phone in [&lou, &mum] {
        phone.verify().expect_ok("verify");
    }
}

#[test]
fn the_access_log_is_whole_and_says_who_came_and_what_was_done() {
    let house = Household::new();
    let (lou, mum) = lou_and_mum(&house, &["--role", "caregiver"]);
    lou.resources();
    lou.run(["member", "role", "Mum", "reader"])
        .expect_ok("role");
    settle(&[&lou, &mum]);
    lou.run(["member", "remove", "Mum"]).expect_ok("remove");
    settle(&[&lou]);
    let acts = |phone: &Phone| {
        let log = phone.json(["access", "--verify", "--person", "Lou"]);
        assert_eq!(log["problems"], json!([]), "{log}");
        let entries = log["entries"].as_array().expect("entries").iter();
        entries
            .map(|entry| entry["act"].as_str().expect("an act").to_owned())
            .collect::<Vec<_>>()
    };
    let said = acts(&lou);
    for act in ["imported", "joined", "granted", "exported", "removed"] {
        assert!(said.iter().any(|said| said == act), "{act} in {said:?}");
    }
    refused(&lou, Refusal::NotFound, &["access", "--person", "Nobody"]);
    let text = lou.clone().in_french().run(["access", "--verify"]);
    assert!(text.expect_ok("access").stdout.contains("Mum"));
}

#[test]
fn a_carer_sees_what_is_new_of_each_person_and_who_was_not_heard_of() {
    let house = Household::new();
    let (lou, mum) = lou_and_mum(&house, &["--role", "caregiver"]);
    let news = |phone: &Phone| {
        let all = phone.json(["changes"]);
        let all = all.as_array().expect("persons").clone();
        let of_lou = all.iter().find(|one| one["person"] == "Lou");
        of_lou.expect("Lou").clone()
    };
    let first = news(&mum);
    assert_eq!(first["news"].as_array().map(Vec::len), Some(2), "{first}");
    assert_eq!(news(&mum)["news"], json!([]), "it was looked at");
    let allergy = id_of(&lou, "AllergyIntolerance");
    lou.run(["annotate", &allergy, "new"]).expect_ok("a note");
    settle(&[&lou, &mum]);
    let second = news(&mum);
    assert_eq!(
        (&second["news"][0]["kind"], &second["news"][0]["text"]),
        (&json!("note"), &json!("new"))
    );
    let heard = second["heard"].as_array().expect("devices");
    assert!(heard.iter().any(|one| one["name"] == "Lou"), "{second}");
    refused(&mum, Refusal::NotFound, &["changes", "--person", "Nobody"]);
}
