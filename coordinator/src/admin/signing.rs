//! The operator's signature under what they launch from another machine. Used by `server`, which asks for it,
//! and there by `client`, which gives it. Invariants: nothing is signed but terms that the coordinator
//! signed, that any site could take, and that say what the run file says; every wait has a deadline.

use std::collections::BTreeSet;
use std::time::Duration;

use certs::ReceiptPublicKey;
use common::run::{
    LaunchSignature, RunError, RunManifest, RunSpec, signature_from_digits, signature_to_digits,
};
use common::terminal::visible;
use tokio::io::AsyncBufReadExt as _;

use super::lines::{Reader, Writer, write};
use super::message::{Answer, Signature};
use super::remote::Context;
use crate::error::{Error, Result};
use crate::execution::launch::hand::ToSign;
use crate::limits::COMMAND_READ_MS_MAX;

/// Asks whoever is at the other end to sign.
///
/// # Errors
/// They are gone, say nothing in time, or something else.
pub(super) async fn ask(
    ask: &ToSign,
    reader: &mut Reader<'_>,
    writer: &mut Writer<'_>,
) -> Result<LaunchSignature> {
    let refuse = |reason: &str| Error::NotSigned(reason.to_owned());
    let signature = signature_to_digits(&ask.signature);
    let asked = Answer::Sign { manifest: ask.manifest.clone(), signature };
    write(writer, &asked).await.map_err(|_| refuse("whoever launched it is gone"))?;
    let mut line = Vec::new();
    let wait = Duration::from_millis(COMMAND_READ_MS_MAX);
    let read = tokio::time::timeout(wait, reader.read_until(b'\n', &mut line)).await;
    if !matches!(read, Ok(Ok(length)) if length > 0) {
        return Err(refuse("none came back in time"));
    }
    let said: Signature = serde_json::from_slice(&line).map_err(|_| refuse("what came back is none"))?;
    LaunchSignature::from_text(said.launched_by.as_bytes()).ok_or_else(|| refuse("what came back is none"))
}

/// What is known of a run before it is signed.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// The run file, as it was sent.
    RunFile(&'a RunSpec),
    /// A run goes on that the coordinator knows and this machine does not.
    Continuation,
    /// Nothing is launched, or on the coordinator's own machine.
    Nothing,
}

/// The operator's signature under a manifest, and the manifest.
///
/// # Errors
/// The terms are not the coordinator's, are out of bounds, or are not what is wanted; the certificate is no
/// operator's.
pub fn sign(
    context: &Context,
    manifest: &str,
    signature: &str,
    wanted: Wanted<'_>,
) -> Result<(Signature, RunManifest)> {
    let terms = verified(&context.receipt_key, manifest, signature)?;
    let key = match wanted {
        Wanted::RunFile(spec) => difference(spec, &terms),
        Wanted::Continuation => None,
        Wanted::Nothing => Some("run"),
    };
    if let Some(key) = key {
        return Err(Error::OtherTerms { key });
    }
    let refuse = |error: RunError| Error::NotSigned(error.to_string());
    let statement = terms.launch_statement().map_err(refuse)?;
    let signature = context.identity.sign_launch(&statement)?;
    let certificate_der = context.identity.certificate_der().to_vec();
    let launched_by = LaunchSignature { certificate_der, signature }.to_text();
    Ok((Signature { launched_by }, terms))
}

/// The terms, if they are those of the coordinator with this key, to the byte.
fn verified(key: &ReceiptPublicKey, manifest: &str, signature: &str) -> Result<RunManifest> {
    let refuse = |reason: String| {
        // It may hold the name of a field, which the coordinator chose.
        let reason = visible(&reason);
        Error::NotSigned(format!("what the coordinator asks to sign is refused: {reason}"))
    };
    let fault = |error: RunError| refuse(error.to_string());
    let terms = RunManifest::from_bytes(manifest.as_bytes()).map_err(fault)?;
    if terms.to_bytes().map_err(fault)? != manifest.as_bytes() {
        return Err(refuse("it is not in its canonical bytes".into()));
    }
    let signature = signature_from_digits(signature.as_bytes())
        .ok_or_else(|| refuse("its signature is not in hexadecimal digits".into()))?;
    key.verify(&terms.statement().map_err(fault)?, &signature)
        .map_err(|_| refuse("it does not bear the signature of this consortium's coordinator".into()))?;
    terms.validate().map_err(fault)?;
    Ok(terms)
}

/// The first key of a run file that the terms do not keep to.
fn difference(spec: &RunSpec, terms: &RunManifest) -> Option<&'static str> {
    // Neither more nor fewer: who is left out may be the one whose records the run is for.
    let are_named = spec.sites.as_ref().is_none_or(|sites| {
        let named: BTreeSet<_> = sites.names.iter().collect();
        let members: BTreeSet<_> = terms.members().map(|member| &member.name).collect();
        named == members
    });
    let compared = spec.overlap.enabled && (spec.validation.is_some() || spec.test.is_some());
    [
        ("name", spec.name == terms.name),
        ("train", spec.train == terms.train),
        ("rounds", spec.rounds == terms.rounds),
        ("adapter", spec.adapter == terms.adapter),
        ("training", spec.training == terms.training),
        ("base", spec.base == terms.base),
        ("aggregation", spec.aggregation == terms.aggregation),
        ("participation", spec.participation == terms.participation),
        ("quorum.sites", spec.quorum.sites == terms.quorum),
        ("sites.names", are_named),
        ("validation", spec.validation.is_some() == terms.held_out.validation.is_some()),
        ("test", spec.test.is_some() == terms.held_out.test.is_some()),
        ("overlap.enabled", compared == terms.overlap.is_some()),
        ("evaluation.suites", spec.evaluation.suites.len() == terms.suites.len()),
        ("evaluation.sites.score", spec.evaluation.sites.score == terms.own_scores),
    ]
    .into_iter()
    .find_map(|(key, is_kept)| (!is_kept).then_some(key))
}

#[cfg(test)]
pub(crate) mod tests;
