//! What a member may do, in which compartments and until when; and how far a device's chains are known.
//!
//! ```text
//! Access = [ role: 0 owner | 1 caregiver | 2 reader, compartments: null | [name: tstr], until: null | "YYYY-MM-DD" ]
//! Chain  = [ device: bstr32, incarnation: bstr8, compartment: bstr16, seq: u64 ]
//! ```
//! No compartments (null) means all of them, present and future. Nulls at the end are left out. Dates are only shown, and
//! acted on by an owner's device that removes whose day has come: the fold knows no clock.

use crate::error::{Error, Result};
use carnet_wire::{CompartmentId, DeviceId, Incarnation, WireError, limits};
use minicbor::{Decode, Encode};

/// Most compartments one access names.
pub const MAX_NAMED_COMPARTMENTS: usize = 64;
/// Most chains a removal names.
pub const MAX_CHAINS: usize = 1_000;

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Role {
    /// Everything: reads, writes, decides who else may.
    #[n(0)]
    Owner,
    /// Reads and writes.
    #[n(1)]
    Caregiver,
    /// Reads.
    #[n(2)]
    Reader,
}

impl Role {
    /// Whether changes of a record are accepted from it.
    pub fn writes(self) -> bool {
        self != Self::Reader
    }

    /// The role with fewer rights.
    pub fn least(self, other: Self) -> Self {
        // Declared from most rights to fewest.
        self.max(other)
    }
}

/// What a member is given.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Access {
    /// What they may do.
    #[n(0)]
    pub role: Role,
    /// Where, by name and sorted; none means everywhere.
    #[n(1)]
    pub compartments: Option<Vec<String>>,
    /// The last day, `YYYY-MM-DD`; none means no end.
    #[n(2)]
    pub until: Option<String>,
}

impl Access {
    /// A role in all compartments, without end.
    pub fn everywhere(role: Role) -> Self {
        Self {
            role,
            compartments: None,
            until: None,
        }
    }

    /// A role in some compartments, without end.
    pub fn within(role: Role, compartments: &[&str]) -> Self {
        let mut names: Vec<String> = compartments.iter().map(|name| (*name).to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        Self {
            role,
            compartments: Some(names),
            until: None,
        }
    }

    /// Whether it reaches a compartment.
    pub fn reaches(&self, compartment: &str) -> bool {
        self.compartments
            .as_ref()
            .is_none_or(|names| names.iter().any(|name| name == compartment))
    }

    /// Whether it reaches every compartment that `other` reaches.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match &other.compartments {
            None => self.compartments.is_none(),
            Some(names) => names.iter().all(|name| self.reaches(name)),
        }
    }

    /// What both allow.
    pub(super) fn intersect(&self, other: &Self) -> Self {
        let compartments = match (&self.compartments, &other.compartments) {
            (None, names) | (names, None) => names.clone(),
            (Some(names), Some(_)) => Some(
                names
                    .iter()
                    .filter(|name| other.reaches(name))
                    .cloned()
                    .collect(),
            ),
        };
        Self {
            role: self.role.least(other.role),
            compartments,
            until: self.until.clone(),
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some(names) = &self.compartments {
            check_sorted(names, MAX_NAMED_COMPARTMENTS)?;
            names.iter().try_for_each(|name| check_name(name))?;
        }
        if self.until.as_deref().is_some_and(|day| !is_day(day)) {
            return Err(Error::Invalid("an end date is written YYYY-MM-DD"));
        }
        Ok(())
    }
}

/// How far the chain of a device in a compartment was known to who removed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Chain {
    /// Whose chain.
    #[n(0)]
    pub device: DeviceId,
    /// Which life of the device.
    #[n(1)]
    pub incarnation: Incarnation,
    /// Where.
    #[n(2)]
    pub compartment: CompartmentId,
    /// The last number known.
    #[n(3)]
    pub seq: u64,
}

