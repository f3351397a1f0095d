//! `carnet completions` and `help`: about the command line itself.

use crate::arguments::{Completions, Help};
use crate::console::Console;
use crate::error::{CliError, CliResult, Exit};
use crate::help;
use crate::texts::message;

/// Writes completions for a shell.
pub fn completions(arguments: &Completions, console: &mut Console) -> CliResult {
    let mut command = help::command(console.language);
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "carnet", &mut script);
    console.bytes(&script)
}

/// Prints the help of a command.
pub fn help(arguments: &Help, console: &mut Console) -> CliResult {
    let words = &arguments.command;
    let unknown = || CliError::said(Exit::Usage, message::NO_SUCH_COMMAND, &[&words.join(" ")]);
    let page = help::page(console.language, words).ok_or_else(unknown)?;
    console.bytes(page.as_bytes())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;
    use clap::ValueEnum;
    use clap_complete::Shell;

    #[test]
    fn every_shell_gets_completions() {
        for shell in Shell::value_variants() {
            let (mut console, printed) = console(Language::Fr);
            completions(&Completions { shell: *shell }, &mut console).unwrap();
            assert!(printed.text().contains("timeline"), "{shell}");
        }
    }

    #[test]
    fn help_of_a_nested_command() {
        let (mut console, printed) = console(Language::Fr);
        let words = ["device", "join"].map(str::to_owned).to_vec();
        help(&Help { command: words }, &mut console).unwrap();
        assert!(printed.text().contains("--relay"));
        let wrong = help(
            &Help {
                command: vec!["nope".to_owned()],
            },
            &mut console,
        );
        assert_eq!(wrong.unwrap_err().code(), Exit::Usage as u8);
    }
}
