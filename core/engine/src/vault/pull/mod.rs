//! Sources: connecting them, pulling from them, what they are. The connectors stand in `pull`; here are the network, the clock and
//! the database they do not know.
//!
//! What each file holds: `connect` (sign-in) · `settings` (what is kept of a source) · `run` (one pull, by its machine) ·
//! `keep` (what one answer brought, in one transaction with where the machine stands) · `types`.

mod connect;
mod keep;
mod run;
mod settings;
#[cfg(test)]
mod tests;
mod types;

pub use connect::{add_nightscout, connect_smart, connect_withings, finish};
pub use run::{Tools, pull};
pub use types::*;

use super::open::Unlocked;
use crate::error::{Error, Result};
use crate::pull::fhir::FhirRun;
use crate::pull::nightscout::NightscoutRun;
use crate::pull::oauth::Manner;
use crate::pull::session::{Access, Connector, Grant};
use crate::pull::withings::WithingsRun;
use crate::pull::{KindReport, Reports, smart};
use crate::store::{self, SourceRow, log};
use connect::{NIGHTSCOUT, SMART, WITHINGS};
use rusqlite::Connection;
use settings::{Secrets, Settings};

const NO_SOURCE: Error = Error::NotFound("a source with this name");

/// Every source of this device, by name.
pub fn sources(open: &Unlocked) -> Result<Vec<Source>> {
    open.store.read(|conn| {
        let rows = store::sources(conn)?;
        rows.iter().map(|row| describe(open, conn, row)).collect()
    })
}

fn describe(open: &Unlocked, conn: &Connection, row: &SourceRow) -> Result<Source> {
    let settings = Settings::read(row)?;
    let secrets = Secrets::read(conn, &open.database_key, row.number)?;
    let logs = log::logs(conn)?;
    let log = logs
        .iter()
        .find(|log| log.number == row.log)
        .ok_or(NO_SOURCE)?;
    let standing = match (&settings.endpoints, &secrets.tokens) {
        _ if settings.reconnect => Standing::Reconnect,
        (Some(_), None) => Standing::Waiting,
        _ => Standing::Connected,
    };
    let not_granted = match standing {
        Standing::Waiting => Vec::new(),
        _ => smart::missing(&settings.scope, settings.granted.as_deref()),
    };
    let (resources, gone) = store::count_items(conn, row.number)?;
    let reports = connector(row, &settings, &secrets, false, 0)?.reports();
    Ok(Source {
        name: row.name.clone(),
        kind: kind(row)?,
        record: log.record,
        address: settings.address,
        standing,
        not_granted,
        pulled_at: row.pulled_at,
        resources,
        gone,
        kinds: kinds(reports),
    })
}

fn kind(row: &SourceRow) -> Result<SourceKind> {
    match row.kind.as_str() {
        SMART => Ok(SourceKind::Smart),
        WITHINGS => Ok(SourceKind::Withings),
        NIGHTSCOUT => Ok(SourceKind::Nightscout),
        _ => Err(Error::Newer),
    }
}

fn kinds(reports: Reports) -> Vec<KindResult> {
    let one = |(kind, report): (String, KindReport)| KindResult {
        kind,
        outcome: report.outcome,
        reason: report.reason,
        said: report.said,
        received: report.received,
    };
    reports.into_iter().map(one).collect()
}

/// The connector of a source, where it stands.
fn connector(
    row: &SourceRow,
    settings: &Settings,
    secrets: &Secrets,
    whole: bool,
    now: i64,
) -> Result<Connector> {
    let granted = secrets
        .tokens
        .as_ref()
        .and_then(|tokens| smart::granted_kinds(tokens.scope.as_deref()));
    let (address, subject) = (
        &settings.address,
        settings.subject.as_deref().unwrap_or_default(),
    );
    Ok(match kind(row)? {
        SourceKind::Smart => {
            let run = FhirRun::new(address, subject, granted, read_state(row)?, whole, now);
            Connector::Fhir(Box::new(run))
        }
        SourceKind::Withings => {
            let run = WithingsRun::new(address, subject, read_state(row)?, whole);
            Connector::Withings(Box::new(run))
        }
        SourceKind::Nightscout => {
            let run = NightscoutRun::new(address, read_state(row)?, whole);
            Connector::Nightscout(Box::new(run))
        }
    })
}

fn read_state<T: Default + serde::de::DeserializeOwned>(row: &SourceRow) -> Result<T> {
    match row.state.as_str() {
        "" => Ok(T::default()),
        text => serde_json::from_str(text).map_err(|_| Error::Corrupt("the state of a source")),
    }
}

/// How a source is opened; none while the person has not signed in.
fn access(kind: SourceKind, settings: &Settings, secrets: &Secrets) -> Option<Access> {
    let Some(endpoints) = &settings.endpoints else {
        let header = secrets.header.clone();
        return Some(header.map_or(Access::Open, |value| Access::Header("api-secret", value)));
    };
    let grant = Grant {
        client: secrets.client.clone()?,
        endpoints: endpoints.clone(),
        manner: manner(kind),
        tokens: secrets.tokens.clone()?,
    };
    Some(Access::OAuth(Box::new(grant)))
}

/// How a source's token endpoint wants to be spoken to.
fn manner(kind: SourceKind) -> Manner {
    match kind {
        SourceKind::Withings => Manner::Withings,
        SourceKind::Smart | SourceKind::Nightscout => Manner::Standard,
    }
}

/// Forgets a source and what opens it. What came from it stays in the record.
pub fn remove(open: &Unlocked, name: &str) -> Result<()> {
    open.write(|tx| {
        let row = store::source(tx, name)?.ok_or(NO_SOURCE)?;
        Secrets::remove(tx, row.number)?;
        store::remove_source(tx, row.number)
    })
}
