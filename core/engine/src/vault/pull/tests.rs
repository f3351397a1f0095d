//! Whole pulls into a vault, from a provider that stands in memory: with a sign-in, tokens that rotate, kills, and lies.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::host::{Clock, HostError, HttpRequest, HttpResponse, Transport};
use crate::vault::tests::{TestKeys, Ticking};
use crate::vault::{Filter, Host, Observer, Progress, Vault, VaultError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

const BASE: &str = "https://hospital.example/fhir";
const CANARY: &str = "t0ken-canary";

/// A provider: resources by `Type/id`, one valid token, and what it does wrong.
#[derive(Default)]
struct Provider {
    resources: Mutex<BTreeMap<String, Value>>,
    /// Number of the pair of tokens that is valid; 0 before the first sign-in.
    pair: AtomicU64,
    revoked: Mutex<bool>,
    /// Requests that came; after `dies_at` the network is gone.
    answered: AtomicU64,
    dies_at: Mutex<Option<u64>>,
    /// What the next link of a first page is.
    next: Mutex<Option<String>>,
    asked: Mutex<Vec<String>>,
}

const PAGE: usize = 2;

impl Provider {
    fn with(natives: &[&str]) -> Arc<Self> {
        let provider = Self::default();
        for native in natives {
            provider.put(native, "as it was");
        }
        Arc::new(provider)
    }

    fn put(&self, native: &str, text: &str) {
        let (kind, id) = native.split_once('/').unwrap();
        let resource =
            json!({"resourceType": kind, "id": id, "status": "final", "code": {"text": text}});
        self.resources
            .lock()
            .unwrap()
            .insert(native.to_owned(), resource);
    }

    fn token(&self, request: &HttpRequest) -> HttpResponse {
        let body = String::from_utf8(request.body.clone()).unwrap();
        let pair = self.pair.load(Ordering::Relaxed);
        let spent = format!("refresh_token=r{pair}");
        let good =
            body.contains("code=c0de") || (pair > 0 && body.split('&').any(|field| field == spent));
        if !good || *self.revoked.lock().unwrap() {
            return answer(400, &json!({"error": "invalid_grant"}));
        }
        self.pair.store(pair + 1, Ordering::Relaxed);
        answer(
            200,
            &json!({"access_token": format!("{CANARY}-{}", pair + 1), "refresh_token": format!("r{}", pair + 1),
            "token_type": "Bearer", "patient": "p", "scope": "openid patient/*.rs"}),
        )
    }

    fn fhir(&self, path: &str) -> HttpResponse {
        let resources = self.resources.lock().unwrap();
        let (address, query) = path.split_once('?').unwrap_or((path, ""));
        if address.contains('/') {
            return match resources.get(address) {
                Some(resource) => answer(200, resource),
                None => answer(404, &json!({})),
            };
        }
        let offset = query
            .split('&')
            .find_map(|field| field.strip_prefix("offset="));
        let offset: usize = offset.map_or(0, |offset| offset.parse().unwrap());
        let prefix = format!("{address}/");
        let found: Vec<_> = match query.contains("_lastUpdated") {
            true => Vec::new(),
            false => resources
                .iter()
                .filter(|(native, _)| native.starts_with(&prefix))
                .collect(),
        };
        let entry: Vec<_> = found
            .iter()
            .skip(offset)
            .take(PAGE)
            .map(|(_, resource)| json!({"resource": resource}))
            .collect();
        let lie = self.next.lock().unwrap().clone();
        let more = format!("{address}?offset={}", offset + PAGE);
        let next = (found.len() > offset + PAGE).then(|| lie.unwrap_or(more));
        let link: Vec<_> = next
            .iter()
            .map(|url| json!({"relation": "next", "url": url}))
            .collect();
        answer(
            200,
            &json!({"resourceType": "Bundle", "meta": {"lastUpdated": "2026-11-30T10:00:00Z"}, "link": link, "entry": entry}),
        )
    }

    fn is_signed_in(&self, request: &HttpRequest) -> bool {
        let token = format!("Bearer {CANARY}-{}", self.pair.load(Ordering::Relaxed));
        let header = request
            .headers
            .iter()
            .find(|(name, _)| *name == "authorization");
        !*self.revoked.lock().unwrap() && header.is_some_and(|(_, value)| *value == token)
    }
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse {
        status,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }
}

impl Transport for Provider {
    fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HostError> {
        let answered = self.answered.fetch_add(1, Ordering::Relaxed);
        if self
            .dies_at
            .lock()
            .unwrap()
            .is_some_and(|at| answered >= at)
        {
            return Err(HostError::Offline);
        }
        self.asked.lock().unwrap().push(request.url.clone());
        Ok(match request.url.as_str() {
            "https://hospital.example/fhir/.well-known/smart-configuration" => answer(
                200,
                &json!({
                "authorization_endpoint": "https://login.example/a", "token_endpoint": "https://login.example/t",
                "code_challenge_methods_supported": ["S256"], "capabilities": ["permission-v2"]}),
            ),
            "https://login.example/t" => self.token(&request),
            "https://hospital.example/fhir/metadata" => answer(
                200,
                &json!({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}),
            ),
            "https://open.example/fhir/metadata" => answer(
                200,
                &json!({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}),
            ),
            url if url.starts_with("https://open.example") => answer(404, &json!({})),
            url if !self.is_signed_in(&request) => answer(401, &json!({"for": url.len()})),
            url => self.fhir(url.strip_prefix(BASE).unwrap().trim_start_matches('/')),
        })
    }
}

struct Phone {
    _folder: TempDir,
    vault: Vault,
    provider: Arc<Provider>,
}

fn phone(provider: Arc<Provider>) -> Phone {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(Ticking(AtomicI64::new(1_790_000_000_000)));
    let host = Host {
        key_store: TestKeys::new(1),
        clock,
        transport: provider.clone(),
    };
    let vault = Vault::create(&folder.path().join("vault"), host, "phone", "Alice", None).unwrap();
    Phone {
        _folder: folder,
        vault,
        provider,
    }
}

impl Phone {
    fn server(&self) -> SmartServer {
        SmartServer {
            name: "hospital".to_owned(),
            address: BASE.to_owned(),
            client_id: Some("carnet".to_owned()),
            redirect: "http://127.0.0.1:4000/".to_owned(),
            ..SmartServer::default()
        }
    }

    fn sign_in(&self) -> VaultResult<String> {
        let record = self.vault.persons()?[0].record;
        let url = self
            .vault
            .connect_smart(record, &self.server())?
            .url
            .unwrap();
        let asked = crate::pull::address::parameters(&url);
        let state = &asked.iter().find(|(name, _)| name == "state").unwrap().1;
        self.vault
            .finish_sign_in(&format!("http://127.0.0.1:4000/?code=c0de&state={state}"))
    }

    fn pull(&self) -> PullReport {
        self.vault.pull("hospital", false, None, None).unwrap()
    }

    fn source(&self) -> Source {
        self.vault.sources().unwrap().remove(0)
    }

    fn rows(&self, kind: &str) -> usize {
        let filter = Filter {
            kind: Some(kind.to_owned()),
            limit: Some(1_000),
            ..Filter::default()
        };
        self.vault.list(&filter).unwrap().len()
    }
}

type VaultResult<T> = std::result::Result<T, VaultError>;

const FIVE: [&str; 6] = [
    "Patient/p",
    "Goal/1",
    "Goal/2",
    "Goal/3",
    "Goal/4",
    "Goal/5",
];

#[test]
fn a_provider_is_connected_and_read_and_the_next_pull_brings_nothing() {
    let phone = phone(Provider::with(&FIVE));
    assert_eq!(phone.sign_in().unwrap(), "hospital");
    assert_eq!(phone.source().standing, Standing::Connected);
    assert_eq!(
        phone.source().not_granted,
        ["launch/patient", "fhirUser", "offline_access"]
    );
    let first = phone.pull();
    assert_eq!((first.new, first.updated, first.stopped), (6, 0, None));
    assert_eq!(phone.rows("Goal"), 5);
    let goals = first.kinds.iter().find(|kind| kind.kind == "Goal").unwrap();
    assert_eq!((goals.outcome, goals.received), (KindOutcome::Complete, 5));
    let second = phone.pull();
    assert_eq!((second.new, second.updated, second.stopped), (0, 0, None));
    assert_eq!(phone.source().resources, 6);
    assert!(phone.vault.verify(true).unwrap().problems.is_empty());
}

/// Wherever the network dies, the next pulls complete it, and every resource is there once.
#[test]
fn a_pull_that_stops_anywhere_goes_on_there() {
    let whole = phone(Provider::with(&FIVE));
    whole.sign_in().unwrap();
    let begun = whole.provider.answered.load(Ordering::Relaxed);
    let requests = whole.pull().requests;
    for dies_after in [0, 1, 3, 4, requests - 1] {
        let phone = phone(Provider::with(&FIVE));
        phone.sign_in().unwrap();
        *phone.provider.dies_at.lock().unwrap() = Some(begun + dies_after);
        let stop = Switch(phone.provider.clone());
        let stopped = phone.vault.pull("hospital", false, None, Some(&stop));
        assert_eq!(stopped.unwrap_err(), VaultError::Cancelled);
        *phone.provider.dies_at.lock().unwrap() = None;
        phone.provider.asked.lock().unwrap().clear();
        let rest = phone.pull();
        assert_eq!(rest.stopped, None);
        assert_eq!((phone.rows("Goal"), phone.rows("Patient")), (5, 1));
        assert_eq!(
            rest.requests,
            requests - dies_after,
            "nothing is asked twice"
        );
    }
}

/// Says stop once the provider is silent: nobody waits for the tries that are left.
struct Switch(Arc<Provider>);

impl Observer for Switch {
    fn progress(&self, _: Progress) -> bool {
        let answered = self.0.answered.load(Ordering::Relaxed);
        self.0
            .dies_at
            .lock()
            .unwrap()
            .is_none_or(|at| answered <= at)
    }
}

#[test]
fn a_deadline_stops_between_two_answers() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    let report = phone
        .vault
        .pull("hospital", false, Some(Duration::ZERO), None)
        .unwrap();
    assert_eq!(report.stopped, Some(PullStop::Deadline));
    assert_eq!(phone.pull().new, 6);
}

