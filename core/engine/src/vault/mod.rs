//! The vault: the engine's only door. Opens and locks the encrypted store of one device, writes changes, reads views, syncs.
//!
//! Rooms behind it do one thing each and know nothing of one another; here they meet. What each file holds:
//! `open` (create, open, lock, the anchor) · `keyring` (keys and rosters while unlocked) · `write` (sign, chain, seal,
//! project) · `verify` · `persons` · `import` · `edit` · `merge` (what comes from another side) · `sync` (one exchange with a
//! relay) with `plan` (what to exchange), `steps` (merging, a quarter of a second at a time), `brake` (deadline and cancel) ·
//! `relays` (several) · `inbox` (sync in the background) · `watch` · `paths` (what other paths share), `reseal` (for whoever
//! sends changes on), `peer` and `meet` (direct exchange), `file` (sync files) · `attachments` (the bytes of documents),
//! `transfers` (the same by the platform) · `detect` (what is missing or wrong), `heal` (sending it again), `history` (what
//! people see of it) · `pairing` · `types`.

mod absorb;
mod attachments;
mod brake;
#[cfg(test)]
mod deadline_tests;
mod detect;
mod duties;
mod edit;
#[cfg(test)]
mod edit_tests;
#[cfg(test)]
mod family_tests;
mod file;
mod heal;
#[cfg(test)]
mod heal_tests;
mod history;
mod import;
mod inbox;
mod introductions;
mod invitations;
mod keyring;
mod landmark;
mod meet;
mod members;
mod merge;
#[cfg(test)]
mod merge_tests;
mod open;
mod pairing;
#[cfg(test)]
mod pairing_tests;
mod paths;
mod peer;
mod persons;
mod plan;
mod recheck;
mod relays;
mod rendezvous;
mod reseal;
mod rotation;
mod snapshot;
mod steps;
mod sync;
#[cfg(test)]
mod sync_tests;
#[cfg(test)]
mod tests;
mod transfers;
#[cfg(test)]
mod transfers_tests;
mod types;
mod verify;
mod watch;
mod write;

pub use carnet_wire::stream::Role;
pub use peer::Meeting;
pub use types::*;
pub use watch::WatchEvent;

use crate::error::{Error, Result, VaultError};
use crate::handover::FhirWriter;
use crate::host::{Clock, KeyStore, Transport};
use crate::record::ids::{EntryId, ResourceId};
use crate::seal::DeviceKeys;
use crate::store::{self, detail, log, rebuild, views};
use brake::Brake;
use carnet_wire::{AccountId, DeviceId, RecordId};
use open::Unlocked;
use rusqlite::Transaction;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use sync::{Exchange, RELAY};
use zeroize::Zeroizing;

/// What the platform lends to a vault.
#[derive(Clone)]
pub struct Host {
    /// Guards the database key.
    pub key_store: Arc<dyn KeyStore>,
    /// For what people read.
    pub clock: Arc<dyn Clock>,
    /// The network.
    pub transport: Arc<dyn Transport>,
}

/// The encrypted store of one device.
pub struct Vault {
    folder: PathBuf,
    host: Host,
    warnings: Vec<OpenWarning>,
    open: RwLock<Option<Arc<Unlocked>>>,
}

type VaultResult<T> = std::result::Result<T, VaultError>;

impl Vault {
    /// Creates a vault in an empty or missing folder, with the account of its person and their record.
    pub fn create(
        folder: &Path,
        host: Host,
        device_name: &str,
        person: &str,
        birth_date: Option<&str>,
    ) -> VaultResult<Self> {
        open::check_vacant(folder)?;
        let device = DeviceKeys::make()?;
        let open = Unlocked::create(folder, &host, |tx, key| {
            persons::found_account(tx, key, &device, device_name)?;
            persons::found_record(tx, key, device_name, person, birth_date, host.clock.now())?;
            Ok(())
        })?;
        Ok(Self::opened(folder, host, open, Vec::new()))
    }

