//! What may go from the gateway's folders, so that a coordinator cannot fill the disk. Called by
//! `agent_loop`. Invariants: the inbox holds the manifests of the newest runs and the files of the present
//! round; the outbox at most `OUTBOX_BYTES_MAX` of updates that were acknowledged; an update without a
//! receipt stays until its run is over; what a replay needs stays as `[retention]` says.

use std::fs;
use std::path::Path;

use common::clock::Clock;
use common::durable;
use common::id::{Digest, RunId};
use common::run::RunManifest;
use common::wire::message::RoundKey;

use super::AgentLoop;
use crate::config::computed_on::ComputedOn;
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::output::Output;
use crate::gateway::state::Assignment;
use crate::gateway::store::Update;
use crate::gateway::store::replays::Made;
use crate::limits::{ADAPTERS_A_ROUND_MAX, OUTBOX_BYTES_MAX, REPLAY_TIDY_MS_MIN};
use crate::overlap;

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Whether the disk has room for a round with adapters of this size, beyond what `[retention]` leaves
    /// free. What replays need is not given up for it: a coordinator could ask for so much, and a worker fill
    /// the disk.
    pub(super) fn has_room(&self, adapter_bytes: u64) -> bool {
        let needed = adapter_bytes
            .saturating_mul(ADAPTERS_A_ROUND_MAX)
            .saturating_add(self.config.retention.disk_free_bytes_min());
        // Where the disk does not say, the round is tried.
        durable::free_bytes(self.folder.root()).map_or(true, |free| free >= needed)
    }

    /// Removes the files of other rounds, finished or not, from the inbox, and answers about points of other
    /// runs.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn tidy_inbox(
        &self,
        assignment: &Assignment,
        manifest: &RunManifest,
    ) -> Result<(), SiteError> {
        let mut kept = self.kept_files()?;
        kept.extend([assignment.manifest, assignment.adapter]);
        kept.extend(manifest.overlap.map(|terms| terms.set));
        let is_answer =
            |name: &str| name.starts_with("overlap-") && !name.contains(&assignment.key.run.to_string());
        self.keep_in_inbox(&kept, is_answer);
        Ok(())
    }

    /// Removes what was fetched for other runs than the newest ones. What a round still needs is fetched
    /// again.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn tidy_manifests(&self) -> Result<(), SiteError> {
        self.keep_in_inbox(&self.kept_files()?, |_| false);
        Ok(())
    }

    /// The files of the inbox that stay beyond their round.
    fn kept_files(&self) -> Result<Vec<Digest>, SiteError> {
        let mut kept = self.store.manifests()?;
        kept.extend(self.store.kept_for_replay()?.iter().map(|made| made.adapter));
        Ok(kept)
    }

    /// Notes what a replay of this round will need.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn note_made(&mut self, assignment: &Assignment, now_ms: u64) -> Result<(), SiteError> {
        self.store.record_made(&Made {
            key: assignment.key,
            adapter: assignment.adapter,
            adapter_bytes: assignment.adapter_bytes,
            mantissa_bits: self.config.policy.update_mantissa_bits,
            validation_share: self.config.training.validation_share,
            computed_on: ComputedOn::here(self.config.training.device),
            machine: std::env::consts::ARCH.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made_ms: now_ms,
            kept: true,
        })
    }

    /// [`Self::tidy_replays`], at the start and every hour.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn tidy_replays_when_due(&mut self) -> Result<(), SiteError> {
        let now_ms = self.course.now_ms();
        if self.course.replays_tidied_ms.is_some_and(|at| now_ms - at < REPLAY_TIDY_MS_MIN) {
            return Ok(());
        }
        self.course.replays_tidied_ms = Some(now_ms);
        self.tidy_replays()
    }

    /// Removes what no replay will need any more, by age and by size.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn tidy_replays(&mut self) -> Result<(), SiteError> {
        let mut kept = self.store.kept_for_replay()?;
        let mut rounds = Vec::with_capacity(kept.len());
        for made in &kept {
            let update_bytes = self.store.update(made.key)?.map_or(0, |update| update.bytes);
            rounds.push((made.made_ms, made.adapter_bytes.saturating_add(update_bytes)));
        }
        let count = self.config.retention.replays_kept(&rounds, self.clock.now().0);
        while kept.len() > count {
            let Some(oldest) = kept.pop() else { break };
            self.release(&oldest, &kept)?;
        }
        Ok(())
    }

    /// Removes what only the replay of this round needed; `others` are those that are kept.
    fn release(&mut self, made: &Made, others: &[Made]) -> Result<(), SiteError> {
        // The files first: what is released is never looked for again. A run that goes on may need them for
        // itself, and tidies them in its own time.
        if self.store.is_over(made.key.run)? {
            self.remove_what_it_needed(made, others)?;
        }
        self.store.release_replay(made.key)
    }

    fn remove_what_it_needed(&self, made: &Made, others: &[Made]) -> Result<(), SiteError> {
        if !others.iter().any(|other| other.adapter == made.adapter) {
            remove(&self.folder.inbox().join(made.adapter.to_string()));
        }
        let Some(update) = self.store.update(made.key)? else { return Ok(()) };
        // Two rounds may have had the same update.
        for other in others {
            if self.store.update(other.key)?.is_some_and(|other| other.digest == update.digest) {
                return Ok(());
            }
        }
        remove(&self.folder.outbox().join(update.digest.to_string()));
        Ok(())
    }

    /// Removes the files that are not named here, begun ones too, and of the others those that are over.
    fn keep_in_inbox(&self, kept: &[Digest], is_over: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(self.folder.inbox()).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let Some(name) = name.to_str().map(|name| name.strip_suffix(".part").unwrap_or(name)) else {
                continue;
            };
            let goes = name.parse().map_or_else(|_| is_over(name), |digest| !kept.contains(&digest));
            if goes {
                remove(&entry.path());
            }
        }
    }

    /// Removes the oldest acknowledged updates when all of them take more than their share of the disk.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn tidy_outbox(&self) -> Result<(), SiteError> {
        let path = |digest: Digest| self.folder.outbox().join(digest.to_string());
        let there: Vec<_> =
            self.store.updates()?.into_iter().filter(|update| path(update.digest).exists()).collect();
        let mut bytes: u64 = there.iter().map(|update| update.bytes).sum();
        for update in there.iter().filter(|update| update.receipt.is_some()) {
            if bytes <= OUTBOX_BYTES_MAX {
                break;
            }
            remove(&path(update.digest));
            bytes -= update.bytes;
        }
        Ok(())
    }

    /// Removes what a finished run left in the outbox, and remembers that it is over; receipts, the ledger
    /// and what replays need stay.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn forget(&mut self, run: RunId) -> Result<(), SiteError> {
        self.store.end_run(run)?;
        self.tidy_replays()?;
        let kept: Vec<RoundKey> = self.store.kept_for_replay()?.iter().map(|made| made.key).collect();
        // What the coordinator did not take is kept for nobody.
        let is_over = |update: &&Update| {
            update.key.run == run && (update.receipt.is_none() || !kept.contains(&update.key))
        };
        for update in self.store.updates()?.iter().filter(is_over) {
            remove(&self.folder.outbox().join(update.digest.to_string()));
        }
        if let Some(points) = self.store.overlap(run)? {
            remove(&self.folder.outbox().join(points.digest.to_string()));
        }
        remove(&overlap::answers_path(&self.folder, run));
        Ok(())
    }
}

/// Tidying up: what cannot be removed now is only untidy.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}
