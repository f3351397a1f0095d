//! `carnet timeline`, `list`, `search`: flat rows.

use super::init::date;
use super::person::short;
use crate::arguments::{List, Search, Timeline};
use crate::console::Console;
use crate::context::{self, Context};
use crate::error::{CliError, CliResult, Exit};
use crate::format::{clean, display, quantity, when};
use crate::json;
use crate::language::Language;
use crate::table::{self, Column};
use crate::texts::{message, names};
use carnet::Vault;
use carnet::record::row::Category;
use carnet::vault::{Filter, ListRow, Person};

/// Rows of a table when no limit is given. Programs get all.
const TABLE_ROWS: u32 = 50;

/// The timeline.
pub fn timeline(arguments: &Timeline, context: &mut Context) -> CliResult {
    let language = context.console.language;
    let dated = |typed: &Option<String>| {
        typed
            .as_deref()
            .map(|typed| date(typed, language))
            .transpose()
    };
    let filter = Filter {
        kind: arguments.kind.as_deref().map(kind).transpose()?,
        from: dated(&arguments.from)?,
        to: dated(&arguments.to)?,
        dated: true,
        ..by_category(arguments.category.as_deref())?
    };
    let page = Page::new(arguments.limit, &context.console);
    answer(
        context,
        page,
        arguments.person.as_deref(),
        filter,
        |vault, filter| Ok(vault.list(filter)?),
    )
}

/// The items of a kind.
pub fn list(arguments: &List, context: &mut Context) -> CliResult {
    let filter = Filter {
        kind: Some(kind(&arguments.kind)?),
        ..by_category(arguments.category.as_deref())?
    };
    let page = Page::new(arguments.limit, &context.console);
    answer(
        context,
        page,
        arguments.person.as_deref(),
        filter,
        |vault, filter| Ok(vault.list(filter)?),
    )
}

/// Items that match words.
pub fn search(arguments: &Search, context: &mut Context) -> CliResult {
    let words = arguments.text.join(" ");
    let page = Page::new(arguments.limit, &context.console);
    answer(
        context,
        page,
        arguments.person.as_deref(),
        Filter::default(),
        |vault, filter| Ok(vault.search(&words, filter)?),
    )
}

fn answer(
    context: &mut Context,
    page: Page,
    named: Option<&str>,
    filter: Filter,
    ask: impl Fn(&Vault, &Filter) -> CliResult<Vec<ListRow>>,
) -> CliResult {
    let vault = context.open()?;
    let persons = vault.persons()?;
    let whose = named
        .map(|name| context::person(persons.clone(), Some(name)))
        .transpose()?;
    let filter = Filter {
        record: whose.map(|person| person.record),
        limit: page.asked(),
        ..filter
    };
    let rows = ask(&vault, &filter)?;
    let console = &mut context.console;
    if console.json {
        return console.json(&json::rows(&rows, console.language));
    }
    print(console, &persons, page.shown(&rows))?;
    match page.more(&rows) {
        Some(limit) => console.line(&message::MORE_ROWS.fill(console.language, limit, &[])),
        None => Ok(()),
    }
}

/// How many rows are wanted, and whether there were more: one more than shown is asked for.
struct Page {
    limit: Option<u32>,
    table: bool,
}

impl Page {
    fn new(limit: Option<u32>, console: &Console) -> Self {
        let table = !console.json;
        Self {
            limit: limit.or(table.then_some(TABLE_ROWS)),
            table,
        }
    }

    fn asked(&self) -> Option<u32> {
        let extra = u32::from(self.table);
        self.limit.map(|limit| limit.saturating_add(extra))
    }

    fn shown<'a>(&self, rows: &'a [ListRow]) -> &'a [ListRow] {
        let most = self.limit.map_or(rows.len(), |limit| limit as usize);
        rows.get(..most).unwrap_or(rows)
    }

    fn more(&self, rows: &[ListRow]) -> Option<u64> {
        let limit = self.limit.filter(|limit| rows.len() > *limit as usize);
        limit.map(u64::from)
    }
}

/// Prints rows as a table; the person's name only where several persons are mixed.
pub fn print(console: &mut Console, persons: &[Person], rows: &[ListRow]) -> CliResult {
    if rows.is_empty() {
        return console.say(message::NOTHING, &[]);
    }
    let columns = [
        Column::new(message::H_WHEN),
        Column::new(message::H_PERSON),
        Column::new(message::H_WHAT),
        Column::new(message::H_VALUE),
        Column::spare(message::H_KIND),
        Column::spare(message::H_STATUS),
        Column::new(message::H_MARKS),
        Column::spare(message::H_SOURCE),
        Column::new(message::H_ID),
    ];
    let language = console.language;
    let mixed = rows
        .windows(2)
        .any(|pair| matches!(pair, [one, two] if one.record != two.record));
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let person = persons
                .iter()
                .find(|person| mixed && person.record == row.record);
            cells(row, person, language)
        })
        .collect();
    table::print(console, &columns, &cells)
}