#[test]
fn a_revoked_connection_asks_to_sign_in_again_and_keeps_everything() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    phone.pull();
    phone.provider.put("Goal/6", "later");
    *phone.provider.revoked.lock().unwrap() = true;
    let refused = phone.pull();
    assert_eq!(refused.stopped, Some(PullStop::Reconnect));
    assert_eq!(phone.source().standing, Standing::Reconnect);
    assert_eq!(phone.rows("Goal"), 5, "everything is kept");
    *phone.provider.revoked.lock().unwrap() = false;
    phone.sign_in().unwrap();
    assert_eq!(phone.source().standing, Standing::Connected);
    assert_eq!(
        phone.vault.pull("hospital", true, None, None).unwrap().new,
        1
    );
}

#[test]
fn an_ended_token_is_renewed_and_the_new_pair_survives() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    for round in 0..3 {
        // The provider forgets the access token.
        let open = phone.vault.unlocked().unwrap();
        open.write(|tx| {
            let row = store::source(tx, "hospital")?.unwrap();
            let mut secrets = Secrets::read(tx, &open.database_key, row.number)?;
            secrets.tokens.as_mut().unwrap().access = "forgotten".to_owned();
            secrets.write(tx, &open.database_key, row.number)
        })
        .unwrap();
        assert_eq!(phone.pull().stopped, None);
        assert_eq!(phone.provider.pair.load(Ordering::Relaxed), round + 2);
    }
}