/// Sets are written sorted and without doubles: one encoding for one meaning.
pub(super) fn check_sorted<T: Ord>(items: &[T], most: usize) -> Result<()> {
    if items.len() > most {
        return Err(WireError::TooLarge.into());
    }
    if !items.is_sorted_by(|one, next| one < next) {
        return Err(WireError::NotCanonical.into());
    }
    Ok(())
}

/// One place for each chain: the same chain with two numbers would mean two things.
pub(super) fn check_chains(chains: &[Chain]) -> Result<()> {
    let places: Vec<_> = chains
        .iter()
        .map(|chain| (chain.device, chain.incarnation, chain.compartment))
        .collect();
    check_sorted(&places, MAX_CHAINS)
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::Invalid(
            "a compartment's name cannot be empty or hold control characters",
        ));
    }
    if name.len() > limits::MAX_NAME_BYTES {
        return Err(WireError::TooLarge.into());
    }
    Ok(())
}

/// Whether a text is a day of the calendar.
fn is_day(text: &str) -> bool {
    let digits = |part: Option<&str>, len: usize| {
        part.filter(|part| part.len() == len && part.bytes().all(|c| c.is_ascii_digit()))
            .and_then(|part| part.parse::<u32>().ok())
    };
    let mut parts = text.split('-');
    let (year, month) = (digits(parts.next(), 4), digits(parts.next(), 2));
    let (Some(year), Some(month), Some(day)) = (year, month, digits(parts.next(), 2)) else {
        return false;
    };
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    year > 0 && (1..=12).contains(&month) && (1..=longest).contains(&day) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_reaches_what_it_names_and_covers_what_it_reaches() {
        let (all, some) = (
            Access::everywhere(Role::Owner),
            Access::within(Role::Reader, &["series", "general"]),
        );
        assert!(all.reaches("private") && !some.reaches("private") && some.reaches("series"));
        assert!(all.covers(&some) && !some.covers(&all) && some.covers(&some));
        assert!(!some.covers(&Access::within(Role::Reader, &["general", "private"])));
    }

    #[test]
    fn what_two_allow_is_the_least_role_in_the_common_compartments() {
        let one = Access::within(Role::Owner, &["general", "private"]);
        let two = Access::within(Role::Caregiver, &["general", "series"]);
        let both = Access::within(Role::Caregiver, &["general"]);
        assert_eq!(one.intersect(&two), both);
        assert_eq!(Access::everywhere(Role::Caregiver).intersect(&one), {
            Access::within(Role::Caregiver, &["general", "private"])
        });
    }

    #[test]
    fn names_are_sorted_and_days_exist() {
        let mut access = Access::within(Role::Reader, &["general", "private"]);
        assert!(access.check().is_ok());
        for day in ["2024-02-29", "2000-02-29", "2026-12-31"] {
            access.until = Some(day.to_owned());
            assert!(access.check().is_ok(), "{day}");
        }
        let wrong = [
            "2023-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-04-31",
            "2026-1-1",
            "0000-01-01",
            "2026-01-01-",
            "",
            "é",
        ];
        for day in wrong {
            access.until = Some(day.to_owned());
            assert!(access.check().is_err(), "{day}");
        }
        access.until = None;
        for names in [
            vec!["b", "a"],
            vec!["a", "a"],
            vec![""],
            vec!["a\u{7}"],
            vec![&*"x".repeat(257)],
        ] {
            access.compartments = Some(names.into_iter().map(str::to_owned).collect());
            assert!(access.check().is_err());
        }
    }

    #[test]
    fn a_chain_stands_once() {
        let chain = |seq| Chain {
            device: DeviceId([1; 32]),
            incarnation: Incarnation([1; 8]),
            compartment: CompartmentId([1; 16]),
            seq,
        };
        assert!(check_chains(&[chain(1)]).is_ok());
        assert!(check_chains(&[chain(1), chain(2)]).is_err());
        assert!(check_chains(&vec![chain(1); MAX_CHAINS + 1]).is_err());
    }
}
