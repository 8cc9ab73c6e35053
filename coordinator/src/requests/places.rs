//! Places for evaluations of blinded points: a few in all, so that they do not wait for each other's cores,
//! and one for each site, so that no member takes them all. Used by `handler`, which holds them, and by
//! `overlap`, which enters. Invariant: a site that has a place, or waits for one, is refused another at once.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::id::SiteId;
use common::limits::{OVERLAP_EVALUATIONS_MAX, OVERLAP_WAIT_MS_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The places; clones share them.
#[derive(Debug, Clone)]
pub struct Places {
    all: Arc<Semaphore>,
    sites: Arc<Mutex<HashSet<SiteId>>>,
}

/// A site's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    _own: OwnPlace,
    _shared: OwnedSemaphorePermit,
}

/// The one place that a site has; given back when dropped.
#[derive(Debug)]
struct OwnPlace {
    sites: Arc<Mutex<HashSet<SiteId>>>,
    site: SiteId,
}

impl Drop for OwnPlace {
    fn drop(&mut self) {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.site);
    }
}

impl Default for Places {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(OVERLAP_EVALUATIONS_MAX)), sites: Arc::default() }
    }
}

impl Places {
    /// A place for `site`. `None` at once while the site has one already, and after a while without a free
    /// one.
    pub(super) async fn enter(&self, site: &SiteId) -> Option<Place> {
        let own = self.own(site)?;
        let waiting = Arc::clone(&self.all).acquire_owned();
        let shared =
            tokio::time::timeout(Duration::from_millis(OVERLAP_WAIT_MS_MAX), waiting).await.ok()?.ok()?;
        Some(Place { _own: own, _shared: shared })
    }

    fn own(&self, site: &SiteId) -> Option<OwnPlace> {
        let is_first = self.sites.lock().unwrap_or_else(PoisonError::into_inner).insert(site.clone());
        is_first.then(|| OwnPlace { sites: Arc::clone(&self.sites), site: site.clone() })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn site(index: usize) -> SiteId {
        format!("site-{index}").parse().unwrap()
    }

    #[tokio::test]
    async fn a_site_has_one_place_and_gives_it_back() {
        let places = Places::default();
        let place = places.enter(&site(1)).await.unwrap();
        assert!(places.enter(&site(1)).await.is_none(), "a second one for the same site");
        assert!(places.enter(&site(2)).await.is_some());
        drop(place);
        assert!(places.enter(&site(1)).await.is_some());
    }

    #[tokio::test]
    async fn a_site_with_a_place_is_refused_at_once_also_when_all_are_taken() {
        let places = Places::default();
        let mut taken = Vec::new();
        for index in 0..OVERLAP_EVALUATIONS_MAX {
            taken.push(places.enter(&site(index)).await.unwrap());
        }
        let started = Instant::now();
        assert!(places.enter(&site(0)).await.is_none(), "it has one already");
        assert!(
            started.elapsed() < Duration::from_millis(OVERLAP_WAIT_MS_MAX / 2),
            "it waited for another's"
        );
        // A site that stops waiting leaves nothing behind: it gets the next free place.
        let late = site(100);
        let impatient = places.enter(&late);
        assert!(tokio::time::timeout(Duration::from_millis(20), impatient).await.is_err(), "all are taken");
        drop(taken);
        assert!(places.enter(&late).await.is_some());
    }
}
