//! A phone is gone, or all are, or a child grows up: by the program, with a relay between. Words on paper, people who guard,
//! a card for those who help; and what each refuses.

use carnet_tests::commands::{PATIENCE, Phone, Running, code_of};
use carnet_tests::generator::write_record_file;
use carnet_tests::household::{Household, Refusal, compare, join, member, people, refused, settle};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What the card shall say, and what it shall not.
const RECORD: &str = concat!(
    r#"{"resourceType":"AllergyIntolerance","id":"nuts","code":{"text":"Hazelnut allergy"},"recordedDate":"2023-11-05"}"#,
    "\n",
    r#"{"resourceType":"Condition","id":"asthma","clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":{"text":"Asthma"},"recordedDate":"2020-02-01"}"#,
    "\n",
);

/// A kit's words, in a file as people would write them down.
fn kit_file(house: &Household, name: &str, words: &str) -> String {
    let path: PathBuf = house.file(name, words);
    path.to_string_lossy().into_owned()
}

fn make_kit(phone: &Phone) -> String {
    let made = phone.json(["recovery", "create"]);
    assert_eq!(made["ready"], true, "{made}");
    made["words"].as_str().expect("words").to_owned()
}

fn names(devices: &Value) -> Vec<(String, String)> {
    let devices = devices.as_array().expect("devices").iter();
    let text = |one: &Value, key: &str| one[key].as_str().expect("a text").to_owned();
    devices
        .map(|one| (text(one, "name"), text(one, "state")))
        .collect()
}

