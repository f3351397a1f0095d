//! Emergency cards in use: what the person chose, kept fresh at a relay under a key of its own (`seal/emergency.rs`), readable
//! by whoever holds the card's code, without a vault.
//!
//! A card belongs to the phone that made it: choice and key lie there, sealed like a private key, and that phone renews the
//! card at the end of a sync when what was chosen has changed. By itself only the compartment `general` is looked at: a
//! secret never gets on a card because it is an allergy; the person names it.
//!
//! **Revoking** deletes the mailbox at the relay; until the relay has done so the card stays on the list as *being revoked*
//! and is tried again at each sync. Making another card for the same person revokes the one before. What was read cannot be
//! taken back, nor a copy of the file. When a card is renewed the relay is asked to let go of what it said before.

use super::access;
use super::keyring::{self, GENERAL, Keyring};
use super::open::Unlocked;
use super::persons;
use super::rendezvous::{Rendezvous, unknown_is};
use super::{CardChoice, CardState, EmergencyPage, Filter};
use crate::error::{Error, Result};
use crate::host::Transport;
use crate::record::emergency::{Card, LineKind, MAX_LINES};
use crate::record::ids::ResourceId;
use crate::record::view::ListRow;
use crate::roster::ROSTER;
use crate::seal::{self, CardReader, EmergencyCard};
use crate::store::{log, views};
use carnet_wire::relay::code;
use carnet_wire::{Canonical, EnvelopeId, RecordId};
use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};
use rusqlite::{Connection, Transaction};
use zeroize::{Zeroize, Zeroizing};

const VERSION: u8 = 1;
/// Whom the access log names when a card is made.
pub const WHO_HAS_A_CARD: &str = "whoever has the code of the emergency card";
/// Where cards are kept.
const SLOT: &str = "emergency ";
/// Most cards of a vault, those being revoked included.
const MAX_CARDS: usize = 50;

const NOT_AN_OWNER: Error =
    Error::Unauthorised("only an owner of this record may make an emergency card of it");
const NO_CARD: Error = Error::NotFound("an emergency card of this person");
const REVOKED: Error = Error::NotFound(
    "this emergency card at its relay: it was revoked, or never written; ask for the new one",
);
const NOTHING_CHOSEN: Error = Error::Invalid(
    "nothing was chosen for the emergency card: choose allergies, treatments, problems, items or contacts",
);

/// A card as it is kept: `[ version, record, card, [kind], [item], [left out], [contact], issue, fingerprint, revoked ]`.
#[derive(Encode, Decode)]
struct Kept {
    #[n(0)]
    version: u8,
    #[n(1)]
    record: RecordId,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    card: Vec<u8>,
    #[n(3)]
    kinds: Vec<LineKind>,
    #[n(4)]
    items: Vec<ByteArray<16>>,
    #[n(5)]
    left_out: Vec<ByteArray<16>>,
    #[n(6)]
    contacts: Vec<String>,
    /// 0 before the relay has the first.
    #[n(7)]
    issue: u64,
    #[n(8)]
    #[cbor(with = "minicbor::bytes")]
    fingerprint: [u8; 32],
    #[n(9)]
    revoked: bool,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.card.zeroize();
    }
}

impl Kept {
    fn card(&self) -> Result<EmergencyCard> {
        EmergencyCard::from_bytes(&self.card)
    }

    fn slot(&self) -> Result<String> {
        Ok(format!("{SLOT}{}", self.card()?.mailbox()?.mailbox))
    }
}

