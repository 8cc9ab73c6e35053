//! The runs in memory, rebuilt from the journal at start. Used by `driver`, which alone writes them, and by
//! `requests`, `admin`, `server` and `cli`, which read them. Invariant: a reader sees the state after some
//! committed event, never between.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use common::clock::Timestamp;
use common::id::{RunId, SiteId};
use tokio::sync::watch;

use crate::error::{Error, Result};
use crate::round::event::Event;
use crate::round::own_scores;
use crate::round::queue;
use crate::round::scheduler;
use crate::round::state::RunState;
use crate::store::{Store, StoreError};

/// All runs of a consortium; clones share them.
#[derive(Debug, Clone)]
pub struct Runs {
    states: Arc<RwLock<BTreeMap<RunId, Arc<RunState>>>>,
    changed: watch::Sender<u64>,
    preparing: Arc<AtomicUsize>,
}

/// A run is being prepared as long as this is kept.
#[derive(Debug)]
pub struct Preparing(Arc<AtomicUsize>);

impl Drop for Preparing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Runs {
    /// Verifies the journal and replays it.
    ///
    /// # Errors
    /// The journal cannot be read, its chain breaks, or a row is no event of a launched run.
    pub fn replay(store: &Store) -> Result<Self> {
        let mut events: BTreeMap<RunId, Vec<(Event, Timestamp)>> = BTreeMap::new();
        for row in store.journal()? {
            let event = serde_json::from_str(&row.body)
                .map_err(|error| StoreError::Corrupt(format!("journal row {}: {error}", row.seq)))?;
            events.entry(row.run).or_default().push((event, row.at));
        }
        let mut states = BTreeMap::new();
        for (run, events) in events {
            let state =
                scheduler::replay(events.iter().map(|(event, at)| (event, *at))).ok_or_else(|| {
                    StoreError::Corrupt(format!("the journal of run {run} does not begin with a launch"))
                })?;
            states.insert(run, Arc::new(state));
        }
        Ok(Self {
            states: Arc::new(RwLock::new(states)),
            changed: watch::Sender::new(0),
            preparing: Arc::default(),
        })
    }

    /// One run.
    pub fn find(&self, run: RunId) -> Option<Arc<RunState>> {
        self.read().get(&run).cloned()
    }

    /// The run that is going.
    pub fn active(&self) -> Option<Arc<RunState>> {
        self.read().values().find(|state| !state.is_over() && !state.is_queued()).cloned()
    }

    /// How many runs wait for their turn.
    pub fn queued(&self) -> usize {
        self.read().values().filter(|state| state.is_queued()).count()
    }

    /// When the newest end of a run was.
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.read().values().filter_map(|state| state.ended_at).max()
    }

    /// The run that begins next.
    pub fn next_queued(&self) -> Option<RunId> {
        queue::next(self.read().values().map(Arc::as_ref))
    }

    /// Runs that are not over, those that wait among them.
    pub fn unended(&self) -> BTreeSet<RunId> {
        self.read().iter().filter(|(_, state)| !state.is_over()).map(|(run, _)| *run).collect()
    }

    /// Says that a run is being prepared, which is in no journal yet.
    pub fn prepare(&self) -> Preparing {
        self.preparing.fetch_add(1, Ordering::SeqCst);
        Preparing(Arc::clone(&self.preparing))
    }

    /// Whether no run is going, and none is being prepared.
    pub fn are_idle(&self) -> bool {
        self.preparing.load(Ordering::SeqCst) == 0 && self.active().is_none()
    }

    /// When the newest event of any run happened.
    pub fn updated_at(&self) -> Timestamp {
        self.read().values().map(|state| state.updated_at).max().unwrap_or(Timestamp(0))
    }

    /// All runs as they began; behind them those that wait, or were stopped while they did.
    pub fn all(&self) -> Vec<Arc<RunState>> {
        let mut states: Vec<_> = self.read().values().cloned().collect();
        states.sort_by_key(|state| (state.order(), state.launched.run));
        states
    }

    /// The run an operator means: by id, by unambiguous prefix, or the one that is going, else the newest
    /// that has begun, else the newest.
    ///
    /// # Errors
    /// No run, or more than one, begins like this ([`Error::UnknownRun`]).
    pub fn choose(&self, run: Option<&str>) -> Result<Arc<RunState>> {
        let all = self.all();
        let Some(text) = run else {
            let begun = self.active().or_else(|| all.iter().rfind(|state| state.has_begun()).cloned());
            return begun
                .or_else(|| all.last().cloned())
                .ok_or_else(|| Error::UnknownRun("yet; nothing was launched".into()));
        };
        let mut matching = all.iter().filter(|state| state.launched.run.to_string().starts_with(text));
        match (matching.next(), matching.next()) {
            (Some(state), None) if !text.is_empty() => Ok(Arc::clone(state)),
            _ => Err(Error::UnknownRun(format!("`{}`", text.chars().take(64).collect::<String>()))),
        }
    }

    /// Of the runs that ended and in which `site` took part the newest, and the newest that still asks the
    /// site how its result does there.
    pub fn finished_for(&self, site: &SiteId, now: Timestamp) -> [Option<Arc<RunState>>; 2] {
        let all = self.all();
        let takes_part = |state: &&Arc<RunState>| state.has_begun() && state.launched.sites.contains(site);
        let mut ended = all.iter().rev().filter(takes_part).filter(|state| state.is_over());
        let asking = ended.clone().find(|state| own_scores::waits_for(state, site, now));
        [ended.next().cloned(), asking.cloned()]
    }

    /// Replaces a run's state; the driver's call after a commit.
    pub fn publish(&self, state: RunState) {
        self.states
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(state.launched.run, Arc::new(state));
        self.notify();
    }

    /// Wakes everybody who watches, for changes that are not in the journal (progress).
    pub fn notify(&self) {
        self.changed.send_modify(|version| *version = version.wrapping_add(1));
    }

    /// Resolves at each change.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<RunId, Arc<RunState>>> {
        self.states.read().unwrap_or_else(PoisonError::into_inner)
    }
}
