//! Recovery kits and lost devices.

use carnet::vault::{Kit, LostDevice};
use carnet_wire::DeviceId;

/// A recovery kit of the account. It opens nothing before it is `ready`.
#[uniffi::remote(Record)]
pub struct Kit {
    pub id: DeviceId,
    pub name: String,
    pub ready: bool,
}

/// A device that was removed. Show it as done once it is sent and another device knows, or there is no other (`alone`).
#[uniffi::remote(Record)]
pub struct LostDevice {
    pub id: DeviceId,
    pub name: String,
    pub kit: bool,
    pub sent: bool,
    pub known_by: Vec<DeviceId>,
    pub alone: bool,
}

/// What is to be printed of a new recovery kit, and kept nowhere else: whoever reads it has the account. The engine wipes its
/// own copy; an app cannot wipe these texts, and lets them go as soon as they are shown. It never logs one: a printed
/// sheet is all of it.
#[derive(uniffi::Record)]
pub struct RecoverySheet {
    /// The kit.
    pub kit: DeviceId,
    /// The 24 words in French.
    pub french: String,
    /// The same in English.
    pub english: String,
    /// The text of its QR, which names the relay too.
    pub code: String,
}

impl From<carnet::vault::RecoverySheet> for RecoverySheet {
    fn from(sheet: carnet::vault::RecoverySheet) -> Self {
        Self {
            kit: sheet.kit,
            french: sheet.french.to_string(),
            english: sheet.english.to_string(),
            code: sheet.code.to_string(),
        }
    }
}
