//! The threads calls run on. The engine is synchronous, so what is needed is a pool that grows with the calls under way and
//! shrinks when they end; tokio's blocking pool is one, and its handles can be awaited by any executor, Kotlin's and Swift's
//! among them. Its runtime is never driven: there is no asynchronous work of our own.

use crate::error::Result;
use crate::host::install_panic_hook;
use carnet::VaultError;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

/// Most calls under way at once; further ones wait. A watch or a sync holds one place as long as it lasts.
const MAX_CALLS: usize = 64;

static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    install_panic_hook();
    Builder::new_current_thread()
        .max_blocking_threads(MAX_CALLS)
        .thread_name("carnet")
        .build()
        .ok()
});

/// Runs `work` on a thread of this library and waits for it without holding the caller's. It runs to its end even when nobody
/// waits any longer. A panic in it is a `Bug` without a text: the hook has logged where.
pub async fn run<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let runtime = RUNTIME
        .as_ref()
        .ok_or(VaultError::HostFailed("threads could not be started"))?;
    let ended = runtime.spawn_blocking(work).await;
    ended.unwrap_or(Err(VaultError::Bug("a step of the work panicked")))
}
