//! `[retention]` of agent.toml: with how little room on the disk no round is begun. Used by `config`, the
//! gateway and `preflight`. What is kept is no setting: an update as trained goes once the coordinator has
//! the one that was sent.

use serde::{Deserialize, Serialize};

use crate::limits::DISK_FREE_MIB_MAX;

/// `[retention]`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// With less room on the disk of the state folder, in MiB, `check` and `run` warn, and no round is begun.
    pub disk_free_mib_min: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { disk_free_mib_min: 512 }
    }
}

impl RetentionConfig {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Which key is out of its range.
    pub fn validate(&self) -> Result<(), &'static str> {
        if self.disk_free_mib_min > DISK_FREE_MIB_MAX {
            return Err("`retention.disk_free_mib_min` must be at most 1048576 (1 TiB)");
        }
        Ok(())
    }

    /// The same in bytes.
    pub fn disk_free_bytes_min(&self) -> u64 {
        self.disk_free_mib_min.saturating_mul(1 << 20)
    }

    /// The section as `join` writes it.
    pub(super) fn to_commented_toml(self) -> String {
        format!(
            "\n[retention]\n\
             # With less room on the disk, in MiB, the agent warns and begins no round; it goes on when there is more.\n\
             disk_free_mib_min = {}\n",
            self.disk_free_mib_min
        )
    }
}
