//! What patients are given, from end to end through the program: files inside documents come back byte for byte, fragments
//! are kept with their reason, one measurement in two units is told once, and every number a document has is in the record.

use carnet_tests::commands::Phone;
use carnet_tests::paths::{corpus, files_below, scratch};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Imports whatever patients the files are about: public samples are of many.
fn import(phone: &Phone, paths: &[PathBuf]) -> Value {
    let paths = paths.iter().map(PathBuf::as_path);
    let all: Vec<&Path> = std::iter::once(Path::new("--anyway"))
        .chain(paths)
        .collect();
    phone.import(&all)
}

fn new(report: &Value) -> u64 {
    report["totals"]["new"].as_u64().expect("a total")
}

/// Base64 read by hand: the reader's own is not the judge of itself.
fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=')
    {
        let value = LETTERS
            .iter()
            .position(|known| *known == letter)
            .expect("base64");
        bits = (bits << 6 | u32::try_from(value).expect("six bits")) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("eight bits"));
        }
    }
    bytes
}

/// The files inside a document, found in its text without a reader of XML. Some samples have dots where a file was.
fn files_in(text: &str) -> Vec<Vec<u8>> {
    let parts = text.split("representation=\"B64\"").skip(1);
    let encoded = parts.filter_map(|part| part.split_once('>')?.1.split('<').next());
    let encoded = encoded.filter(|text| !text.trim().is_empty() && !text.contains('.'));
    encoded.map(base64).collect()
}

fn is_whole(text: &str) -> bool {
    text.contains("ClinicalDocument xmlns") || text.contains("<ClinicalDocument")
}

/// The bytes of every document of a phone, as `carnet attachment` gives them.
fn attachments(phone: &Phone, folder: &Path) -> BTreeSet<Vec<u8>> {
    let documents = phone.json(["documents"]);
    let documents = documents.as_array().expect("documents");
    let bytes_of = |(number, document): (usize, &Value)| {
        let id = document["row"]["id"].as_str().expect("an id");
        let out = folder.join(format!("document-{number}"));
        phone
            .run(["attachment", id, &out.to_string_lossy()])
            .expect_ok("attachment");
        std::fs::read(out).expect("bytes")
    };
    documents.iter().enumerate().map(bytes_of).collect()
}

#[test]
fn every_file_inside_a_french_document_comes_back_byte_for_byte() {
    let Some(corpus) = corpus("files inside documents") else {
        return;
    };
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let folder = corpus.join("cda-fr");
    import(&phone, std::slice::from_ref(&folder));
    let kept = attachments(&phone, scratch.path());
    let (mut inside, mut pdfs) = (0, 0);
    for path in files_below(&folder) {
        let bytes = std::fs::read(&path).expect("a document");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for file in files_in(&text) {
            assert!(kept.contains(&file), "a file in {}", path.display());
            inside += 1;
            pdfs += usize::from(file.starts_with(b"%PDF"));
        }
        assert!(kept.contains(&bytes), "{} itself", path.display());
    }
    println!("{inside} files inside documents, {pdfs} of them PDF, byte for byte");
    assert!(pdfs > 0, "no PDF was found in the samples");
    assert_eq!(new(&import(&phone, &[folder])), 0);
}

/// A section or an entry alone is no document: nobody can say whose it is. Its bytes are kept, and why is said.
#[test]
fn fragments_of_documents_are_kept_with_their_reason() {
    let Some(corpus) = corpus("fragments") else {
        return;
    };
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let files = files_below(&corpus.join("ccda")).into_iter();
    let xml = files.filter(|path| path.extension().is_some_and(|extension| extension == "xml"));
    let fragments: Vec<PathBuf> = xml
        .filter(|path| {
            !is_whole(&String::from_utf8_lossy(
                &std::fs::read(path).expect("a file"),
            ))
        })
        .collect();
    assert!(fragments.len() > 400, "{} fragments", fragments.len());
    let report = import(&phone, &fragments);
    let files = report["files"].as_array().expect("files");
    assert_eq!(files.len(), fragments.len());
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for file in files {
        assert_eq!(file["result"], "kept", "{file}");
        let reason = file["reason"]
            .as_str()
            .unwrap_or_else(|| panic!("no reason: {file}"));
        *reasons.entry(reason.to_owned()).or_default() += 1;
    }
    println!("{reasons:#?}");
    assert_eq!(new(&import(&phone, &fragments)), 0);
}

