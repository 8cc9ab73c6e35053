//! Waiting with a deadline and an interrupt, the only way this crate waits for anything.
//!
//! Called by `consortium`, `process` and `demo`; the integration tests wait through them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// Set from a signal handler or another thread; every wait looks at it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Asks every wait to end with [`Failure::Interrupted`].
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// `Err(Interrupted)` once raised, for use between steps.
    ///
    /// # Errors
    /// [`Failure::Interrupted`].
    pub fn check(&self) -> Result<(), Failure> {
        if self.is_raised() { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

/// Calls `poll` every `every` until it returns a value, fails, or `within` has passed.
///
/// # Errors
/// What `poll` returns, [`Failure::Deadline`] naming `what`, or [`Failure::Interrupted`].
pub fn until<T>(
    what: &str,
    within: Duration,
    every: Duration,
    logs: &Path,
    interrupt: &Interrupt,
    mut poll: impl FnMut() -> Result<Option<T>, Failure>,
) -> Result<T, Failure> {
    let started = Instant::now();
    loop {
        interrupt.check()?;
        if let Some(value) = poll()? {
            return Ok(value);
        }
        if started.elapsed() >= within {
            return Err(Failure::Deadline { what: what.to_owned(), after: within, logs: logs.to_owned() });
        }
        std::thread::sleep(every);
    }
}

/// Ctrl-C, a closed terminal and `kill` end a demo in good order: every wait returns, every child
/// is killed when its owner is dropped.
pub fn catch_signals(interrupt: Interrupt) {
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupted), Ok(mut terminated), Ok(mut hung_up)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
                signal(SignalKind::hangup()),
            ) else {
                return;
            };
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
                _ = hung_up.recv() => {}
            }
            interrupt.raise();
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(1);

    #[test]
    fn a_deadline_names_what_was_awaited() {
        let result: Result<(), _> =
            until("the moon", SHORT * 5, SHORT, Path::new("logs"), &Interrupt::default(), || Ok(None));
        assert!(result.unwrap_err().to_string().contains("the moon"));
    }

    #[test]
    fn an_interrupt_ends_a_wait() {
        let interrupt = Interrupt::default();
        interrupt.raise();
        let result: Result<(), _> =
            until("nothing", Duration::from_secs(60), SHORT, Path::new("logs"), &interrupt, || Ok(None));
        assert!(matches!(result, Err(Failure::Interrupted)));
    }
}
