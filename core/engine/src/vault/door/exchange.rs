//! The door to the outside: every path by which changes travel, and the relays that are remembered.

use crate::error::{Error, Result};
use crate::store::log;
use crate::vault::brake::Brake;
use crate::vault::open::Unlocked;
use crate::vault::sync::{Exchange, RELAY};
use crate::vault::{
    Meeting, Observer, Role, SyncReport, Transfer, Vault, VaultResult, WatchEvent, file, inbox,
    meet, relays, transfers, watch,
};
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

impl Vault {
    pub(in crate::vault) fn named_relay(&self, relay: Option<&str>) -> Result<String> {
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
}

pub(in crate::vault) fn read_relay(conn: &Connection) -> Result<Option<String>> {
    Ok(log::meta(conn, RELAY)?.and_then(|bytes| String::from_utf8(bytes).ok()))
}
