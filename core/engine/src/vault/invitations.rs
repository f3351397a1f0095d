//! Inviting somebody to a record. The cryptography is in `seal::invitation`; here is who says what when, over days: each sync of
//! either side takes a step, and each step may be repeated.
//!
//! ```text
//! owner                                  relay                                   guest
//! Invite in the roster, makes the link ─ ─ ─ ─ ─ ─ sent by any messenger ─ ─ ─ ─ ►
//!                                        ◄── commit
//! ── offer: record, name, what they get ──►
//!                                        ◄── answer: account, name, signed acceptance
//! both now see the same four words: read aloud, they show that nobody stands between
//! reads the guest's devices log: is the key theirs?
//! Admit, and the keys wrapped to them
//! ── grant: the roster's keys ───────────►
//!                                            KnowRecord; the record comes with the next pull
//! Verify, once the words were compared
//! ```
//! The owner admits only who the guest's own `devices` log vouches for, before the link has expired, and once. The member is
//! shown as unverified until an owner says that the words were the same. Nothing is written to the record for a guest who
//! never comes: the invitation expires by itself.
//!
//! The grant is `[ EpochGrant … ]`: the roster's key in use and, for reading, every one before it. The operation that mints a key lies
//! under the one before, which a newcomer could not open: without the earlier keys the roster of a record from which anybody was
//! ever removed would begin in its middle for them, and nothing of it would count.
//!
//! What is kept between steps holds the link's secret: it is sealed like a private key, and forgotten when the invitation ends.

use super::access;
use super::duties;
use super::introductions;
use super::keyring::{self, GENERAL, Keyring};
use super::members;
use super::open::Unlocked;
use super::rendezvous::Rendezvous;
use super::rotation;
use super::write;
use super::{Access, Invitation, InvitationStage, InvitationWords};
use crate::error::{Error, Result};
use crate::host::Transport;
use crate::roster::{Acceptance, Act, DEVICES, KEYRING, MAX_OPERATIONS, Operation, ROSTER};
use crate::seal::invitation::{Guest, Host, INVITATION_LIFETIME_SECONDS, ShortAuthentication};
use crate::seal::{self, DeviceKind, Epoch, EpochGrant, InvitationKey, WordLanguage};
use crate::store::log;
use carnet_wire::{AccountId, Canonical, CompartmentId, DeviceId, RecordId};
use minicbor::{Decode, Encode};
use rusqlite::{Connection, Transaction};

const VERSION: u8 = 1;
/// Where the state of invitations is kept.
const SLOT: &str = "invitation ";
/// Most invitations a vault has under way.
const MAX_INVITATIONS: usize = 100;

/// Most keys of a roster a newcomer is given: with one a quarter, those of more than two centuries.
const MAX_ROSTER_KEYS: usize = 1_000;

const NO_KIT: Error = Error::Invalid(
    "make a recovery kit first: without it a lost phone would take a shared record with it",
);
const EXPIRED: &str = "this invitation has expired: make a new one";
const NOT_THEIRS: Error =
    Error::Pairing("the answer is not signed by who it names: make a new invitation");

/// What the owner says of themselves: `[ version, record, account, name, Access ]`.
#[derive(Encode, Decode)]
struct HostSays {
    #[n(0)]
    version: u8,
    #[n(1)]
    record: RecordId,
    #[n(2)]
    account: AccountId,
    #[n(3)]
    name: String,
    #[n(4)]
    access: Access,
}

/// What the guest says of themselves: `[ version, account, device, name ]`.
#[derive(Encode, Decode)]
struct GuestSays {
    #[n(0)]
    version: u8,
    #[n(1)]
    account: AccountId,
    #[n(2)]
    device: DeviceId,
    #[n(3)]
    name: String,
}

/// Either side's state, kept as `[ version, expires, failed, side, seal::invitation's own bytes, other's words about themselves ]`.
#[derive(Encode, Decode)]
struct Kept {
    #[n(0)]
    version: u8,
    /// Milliseconds.
    #[n(1)]
    expires: i64,
    #[n(2)]
    joined: bool,
    #[n(3)]
    host: bool,
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    state: Vec<u8>,
    /// What the other side said, once it did.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    other: Option<Vec<u8>>,
    /// The host's own words, which name the record.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    own: Vec<u8>,
    /// Why it came to nothing.
    #[n(7)]
    failed: Option<u8>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.state);
    }
}

