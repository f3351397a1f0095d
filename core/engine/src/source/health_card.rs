//! SMART Health Cards: signed FHIR bundles as files (`.smart-health-card`), as the text of QR codes (`shc:/…`, also in
//! several chunks in any order), or as bare signed tokens (JWS in compact form).
//!
//! A token is `header.payload.signature`, each in base64url; the payload is raw DEFLATE of one JSON object that holds a
//! Bundle. **The signature is not verified**: the issuer's public key is at the issuer's address, never in the card, and
//! this room asks nobody; who imports a card is told so. A key that a card brought along would prove nothing.
//!
//! Names: entries call each other `resource:0`, `resource:1`, which means something in their own Bundle only. Each becomes a
//! UUID of version 8 made of the issuer, the whole Bundle and the number, so that a card that is read from its file and again
//! from its QR code is one card, and two cards of one issuer are two.
//!
//! Threats: a card from anyone may be imported. It cannot grow without end ([`MAX_CARD_BYTES`], [`MAX_CARDS`]), and what it
//! says of its issuer is not believed for the identity of anything that came from elsewhere.

use super::{Outcome, Whole, read_fhir};
use crate::record::json::{self, Object};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::read::DeflateDecoder;
use std::io::Read;
use std::ops::ControlFlow;

/// Most bytes of a card's content once it is expanded: a QR code holds 3 kB, a file a few dozen.
pub const MAX_CARD_BYTES: u64 = 4 << 20;
/// Most cards in a file.
pub const MAX_CARDS: usize = 100;
/// Most bytes of a file of cards.
pub const MAX_BYTES: usize = 8 << 20;
/// Most chunks of a card that is spread over several QR codes.
const MAX_CHUNKS: usize = 1_000;
/// What stands before the digits of a QR code.
const SCHEME: &str = "shc:/";

/// Said of every card.
pub const NOT_VERIFIED: &str =
    "a SMART Health Card whose signature was not verified: the issuer's key is not in it";
const TOO_LARGE: &str = "a file of SMART Health Cards of more than 8 MB";
const TOO_MANY: &str = "more than 100 SMART Health Cards in one file: the others were not read";
const NO_CARD: &str = "no SMART Health Card in this file";
const DIGITS: &str = "the digits of a QR code are damaged or incomplete: scan every part again";
const DAMAGED: &str = "a SMART Health Card is damaged: ask its issuer for it again";
const EXPANDS: &str = "a SMART Health Card expands beyond 4 MB: not read";
const NO_BUNDLE: &str = "a SMART Health Card without FHIR R4 in it";

/// Reads a file of cards. A card that cannot be read is warned about; a file without a readable card is refused.
pub fn read_cards(bytes: &[u8]) -> Result<Whole, &'static str> {
    if bytes.len() > MAX_BYTES {
        return Err(TOO_LARGE);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NO_CARD)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    let tokens = tokens_of(text)?;
    let mut cards = Whole::default();
    let mut read = 0;
    for (number, token) in tokens.iter().enumerate().take(MAX_CARDS) {
        match read_card(token, number) {
            Ok(outcomes) => {
                read += 1;
                cards.outcomes.extend(outcomes);
            }
            Err(reason) => cards.warn(reason),
        }
    }
    if tokens.len() > MAX_CARDS {
        cards.warn(TOO_MANY);
    }
    if read == 0 {
        return Err(cards.warnings.first().copied().unwrap_or(NO_CARD));
    }
    cards.warn(NOT_VERIFIED);
    Ok(cards)
}

/// The signed tokens of a file, whichever of its three forms it has.
fn tokens_of(text: &str) -> Result<Vec<String>, &'static str> {
    if text.starts_with('{') {
        let file = json::parse(text).map_err(|_| DAMAGED)?;
        let tokens = file.elements("verifiableCredential").iter();
        return Ok(tokens
            .filter_map(|token| token.as_str().map(str::to_owned))
            .collect());
    }
    if text.starts_with(SCHEME) {
        return tokens_of_codes(text);
    }
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// QR codes, one on each line. `shc:/2/3/…` is the second of three chunks of one card.
fn tokens_of_codes(text: &str) -> Result<Vec<String>, &'static str> {
    let mut tokens = Vec::new();
    let mut chunks: Vec<Option<String>> = Vec::new();
    for code in text.split_whitespace() {
        let code = code.strip_prefix(SCHEME).ok_or(DIGITS)?;
        let mut parts = code.split('/');
        match (parts.next(), parts.next(), parts.next()) {
            (Some(digits), None, _) => tokens.push(token_of(digits)?),
            (Some(number), Some(count), Some(digits)) => {
                let number: usize = number.parse().map_err(|_| DIGITS)?;
                let count: usize = count.parse().map_err(|_| DIGITS)?;
                if count > MAX_CHUNKS || (!chunks.is_empty() && chunks.len() != count) {
                    return Err(DIGITS);
                }
                chunks.resize(count, None);
                let place = number.checked_sub(1).and_then(|at| chunks.get_mut(at));
                *place.ok_or(DIGITS)? = Some(token_of(digits)?);
            }
            _ => return Err(DIGITS),
        }
    }
    if !chunks.is_empty() {
        let whole: Option<String> = chunks.into_iter().collect();
        tokens.push(whole.ok_or(DIGITS)?);
    }
    Ok(tokens)
}

