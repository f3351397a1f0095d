//! The door to sources: connecting providers, pulling from them.

use crate::vault::pull::{
    self, NightscoutServer, PullReport, SignIn, SmartServer, Source, WithingsCloud,
};
use crate::vault::{Observer, Vault, VaultResult};
use carnet_wire::RecordId;
use std::time::Duration;

impl Vault {
    /// Connects a FHIR server, or connects one again under its name. Open the address it returns in the system's browser, and give
    /// where that leads back to [`Vault::finish_sign_in`].
    pub fn connect_smart(&self, record: RecordId, server: &SmartServer) -> VaultResult<SignIn> {
        Ok(pull::connect_smart(
            &*self.unlocked()?,
            &*self.host.transport,
            record,
            server,
        )?)
    }

    /// Connects the Withings cloud, as [`Vault::connect_smart`] does a FHIR server.
    pub fn connect_withings(&self, record: RecordId, cloud: &WithingsCloud) -> VaultResult<SignIn> {
        Ok(pull::connect_withings(&*self.unlocked()?, record, cloud)?)
    }

    /// Adds a Nightscout server, or changes the secret of one.
    pub fn add_nightscout(&self, record: RecordId, server: &NightscoutServer) -> VaultResult<()> {
        Ok(pull::add_nightscout(&*self.unlocked()?, record, server)?)
    }

    /// Takes the address the browser was sent back to, and returns the name of the source that is connected by it.
    pub fn finish_sign_in(&self, redirect: &str) -> VaultResult<String> {
        let now = self.host.clock.now();
        Ok(pull::finish(
            &*self.unlocked()?,
            &*self.host.transport,
            redirect,
            now,
        )?)
    }

    /// Every source of this device, by name.
    pub fn sources(&self) -> VaultResult<Vec<Source>> {
        Ok(pull::sources(&*self.unlocked()?)?)
    }

    /// Forgets a source and what opens it. What came from it stays in the record.
    pub fn remove_source(&self, name: &str) -> VaultResult<()> {
        Ok(pull::remove(&*self.unlocked()?, name)?)
    }

    /// Pulls what is new from a source, and goes on where the last pull stopped. `whole` reads everything again. A step is one
    /// request and one transaction; the deadline and the observer act within both.
    pub fn pull(
        &self,
        source: &str,
        whole: bool,
        deadline: Option<Duration>,
        observer: Option<&dyn Observer>,
    ) -> VaultResult<PullReport> {
        let open = self.unlocked()?;
        let tools = pull::Tools {
            open: &open,
            transport: &*self.host.transport,
            clock: &*self.host.clock,
        };
        Ok(pull::pull(&tools, source, whole, deadline, observer)?)
    }
}
