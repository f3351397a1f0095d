//! Members, invitations, removals.

use crate::format::timestamp;
use carnet::vault::{
    Access, Beyond, Founding, Invitation, InvitationStage, Member, MemberRole, Person, Removal,
};
use serde_json::{Value, json};

/// Everything about who shares a record.
pub struct People {
    /// Whose record.
    pub person: Person,
    /// The members, the founder first.
    pub members: Vec<Member>,
    /// Removals, and how far they are known.
    pub removals: Vec<Removal>,
    /// What waits for an owner.
    pub waiting: Vec<Beyond>,
    /// Offers of the founder's place.
    pub founding: Founding,
}

/// A role's stable word.
pub fn role(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Owner => "owner",
        MemberRole::Caregiver => "caregiver",
        MemberRole::Reader => "reader",
    }
}

/// What somebody may do. `compartments` is null where it is all of them.
pub fn access(access: &Access) -> Value {
    json!({
        "role": role(access.role),
        "compartments": access.compartments,
        "until": access.until,
    })
}

/// A member.
pub fn member(member: &Member) -> Value {
    let devices = member.devices.iter();
    let devices: Value = devices
        .map(|device| json!({ "id": device.id.to_string(), "name": device.name }))
        .collect();
    json!({
        "account": member.account.to_string(),
        "name": member.name,
        "access": access(&member.access),
        "rank": member.rank,
        "verified": member.verified,
        "this": member.this,
        "devices": devices,
    })
}

/// An invitation. `stage`: `waiting`, `answered`, `joined`, `failed` with a `reason`.
pub fn invitation(invitation: &Invitation) -> Value {
    let (stage, reason) = match invitation.stage {
        InvitationStage::Waiting => ("waiting", None),
        InvitationStage::Answered => ("answered", None),
        InvitationStage::Joined => ("joined", None),
        InvitationStage::Failed(reason) => ("failed", Some(reason)),
    };
    let words = invitation.words.as_ref();
    json!({
        "id": id(invitation),
        "side": if invitation.host { "host" } else { "guest" },
        "record": invitation.record.map(|record| record.to_string()),
        "account": invitation.account.map(|account| account.to_string()),
        "name": invitation.name,
        "access": invitation.access.as_ref().map(access),
        "stage": stage,
        "reason": reason,
        "words": words.map(|words| json!({ "fr": words.french, "en": words.english })),
        "expires": timestamp(invitation.expires),
    })
}

/// An invitation's name in hexadecimal digits.
pub fn id(invitation: &Invitation) -> String {
    let digits = invitation.id.iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

/// Who shares a record.
pub fn people(people: &People) -> Value {
    let removals = people.removals.iter().map(removal);
    let waiting = people.waiting.iter().map(waiting);
    let offered = people.founding.offered_to.iter();
    json!({
        "record": people.person.record.to_string(),
        "person": people.person.name,
        "members": people.members.iter().map(member).collect::<Value>(),
        "removals": removals.collect::<Value>(),
        "waiting": waiting.collect::<Value>(),
        "offered_to": offered.map(|account| json!(account.to_string())).collect::<Value>(),
        "contested": people.founding.contested,
    })
}

fn removal(removal: &Removal) -> Value {
    let known_by = removal.known_by.iter();
    json!({
        "account": removal.account.to_string(),
        "name": removal.name,
        "sent": removal.sent,
        "known_by": known_by.map(|device| json!(device.to_string())).collect::<Value>(),
        "done": removal.is_done(),
    })
}

fn waiting(beyond: &Beyond) -> Value {
    json!({
        "device": beyond.device.to_string(),
        "device_name": beyond.device_name,
        "compartment": beyond.compartment,
        "changes": beyond.changes.len(),
    })
}
