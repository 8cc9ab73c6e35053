//! `[retention]` of agent.toml: what stays on this site's disk, and from which room on no round is begun.
//! Used by `config`, the worker, the gateway and `prune`. Invariant: whatever it says, the newest raw update
//! and everything that a run in progress needs stay.

use serde::{Deserialize, Serialize};

use crate::limits::{DISK_FREE_MIB_MAX, RAW_UPDATES_MAX};

/// `[retention]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Updates as they were trained, before they were checked and rounded, that stay in `raw/`: the newest so
    /// many rounds. What was sent is in the outbox until its run is over, and its hash in the ledger for
    /// ever.
    pub raw_updates: u32,
    /// With less room on the disk of the state folder, in MiB, `check` and `run` warn, and no round is begun.
    pub disk_free_mib_min: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { raw_updates: 2, disk_free_mib_min: 512 }
    }
}

impl RetentionConfig {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Which key is out of its range.
    pub fn validate(&self) -> Result<(), &'static str> {
        if !(1..=RAW_UPDATES_MAX).contains(&self.raw_updates) {
            return Err("`retention.raw_updates` must be between 1 and 10000");
        }
        if self.disk_free_mib_min > DISK_FREE_MIB_MAX {
            return Err("`retention.disk_free_mib_min` must be at most 1048576 (1 TiB)");
        }
        Ok(())
    }

    /// The section as `join` writes it.
    pub(super) fn to_commented_toml(self) -> String {
        format!(
            "\n[retention]\n\
             # Updates as trained that stay in raw/, the newest so many; the ledger keeps their hashes for ever.\n\
             raw_updates = {}\n\
             # With less room on the disk, in MiB, the agent warns and begins no round; it goes on when there is more.\n\
             disk_free_mib_min = {}\n",
            self.raw_updates, self.disk_free_mib_min
        )
    }
}
