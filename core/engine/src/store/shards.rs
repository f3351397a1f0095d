//! Where an edit of the patient layer belongs.

use super::rows::category_of;
use crate::error::{Error, Result};
use crate::record::ids::ResourceId;
use rusqlite::{Connection, OptionalExtension};

/// The compartment and category of edits about a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardPlace {
    /// The compartment's log.
    pub log: i64,
    /// The category, by its stable name.
    pub category: String,
}

/// Where edits about a resource go: the compartment it lies in, the first of several.
pub fn place_of(conn: &Connection, on: ResourceId) -> Result<ShardPlace> {
    let mut query =
        conn.prepare_cached("SELECT log, category FROM row WHERE id = ?1 ORDER BY log LIMIT 1")?;
    let found: Option<(i64, i64)> = query
        .query_row([on.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let (log, category) = found.ok_or(Error::NotFound("this resource"))?;
    Ok(ShardPlace {
        log,
        category: category_of(category)?.name().to_owned(),
    })
}