/// Two digits stand for one character: its code less 45.
fn token_of(digits: &str) -> Result<String, &'static str> {
    let pairs = digits.as_bytes().chunks(2);
    let letter = |pair: &[u8]| match pair {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            let code = (tens - b'0') * 10 + (ones - b'0') + 45;
            Some(char::from(code)).filter(|letter| *letter <= 'z')
        }
        _ => None,
    };
    let letters: Option<String> = pairs.map(letter).collect();
    letters.ok_or(DIGITS)
}

fn read_card(token: &str, number: usize) -> Result<Vec<Outcome>, &'static str> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(DAMAGED);
    };
    let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| DAMAGED);
    let header = String::from_utf8(decode(header)?).map_err(|_| DAMAGED)?;
    let header = json::parse(&header).map_err(|_| DAMAGED)?;
    let payload = decode(payload)?;
    let payload = match header.str("zip") {
        Some("DEF") => inflate(&payload)?,
        Some(_) => return Err(DAMAGED),
        None => payload,
    };
    let payload = String::from_utf8(payload).map_err(|_| DAMAGED)?;
    read_payload(&payload, number)
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = Vec::new();
    let read = DeflateDecoder::new(bytes)
        .take(MAX_CARD_BYTES + 1)
        .read_to_end(&mut out);
    match read {
        Err(_) => Err(DAMAGED),
        Ok(_) if out.len() as u64 > MAX_CARD_BYTES => Err(EXPANDS),
        Ok(_) => Ok(out),
    }
}

fn read_payload(payload: &str, number: usize) -> Result<Vec<Outcome>, &'static str> {
    let claims = json::parse(payload).map_err(|_| DAMAGED)?;
    let subject = claims
        .object("vc")
        .and_then(|card| card.object("credentialSubject"));
    let bundle = subject.and_then(|subject| subject.object("fhirBundle"));
    let bundle = bundle.filter(|bundle| bundle.str("resourceType") == Some("Bundle"));
    let bundle = bundle.ok_or(NO_BUNDLE)?;
    let named = with_names(bundle, claims.str("iss").unwrap_or_default());
    let mut outcomes = Vec::new();
    let card = format!("card[{number}]");
    let read = read_fhir(named.as_bytes(), "", &mut |mut outcome| {
        let place = match &mut outcome {
            Outcome::Draft(draft) => &mut draft.location,
            Outcome::Refused(refused) => &mut refused.location,
            Outcome::Document(document) => &mut document.location,
            Outcome::Deleted(deleted) => &mut deleted.location,
        };
        *place = format!("{card} {place}");
        outcomes.push(outcome);
        ControlFlow::Continue(())
    });
    read.map_err(|_| DAMAGED)?;
    Ok(outcomes)
}

/// The Bundle with names that mean the same everywhere: see the module.
fn with_names(bundle: &Object<'_>, issuer: &str) -> String {
    let mut text = bundle.text().to_owned();
    let mut names: Vec<&str> = bundle
        .objects("entry")
        .filter_map(|entry| entry.str("fullUrl"))
        .collect();
    names.retain(|name| name.starts_with("resource:"));
    // Its own text decides the names: any other content gives others.
    let hash = blake3::keyed_hash(blake3::hash(issuer.as_bytes()).as_bytes(), text.as_bytes());
    for name in names {
        let own = blake3::keyed_hash(hash.as_bytes(), name.as_bytes());
        let urn = super::document::full_url_of(own.as_bytes());
        text = text.replace(&format!("\"{name}\""), &format!("\"{urn}\""));
    }
    text
}

