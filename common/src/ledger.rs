//! The egress ledger's format: one JSON line per frame that left a site, and one note per run that says
//! which records it used (of which nothing left). The lines are chained by hash and summed up by an RFC 6962
//! Merkle tree. A privacy officer can read the file with `less`, count it with `jq`, and verify it with
//! either of two independent programs, which enforce one grammar: `common/LEDGER.md`.
//!
//! Used by the site agent, which writes it; this is format and check.

mod add_checkpoint;
mod arrivals;
mod checkpoint;
mod consistency;
mod grammar;
mod inclusion;
mod merkle;
mod receipts;
mod record;
mod verify;

pub use add_checkpoint::{AddCheckpoint, NoRequest};
pub use arrivals::{
    ARRIVALS_CONTEXT, Arrivals, ArrivalsError, ArrivalsWriter, Arrived, Fault, Heading, Reconciled, reconcile,
};
pub use checkpoint::{Checkpoint, CheckpointError, Misfit, compare_heads, ledger_name};
pub use consistency::{Prover, extends};
pub use inclusion::{InclusionProof, ProofError, includes, prover};
pub use merkle::Tree;
pub use receipts::{Compared, ReceiptError, Uncompared, answers, compare};
pub use record::{Kind, LedgerError, Record, context, line_digest};
pub use verify::{KindTotal, Reading, Summary, Verifier, read, verify};

#[cfg(test)]
mod tests;
