//! Original texts: they lie only inside the compressed changes, and rows point to them by change and item.

use super::outside::unpack;
use crate::error::{Error, Result};
use crate::record::change::{Change, Item, Origin};
use carnet_wire::RecordId;
use rusqlite::{Connection, OptionalExtension};

/// One resource item with what it takes to derive its row again.
pub(super) struct Located<'a> {
    pub(super) text: &'a str,
    pub(super) issuer: &'a str,
    pub(super) full_url: Option<&'a str>,
}

/// Unpacks changes, keeping the last: neighbouring items mostly lie in the same one.
pub(super) struct Texts<'c> {
    connection: &'c Connection,
    last: Option<(i64, Change)>,
}

impl<'c> Texts<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            last: None,
        }
    }

    /// The change with this number.
    pub(super) fn change(&mut self, change: i64) -> Result<&Change> {
        let last = match self.last.take() {
            Some(last) if last.0 == change => last,
            _ => (change, load(self.connection, change)?),
        };
        Ok(&self.last.insert(last).1)
    }

    /// The resource at `item` of the change that `origin` belongs to.
    pub(super) fn resource(&mut self, origin: i64, item: u32) -> Result<Located<'_>> {
        let change: Option<i64> = self
            .connection
            .prepare_cached("SELECT change FROM origin WHERE origin = ?1")?
            .query_row([origin], |row| row.get(0))
            .optional()?;
        let change = change.ok_or(Error::Corrupt("a row points to no change"))?;
        locate(self.change(change)?, item).ok_or(Error::Corrupt("a row points to no text"))
    }
}

/// Reads and unpacks one change.
pub(super) fn load(connection: &Connection, change: i64) -> Result<Change> {
    let mut select = connection.prepare_cached("SELECT body FROM change WHERE change = ?1")?;
    let body: Option<Vec<u8>> = select.query_row([change], |row| row.get(0)).optional()?;
    unpack(&body.ok_or(Error::Corrupt("a row points to no change"))?)
}

/// The text of a resource item and what belongs to it.
pub(super) fn locate(change: &Change, item: u32) -> Option<Located<'_>> {
    match change.items.get(usize::try_from(item).ok()?)? {
        Item::Resource {
            issuer,
            full_url,
            body,
            ..
        } => Some(Located {
            text: std::str::from_utf8(body_of(change, *body)?).ok()?,
            issuer,
            full_url: full_url.as_deref(),
        }),
        _ => None,
    }
}

/// The bytes an item names.
pub(super) fn body_of(change: &Change, body: u32) -> Option<&[u8]> {
    let body = change.bodies.get(usize::try_from(body).ok()?)?;
    Some(body.as_slice())
}

/// Where an item comes from.
pub(super) fn origin_of(change: &Change, position: u32) -> Option<&Origin> {
    change.origins.get(usize::try_from(position).ok()?)
}

/// The original text of the current version in `row`.
pub fn text_of(connection: &Connection, row: i64) -> Result<String> {
    let mut select = connection.prepare_cached("SELECT origin, item FROM row WHERE row = ?1")?;
    let (origin, item) = select.query_row([row], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Texts::new(connection)
        .resource(origin, item)?
        .text
        .to_owned())
}

/// Gives every current text of a record, and the `fullUrl` it came with, to `take`, change by change, in an order that devices agree on.
pub fn each_current_text(
    connection: &Connection,
    record: RecordId,
    mut take: impl FnMut(&str, Option<&str>) -> Result<()>,
) -> Result<u64> {
    let mut select = connection.prepare_cached(
        "SELECT r.origin, r.item FROM row r JOIN origin USING(origin) JOIN change c USING(change) \
         WHERE r.log IN (SELECT log FROM log WHERE record = ?1) ORDER BY c.lamport, c.id, r.item",
    )?;
    let mut rows = select.query([record.0])?;
    let mut texts = Texts::new(connection);
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let located = texts.resource(row.get(0)?, row.get(1)?)?;
        take(located.text, located.full_url)?;
        count += 1;
    }
    Ok(count)
}