/// The entry of the fuzz target: `false` means that a receiving device would derive something else than the importing one.
#[doc(hidden)]
pub fn fuzz_one(bytes: &[u8]) -> bool {
    let cards = read_cards(bytes).unwrap_or_default();
    cards.outcomes.iter().all(|outcome| match outcome {
        Outcome::Draft(draft) => super::reads_again(draft),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use std::io::Write;

    const BUNDLE: &str = r#"{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"resource:0","resource":{"resourceType":"Patient","name":[{"family":"Martin","given":["Camille"]}],"birthDate":"1984-05-12"}},{"fullUrl":"resource:1","resource":{"resourceType":"Immunization","status":"completed","vaccineCode":{"coding":[{"system":"http://hl7.org/fhir/sid/cvx","code":"207"}]},"patient":{"reference":"resource:0"},"occurrenceDateTime":"2021-01-01"}}]}"#;

    fn token(payload: &str) -> String {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(payload.as_bytes()).unwrap();
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let header = encode(br#"{"zip":"DEF","alg":"ES256","kid":"k"}"#);
        format!("{header}.{}.c2ln", encode(&encoder.finish().unwrap()))
    }

    fn card_of(issuer: &str) -> String {
        token(&format!(
            r#"{{"iss":"{issuer}","nbf":1.5,"vc":{{"credentialSubject":{{"fhirVersion":"4.0.1","fhirBundle":{BUNDLE}}}}}}}"#
        ))
    }

    fn digits(token: &str) -> String {
        token
            .bytes()
            .map(|byte| format!("{:02}", byte - 45))
            .collect()
    }

    fn ids(text: &str) -> Vec<String> {
        let outcomes = read_cards(text.as_bytes()).unwrap().outcomes;
        let drafts = outcomes.iter().map(|outcome| match outcome {
            Outcome::Draft(draft) => draft,
            other => unreachable!("{other:?}"),
        });
        drafts.map(|draft| draft.resource.id.to_string()).collect()
    }

    #[test]
    fn a_file_a_qr_code_and_a_token_are_one_card() {
        let card = card_of("https://issuer.example");
        let file = format!(r#"{{"verifiableCredential":["{card}"]}}"#);
        let (code, half) = (digits(&card), card.len() / 2 * 2);
        let (one, two) = code.split_at(half);
        assert_eq!(ids(&file).len(), 2);
        for other in [
            card.clone(),
            format!("shc:/{code}\n"),
            format!("shc:/2/2/{two}\nshc:/1/2/{one}"),
        ] {
            assert_eq!(ids(&other), ids(&file));
        }
        assert_eq!(
            read_cards(card.as_bytes()).unwrap().warnings,
            [NOT_VERIFIED]
        );
    }

    #[test]
    fn references_inside_a_card_lead_to_its_own_patient() {
        let cards = read_cards(card_of("https://issuer.example").as_bytes()).unwrap();
        let [Outcome::Draft(patient), Outcome::Draft(vaccine)] = cards.outcomes.as_slice() else {
            unreachable!("{cards:?}");
        };
        let name = patient.full_url.as_deref().unwrap();
        assert!(name.starts_with("urn:uuid:"));
        assert!(vaccine.text.contains(&format!("\"reference\":\"{name}\"")));
        assert_eq!(vaccine.location, "card[0] entry[1]");
    }

    #[test]
    fn another_issuer_or_another_bundle_is_another_card() {
        let one = ids(&card_of("https://issuer.example"));
        let two = ids(&card_of("https://other.example"));
        assert!(one.iter().all(|id| !two.contains(id)));
    }

    #[test]
    fn what_is_damaged_incomplete_or_endless_is_refused_with_its_reason() {
        let card = card_of("https://issuer.example");
        let refused = |text: &str| read_cards(text.as_bytes()).unwrap_err();
        assert_eq!(refused("{\"verifiableCredential\":[]}"), NO_CARD);
        assert_eq!(refused("{\"verifiableCredential\":[\"a.b\"]}"), DAMAGED);
        assert_eq!(refused("shc:/1/2/5676"), DIGITS);
        assert_eq!(refused("shc:/56x6"), DIGITS);
        assert_eq!(refused("shc:/3/2/5676"), DIGITS);
        assert_eq!(refused(card.replace('.', "..").as_str()), DAMAGED);
        assert_eq!(refused(&token("{}")), NO_BUNDLE);
        let bomb = format!("\"{}\"", "0".repeat(MAX_CARD_BYTES as usize));
        assert_eq!(refused(&token(&bomb)), EXPANDS);
        assert_eq!(refused(&" ".repeat(MAX_BYTES + 1)), TOO_LARGE);
    }

    #[test]
    fn one_broken_card_does_not_lose_the_others() {
        let file = format!(
            r#"{{"verifiableCredential":["x.y.z","{}"]}}"#,
            card_of("https://issuer.example")
        );
        let cards = read_cards(file.as_bytes()).unwrap();
        assert_eq!(cards.outcomes.len(), 2);
        assert_eq!(cards.warnings, [DAMAGED, NOT_VERIFIED]);
    }
}
