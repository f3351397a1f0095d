//! Puts the chosen language into clap: every `--help`, and every error about what was typed.

use crate::arguments::Arguments;
use crate::language::{Language, Text};
use crate::texts::{help, usage};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, CommandFactory};

/// The whole command line in one language.
pub fn command(language: Language) -> Command {
    let version = Arg::new("version")
        .short('V')
        .long("version")
        .action(ArgAction::Version);
    localise(Arguments::command().arg(version), "", language)
}

fn localise(command: Command, path: &str, language: Language) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|child| child.get_name().to_owned())
        .collect();
    let ids: Vec<String> = command
        .get_arguments()
        .map(|argument| argument.get_id().to_string())
        .collect();
    let mut command = dress(command, path, language);
    for id in ids {
        let key = format!("{path}:{id}");
        command = command.mut_arg(&id, |argument| dress_argument(argument, &key, language));
    }
    for name in names {
        let child = format!("{path} {name}");
        command = command.mut_subcommand(&name, |sub| localise(sub, child.trim_start(), language));
    }
    command
}

fn dress(command: Command, path: &str, language: Language) -> Command {
    let template = usage::TEMPLATE.pick(language);
    let help_flag = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::Help)
        .help(usage::HELP_FLAG.pick(language))
        .help_heading(usage::COMMON.pick(language));
    let mut command = command
        .disable_help_flag(true)
        .arg(help_flag)
        .help_template(template)
        .subcommand_help_heading(usage::COMMANDS.pick(language))
        .subcommand_value_name(usage::COMMAND.pick(language));
    if let Some(about) = help::about(path) {
        command = command.about(about.pick(language));
    }
    if let Some(after) = help::after(path) {
        command = command.after_help(after.pick(language));
    }
    command
}

fn dress_argument(argument: Arg, key: &str, language: Language) -> Arg {
    let Some((value, text)) = help::argument(key) else {
        return argument;
    };
    let heading = if key.starts_with(':') {
        usage::COMMON
    } else if argument.is_positional() {
        usage::ARGUMENTS
    } else {
        usage::OPTIONS
    };
    let argument = argument
        .help(text.pick(language))
        .help_heading(heading.pick(language));
    if argument.get_action().takes_values() {
        argument.value_name(value.pick(language))
    } else {
        argument
    }
}

/// The help of a command named by its words, as `carnet help device join` asks for it.
pub fn page(language: Language, words: &[String]) -> Option<String> {
    let mut root = command(language);
    root.build();
    let mut found = &mut root;
    for word in words {
        found = found.find_subcommand_mut(word)?;
    }
    Some(found.render_long_help().to_string())
}

/// One line that says what is wrong with what was typed. clap's own words exist in English only.
pub fn usage_error(error: &clap::Error, language: Language) -> String {
    let (text, kinds) = usage_text(error.kind());
    let values: Vec<String> = kinds.iter().map(|kind| context(error, *kind)).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    text.fill(language, &values)
}

fn usage_text(kind: ErrorKind) -> (Text, &'static [ContextKind]) {
    use ContextKind::{InvalidArg, InvalidSubcommand, InvalidValue, PriorArg};
    match kind {
        ErrorKind::InvalidSubcommand => (usage::UNKNOWN_COMMAND, &[InvalidSubcommand]),
        ErrorKind::UnknownArgument => (usage::UNKNOWN_ARGUMENT, &[InvalidArg]),
        ErrorKind::MissingRequiredArgument => (usage::MISSING_ARGUMENT, &[InvalidArg]),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            (usage::INVALID_VALUE, &[InvalidArg, InvalidValue])
        }
        ErrorKind::ArgumentConflict => (usage::CONFLICT, &[InvalidArg, PriorArg]),
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            (usage::MISSING_COMMAND, &[])
        }
        _ => (usage::OTHER, &[]),
    }
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;

    fn keys(command: &Command, path: &str, found: &mut BTreeSet<String>) {
        found.insert(path.to_owned());
        for argument in command.get_arguments() {
            found.insert(format!("{path}:{}", argument.get_id()));
        }
        for child in command.get_subcommands() {
            keys(
                child,
                format!("{path} {}", child.get_name()).trim_start(),
                found,
            );
        }
    }

    #[test]
    fn every_command_and_argument_has_its_help_and_every_help_its_command() {
        let mut wanted = BTreeSet::new();
        let root = Arguments::command().arg(Arg::new("version").long("version"));
        keys(&root, "", &mut wanted);
        let written: BTreeSet<String> = help::keys().map(str::to_owned).collect();
        let missing: Vec<_> = wanted.difference(&written).collect();
        let idle: Vec<_> = written.difference(&wanted).collect();
        assert!(missing.is_empty(), "without help: {missing:?}");
        assert!(idle.is_empty(), "help for nothing: {idle:?}");
    }

    #[test]
    fn both_languages_render_and_differ_everywhere() {
        let mut paths = BTreeSet::new();
        keys(&Arguments::command(), "", &mut paths);
        for path in paths.iter().filter(|path| !path.contains(':')) {
            let words: Vec<String> = path.split_whitespace().map(str::to_owned).collect();
            let fr = page(Language::Fr, &words).unwrap();
            let en = page(Language::En, &words).unwrap();
            assert_ne!(fr, en, "{path}");
            for english in [
                "Print ",
                "Usage: ",
                "Commands:",
                "possible values",
                "default:",
            ] {
                assert!(!fr.contains(english), "{path}: {english}");
            }
        }
        assert!(page(Language::Fr, &["nothing".to_owned()]).is_none());
    }

    fn complaint(line: &str, language: Language) -> String {
        let error = command(language)
            .try_get_matches_from(line.split(' '))
            .unwrap_err();
        usage_error(&error, language)
    }

    #[test]
    fn errors_about_what_was_typed_name_it_in_the_language() {
        for (line, named) in [
            ("carnet improt x", "improt"),
            ("carnet stats --nope", "--nope"),
            ("carnet import", "PATH"),
            ("carnet sync --deadline soon", "soon"),
            ("carnet show 12ab --history --original", "--original"),
            ("carnet --lang de stats", "de"),
        ] {
            let en = complaint(line, Language::En);
            assert!(en.contains(named), "{line}: {en}");
            let fr = complaint(line, Language::Fr);
            assert_ne!(en, fr);
            assert!(!en.contains('\n') && !fr.contains('\n'));
        }
    }

    #[test]
    fn no_argument_carries_a_secret() {
        let mut found = BTreeSet::new();
        keys(&Arguments::command(), "", &mut found);
        assert!(
            !found
                .iter()
                .any(|key| key.ends_with(":passphrase") || key.ends_with(":password"))
        );
    }
}