#[test]
fn a_next_page_at_another_server_is_refused_and_no_token_goes_there() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    *phone.provider.next.lock().unwrap() = Some("https://evil.example/fhir/Goal?page=2".to_owned());
    let report = phone.pull();
    let goals = report
        .kinds
        .iter()
        .find(|kind| kind.kind == "Goal")
        .unwrap();
    assert_eq!(goals.outcome, KindOutcome::Partial);
    assert_eq!(phone.rows("Goal"), PAGE);
    assert!(
        phone
            .provider
            .asked
            .lock()
            .unwrap()
            .iter()
            .all(|url| !url.contains("evil"))
    );
}

#[test]
fn what_is_gone_is_marked_and_stays_and_may_come_back() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    phone.pull();
    let taken = phone
        .provider
        .resources
        .lock()
        .unwrap()
        .remove("Goal/3")
        .unwrap();
    let report = phone.vault.pull("hospital", true, None, None).unwrap();
    assert_eq!((report.gone, report.stopped), (1, None));
    assert_eq!((phone.rows("Goal"), phone.rows("Provenance")), (5, 1));
    assert_eq!(phone.source().gone, 1);
    let again = phone.vault.pull("hospital", true, None, None).unwrap();
    assert_eq!((again.gone, phone.rows("Provenance")), (0, 1));
    phone
        .provider
        .resources
        .lock()
        .unwrap()
        .insert("Goal/3".to_owned(), taken);
    let back = phone.vault.pull("hospital", true, None, None).unwrap();
    assert_eq!(
        (back.updated, phone.source().gone),
        (1, 0),
        "the mark has a new version"
    );
    assert!(phone.vault.verify(true).unwrap().problems.is_empty());
}

