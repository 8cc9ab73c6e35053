//! What was taken away from this ledger earlier, beside the ledger as it is: checkpoints and proofs of
//! `ledger verify`. Run by `cli::ledger`. Invariants: a file counts only with the signature of the key that
//! was asked for, for the ledger of this site; the first that does not fit is an error.

use std::path::{Path, PathBuf};

use certs::VerifierKey;
use common::ledger::{Misfit, Record, compare_heads};
use common::limits::PROOF_BYTES_MAX;
use common::wire::message::LedgerHead;

use crate::cli::consent::known::read_bounded;
use crate::error::SiteError;
use crate::gateway::heads::{self, Signer};
use crate::paths::StateFolder;

/// What a person gives `ledger verify`.
#[derive(Debug, clap::Args)]
pub(super) struct Earlier {
    /// A checkpoint of this ledger that was taken away earlier; may be repeated. With several the last
    /// that fits and the first that does not are named.
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// A proof of a record that was taken away earlier; may be repeated.
    #[arg(long = "proof", value_name = "FILE")]
    proofs: Vec<PathBuf>,
    /// The verifier key that was written down then [default: this site's own].
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// What fits.
#[derive(Debug, Default)]
pub(super) struct Fitting {
    pub(super) checkpoints: usize,
    pub(super) proofs: usize,
    /// The key, and whether it was given, where anything was compared.
    pub(super) key: Option<(VerifierKey, bool)>,
}

impl Earlier {
    /// Compares all of it with the records of an intact ledger.
    ///
    /// # Errors
    /// `Data`, with the file and what does not fit; those of reading.
    pub(super) fn compare(&self, folder: &StateFolder, records: &[Record]) -> Result<Fitting, SiteError> {
        if self.checkpoints.is_empty() && self.proofs.is_empty() {
            return Ok(Fitting::default());
        }
        let key = self.verifier(folder)?;
        let mut heads = Vec::new();
        for path in &self.checkpoints {
            heads.push(heads::checkpoint(&read(path)?, &key).map_err(|reason| unusable(path, &reason))?);
        }
        for path in &self.proofs {
            let (record, head) =
                heads::proof(&read(path)?, &key).map_err(|reason| unusable(path, &reason))?;
            heads.push(head);
            let at = usize::try_from(record.sequence).unwrap_or(usize::MAX);
            if records.get(at) != Some(&record) {
                let sentence =
                    format!("record {} is not the one that {} proves", record.sequence, path.display());
                return Err(misfit(&sentence));
            }
        }
        contain(records, &heads)?;
        let (checkpoints, proofs) = (self.checkpoints.len(), self.proofs.len());
        Ok(Fitting { checkpoints, proofs, key: Some((key, self.key.is_some())) })
    }

    fn verifier(&self, folder: &StateFolder) -> Result<VerifierKey, SiteError> {
        let Some(text) = &self.key else { return Signer::load(&folder.identity())?.verifier() };
        let wrong = |reason: String| {
            SiteError::data(&reason, "give the line that `site-agent ledger checkpoint --key` printed here")
        };
        let key = VerifierKey::parse(text).map_err(|error| wrong(error.to_string()))?;
        let name = heads::name(&folder.identity())?;
        if key.name() != name {
            return Err(wrong(format!("the key is for the ledger {}, and this one is {name}", key.name())));
        }
        Ok(key)
    }
}

fn contain(records: &[Record], heads: &[LedgerHead]) -> Result<(), SiteError> {
    compare_heads(records, heads).map_err(|reason| match reason {
        // Which of the two this ledger is says nothing of it.
        Misfit::TwoLedgers { .. } => misfit(&reason.to_string()),
        _ => misfit(&format!("the ledger does not contain its earlier checkpoint: {reason}")),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, SiteError> {
    read_bounded(path, PROOF_BYTES_MAX as u64)?
        .ok_or_else(|| unusable(path, &format!("it is no file of at most {PROOF_BYTES_MAX} bytes")))
}

fn unusable(path: &Path, reason: &str) -> SiteError {
    SiteError::data(
        &format!("{} is not usable: {reason}", path.display()),
        "give the file as it was written, and with --key the key that was written down with it",
    )
}

fn misfit(sentence: &str) -> SiteError {
    SiteError::data(
        sentence,
        "keep the ledger, site.db and the checkpoint as they are: the privacy officer has to find out what happened",
    )
}