/// Why an invitation came to nothing.
const FAILURES: [&str; 3] = [
    EXPIRED,
    "this invitation was used by somebody else: make a new one, and tell the other person",
    "the answer is not from who it names: make a new invitation",
];

fn slot(id: &[u8; 32]) -> String {
    format!("{SLOT}{}", carnet_wire::MailboxId(*id))
}

/// Makes an invitation and returns the link's text. The next syncs do the rest.
pub fn invite(
    tx: &Transaction<'_>,
    open: &Unlocked,
    record: RecordId,
    (access, name, relay): (&Access, &str, &str),
) -> Result<zeroize::Zeroizing<String>> {
    super::persons::check_name(name)?;
    duties::check_until(access, open.clock.now())?;
    let keyring = open.keyring_in(tx)?;
    check_kit(&keyring)?;
    if log::secrets_of(tx, SLOT)?.len() >= MAX_INVITATIONS {
        return Err(Error::TooLarge(
            "too many invitations are under way: wait for some to end",
        ));
    }
    let says = HostSays {
        version: VERSION,
        record,
        account: keyring.account,
        name: name.to_owned(),
        access: access.clone(),
    };
    let own = says.to_canonical();
    let host = Host::make(relay, &own)?;
    let key = InvitationKey::derive(&host.code().secret)?;
    let expires = open.clock.now() + i64::from(INVITATION_LIFETIME_SECONDS) * 1_000;
    let invite = Operation::Invite {
        key: key.public(),
        access: access.clone(),
        expires: (expires / 1_000).unsigned_abs(),
    };
    members::say(tx, &keyring, record, &[invite])?;
    let keyring = keyring.refold(tx)?;
    introductions::introduce(tx, &keyring, record, Some(name))?;
    let text = host.code().to_text()?;
    let kept = Kept {
        version: VERSION,
        expires,
        joined: false,
        host: true,
        state: host.to_bytes().to_vec(),
        other: None,
        own,
        failed: None,
    };
    keep(tx, open, &key.public(), &kept)?;
    Ok(text)
}

/// Whoever shares a record must be able to come back to it without any of their phones.
fn check_kit(keyring: &Keyring) -> Result<()> {
    let devices = keyring.own_account().into_iter();
    let mut devices = devices.flat_map(|account| account.devices.values());
    match devices.any(|device| device.card.kind == DeviceKind::Recovery) {
        true => Ok(()),
        false => Err(NO_KIT),
    }
}

/// Takes an invitation somebody sent. The account's log must be at the link's relay already. The next syncs do the rest.
pub fn accept(tx: &Transaction<'_>, open: &Unlocked, code: &str, name: &str) -> Result<[u8; 32]> {
    super::persons::check_name(name)?;
    let keyring = open.keyring_in(tx)?;
    let says = GuestSays {
        version: VERSION,
        account: keyring.account,
        device: keyring.author.device,
        name: name.to_owned(),
    };
    let own = says.to_canonical();
    let guest = Guest::make(code, &own)?;
    let id = InvitationKey::derive(&guest.code().secret)?.public();
    if log::secret(tx, &slot(&id))?.is_some() {
        return Err(Error::Invalid(
            "this invitation is under way already: sync to go on",
        ));
    }
    let kept = Kept {
        version: VERSION,
        expires: open.clock.now() + i64::from(INVITATION_LIFETIME_SECONDS) * 1_000,
        joined: false,
        host: false,
        state: guest.to_bytes().to_vec(),
        other: None,
        own,
        failed: None,
    };
    keep(tx, open, &id, &kept)?;
    Ok(id)
}

fn keep(tx: &Connection, open: &Unlocked, id: &[u8; 32], kept: &Kept) -> Result<()> {
    let slot = slot(id);
    let bytes = zeroize::Zeroizing::new(kept.to_canonical());
    let sealed = seal::seal_secret(&open.database_key, &slot, &bytes)?;
    log::set_secret(tx, &slot, &sealed)
}

fn all(conn: &Connection, open: &Unlocked) -> Result<Vec<([u8; 32], Kept)>> {
    let mut all = Vec::new();
    for (slot, sealed) in log::secrets_of(conn, SLOT)? {
        let bytes = seal::open_secret(&open.database_key, &slot, &sealed)?;
        let kept = Kept::from_canonical(&bytes)?;
        let id = match kept.host {
            true => InvitationKey::derive(&Host::from_bytes(&kept.state)?.code().secret)?,
            false => InvitationKey::derive(&Guest::from_bytes(&kept.state)?.code().secret)?,
        };
        all.push((id.public(), kept));
    }
    Ok(all)
}

