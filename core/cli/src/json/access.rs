//! The access log.

use super::member;
use crate::format::timestamp;
use carnet::vault::{AccessAct, AccessEntry, AccessLog, AccessProblem};
use serde_json::{Value, json};

/// What happened, and what was done to the log. `loading`: a part has not arrived and was not checked.
pub fn log(log: &AccessLog) -> Value {
    json!({
        "entries": log.entries.iter().map(entry).collect::<Value>(),
        "problems": log.problems.iter().map(problem).collect::<Value>(),
        "loading": log.loading,
    })
}

fn entry(entry: &AccessEntry) -> Value {
    let mut shown = act(&entry.act);
    if let Some(shown) = shown.as_object_mut() {
        shown.insert("compartment".into(), json!(entry.compartment));
        shown.insert("at".into(), json!(timestamp(entry.at)));
        shown.insert("device".into(), json!(entry.device.to_string()));
        shown.insert("device_name".into(), json!(entry.device_name));
        shown.insert("whom".into(), json!(entry.whom));
    }
    shown
}

fn act(act: &AccessAct) -> Value {
    let of =
        |word: &str, account: &dyn ToString| json!({ "act": word, "account": account.to_string() });
    match act {
        AccessAct::Joined { account } => of("joined", account),
        AccessAct::Removed { account } => of("removed", account),
        AccessAct::TookOver { account } => of("took-over", account),
        AccessAct::Granted { account, access } => json!({
            "act": "granted", "account": account.to_string(), "access": member::access(access),
        }),
        AccessAct::DeviceAdded { device, account } => json!({
            "act": "device-added", "account": account.to_string(), "which": device.to_string(),
        }),
        AccessAct::DeviceRemoved { device, account } => json!({
            "act": "device-removed", "account": account.to_string(), "which": device.to_string(),
        }),
        AccessAct::Imported { items, from } => {
            json!({ "act": "imported", "items": items, "from": from })
        }
        AccessAct::Exported { form } => json!({ "act": "exported", "form": form }),
        AccessAct::HandedOver { to, compartments } => {
            json!({ "act": "handed-over", "to": to, "compartments": compartments })
        }
    }
}

fn problem(problem: &AccessProblem) -> Value {
    json!({
        "compartment": problem.compartment,
        "device": problem.device.to_string(),
        "device_name": problem.device_name,
        "number": problem.number,
        "what": problem.what,
    })
}