    /// Creates the vault of a new phone by joining an account: `announce` gets the code to show; waits until the other
    /// phone has completed it, `wait` at most. The vault then holds the account; a sync brings the records.
    pub fn join(
        folder: &Path,
        host: Host,
        device_name: &str,
        relay: &str,
        wait: Duration,
        announce: &mut dyn FnMut(&str),
    ) -> VaultResult<Self> {
        persons::check_name(device_name)?;
        open::check_vacant(folder)?;
        let device = DeviceKeys::make()?;
        let transport = host.transport.clone();
        let mut joining =
            pairing::Joining::begin(&*transport, &device, device_name, relay, wait, announce)?;
        let marker = open::begin_joining(folder)?;
        let open = Unlocked::create(folder, &host, |tx, key| {
            pairing::adopt(tx, key, &device, &joining.welcome, relay)
        })?;
        joining.acknowledge()?;
        pairing::wait_until_added(&open, &*transport, relay)?;
        marker.end()?;
        Ok(Self::opened(folder, host, open, Vec::new()))
    }

    /// Opens an existing vault.
    pub fn open(folder: &Path, host: Host) -> VaultResult<Self> {
        let (open, warnings) = Unlocked::open(folder, &host)?;
        Ok(Self::opened(folder, host, open, warnings))
    }

    fn opened(folder: &Path, host: Host, open: Unlocked, warnings: Vec<OpenWarning>) -> Self {
        Self {
            folder: folder.to_owned(),
            host,
            warnings,
            open: RwLock::new(Some(Arc::new(open))),
        }
    }

    /// What opening noticed.
    pub fn warnings(&self) -> Vec<OpenWarning> {
        self.warnings.clone()
    }

    /// Forgets the keys; every call answers `Locked` until [`Vault::unlock`]. A call that is under way ends first.
    pub fn lock(&self) -> VaultResult<()> {
        let open = self
            .open
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        open.map_or(Ok(()), |open| Ok(open.anchor()?))
    }