/// Every invitation of this vault, those that ended included until they are dismissed.
pub fn invitations(conn: &Connection, open: &Unlocked) -> Result<Vec<Invitation>> {
    let now = open.clock.now();
    let all = all(conn, open)?.into_iter();
    all.map(|(id, kept)| describe(id, &kept, now)).collect()
}

fn describe(id: [u8; 32], kept: &Kept, now: i64) -> Result<Invitation> {
    let host = match kept.host {
        true => Some(HostSays::from_canonical(&kept.own)?),
        false => kept
            .other
            .as_deref()
            .map(HostSays::from_canonical)
            .transpose()?,
    };
    let other = match (kept.host, &kept.other) {
        (_, None) => None,
        (true, Some(other)) => {
            let guest = GuestSays::from_canonical(other)?;
            Some((guest.account, guest.name))
        }
        (false, Some(_)) => host.as_ref().map(|host| (host.account, host.name.clone())),
    };
    let (account, name) = other.unzip();
    let words = match (&kept.other, kept.host) {
        (None, _) => None,
        (Some(_), true) => Some(Host::from_bytes(&kept.state)?.authentication()?),
        (Some(_), false) => Some(Guest::from_bytes(&kept.state)?.authentication()?),
    };
    let failure = kept.failed.and_then(|why| FAILURES.get(usize::from(why)));
    let stage = match (failure, kept.joined, &kept.other) {
        (Some(why), ..) => InvitationStage::Failed(why),
        (None, true, _) => InvitationStage::Joined,
        (None, false, _) if now > kept.expires => InvitationStage::Failed(EXPIRED),
        (None, false, Some(_)) => InvitationStage::Answered,
        (None, false, None) => InvitationStage::Waiting,
    };
    Ok(Invitation {
        id,
        host: kept.host,
        record: host.as_ref().map(|host| host.record),
        account,
        name,
        access: host.map(|host| host.access),
        stage,
        words: words.as_ref().map(in_words).transpose()?,
        expires: kept.expires,
    })
}

fn in_words(words: &ShortAuthentication) -> Result<InvitationWords> {
    Ok(InvitationWords {
        french: words.words(WordLanguage::French)?,
        english: words.words(WordLanguage::English)?,
    })
}

/// Forgets an invitation: one that ended, or one that nobody shall use any more. Nobody is removed by that.
pub fn dismiss(tx: &Connection, id: &[u8; 32]) -> Result<()> {
    match log::secret(tx, &slot(id))? {
        Some(_) => log::remove_secret(tx, &slot(id)),
        None => Err(Error::NotFound("an invitation with this name")),
    }
}

