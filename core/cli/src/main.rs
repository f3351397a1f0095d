//! `carnet`: the companion of Carnet on the command line.
//!
//! One file per family of commands under `commands`; every sentence in both languages under `texts`; one writer, in
//! `console`. This crate holds no rule of the record: it asks the engine and shows the answer.

mod arguments;
mod cancel;
mod commands;
mod console;
mod context;
mod error;
mod findings;
mod format;
mod help;
mod json;
mod language;
mod network;
mod passphrase;
mod passphrase_store;
mod progress;
mod qr;
#[cfg(test)]
mod samples;
mod table;
mod texts;

use arguments::Arguments;
use clap::FromArgMatches;
use clap::error::ErrorKind;
use console::Console;
use context::Context;
use error::{CliError, CliResult};
use language::Language;
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    quiet_panics();
    let words: Vec<OsString> = std::env::args_os().collect();
    let language = language::choose(&words, sys_locale::get_locale().as_deref());
    let Err(error) = run(words, language) else {
        return ExitCode::SUCCESS;
    };
    if let Some(line) = error.line(language) {
        console::tell(&line);
    }
    ExitCode::from(error.code())
}

/// A panic says where it happened and never what it held: the text of a panic, ours or a library's, may quote the record.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map(|at| format!("{}:{}", at.file(), at.line()));
        console::tell(&format!(
            "carnet: internal error at {}",
            place.unwrap_or_default()
        ));
    }));
}

fn run(words: Vec<OsString>, language: Language) -> CliResult {
    let Some(arguments) = read(words, language)? else {
        return Ok(());
    };
    let global = arguments.global;
    let console = Console::standard(language, global.json, global.quiet);
    let mut context = Context { console, global };
    let done = commands::run(arguments.command, &mut context);
    let flushed = context.console.flush();
    done.and(flushed)
}

/// What was typed, or none when clap has answered it (`--help`, `--version`).
fn read(words: Vec<OsString>, language: Language) -> CliResult<Option<Arguments>> {
    let matches = help::command(language).try_get_matches_from(words);
    let arguments = matches.and_then(|matches| Arguments::from_arg_matches(&matches));
    match arguments {
        Ok(arguments) => Ok(Some(arguments)),
        Err(answer)
            if matches!(
                answer.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            answer.print()?;
            Ok(None)
        }
        Err(error) => Err(CliError::Usage(help::usage_error(&error, language))),
    }
}
