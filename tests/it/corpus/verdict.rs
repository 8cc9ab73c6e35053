//! What the Rust verifier says of a folder of the corpus, in one line. Used by `corpus`.
//!
//! It asks in the order of `deploy/verify_ledger.py`: the ledger, receipts, what arrived, checkpoints and
//! proofs. With the same functions as `site-agent`, which takes receipts from its database, not from a file.

use anyhow::Result;
use certs::{Note, ReceiptPublicKey, VerifierKey, WitnessVerifier};
use cli::witness::{WitnessError, newest};
use common::id::{Digest, Round, RunId};
use common::ledger::{
    Arrivals, Fault, InclusionProof, LedgerError, Misfit, Reading, ReceiptError, Record, compare,
    compare_heads, read, reconcile,
};
use common::run::signature_from_digits;
use common::wire::message::{LedgerHead, Receipt, ReceiptBody, RoundKey};
use serde_json::Value;
use site_agent::gateway::heads;
use site_agent::gateway::memory::differs_from_taken;

use super::Files;

pub(super) fn of(files: &Files, verifier_key: &str) -> Result<String> {
    let mut records = Vec::new();
    let summary = match read(files["ledger"].as_slice(), |record| records.push(record.clone())) {
        Ok(Reading { verifier, .. }) => verifier.summary(),
        Err(error) => return Ok(format!("line {}", line_of(&error))),
    };
    let fault = files
        .get("receipts")
        .and_then(|bytes| receipts(bytes, &records))
        .or_else(|| files.get("arrivals").and_then(|bytes| arrivals(bytes, &records)));
    if let Some(fault) = fault {
        return Ok(fault);
    }
    if let Some(fault) = earlier(files, &records, &VerifierKey::parse(verifier_key)?) {
        return Ok(fault);
    }
    Ok(format!("intact {} {} {}", summary.records, summary.bytes, &summary.root.to_string()[..16]))
}

fn line_of(error: &LedgerError) -> u64 {
    match error {
        LedgerError::NotARecord { line }
        | LedgerError::Value { line, .. }
        | LedgerError::Time { line }
        | LedgerError::Sequence { line, .. }
        | LedgerError::Chain { line } => *line,
        _ => 0,
    }
}

/// The receipts of a file as `site-agent ledger receipts` writes it; `None` for another file.
pub(super) fn receipts_of(document: &Value) -> Option<Vec<Receipt>> {
    let site = Digest::of(document["site"].as_str()?.as_bytes());
    document["receipts"].as_array()?.iter().map(|entry| receipt_of(entry, site)).collect()
}

fn receipt_of(entry: &Value, site: Digest) -> Option<Receipt> {
    let number = |name: &str| entry[name].as_u64();
    let digest = |name: &str| entry[name].as_str()?.parse::<Digest>().ok();
    let run: RunId = entry["run"].as_str()?.parse().ok()?;
    let round = Round(u32::try_from(number("round")?).ok()?);
    let body = ReceiptBody {
        site,
        key: RoundKey { run, round },
        digest: digest("digest")?,
        bytes: number("bytes")?,
        first_sequence: number("first_sequence")?,
        last_sequence: number("last_sequence")?,
        received_bytes: number("received_bytes")?,
        running_hash: digest("running_hash")?,
    };
    Some(Receipt { body, signature: signature_from_digits(entry["signature"].as_str()?.as_bytes())? })
}

fn taken_of(document: &Value) -> Option<LedgerHead> {
    let taken = &document["taken"];
    Some(LedgerHead { size: taken["size"].as_u64()?, root: taken["root"].as_str()?.parse().ok()? })
}

