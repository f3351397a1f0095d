//! A child who comes of age takes their record over: the founder's place, which a parent has offered, and with it the word on
//! what everybody else still gets.
//!
//! One transaction: the acceptance, then for every other member what the child grants them, or their removal, each with new
//! keys where they lose something. So there is no moment in which the child is the founder and a parent goes on reading what
//! the child has decided against, as far as this phone knows. The parents' own rank does not protect them: the acceptance makes
//! everybody junior to the child (rule 8 of the roster).
//!
//! Each of these stands in the access log, the takeover first.
//!
//! What parents have read cannot be taken back, and their phones keep it. The program says so.

use super::access;
use super::keyring::{GENERAL, Keyring};
use super::members;
use crate::error::{Error, Result};
use crate::roster::{Access, Act};
use carnet_wire::{AccountId, RecordId};
use rusqlite::Transaction;

const NOT_A_MEMBER: Error = Error::NotFound("a member with this name or id");

/// Takes a record over; whoever `keep` does not name loses it.
pub fn take_over(
    tx: &Transaction<'_>,
    keyring: &Keyring,
    now: i64,
    record: RecordId,
    keep: &[(AccountId, Access)],
) -> Result<Keyring> {
    let (_, known) = members::known(keyring, record)?;
    if keep
        .iter()
        .any(|(account, _)| known.member(*account).is_none())
    {
        return Err(NOT_A_MEMBER);
    }
    let others: Vec<(AccountId, Access)> = known
        .members
        .iter()
        .filter(|member| member.account != keyring.account)
        .map(|member| (member.account, member.access()))
        .collect();
    let mut after = members::accept_founding(tx, keyring, record)?;
    let mut acts = vec![Act::TookOver {
        account: keyring.account,
    }];
    for (account, has) in others {
        let gets = keep.iter().find(|(kept, _)| *kept == account);
        match gets.map(|(_, access)| access.clone()) {
            Some(access) if access == has => {}
            Some(access) => {
                after = members::change_access(tx, &after, record, account, &access)?;
                acts.push(Act::Granted { account, access });
            }
            None => {
                after = members::remove(tx, &after, record, account)?;
                acts.push(Act::Removed { account });
            }
        }
    }
    for act in acts {
        access::note(tx, &after, (record, GENERAL), now, act)?;
    }
    Ok(after)
}
