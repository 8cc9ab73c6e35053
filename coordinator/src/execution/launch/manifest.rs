//! From a launch to the signed manifest that sites decide on. Called by `launch`. Invariants: what is signed
//! passes the checks that each site makes; whoever launches from another machine has signed it too.

use certs::ReceiptSigningKey;
use common::id::{Digest, RunId};
use common::run::{
    HeldOutHashes, OverlapTerms, Roster, RunManifest, RunSpec, SignedManifest, SuiteTerms, TensorSpec,
};
use common::wire::message::PROTOCOL_VERSION;

use super::hand::Hand;
use crate::error::{Error, Result};

/// What a manifest says beside the run file.
pub(super) struct Terms {
    pub(super) run: RunId,
    pub(super) fingerprint: Digest,
    pub(super) tensors: Vec<TensorSpec>,
    pub(super) adapter_bytes: u64,
    pub(super) roster: Roster,
    pub(super) held_out: HeldOutHashes,
    pub(super) overlap: Option<OverlapTerms>,
    pub(super) suites: Vec<SuiteTerms>,
}

/// Who signs.
#[derive(Clone, Copy)]
pub(super) struct Signers<'a> {
    pub(super) receipts: &'a ReceiptSigningKey,
    /// The operator, where the command came from another machine.
    pub(super) hand: Option<&'a Hand>,
    /// The present authority's certificate: sites go by it alone.
    pub(super) authority_der: &'a [u8],
}

/// The manifest's file.
///
/// # Errors
/// The run file names no linear of the model, the manifest is one that no site would take, or the operator
/// at the other end does not sign it.
pub(super) async fn sign(spec: &RunSpec, terms: Terms, signers: Signers<'_>) -> Result<Vec<u8>> {
    if terms.tensors.is_empty() {
        return Err(Error::Argument {
            message: "adapter.target_modules names no linear of this model".to_owned(),
            hint: "use \"all-linear\", or names such as q_proj".into(),
        });
    }
    let manifest = RunManifest {
        protocol: PROTOCOL_VERSION,
        run: terms.run,
        name: spec.name.clone(),
        rounds: spec.rounds,
        base_fingerprint: terms.fingerprint,
        adapter: spec.adapter.clone(),
        tensors: terms.tensors,
        adapter_bytes: terms.adapter_bytes,
        training: spec.training.clone(),
        base: spec.base,
        aggregation: spec.aggregation,
        quorum: spec.quorum.sites,
        roster: terms.roster,
        held_out: terms.held_out,
        overlap: terms.overlap,
        suites: terms.suites,
        own_scores: spec.evaluation.sites.score,
        train: spec.train,
        participation: spec.participation,
    };
    let internal = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
    manifest.validate().map_err(|error| internal(&error))?;
    let statement = manifest.statement().map_err(|error| internal(&error))?;
    let signature = signers.receipts.sign(&statement).map_err(|error| internal(&error))?;
    let launched_by = match signers.hand {
        Some(hand) => Some(hand.sign(&manifest, signature, signers.authority_der).await?),
        None => None,
    };
    SignedManifest { manifest, signature, launched_by }.to_bytes().map_err(|error| internal(&error))
}
