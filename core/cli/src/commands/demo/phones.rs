//! Phones: vaults with keys of their own, in one process.

use super::data;
use crate::arguments::Tls;
use crate::context::host;
use crate::error::CliResult;
use crate::network::https;
use carnet::record::ids::ResourceId;
use carnet::vault::{Filter, Host, ListRow};
use carnet::{Vault, VaultError};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use zeroize::Zeroizing;

/// How long one phone waits for the other; both are here.
const WAIT: Duration = Duration::from_secs(20);

/// What all phones lend to their vaults; anchors stand beside the vaults, not in the person's own folder.
pub fn lend(folder: &Path) -> CliResult<Host> {
    let passphrase = Zeroizing::new(data::PASSPHRASE.to_owned());
    Ok(host(
        passphrase,
        Some(folder.join("state")),
        https(&Tls::default())?,
    ))
}

/// The first phone.
pub fn create(folder: &Path, name: &str) -> CliResult<Vault> {
    let person = (data::PERSON, Some(data::BIRTH_DATE));
    found(folder, "phone-a", name, person)
}

/// A phone in a folder of its own, with a person's record.
pub fn found(
    folder: &Path,
    phone: &str,
    name: &str,
    (person, birth_date): (&str, Option<&str>),
) -> CliResult<Vault> {
    let below = folder.join(phone);
    Ok(Vault::create(
        &below,
        lend(folder)?,
        name,
        person,
        birth_date,
    )?)
}

/// The second phone: it shows a code on a thread of its own, the first completes it here.
pub fn pair(folder: &Path, first: &Vault, relay: &str, name: &str) -> CliResult<Vault> {
    let second = folder.join("phone-b");
    let lent = lend(folder)?;
    std::thread::scope(|scope| {
        let (show, shown) = mpsc::channel();
        let joining = scope.spawn(move || {
            let mut announce = |code: &str| {
                // Nobody listens any more only when pairing has failed already.
                let _ = show.send(code.to_owned());
            };
            Vault::join(&second, lent, name, relay, WAIT, &mut announce)
        });
        let paired = shown.recv_timeout(WAIT).map(|code| first.pair(&code));
        let joined = joining
            .join()
            .map_err(|_| VaultError::Bug("a thread stopped"))?;
        // Without a code, why joining failed says more than that no code came.
        if let Ok(paired) = paired {
            paired?;
        }
        Ok(joined?)
    })
}

/// The one row of `kind` whose name holds `word`.
pub fn find(vault: &Vault, kind: &str, word: &str) -> CliResult<Option<ListRow>> {
    let filter = Filter {
        kind: Some(kind.to_owned()),
        ..Filter::default()
    };
    let named = |row: &ListRow| {
        let names = [&row.display_fr, &row.display_en];
        names.into_iter().flatten().any(|name| name.contains(word))
    };
    Ok(vault.list(&filter)?.into_iter().find(named))
}

/// How many people's notes stand beside a resource.
pub fn notes(vault: &Vault, id: ResourceId) -> CliResult<usize> {
    Ok(vault.detail(id)?.notes.len())
}
