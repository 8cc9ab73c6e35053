//! What may go from the gateway's folders, so that a coordinator cannot fill the disk. Called by
//! `agent_loop`. Invariants: the inbox holds the manifests of the newest runs and the files of the present
//! round; the outbox at most `OUTBOX_BYTES_MAX` of updates that were acknowledged; an update without a
//! receipt stays until its run is over.

use std::fs;
use std::path::Path;

use common::clock::Clock;
use common::durable;
use common::id::{Digest, RunId};
use common::run::RunManifest;

use super::AgentLoop;
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::output::Output;
use crate::gateway::state::Assignment;
use crate::limits::{ADAPTERS_A_ROUND_MAX, OUTBOX_BYTES_MAX};
use crate::overlap;

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Whether the disk has room for a round with adapters of this size, beyond what `[retention]` leaves
    /// free.
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
        let mut kept = self.store.manifests()?;
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
        self.keep_in_inbox(&self.store.manifests()?, |_| false);
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

    /// Removes what a finished run left in the outbox, and remembers that it is over; receipts and the ledger
    /// stay.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn forget(&mut self, run: RunId) -> Result<(), SiteError> {
        self.store.end_run(run)?;
        for update in self.store.updates()?.iter().filter(|update| update.key.run == run) {
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