fn receipts(bytes: &[u8], records: &[Record]) -> Option<String> {
    let unusable = Some("receipts unusable".to_owned());
    let Ok(document) = serde_json::from_slice::<Value>(bytes) else { return unusable };
    let key = document["receipt_key"].as_str().and_then(|text| text.parse::<Digest>().ok());
    let (Some(key), Some(receipts)) = (key, receipts_of(&document)) else { return unusable };
    let key = ReceiptPublicKey::from_bytes(key.0);
    for Receipt { body, signature } in &receipts {
        if key.verify(&body.signed_bytes(), signature).is_err() {
            return Some(format!("receipt {}/{} unsigned", body.key.run, body.key.round.0));
        }
    }
    if let Some(taken) = taken_of(&document)
        && differs_from_taken(records, &taken).is_some()
    {
        return Some(format!("taken {}", taken.size));
    }
    let bodies: Vec<ReceiptBody> = receipts.iter().map(|receipt| receipt.body).collect();
    let found = compare(records, &bodies, &[]);
    found.unfit.first().map(|unfit| match unfit {
        ReceiptError::Missing { run, round, last } => format!("receipt {run}/{} missing {last}", round.0),
        ReceiptError::Differs { run, round, first, last } => {
            format!("receipt {run}/{} differs {first} {last}", round.0)
        }
    })
}

fn arrivals(bytes: &[u8], records: &[Record]) -> Option<String> {
    let unusable = Some("arrivals unusable".to_owned());
    let Ok(arrivals) = Arrivals::read(bytes) else { return unusable };
    let key = ReceiptPublicKey::from_bytes(arrivals.heading.receipt_key.0);
    if key.verify(&arrivals.statement, &arrivals.signature).is_err() {
        return Some("arrivals forged".to_owned());
    }
    let (mut numbers, mut taken) = (Vec::new(), String::new());
    for fault in reconcile(records, &arrivals).faults {
        match fault {
            Fault::Extra(frame) | Fault::Altered(frame) | Fault::Twice(frame) => numbers.push(frame.sequence),
            Fault::OtherLedger { size } => taken = format!(" taken {size}"),
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    (!numbers.is_empty() || !taken.is_empty()).then(|| format!("arrivals {}{taken}", numbers.join(",")))
}

/// Of a note that does not count: whether it can be read, and has not the key's signature.
fn fault_of(note: &[u8], key: &VerifierKey) -> &'static str {
    if Note::parse(note).is_ok_and(|note| note.verify(key).is_err()) { "forged" } else { "unusable" }
}

/// What a witness that is asked for has not cosigned; the checkpoints were verified before.
fn witnesses(files: &Files, key: &VerifierKey) -> Option<String> {
    let text = |prefix: &'static str| {
        let found = files.iter().filter(move |(name, _)| name.starts_with(prefix));
        found.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
    };
    let notes: Vec<String> = text("checkpoint").collect();
    let parsed: Result<Vec<WitnessVerifier>, _> =
        text("witness").map(|text| WitnessVerifier::parse(&text)).collect();
    let Ok(witnesses) = parsed else { return Some("witness unusable".into()) };
    let refused = witnesses.iter().find_map(|witness| newest(witness, key, &notes).err())?;
    let WitnessError::NotCosigned { witness, reason } = refused else { return Some(refused.to_string()) };
    let word = if reason.contains("does not hold") { "forged" } else { "missing" };
    Some(format!("witness {witness} {word}"))
}

fn earlier(files: &Files, records: &[Record], key: &VerifierKey) -> Option<String> {
    let mut given = Vec::new();
    for (_, bytes) in files.iter().filter(|(name, _)| name.starts_with("checkpoint")) {
        let Ok(head) = heads::checkpoint(bytes, key) else {
            return Some(format!("checkpoint {}", fault_of(bytes, key)));
        };
        given.push(head);
    }
    if let Some(fault) = witnesses(files, key) {
        return Some(fault);
    }
    for (_, bytes) in files.iter().filter(|(name, _)| name.starts_with("proof")) {
        let Ok((record, head)) = heads::proof(bytes, key) else {
            let fault = InclusionProof::parse(bytes).map_or("unusable", |proof| {
                let note = proof.note.as_bytes();
                if heads::checkpoint(note, key).is_ok() { "forged" } else { fault_of(note, key) }
            });
            return Some(format!("proof {fault}"));
        };
        given.push(head);
        if records.get(usize::try_from(record.sequence).unwrap_or(usize::MAX)) != Some(&record) {
            return Some(format!("proof other {}", record.sequence));
        }
    }
    match compare_heads(records, &given) {
        Ok(()) => None,
        Err(Misfit::Short { has, size }) => Some(format!("short {has} {size}")),
        Err(Misfit::Differs { from, size }) => Some(format!("differs {from} {size}")),
        Err(Misfit::TwoLedgers { size }) => Some(format!("two ledgers {size}")),
    }
}
