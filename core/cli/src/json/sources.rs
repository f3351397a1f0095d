//! Sources and pulls.

use crate::format::timestamp;
use carnet::vault::{KindOutcome, KindResult, PullReport, PullStop, Source, SourceKind, Standing};
use serde_json::{Value, json};

/// A source.
pub fn source(source: &Source) -> Value {
    json!({
        "name": source.name,
        "kind": kind(source.kind),
        "record": source.record.to_string(),
        "address": source.address,
        "state": standing(source.standing),
        "not_granted": source.not_granted,
        "pulled_at": source.pulled_at.map(timestamp),
        "resources": source.resources,
        "gone": source.gone,
        "kinds": source.kinds.iter().map(result).collect::<Vec<_>>(),
    })
}

/// What a pull did.
pub fn pull(report: &PullReport) -> Value {
    let rejected: Vec<Value> = report
        .rejected
        .iter()
        .map(|item| json!({ "location": item.location, "reason": item.reason }))
        .collect();
    let retry_after = match report.stopped {
        Some(PullStop::Busy(seconds)) => Some(seconds),
        _ => None,
    };
    json!({
        "source": report.source,
        "new": report.new,
        "unchanged": report.unchanged,
        "updated": report.updated,
        "files": report.files,
        "gone": report.gone,
        "rejected": rejected,
        "kinds": report.kinds.iter().map(result).collect::<Vec<_>>(),
        "requests": report.requests,
        "bytes_received": report.bytes_received,
        "stopped": report.stopped.map(stop),
        "retry_after": retry_after,
    })
}

fn result(result: &KindResult) -> Value {
    json!({
        "kind": result.kind,
        "outcome": outcome(result.outcome),
        "reason": result.reason,
        "said": result.said,
        "received": result.received,
    })
}

fn kind(kind: SourceKind) -> &'static str {
    match kind {
        SourceKind::Smart => "smart",
        SourceKind::Withings => "withings",
        SourceKind::Nightscout => "nightscout",
    }
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Connected => "connected",
        Standing::Waiting => "waiting",
        Standing::Reconnect => "reconnect",
    }
}

fn outcome(outcome: KindOutcome) -> &'static str {
    match outcome {
        KindOutcome::Complete => "complete",
        KindOutcome::Partial => "partial",
        KindOutcome::Denied => "denied",
        KindOutcome::Unsupported => "unsupported",
    }
}

fn stop(stop: PullStop) -> &'static str {
    match stop {
        PullStop::Deadline => "deadline",
        PullStop::Busy(_) => "busy",
        PullStop::Offline => "offline",
        PullStop::Reconnect => "reconnect",
    }
}
