//! `carnet access`.

#[derive(Debug, clap::Args)]
pub struct AccessArguments {
    #[arg(long)]
    pub verify: bool,
    #[arg(long)]
    pub person: Option<String>,
}
