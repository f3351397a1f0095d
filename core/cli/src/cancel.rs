//! Ctrl-C: once asks the engine to stop at the next safe point, twice kills.

use crate::console::tell;
use crate::language::Language;
use crate::texts::message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What a shell expects from a process stopped by SIGINT.
const KILLED: i32 = 130;

/// Whether the person asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Whether to stop.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks to stop.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Listens to Ctrl-C from now on. Only for work that watches the flag: before this call the system's default holds
    /// and a single Ctrl-C ends the process, which every write of the engine survives.
    pub fn listen(language: Language) -> Self {
        let cancel = Self::default();
        let flag = cancel.clone();
        // Without the thread or the handler the default holds: a Ctrl-C kills, nothing is lost.
        let _ = std::thread::Builder::new()
            .name("ctrl-c".into())
            .spawn(move || watch(&flag, language));
        cancel
    }
}

fn watch(flag: &Cancel, language: Language) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
    else {
        return;
    };
    runtime.block_on(async {
        while tokio::signal::ctrl_c().await.is_ok() {
            if flag.asked() {
                std::process::exit(KILLED);
            }
            flag.ask();
            tell(message::STOPPING.pick(language));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_sees_what_was_asked() {
        let cancel = Cancel::default();
        let copy = cancel.clone();
        assert!(!copy.asked());
        cancel.ask();
        assert!(copy.asked());
    }
}
