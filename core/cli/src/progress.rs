//! Watches long work: draws a bar on a terminal's standard error, and passes Ctrl-C on.

use crate::cancel::Cancel;
use crate::console::Console;
use crate::language::Text;
use carnet::vault::{Observer, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What a bar counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of files.
    Bytes,
    /// Envelopes.
    Items,
}

/// The observer of one long call.
pub struct Watch {
    bar: ProgressBar,
    cancel: Cancel,
}

impl Watch {
    /// Starts watching; the bar shows only where `console` allows it.
    pub fn start(console: &Console, label: Text, unit: Unit) -> Self {
        let target = match console.progress {
            true => ProgressDrawTarget::stderr_with_hz(10),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(style(unit));
        bar.set_prefix(label.pick(console.language));
        Self {
            bar,
            cancel: Cancel::listen(console.language),
        }
    }

    /// Stops the work as Ctrl-C would.
    pub fn stop(&self) {
        self.cancel.ask();
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn style(unit: Unit) -> ProgressStyle {
    let counts = match unit {
        Unit::Bytes => "{decimal_bytes}/{decimal_total_bytes}",
        Unit::Items => "{pos}/{len}",
    };
    let template = format!("{{prefix}} {{wide_bar}} {counts} {{eta}}");
    // The template is a constant; a mistake in it shows the default bar, never an error.
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Observer for Watch {
    fn progress(&self, progress: Progress) -> bool {
        if let Some(total) = progress.total {
            self.bar.set_length(total);
        }
        self.bar.set_position(progress.done);
        !self.cancel.asked()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::tests::console;
    use crate::language::Language;
    use crate::texts::message::IMPORTING;

    #[test]
    fn the_templates_are_sound() {
        for counts in ["{decimal_bytes}/{decimal_total_bytes}", "{pos}/{len}"] {
            let template = format!("{{prefix}} {{wide_bar}} {counts} {{eta}}");
            assert!(ProgressStyle::with_template(&template).is_ok());
        }
    }

    #[test]
    fn it_goes_on_until_cancelled() {
        let (console, _) = console(Language::En);
        let watch = Watch::start(&console, IMPORTING, Unit::Bytes);
        let step = Progress {
            done: 3,
            total: Some(10),
            ..Progress::default()
        };
        assert!(watch.progress(step));
        assert_eq!(watch.bar.position(), 3);
        assert_eq!(watch.bar.length(), Some(10));
        watch.stop();
        assert!(!watch.progress(step));
        watch.finish();
    }
}
