//! Ends the process when a chat template renders for longer than any template has to: what the engine does
//! not count cannot be interrupted, only ended. Called by `chat::template` around every rendering.
//!
//! It is the locked process that ends, with exit code 1 and a sentence, as for any other refused model
//! folder: whoever started it sees both. Invariant: time in which this process does not run (a stopped or
//! sleeping machine) does not count.

use std::io::Write as _;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::budget::spent;
use crate::error::{ModelError, Result};
use crate::limits::{RENDER_TICK_MS_MIN, RENDER_TICKS_MAX};

#[derive(Default)]
struct Watched {
    /// Number and age in ticks of each rendering that goes on.
    renderings: Mutex<Vec<(u64, u32)>>,
    begun: Condvar,
}

static WATCHED: OnceLock<Option<Watched>> = OnceLock::new();

/// A rendering that goes on while this lives.
pub(super) struct Watch {
    watched: &'static Watched,
    number: u64,
}

impl Watch {
    /// # Errors
    /// [`ModelError::Internal`] when the thread that watches cannot be started.
    pub(super) fn begin() -> Result<Self> {
        let mut is_first = false;
        let watched = WATCHED.get_or_init(|| {
            is_first = true;
            Some(Watched::default())
        });
        let watched = watched.as_ref().ok_or_else(no_thread)?;
        if is_first {
            let thread = std::thread::Builder::new().name("template".into()).spawn(move || watch(watched));
            thread.map_err(|_| no_thread())?;
        }
        let mut renderings = watched.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        let number = renderings.last().map_or(0, |(number, _)| number + 1);
        renderings.push((number, 0));
        if renderings.len() == 1 {
            watched.begun.notify_one();
        }
        Ok(Self { watched, number })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut renderings = self.watched.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        renderings.retain(|(number, _)| *number != self.number);
    }
}

fn no_thread() -> ModelError {
    ModelError::Internal { reason: "no thread can be started to watch a chat template".to_owned() }
}

fn watch(watched: &Watched) {
    loop {
        let renderings = watched.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = watched.begun.wait_while(renderings, |renderings| renderings.is_empty());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        std::thread::sleep(Duration::from_millis(RENDER_TICK_MS_MIN));
        let mut renderings = watched.renderings.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, ticks) in renderings.iter_mut() {
            *ticks += 1;
            if *ticks > RENDER_TICKS_MAX {
                end();
            }
        }
    }
}

#[expect(clippy::exit, reason = "a rendering cannot be interrupted; see the head of this file")]
fn end() {
    let seconds = u64::from(RENDER_TICKS_MAX) * RENDER_TICK_MS_MIN / 1000;
    let error = spent(format!("at most {seconds} s for a conversation"));
    let hint = error.hint().unwrap_or_default();
    // Whoever does not read it sees the exit code.
    let _ = writeln!(std::io::stderr(), "error: {error}\n\nhint: {hint}");
    std::process::exit(1);
}
