#![allow(clippy::unwrap_used, clippy::print_stderr)]
use super::*;

/// Writes Automerge edits as the patient layer makes them, for `dictionary/train.py`.
#[test]
#[ignore = "made dictionary 1; kept to show how"]
fn write_edit_samples() {
    use automerge::transaction::{CommitOptions, Transactable};
    use automerge::{ActorId, Automerge, ObjType, ROOT, ReadDoc, ScalarValue};
    let folder = std::env::var("CARNET_SAMPLES").unwrap();
    std::fs::create_dir_all(&folder).unwrap();
    let texts = [
        "à contrôler dans trois mois",
        "pris à jeun",
        "effet secondaire : vertiges",
        "vu avec le médecin traitant",
        "taken after lunch",
        "felt dizzy afterwards",
        "discussed with doctor",
        "nausées le matin",
        "ok",
        "à surveiller",
    ];
    let fields = [
        "valueQuantity.value",
        "effectiveDateTime",
        "code.text",
        "status",
        "dosage[0].text",
    ];
    let mut random = blake3::Hasher::new().finalize_xof();
    let mut draw = |count: usize| {
        let mut bytes = vec![0; count];
        random.fill(&mut bytes);
        bytes
    };
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    for number in 0..600_usize {
        let actor = ActorId::from(draw(16));
        let mut document = Automerge::new().with_actor(actor);
        let mut raw = Vec::new();
        for step in 0..=number % 3 {
            let mut transaction = document.transaction();
            let at = 1_760_000_000_000 + number as i64 * 7_654_321;
            if (number + step) % 2 == 0 {
                let note = transaction
                    .put_object(ROOT, format!("note:{}", hex(&draw(16))), ObjType::Map)
                    .unwrap();
                transaction
                    .put(&note, "on", ScalarValue::Bytes(draw(16)))
                    .unwrap();
                let text = texts[number % texts.len()];
                transaction
                    .put(&note, "text", ScalarValue::Str(text.into()))
                    .unwrap();
                transaction.put(&note, "at", ScalarValue::Int(at)).unwrap();
            } else {
                let key = format!(
                    "correct:{}:{}",
                    hex(&draw(16)),
                    fields[number % fields.len()]
                );
                let value = minicbor::to_vec(("5.1", at)).unwrap();
                transaction
                    .put(ROOT, key, ScalarValue::Bytes(value))
                    .unwrap();
            }
            let (hash, _) = transaction.commit_with(CommitOptions::default().with_time(0));
            let change = document.get_change_by_hash(&hash.unwrap()).unwrap();
            raw = change.raw_bytes().to_vec();
        }
        std::fs::write(format!("{folder}/edit-{number:04}.bin"), raw).unwrap();
    }
}

/// An observation as a small app would write it by hand; not from the training data.
fn observation(number: usize) -> String {
    let id: String = blake3::hash(&number.to_le_bytes())
        .to_hex()
        .chars()
        .take(32)
        .collect();
    let day = number % 28 + 1;
    format!(
        r#"{{"resourceType":"Observation","id":"{id}","status":"final","category":[{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/observation-category","code":"vital-signs"}}]}}],"code":{{"coding":[{{"system":"http://loinc.org","code":"29463-7","display":"Poids"}}],"text":"Poids"}},"subject":{{"reference":"Patient/7a1c"}},"effectiveDateTime":"2026-11-{day:02}T07:41:00+01:00","issued":"2026-11-{day:02}T07:41:05+01:00","performer":[{{"reference":"Patient/7a1c"}}],"valueQuantity":{{"value":72.{},"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}}}"#,
        number % 10
    )
}

fn medication() -> String {
    r#"{"resourceType":"MedicationStatement","id":"0f8fad5b-d9cb-469f-a165-70867728950e","status":"active","medicationCodeableConcept":{"coding":[{"system":"http://www.whocc.no/atc","code":"C08CA01","display":"Amlodipine 5 mg, gélule"}],"text":"Amlodipine 5 mg"},"subject":{"reference":"Patient/7a1c"},"effectivePeriod":{"start":"2026-10-02"},"dateAsserted":"2026-11-03","informationSource":{"reference":"Patient/7a1c"},"dosage":[{"text":"1 gélule le matin","timing":{"repeat":{"frequency":1,"period":1,"periodUnit":"d"}}}]}"#.to_owned()
}

/// A canonical change with these resources, encoded by hand: this room does not know the record's types.
fn change(origin: (&str, &str, [u8; 32]), resources: &[String]) -> Vec<u8> {
    let mut encoder = minicbor::Encoder::new(Vec::new());
    encoder
        .array(5)
        .unwrap()
        .u8(1)
        .unwrap()
        .i64(1_795_430_465_000)
        .unwrap();
    encoder.array(1).unwrap().array(3).unwrap();
    encoder
        .str(origin.0)
        .unwrap()
        .str(origin.1)
        .unwrap()
        .bytes(&origin.2)
        .unwrap();
    encoder.array(resources.len() as u64).unwrap();
    for position in 0..resources.len() {
        encoder.array(2).unwrap().u8(0).unwrap().array(4).unwrap();
        encoder
            .u8(0)
            .unwrap()
            .str("")
            .unwrap()
            .null()
            .unwrap()
            .u32(position as u32)
            .unwrap();
    }
    encoder.array(resources.len() as u64).unwrap();
    for resource in resources {
        encoder.bytes(resource.as_bytes()).unwrap();
    }
    encoder.into_writer()
}

