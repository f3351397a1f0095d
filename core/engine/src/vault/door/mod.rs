//! What an app can ask of a [`Vault`](super::Vault), by subject; opening and locking stand beside the type itself.
//!
//! Each call here takes the open vault, asks one room, and maps its error: no rule of its own.

mod documents;
mod exchange;
mod people;
mod record;
mod safety;
mod sources;
mod upkeep;

pub(in crate::vault) use exchange::read_relay;