/// Makes a card of a person; the one before is revoked. The next sync with its relay writes it.
pub fn make_card(
    tx: &Transaction<'_>,
    open: &Unlocked,
    record: RecordId,
    choice: &CardChoice,
    relay: &str,
) -> Result<()> {
    let keyring = open.keyring_in(tx)?;
    if !keyring.owns(record, GENERAL) {
        return Err(NOT_AN_OWNER);
    }
    let nothing = choice.kinds.is_empty() && choice.items.is_empty() && choice.contacts.is_empty();
    if nothing {
        return Err(NOTHING_CHOSEN);
    }
    let before = all(tx, open)?;
    if before.len() >= MAX_CARDS {
        return Err(Error::TooLarge(
            "emergency cards: sync, so that revoked ones go",
        ));
    }
    for mut old in before.into_iter().filter(|old| old.record == record) {
        old.revoked = true;
        keep(tx, open, &old)?;
    }
    let kept = Kept {
        version: VERSION,
        record,
        card: EmergencyCard::make(relay)?.to_bytes().to_vec(),
        kinds: choice.kinds.clone(),
        items: choice.items.iter().map(|id| id.0.into()).collect(),
        left_out: choice.left_out.iter().map(|id| id.0.into()).collect(),
        contacts: choice.contacts.clone(),
        issue: 0,
        fingerprint: [0; 32],
        revoked: false,
    };
    // Refused now rather than at the next sync.
    let now = open.clock.now();
    compose(tx, &kept, now)?;
    keep(tx, open, &kept)?;
    let from = taken_from(tx, &keyring, record, &choice.items)?;
    access::handed_over(tx, &keyring, record, (WHO_HAS_A_CARD, &from), now)
}

/// The compartments a card says something of: `general`, and where the items lie that were named.
fn taken_from(
    conn: &Connection,
    keyring: &Keyring,
    record: RecordId,
    items: &[ResourceId],
) -> Result<Vec<String>> {
    let mut from = Vec::new();
    for (log, name) in keyring.logs_of(record) {
        let mut lies = name == GENERAL;
        for item in items {
            lies |= name != ROSTER && views::lies_in(conn, *item, log)?;
        }
        from.extend(lies.then(|| name.to_owned()));
    }
    Ok(from)
}

fn keep(tx: &Connection, open: &Unlocked, kept: &Kept) -> Result<()> {
    let slot = kept.slot()?;
    let bytes = Zeroizing::new(kept.to_canonical());
    log::set_secret(
        tx,
        &slot,
        &seal::seal_secret(&open.database_key, &slot, &bytes)?,
    )
}

fn all(conn: &Connection, open: &Unlocked) -> Result<Vec<Kept>> {
    let sealed = log::secrets_of(conn, SLOT)?.into_iter();
    sealed
        .map(|(slot, sealed)| {
            let bytes = seal::open_secret(&open.database_key, &slot, &sealed)?;
            Ok(Kept::from_canonical(&bytes)?)
        })
        .collect()
}

/// What a card says now.
fn compose(conn: &Connection, kept: &Kept, now: i64) -> Result<Card> {
    let person = persons::persons(conn)?
        .into_iter()
        .find(|person| person.record == kept.record)
        .ok_or(NO_CARD)?;
    let general = keyring::log_number(conn, kept.record, GENERAL)?;
    let mut rows = Vec::new();
    for kind in kept.kinds.iter().flat_map(|kind| kind.fhir()) {
        let filter = Filter {
            record: Some(kept.record),
            kind: Some((*kind).to_owned()),
            ..Filter::default()
        };
        for row in views::list(conn, &filter)? {
            if is_current(&row) && views::lies_in(conn, row.id, general)? {
                rows.push(row);
            }
        }
    }
    for item in &kept.items {
        rows.push(crate::store::detail::detail(conn, ResourceId(**item))?.row);
    }
    rows.retain(|row| row.record == kept.record && !kept.left_out.contains(&row.id.0.into()));
    // The limit is told to the person when they choose. Of what grew over it since, the last kinds are left out: never allergies
    // before anything else.
    rows.sort_by_key(|row| LineKind::of(&row.kind));
    if kept.issue > 0 {
        rows.truncate(MAX_LINES);
    }
    let birth_date = person.birth_date.as_deref();
    Card::new(&person.name, birth_date, &rows, &kept.contacts, now)
}

/// Whether something still holds: what was ended, refuted or written by mistake is not read in an emergency.
fn is_current(row: &ListRow) -> bool {
    let over = [
        "inactive",
        "resolved",
        "remission",
        "stopped",
        "completed",
        "cancelled",
        "entered-in-error",
        "refuted",
        "ended",
        "not-taken",
    ];
    !row.status
        .as_deref()
        .is_some_and(|status| over.contains(&status))
}

