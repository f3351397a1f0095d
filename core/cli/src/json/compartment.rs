//! Compartments.

use carnet::vault::{Compartment, Member};
use serde_json::{Value, json};

/// A compartment, and the members who may read it.
pub fn compartment(compartment: &Compartment, members: &[Member]) -> Value {
    let readers = members
        .iter()
        .filter(|member| member.access.reaches(&compartment.name));
    json!({
        "name": compartment.name,
        "items": compartment.items,
        "writable": compartment.writable,
        "readers": readers.map(|member| json!(member.account.to_string())).collect::<Value>(),
    })
}
