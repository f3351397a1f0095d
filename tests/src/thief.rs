//! A thief: a phone's whole disk, what unlocks it, and everything a relay ever had. What opens with that is found without the
//! engine's door, as somebody would who wrote a program for it: the keys are read from the decrypted database, tried on every
//! envelope, and every key that lies in what they open (wrapped to the account or the device, or sealed under an epoch) is
//! tried as well, until nothing more opens.

use carnet::roster::{Operation, Operations};
use carnet::seal::{
    AccountKeys, DeviceKeys, Epoch, EpochSecrets, Opened, open, open_secret, unpack_body,
    unwrap_with_passphrase,
};
use carnet_wire::{
    AccountId, Canonical, CompartmentId, DeviceId, Envelope, EpochId, RecordId, kind,
};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Envelopes, as bytes.
pub type Envelopes = BTreeSet<Vec<u8>>;

/// Every envelope a relay holds now, retired ones whose bytes it still has among them.
pub fn envelopes(relay: &Path) -> Envelopes {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let relay = Connection::open_with_flags(relay.join("relay.db"), flags).expect("its database");
    let mut all = relay.prepare("SELECT bytes FROM log").expect("its log");
    let rows = all.query_map([], |row| row.get(0)).expect("its log");
    rows.map(|bytes| bytes.expect("an envelope")).collect()
}

/// What somebody can do with a phone.
pub struct Thief {
    database: Connection,
    account: AccountId,
    device: DeviceKeys,
    accounts: Vec<AccountKeys>,
    epochs: BTreeMap<EpochId, Epoch>,
}

impl Thief {
    /// Takes a vault's folder and its passphrase.
    pub fn rob(vault: &Path, passphrase: &str) -> Self {
        Self::rob_with(vault, |wrapped| {
            *unwrap_with_passphrase(passphrase.as_bytes(), wrapped).expect("the key")
        })
    }

    /// Takes a vault's folder and whatever unwraps its key.
    pub fn rob_with(vault: &Path, unwrap: impl FnOnce(&[u8]) -> [u8; 32]) -> Self {
        let wrapped = std::fs::read(vault.join("vault.key")).expect("the wrapped key");
        let key = unwrap(&wrapped);
        let database = unlock(&vault.join("vault.db"), &key);
        let secrets: Vec<(String, Vec<u8>)> = rows(&database, "SELECT slot, sealed FROM secret");
        let of = |begins: &str| {
            let found = secrets.iter().filter(|(slot, _)| slot.starts_with(begins));
            found
                .map(|(slot, sealed)| open_secret(&key, slot, sealed).expect("a secret"))
                .collect::<Vec<_>>()
        };
        let accounts = of("account").into_iter();
        let account: Vec<(String, Vec<u8>)> = rows(
            &database,
            "SELECT key, value FROM meta WHERE key = 'account'",
        );
        let account: [u8; 32] = account[0].1.as_slice().try_into().expect("an id");
        let mut thief = Self {
            account: AccountId(account),
            device: DeviceKeys::from_bytes(&of("device")[0]).expect("the device's keys"),
            accounts: accounts
                .map(|keys| AccountKeys::from_bytes(&keys).expect("an account's keys"))
                .collect(),
            epochs: BTreeMap::new(),
            database,
        };
        thief.take_epochs();
        thief
    }

    fn take_epochs(&mut self) {
        let sql = "SELECT log.record, log.compartment, parents, epoch, secrets FROM epoch JOIN log USING (log)";
        let mut all = self.database.prepare(sql).expect("epochs");
        let stored = all.query_map([], |row| {
            let bytes = |at| row.get::<_, Vec<u8>>(at);
            let place = (row.get(0)?, row.get(1)?);
            Ok((place, row.get(3)?, bytes(2)?, bytes(4)?))
        });
        for row in stored.expect("epochs") {
            let ((record, compartment), id, parents, secrets) = row.expect("an epoch");
            let parents = Vec::from_canonical(&parents).expect("its parents");
            let secrets = EpochSecrets::from_bytes(&secrets).expect("its secrets");
            let (record, compartment) = (RecordId(record), CompartmentId(compartment));
            let epoch = Epoch::from_secrets(record, compartment, parents, secrets, EpochId(id));
            self.epochs.insert(EpochId(id), epoch.expect("an epoch"));
        }
    }

    /// Whose phone it is.
    pub fn device(&self) -> DeviceId {
        self.device.id()
    }

    /// How many keys of compartments the thief has.
    pub fn keys(&self) -> usize {
        self.epochs.len()
    }