/// What a person or a connected device adds; there is no file.
const BY_HAND: (&str, &str, [u8; 32]) = ("", "person", [0; 32]);
const FROM_A_FILE: (&str, &str, [u8; 32]) = ("mesures.json", "fhir-json", [0xa5; 32]);

pub(in crate::seal) fn one_observation() -> Vec<u8> {
    change(BY_HAND, &[observation(1)])
}

pub(in crate::seal) fn one_medication() -> Vec<u8> {
    change(BY_HAND, &[medication()])
}

pub(in crate::seal) fn fifty_observations() -> Vec<u8> {
    change(FROM_A_FILE, &(0..50).map(observation).collect::<Vec<_>>())
}

/// The dictionary is part of the protocol.
#[test]
fn dictionary_1_never_changes() {
    assert_eq!(
        blake3::hash(DICTIONARY_1).to_hex().as_str(),
        "e1211807de69e600cb7c91cf686ebfeb47952c5d234dd5719138b28070a54318"
    );
}

#[test]
fn bodies_of_every_size_come_back() {
    let text = b"Hypertension art\xc3\xa9rielle ".repeat(200_000);
    let noise: Vec<u8> = {
        let mut bytes = vec![0; 1 << 20];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    };
    for bytes in [&text, &noise] {
        for length in [
            0,
            1,
            100,
            SMALL_BYTES - 1,
            SMALL_BYTES,
            SMALL_BYTES + 1,
            1 << 20,
        ] {
            let bytes = &bytes[..length];
            let packed = pack_body(bytes).unwrap();
            assert!(packed.len() <= bytes.len() + 1);
            assert_eq!(unpack_body(&packed).unwrap(), bytes);
        }
    }
    let largest = vec![7; limits::MAX_BODY_BYTES];
    assert_eq!(unpack_body(&pack_body(&largest).unwrap()).unwrap(), largest);
    assert!(matches!(
        pack_body(&vec![7; limits::MAX_BODY_BYTES + 1]),
        Err(Error::TooLarge(_))
    ));
}

#[test]
fn small_bodies_carry_no_dictionary_id_and_each_form_is_read() {
    let bytes = one_observation();
    let packed = pack_body(&bytes).unwrap();
    assert_eq!(packed[0], ZSTD_DICTIONARY_1);
    // Frame header descriptor, after the form byte and the magic number: its two low bits size the dictionary id.
    assert_eq!(packed[5] & 3, 0);
    let forms = [
        prefixed(STORED, &bytes),
        prefixed(ZSTD, &zstd::bulk::compress(&bytes, 19).unwrap()),
    ];
    for body in forms {
        assert_eq!(unpack_body(&body).unwrap(), bytes);
    }
}

#[test]
fn bombs_damage_and_unknown_forms_are_refused() {
    let bomb = zstd::bulk::compress(&vec![0; limits::MAX_BODY_BYTES + 1], 3).unwrap();
    assert!(bomb.len() < 10_000);
    let refused = unpack_body(&prefixed(ZSTD, &bomb));
    assert!(matches!(refused, Err(Error::Wire(WireError::TooLarge))));
    // A frame header that claims a window of 2 GiB.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 21 << 3, 0x01, 0x00, 0x00];
    assert!(unpack_body(&prefixed(ZSTD, &window)).is_err());
    assert!(matches!(
        unpack_body(&[9, 1, 2]),
        Err(Error::Wire(WireError::UnknownVersion))
    ));
    assert!(unpack_body(&[]).is_err());
    let good = pack_body(&one_observation()).unwrap();
    for length in 1..good.len() {
        assert!(unpack_body(&good[..length]).is_err(), "length {length}");
    }
    assert!(
        unpack_body(&[good.as_slice(), &[0]].concat()).is_err(),
        "trailing bytes"
    );
    let twice = [good.as_slice(), &good[1..]].concat();
    assert!(unpack_body(&twice).is_err(), "a second frame");
    for at in 1..good.len() {
        let mut changed = good.clone();
        changed[at] ^= 0x10;
        // It may still inflate, to something: the signature over its hash is what protects it. It must not panic.
        let _ = unpack_body(&changed);
    }
}

/// Prints what the levels in `LEVEL` and `SMALL_LEVEL` were chosen by.
#[test]
#[ignore = "a measurement"]
fn measure_levels() {
    let bulk = change(
        FROM_A_FILE,
        &(0..1000)
            .map(|number| {
                if number % 4 == 0 {
                    medication()
                } else {
                    observation(number)
                }
            })
            .collect::<Vec<_>>(),
    );
    let small = one_observation();
    for level in [-3, -1, 1, 2, 3, 5, 7, 9, 12, 15, 19] {
        let start = std::time::Instant::now();
        let mut length = 0;
        for _ in 0..20 {
            length = zstd::bulk::compress(&bulk, level).unwrap().len();
        }
        let speed = bulk.len() as f64 * 20.0 / start.elapsed().as_secs_f64() / 1e6;
        let dictionary = EncoderDictionary::copy(DICTIONARY_1, level);
        let start = std::time::Instant::now();
        let mut little = 0;
        for _ in 0..500 {
            let mut compressor =
                zstd::bulk::Compressor::with_prepared_dictionary(&dictionary).unwrap();
            compressor
                .set_parameter(CParameter::DictIdFlag(false))
                .unwrap();
            little = compressor.compress(&small).unwrap().len();
        }
        let micros = start.elapsed().as_secs_f64() * 1e6 / 500.0;
        let ratio = bulk.len() as f64 / length as f64;
        eprintln!(
            "level {level:3}: bulk {ratio:5.1} x at {speed:6.0} MB/s; {} B with the dictionary {little:4} B in {micros:5.0} us",
            small.len()
        );
    }
}