    /// Opens the database again with the platform's key.
    pub fn unlock(&self) -> VaultResult<()> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.is_none() {
            *open = Some(Arc::new(Unlocked::open(&self.folder, &self.host)?.0));
        }
        Ok(())
    }

    /// Whether the vault is locked.
    pub fn is_locked(&self) -> bool {
        self.unlocked().is_err()
    }

    fn unlocked(&self) -> Result<Arc<Unlocked>> {
        self.open
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
            .ok_or(Error::Locked)
    }

    /// The persons whose records this vault holds, in the order they were added.
    pub fn persons(&self) -> VaultResult<Vec<Person>> {
        Ok(self.unlocked()?.store.read(persons::persons)?)
    }

    /// Adds a person and their record.
    pub fn add_person(&self, name: &str, birth_date: Option<&str>) -> VaultResult<Person> {
        let open = self.unlocked()?;
        let now = self.host.clock.now();
        Ok(open.write(|tx| {
            let device_name = open.keyring_in(tx)?.device_name();
            persons::found_record(tx, &open.database_key, &device_name, name, birth_date, now)
        })?)
    }

    /// Imports files, or every file below folders, into a person's record. A second import of the same file adds nothing.
    pub fn import(
        &self,
        record: RecordId,
        paths: &[PathBuf],
        observer: Option<&dyn Observer>,
    ) -> VaultResult<ImportReport> {
        Ok(import::import(
            &*self.unlocked()?,
            &*self.host.clock,
            record,
            paths,
            observer,
        )?)
    }

    /// Rows, newest first; rows without a date last.
    pub fn list(&self, filter: &Filter) -> VaultResult<Vec<ListRow>> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| views::list(conn, filter))?)
    }

    /// Rows whose words match all words of `text`, best first.
    pub fn search(&self, text: &str, filter: &Filter) -> VaultResult<Vec<ListRow>> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| views::search(conn, text, filter))?)
    }

    /// The one resource whose id begins with `prefix` (at least 4 hexadecimal digits).
    pub fn find(&self, prefix: &str) -> VaultResult<ResourceId> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| views::find_prefix(conn, prefix))?)
    }

    /// One resource with provenance, history, notes and corrections.
    pub fn detail(&self, id: ResourceId) -> VaultResult<Detail> {
        Ok(self
            .unlocked()?
            .store
            .read(|conn| detail::detail(conn, id))?)
    }

    /// Writes a note about a resource.
    pub fn annotate(&self, on: ResourceId, text: &str) -> VaultResult<EntryId> {
        Ok(edit::annotate(
            &*self.unlocked()?,
            self.host.clock.now(),
            on,
            text,
        )?)
    }

    /// Puts a value beside the source's: `field` is `display`, `when`, `value`, `unit`, `status`, or a FHIR element path.
    pub fn correct(&self, on: ResourceId, field: &str, value: &str) -> VaultResult<()> {
        Ok(edit::correct(
            &*self.unlocked()?,
            self.host.clock.now(),
            on,
            field,
            value,
        )?)
    }

    /// Same-field conflicts that nobody has resolved yet.
    pub fn conflicts(&self) -> VaultResult<Vec<Conflict>> {
        Ok(self.unlocked()?.store.read(detail::conflicts)?)
    }

    /// Counts, of one person or all.
    pub fn stats(&self, record: Option<RecordId>) -> VaultResult<Stats> {
        let open = self.unlocked()?;
        let mut stats = open.store.read(|conn| {
            let relay = read_relay(conn)?;
            let mut stats = views::stats(conn, record)?;
            stats.unsent = log::unsent_count(conn, relay.as_deref())?;
            stats.quarantined = log::held_counts(conn)?.iter().map(|(_, count)| count).sum();
            Ok(stats)
        })?;
        stats.bytes_on_disk = open.store.bytes_on_disk()?;
        Ok(stats)
    }

    /// Writes a person's current resources, original text byte for byte, and returns how many.
    pub fn export(
        &self,
        record: RecordId,
        format: ExportFormat,
        out: &mut dyn Write,
    ) -> VaultResult<u64> {
        let open = self.unlocked()?;
        Ok(open.store.read(|conn| {
            let mut writer = FhirWriter::begin(out, format)?;
            store::each_current_text(conn, record, |text, full_url| {
                writer.resource(text, full_url)
            })?;
            writer.end()
        })?)
    }

    /// The person's devices.
    pub fn devices(&self) -> VaultResult<Vec<Device>> {
        Ok(self.unlocked()?.keyring()?.devices())
    }

    /// Completes the code shown by a new phone ([`Vault::join`]) and returns the new device.
    pub fn pair(&self, code: &str) -> VaultResult<Device> {
        Ok(pairing::introduce(
            &*self.unlocked()?,
            &*self.host.transport,
            code,
        )?)
    }

    /// The members of a record, the founder first.
    pub fn members(&self, record: RecordId) -> VaultResult<Vec<Member>> {
        Ok(members::members(&*self.unlocked()?.keyring()?, record)?)
    }

    /// Invites somebody to a record: returns the link to send them, which works once and for a week. `name` is how this person
    /// calls themselves. The next syncs with `relay` (the remembered one when none is given) do the rest.
    pub fn invite(
        &self,
        record: RecordId,
        access: &Access,
        name: &str,
        relay: Option<&str>,
    ) -> VaultResult<Zeroizing<String>> {
        let open = self.unlocked()?;
        let relay = self.named_relay(relay)?;
        Ok(open.write(|tx| invitations::invite(tx, &open, record, (access, name, &relay)))?)
    }

    /// Takes an invitation, and exchanges with its relay what the other side needs to let this person in. Returns the invitation's
    /// name in [`Vault::invitations`]; the next syncs with that relay do the rest.
    pub fn accept_invitation(
        &self,
        code: &str,
        name: &str,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<[u8; 32]> {
        let open = self.unlocked()?;
        let relay = crate::seal::invitation::InvitationCode::from_text(code)?
            .relay
            .clone();
        let id = open.write(|tx| invitations::accept(tx, &open, code, name))?;
        self.sync(Some(&relay), None, observer)?;
        Ok(id)
    }

    /// Invitations under way, on either side, and those that ended and were not dismissed.
    pub fn invitations(&self) -> VaultResult<Vec<Invitation>> {
        let open = self.unlocked()?;
        Ok(open
            .store
            .read(|conn| invitations::invitations(conn, &open))?)
    }

    /// Forgets an invitation. Nobody is removed by that.
    pub fn dismiss_invitation(&self, id: &[u8; 32]) -> VaultResult<()> {
        Ok(self.unlocked()?.write(|tx| invitations::dismiss(tx, id))?)
    }

    /// Gives a member another role, other compartments or another last day.
    pub fn change_access(
        &self,
        record: RecordId,
        account: AccountId,
        access: &Access,
    ) -> VaultResult<()> {
        self.say(|tx, keyring| members::change_access(tx, keyring, record, account, access))
    }

    /// Removes a member, or leaves. Show it as done only when [`Removal::is_done`].
    pub fn remove_member(&self, record: RecordId, account: AccountId) -> VaultResult<()> {
        self.say(|tx, keyring| members::remove(tx, keyring, record, account))
    }

    /// Removals of members, and how far they are known.
    pub fn removals(&self, record: RecordId) -> VaultResult<Vec<Removal>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| members::removals(conn, &keyring, record))?)
    }

    /// What waits for an owner of a record: written by somebody whose right to write had ended.
    pub fn beyond(&self, record: RecordId) -> VaultResult<Vec<Beyond>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| members::beyond(conn, &keyring, record))?)
    }

    /// Takes what waits of a device into the record, for everybody.
    pub fn adopt(&self, record: RecordId, device: DeviceId) -> VaultResult<()> {
        self.say(|tx, keyring| members::adopt(tx, keyring, record, device))?;
        self.merge_inbox(None, None)?;
        Ok(())
    }

    /// Says that the words were compared with a member and are the same.
    pub fn verify_member(&self, record: RecordId, account: AccountId) -> VaultResult<()> {
        self.say(|tx, keyring| members::verify(tx, keyring, record, account))
    }

    /// Offers the founder's place to a member. It cannot be taken back.
    pub fn offer_founding(&self, record: RecordId, account: AccountId) -> VaultResult<()> {
        self.say(|tx, keyring| members::offer_founding(tx, keyring, record, account))
    }

    /// Accepts the founder's place that was offered.
    pub fn accept_founding(&self, record: RecordId) -> VaultResult<()> {
        self.say(|tx, keyring| members::accept_founding(tx, keyring, record))
    }

    /// Says something about members, whole or not at all.
    fn say(
        &self,
        work: impl FnOnce(&Transaction<'_>, &keyring::Keyring) -> Result<keyring::Keyring>,
    ) -> VaultResult<()> {
        let open = self.unlocked()?;
        Ok(open.write(|tx| {
            let keyring = open.keyring_in(tx)?;
            work(tx, &keyring).map(drop)
        })?)
    }

    fn named_relay(&self, relay: Option<&str>) -> Result<String> {
        let remembered = self.unlocked()?.store.read(read_relay)?;
        let named = relay.map(|url| url.trim_end_matches('/').to_owned());
        named
            .or(remembered)
            .ok_or(Error::NotFound("a relay: name one to sync with"))
    }

    /// The relay this vault syncs with, once one was named.
    pub fn relay(&self) -> VaultResult<Option<String>> {
        Ok(self.unlocked()?.store.read(read_relay)?)
    }

    /// What was found wrong with what came, open findings first: what is missing, from whose device, since when.
    pub fn findings(&self) -> VaultResult<Vec<Finding>> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        let found = open.store.read(|conn| history::findings(conn, &keyring))?;
        Ok(found.into_iter().map(|(_, finding)| finding).collect())
    }

    /// The chains of one person or all: what each device wrote, when it was last heard of, what waits and why.
    pub fn history(&self, record: Option<RecordId>) -> VaultResult<History> {
        let open = self.unlocked()?;
        let keyring = open.keyring()?;
        Ok(open
            .store
            .read(|conn| history::history(conn, &keyring, record))?)
    }

    /// Gives a device of the person another name, which all devices will show.
    pub fn rename_device(&self, device: DeviceId, name: &str) -> VaultResult<()> {
        Ok(history::rename_device(&*self.unlocked()?, device, name)?)
    }

    /// Pushes and pulls with `relay` (remembered; the remembered one when none is given) until all is exchanged or the
    /// deadline has passed.
    pub fn sync(
        &self,
        relay: Option<&str>,
        deadline: Option<Duration>,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<SyncReport> {
        let brake = Brake::new(deadline, observer);
        self.exchange(relay, &|open, url| {
            Exchange::new(open, &*self.host.transport, url)?.run(&brake)
        })
    }

    /// The relays this vault syncs with, the first one first.
    pub fn relays(&self) -> VaultResult<Vec<String>> {
        Ok(self.unlocked()?.store.read(relays::remembered)?)
    }

    /// [`Vault::sync`] with several relays: those named, which are remembered in place of those before, or all that are
    /// remembered. One that fails keeps nobody from the others; what came by one is given to the others.
    pub fn sync_relays(
        &self,
        relays: &[String],
        deadline: Option<Duration>,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<SyncReport> {
        let open = self.unlocked()?;
        let brake = Brake::new(deadline, observer);
        Ok(relays::sync_all(&open, relays, &brake, &|url| {
            Exchange::new(&open, &*self.host.transport, url)?.run(&brake)
        })?)
    }

    /// [`Vault::sync`] for a background window: pushes what is sealed and stores what comes, as it is. No view changes; the
    /// next [`Vault::sync`] or [`Vault::merge_inbox`] merges it. Needs the vault's key and nothing else.
    pub fn sync_background(
        &self,
        relay: Option<&str>,
        deadline: Option<Duration>,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<SyncReport> {
        let brake = Brake::new(deadline, observer);
        let work = |open: &Unlocked, url: &str| {
            let exchange = Exchange::new(open, &*self.host.transport, url)?;
            exchange.in_background().run(&brake)
        };
        if relay.is_some() {
            return self.exchange(relay, &work);
        }
        let open = self.unlocked()?;
        Ok(relays::sync_all(&open, &[], &brake, &|url| {
            work(&open, url)
        })?)
    }

    /// Merges what [`Vault::sync_background`] stored, until all of it is merged or the deadline has passed. Costs one query
    /// when there is nothing: call it when the app comes to the front.
    pub fn merge_inbox(
        &self,
        deadline: Option<Duration>,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<SyncReport> {
        Ok(inbox::merge_all(
            &*self.unlocked()?,
            &Brake::new(deadline, observer),
        )?)
    }

    /// Syncs with a relay again and again: when it has news, when this vault was written (by any process), or after a pause
    /// where it failed. Of several relays the first is waited for, and the others asked each time. Returns when `observer` says stop, or with a failure that waiting does not mend; `event` is told what
    /// happens. Locking the vault ends it too.
    pub fn watch(
        &self,
        relay: Option<&str>,
        observer: &dyn Observer,
        event: &mut dyn FnMut(WatchEvent),
    ) -> VaultResult<()> {
        let named = relay.map(|url| url.trim_end_matches('/').to_owned());
        watch::watch(
            &|| self.unlocked(),
            &|| match relay {
                Some(_) => self.sync(relay, None, Some(observer)),
                None => self.sync_relays(&[], None, Some(observer)),
            },
            &*self.host.transport,
            &|open| match &named {
                Some(url) => Ok(url.clone()),
                None => open
                    .store
                    .read(read_relay)?
                    .ok_or(Error::NotFound("a relay: name one to sync with")),
            },
            observer,
            event,
        )
    }

    /// Parts of documents that the platform's own transfer service may carry, with the remembered relay. Empty before a
    /// sync has opened a session; one whose session has run out is refused by the relay: sync and ask again.
    pub fn transfers(&self) -> VaultResult<Vec<Transfer>> {
        let open = self.unlocked()?;
        let Some(url) = open.store.read(read_relay)? else {
            return Ok(Vec::new());
        };
        Ok(transfers::transfers(&open, &*self.host.transport, &url)?)
    }

    /// Says that a transfer was carried; `file` holds what a download brought, nothing more. Returns whether the document is
    /// complete on this side. The file stays where it is.
    pub fn finish_transfer(&self, id: &str, file: Option<&Path>) -> VaultResult<bool> {
        let open = self.unlocked()?;
        let url = open
            .store
            .read(read_relay)?
            .ok_or(Error::NotFound("a relay: name one to sync with"))?;
        Ok(transfers::finish(
            &open,
            &*self.host.transport,
            &url,
            id,
            file,
        )?)
    }

    /// Syncs with a relay as `work` says. A new one is remembered only after it served: a mistyped address must not replace
    /// one that works.
    fn exchange(
        &self,
        relay: Option<&str>,
        work: &dyn Fn(&Unlocked, &str) -> Result<SyncReport>,
    ) -> VaultResult<SyncReport> {
        let open = self.unlocked()?;
        let remembered = open.store.read(read_relay)?;
        let named = relay.map(|url| url.trim_end_matches('/').to_owned());
        let url = named
            .clone()
            .or_else(|| remembered.clone())
            .ok_or(Error::NotFound("a relay: name one to sync with"))?;
        let report = work(&open, &url)?;
        if named.is_some() && named != remembered {
            open.write(|tx| log::set_meta(tx, RELAY, url.as_bytes()))?;
        }
        Ok(report)
    }

    /// One end of a direct exchange with another device, over whatever stream the caller has.
    pub fn meet(&self, role: Role) -> VaultResult<Meeting> {
        Ok(Meeting::begin(self.unlocked()?, role)?)
    }

    /// Exchanges directly with the device that listens at `address` (`HOST:PORT`).
    pub fn sync_with_peer(
        &self,
        address: &str,
        deadline: Option<Duration>,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<SyncReport> {
        let brake = Brake::new(deadline, observer);
        Ok(meet::visit(self.unlocked()?, address, &brake)?)
    }

    /// Waits for other devices at `address` and exchanges with each: `announce` gets the address to type on the other
    /// device, `met` what was exchanged with one, and says whether to go on. Ends at the deadline too.
    pub fn listen(
        &self,
        address: &str,
        deadline: Option<Duration>,
        observer: Option<&dyn Observer>,
        announce: &mut dyn FnMut(&str),
        met: &mut dyn FnMut(VaultResult<SyncReport>) -> bool,
    ) -> VaultResult<()> {
        let open = self.unlocked()?;
        Ok(meet::host(
            &open, address, deadline, observer, announce, met,
        )?)
    }

    /// Exchanges with the sync file at `path`, which is made when there is none: what it holds and this vault lacks is
    /// merged, what this vault has and it lacks is added.
    pub fn sync_file(
        &self,
        path: &Path,
        deadline: Option<Duration>,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<SyncReport> {
        let brake = Brake::new(deadline, observer);
        Ok(file::sync(&*self.unlocked()?, path, &brake)?)
    }

    /// Checks the database, every chain and every attachment; with `rebuild`, recomputes every view and compares.
    pub fn verify(&self, rebuild: bool) -> VaultResult<VerifyReport> {
        Ok(verify::verify(&*self.unlocked()?, rebuild)?)
    }

    /// Writes many notes and corrections, all or none. Those of one place travel together, up to a hundred in one envelope; the
    /// name of a note stands at its place in the answer.
    pub fn edit_all(&self, edits: &[NewEdit]) -> VaultResult<Vec<Option<EntryId>>> {
        let now = self.host.clock.now();
        Ok(edit::edit_all(&*self.unlocked()?, now, edits)?)
    }

    /// A digest of every view and every head: equal on devices that hold the same changes (INV-1).
    pub fn fingerprint(&self) -> VaultResult<[u8; 32]> {
        Ok(self.unlocked()?.store.read(rebuild::fingerprint)?)
    }

    /// Makes a snapshot of every compartment of a record that has grown since its last one. The next sync sends it; once
    /// another device has it, what it replaces goes from here and from the relay. `Cancelled` where the observer said stop: the
    /// next call goes on with the pieces that were made.
    pub fn compact(
        &self,
        record: RecordId,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<CompactReport> {
        let open = self.unlocked()?;
        let now = self.host.clock.now();
        let logs = open.store.read(|conn| {
            let data = snapshot::data_logs(conn)?;
            let all = log::logs(conn)?.into_iter();
            let of_record = all.filter(|log| log.record == record && data.contains(&log.number));
            Ok(of_record.map(|log| log.number).collect::<Vec<_>>())
        })?;
        let mut total = CompactReport::default();
        let brake = Brake::new(None, observer);
        for log in logs {
            let how = (snapshot::Reuse::Anywhere, false);
            match snapshot::make(&open, log, how, now, &brake)? {
                snapshot::Making::Made(report) => total += report,
                snapshot::Making::Nothing => {}
                snapshot::Making::Stopped => return Err(VaultError::Cancelled),
            }
        }
        Ok(total)
    }
}

fn read_relay(conn: &rusqlite::Connection) -> Result<Option<String>> {
    Ok(log::meta(conn, RELAY)?.and_then(|bytes| String::from_utf8(bytes).ok()))
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Vault")
    }
}
