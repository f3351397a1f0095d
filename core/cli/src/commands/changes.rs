//! `carnet changes`: the carers' view. Each person apart, what is new since this device last looked, and how old that is.

use crate::arguments::changes::Changes;
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::CliResult;
use crate::format::{clean, display, recorded, when};
use crate::json::changes as json;
use crate::language::Language;
use crate::table::{self, Column};
use crate::texts::{changes as texts, finding, message};
use carnet::host::{Clock, SystemClock};
use carnet::vault::{Heard, News, NewsPiece, Person};
use serde_json::Value;

/// News of each person shown unless something else is said.
const USUAL: u32 = 50;

/// Shows what is new, and moves the mark unless it is to be kept.
pub fn run(arguments: &Changes, context: &mut Context) -> CliResult {
    let vault = context.open()?;
    let persons = vault.persons()?;
    let shown = match &arguments.person {
        Some(name) => vec![context::person(persons, Some(name))?],
        None => persons,
    };
    let limit = arguments.limit.unwrap_or(USUAL) as usize;
    let mut all = Vec::new();
    for person in shown {
        let news = vault.news(person.record, limit)?;
        all.push((person, news));
    }
    let console = &mut context.console;
    let language = console.language;
    if console.json {
        let all = all
            .iter()
            .map(|(person, news)| json::news(person, news, language));
        console.json(&all.collect::<Value>())?;
    } else {
        let now = SystemClock.now();
        all.iter()
            .try_for_each(|(person, news)| print(console, person, news, now))?;
    }
    // What was cut off at the limit has not been looked at.
    for (person, _) in all.iter().filter(|(_, news)| !arguments.keep && !news.more) {
        vault.look(person.record)?;
    }
    Ok(())
}

fn print(console: &mut Console, person: &Person, news: &News, now: i64) -> CliResult {
    let language = console.language;
    let name = clean(&person.name);
    let heading = match news.since {
        Some(since) => texts::FOR_SINCE.fill(language, &[&name, &recorded(since, language)]),
        None => texts::FOR_EVER.fill(language, &[&name]),
    };
    console.heading(&heading)?;
    if news.pieces.is_empty() {
        console.say(texts::NOTHING_NEW, &[])?;
    } else {
        let rows: Vec<Vec<String>> = news.pieces.iter().map(|one| row(one, language)).collect();
        let columns = [
            Column::new(texts::H_NEWS),
            Column::new(message::H_WHAT),
            Column::new(message::H_WHEN),
            Column::new(texts::H_TEXT),
            Column::spare(message::H_DEVICE),
        ];
        table::print(console, &columns, &rows)?;
    }
    if news.more {
        let shown = news.pieces.len() as u64;
        console.line(&message::MORE_ROWS.fill(language, shown, &[]))?;
    }
    news.heard
        .iter()
        .try_for_each(|heard| print_heard(console, heard, now))
}

fn row(piece: &NewsPiece, language: Language) -> Vec<String> {
    let name = piece.device_name.as_deref().map(clean);
    vec![
        texts::kind(piece.kind).pick(language).to_owned(),
        display(&piece.row, language).map(clean).unwrap_or_default(),
        piece
            .row
            .when
            .as_deref()
            .map_or(String::new(), |at| when(at, language)),
        piece.text.as_deref().map(clean).unwrap_or_default(),
        name.unwrap_or_default(),
    ]
}

fn print_heard(console: &mut Console, heard: &Heard, now: i64) -> CliResult {
    let language = console.language;
    let name = heard.name.as_deref().map(clean);
    let name = name.unwrap_or_else(|| finding::UNKNOWN_DEVICE.pick(language).to_owned());
    console.say(texts::HEARD, &[&name, &ago(now - heard.at, language)])
}

/// How long ago, in words. A clock that was put back makes it just now, never the future.
fn ago(millis: i64, language: Language) -> String {
    let minutes = millis.max(0).unsigned_abs() / 60_000;
    match minutes {
        0 => texts::JUST_NOW.pick(language).to_owned(),
        1..60 => texts::MINUTES.fill(language, minutes, &[]),
        60..1_440 => texts::HOURS.fill(language, minutes / 60, &[]),
        _ => texts::DAYS.fill(language, minutes / 1_440, &[]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::samples;
    use carnet::vault::NewsKind;

    #[test]
    fn how_long_ago_is_said_in_the_unit_people_use() {
        let minute = 60_000;
        for (millis, fr, en) in [
            (-5, "à l'instant", "just now"),
            (59_999, "à l'instant", "just now"),
            (minute, "il y a 1 minute", "1 minute ago"),
            (59 * minute, "il y a 59 minutes", "59 minutes ago"),
            (60 * minute, "il y a 1 heure", "1 hour ago"),
            (47 * 60 * minute, "il y a 1 jour", "1 day ago"),
            (3 * 1_440 * minute, "il y a 3 jours", "3 days ago"),
        ] {
            assert_eq!(ago(millis, Language::Fr), fr);
            assert_eq!(ago(millis, Language::En), en);
        }
    }

    #[test]
    fn each_person_stands_apart_and_silence_is_told() {
        let (mut console, printed) = console(Language::En);
        let person = |n, name: &str| Person {
            record: samples::record(n),
            name: name.to_owned(),
            birth_date: None,
        };
        let news = |n, pieces| News {
            record: samples::record(n),
            since: (n == 1).then_some(1_709_210_096_789),
            pieces,
            more: false,
            heard: vec![Heard {
                device: samples::device(n),
                name: Some("Dad's phone".to_owned()),
                at: 1_709_210_096_789,
            }],
        };
        let piece = NewsPiece {
            kind: NewsKind::Note,
            row: crate::json::tests::row(),
            device: samples::device(1),
            device_name: None,
            at: 0,
            text: Some("slept badly\u{1b}[2J".to_owned()),
        };
        let now = 1_709_210_096_789 + 3 * 86_400_000;
        print(&mut console, &person(1, "Dad"), &news(1, vec![piece]), now).unwrap();
        print(&mut console, &person(2, "Mum"), &news(2, vec![]), now).unwrap();
        let text = printed.text();
        let (dad, mum) = text.split_once("Mum, since the beginning").unwrap();
        assert!(dad.contains("Dad, since 2024-02-29") && dad.contains("slept badly"));
        assert!(dad.contains("Last heard from \"Dad's phone\": 3 days ago."));
        assert!(mum.contains("Nothing new.") && !mum.contains("slept"));
        assert!(!text.contains('\u{1b}'));
    }
}