#[test]
fn a_changed_resource_is_a_new_version() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    phone.pull();
    phone.provider.put("Goal/1", "walk more");
    let report = phone.vault.pull("hospital", true, None, None).unwrap();
    assert_eq!((report.new, report.updated), (0, 1));
    assert_eq!(phone.rows("Goal"), 5);
}

#[test]
fn files_are_fetched_once_for_each_version_and_byte_for_byte() {
    let phone = phone(Provider::with(&FIVE));
    let document = json!({"resourceType": "DocumentReference", "id": "d", "status": "current",
        "author": [{"reference": "Practitioner/9"}],
        "content": [{"attachment": {"contentType": "application/fhir+json", "url": "Binary/1"}}]});
    for (native, resource) in [
        ("DocumentReference/d", document),
        ("Binary/1", json!({"a": "letter"})),
        (
            "Practitioner/9",
            json!({"resourceType": "Practitioner", "id": "9"}),
        ),
    ] {
        phone
            .provider
            .resources
            .lock()
            .unwrap()
            .insert(native.to_owned(), resource);
    }
    phone.sign_in().unwrap();
    let first = phone.pull();
    assert_eq!((first.files, first.new), (1, 8));
    assert_eq!(
        (phone.rows("DocumentReference"), phone.rows("Practitioner")),
        (2, 1)
    );
    let second = phone.vault.pull("hospital", true, None, None).unwrap();
    assert_eq!((second.files, second.new), (0, 0));
    assert_eq!(phone.vault.verify(true).unwrap().attachments, 1);
}

#[test]
fn an_answer_to_nobodys_question_is_refused() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    for redirect in [
        "http://127.0.0.1:4000/?code=c0de",
        "http://127.0.0.1:4000/?code=c0de&state=x",
        "nonsense",
        "",
    ] {
        assert!(matches!(
            phone.vault.finish_sign_in(redirect),
            Err(VaultError::InvalidInput(_))
        ));
    }
    assert_eq!(phone.pull().new, 6, "the connection is as it was");
}

