//! What can be typed. Names, shapes and nothing else: the words of `--help` stand in [`crate::texts::help`], in both
//! languages, and are put in by [`crate::help`] before clap renders anything.

pub mod access;
pub mod ble;
pub mod changes;
pub mod compartment;
pub mod documents;
pub mod member;
pub mod safety;
pub mod series;
mod sources;

pub use sources::*;

use crate::language::Language;
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, Parser)]
#[command(
    name = "carnet",
    version,
    disable_help_flag = true,
    disable_version_flag = true
)]
#[command(disable_help_subcommand = true, subcommand_required = true)]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    #[arg(long, global = true, env = "CARNET_VAULT", hide_env = true)]
    pub vault: Option<PathBuf>,
    #[arg(
        long,
        global = true,
        value_enum,
        hide_possible_values = true,
        ignore_case = true
    )]
    pub lang: Option<Language>,
    #[arg(long, global = true)]
    pub json: bool,
    #[arg(long, global = true)]
    pub passphrase_file: Option<PathBuf>,
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Init(Init),
    Person(PersonCommand),
    Import(Import),
    Timeline(Timeline),
    Search(Search),
    Show(Show),
    List(List),
    Annotate(Annotate),
    Correct(Correct),
    Conflicts,
    Stats(Whose),
    Documents(documents::Documents),
    Attachment(documents::Attachment),
    Export(Export),
    Device(DeviceCommand),
    Recovery(safety::RecoveryCommand),
    Guardians(safety::GuardiansCommand),
    Emergency(safety::EmergencyCommand),
    HandoverOwnership(safety::OwnershipCommand),
    Member(member::MemberCommand),
    Changes(changes::Changes),
    Compartment(compartment::CompartmentCommand),
    Access(access::AccessArguments),
    Sync(Sync),
    Log(Whose),
    Source(SourceCommand),
    Pull(Pull),
    Verify(Verify),
    Compact(Whose),
    Ble(ble::BleCommand),
    Series(series::SeriesCommand),
    Samples(series::Samples),
    Chart(series::Chart),
    Ingest(series::Ingest),
    Demo(Demo),
    Completions(Completions),
    Help(Help),
}

