//! Which ended run, and which proposal, each site was last told of. Used by `handler`, which holds it, and by
//! `rules`, which asks. Invariant: in memory only; telling a site again after a restart is harmless.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use common::id::{RunId, SiteId};

/// The last ended run and the last proposal that each site was told of; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    ended: Arc<Mutex<HashMap<SiteId, RunId>>>,
    proposed: Arc<Mutex<HashMap<SiteId, RunId>>>,
}

impl Told {
    /// Whether `site` has not been told of `run` yet; it counts as told from now on.
    pub fn first_time(&self, site: &SiteId, run: RunId) -> bool {
        is_new(&self.ended, site, run)
    }

    /// Whether `site` has not been told that `run` is proposed; it counts as told from now on.
    pub fn proposal_is_new(&self, site: &SiteId, run: RunId) -> bool {
        is_new(&self.proposed, site, run)
    }
}

fn is_new(told: &Mutex<HashMap<SiteId, RunId>>, site: &SiteId, run: RunId) -> bool {
    told.lock().unwrap_or_else(PoisonError::into_inner).insert(site.clone(), run) != Some(run)
}
