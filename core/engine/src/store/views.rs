//! Lists, search and counts.
//!
//! Rows come newest first by date as written, undated ones last; equal dates by resource id, so that two phones show the
//! same list. Each query is led by one index, named in the SQL: the planner has no statistics and must not guess.

use super::outside::query_words;
use super::rows::{alias_key, category_number, category_of, resource_id};
use super::sort::{earliest, latest};
use super::terms::find_term;
use crate::error::{Error, Result};
use crate::record::ids::ResourceId;
use crate::record::view::{Filter, ListRow, Stats};
use carnet_wire::RecordId;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};

pub use super::detail::{conflicts, detail, history, notes};

/// Matches up to which a search looks every one up; beyond, it walks the timeline and asks which rows match. Both give
/// the same rows: 2,000 look-ups take some 4 ms, and so does a walk that finds 20 rows among 100,000 when 2,000 match.
const FEW_MATCHES: usize = 2_000;
/// Letters a last word needs to stand for all words it begins: one letter begins a tenth of all words.
const PREFIX_LETTERS: usize = 2;
/// Fewest hexadecimal digits that may name a resource.
const PREFIX_DIGITS: usize = 4;

/// Rows, newest first.
pub fn list(connection: &Connection, filter: &Filter) -> Result<Vec<ListRow>> {
    let mut found = Vec::new();
    for record in records(connection, filter)? {
        let Some(plan) = Plan::new(connection, record, filter)? else {
            continue;
        };
        let sql = format!(
            "SELECT r.row, r.sort, r.id FROM row r INDEXED BY {} WHERE {} ORDER BY r.sort DESC, r.id LIMIT {}",
            plan.index,
            plan.condition,
            reach(filter)
        );
        found.extend(matches(connection, &sql, params_from_iter(plan.values))?);
    }
    show(connection, found, filter)
}

/// Rows whose words match every word of `text`, newest first; the last word may be the beginning of one.
pub fn search(connection: &Connection, text: &str, filter: &Filter) -> Result<Vec<ListRow>> {
    let words = query_words(text);
    if words.is_empty() {
        return Ok(Vec::new());
    }
    let mut select = connection.prepare_cached("SELECT rowid FROM search WHERE search MATCH ?1")?;
    let rows = select.query_map([expression(&words)], |row| row.get(0))?;
    let mut rows: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
    rows.sort_unstable();
    let mut found = Vec::new();
    for record in records(connection, filter)? {
        let Some(plan) = Plan::new(connection, record, filter)? else {
            continue;
        };
        found.extend(match rows.len() {
            0..=FEW_MATCHES => look_up(connection, &plan, &rows)?,
            _ => walk(connection, &plan, &rows, filter)?,
        });
    }
    show(connection, found, filter)
}

/// The one resource whose id begins with `prefix`.
pub fn find_prefix(connection: &Connection, prefix: &str) -> Result<ResourceId> {
    let (low, high) = bounds(prefix)?;
    let mut select = connection
        .prepare_cached("SELECT DISTINCT id FROM row WHERE id >= ?1 AND id <= ?2 LIMIT 2")?;
    let ids = select.query_map((low, high), |row| row.get::<_, [u8; 16]>(0))?;
    let ids: Vec<[u8; 16]> = ids.collect::<rusqlite::Result<_>>()?;
    match ids.as_slice() {
        [] => Err(Error::NotFound("a resource with this id")),
        [id] => Ok(ResourceId(*id)),
        _ => Err(Error::Ambiguous("several ids begin so: give more digits")),
    }
}

/// Whether a resource lies in a compartment.
pub fn lies_in(connection: &Connection, id: ResourceId, log: i64) -> Result<bool> {
    let mut query = connection.prepare_cached("SELECT 1 FROM row WHERE id = ?1 AND log = ?2")?;
    Ok(query.exists(params![id.0, log])?)
}

