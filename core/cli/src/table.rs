//! Tables for people: as wide as the terminal, unwrapped where no terminal is, so that `grep` sees whole lines.

use crate::console::Console;
use crate::error::CliResult;
use crate::language::Text;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, LineStyle, Table, presets};

/// Below this many columns, a column that can be spared is left out.
const NARROW: u16 = 90;

/// One column: its heading, and whether a narrow terminal may do without it.
pub struct Column {
    heading: Text,
    spare: bool,
    right: bool,
}

impl Column {
    /// A column that always shows.
    pub const fn new(heading: Text) -> Self {
        Self {
            heading,
            spare: false,
            right: false,
        }
    }

    /// A column that a narrow terminal leaves out.
    pub const fn spare(heading: Text) -> Self {
        Self {
            heading,
            spare: true,
            right: false,
        }
    }

    /// A column of numbers.
    pub const fn number(heading: Text) -> Self {
        Self {
            heading,
            spare: false,
            right: true,
        }
    }
}

/// How many columns the terminal has, where there is one.
pub fn terminal_width() -> Option<usize> {
    Table::new().width().map(usize::from)
}

/// Prints a table. Columns that are empty in every row are left out.
pub fn print(console: &mut Console, columns: &[Column], rows: &[Vec<String>]) -> CliResult {
    let width = console.terminal.then(|| Table::new().width()).flatten();
    let text = render(console, columns, rows, width);
    for line in text.lines() {
        console.line(line.trim_end())?;
    }
    Ok(())
}

fn render(
    console: &Console,
    columns: &[Column],
    rows: &[Vec<String>],
    width: Option<u16>,
) -> String {
    let shown = shown(columns, rows, width);
    let mut table = Table::new();
    // Lines around the table and below its headings, none between rows: records are long.
    table.load_style(presets::UTF8_HORIZONTAL_ONLY.row_separator(LineStyle::none()));
    match width {
        Some(width) => table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    if console.style {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    let pick = |cells: &[Cell]| {
        shown
            .iter()
            .filter_map(|index| cells.get(*index).cloned())
            .collect::<Vec<_>>()
    };
    let headings: Vec<Cell> = columns
        .iter()
        .map(|column| {
            Cell::new(column.heading.pick(console.language)).add_attribute(Attribute::Bold)
        })
        .collect();
    table.set_header(pick(&headings));
    for row in rows {
        let cells: Vec<Cell> = row
            .iter()
            .zip(columns)
            .map(|(text, column)| cell(text, column))
            .collect();
        table.add_row(pick(&cells));
    }
    table.to_string()
}

fn cell(text: &str, column: &Column) -> Cell {
    let cell = Cell::new(text);
    match column.right {
        true => cell.set_alignment(CellAlignment::Right),
        false => cell,
    }
}

fn shown(columns: &[Column], rows: &[Vec<String>], width: Option<u16>) -> Vec<usize> {
    let narrow = width.is_some_and(|width| width < NARROW);
    let filled = |index: usize| {
        rows.iter()
            .any(|row| row.get(index).is_some_and(|text| !text.is_empty()))
    };
    (0..columns.len())
        .filter(|index| filled(*index))
        .filter(|index| !narrow || columns.get(*index).is_some_and(|column| !column.spare))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;
    use crate::texts::message::{H_COUNT, H_SOURCE, H_VALUE, H_WHAT};

    const COLUMNS: [Column; 4] = [
        Column::new(H_WHAT),
        Column::new(H_VALUE),
        Column::spare(H_SOURCE),
        Column::number(H_COUNT),
    ];

    fn rows() -> Vec<Vec<String>> {
        let long = "Vaccin contre la diphtérie, le tétanos et la poliomyélite".to_owned();
        vec![
            vec![long, String::new(), "a.json".to_owned(), "1".to_owned()],
            vec![
                "b".to_owned(),
                String::new(),
                "b.json".to_owned(),
                "10".to_owned(),
            ],
        ]
    }

    #[test]
    fn empty_columns_are_left_out_and_lines_stay_whole_without_a_terminal() {
        let (console, _) = console(Language::Fr);
        let text = render(&console, &COLUMNS, &rows(), None);
        assert!(!text.contains("Valeur"));
        assert!(text.contains("Nombre") && text.contains("tétanos et la poliomyélite"));
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn a_terminal_width_is_kept_and_spare_columns_go_first() {
        let (console, _) = console(Language::En);
        let wide = render(&console, &COLUMNS, &rows(), Some(120));
        assert!(wide.contains("a.json"));
        let narrow = render(&console, &COLUMNS, &rows(), Some(40));
        assert!(!narrow.contains("a.json"));
        assert!(
            narrow.lines().all(|line| line.chars().count() <= 40),
            "{narrow}"
        );
    }

    #[test]
    fn bold_only_where_style_is_wanted() {
        let (mut console, _) = console(Language::En);
        console.style = true;
        assert!(render(&console, &COLUMNS, &rows(), Some(120)).contains('\u{1b}'));
    }
}
