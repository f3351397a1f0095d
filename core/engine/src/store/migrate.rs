//! The schema and how an older one becomes this one: forward only, one transaction for each step.

use super::open::APPLICATION_ID;
use crate::error::{Error, Result};
use rusqlite::{Connection, Transaction, TransactionBehavior};

/// The schema each step leads to, and the step. Released steps never change; every released file is kept in `tests/old`.
pub(super) const MIGRATIONS: &[(u32, &str)] = &[(
    1,
    concat!(
        include_str!("schema/log.sql"),
        include_str!("schema/sources.sql"),
        include_str!("schema/trust.sql"),
        include_str!("schema/views.sql"),
        include_str!("schema/access.sql"),
        include_str!("schema/presence.sql"),
        include_str!("schema/series.sql")
    ),
)];

/// The schema of this build.
pub fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |(version, _)| *version)
}

/// Refuses what this build must not touch: a newer schema, or a database of something else.
pub(super) fn check(connection: &Connection) -> Result<()> {
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if application != APPLICATION_ID {
        return Err(Error::Corrupt("the database has no schema"));
    }
    match version(connection)? {
        0 => Err(Error::Corrupt("the database has no schema")),
        found if found > newest() => Err(Error::Newer),
        _ => Ok(()),
    }
}

/// Fills an empty database in one transaction: the schema, the identity of the vault, and what the caller adds.
pub(super) fn initialise(
    connection: &mut Connection,
    fill: impl FnOnce(&Transaction<'_>) -> Result<()>,
) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    run_from(&transaction, 0, MIGRATIONS)?;
    super::meta::initialise(&transaction)?;
    fill(&transaction)?;
    transaction.commit()?;
    Ok(())
}

/// Runs the steps this database has not seen, one transaction each: a kill between two leaves a whole older schema.
pub(super) fn forward(connection: &mut Connection) -> Result<()> {
    forward_by(connection, MIGRATIONS)
}

fn forward_by(connection: &mut Connection, steps: &[(u32, &str)]) -> Result<()> {
    let goal = steps.last().map_or(0, |(version, _)| *version);
    while version(connection)? < goal {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Read again: another process may have migrated while this one waited for the lock.
        let found = version(&transaction)?;
        if let Some(step) = steps.iter().find(|(version, _)| *version > found) {
            run(&transaction, step)?;
        }
        transaction.commit()?;
    }
    Ok(())
}

fn run_from(transaction: &Transaction<'_>, found: u32, steps: &[(u32, &str)]) -> Result<()> {
    steps
        .iter()
        .filter(|(version, _)| *version > found)
        .try_for_each(|step| run(transaction, step))
}

fn run(transaction: &Transaction<'_>, (version, sql): &(u32, &str)) -> Result<()> {
    transaction.execute_batch(sql)?;
    transaction.pragma_update(None, "user_version", version)?;
    Ok(())
}

fn version(connection: &Connection) -> Result<u32> {
    Ok(connection.pragma_query_value(None, "user_version", |row| row.get(0))?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const STEPS: &[(u32, &str)] = &[
        (1, "CREATE TABLE one(a); INSERT INTO one VALUES(1);"),
        (2, "ALTER TABLE one ADD COLUMN b; UPDATE one SET b = a + 1;"),
        (4, "CREATE TABLE two AS SELECT b FROM one;"),
    ];

    #[test]
    fn runs_each_missing_step_once() {
        let mut connection = Connection::open_in_memory().unwrap();
        forward_by(&mut connection, &STEPS[..1]).unwrap();
        assert_eq!(version(&connection).unwrap(), 1);
        forward_by(&mut connection, STEPS).unwrap();
        forward_by(&mut connection, STEPS).unwrap();
        assert_eq!(version(&connection).unwrap(), 4);
        let two: i64 = connection
            .query_row("SELECT b FROM two", [], |row| row.get(0))
            .unwrap();
        assert_eq!(two, 2);
    }

    #[test]
    fn a_failing_step_leaves_the_older_schema_whole() {
        let mut connection = Connection::open_in_memory().unwrap();
        forward_by(&mut connection, &STEPS[..1]).unwrap();
        let broken = [STEPS[0], (2, "CREATE TABLE half(a); SELECT nonsense;")];
        assert!(forward_by(&mut connection, &broken).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(connection.prepare("SELECT * FROM half").is_err());
    }

    #[test]
    fn versions_only_rise() {
        assert!(MIGRATIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(newest() > 0);
    }
}
