//! What was taken away from this ledger earlier, beside the ledger as it is: checkpoints and proofs of
//! `ledger verify`, and the checkpoint of `ledger prove`. Run by `cli::ledger`. Invariants: a file counts
//! only with the signature of the key that was asked for, for the ledger of this site; the first that does
//! not fit is an error; an acceptance in the database is told beside it, and is no excuse.

use std::path::{Path, PathBuf};

use ::cli::witness::{CosignedHead, CosignedHeads, Witnesses};
use certs::VerifierKey;
use common::clock::{Clock as _, SystemClock};
use common::ledger::{Misfit, Record, compare_heads};
use common::limits::PROOF_BYTES_MAX;
use common::wire::message::LedgerHead;

use crate::cli::consent::known::read_bounded;
use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::heads::{self, Signer};
use crate::gateway::store::Store;
use crate::paths::StateFolder;

/// What a person gives `ledger verify`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("taken-away").args(["checkpoints", "proofs"]).multiple(true))]
pub(super) struct Earlier {
    /// A checkpoint of this ledger that was taken away earlier; may be repeated. With several the last
    /// that fits and the first that does not are named.
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// A proof of a record that was taken away earlier; may be repeated.
    #[arg(long = "proof", value_name = "FILE")]
    proofs: Vec<PathBuf>,
    /// The verifier key that was written down then [default: this site's own].
    #[arg(long, value_name = "KEY", requires = "taken-away")]
    key: Option<String>,
    #[command(flatten)]
    witnesses: Witnesses,
}

/// What the files say, each signed by the key.
#[derive(Debug, Default)]
pub(super) struct Given {
    heads: Vec<LedgerHead>,
    proved: Vec<(PathBuf, Record)>,
    fitting: Fitting,
}

/// What fits.
#[derive(Debug, Default)]
pub(super) struct Fitting {
    pub(super) checkpoints: usize,
    pub(super) proofs: usize,
    /// The key, and whether it was given, where anything was compared.
    pub(super) key: Option<(VerifierKey, bool)>,
    /// What the witnesses that were asked for cosigned.
    pub(super) cosigned: Vec<CosignedHead>,
}

impl Earlier {
    /// Reads all of it. What cannot be read says nothing of the ledger, so it ends the command.
    ///
    /// # Errors
    /// `Data`, with the file and what is wrong with it, or with the key; those of reading.
    pub(super) fn read(&self, folder: &StateFolder) -> Result<Given, SiteError> {
        let mut given = Given::default();
        if self.checkpoints.is_empty() && self.proofs.is_empty() && self.witnesses.is_empty() {
            return Ok(given);
        }
        let (key, mut notes) = (self.verifier(folder)?, Vec::new());
        for path in &self.checkpoints {
            let (note, head) = checkpoint(path, &key)?;
            given.heads.push(head);
            notes.push(note);
        }
        let mut cosigned = Vec::new();
        if !self.witnesses.is_empty() {
            notes.extend(CosignedHeads::open(&folder.cosigned())?.notes());
            cosigned = self.witnesses.cosigned(&key, &notes, SystemClock.now())?;
            given.heads.extend(cosigned.iter().map(|cosigned| cosigned.head));
        }
        for path in &self.proofs {
            let (record, head) =
                heads::proof(&read(path)?, &key).map_err(|reason| unusable(path, &reason))?;
            given.heads.push(head);
            given.proved.push((path.clone(), record));
        }
        let (checkpoints, proofs) = (self.checkpoints.len(), self.proofs.len());
        given.fitting = Fitting { checkpoints, proofs, key: Some((key, self.key.is_some())), cosigned };
        Ok(given)
    }

    fn verifier(&self, folder: &StateFolder) -> Result<VerifierKey, SiteError> {
        let Some(text) = &self.key else {
            return Signer::load(&folder.identity(), folder.passphrase())?.verifier();
        };
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

impl Given {
    /// Compares all of it with the records of an intact ledger.
    ///
    /// # Errors
    /// `Data`, with what does not fit.
    pub(super) fn compare(self, folder: &StateFolder, records: &[Record]) -> Result<Fitting, SiteError> {
        let found = self.proved.iter().find(|(_, record)| {
            let at = usize::try_from(record.sequence).unwrap_or(usize::MAX);
            records.get(at) != Some(record)
        });
        if let Some((path, record)) = found {
            let sentence =
                format!("record {} is not the one that {} proves", record.sequence, path.display());
            return Err(misfit(folder, &sentence));
        }
        contain(folder, records, &self.heads)?;
        Ok(self.fitting)
    }
}

/// The head in a file, and the note as it is there.
///
/// # Errors
/// `Data`, with the file and what is wrong with it; those of reading.
pub(super) fn checkpoint(path: &Path, key: &VerifierKey) -> Result<(String, LedgerHead), SiteError> {
    let note = read(path)?;
    let head = heads::checkpoint(&note, key).map_err(|reason| unusable(path, &reason))?;
    let note = String::from_utf8(note).map_err(|error| unusable(path, &error.to_string()))?;
    Ok((note, head))
}

/// Whether an intact ledger has these heads.
///
/// # Errors
/// `Data`, with what does not fit.
pub(super) fn contain(
    folder: &StateFolder,
    records: &[Record],
    heads: &[LedgerHead],
) -> Result<(), SiteError> {
    compare_heads(records, heads).map_err(|reason| match reason {
        // Which of the two this ledger is says nothing of it.
        Misfit::TwoLedgers { .. } => misfit(folder, &reason.to_string()),
        _ => misfit(folder, &format!("the ledger does not contain its earlier checkpoint: {reason}")),
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

fn misfit(folder: &StateFolder, sentence: &str) -> SiteError {
    let keep = "keep the ledger, site.db and the checkpoint as they are: the privacy officer has to find out what happened";
    SiteError::data(
        sentence,
        &accepted(folder).map_or_else(|| keep.to_owned(), |said| format!("{said}; {keep}")),
    )
}

/// What site.db says of the newest acceptance, behind which older heads do not fit. It is a reason to ask the
/// officer, and no excuse: whoever rewrote the ledger may have written it, too.
fn accepted(folder: &StateFolder) -> Option<String> {
    let store = folder.database().exists().then(|| Store::open_to_read(&folder.database()).ok())??;
    let epoch = store.epochs().ok()?.pop()?;
    Some(format!(
        "site.db says that the privacy officer accepted this ledger on {} at {} records, and heads of the one before need not fit: ask whether that is so",
        table::utc(epoch.at_ms),
        epoch.head.size
    ))
}
