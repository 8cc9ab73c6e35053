//! This site as it is now: to whom it sends and as whom, under which policy and which waiver. Used by
//! `collect`. Invariant: what a signature says is verified here, not read.

use std::path::Path;

use certs::PeerCertificate;
use certs::profile::COORDINATOR_NAME;
use common::clock::Timestamp;
use common::id::Digest;
use common::ledger::{Kind, Record};

use super::sent::Sent;
use crate::cli::consent::known::Known;
use crate::cli::ledger::report::facts::{
    Certificate, Key, Newest, Note, Policy, Recipient, Waiver, WaiverInForce,
};
use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::identity::Papers;
use crate::limits::REPORT_NOTES_MAX;
use crate::waiver;

/// Key and certificates.
///
/// # Errors
/// `Io` or `Config`, with the file.
pub(super) fn papers(known: &Known) -> Result<Papers, SiteError> {
    Papers::load(&known.folder.identity())
}

pub(super) fn recipient(papers: &Papers, sent: &Sent) -> Result<Recipient, SiteError> {
    Ok(Recipient {
        authority: papers.peer()?.to_string(),
        later_authority: papers.later_authority()?.map(|key| key.to_string()),
        name: COORDINATOR_NAME,
        address: papers.coordinator.address.clone(),
        receipt_key: papers.coordinator.receipt_key.to_string(),
        peers: sent.peers(),
    })
}

pub(super) fn certificate(known: &Known, papers: &Papers) -> Result<Certificate, SiteError> {
    let peer = PeerCertificate::from_der(&papers.certificate_der)
        .map_err(|error| SiteError::config(Path::new("certificate.pem"), error.to_string()))?;
    let at = |time| table::utc(Timestamp::from(time).0);
    let key = |(key, since_ms): (Digest, u64)| Key { key: key.to_string(), since: table::utc(since_ms) };
    Ok(Certificate {
        sha256: Digest::of(&papers.certificate_der).to_string(),
        serial: peer.serial.to_string(),
        key: Digest(*peer.key.as_bytes()).to_string(),
        from: at(peer.not_before),
        until: at(peer.not_after),
        keys: Newest::last_of(known.store.own_keys()?.into_iter().map(key).collect(), REPORT_NOTES_MAX),
    })
}

pub(super) fn policy(known: &Known, records: &[Record]) -> Result<Policy, SiteError> {
    let policy = &known.config.policy;
    let digest = policy.digest();
    let changes = notes(records, Kind::Policy);
    Ok(Policy {
        sha256: digest.to_string(),
        signed: known.judge.trusts_policy(&known.store, digest)?,
        rules: policy.every_key().map_err(|error| SiteError::Internal(error.to_string()))?.into(),
        noted: changes.shown.last().is_some_and(|note| note.sha256 == digest.to_string()),
        changes,
    })
}

/// # Errors
/// `Io` where the file is there and cannot be read.
pub(super) fn waiver(known: &Known, records: &[Record]) -> Result<Waiver, SiteError> {
    let changes = notes(records, Kind::Waiver);
    let screen = known.config.data_room.screen;
    let path = known.folder.waiver();
    if !path.exists() {
        return Ok(Waiver { screen, in_force: None, changes });
    }
    let sha256 = waiver::digest_in_force(&known.folder)?.to_string();
    let doubt = waiver::in_force(&known.folder).err().map(|error| error.to_string());
    let in_force = match waiver::read(&path) {
        Ok(signed) => WaiverInForce {
            sha256,
            kinds: signed.waiver.kinds.iter().map(ToString::to_string).collect(),
            findings: signed.waiver.findings.len(),
            reason: signed.waiver.reason,
            issued: signed.waiver.issued,
            expires: signed.waiver.expires,
            doubt,
        },
        Err(_) => WaiverInForce {
            sha256,
            kinds: Vec::new(),
            findings: 0,
            reason: String::new(),
            issued: String::new(),
            expires: String::new(),
            doubt,
        },
    };
    Ok(Waiver { screen, in_force: Some(in_force), changes })
}

fn notes(records: &[Record], kind: Kind) -> Newest<Note> {
    let notes = records.iter().filter(|record| record.kind == kind).map(note);
    Newest::last_of(notes.collect(), REPORT_NOTES_MAX)
}

pub(super) fn note(record: &Record) -> Note {
    Note {
        sequence: record.sequence,
        at: table::utc(record.time_ms),
        kind: record.kind.word(),
        sha256: record.sha256.clone(),
    }
}