/// Counts of one record or all. What waits for the relay is the log's business: `unsent` and `quarantined` stay 0 here,
/// as does `bytes_on_disk`, which the files tell.
pub fn stats(connection: &Connection, record: Option<RecordId>) -> Result<Stats> {
    let filter = Filter {
        record,
        ..Filter::default()
    };
    let mut stats = Stats::default();
    for record in records(connection, &filter)? {
        count_kinds(connection, record, &mut stats)?;
        let count = |sql: &str| -> Result<u64> {
            let mut select = connection.prepare_cached(sql)?;
            let count: i64 = select.query_row([record], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        };
        stats.versions += count(
            "SELECT count(*) FROM (SELECT DISTINCT s.row, s.content FROM sighting s \
             JOIN row r USING(row) WHERE r.record = ?1)",
        )?;
        stats.attachments += count(
            "SELECT count(DISTINCT a.id) FROM attachment a WHERE a.log IN (SELECT other.log FROM log this \
             JOIN log other ON other.record = this.record WHERE this.log = ?1)",
        )?;
        stats.notes +=
            count("SELECT count(DISTINCT name) FROM entry WHERE kind = 1 AND record = ?1")?;
    }
    Ok(stats)
}

fn count_kinds(connection: &Connection, record: i64, stats: &mut Stats) -> Result<()> {
    let mut select = connection.prepare_cached(
        "SELECT (SELECT text FROM term WHERE term = kind), count(*) FROM row INDEXED BY row_kind \
         WHERE record = ?1 GROUP BY kind",
    )?;
    let mut rows = select.query([record])?;
    while let Some(row) = rows.next()? {
        let count: i64 = row.get(1)?;
        *stats.by_kind.entry(row.get(0)?).or_default() += count.unsigned_abs();
    }
    Ok(())
}

/// The numbers of the records a filter names.
fn records(connection: &Connection, filter: &Filter) -> Result<Vec<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT min(log) FROM log WHERE ?1 IS NULL OR record = ?1 GROUP BY record ORDER BY record",
    )?;
    let records = select.query_map([filter.record.map(|record| record.0)], |row| row.get(0))?;
    Ok(records.collect::<rusqlite::Result<_>>()?)
}

/// The part of a query that a filter decides. Values are always bound, never written into the SQL.
struct Plan {
    index: &'static str,
    condition: String,
    values: Vec<Value>,
}

impl Plan {
    /// `None` when the filter names something no row has.
    fn new(connection: &Connection, record: i64, filter: &Filter) -> Result<Option<Self>> {
        let mut plan = Self {
            index: "row_timeline",
            condition: String::new(),
            values: Vec::new(),
        };
        plan.require("r.record = ?", record);
        if let Some(category) = filter.category {
            plan.lead("row_category", "r.category = ?", category_number(category));
        }
        // The more a condition says, the later it takes the lead.
        for (index, condition, text) in [
            (None, "r.document_category = ?", &filter.document_category),
            (Some("row_kind"), "r.kind = ?", &filter.kind),
            (Some("row_code"), "r.code = ?", &filter.code),
        ] {
            let Some(text) = text else { continue };
            let Some(term) = find_term(connection, text)? else {
                return Ok(None);
            };
            plan.lead(index.unwrap_or(plan.index), condition, term);
        }
        plan.range(filter)?;
        Ok(Some(plan))
    }

    fn range(&mut self, filter: &Filter) -> Result<()> {
        const NOT_A_DATE: Error = Error::Invalid("not a date: give YYYY, YYYY-MM or YYYY-MM-DD");
        let dated = filter.dated || filter.from.is_some() || filter.to.is_some();
        if dated {
            let from = filter
                .from
                .as_deref()
                .map_or(Some(0), earliest)
                .ok_or(NOT_A_DATE)?;
            self.require("r.sort >= ?", from);
        }
        if let Some(to) = &filter.to {
            self.require("r.sort <= ?", latest(to).ok_or(NOT_A_DATE)?);
        }
        Ok(())
    }

    fn lead(&mut self, index: &'static str, condition: &str, value: i64) {
        self.index = index;
        self.require(condition, value);
    }

    fn require(&mut self, condition: &str, value: i64) {
        if !self.condition.is_empty() {
            self.condition.push_str(" AND ");
        }
        self.condition.push_str(condition);
        self.values.push(Value::Integer(value));
    }
}

