//! The seeds that somebody signs: heads of a ledger and proofs, requests to an officer and answers; and the
//! policies beside them. Used by `seeds`. Invariant: made of fixed keys, so that they are the same each time.

use anyhow::{Context as _, Result};
use certs::{LedgerKey, OfficerKey, ReceiptSigningKey};
use common::id::Digest;
use common::ledger::{Checkpoint, InclusionProof, Tree, prover};
use common::run::{RunManifest, SignedManifest};
use common::wire::message::LedgerHead;
use site_agent::cli::consent::answer::Answer;
use site_agent::cli::consent::request::{Asked, PolicyAsked, Request, RunAsked, Subject, Wish};
use site_agent::config::AgentConfig;
use site_agent::policy::PolicyConfig;

use super::decisions::{OFFICER_KEY, SITE, asked};
use super::messages::{LEDGER_KEY, LEDGER_NAME};

/// Base64 of the coordinator's seed; no coordinator has it.
const RECEIPT_KEY: &str = "ERERERERERERERERERERERERERERERERERERERERERE=";

fn lines(ledger: &[u8]) -> Vec<&[u8]> {
    ledger.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect()
}

/// The signed head of these lines.
pub(super) fn checkpoint(ledger: &[u8]) -> Result<String> {
    let mut tree = Tree::default();
    lines(ledger).into_iter().for_each(|line| tree.append(line));
    let head = LedgerHead { size: tree.size(), root: tree.root() };
    let text = Checkpoint { name: LEDGER_NAME.into(), head }.to_string();
    Ok(LedgerKey::from_text(LEDGER_KEY)?.sign(LEDGER_NAME, &text)?)
}

/// The proof of one of them.
pub(super) fn proof(ledger: &[u8], index: usize) -> Result<String> {
    let lines = lines(ledger);
    let mut prover = prover(index as u64, lines.len() as u64);
    lines.iter().for_each(|line| prover.line(line));
    let line = lines.get(index).context("a line")?.to_vec();
    let note = checkpoint(ledger)?;
    Ok(InclusionProof { index: index as u64, line, hashes: prover.proof(), note }.to_text())
}

/// Requests, answers, policies and settings: folder, number, bytes.
pub(super) fn decisions(manifest: RunManifest) -> Result<Vec<(&'static str, usize, Vec<u8>)>> {
    let Subject::Policy(policy) = asked() else { anyhow::bail!("the seeds answer a policy") };
    let coordinator = ReceiptSigningKey::from_text(RECEIPT_KEY)?;
    let signature = coordinator.sign(&manifest.statement()?)?;
    let run = Asked::Run(RunAsked {
        decision: Wish::Approve,
        terms: String::from_utf8(SignedManifest { manifest, signature, launched_by: None }.to_bytes()?)?,
        receipt_key: Digest(*coordinator.public_key()?.as_bytes()),
        update_mantissa_bits: 12,
        overlap: true,
        own_scores: false,
    });
    let about_policy = Asked::Policy(PolicyAsked { policy: policy.canonical() });
    let answer = Answer::sign(&OfficerKey::from_text(OFFICER_KEY)?, SITE.parse()?, &asked())?;
    let config = AgentConfig {
        model: "/srv/model".into(),
        data: vec!["/srv/records.jsonl".into()],
        data_room: Default::default(),
        sandbox: Default::default(),
        training: Default::default(),
        policy: policy.clone(),
        retention: Default::default(),
        escrow: None,
        keys: None,
    };
    Ok(vec![
        ("approval_request", 0, Request::new(SITE.parse()?, run).to_bytes()?),
        ("approval_request", 1, Request::new(SITE.parse()?, about_policy).to_bytes()?),
        ("approval_answer", 0, answer.to_bytes()?),
        ("policy", 0, policy.canonical().into_bytes()),
        ("policy", 1, PolicyConfig::default().canonical().into_bytes()),
        ("agent_config", 0, config.to_commented_toml()?.into_bytes()),
    ])
}
