//! Lost devices, recovery kits, guardians, emergency cards.

use carnet::vault::{Card, CardState, EmergencyPage, GuardianSet, Kit, LineKind, LostDevice, Ward};
use serde_json::{Value, json};

/// A device that was removed. `state` is `pending` until a relay and another device know, then `removed`.
pub fn lost(lost: &LostDevice) -> Value {
    let known_by: Vec<String> = lost.known_by.iter().map(ToString::to_string).collect();
    json!({
        "id": lost.id.to_string(),
        "name": lost.name,
        "kit": lost.kit,
        "state": if lost.is_done() { "removed" } else { "pending" },
        "sent": lost.sent,
        "known_by": known_by,
    })
}

/// A recovery kit, without its words.
pub fn kit(kit: &Kit) -> Value {
    json!({
        "id": kit.id.to_string(),
        "name": kit.name,
        "ready": kit.ready,
    })
}

/// Guardians who act together.
pub fn guardians(set: &GuardianSet) -> Value {
    json!({
        "kit": set.kit.to_string(),
        "needed": set.needed,
        "guardians": set.guardians.iter().map(ward).collect::<Vec<_>>(),
    })
}

/// Somebody who guards or is guarded.
pub fn ward(ward: &Ward) -> Value {
    json!({ "account": ward.account.to_string(), "name": ward.name })
}

/// What an emergency card says, in both languages.
pub fn card(card: &Card) -> Value {
    let line = |line: &carnet::vault::Line| json!({ "kind": kind(line.kind), "fr": line.fr, "en": line.en, "detail": line.detail });
    json!({
        "name": card.name,
        "birth_date": card.birth_date,
        "written_at": crate::format::timestamp(card.written_at),
        "lines": card.lines.iter().map(line).collect::<Vec<_>>(),
        "contacts": card.contacts,
    })
}

/// An emergency card of this phone, with its code.
pub fn page(page: &EmergencyPage) -> Value {
    json!({
        "record": page.record.to_string(),
        "state": state(page.state),
        "code": page.code.as_str(),
        "card": card(&page.card),
    })
}

fn state(state: CardState) -> &'static str {
    match state {
        CardState::Pending => "pending",
        CardState::Current => "current",
        CardState::Outdated => "outdated",
        CardState::Revoking => "revoking",
    }
}

fn kind(kind: LineKind) -> &'static str {
    match kind {
        LineKind::Allergy => "allergy",
        LineKind::Problem => "problem",
        LineKind::Treatment => "treatment",
        LineKind::Other => "other",
    }
}
