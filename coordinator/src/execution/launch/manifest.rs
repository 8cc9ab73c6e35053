//! From a launch to the signed manifest that sites decide on. Called by `launch`. Invariant: what is signed
//! passes the checks that each site makes.

use certs::ReceiptSigningKey;
use common::id::{Digest, RunId};
use common::run::{HeldOutHashes, OverlapTerms, Roster, RunManifest, RunSpec, SignedManifest, TensorSpec};
use common::wire::message::PROTOCOL_VERSION;

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
}

/// The manifest's file.
///
/// # Errors
/// The run file names no linear of the model, or the manifest is one that no site would take.
pub(super) fn sign(spec: &RunSpec, terms: Terms, key: &ReceiptSigningKey) -> Result<Vec<u8>> {
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
    };
    let internal = |error: &dyn std::fmt::Display| Error::Internal(error.to_string());
    manifest.validate().map_err(|error| internal(&error))?;
    let statement = manifest.statement().map_err(|error| internal(&error))?;
    let signature = key.sign(&statement).map_err(|error| internal(&error))?;
    SignedManifest { manifest, signature }.to_bytes().map_err(|error| internal(&error))
}