#[derive(Debug, clap::Args)]
pub struct Init {
    #[arg(long)]
    pub person: String,
    #[arg(long)]
    pub birth_date: Option<String>,
    #[arg(long)]
    pub device_name: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct PersonCommand {
    #[command(subcommand)]
    pub action: PersonAction,
}

#[derive(Debug, Subcommand)]
pub enum PersonAction {
    Add(PersonAdd),
    List,
}

#[derive(Debug, clap::Args)]
pub struct PersonAdd {
    pub name: String,
    #[arg(long)]
    pub birth_date: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Whose {
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Import {
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    #[arg(long)]
    pub person: Option<String>,
    #[arg(long)]
    pub anyway: bool,
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, clap::Args)]
pub struct Timeline {
    #[arg(long)]
    pub from: Option<String>,
    #[arg(long)]
    pub to: Option<String>,
    #[arg(long)]
    pub category: Option<String>,
    #[arg(long)]
    pub kind: Option<String>,
    #[arg(long)]
    pub limit: Option<u32>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Search {
    #[arg(required = true)]
    pub text: Vec<String>,
    #[arg(long)]
    pub limit: Option<u32>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Show {
    pub id: String,
    #[arg(long, conflicts_with = "original")]
    pub history: bool,
    #[arg(long)]
    pub original: bool,
}

#[derive(Debug, clap::Args)]
pub struct List {
    pub kind: String,
    #[arg(long)]
    pub category: Option<String>,
    #[arg(long)]
    pub limit: Option<u32>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Annotate {
    pub id: String,
    pub text: String,
}

#[derive(Debug, clap::Args)]
pub struct Correct {
    pub id: String,
    pub field: String,
    #[arg(allow_hyphen_values = true)]
    pub value: String,
}

#[derive(Debug, clap::Args)]
pub struct Export {
    #[arg(long, value_enum, hide_possible_values = true)]
    pub format: Format,
    pub out: PathBuf,
    #[arg(long)]
    pub to: Option<String>,
    #[arg(long)]
    pub person: Option<String>,
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Fhir,
    Ndjson,
    Archive,
}

#[derive(Debug, clap::Args)]
pub struct DeviceCommand {
    #[command(subcommand)]
    pub action: DeviceAction,
}

#[derive(Debug, Subcommand)]
pub enum DeviceAction {
    List,
    Join(Join),
    Pair(Pair),
    Rename(Rename),
    #[command(alias = "lost")]
    Remove(safety::Remove),
}

#[derive(Debug, clap::Args)]
pub struct Join {
    #[arg(long)]
    pub relay: String,
    #[arg(long)]
    pub device_name: Option<String>,
    #[arg(long, value_parser = duration, default_value = "10m", hide_default_value = true)]
    pub wait: Duration,
    #[arg(long)]
    pub no_qr: bool,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct Rename {
    pub device: String,
    pub name: String,
}

#[derive(Debug, clap::Args)]
pub struct Pair {
    pub code: String,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, Default, clap::Args)]
pub struct Tls {
    #[arg(long, env = "CARNET_TLS_ROOT", hide_env = true)]
    pub tls_root: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Sync {
    #[arg(long)]
    pub relay: Vec<String>,
    #[arg(long, conflicts_with_all = ["relay", "listen", "file", "watch", "background"])]
    pub peer: Option<String>,
    #[arg(long, num_args = 0..=1, default_missing_value = "0.0.0.0:0", conflicts_with_all = ["relay", "file", "watch", "background"])]
    pub listen: Option<String>,
    #[arg(long, requires = "listen")]
    pub once: bool,
    #[arg(long, conflicts_with_all = ["relay", "watch", "background"])]
    pub file: Option<PathBuf>,
    #[arg(long, value_parser = duration)]
    pub deadline: Option<Duration>,
    #[arg(long, conflicts_with_all = ["deadline", "background"])]
    pub watch: bool,
    #[arg(long)]
    pub background: bool,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct Verify {
    #[arg(long)]
    pub rebuild: bool,
}

#[derive(Debug, clap::Args)]
pub struct Demo {
    #[arg(long)]
    pub keep: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Completions {
    #[arg(value_enum, hide_possible_values = true)]
    pub shell: Shell,
}

#[derive(Debug, clap::Args)]
pub struct Help {
    pub command: Vec<String>,
}

// The message never reaches anyone: `usage_error` writes its own, in the chosen language.
fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).ok_or_else(String::new)
}

/// `500ms`, `25s`, `2m`, `1h`; a bare number is seconds. Nought is refused: nothing can be done in it.
fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let millis = match unit {
        "ms" => 1,
        "s" | "" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn clap_agrees_with_the_shape() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("25s"), Some(Duration::from_secs(25)));
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("30"), Some(Duration::from_secs(30)));
        for wrong in [
            "",
            "s",
            "0s",
            "1d",
            "-1s",
            "1.5s",
            "99999999999999999999s",
            "18446744073709551615h",
            "2é",
        ] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_negative_value_is_a_value() {
        let parsed =
            Arguments::try_parse_from(["carnet", "correct", "12ab", "value", "-1.5"]).unwrap();
        let Command::Correct(correct) = parsed.command else {
            unreachable!()
        };
        assert_eq!(correct.value, "-1.5");
    }

    #[test]
    fn watching_has_no_deadline() {
        for other in [["--deadline", "5s"].as_slice(), &["--background"]] {
            let line = ["carnet", "sync", "--watch"].iter().chain(other);
            assert!(Arguments::try_parse_from(line).is_err());
        }
    }

    #[test]
    fn history_and_original_exclude_each_other() {
        let line = ["carnet", "show", "12ab", "--history", "--original"];
        assert!(Arguments::try_parse_from(line).is_err());
    }
}
