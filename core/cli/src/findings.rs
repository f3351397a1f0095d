//! Findings in a person's language: one line that says what, one that says what to do.

use crate::console::Console;
use crate::error::CliResult;
use crate::format::{clean, recorded};
use crate::language::Language;
use crate::texts::finding as texts;
use carnet::vault::Finding;

/// Prints findings; those of a listing say since when.
pub fn print(console: &mut Console, findings: &[Finding], dated: bool) -> CliResult {
    let language = console.language;
    for finding in findings {
        let what = what(finding, language);
        match finding.healed {
            Some(_) => console.say(texts::HEALED, &[&what])?,
            None => {
                let since = recorded(finding.since, language);
                let frame = if dated { texts::SINCE } else { texts::OPEN };
                console.say(frame, &[&what, &since])?;
                let names = names(finding, language);
                let names = names.each_ref().map(String::as_str);
                let advice = texts::advice(finding.kind).fill(language, &names);
                console.say(texts::ADVICE, &[&advice])?;
            }
        }
    }
    Ok(())
}

/// What was found, in one sentence.
pub fn what(finding: &Finding, language: Language) -> String {
    let names = names(finding, language);
    let [_, device, witness, relay] = names.each_ref().map(String::as_str);
    texts::what(finding.kind).fill(language, finding.missing, &[device, witness, relay])
}

/// The values of the sentences: number, device, witness, relay.
fn names(finding: &Finding, language: Language) -> [String; 4] {
    let named = |name: &Option<String>, unknown: crate::language::Text| {
        let name = name.as_deref().map(clean);
        name.unwrap_or_else(|| unknown.pick(language).to_owned())
    };
    [
        crate::format::integer(finding.missing, language),
        named(&finding.device_name, texts::UNKNOWN_DEVICE),
        named(&finding.witness_name, texts::SOME_DEVICE),
        clean(finding.relay.as_deref().unwrap_or_default()),
    ]
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::samples;
    use carnet::vault::FindingKind;

    /// A finding with everything that can be named.
    pub fn finding(kind: FindingKind, missing: u64) -> Finding {
        Finding {
            kind,
            severity: kind.severity(),
            record: Some(samples::record(1)),
            compartment: Some("general".to_owned()),
            device: Some(samples::device(1)),
            device_name: Some("Téléphone de Maman\u{1b}[2J".to_owned()),
            witness_name: Some("Tablette".to_owned()),
            relay: Some("https://relais.exemple.fr".to_owned()),
            missing,
            range: Some((4, 6)),
            since: 1_709_210_096_789,
            healed: None,
        }
    }

    #[test]
    fn what_is_missing_is_counted_named_and_comes_with_what_to_do() {
        let (mut console, printed) = console(Language::Fr);
        print(&mut console, &[finding(FindingKind::Gap, 3)], false).unwrap();
        let text = printed.text();
        assert!(text.starts_with("À savoir : 3 changements de « Téléphone de Maman"));
        assert!(text.contains("\n  À faire : lancer `carnet sync`"));
        assert!(!text.contains('\u{1b}'), "a name draws on the terminal");
    }

    #[test]
    fn every_kind_names_what_it_is_about_in_both_languages() {
        for kind in FindingKind::ALL {
            for language in [Language::Fr, Language::En] {
                for missing in [0, 1, 5] {
                    let text = what(&finding(kind, missing), language);
                    assert!(!text.contains('{') && text.ends_with('.'), "{text}");
                    let named = [
                        "Maman",
                        "relais.exemple",
                        "device",
                        "appareil",
                        "envelope",
                        "envoi",
                    ];
                    assert!(named.iter().any(|name| text.contains(name)), "{text}");
                }
            }
        }
    }

    #[test]
    fn what_is_healed_asks_for_nothing_and_a_listing_says_since_when() {
        let (mut console, printed) = console(Language::En);
        let mut healed = finding(FindingKind::Omission, 1);
        healed.healed = Some(5);
        let open = finding(FindingKind::Fork, 0);
        print(&mut console, &[healed, open], true).unwrap();
        let text = printed.text();
        let mut lines = text.lines();
        assert!(lines.next().unwrap().starts_with("Healed: 1 change from"));
        assert!(
            lines
                .next()
                .unwrap()
                .starts_with("Note, since 2024-02-29 12:34 UTC: ")
        );
        assert!(lines.next().unwrap().starts_with("  What to do: "));
    }

    #[test]
    fn a_device_nobody_knows_is_called_so() {
        let mut unknown = finding(FindingKind::Omission, 2);
        unknown.device_name = None;
        assert!(what(&unknown, Language::Fr).contains("un appareil inconnu"));
    }
}
