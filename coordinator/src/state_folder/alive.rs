//! When the coordinator lived last, for whoever finds it down: a file that `serve` writes now and then.
//! Called by `server`, which writes it, and by `cli::status`, which reads it. Invariant: nothing depends on
//! it; what cannot be written is not retried before the next time.

use std::time::Duration;

use common::clock::{Clock, Timestamp};
use common::durable;

use super::StateFolder;
use crate::blocking::blocking;
use crate::error::Error;
use crate::limits::{ALIVE_BYTES_MAX, ALIVE_MS_MIN};

/// Notes it until the task is dropped.
pub async fn keep_noted(folder: StateFolder, clock: std::sync::Arc<dyn Clock>) {
    let mut tick = tokio::time::interval(Duration::from_millis(ALIVE_MS_MIN));
    loop {
        tick.tick().await;
        let (path, text) = (folder.alive(), clock.now().0.to_string());
        let write = move || {
            durable::write(&path, text.as_bytes(), durable::ORDINARY).map_err(Error::io("write", &path))
        };
        if let Err(error) = blocking(write).await {
            tracing::debug!(%error, "cannot note that we live");
        }
    }
}

/// When it was noted last; `None` where it never was.
pub fn last(folder: &StateFolder) -> Option<Timestamp> {
    let facts = std::fs::metadata(folder.alive()).ok().filter(|facts| facts.len() <= ALIVE_BYTES_MAX)?;
    let text = facts.is_file().then(|| std::fs::read_to_string(folder.alive()).ok())??;
    text.trim().parse().ok().map(Timestamp)
}
