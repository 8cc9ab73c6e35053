//! Which ended run each site was last told of. Used by `handler`, which holds it, and by `work`, which asks.
//! Invariant: in memory only; telling a site again after a restart is harmless.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use common::id::{RunId, SiteId};

/// The last ended run that each site was told of; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<HashMap<SiteId, RunId>>>);

impl Told {
    /// Whether `site` has not been told of `run` yet; it counts as told from now on.
    pub(super) fn first_time(&self, site: &SiteId, run: RunId) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(site.clone(), run) != Some(run)
    }
}
