//! `carnet compartment`.

use super::Whose;
use clap::Subcommand;

#[derive(Debug, clap::Args)]
pub struct CompartmentCommand {
    #[command(subcommand)]
    pub action: CompartmentAction,
}

#[derive(Debug, Subcommand)]
pub enum CompartmentAction {
    List(Whose),
    Add(Add),
    Move(Move),
}

#[derive(Debug, clap::Args)]
pub struct Add {
    pub name: String,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Move {
    pub id: String,
    pub compartment: String,
}