fn cells(row: &ListRow, person: Option<&Person>, language: Language) -> Vec<String> {
    let status = row
        .status
        .as_deref()
        .map(|status| names::status(status, language));
    vec![
        row.when
            .as_deref()
            .map(|text| when(text, language))
            .unwrap_or_default(),
        person.map(|person| clean(&person.name)).unwrap_or_default(),
        display(row, language).map(clean).unwrap_or_default(),
        quantity(row, language),
        clean(names::kind(&row.kind, language)),
        status.map(clean).unwrap_or_default(),
        marks(row, language),
        clean(&row.source),
        short(&row.id.to_string()),
    ]
}

/// What people put beside the source: a correction, notes.
pub fn marks(row: &ListRow, language: Language) -> String {
    let corrected = row
        .corrected
        .then(|| message::CORRECTED_MARK.pick(language).to_owned());
    let notes =
        (row.notes > 0).then(|| message::NOTE_COUNT.fill(language, u64::from(row.notes), &[]));
    corrected
        .into_iter()
        .chain(notes)
        .collect::<Vec<_>>()
        .join(", ")
}

fn kind(typed: &str) -> CliResult<String> {
    let wrong = || CliError::said(Exit::Invalid, message::BAD_KIND, &[typed]);
    names::kind_of(typed).ok_or_else(wrong)
}

/// A category of the record, or one of Mon espace santé.
fn by_category(typed: Option<&str>) -> CliResult<Filter> {
    let Some(typed) = typed else {
        return Ok(Filter::default());
    };
    let category = Category::from_name(&typed.to_lowercase());
    let document_category = names::document_category_of(typed).map(str::to_owned);
    if category.is_none() && document_category.is_none() {
        return Err(CliError::said(
            Exit::Invalid,
            message::BAD_CATEGORY,
            &[typed],
        ));
    }
    Ok(Filter {
        category,
        document_category,
        ..Filter::default()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::samples;

    fn printed(language: Language, rows: &[ListRow], persons: &[Person]) -> String {
        let (mut console, printed) = console(language);
        print(&mut console, persons, rows).unwrap();
        printed.text()
    }

    #[test]
    fn a_row_for_people_follows_the_language() {
        let row = json::tests::row();
        let fr = printed(Language::Fr, std::slice::from_ref(&row), &[]);
        for part in [
            "mars 2021",
            "Protéine C réactive",
            "< 1,0 mg/L",
            "définitif",
            "corrigé, 1 note",
            "bilan.json",
            "3f3f3f3f3f",
        ] {
            assert!(fr.contains(part), "{part} in\n{fr}");
        }
        let en = printed(Language::En, &[row], &[]);
        for part in [
            "March 2021",
            "C reactive protein",
            "< 1.0 mg/L",
            "final",
            "corrected, 1 note",
        ] {
            assert!(en.contains(part), "{part} in\n{en}");
        }
    }

    #[test]
    fn persons_are_named_only_where_they_are_mixed() {
        let persons: Vec<Person> = [(1, "Camille"), (2, "Lou")]
            .map(|(n, name)| Person {
                record: samples::record(n),
                name: name.to_owned(),
                birth_date: None,
            })
            .into();
        let one = json::tests::row();
        let mut two = one.clone();
        two.record = samples::record(2);
        assert!(!printed(Language::Fr, std::slice::from_ref(&one), &persons).contains("Camille"));
        let mixed = printed(Language::Fr, &[one, two], &persons);
        assert!(mixed.contains("Camille") && mixed.contains("Lou"));
    }

    #[test]
    fn no_rows_is_an_answer() {
        assert_eq!(printed(Language::Fr, &[], &[]), "Rien à montrer.\n");
    }

    #[test]
    fn a_table_asks_one_row_more_than_it_shows_and_json_asks_all() {
        let (mut console, _) = console(Language::En);
        let rows = vec![json::tests::row(); 4];
        let page = Page::new(Some(3), &console);
        assert_eq!(page.asked(), Some(4));
        assert_eq!(page.shown(&rows).len(), 3);
        assert_eq!(page.more(&rows), Some(3));
        assert_eq!(page.more(&rows[..3]), None);
        assert_eq!(Page::new(None, &console).asked(), Some(51));
        console.json = true;
        assert_eq!(Page::new(None, &console).asked(), None);
        assert_eq!(Page::new(Some(3), &console).asked(), Some(3));
        assert_eq!(Page::new(Some(u32::MAX), &console).asked(), Some(u32::MAX));
    }

    #[test]
    fn categories_of_both_families() {
        assert_eq!(
            by_category(Some("Laboratory")).unwrap().category,
            Some(Category::Laboratory)
        );
        let french = by_category(Some("biologie")).unwrap();
        assert_eq!(french.document_category.as_deref(), Some("BIOLOGIE"));
        assert_eq!(french.category, None);
        assert_eq!(
            by_category(Some("blood")).unwrap_err().code(),
            Exit::Invalid as u8
        );
        assert_eq!(by_category(None).unwrap(), Filter::default());
    }
}
