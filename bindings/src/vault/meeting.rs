//! A direct exchange over a byte stream that the app has: it carries the bytes, this end says what they are.

use crate::error::Result;
use crate::work::run;
use carnet::VaultError;
use carnet::vault::SyncReport;
use std::sync::{Arc, Mutex};

/// One exchange: send what `output` returns, give `input` what arrives, until `is_over`.
#[derive(uniffi::Object)]
pub struct Meeting(Arc<Mutex<carnet::vault::Meeting>>);

impl Meeting {
    pub(super) fn new(meeting: carnet::vault::Meeting) -> Arc<Self> {
        Arc::new(Self(Arc::new(Mutex::new(meeting))))
    }

    async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut carnet::vault::Meeting) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let meeting = self.0.clone();
        run(move || match meeting.lock() {
            Ok(mut meeting) => work(&mut meeting),
            // One that panicked may have half a message in it: it is over.
            Err(_) => Err(VaultError::Bug("the meeting broke off")),
        })
        .await
    }
}

#[uniffi::export]
impl Meeting {
    /// Takes bytes that arrived. After an error the meeting is over; what was merged stays.
    pub async fn input(&self, bytes: Vec<u8>) -> Result<()> {
        self.call(move |meeting| meeting.input(&bytes)).await
    }

    /// Bytes to send, handed out once.
    pub async fn output(&self) -> Result<Vec<u8>> {
        self.call(|meeting| Ok(meeting.output())).await
    }

    /// Whether everything was said, both ways.
    pub async fn is_over(&self) -> Result<bool> {
        self.call(|meeting| Ok(meeting.is_over())).await
    }

    /// What was done so far.
    pub async fn report(&self) -> Result<SyncReport> {
        self.call(|meeting| meeting.report()).await
    }
}
