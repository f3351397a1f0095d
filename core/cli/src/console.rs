//! The one writer. Everything printed passes here, so that a reader who leaves (`| head`) ends the command quietly, and so
//! that colour, width and language are decided once.

use crate::error::CliResult;
use crate::language::{Language, Text};
use crate::texts::message;
use serde_json::Value;
use std::io::{IsTerminal, Write};

/// Where answers go, and how they should look.
pub struct Console {
    out: Box<dyn Write>,
    /// The language of people.
    pub language: Language,
    /// Whether programs read the answer.
    pub json: bool,
    /// Whether the answer goes to a terminal.
    pub terminal: bool,
    /// Whether bold may be used.
    pub style: bool,
    /// Whether a progress bar may be drawn on standard error.
    pub progress: bool,
}

impl Console {
    /// The console of this process.
    pub fn standard(language: Language, json: bool, quiet: bool) -> Self {
        let terminal = std::io::stdout().is_terminal();
        let colourless = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self {
            out: Box::new(std::io::BufWriter::new(std::io::stdout())),
            language,
            json,
            terminal,
            style: terminal && !colourless && !dumb,
            progress: !quiet && !dumb && std::io::stderr().is_terminal(),
        }
    }

    /// Prints a line.
    pub fn line(&mut self, line: &str) -> CliResult {
        writeln!(self.out, "{line}")?;
        Ok(())
    }

    /// Prints a line that stands out on a terminal.
    pub fn heading(&mut self, line: &str) -> CliResult {
        match self.style {
            true => self.line(&format!("\u{1b}[1m{line}\u{1b}[0m")),
            false => self.line(line),
        }
    }

    /// Prints a sentence.
    pub fn say(&mut self, text: Text, values: &[&str]) -> CliResult {
        self.line(&text.fill(self.language, values))
    }

    /// Prints an answer for programs: one line, unless a person looks at it.
    pub fn json(&mut self, value: &Value) -> CliResult {
        let text = match self.terminal {
            true => format!("{value:#}"),
            false => value.to_string(),
        };
        self.line(&text)
    }

    /// Prints bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> CliResult {
        self.out.write_all(bytes)?;
        Ok(())
    }

    /// Makes what was printed visible now.
    pub fn flush(&mut self) -> CliResult {
        self.out.flush()?;
        Ok(())
    }

    /// The writer itself, for what is streamed.
    pub fn writer(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    /// Tells something on standard error, where it does not mix with the answer.
    pub fn warn(&self, text: Text, values: &[&str]) {
        let sentence = text.fill(self.language, values);
        tell(&message::WARNING.fill(self.language, &[&sentence]));
    }
}

/// Writes a line on standard error. That nobody reads it must not stop the work.
pub fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
pub mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::CliError;
    use std::sync::{Arc, Mutex};

    /// What a test console printed.
    #[derive(Clone, Default)]
    pub struct Printed(Arc<Mutex<Vec<u8>>>);

    impl Printed {
        /// As text.
        pub fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Printed {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn with(out: Box<dyn Write>, language: Language) -> Console {
        Console {
            out,
            language,
            json: false,
            terminal: false,
            style: false,
            progress: false,
        }
    }

    /// A console that keeps what it prints.
    pub fn console(language: Language) -> (Console, Printed) {
        let printed = Printed::default();
        (with(Box::new(printed.clone()), language), printed)
    }

    struct Gone;

    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_left_ends_it_quietly() {
        let mut console = with(Box::new(Gone), Language::En);
        assert!(matches!(console.line("x"), Err(CliError::OutputClosed)));
    }

    #[test]
    fn no_escape_code_without_a_terminal_and_json_on_one_line() {
        let (mut console, printed) = console(Language::Fr);
        console.heading("1/9").unwrap();
        console.json(&serde_json::json!({ "a": [1] })).unwrap();
        assert_eq!(printed.text(), "1/9\n{\"a\":[1]}\n");
    }
}
