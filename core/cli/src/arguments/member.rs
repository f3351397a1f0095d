//! `carnet member`.

use super::{Tls, Whose};
use carnet::vault::MemberRole;
use clap::{Subcommand, ValueEnum};

#[derive(Debug, clap::Args)]
pub struct MemberCommand {
    #[command(subcommand)]
    pub action: MemberAction,
}

#[derive(Debug, Subcommand)]
pub enum MemberAction {
    List(Whose),
    Invite(Invite),
    Accept(Accept),
    Role(ChangeRole),
    Remove(OneMember),
    Verify(VerifyMember),
    Adopt(Adopt),
    Dismiss(Dismiss),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    #[value(alias = "propriétaire", alias = "proprietaire")]
    Owner,
    #[value(alias = "aidant")]
    Caregiver,
    #[value(alias = "lecteur")]
    Reader,
}

impl From<RoleName> for MemberRole {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Owner => Self::Owner,
            RoleName::Caregiver => Self::Caregiver,
            RoleName::Reader => Self::Reader,
        }
    }
}

/// Where a member gets in, and until when.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Reach {
    #[arg(long, conflicts_with = "everywhere")]
    pub compartment: Vec<String>,
    #[arg(long)]
    pub everywhere: bool,
    #[arg(long)]
    pub until: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Invite {
    #[arg(long, value_enum, hide_possible_values = true, ignore_case = true)]
    pub role: RoleName,
    #[command(flatten)]
    pub reach: Reach,
    #[arg(long)]
    pub name: Option<String>,
    #[arg(long)]
    pub relay: Option<String>,
    #[arg(long)]
    pub person: Option<String>,
    #[arg(long)]
    pub no_qr: bool,
}

#[derive(Debug, clap::Args)]
pub struct Accept {
    pub code: String,
    #[arg(long)]
    pub name: Option<String>,
    #[command(flatten)]
    pub tls: Tls,
}

#[derive(Debug, clap::Args)]
pub struct ChangeRole {
    pub member: String,
    #[arg(value_enum, hide_possible_values = true, ignore_case = true)]
    pub role: RoleName,
    #[command(flatten)]
    pub reach: Reach,
    #[arg(long, conflicts_with = "until")]
    pub no_end: bool,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct OneMember {
    pub member: String,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct VerifyMember {
    pub member: String,
    #[arg(required = true)]
    pub words: Vec<String>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Adopt {
    pub device: String,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Dismiss {
    pub invitation: String,
}