/// Takes every step that can be taken with a relay. Returns whether something was written that is to be exchanged now.
pub fn advance(open: &Unlocked, transport: &dyn Transport, url: &str) -> Result<bool> {
    let now = open.clock.now();
    let mut wrote = false;
    for (id, kept) in open.store.read(|conn| all(conn, open))? {
        if kept.joined && !kept.host {
            wrote |= greet(open, &kept)?;
        }
        if kept.joined || kept.failed.is_some() || now > kept.expires {
            continue;
        }
        let step = Step {
            open,
            transport,
            url,
            id,
        };
        let outcome = match kept.host {
            true => step.host(kept),
            false => step.guest(kept),
        };
        match outcome {
            Ok(news) => wrote |= news,
            Err(Error::Pairing(_) | Error::Unauthorised(_) | Error::Wire(_)) => step.fail()?,
            // A relay that forgot the mailbox has forgotten it for both sides: it expires.
            Err(Error::Relay { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(wrote)
}

/// Says how the guest is called, once the record is here.
fn greet(open: &Unlocked, kept: &Kept) -> Result<bool> {
    let (Some(host), keyring) = (&kept.other, open.keyring()?) else {
        return Ok(false);
    };
    let record = HostSays::from_canonical(host)?.record;
    let known = keyring
        .roster(record)
        .and_then(|roster| roster.record(record));
    let member = known.and_then(|known| known.member(keyring.account));
    if !member.is_some_and(|member| member.name.is_empty()) {
        return Ok(false);
    }
    let name = GuestSays::from_canonical(&kept.own)?.name;
    open.write(|tx| {
        let keyring = open.keyring_in(tx)?;
        introductions::introduce(tx, &keyring, record, Some(&name))
    })
}

/// One step of one invitation.
struct Step<'a> {
    open: &'a Unlocked,
    transport: &'a dyn Transport,
    url: &'a str,
    id: [u8; 32],
}

impl<'a> Step<'a> {
    /// The mailbox with everything in it; none where the invitation is of another relay.
    fn meet(&self, relay: &str, mailbox: Epoch, register: bool) -> Result<Option<Rendezvous<'a>>> {
        if relay.trim_end_matches('/') != self.url {
            return Ok(None);
        }
        let mut rendezvous = Rendezvous::new(self.transport, self.url, mailbox);
        rendezvous.exchange(None, register.then_some(INVITATION_LIFETIME_SECONDS))?;
        Ok(Some(rendezvous))
    }

    fn keep(&self, kept: &Kept) -> Result<()> {
        self.open.write(|tx| keep(tx, self.open, &self.id, kept))
    }

    /// What the other side says contradicts itself or what was said before: somebody else used the link.
    fn fail(&self) -> Result<()> {
        self.open.write(|tx| {
            let found = all(tx, self.open)?
                .into_iter()
                .find(|(id, _)| *id == self.id);
            match found {
                Some((_, mut kept)) => {
                    kept.failed = Some(1);
                    keep(tx, self.open, &self.id, &kept)
                }
                None => Ok(()),
            }
        })
    }

    fn host(&self, mut kept: Kept) -> Result<bool> {
        let mut host = Host::from_bytes(&kept.state)?;
        let code = host.code().clone();
        let Some(mut rendezvous) = self.meet(&code.relay, code.mailbox()?, true)? else {
            return Ok(false);
        };
        let Some(offer) = host.read_commit(rendezvous.envelopes())? else {
            return Ok(false);
        };
        let answer = host.read_answer(rendezvous.envelopes())?;
        kept.state = host.to_bytes().to_vec();
        let Some((guest, more)) = answer else {
            // Kept before it is sent: the same offer every time.
            self.keep(&kept)?;
            rendezvous.exchange(Some(offer), None)?;
            return Ok(false);
        };
        let says = GuestSays::from_canonical(&guest)?;
        let acceptance = Acceptance::from_bytes(&more)?;
        let own = HostSays::from_canonical(&kept.own)?;
        let fits = acceptance.account == says.account
            && acceptance.device == says.device
            && acceptance.record == own.record
            && acceptance.invitation == self.id;
        if !fits {
            return Err(NOT_THEIRS);
        }
        if kept.other.is_none() {
            kept.other = Some(guest);
            self.keep(&kept)?;
        }
        match self.admit(&own, &acceptance)? {
            Admission::LogMissing => Ok(true),
            Admission::Waits => Ok(false),
            Admission::Member(grants) => {
                let granted = zeroize::Zeroizing::new(grants.to_canonical());
                let grant = host.grant(&acceptance.kem, &granted)?;
                rendezvous.exchange(Some(grant), None)?;
                kept.joined = true;
                self.keep(&kept)?;
                Ok(true)
            }
        }
    }

    /// Admits the guest once their own log says that device and key are theirs.
    fn admit(&self, own: &HostSays, acceptance: &Acceptance) -> Result<Admission> {
        let record = RecordId(acceptance.account.0);
        let compartment = CompartmentId::derive(record, DEVICES);
        let epoch = Epoch::from_grant(record, compartment, &acceptance.devices)?;
        self.open.write(|tx| {
            let keyring = self.open.keyring_in(tx)?;
            if !keyring.holds(epoch.id) {
                keyring::keep_epoch(tx, &epoch, DEVICES)?;
                keyring::count_operations(tx)?;
                return Ok(Admission::LogMissing);
            }
            let account = keyring
                .roster(record)
                .and_then(|one| one.account(acceptance.account));
            let Some(account) = account else {
                return Ok(Admission::Waits);
            };
            let theirs =
                account.devices.contains_key(&acceptance.device) && account.kem == acceptance.kem;
            if !theirs {
                return Err(NOT_THEIRS);
            }
            let (_, known) = members::known(&keyring, own.record)?;
            let keyring = match known.member(acceptance.account) {
                Some(_) => keyring.refold(tx)?,
                None => {
                    let admit = Operation::Admit {
                        acceptance: Box::new(acceptance.clone()),
                    };
                    let after = members::say(tx, &keyring, own.record, &[admit])?;
                    let act = Act::Joined {
                        account: acceptance.account,
                    };
                    let now = self.open.clock.now();
                    access::note(tx, &after, (own.record, GENERAL), now, act)?;
                    after
                }
            };
            let parts = rotation::missing_parts(&keyring, own.record)?;
            let keyring = match parts.is_empty() {
                true => keyring,
                false => members::say(tx, &keyring, own.record, &parts)?,
            };
            let roster = keyring::log_number(tx, own.record, ROSTER)?;
            Ok(Admission::Member(roster_keys(&keyring, roster)?))
        })
    }

    fn guest(&self, mut kept: Kept) -> Result<bool> {
        let mut guest = Guest::from_bytes(&kept.state)?;
        let code = guest.code().clone();
        let Some(mut rendezvous) = self.meet(&code.relay, code.mailbox()?, false)? else {
            return Ok(false);
        };
        let Some(host) = guest.read_offer(rendezvous.envelopes())? else {
            rendezvous.exchange(Some(guest.commit().to_vec()), None)?;
            return Ok(false);
        };
        let says = HostSays::from_canonical(&host)?;
        let keyring = self.open.keyring()?;
        if let Some(granted) = guest.read_grant(rendezvous.envelopes(), keyring.account_keys()?)? {
            self.join(says.record, &Vec::from_canonical(&granted)?)?;
            kept.joined = true;
            self.keep(&kept)?;
            return Ok(true);
        }
        let acceptance = self.acceptance(&keyring, says.record, &guest)?;
        let answer = guest.answer(&acceptance.to_bytes())?;
        kept.state = guest.to_bytes().to_vec();
        kept.other = Some(host);
        // Kept before it is sent: the same answer every time.
        self.keep(&kept)?;
        rendezvous.exchange(Some(answer), None)?;
        Ok(false)
    }

    fn acceptance(&self, keyring: &Keyring, record: RecordId, guest: &Guest) -> Result<Acceptance> {
        let own = keyring.account_record();
        let log = self
            .open
            .store
            .read(|conn| keyring::log_number(conn, own, DEVICES))?;
        Ok(Acceptance::make(
            record,
            &InvitationKey::derive(&guest.code().secret)?,
            keyring.account,
            &keyring.account_keys()?.kem_public(),
            &keyring.device,
            keyring.writing_epoch(log)?.grant(),
        ))
    }

    /// Notes the record in the keyring, where the other phones of this person find it too.
    fn join(&self, record: RecordId, roster: &[EpochGrant]) -> Result<()> {
        // Refused before it is written: a grant that is not the record's opens nothing.
        let compartment = CompartmentId::derive(record, ROSTER);
        for grant in roster {
            Epoch::from_grant(record, compartment, grant)?;
        }
        self.open.write(|tx| {
            let mut keyring = self.open.keyring_in(tx)?;
            let log = keyring::log_number(tx, keyring.account_record(), KEYRING)?;
            let know = |roster: &EpochGrant| Operation::KnowRecord {
                record,
                roster: roster.clone(),
            };
            for some in roster.chunks(MAX_OPERATIONS) {
                let known: Vec<Operation> = some.iter().map(know).collect();
                write::write_operations(tx, &keyring, log, &known)?;
            }
            super::absorb::operations(tx, &mut keyring, &self.open.database_key)
        })
    }
}

/// What a newcomer gets of a roster: its key in use, then the earlier ones, for reading.
fn roster_keys(keyring: &Keyring, roster: i64) -> Result<Vec<EpochGrant>> {
    let current = keyring.current_epoch(roster)?;
    let mut grant = current.grant();
    // What retires comes, for an owner, with the wrap in the roster itself.
    grant.secrets.retire = None;
    let mut grants = vec![grant];
    let all = keyring.epochs.iter().filter(|(log, _)| *log == roster);
    let earlier = all.filter(|(_, epoch)| epoch.id != current.id);
    grants.extend(earlier.map(|(_, epoch)| EpochGrant {
        secrets: epoch.secrets.only_read(),
        ..epoch.grant()
    }));
    grants.truncate(MAX_ROSTER_KEYS);
    Ok(grants)
}

/// How far an admission came.
enum Admission {
    /// The guest's log is to be pulled first.
    LogMissing,
    /// It has not come yet.
    Waits,
    /// They are a member, and get the roster's keys.
    Member(Vec<EpochGrant>),
}
