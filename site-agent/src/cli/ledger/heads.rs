//! `site-agent ledger checkpoint` and `prove`: a signed head of the ledger, the proof that one record is
//! under it, and for witnesses the proof that it extends an older one. Offline. Run by `cli::ledger`.
//! Invariants: no head is signed of a ledger that `ledger verify` refuses; no file is replaced unless that
//! is asked for; a cosigned head is kept only if the ledger has it.

use std::path::{Path, PathBuf};

use ::cli::witness::{CosignedHeads, WitnessError};
use certs::{VerifierKey, WitnessVerifier};
use common::clock::Timestamp;
use common::durable;
use common::ledger::{AddCheckpoint, InclusionProof, Prover, Record, Summary, prover};
use common::wire::message::LedgerHead;
use serde_json::json;

use super::{earlier, receipts};
use crate::cli::support::{Keyed, tell};
use crate::error::SiteError;
use crate::gateway::heads::Signer;
use crate::paths::StateFolder;

pub(super) const CHECKPOINT_EXAMPLES: &str = "\
Examples:
  site-agent ledger checkpoint --key             # once, on paper
  site-agent ledger checkpoint --out 2026-11.checkpoint

  Later, and years later:
  site-agent ledger verify --checkpoint 2026-11.checkpoint

  What a witness cosigned (`site-agent ledger prove --from`):
  site-agent ledger checkpoint --cosigned 2026-11.cosigned --witness KEY

The file is a C2SP tlog-checkpoint: the ledger's name, its number of records, its root, and a signature by a key of this \
site that signs nothing else. Keep it, and the verifier key, off this machine: with both anybody can tell later whether \
what was recorded until today was changed. Whoever holds this machine can sign another head; they cannot change the one \
that you took away.";

pub(super) const PROVE_EXAMPLES: &str = "\
Examples:
  site-agent ledger prove 412 --out 412.tlog-proof
  python3 deploy/verify_ledger.py --proof 412.tlog-proof --key KEY

  Under a head that somebody took away earlier:
  site-agent ledger prove 412 --checkpoint 2026-11.checkpoint \\
      --out 412.tlog-proof
  python3 deploy/verify_ledger.py --proof 412.tlog-proof \\
      --checkpoint 2026-11.checkpoint --key KEY

  For a witness who has cosigned 400 records of this ledger (0: none):
  site-agent ledger prove --from 400 --out 2026-11.request
  site-agent witness cosign 2026-11.request --out 2026-11.cosigned

Without --checkpoint the head is signed now, and the proof shows only that whoever holds the key says so now.

The file (C2SP tlog-proof) holds that one record, a signed head of the ledger and the hashes between them. No other record \
is in it, but the number of records is, and hashes of some others: whoever guesses a neighbouring record, time and all, \
can see that the guess is right. `ledger show` has the numbers.";

#[derive(Debug, clap::Args)]
pub(super) struct Checkpoint {
    #[command(flatten)]
    state: Keyed,
    /// The file to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long, requires = "out")]
    replace: bool,
    /// Only print the verifier key, which is needed to check the file: NAME+ID+KEY.
    #[arg(long, conflicts_with_all = ["out", "json"])]
    key: bool,
    /// Sign nothing, but keep this head, which a witness cosigned, for the report and `ledger verify`.
    #[arg(long, value_name = "FILE", requires = "witness", conflicts_with_all = ["out", "key"])]
    cosigned: Option<PathBuf>,
    /// With --cosigned: the witness' verifier key.
    #[arg(long, value_name = "KEY", requires = "cosigned")]
    witness: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Prove {
    /// The record's number, as `ledger show` prints it.
    #[arg(value_name = "SEQ", required_unless_present = "from")]
    sequence: Option<u64>,
    #[command(flatten)]
    state: Keyed,
    /// For a witness: prove that the ledger of now extends its first SIZE records.
    #[arg(long, value_name = "SIZE", conflicts_with_all = ["sequence", "checkpoint"])]
    from: Option<u64>,
    /// Prove it under this head, which was taken away earlier, and not under one that is signed now.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// The file to write [default: standard output].
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there.
    #[arg(long, requires = "out")]
    replace: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Signs the head of the ledger as it is now.
pub(super) fn checkpoint(arguments: &Checkpoint) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    let signer = Signer::load(&folder.identity(), folder.passphrase())?;
    let key = signer.verifier()?.to_text();
    if arguments.key {
        println!("{key}");
        return Ok(());
    }
    if let (Some(file), Some(witness)) = (&arguments.cosigned, &arguments.witness) {
        return keep(&folder, &signer.verifier()?, file, witness, arguments.json);
    }
    let (_, head) = verified(&folder)?;
    let note = signer.sign(head)?;
    let path = write(arguments.out.as_deref(), arguments.replace, &note)?;
    let document = json!({
        "size": head.size,
        "root": head.root.to_string(),
        "verifier_key": key,
        "path": path,
        "checkpoint": note,
    });
    tell(arguments.json, &document, || match path {
        Some(path) => {
            println!("wrote {path}: {} records, root {}", head.size, head.root);
            println!("verifier key {key}");
        }
        None => print!("{note}"),
    })
}

/// Keeps a head that a witness cosigned.
fn keep(
    folder: &StateFolder,
    key: &VerifierKey,
    file: &Path,
    witness: &str,
    as_json: bool,
) -> Result<(), SiteError> {
    let witness = WitnessVerifier::parse(witness).map_err(WitnessError::from)?;
    let (note, head) = earlier::checkpoint(file, key)?;
    let (records, _) = verified(folder)?;
    earlier::contain(folder, &records, &[head])?;
    let kept = CosignedHeads::open(&folder.cosigned())?.take(&note, key, &witness)?;
    let document = json!({
        "size": head.size,
        "root": head.root.to_string(),
        "verifier_key": key.to_text(),
        "path": folder.cosigned().display().to_string(),
        "checkpoint": note,
    });
    tell(as_json, &document, || {
        let at = Timestamp(kept.at_s.saturating_mul(1_000)).rfc3339();
        println!("kept: {} cosigned the first {} records on {at}", witness.name(), kept.head.size);
    })
}

/// The head of now, with the proof that it extends the first `from` records.
fn extension(arguments: &Prove, from: u64) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    let signer = Signer::load(&folder.identity(), folder.passphrase())?;
    let (records, head) = verified(&folder)?;
    if from > head.size {
        let sentence =
            format!("the ledger has {} records, and none can be proved to extend {from}", head.size);
        let hint = "ask the witness which size it cosigned: if it is larger, this ledger was cut, or restored from an older copy";
        return Err(SiteError::data(&sentence, hint));
    }
    let mut prover = Prover::new(from, head.size);
    for record in &records {
        prover.line(&record.to_line().map_err(|error| SiteError::Internal(error.to_string()))?);
    }
    let (hashes, key) = (prover.proof(), signer.verifier()?.to_text());
    let count = hashes.len();
    let text = AddCheckpoint { old: from, hashes, note: signer.sign(head)? }.to_text();
    let path = write(arguments.out.as_deref(), arguments.replace, &text)?;
    let document = json!({
        "sequence": null,
        "size": head.size,
        "root": head.root.to_string(),
        "hashes": count,
        "verifier_key": key,
        "path": path,
        "proof": text,
    });
    tell(arguments.json, &document, || match path {
        Some(path) => {
            println!("wrote {path}: {} records, from {from}, root {}", head.size, head.root);
            println!("verifier key {key}");
        }
        None => print!("{text}"),
    })
}

