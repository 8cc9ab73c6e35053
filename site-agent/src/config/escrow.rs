//! `[escrow]` of agent.toml: whether the exact bytes of every frame are kept, sealed for the privacy officer,
//! and for how long. Used by `config`, the gateway and `prune`. Invariants: no section means no escrow; with
//! one, nothing leaves that was not kept first. Only this site's own file says so.

use certs::AgeRecipient;
use serde::{Deserialize, Serialize};

use crate::limits::{ESCROW_DAYS_MAX, ESCROW_MIB_MAX};

/// `[escrow]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EscrowConfig {
    /// Who opens it: `age1...`, the public half of the officer's age key.
    pub recipient: String,
    /// For so many days a frame is kept.
    pub keep_days: u32,
    /// What all of them may take of the disk, in MiB. Where they take it, nothing leaves any more.
    pub mib_max: u64,
}

impl EscrowConfig {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// Which key is wrong.
    pub fn validate(&self) -> Result<(), &'static str> {
        if AgeRecipient::parse(&self.recipient).is_err() {
            return Err("`escrow.recipient` must be an age recipient: age1 and what follows");
        }
        if !(1..=ESCROW_DAYS_MAX).contains(&self.keep_days) {
            return Err("`escrow.keep_days` must be between 1 and 3660");
        }
        if !(1..=ESCROW_MIB_MAX).contains(&self.mib_max) {
            return Err("`escrow.mib_max` must be between 1 and 1048576 (1 TiB)");
        }
        Ok(())
    }

    /// The section as `join` writes it.
    pub(super) fn to_commented_toml(section: Option<&Self>) -> String {
        let comment = "\n# Keep the exact bytes of every frame, sealed for the privacy officer, who makes the key with\n\
             # `site-agent ledger escrow new-key`: for so many days, within so many MiB. Where they are full, nothing leaves.\n";
        match section {
            Some(Self { recipient, keep_days, mib_max }) => format!(
                "{comment}[escrow]\nrecipient = \"{recipient}\"\nkeep_days = {keep_days}\nmib_max = {mib_max}\n"
            ),
            None => format!(
                "{comment}# [escrow]\n# recipient = \"age1...\"\n# keep_days = 90\n# mib_max = 4096\n"
            ),
        }
    }
}
