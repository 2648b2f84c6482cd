//! Progress on standard error, for what takes more than a second.

use std::thread;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seamount::Watcher;

use super::Failure;

/// Shorter work shows nothing.
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(100);

/// A spinner with the name of what is being done; appears after a second.
pub(super) fn spinner() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    bar.set_style(style("{spinner} {msg} ({elapsed})"));
    appear_later(&bar);
    bar
}

/// A bar of known length; appears after a second.
pub(super) fn bar(length: u64, message: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
    bar.set_style(style("{msg} [{bar:40}] {pos}/{len} ({eta} left)"));
    bar.set_message(message);
    appear_later(&bar);
    bar
}

/// Works while a spinner says at what.
pub(super) fn with_spinner<T, E: Into<Failure>>(work: impl FnOnce(&mut Stages) -> Result<T, E>) -> Result<T, Failure> {
    let mut stages = Stages(spinner());
    let result = work(&mut stages);
    stages.0.finish_and_clear();
    result.map_err(Into::into)
}

/// Shows a compiler's stages.
#[derive(Debug)]
pub(super) struct Stages(ProgressBar);

impl Watcher for Stages {
    fn stage(&mut self, name: &str) {
        self.0.set_message(name.to_owned());
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("invariant: templates are sound")
}

fn appear_later(bar: &ProgressBar) {
    let bar = bar.clone();
    thread::spawn(move || {
        thread::sleep(PATIENCE);
        if !bar.is_finished() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
        }
    });
}
