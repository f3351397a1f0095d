//! `carnet documents` and `carnet attachment`.

use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Documents {
    #[arg(long)]
    pub limit: Option<u32>,
    #[arg(long)]
    pub person: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Attachment {
    pub id: String,
    pub out: PathBuf,
}
