//! `carnet ble decode`: what the bytes of a Bluetooth health device mean. Needs no vault.

use crate::arguments::ble::{BleAction, BleDecode};
use crate::console::Console;
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, decimal};
use crate::json;
use crate::language::{Language, Text};
use crate::texts::{ble as texts, engine, message};
use carnet::record::json::Refusal;
use carnet::source::ble::records::Answer;
use carnet::source::ble::{Characteristic, Decoded, Detail, Measurement, Number, Quantity, decode};

/// Runs one of the family.
pub fn run(action: &BleAction, console: &mut Console) -> CliResult {
    match action {
        BleAction::Decode(arguments) => decode_one(arguments, console),
    }
}

fn decode_one(arguments: &BleDecode, console: &mut Console) -> CliResult {
    let language = console.language;
    let refused = |Refusal(why)| {
        let why = engine::translate(why, language);
        CliError::said(Exit::Invalid, message::INVALID, &[why])
    };
    let characteristic = Characteristic::from_uuid(&arguments.uuid).map_err(refused)?;
    let bytes = bytes_of(&arguments.hex)
        .ok_or_else(|| CliError::said(Exit::Usage, texts::NOT_HEX, &[&clean(&arguments.hex)]))?;
    let decoded = decode(characteristic, &bytes).map_err(refused)?;
    if console.json {
        return console.json(&json::ble::decoded(characteristic, &decoded));
    }
    let lines = match &decoded {
        Decoded::Answer(answer) => vec![answer_line(answer, language)],
        Decoded::Measurements(all) => all.iter().flat_map(|one| lines(one, language)).collect(),
    };
    lines.iter().try_for_each(|line| console.line(line))
}

/// Two digits a byte; spaces, colons and hyphens between bytes are as tools print them.
fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex
        .chars()
        .filter(|letter| !matches!(letter, ' ' | ':' | '-'))
        .map(|letter| u8::try_from(letter.to_digit(16)?).ok())
        .collect();
    let pairs = digits?;
    let whole = pairs.len().is_multiple_of(2) && !pairs.is_empty();
    whole.then(|| {
        let bytes = pairs.chunks_exact(2);
        bytes
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect()
    })
}

/// One line for each number, then what stands beside them.
fn lines(measurement: &Measurement, language: Language) -> Vec<String> {
    let say = |text: Text, value: &str| text.fill(language, &[value]);
    let mut lines: Vec<String> = (measurement.values.iter())
        .map(|quantity| quantity_line(quantity, language))
        .collect();
    if let Some(clock) = measurement.clock {
        lines.push(say(texts::CLOCK, &clock.to_string()));
    }
    for (number, text) in [
        (
            measurement.minutes_after.map(i64::from),
            texts::MINUTES_AFTER,
        ),
        (measurement.zone_minutes.map(i64::from), texts::ZONE),
        (measurement.sequence.map(i64::from), texts::SEQUENCE),
        (measurement.user.map(i64::from), texts::USER),
    ] {
        lines.extend(number.map(|number| say(text, &number.to_string())));
    }
    lines.extend((measurement.details.iter()).map(|detail| detail_line(detail, language)));
    lines
}

fn quantity_line(quantity: &Quantity, language: Language) -> String {
    let name = texts::word(quantity.what, language);
    match quantity.value {
        Number::Exact(value) => {
            let value = decimal(&value.to_string(), language);
            texts::NUMBER.fill(language, &[name, &value, quantity.unit])
        }
        Number::Absent(reason) => {
            let why = texts::word(reason.code(), language);
            texts::ABSENT.fill(language, &[name, why])
        }
    }
}

fn detail_line(detail: &Detail, language: Language) -> String {
    let words: Vec<&str> = (detail.words.iter())
        .map(|word| texts::word(word, language))
        .collect();
    let words = match words.is_empty() {
        true => texts::word("none", language).to_owned(),
        false => words.join(", "),
    };
    texts::DETAIL.fill(language, &[texts::word(detail.what, language), &words])
}

fn answer_line(answer: &Answer, language: Language) -> String {
    match answer {
        Answer::Count(count) => texts::COUNT.fill(language, &[&count.to_string()]),
        Answer::Done { outcome, .. } => detail_line(outcome, language),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;

    fn printed(language: Language, json: bool, uuid: &str, hex: &str) -> CliResult<String> {
        let (mut console, printed) = console(language);
        console.json = json;
        let arguments = BleDecode {
            uuid: uuid.to_owned(),
            hex: hex.to_owned(),
        };
        decode_one(&arguments, &mut console)?;
        Ok(printed.text())
    }

    #[test]
    fn words_in_both_languages() {
        let cuff = "15 BD F0 0B 00 9F F0 3C 00 12 00";
        let french = printed(Language::Fr, false, "2A35", cuff).unwrap();
        assert!(french.contains("Systolique : 18,9 kPa"), "{french}");
        assert!(french.contains("brassard trop lâche"), "{french}");
        let english = printed(Language::En, false, "2A35", cuff).unwrap();
        assert!(english.contains("Systolic: 18.9 kPa"), "{english}");
        assert!(english.contains("cuff too loose"), "{english}");
        let failed = printed(Language::En, false, "2A9D", "00:FF:FF").unwrap();
        assert_eq!(failed, "Weight: no value (the measurement failed)\n");
        let count = printed(Language::Fr, false, "2A52", "05000201").unwrap();
        assert_eq!(count, "258 mesures à relever\n");
    }

    #[test]
    fn programs_get_decimals_as_written_and_reasons() {
        let json = |uuid, hex| -> serde_json::Value {
            serde_json::from_str(&printed(Language::Fr, true, uuid, hex).unwrap()).unwrap()
        };
        let warm = json("2A1C", "06B00E00FEDC070C050B321B04");
        let first = &warm["measurements"][0];
        assert_eq!(first["values"][0]["value"], "37.60");
        assert_eq!(first["clock"], "2012-12-05T11:50:27");
        assert_eq!(first["details"][0]["words"][0], "finger");
        let pulse = json("2A5E", "006100FF07");
        let absent = &pulse["measurements"][0]["values"][1];
        assert_eq!(
            (&absent["value"], &absent["absent"]),
            (&serde_json::Value::Null, &"not-a-number".into())
        );
        assert_eq!(json("2A52", "05000201")["answer"]["count"], 258);
        assert_eq!(json("2A52", "06000106")["answer"]["outcome"], "no-records");
    }

    #[test]
    fn what_cannot_be_read_says_why_in_the_language() {
        let why = |uuid, hex| {
            let error = printed(Language::Fr, false, uuid, hex).unwrap_err();
            (error.code(), error.line(Language::Fr).unwrap())
        };
        assert!(why("2A00", "00").1.contains("caractéristique"));
        assert!(why("2A37", "17").1.contains("octets"));
        for typed in ["", "0", "0g", "é"] {
            assert_eq!(why("2A37", typed).0, Exit::Usage as u8);
        }
    }
}