/// A row and its place in the order.
struct Match {
    row: i64,
    sort: i64,
    id: ResourceId,
}

impl Match {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            row: row.get(0)?,
            sort: row.get(1)?,
            id: ResourceId(row.get(2)?),
        })
    }
}

fn matches(connection: &Connection, sql: &str, values: impl Params) -> Result<Vec<Match>> {
    let mut select = connection.prepare_cached(sql)?;
    let found = select.query_map(values, Match::read)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Looks every matching row up.
fn look_up(connection: &Connection, plan: &Plan, rows: &[i64]) -> Result<Vec<Match>> {
    let sql = format!(
        "SELECT r.row, r.sort, r.id FROM row r WHERE {} AND r.row = ?",
        plan.condition
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut found = Vec::new();
    for row in rows {
        let values = plan.values.iter().cloned().chain([Value::Integer(*row)]);
        found.extend(
            select
                .query_row(params_from_iter(values), Match::read)
                .optional()?,
        );
    }
    Ok(found)
}

/// Walks the rows in order and keeps those that match, until there are enough.
fn walk(connection: &Connection, plan: &Plan, rows: &[i64], filter: &Filter) -> Result<Vec<Match>> {
    let sql = format!(
        "SELECT r.row, r.sort, r.id FROM row r INDEXED BY {} WHERE {} ORDER BY r.sort DESC, r.id",
        plan.index, plan.condition
    );
    let mut select = connection.prepare_cached(&sql)?;
    let mut walked = select.query(params_from_iter(plan.values.iter().cloned()))?;
    let enough = usize::try_from(reach(filter)).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    while let Some(row) = walked.next()? {
        if rows.binary_search(&row.get(0)?).is_ok() {
            found.push(Match::read(row)?);
            if found.len() >= enough {
                break;
            }
        }
    }
    Ok(found)
}

/// How far into each record a page reaches; -1 is SQLite's "all".
fn reach(filter: &Filter) -> i64 {
    filter
        .limit
        .map_or(-1, |limit| i64::from(limit) + i64::from(filter.offset))
}

/// Orders what all records gave, cuts the page out, and reads it.
fn show(connection: &Connection, mut found: Vec<Match>, filter: &Filter) -> Result<Vec<ListRow>> {
    found.sort_unstable_by(|a, b| {
        b.sort
            .cmp(&a.sort)
            .then(a.id.cmp(&b.id))
            .then(a.row.cmp(&b.row))
    });
    let limit = filter.limit.map_or(usize::MAX, |limit| limit as usize);
    let page = found.into_iter().skip(filter.offset as usize).take(limit);
    page.map(|found| list_row(connection, found.row)).collect()
}

const LIST_ROW: &str = r#"SELECT r.id, l.record, (SELECT text FROM term WHERE term = r.kind), r.category,
  (SELECT text FROM term WHERE term = r.document_category), (SELECT text FROM term WHERE term = r.system),
  (SELECT text FROM term WHERE term = r.code), (SELECT text FROM term WHERE term = r.display),
  (SELECT text FROM term WHERE term = r.display_fr), (SELECT text FROM term WHERE term = r.display_en),
  r.display_from, r.record, r."when", r.value, (SELECT text FROM term WHERE term = r.comparator),
  (SELECT text FROM term WHERE term = r.unit), (SELECT text FROM term WHERE term = r.status), o.name, r.corrected, r.notes
  FROM row r JOIN log l USING(log) JOIN origin o USING(origin) WHERE r.row = ?1"#;

/// One row as lists show it.
pub(super) fn list_row(connection: &Connection, row: i64) -> Result<ListRow> {
    let mut select = connection.prepare_cached(LIST_ROW)?;
    let mut rows = select.query([row])?;
    let row = rows.next()?.ok_or(Error::Corrupt("a row is missing"))?;
    let display: Option<String> = row.get(7)?;
    let mut names = Names::of(display, row.get(8)?, row.get(9)?);
    if let (None, Some(from)) = (&names.0, row.get::<_, Option<i64>>(10)?) {
        names = names_of_alias(connection, from, row.get(11)?)?;
    }
    Ok(ListRow {
        id: resource_id(
            row.get_ref(0)?
                .as_blob()
                .map_err(|_| Error::Corrupt("an id"))?,
        )?,
        record: RecordId(row.get(1)?),
        kind: row.get(2)?,
        category: category_of(row.get(3)?)?,
        document_category: row.get(4)?,
        system: row.get(5)?,
        code: row.get(6)?,
        display_fr: names.0,
        display_en: names.1,
        when: row.get(12)?,
        value: row.get(13)?,
        comparator: row.get(14)?,
        unit: row.get(15)?,
        status: row.get(16)?,
        source: row.get(17)?,
        corrected: row.get(18)?,
        notes: row.get(19)?,
    })
}

/// The French and the English name: each the built-in one, else the source's own words.
pub(super) struct Names(pub(super) Option<String>, pub(super) Option<String>);

impl Names {
    fn of(display: Option<String>, french: Option<String>, english: Option<String>) -> Self {
        // A name in one language only is better than none in the other.
        let own = display
            .or_else(|| english.clone())
            .or_else(|| french.clone());
        Self(french.or_else(|| own.clone()), english.or(own))
    }
}

/// The row a reference points to: of several that carry the name, the smallest id, the same on every device.
pub(super) fn row_of_alias(
    connection: &Connection,
    alias: i64,
    record: i64,
) -> Result<Option<i64>> {
    let mut select = connection.prepare_cached(
        "SELECT r.row FROM alias a JOIN row r USING(row) WHERE a.key = ?1 AND r.record = ?2 ORDER BY r.id LIMIT 1",
    )?;
    Ok(select
        .query_row((alias, record), |row| row.get(0))
        .optional()?)
}

/// The row a reference as written points to.
pub(super) fn row_of_reference(
    connection: &Connection,
    target: &str,
    record: i64,
) -> Result<Option<i64>> {
    row_of_alias(connection, alias_key(target), record)
}

fn names_of_alias(connection: &Connection, alias: i64, record: i64) -> Result<Names> {
    match row_of_alias(connection, alias, record)? {
        Some(row) => names_of_row(connection, row),
        None => Ok(Names(None, None)),
    }
}

/// The names a row itself has; names are not followed further, so two resources that point at each other end here.
pub(super) fn names_of_row(connection: &Connection, row: i64) -> Result<Names> {
    let mut select = connection.prepare_cached(
        "SELECT (SELECT text FROM term WHERE term = display), (SELECT text FROM term WHERE term = display_fr), \
         (SELECT text FROM term WHERE term = display_en) FROM row WHERE row = ?1",
    )?;
    Ok(select.query_row([row], |row| {
        Ok(Names::of(row.get(0)?, row.get(1)?, row.get(2)?))
    })?)
}

/// The query in the language of FTS5. The words are folded, so they hold no quote.
fn expression(words: &[String]) -> String {
    let mut expression = String::new();
    for (at, word) in words.iter().enumerate() {
        let last = at + 1 == words.len();
        let prefix = last && word.chars().count() >= PREFIX_LETTERS;
        expression.push('"');
        expression.extend(word.chars().filter(|character| *character != '"'));
        expression.push_str(if prefix { "\"* " } else { "\" " });
    }
    expression
}

/// The smallest and greatest id that begin so.
fn bounds(prefix: &str) -> Result<([u8; 16], [u8; 16])> {
    let well_formed = prefix.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !well_formed || !(PREFIX_DIGITS..=32).contains(&prefix.len()) {
        return Err(Error::Invalid("an id is 4 to 32 hexadecimal digits"));
    }
    let padded = |fill: &str| {
        let digits = prefix.to_ascii_lowercase() + &fill.repeat(32 - prefix.len());
        ResourceId::from_hex(&digits)
            .map(|id| id.0)
            .ok_or(Error::Bug("hexadecimal digits"))
    };
    Ok((padded("0")?, padded("f")?))
}
