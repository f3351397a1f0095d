//! What can be typed about series.

use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct SeriesCommand {
    #[command(subcommand)]
    pub action: Option<SeriesAction>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum SeriesAction {
    Priority(Priority),
    Status(Status),
}

#[derive(Debug, clap::Args)]
pub struct Priority {
    pub metric: String,
    pub sources: Vec<String>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Status {
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Period {
    Hour,
    Day,
    Week,
    Month,
    All,
}

#[derive(Debug, clap::Args)]
pub struct Time {
    #[arg(long)]
    pub from: Option<String>,
    #[arg(long)]
    pub to: Option<String>,
    #[arg(long)]
    pub zone: Option<String>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Samples {
    pub metric: String,
    #[command(flatten)]
    pub time: Time,
    #[arg(long, value_enum, hide_possible_values = true)]
    pub every: Option<Period>,
    #[arg(long, conflicts_with = "every")]
    pub source: Option<String>,
    #[arg(long)]
    pub csv: bool,
}

#[derive(Debug, clap::Args)]
pub struct Chart {
    pub metric: String,
    #[command(flatten)]
    pub time: Time,
    #[arg(long, value_enum, hide_possible_values = true)]
    pub every: Option<Period>,
    #[arg(long)]
    pub svg: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct Ingest {
    pub file: PathBuf,
    #[arg(long)]
    pub source: String,
    #[arg(long)]
    pub person: Option<String>,
}
