//! What may be logged: that the app's code failed, and where a panic was. Never a value, a name, a path of the phone or a
//! foreign text: what is not made here as a constant does not get in.

use crate::error::HostError;
use crate::feed::Queue;
use std::panic::PanicHookInfo;
use std::path::Path;
use std::sync::{Arc, Mutex, Once, PoisonError};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum LogLevel {
    /// The app's own code did not do what it promised.
    Warning,
    /// A bug of this library: report it.
    Error,
}

/// Takes log lines: constants in English, without health data. Called from a thread of its own; what it throws is ignored.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// One line.
    fn log(&self, level: LogLevel, line: String) -> Result<(), HostError>;
}

type Line = (LogLevel, String);

static SINK: Mutex<Option<Queue<Line>>> = Mutex::new(None);

/// Where log lines go from now on, in place of where they went; without one they go nowhere.
#[uniffi::export]
pub fn set_log_sink(sink: Option<Arc<dyn LogSink>>) {
    install_panic_hook();
    let queue = sink.map(|sink| Queue::new(move |(level, line)| sink.log(level, line)));
    *SINK.lock().unwrap_or_else(PoisonError::into_inner) = queue;
}

/// Says that the app's code failed.
pub fn report(what: &'static str) {
    log(LogLevel::Warning, what.to_owned());
}

fn log(level: LogLevel, line: String) {
    if let Some(queue) = &*SINK.lock().unwrap_or_else(PoisonError::into_inner) {
        queue.offer((level, line));
    }
}

/// Puts the library's panic hook in place of the standard one, which would write the panic's text to the phone's log.
pub fn install_panic_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED
        .call_once(|| std::panic::set_hook(Box::new(|panic| log(LogLevel::Error, place(panic)))));
}

/// The file's name and line. Not its folder, which names the machine it was built on; not the text, which may hold anything.
fn place(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(|at| (Path::new(at.file()), at.line()));
    let (file, line) = place.unwrap_or((Path::new("?"), 0));
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    format!("panic at {name}:{line}")
}
