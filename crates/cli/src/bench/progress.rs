//! How far it is, for people who wait at a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};

/// A bar on standard error; nothing where that is no terminal.
#[derive(Debug)]
pub(super) struct Progress(Option<ProgressBar>);

impl Progress {
    /// Of a whole of this size, in any unit.
    pub(super) fn of(whole: u64) -> Self {
        Self(stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:30} {percent:>3}% {msg}");
            let bar = ProgressBar::with_draw_target(Some(whole), ProgressDrawTarget::stderr());
            // The template is a constant; the default is as good.
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        }))
    }

    pub(super) fn show(&self, done: u64, what: impl FnOnce() -> String) {
        if let Some(bar) = &self.0 {
            bar.set_message(what());
            bar.set_position(done);
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