    /// Opens what can be opened of these, with every key found on the way.
    pub fn open(&mut self, envelopes: &Envelopes) -> Vec<(Opened, Vec<u8>)> {
        loop {
            let opened = self.open_once(envelopes);
            let before = (self.epochs.len(), self.accounts.len());
            for (one, body) in &opened {
                if let Ok(Operations::Known(operations)) = Operations::from_body(body)
                    && one.header.kind == kind::OPERATIONS
                {
                    for operation in &operations {
                        self.take_keys(one.header.record, operation);
                    }
                }
            }
            if (self.epochs.len(), self.accounts.len()) == before {
                return opened;
            }
        }
    }

    fn open_once(&self, envelopes: &Envelopes) -> Vec<(Opened, Vec<u8>)> {
        let mut opened = Vec::new();
        for bytes in envelopes {
            let envelope = Envelope::from_bytes(bytes).expect("an envelope");
            // The epoch an envelope names is a hint; every key is tried.
            let found = self
                .epochs
                .values()
                .find_map(|epoch| open(epoch, &envelope).ok());
            if let Some(found) = found {
                let body = unpack_body(&found.body).expect("a body");
                opened.push((found, body));
            }
        }
        opened
    }

    /// Whatever an operation holds that some key opens.
    fn take_keys(&mut self, record: RecordId, operation: &Operation) {
        if let Ok(Some(keys)) = operation.open_account(self.account, &self.device) {
            self.keep_account(keys);
        }
        for keys in &self.accounts {
            if let Ok(Some(epoch)) = operation.open_epoch(record, self.account, keys) {
                self.epochs.entry(epoch.id).or_insert(epoch);
            }
        }
        match operation {
            Operation::RotateAccount { previous, .. } => {
                let mut held = self.accounts.iter();
                let earlier = held.find_map(|keys| keys.open_previous(previous).ok());
                earlier.into_iter().for_each(|keys| self.keep_account(keys));
            }
            Operation::MintEpoch {
                epoch,
                previous: Some(sealed),
                ..
            } => {
                let held = self.epochs.get(epoch);
                let earlier = held.and_then(|held| held.open_previous(sealed).ok());
                for epoch in earlier.into_iter().flatten() {
                    self.epochs.entry(epoch.id).or_insert(epoch);
                }
            }
            _ => {}
        }
    }

    fn keep_account(&mut self, keys: AccountKeys) {
        let known = |held: &AccountKeys| held.kem_public() == keys.kem_public();
        if !self.accounts.iter().any(known) {
            self.accounts.push(keys);
        }
    }

    /// Every value of every table, as text in lower case; what is packed is unpacked.
    pub fn everything(&self) -> String {
        let named = "SELECT name, name FROM sqlite_schema WHERE type = 'table'";
        let tables: Vec<(String, String)> = rows(&self.database, named);
        let mut bytes = Vec::new();
        for (table, _) in tables {
            let sql = format!("SELECT * FROM \"{table}\"");
            let mut select = self.database.prepare(&sql).expect("a table");
            let columns = select.column_count();
            let mut found = select.query([]).expect("rows");
            while let Some(row) = found.next().expect("a row") {
                for column in 0..columns {
                    match row.get_ref(column).expect("a value") {
                        ValueRef::Blob(value) | ValueRef::Text(value) => {
                            bytes.extend(unpack_body(value).unwrap_or_else(|_| value.to_vec()));
                        }
                        ValueRef::Integer(value) => bytes.extend(value.to_string().into_bytes()),
                        ValueRef::Real(_) | ValueRef::Null => {}
                    }
                    bytes.push(b'\n');
                }
            }
        }
        String::from_utf8_lossy(&bytes).to_lowercase()
    }
}

/// The decrypted database.
fn unlock(path: &Path, key: &[u8; 32]) -> Connection {
    let database = Connection::open(path).expect("a database");
    let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let steps = format!(
        "PRAGMA key = \"x'{digits}'\"; PRAGMA cipher_hmac_algorithm = HMAC_SHA256; SELECT count(*) FROM sqlite_schema;"
    );
    database.execute_batch(&steps).expect("the right key");
    database
}

fn rows<A: rusqlite::types::FromSql, B: rusqlite::types::FromSql>(
    database: &Connection,
    sql: &str,
) -> Vec<(A, B)> {
    let mut select = database.prepare(sql).expect("a table");
    let found = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    found
        .expect("rows")
        .map(|row| row.expect("a row"))
        .collect()
}
