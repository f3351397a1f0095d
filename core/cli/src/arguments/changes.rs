//! `carnet changes`.

#[derive(Debug, clap::Args)]
pub struct Changes {
    #[arg(long)]
    pub person: Option<String>,
    #[arg(long)]
    pub limit: Option<u32>,
    #[arg(long)]
    pub keep: bool,
}
