//! `carnet ble`: what Bluetooth health devices send.

use clap::Subcommand;

#[derive(Debug, clap::Args)]
pub struct BleCommand {
    #[command(subcommand)]
    pub action: BleAction,
}

#[derive(Debug, Subcommand)]
pub enum BleAction {
    Decode(BleDecode),
}

#[derive(Debug, clap::Args)]
pub struct BleDecode {
    pub uuid: String,
    pub hex: String,
}
