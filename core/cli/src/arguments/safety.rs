//! What can be typed about losing phones and getting everything back.

use super::Tls;
use super::duration;
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub struct Remove {
    pub device: String,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct RecoveryCommand {
    #[command(subcommand)]
    pub action: RecoveryAction,
}

#[derive(Debug, Subcommand)]
pub enum RecoveryAction {
    Create(RecoveryCreate),
    List,
    Check(RecoveryCheck),
    Use(RecoveryUse),
}

#[derive(Debug, clap::Args)]
pub struct RecoveryCreate {
    #[arg(long)]
    pub name: Option<String>,
    #[arg(long)]
    pub relay: Option<String>,
    #[arg(long)]
    pub no_qr: bool,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct RecoveryCheck {
    #[arg(long)]
    pub kit: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct RecoveryUse {
    #[arg(long)]
    pub relay: Option<String>,
    #[arg(long)]
    pub kit: Option<PathBuf>,
    #[arg(long)]
    pub device_name: Option<String>,
    #[arg(long)]
    pub lost: Vec<String>,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct GuardiansCommand {
    #[command(subcommand)]
    pub action: GuardiansAction,
}

#[derive(Debug, Subcommand)]
pub enum GuardiansAction {
    Create(GuardiansCreate),
    List,
    Answer(GuardiansAnswer),
    Use(GuardiansUse),
}

#[derive(Debug, clap::Args)]
pub struct GuardiansCreate {
    #[arg(required = true)]
    pub members: Vec<String>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct GuardiansAnswer {
    pub code: String,
    #[arg(long = "for")]
    pub ward: Option<String>,
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct GuardiansUse {
    #[arg(long)]
    pub relay: String,
    #[arg(long)]
    pub device_name: Option<String>,
    #[arg(long, value_parser = duration, default_value = "1h", hide_default_value = true)]
    pub wait: Duration,
    #[arg(long)]
    pub lost: Vec<String>,
    #[arg(long)]
    pub no_qr: bool,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct EmergencyCommand {
    #[command(subcommand)]
    pub action: EmergencyAction,
}

#[derive(Debug, Subcommand)]
pub enum EmergencyAction {
    Create(EmergencyCreate),
    Show(EmergencyShow),
    Open(EmergencyOpen),
    Revoke(EmergencyRevoke),
}

#[derive(Debug, clap::Args)]
pub struct EmergencyCreate {
    #[arg(long)]
    pub person: Option<String>,
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        hide_possible_values = true,
        default_value = "allergies,problems,treatments",
        hide_default_value = true
    )]
    pub include: Vec<Include>,
    #[arg(long)]
    pub item: Vec<String>,
    #[arg(long)]
    pub leave_out: Vec<String>,
    #[arg(long)]
    pub contact: Vec<String>,
    #[arg(long)]
    pub relay: Option<String>,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Include {
    Allergies,
    Problems,
    Treatments,
    None,
}

#[derive(Debug, clap::Args)]
pub struct EmergencyShow {
    #[arg(long)]
    pub person: Option<String>,
    #[arg(long)]
    pub file: Option<PathBuf>,
    #[arg(long)]
    pub no_qr: bool,
}

#[derive(Debug, clap::Args)]
pub struct EmergencyOpen {
    pub code: String,
    #[arg(long)]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct EmergencyRevoke {
    #[arg(long)]
    pub person: Option<String>,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct OwnershipCommand {
    #[command(subcommand)]
    pub action: OwnershipAction,
}

#[derive(Debug, Subcommand)]
pub enum OwnershipAction {
    Offer(OwnershipOffer),
    Accept(OwnershipAccept),
}

#[derive(Debug, clap::Args)]
pub struct OwnershipOffer {
    pub member: String,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct OwnershipAccept {
    #[arg(long)]
    pub person: Option<String>,
    #[arg(long)]
    pub keep: Vec<String>,
    #[arg(long)]
    pub remove: Vec<String>,
}
