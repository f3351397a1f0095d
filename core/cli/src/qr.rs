//! A QR code drawn with half blocks, for a phone that reads it from a terminal. Dark on light wherever colours may be
//! used: many readers refuse the opposite.

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// The lines of the code, or none when it does not fit in `width` columns.
pub fn lines(text: &str, width: usize, style: bool) -> Option<Vec<String>> {
    let code = QrCode::new(text).ok()?;
    let mut renderer = code.render::<Dense1x2>();
    if !style {
        // Without colours terminals are taken for dark: blocks are light.
        renderer
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark);
    }
    let drawn = renderer.quiet_zone(true).build();
    let fits = drawn.lines().all(|line| line.chars().count() <= width);
    fits.then(|| drawn.lines().map(|line| dress(line, style)).collect())
}

/// Black on white, whatever the terminal's own colours.
fn dress(line: &str, style: bool) -> String {
    match style {
        true => format!("\u{1b}[30;107m{line}\u{1b}[0m"),
        false => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The modules of a drawing, quiet zone and all: two rows in a line.
    fn modules(lines: &[String], dark_is_block: bool) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in lines {
            let cell = |c: char, upper: bool| {
                let block = match c {
                    '█' => true,
                    '▀' => upper,
                    '▄' => !upper,
                    _ => false,
                };
                block == dark_is_block
            };
            for upper in [true, false] {
                rows.push(line.chars().map(|c| cell(c, upper)).collect());
            }
        }
        rows
    }

    #[test]
    fn the_drawing_is_the_code() {
        let text = "CARNET-ABCD-EFGH-0123";
        let code = QrCode::new(text).unwrap();
        let (width, colors) = (code.width(), code.to_colors());
        for (style, dark_is_block) in [(false, false), (true, true)] {
            let lines: Vec<String> = lines(text, 200, style)
                .unwrap()
                .iter()
                .map(|line| line.replace("\u{1b}[30;107m", "").replace("\u{1b}[0m", ""))
                .collect();
            let drawn = modules(&lines, dark_is_block);
            for (at, color) in colors.iter().enumerate() {
                let (row, column) = (at / width + 4, at % width + 4);
                let dark = *color == qrcode::Color::Dark;
                assert_eq!(drawn[row][column], dark, "{row} {column} {style}");
            }
            assert!(drawn[0].iter().all(|dark| !dark), "no quiet zone");
        }
    }

    #[test]
    fn what_does_not_fit_is_not_drawn() {
        let text = "CARNET-ABCD-EFGH-0123";
        let width = lines(text, 200, false).unwrap()[0].chars().count();
        assert!(lines(text, width, false).is_some());
        assert!(lines(text, width - 1, false).is_none());
        assert!(lines(&"x".repeat(5_000), 10_000, false).is_none());
    }
}