/// Proves that the ledger has a record, under a head that is signed for it, or one that was signed earlier.
pub(super) fn prove(arguments: &Prove) -> Result<(), SiteError> {
    let sequence = match (arguments.sequence, arguments.from) {
        (_, Some(from)) => return extension(arguments, from),
        (sequence, None) => sequence.unwrap_or_default(),
    };
    let folder = arguments.state.open_joined()?;
    let signer = Signer::load(&folder.identity(), folder.passphrase())?;
    let verifier = signer.verifier()?;
    let (records, newest) = verified(&folder)?;
    let (note, head) = match &arguments.checkpoint {
        None => (signer.sign(newest)?, newest),
        Some(path) => {
            let (note, head) = earlier::checkpoint(path, &verifier)?;
            earlier::contain(&folder, &records, &[head])?;
            (note, head)
        }
    };
    let proof = proof_of(sequence, &records, head, note)?;
    let (index, key) = (proof.index, verifier.to_text());
    let text = proof.to_text();
    let path = write(arguments.out.as_deref(), arguments.replace, &text)?;
    let document = json!({
        "sequence": index,
        "size": head.size,
        "root": head.root.to_string(),
        "hashes": proof.hashes.len(),
        "verifier_key": key,
        "path": path,
        "proof": text,
    });
    tell(arguments.json, &document, || match path {
        Some(path) => {
            println!("wrote {path}: record {index} of {}, root {}", head.size, head.root);
            println!("verifier key {key}");
        }
        None => print!("{text}"),
    })
}

/// The proof of one of the records that the head is over.
fn proof_of(
    index: u64,
    records: &[Record],
    head: LedgerHead,
    note: String,
) -> Result<InclusionProof, SiteError> {
    let records = usize::try_from(head.size).ok().and_then(|size| records.get(..size)).unwrap_or(records);
    let Some(record) = usize::try_from(index).ok().and_then(|at| records.get(at)) else {
        let sentence = format!("the head is of {} records, and none has the number {index}", head.size);
        return Err(SiteError::data(&sentence, "`site-agent ledger show` prints the numbers"));
    };
    let line = |record: &Record| record.to_line().map_err(|error| SiteError::Internal(error.to_string()));
    let mut prover = prover(index, head.size);
    for record in records {
        prover.line(&line(record)?);
    }
    Ok(InclusionProof { index, line: line(record)?, hashes: prover.proof(), note })
}

/// The records and the head, of a ledger that `ledger verify` takes.
fn verified(folder: &StateFolder) -> Result<(Vec<Record>, LedgerHead), SiteError> {
    let known = receipts::knowledge(folder)?;
    let (records, Summary { records: size, root, .. }) = receipts::read(&folder.ledger())?;
    let beside = known.map(|known| receipts::compare(&records, &known)).unwrap_or_default();
    if let Some(reason) = beside.reasons.into_iter().next() {
        return Err(SiteError::LedgerBehind { path: folder.ledger(), reason });
    }
    if beside.is_refused { Err(SiteError::LedgerRefused) } else { Ok((records, LedgerHead { size, root })) }
}

/// Writes the file, where one is wanted. Returns its name.
fn write(out: Option<&Path>, replace: bool, text: &str) -> Result<Option<String>, SiteError> {
    let Some(out) = out else { return Ok(None) };
    if out.exists() && !replace {
        let sentence = format!("{} exists already", out.display());
        return Err(SiteError::data(&sentence, "choose another name, or add --replace"));
    }
    durable::write(out, text.as_bytes(), durable::ORDINARY).map_err(SiteError::at(out))?;
    Ok(Some(out.display().to_string()))
}
