//! Pulling from a provider of other people's making, by the program: signed in by a browser, turned away by 429s, killed, revoked,
//! and led astray.

use carnet_tests::cloud::Cloud;
use carnet_tests::commands::{PATIENCE, Phone, Running};
use carnet_tests::hospital::{Hospital, sign_in};
use carnet_tests::paths::{corpus, scratch};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A patient's bundle, their id, and how many resources of each kind it has.
struct Patient {
    bundle: PathBuf,
    id: String,
    kinds: BTreeMap<String, u64>,
}

fn patient(test: &str) -> Option<Patient> {
    let folder = corpus(test)?.join("synthea");
    let bundle = folder.join("Zula_Beer_aa23ce27-f93f-404d-a89f-dd8580d8043d.json");
    let read: Value = serde_json::from_slice(&std::fs::read(&bundle).ok()?).ok()?;
    let (mut id, mut kinds) = (String::new(), BTreeMap::new());
    for entry in read["entry"].as_array()? {
        let kind = entry["resource"]["resourceType"].as_str()?;
        *kinds.entry(kind.to_owned()).or_default() += 1;
        if kind == "Patient" {
            id = entry["resource"]["id"].as_str()?.to_owned();
        }
    }
    Some(Patient { bundle, id, kinds })
}

/// Connects as a person does: the command prints an address, a browser opens it, the command ends.
fn connect(phone: &Phone, hospital: &Hospital) -> Value {
    let base = hospital.base();
    let line = [
        "source",
        "add",
        "smart",
        "hospital",
        &base,
        "--client-id",
        "carnet",
        "--json",
    ];
    let (told, running) = Running::start_for_first_line(&mut phone.command(line));
    let told: Value = serde_json::from_str(&told).expect("the address as JSON");
    sign_in(told["open"].as_str().expect("an address"));
    let outcome = running.finish(PATIENCE).expect_ok("source add");
    serde_json::from_str(&outcome.stdout).expect("the source as JSON")
}

fn pull(phone: &Phone) -> Value {
    phone.json(["pull"])[0].clone()
}

fn counts(phone: &Phone) -> BTreeMap<String, u64> {
    let stats = phone.json(["stats"]);
    let by_kind = stats["by_kind"].as_object().expect("counts");
    by_kind
        .iter()
        .map(|(kind, count)| (kind.clone(), count.as_u64().expect("a count")))
        .collect()
}

#[test]
fn a_pull_killed_between_pages_goes_on_and_the_next_brings_nothing() {
    let test = "a_pull_killed_between_pages";
    let Some(patient) = patient(test) else { return };
    let Some(hospital) = Hospital::start(test, &patient.bundle, &patient.id, None) else {
        return;
    };
    let folder = scratch();
    let phone = Phone::with_vault(folder.path().join("phone"));
    let source = connect(&phone, &hospital);
    assert_eq!(source["state"], "connected");
    assert_eq!(
        source["not_granted"][0], "offline_access",
        "the server grants less than was asked"
    );

    let mut killed = Running::start(&mut phone.command(["pull", "--quiet"]));
    let begun = Instant::now();
    while hospital
        .log()
        .iter()
        .filter(|url| url.contains('?'))
        .count()
        < 2
    {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "nothing was asked"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    killed.kill();
    killed.finish(PATIENCE);
    let before = hospital.log().len();

    let rest = pull(&phone);
    assert_eq!(rest["stopped"], Value::Null);
    assert!(before >= 2 && rest["requests"].as_u64() > Some(20));
    assert_eq!(counts(&phone), patient.kinds, "every resource once");

    let second = pull(&phone);
    assert_eq!(
        (&second["new"], &second["updated"], &second["files"]),
        (&0.into(), &0.into(), &0.into())
    );
    let sent: u64 = second["kinds"]
        .as_array()
        .expect("kinds")
        .iter()
        .filter(|kind| kind["kind"] != "Patient")
        .map(|kind| kind["received"].as_u64().expect("a count"))
        .sum();
    assert_eq!(
        sent, 0,
        "the second pull transfers nothing but the patient: {second}"
    );
    phone.run(["verify", "--rebuild"]).expect_ok("verify");

    hospital.revoke();
    let refused = phone.run(["pull"]);
    assert_eq!(refused.code, Some(6));
    assert!(refused.stderr.contains("source add"), "{}", refused.stderr);
    assert_eq!(phone.json(["source", "list"])[0]["state"], "reconnect");
    assert_eq!(counts(&phone), patient.kinds, "everything is kept");
}

#[test]
fn a_next_page_at_another_origin_gets_no_request() {
    let test = "a_next_page_at_another_origin";
    let Some(patient) = patient(test) else {
        return;
    };
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere.set_nonblocking(true).expect("a listener");
    let next = format!(
        "http://{}/fhir/Observation?page=2",
        elsewhere.local_addr().expect("an address")
    );
    let folder = scratch();
    let Some(hospital) = Hospital::start(test, &patient.bundle, &patient.id, Some(&next)) else {
        return;
    };
    let phone = Phone::with_vault(folder.path().join("phone"));
    connect(&phone, &hospital);
    let report = pull(&phone);
    let kinds = report["kinds"].as_array().expect("kinds");
    let observations = kinds
        .iter()
        .find(|kind| kind["kind"] == "Observation")
        .expect("observations");
    assert_eq!(
        (&observations["outcome"], &observations["received"]),
        (&"partial".into(), &50.into())
    );
    assert!(
        elsewhere.accept().is_err(),
        "somebody was asked who should not be"
    );
}

#[test]
fn the_recorded_cloud_is_pulled_page_by_page_and_then_nothing_is_new() {
    let Some(cloud) = Cloud::start("the_recorded_cloud") else {
        return;
    };
    let folder = scratch();
    let phone = Phone::with_vault(folder.path().join("phone"));
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "s3cret\n").expect("a file");
    let secret = secret.to_string_lossy();
    #[rustfmt::skip]
    let line = ["source", "add", "withings", "scale", "--url", cloud.url(), "--client-id", "own", "--client-secret-file", &*secret, "--json"];
    let (told, running) = Running::start_for_first_line(&mut phone.command(line));
    let told: Value = serde_json::from_str(&told).expect("the address as JSON");
    sign_in(told["open"].as_str().expect("an address"));
    running.finish(PATIENCE).expect_ok("source add");
    let first = pull(&phone);
    assert_eq!(first["stopped"], Value::Null, "{first}");
    for kind in first["kinds"].as_array().expect("kinds") {
        assert_eq!(kind["outcome"], "complete", "{kind}");
    }
    assert!(first["new"].as_u64() > Some(1_000), "{}", first["new"]);
    assert_eq!(cloud.pairs(), 2, "the forgotten token was renewed");
    let pages = cloud
        .asked()
        .iter()
        .filter(|asked| asked.contains("getmeas"))
        .count();
    assert!(pages > 10, "{pages}");
    let second = pull(&phone);
    assert_eq!((&second["new"], &second["updated"]), (&0.into(), &0.into()));
    let measures = &second["kinds"][1];
    assert_eq!(
        (&measures["kind"], &measures["received"]),
        (&"measures".into(), &0.into())
    );
    assert!(
        cloud
            .asked()
            .iter()
            .all(|asked| !asked.contains("?client_secret"))
    );
}