#[test]
fn a_lost_phone_is_pending_until_another_knows_and_then_gone() {
    let house = Household::new();
    let lou = house.person("Lou");
    let (tablet, lost) = (house.second(&lou, "Tablet"), house.second(&lou, "Lost"));
    settle(&[&tablet, &lou]);
    refused(&lou, Refusal::Invalid, &["device", "remove", "Lou"]);
    refused(&lou, Refusal::NotFound, &["device", "lost", "Watch"]);
    refused(&lou, Refusal::NotFound, &["device", "remove", ""]);
    let removed = lou.json(["device", "lost", "Lost"]);
    assert_eq!(
        (&removed["state"], &removed["sent"]),
        (&json!("pending"), &json!(true))
    );
    refused(&lou, Refusal::NotFound, &["device", "remove", "Lost"]);
    settle(&[&tablet, &lou]);
    for phone in [&lou, &tablet] {
        let shown = names(&phone.json(["device", "list"]));
        let state = shown.iter().find(|(name, _)| name == "Lost");
        assert_eq!(
            state.map(|(_, state)| state.as_str()),
            Some("removed"),
            "{shown:?}"
        );
    }
    lou.import(&[&house.file("record.ndjson", RECORD)]);
    settle(&[&lou, &tablet]);
    lost.run(["sync"]);
    assert_eq!(
        tablet.json(["list", "Condition"]).as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(lost.json(["list", "Condition"]), json!([]));
    assert!(!lost.run(["device", "remove", "Lou"]).is_ok());
}

#[test]
fn the_words_alone_bring_the_identical_record_back() {
    let house = Household::new();
    let (lou, mum) = (house.person("Lou"), house.patient("Mum"));
    let many = house.scratch.path().join("many.ndjson");
    write_record_file(&many, 200, 5);
    lou.import(&[Path::new("--anyway"), &many]);
    let id = lou.json(["list", "Observation"])[0]["id"].clone();
    let id = id.as_str().expect("an id");
    lou.run(["annotate", id, "mine"]).expect_ok("a note");
    lou.run(["compartment", "move", id, "private"])
        .expect_ok("a secret");
    join(&mum, &lou, &["--role", "caregiver"]);
    let words = make_kit(&lou);
    settle(&[&lou, &mum]);
    let good = kit_file(&house, "kit", &words);
    let known = lou.json(["recovery", "check", "--kit", &good]);
    assert_eq!(known["ready"], true);

    // One word wrong, one too few, one twice, another account's, none.
    let all: Vec<&str> = words.split(' ').collect();
    let another = match all[3] {
        "abandon" => "ability",
        _ => "abandon",
    };
    let mut wrong = all.clone();
    wrong[3] = another;
    let other = make_kit(&mum);
    let blank = house.blank("blank");
    for (name, text, why) in [
        ("wrong", wrong.join(" "), Refusal::Invalid),
        ("short", all[..23].join(" "), Refusal::Invalid),
        (
            "swapped",
            words.replacen(all[0], "qqqq", 1),
            Refusal::Invalid,
        ),
        ("empty", String::new(), Refusal::Invalid),
    ] {
        let file = kit_file(&house, name, &text);
        let said = refused(&lou, why, &["recovery", "check", "--kit", &file]);
        assert!(!said.contains(all[5]), "an error quotes no word");
        refused(
            &blank,
            why,
            &["recovery", "use", "--kit", &file, "--relay", &house.url()],
        );
    }
    let file = kit_file(&house, "other", &other);
    refused(
        &lou,
        Refusal::NotFound,
        &["recovery", "check", "--kit", &file],
    );
    refused(
        &blank,
        Refusal::NotFound,
        &["recovery", "use", "--kit", "/nowhere/kit"],
    );
    let silent = blank.run(["recovery", "use", "--kit", &good]);
    assert_eq!(
        silent.code,
        Some(5),
        "words do not name a relay: {}",
        silent.stderr
    );
    assert!(!blank.vault().exists(), "a refusal leaves no half vault");

    let (before, notes) = (
        lou.resources_of("Lou"),
        lou.json(["show", id])["notes"].clone(),
    );
    lou.run(["sync"]).expect_ok("sync");
    std::fs::remove_dir_all(lou.folder()).expect("the phone is gone");
    let line = [
        "recovery",
        "use",
        "--kit",
        &good,
        "--relay",
        &house.url(),
        "--lost",
        "Lou",
        "--device-name",
        "New",
    ];
    let back = blank.json(line);
    assert_eq!(back["persons"].as_array().map(Vec::len), Some(2), "{back}");
    settle(&[&blank, &mum]);
    assert!(
        blank.resources_of("Lou") == before,
        "the record is not the same"
    );
    assert_eq!(blank.json(["show", id])["notes"], notes);
    assert_eq!(people(&blank, "Mum")["members"], {
        let mut theirs = people(&mum, "Mum")["members"].clone();
        for one in theirs.as_array_mut().expect("members") {
            one["this"] = json!(one["this"] == false);
        }
        theirs
    });
    blank.verify().expect_ok("verify");
    // A phone that has a vault already is not overwritten by one more recovery.
    refused(
        &blank,
        Refusal::Invalid,
        &["recovery", "use", "--kit", &good, "--relay", &house.url()],
    );
}

#[test]
fn a_kit_that_was_removed_opens_nothing() {
    let house = Household::new();
    let lou = house.person("Lou");
    let words = make_kit(&lou);
    let name = lou.json(["recovery", "list"])[0]["name"].clone();
    lou.run(["device", "remove", name.as_str().expect("a name")])
        .expect_ok("the paper is burnt");
    settle(&[&lou]);
    let kit = kit_file(&house, "kit", &words);
    let blank = house.blank("blank");
    let line = ["recovery", "use", "--kit", &kit, "--relay", &house.url()];
    let outcome = blank.run(line);
    assert!(
        matches!(outcome.code, Some(5 | 10)),
        "{:?}: {}",
        outcome.code,
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "");
    // What was begun is no vault, and in nobody's way.
    assert!(!blank.run(["timeline"]).is_ok());
    let newer = kit_file(&house, "newer", &make_kit(&lou));
    blank
        .run(["recovery", "use", "--kit", &newer, "--relay", &house.url()])
        .expect_ok("the newer kit");
    blank.verify().expect_ok("verify");
}

#[test]
fn two_of_three_guardians_bring_the_record_back_and_one_does_not() {
    let house = Household::new();
    let lou = house.patient("Lou");
    let guards = ["Mum", "Dad", "Aunt"].map(|name| house.person(name));
    lou.import(&[&house.file("record.ndjson", RECORD)]);
    for guard in &guards {
        join(&lou, guard, &["--role", "reader"]);
    }
    for wrong in [
        &["Mum"][..],
        &["Mum", "Dad"],
        &["Mum", "Dad", "Dad"],
        &["Mum", "Dad", "Lou"],
    ] {
        refused(
            &lou,
            Refusal::Invalid,
            &[&["guardians", "create"], wrong].concat(),
        );
    }
    refused(
        &lou,
        Refusal::NotFound,
        &["guardians", "create", "Mum", "Dad", "Nobody"],
    );
    let all = ["guardians", "create", "Mum", "Dad", "Aunt"];
    let said = refused(&lou, Refusal::Invalid, &all);
    assert!(
        said.contains("compare"),
        "not to somebody unverified: {said}"
    );
    for name in ["Mum", "Dad", "Aunt"] {
        compare(&lou, name, "Lou");
    }
    lou.run(all).expect_ok("guardians create");
    let all: Vec<&Phone> = [&lou].into_iter().chain(&guards).collect();
    settle(&all);
    let before = lou.resources();
    settle(&all);
    std::fs::remove_dir_all(lou.folder()).expect("the phone is gone");

    let blank = house.blank("blank");
    let line = [
        "guardians",
        "use",
        "--relay",
        &house.url(),
        "--json",
        "--lost",
        "Lou",
        "--device-name",
        "New",
    ];
    let (first, mut recovering) = Running::start_for_first_line(&mut blank.command(line));
    let code = code_of(&first);
    let [mum, dad, _] = &guards;
    let said = refused(mum, Refusal::Invalid, &["guardians", "answer", &code]);
    assert!(
        said.contains("--yes"),
        "somebody makes sure who asks: {said}"
    );
    refused(
        mum,
        Refusal::NotFound,
        &["guardians", "answer", &code, "--yes", "--for", "Nobody"],
    );
    refused(
        mum,
        Refusal::Invalid,
        &["guardians", "answer", "0000-0000", "--yes"],
    );
    mum.run(["guardians", "answer", &code, "--yes"])
        .expect_ok("the first answer");
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert!(recovering.is_running(), "one is not enough");
    assert!(!blank.vault().join("vault.db").exists());
    dad.run(["guardians", "answer", &code, "--yes"])
        .expect_ok("the second answer");
    recovering.finish(PATIENCE).expect_ok("guardians use");
    assert!(blank.resources() == before, "the record is not the same");
    settle(&[&blank, mum, dad]);
    blank.verify().expect_ok("verify");
}

#[test]
fn a_card_is_read_by_its_code_without_a_vault_until_it_is_revoked() {
    let house = Household::new();
    let lou = house.person("Lou");
    lou.import(&[&house.file("record.ndjson", RECORD)]);
    refused(&lou, Refusal::NotFound, &["emergency", "show"]);
    refused(&lou, Refusal::NotFound, &["emergency", "revoke"]);
    refused(
        &lou,
        Refusal::Usage,
        &["emergency", "create", "--include", "everything"],
    );
    refused(
        &lou,
        Refusal::NotFound,
        &["emergency", "create", "--item", "0123456789abcdef"],
    );
    let made = lou.json([
        "emergency",
        "create",
        "--include",
        "allergies",
        "--contact",
        "Mum 06 12 34 56 78",
    ]);
    assert_eq!(made["state"], "current", "{made}");
    let code = made["code"].as_str().expect("a code").to_owned();
    let file = house.scratch.path().join("card.bin");
    let file = file.to_string_lossy().into_owned();
    lou.run(["emergency", "show", "--file", &file])
        .expect_ok("the file");
    refused(
        &lou,
        Refusal::Invalid,
        &["emergency", "show", "--file", &file],
    );
    let sealed = std::fs::read(&file).expect("the file");
    assert!(!sealed.windows(8).any(|bytes| bytes == b"Hazelnut"));

    let stranger = house.blank("stranger");
    for line in [
        vec!["emergency", "open", &code],
        vec!["emergency", "open", &code, "--file", &file],
    ] {
        let card = stranger.json(line);
        assert_eq!(
            (&card["name"], &card["contacts"]),
            (&json!("Lou"), &json!(["Mum 06 12 34 56 78"]))
        );
        let text = card.to_string();
        assert!(
            text.contains("Hazelnut") && !text.contains("Asthma"),
            "{text}"
        );
    }
    let mut wrong = code.clone();
    let last = wrong.pop().expect("a code");
    wrong.push(if last == '2' { '3' } else { '2' });
    let outcome = stranger.run(["emergency", "open", &wrong]);
    assert_eq!(outcome.code, Some(5), "{}", outcome.stderr);
    assert!(!stranger.vault().exists());

    lou.run(["emergency", "revoke"]).expect_ok("revoke");
    let outcome = stranger.run(["emergency", "open", &code]);
    assert!(
        matches!(outcome.code, Some(4 | 10)),
        "{:?}: {}",
        outcome.code,
        outcome.stderr
    );
    assert_eq!(outcome.stdout, "");
    refused(&lou, Refusal::NotFound, &["emergency", "show"]);
}

#[test]
fn a_child_who_comes_of_age_takes_over_and_says_what_each_parent_keeps() {
    let house = Household::new();
    let (mum, dad, lou) = (
        house.patient("Mum"),
        house.person("Dad"),
        house.patient("Lou"),
    );
    mum.run(["person", "add", "Louis"])
        .expect_ok("the child's record");
    let of_child = ["--person", "Louis"];
    let file = house.file("record.ndjson", RECORD);
    mum.run([&["import", &file.to_string_lossy()], &of_child[..]].concat())
        .expect_ok("import");
    join(&mum, &dad, &[&["--role", "owner"], &of_child[..]].concat());
    join(&mum, &lou, &[&["--role", "owner"], &of_child[..]].concat());
    settle(&[&mum, &dad, &lou]);
    let offer = ["handover-ownership", "offer", "Lou", "--person", "Louis"];
    let said = refused(&mum, Refusal::Invalid, &offer);
    assert!(
        said.contains("compare"),
        "not to somebody unverified: {said}"
    );
    compare(&mum, "Lou", "Louis");
    settle(&[&mum, &lou, &dad]);
    refused(&dad, Refusal::Invalid, &offer);
    let accept = ["handover-ownership", "accept", "--person", "Louis"];
    refused(
        &lou,
        Refusal::NotFound,
        &[&accept[..], &["--keep", "Mum=reader", "--remove", "Dad"]].concat(),
    );
    mum.run(offer).expect_ok("offer");
    settle(&[&mum, &lou]);
    for wrong in [
        &["--keep", "Mum=reader"][..],
        &["--keep", "Mum=reader", "--remove", "Mum"],
        &["--keep", "Mum=boss", "--remove", "Dad"],
    ] {
        refused(&lou, Refusal::Invalid, &[&accept[..], wrong].concat());
    }
    refused(
        &lou,
        Refusal::NotFound,
        &[&accept[..], &["--keep", "Uncle=reader", "--remove", "Dad"]].concat(),
    );
    lou.run(
        [
            &accept[..],
            &["--keep", "Mum=reader:general", "--remove", "Dad"],
        ]
        .concat(),
    )
    .expect_ok("accept");
    settle(&[&lou, &mum, &dad]);
    let founder = member(&lou, "Louis", "Lou").expect("Lou");
    assert_eq!(
        (&founder["rank"], &founder["access"]["role"]),
        (&json!(0), &json!("owner"))
    );
    let kept = member(&mum, "Louis", "Mum").expect("Mum")["access"].clone();
    assert_eq!(
        (&kept["role"], &kept["compartments"]),
        (&json!("reader"), &json!(["general"]))
    );
    assert_eq!(member(&mum, "Louis", "Dad"), None);
    let id = lou.json(["list", "Condition", "--person", "Louis"])[0]["id"].clone();
    let id = id.as_str().expect("an id");
    lou.run(["annotate", id, "mine now"]).expect_ok("a note");
    settle(&[&lou, &mum, &dad]);
    let notes = |phone: &Phone| phone.json(["show", id])["notes"].as_array().map(Vec::len);
    assert_eq!((notes(&mum), notes(&dad)), (Some(1), Some(0)));
    refused(&mum, Refusal::Invalid, &["annotate", id, "not any more"]);
    refused(
        &mum,
        Refusal::Invalid,
        &["member", "remove", "Lou", "--person", "Louis"],
    );
    let log = lou.json(["access", "--verify", "--person", "Louis"]);
    assert_eq!(log["problems"], json!([]));
    let acts = log["entries"].as_array().expect("entries").iter();
    let acts: Vec<&str> = acts.filter_map(|entry| entry["act"].as_str()).collect();
    let after = acts.iter().position(|act| *act == "took-over");
    let after = &acts[after.expect("the takeover")..];
    assert!(
        after.contains(&"granted") && after.contains(&"removed"),
        "{acts:?}"
    );
}