/// The answers the publisher of the samples gives: two units are one measurement, a result with a code of the laboratory's own
/// is there, and a statement of reimbursements names its medicines.
#[test]
fn what_the_french_samples_are_about_is_in_the_record() {
    let Some(corpus) = corpus("French samples") else {
        return;
    };
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    import(&phone, &[corpus.join("cda-fr")]);
    let resources: Vec<Value> = phone
        .resources()
        .iter()
        .map(|text| serde_json::from_str(text).expect("JSON"))
        .collect();
    let has_value = |resource: &&Value, value: &str, unit: &str| {
        let quantity = &resource["valueQuantity"];
        let number = quantity["value"].to_string();
        quantity["unit"] == unit && number == value
    };
    let marks = |value: &str, unit: &str| {
        let same = |one: &Value| one["url"] == carnet::source::cda::extensions::SAME_MEASUREMENT;
        let found = resources.iter().filter(|one| has_value(one, value, unit));
        let mut extensions = found
            .filter_map(|one| one["extension"].as_array())
            .flatten();
        extensions
            .find(|one| same(one))
            .cloned()
            .unwrap_or_else(|| panic!("no mark: {value} {unit}"))
    };
    // Each leads to the other.
    assert_ne!(marks("4.89", "mmol/L"), marks("0.88", "g/L"));

    let systems = |kinds: &[&str]| -> BTreeSet<String> {
        let of = resources
            .iter()
            .filter(|one| kinds.iter().any(|kind| one["resourceType"] == *kind));
        let text: Vec<String> = of.map(Value::to_string).collect();
        let systems = text
            .iter()
            .flat_map(|text| text.split("\"system\":\"").skip(1));
        systems
            .filter_map(|rest| rest.split('"').next())
            .map(str::to_owned)
            .collect()
    };
    let medicines = systems(&[
        "Medication",
        "MedicationDispense",
        "MedicationStatement",
        "MedicationRequest",
    ]);
    for (what, system) in [("CIP13", "1.2.250.1.213.2.3.2"), ("ATC", "atc")] {
        assert!(
            medicines
                .iter()
                .any(|known| known.to_lowercase().contains(system)),
            "{what} is not among {medicines:?}"
        );
    }
    let crp = |one: &&Value| {
        one["resourceType"] == "Observation"
            && one["code"].to_string().to_lowercase().contains("crp")
    };
    assert!(
        resources
            .iter()
            .any(|one| crp(&one) && !one["code"].to_string().contains("loinc"))
    );
}

/// A card from its file and from its QR code is one card; what needs a server or a key is kept, and said to.
#[test]
fn health_cards_are_read_in_each_of_their_forms() {
    let Some(corpus) = corpus("health cards") else {
        return;
    };
    let scratch = scratch();
    let phone = Phone::with_vault(scratch.path().join("a"));
    let ig = corpus.join("shc-shl/ig");
    let file = import(&phone, &[ig.join("example-00-e-file.smart-health-card")]);
    assert_eq!(file["files"][0]["result"], "understood", "{file}");
    assert_eq!(file["files"][0]["format"], "smart-health-card");
    let resources = file["files"][0]["resources"].as_u64().expect("a count");
    assert!(resources > 2, "{file}");
    // The same card in two other forms: only their own bytes are new, as documents.
    for name in [
        "example-00-d-jws.txt",
        "example-00-f-qr-code-numeric-value-0.txt",
    ] {
        let again = import(&phone, &[ig.join(name)]);
        assert_eq!(again["files"][0]["result"], "understood", "{again}");
        assert_eq!(new(&again), 1, "{again}");
        assert_eq!(again["files"][0]["unchanged"], resources - 1, "{again}");
    }
    let link = import(&phone, &[ig.join("IPS_IG-bundle-01-shl.txt")]);
    assert_eq!(link["files"][0]["format"], "smart-health-link");
    assert!(link["files"][0]["reason"].is_string());
    let sealed = import(&phone, &[ig.join("IPS_IG-bundle-01-enc.txt")]);
    assert_eq!(sealed["files"][0]["format"], "jwe", "{sealed}");
    // Its name says otherwise: it is a signed card.
    let signed = import(&phone, &[ig.join("CARIN_INS_CD-bundle-01-enc.txt")]);
    assert_eq!(
        signed["files"][0]["format"], "smart-health-card",
        "{signed}"
    );
    phone.verify().expect_ok("verify");
}

