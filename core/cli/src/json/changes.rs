//! What is new of each person.

use super::row;
use crate::format::timestamp;
use crate::language::Language;
use carnet::vault::{News, NewsKind, NewsPiece, Person};
use serde_json::{Value, json};

/// What is new in a record. `since`: null when this device never looked.
pub fn news(person: &Person, news: &News, language: Language) -> Value {
    let heard = news.heard.iter().map(|heard| {
        json!({
            "device": heard.device.to_string(),
            "name": heard.name,
            "at": timestamp(heard.at),
        })
    });
    let pieces = news.pieces.iter().map(|one| piece(one, language));
    json!({
        "record": news.record.to_string(),
        "person": person.name,
        "since": news.since.map(timestamp),
        "news": pieces.collect::<Value>(),
        "more": news.more,
        "heard": heard.collect::<Value>(),
    })
}

fn piece(piece: &NewsPiece, language: Language) -> Value {
    let kind = match piece.kind {
        NewsKind::Item => "item",
        NewsKind::Version => "version",
        NewsKind::Note => "note",
        NewsKind::Correction => "correction",
    };
    json!({
        "kind": kind,
        "row": row(&piece.row, language),
        "device": piece.device.to_string(),
        "device_name": piece.device_name,
        "at": timestamp(piece.at),
        "text": piece.text,
    })
}