#[test]
fn sources_have_one_name_one_address_and_can_be_forgotten() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    phone.pull();
    let record = phone.vault.persons().unwrap()[0].record;
    let other = SmartServer {
        address: "https://hospital.example/fhir/other".to_owned(),
        ..phone.server()
    };
    assert!(phone.vault.connect_smart(record, &other).is_err());
    for name in ["", " ", "a\nb", &"x".repeat(101)] {
        let bad = SmartServer {
            name: name.to_owned(),
            ..phone.server()
        };
        assert!(phone.vault.connect_smart(record, &bad).is_err(), "{name}");
    }
    phone.vault.remove_source("hospital").unwrap();
    assert!(phone.vault.sources().unwrap().is_empty());
    assert!(matches!(
        phone.vault.pull("hospital", false, None, None),
        Err(VaultError::NotFound(_))
    ));
    assert_eq!(phone.rows("Goal"), 5, "what came stays");
    let open = phone.vault.unlocked().unwrap();
    assert!(
        open.store
            .read(|conn| log::secrets_of(conn, "source "))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn tokens_stand_sealed_and_in_no_other_table() {
    let phone = phone(Provider::with(&FIVE));
    phone.sign_in().unwrap();
    phone.pull();
    let open = phone.vault.unlocked().unwrap();
    let found: i64 = open
        .store
        .read(|conn| {
            let text = format!("%{CANARY}%");
            let query =
                "SELECT (SELECT count(*) FROM source WHERE settings LIKE ?1 OR state LIKE ?1)
              + (SELECT count(*) FROM secret WHERE CAST(sealed AS TEXT) LIKE ?1)";
            Ok(conn.query_row(query, [text], |row| row.get(0))?)
        })
        .unwrap();
    assert_eq!(found, 0);
    assert!(!format!("{:?}", phone.vault.sources().unwrap()).contains(CANARY));
}

/// A cloud with one weight and a sensor with one value.
struct Cloud {
    asked: Mutex<Vec<HttpRequest>>,
}

impl Transport for Cloud {
    fn send(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HostError> {
        let body = String::from_utf8(request.body.clone()).unwrap();
        let url = request.url.clone();
        self.asked.lock().unwrap().push(request);
        Ok(match url.as_str() {
            "https://wbsapi.withings.net/v2/oauth2" => answer(
                200,
                &json!({"status": 0, "body": {
                "userid": 363, "access_token": CANARY, "refresh_token": "r", "expires_in": 10800, "token_type": "Bearer",
                "scope": "user.activity,user.metrics"}}),
            ),
            _ if body.contains("getmeas") => answer(
                200,
                &json!({"status": 0, "body": {"updatetime": 9, "measuregrps": [{
                "grpid": 1, "attrib": 0, "date": 1_693_651_151, "category": 1, "measures": [{"value": 70, "type": 1, "unit": 0}]}]}}),
            ),
            url if url.contains("/api/v1/entries.json") => answer(
                200,
                &json!([{"type": "sgv", "sgv": 100, "date": 1_693_651_151_000_i64}]),
            ),
            _ => answer(200, &json!({"status": 0, "body": {}})),
        })
    }
}

fn cloud() -> (TempDir, Vault, Arc<Cloud>) {
    let cloud = Arc::new(Cloud {
        asked: Mutex::default(),
    });
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(Ticking(AtomicI64::new(1_790_000_000_000)));
    let host = Host {
        key_store: TestKeys::new(1),
        clock,
        transport: cloud.clone(),
    };
    let vault = Vault::create(&folder.path().join("vault"), host, "phone", "Alice", None).unwrap();
    (folder, vault, cloud)
}

#[test]
fn the_withings_cloud_is_connected_and_pulled_with_the_persons_own_credentials() {
    let (_folder, vault, cloud) = cloud();
    let record = vault.persons().unwrap()[0].record;
    let scale = WithingsCloud {
        name: "scale".to_owned(),
        address: None,
        client_id: Some("own".to_owned()),
        client_secret: Some("s3cret".to_owned()),
        redirect: "http://127.0.0.1:8080/".to_owned(),
    };
    let url = vault.connect_withings(record, &scale).unwrap().url.unwrap();
    assert!(
        url.starts_with("https://account.withings.com/oauth2_user/authorize2?")
            && !url.contains("s3cret")
    );
    let asked = crate::pull::address::parameters(&url);
    let state = &asked.iter().find(|(name, _)| name == "state").unwrap().1;
    vault
        .finish_sign_in(&format!("http://127.0.0.1:8080/?code=x&state={state}"))
        .unwrap();
    let source = vault.sources().unwrap().remove(0);
    assert_eq!(
        (source.kind, source.standing, source.not_granted.len()),
        (SourceKind::Withings, Standing::Connected, 0)
    );
    let first = vault.pull("scale", false, None, None).unwrap();
    assert_eq!((first.new, first.stopped, first.requests), (1, None, 3));
    assert_eq!(vault.pull("scale", false, None, None).unwrap().new, 0);
    let asked = cloud.asked.lock().unwrap();
    assert!(asked.iter().skip(1).all(|one| {
        one.headers
            .contains(&("authorization", format!("Bearer {CANARY}")))
    }));
}

#[test]
fn a_sensor_is_pulled_and_its_secret_stands_in_no_address() {
    let (_folder, vault, cloud) = cloud();
    let record = vault.persons().unwrap()[0].record;
    let sensor = NightscoutServer {
        name: "sensor".to_owned(),
        address: "https://cgm.example/".to_owned(),
        secret: Some("secret".to_owned()),
    };
    vault.add_nightscout(record, &sensor).unwrap();
    assert_eq!(vault.pull("sensor", false, None, None).unwrap().new, 1);
    assert_eq!(vault.pull("sensor", false, None, None).unwrap().new, 0);
    let asked = cloud.asked.lock().unwrap();
    let hashed = "e5e9fa1ba31ecd1ae84f75caaa474f3a663f05f4";
    assert!(asked.iter().all(
        |one| one.headers.contains(&("api-secret", hashed.to_owned())) && !one.url.contains(hashed)
    ));
}

#[test]
fn an_open_server_needs_a_patient_whose_id_is_one() {
    let phone = phone(Provider::with(&FIVE));
    let record = phone.vault.persons().unwrap()[0].record;
    for patient in [None, Some(""), Some("../x"), Some("p?x=1"), Some("a/b")] {
        let open = SmartServer {
            name: "open".to_owned(),
            address: "https://open.example/fhir".to_owned(),
            patient: patient.map(str::to_owned),
            ..SmartServer::default()
        };
        let refused = phone.vault.connect_smart(record, &open);
        assert!(
            matches!(refused, Err(VaultError::InvalidInput(_))),
            "{patient:?}"
        );
    }
    let open = SmartServer {
        name: "open".to_owned(),
        address: "https://open.example/fhir".to_owned(),
        patient: Some("p-1.a".to_owned()),
        ..SmartServer::default()
    };
    assert_eq!(phone.vault.connect_smart(record, &open).unwrap().url, None);
    assert_eq!(phone.source().standing, Standing::Connected);
}