/// JSON as XML, by rules that need no table of FHIR: the other direction is the reader's.
fn xml_of(name: &str, value: &Value, beside: Option<&Value>, out: &mut String) {
    let escaped = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;")
            .replace('\n', "&#10;")
    };
    match value {
        Value::Array(values) => {
            for (at, one) in values.iter().enumerate() {
                xml_of(name, one, beside.map(|beside| &beside[at]), out);
            }
        }
        Value::Object(members) if members.contains_key("resourceType") => {
            *out += &format!("<{name}>");
            resource_xml(value, "", out);
            *out += &format!("</{name}>");
        }
        Value::Object(members) => {
            let attribute = |key: &str| {
                let text = members.get(key).and_then(Value::as_str);
                let text =
                    text.filter(|_| key == "id" || name.to_lowercase().ends_with("extension"));
                text.map(|text| format!(" {key}=\"{}\"", escaped(text)))
                    .unwrap_or_default()
            };
            let (id, url) = (attribute("id"), attribute("url"));
            *out += &format!("<{name}{id}{url}>");
            let skipped = |key: &str| key == "id" || (key == "url" && !url.is_empty());
            members_xml(value, &skipped, out);
            *out += &format!("</{name}>");
        }
        Value::String(text) if name == "div" => *out += text,
        _ => {
            let text = value.as_str().map_or_else(|| value.to_string(), escaped);
            let text = if value.is_null() {
                String::new()
            } else {
                format!(" value=\"{text}\"")
            };
            let mut inside = String::new();
            let beside = beside.filter(|beside| beside.is_object());
            let id = beside
                .and_then(|beside| beside["id"].as_str())
                .map(|id| format!(" id=\"{id}\""));
            if let Some(beside) = beside {
                members_xml(beside, &|key| key == "id", &mut inside);
            }
            *out += &format!("<{name}{}{text}>{inside}</{name}>", id.unwrap_or_default());
        }
    }
}

fn members_xml(object: &Value, skipped: &dyn Fn(&str) -> bool, out: &mut String) {
    let members = object.as_object().expect("an object");
    for (key, value) in members.iter().filter(|(key, _)| !skipped(key)) {
        match key.strip_prefix('_') {
            Some(bare) if members.contains_key(bare) => (),
            Some(bare) if value.is_array() => {
                let nothing = Value::Array(vec![Value::Null; value.as_array().map_or(0, Vec::len)]);
                xml_of(bare, &nothing, Some(value), out);
            }
            Some(bare) => xml_of(bare, &Value::Null, Some(value), out),
            None => xml_of(key, value, members.get(&format!("_{key}")), out),
        }
    }
}

fn resource_xml(resource: &Value, namespace: &str, out: &mut String) {
    let kind = resource["resourceType"].as_str().expect("a kind");
    *out += &format!("<{kind}{namespace}>");
    members_xml(resource, &|key| key == "resourceType", out);
    *out += &format!("</{kind}>");
}

/// Every sample of FHIR, written as XML: the record is the same, and nothing of it is new to a phone that has the JSON.
#[test]
fn fhir_in_xml_is_the_same_record_as_in_json() {
    let Some(corpus) = corpus("FHIR in XML") else {
        return;
    };
    let scratch = scratch();
    let folder = scratch.path().join("xml");
    std::fs::create_dir_all(&folder).expect("a folder");
    let sources = [corpus.join("us-core"), corpus.join("ips")];
    for path in sources.iter().flat_map(|source| files_below(source)) {
        let text = std::fs::read_to_string(&path).expect("a sample");
        let sample: Value = serde_json::from_str(&text).expect("JSON");
        // A Library describes software, not a patient: the table of what is read leaves it out.
        if sample["resourceType"] == "Library" {
            continue;
        }
        let mut xml = String::new();
        resource_xml(&sample, " xmlns=\"http://hl7.org/fhir\"", &mut xml);
        let name = path
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        std::fs::write(folder.join(name + ".xml"), xml).expect("a file");
    }
    let values = |phone: &Phone| -> BTreeMap<String, Value> {
        let texts = phone.resources();
        let values = texts
            .iter()
            .map(|text| serde_json::from_str::<Value>(text).expect("JSON"));
        // The files themselves are documents, and more than in the other form.
        let is_file = |one: &Value| {
            one["content"][0]["attachment"]["url"]
                .to_string()
                .contains("urn:carnet:")
        };
        let read = values.filter(|one| !is_file(one) && one["resourceType"] != "Library");
        read.map(|one| {
            (
                format!("{}/{} {}", one["resourceType"], one["id"], one["url"]),
                one,
            )
        })
        .collect()
    };
    let json = Phone::with_vault(scratch.path().join("a"));
    import(&json, &sources);
    let xml = Phone::with_vault(scratch.path().join("b"));
    let report = import(&xml, std::slice::from_ref(&folder));
    let unread: Vec<&Value> = report["files"]
        .as_array()
        .expect("files")
        .iter()
        .filter(|file| file["result"] != "understood")
        .collect();
    assert!(unread.is_empty(), "{unread:#?}");
    let (one, two) = (values(&json), values(&xml));
    assert!(one.len() > 220, "{} resources", one.len());
    for (name, value) in &one {
        assert_eq!(two.get(name), Some(value), "{name}");
    }
    assert_eq!(one.len(), two.len());
    // To a phone that has the JSON, only the files are new.
    let again = import(&json, &[folder]);
    assert_eq!(
        new(&again),
        again["files"].as_array().expect("files").len() as u64,
        "{}",
        again["totals"]
    );
    xml.verify().expect_ok("verify");
}