/// The cards of this phone.
pub fn cards(conn: &Connection, open: &Unlocked) -> Result<Vec<EmergencyPage>> {
    let now = open.clock.now();
    let all = all(conn, open)?.into_iter();
    all.map(|kept| {
        let card = compose(conn, &kept, now)?;
        let state = match (kept.revoked, kept.issue) {
            (true, _) => CardState::Revoking,
            (false, 0) => CardState::Pending,
            (false, _) if card.fingerprint() != kept.fingerprint => CardState::Outdated,
            (false, _) => CardState::Current,
        };
        Ok(EmergencyPage {
            record: kept.record,
            state,
            code: kept.card()?.code()?,
            card,
        })
    })
    .collect()
}

/// A card as a file: what the relay has, for whoever has the code and no network.
pub fn card_file(conn: &Connection, open: &Unlocked, record: RecordId) -> Result<Vec<u8>> {
    let kept = live(conn, open, record)?;
    let card = compose(conn, &kept, open.clock.now())?;
    kept.card()?.seal(kept.issue.max(1), &card.to_canonical())
}

fn live(conn: &Connection, open: &Unlocked, record: RecordId) -> Result<Kept> {
    let mut all = all(conn, open)?.into_iter();
    all.find(|kept| kept.record == record && !kept.revoked)
        .ok_or(NO_CARD)
}

/// Begins to revoke the card of a person; the next sync with its relay ends it.
pub fn revoke_card(tx: &Transaction<'_>, open: &Unlocked, record: RecordId) -> Result<()> {
    let mut kept = live(tx, open, record)?;
    kept.revoked = true;
    keep(tx, open, &kept)
}

/// Writes what changed and deletes what was revoked, at one relay.
pub fn renew_cards(open: &Unlocked, transport: &dyn Transport, url: &str) -> Result<()> {
    for kept in open.store.read(|conn| all(conn, open))? {
        let card = kept.card()?;
        if card.relay.trim_end_matches('/') != url {
            continue;
        }
        match kept.revoked {
            true => delete(open, transport, url, &kept)?,
            false => renew(open, transport, url, kept, &card)?,
        }
    }
    Ok(())
}

fn renew(
    open: &Unlocked,
    transport: &dyn Transport,
    url: &str,
    mut kept: Kept,
    card: &EmergencyCard,
) -> Result<()> {
    let now = open.clock.now();
    let page = open.store.read(|conn| compose(conn, &kept, now))?;
    if page.fingerprint() == kept.fingerprint {
        return Ok(());
    }
    kept.issue += 1;
    kept.fingerprint = page.fingerprint();
    let envelope = card.seal(kept.issue, &page.to_canonical())?;
    let mut rendezvous = Rendezvous::new(transport, url, card.mailbox()?);
    let newest = EnvelopeId::derive(&envelope);
    rendezvous.exchange(Some(envelope), Some(0))?;
    rendezvous.exchange(None, None)?;
    let all = rendezvous.envelopes().map(EnvelopeId::derive);
    let before: Vec<EnvelopeId> = all.filter(|id| *id != newest).collect();
    rendezvous.retire(before)?;
    open.write(|tx| keep(tx, open, &kept))
}

fn delete(open: &Unlocked, transport: &dyn Transport, url: &str, kept: &Kept) -> Result<()> {
    let mut rendezvous = Rendezvous::new(transport, url, kept.card()?.mailbox()?);
    let gone = match rendezvous.exchange(None, None) {
        Ok(()) => rendezvous.delete(),
        Err(error) => Err(error),
    };
    match gone {
        Ok(())
        | Err(Error::Relay {
            code: code::NOT_FOUND | code::FORBIDDEN,
            ..
        }) => {
            let slot = kept.slot()?;
            open.write(|tx| log::remove_secret(tx, &slot))
        }
        Err(error) => Err(error),
    }
}

/// Reads a card as somebody who holds its code: from a file, else from its relay.
pub fn read_card(transport: &dyn Transport, text: &str, file: Option<&[u8]>) -> Result<Card> {
    let reader = CardReader::from_code(text)?;
    let content = match file {
        Some(envelope) => reader.read([envelope]),
        None => {
            let relay = reader.relay().trim_end_matches('/');
            let mut rendezvous = Rendezvous::new(transport, relay, reader.mailbox().clone());
            rendezvous
                .exchange(None, None)
                .map_err(unknown_is(REVOKED))?;
            reader.read(rendezvous.envelopes())
        }
    };
    let (_, content) = content.ok_or(match file {
        Some(_) => Error::Invalid("this file is not of this emergency card"),
        None => REVOKED,
    })?;
    Card::read(&content)
}
