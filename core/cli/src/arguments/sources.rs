//! `carnet source` and `carnet pull`.

use super::{Tls, duration};
use clap::Subcommand;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct SourceCommand {
    #[command(subcommand)]
    pub action: SourceAction,
}

#[derive(Debug, Subcommand)]
pub enum SourceAction {
    Add(SourceAdd),
    List,
    Remove(SourceRemove),
}

#[derive(Debug, clap::Args)]
pub struct SourceAdd {
    #[command(subcommand)]
    pub kind: SourceKind,
}

#[derive(Debug, Subcommand)]
pub enum SourceKind {
    Smart(AddSmart),
    Withings(AddWithings),
    Nightscout(AddNightscout),
}

#[derive(Debug, clap::Args)]
pub struct AddWithings {
    pub name: String,
    #[arg(long)]
    pub url: Option<String>,
    #[command(flatten)]
    pub client: ClientOptions,
    #[arg(long)]
    pub person: Option<String>,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct AddNightscout {
    pub name: String,
    pub url: String,
    #[arg(long)]
    pub secret_file: Option<PathBuf>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct AddSmart {
    pub name: String,
    pub url: String,
    #[command(flatten)]
    pub client: ClientOptions,
    #[arg(long)]
    pub patient: Option<String>,
    #[arg(long)]
    pub person: Option<String>,
    #[command(flatten)]
    pub tls: Tls,
}

/// Who asks, and where the browser comes back to.
#[derive(Debug, Default, clap::Args)]
pub struct ClientOptions {
    #[arg(long)]
    pub client_id: Option<String>,
    #[arg(long)]
    pub client_secret_file: Option<PathBuf>,
    #[arg(long)]
    pub port: Option<u16>,
    #[arg(long, value_parser = duration, default_value = "10m", hide_default_value = true)]
    pub wait: Duration,
}

#[derive(Debug, clap::Args)]
pub struct SourceRemove {
    pub name: String,
}

#[derive(Debug, clap::Args)]
pub struct Pull {
    pub source: Option<String>,
    #[arg(long, conflicts_with = "source")]
    pub all: bool,
    #[arg(long)]
    pub whole: bool,
    #[arg(long, value_parser = duration)]
    pub deadline: Option<Duration>,
    #[command(flatten)]
    pub tls: Tls,
}
