//! Checks a release on a machine that knows nothing but the consortium's public key. Called by
//! `cli::verify_release`. Invariants: nothing is believed before the note and the sums hold; then the gates
//! are computed again from the facts, by the code that made the release; everything that is wrong is said.

use std::path::Path;

use certs::{ReceiptPublicKey, release, tls};
use common::clock::Timestamp;
use common::id::Digest;
use common::language::Language;
use serde_json::Value;

use super::assess::{Vouching, Weighed, of_people, weigh};
use super::collect::signed_terms;
use super::draft::Draft;
use super::facts::{FORMAT, Facts};
use super::files;
use super::gates::{Gate, State, gates};
use super::made::{AUTHORITY, CONFIG, Sealed, TERMS};
use super::sums::{self, NOTE, SUMS};
use super::weights;
use crate::error::{Error, Result};
use crate::export::provenance::Provenance;
use crate::limits::{RELEASE_FIELDS_BYTES_MAX, RELEASE_JSON_BYTES_MAX, RELEASE_TERMS_BYTES_MAX};

/// What was found.
#[derive(Debug)]
pub struct Verified {
    /// What the consortium's note says.
    pub sealed: Sealed,
    /// How many files the sums cover.
    pub files: usize,
    /// What does not hold, a sentence each.
    pub faults: Vec<String>,
    /// The gates, computed again; none where the files are not those that were sealed.
    pub gates: Vec<Gate>,
    /// The operators' signatures.
    pub signatures: Vec<Weighed>,
}

impl Verified {
    /// Whether the release is the consortium's, whole, and passes its gates.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.faults.is_empty() && self.gates.iter().all(|gate| gate.state != State::Failed)
    }
}

/// Of a folder, with the consortium's key.
///
/// # Errors
/// It is no release, the note is not this key's, or a file cannot be read.
pub fn verify(folder: &Path, key: &ReceiptPublicKey, language: Language) -> Result<Verified> {
    let note = folder.join(NOTE);
    if !note.exists() {
        return Err(Error::Argument {
            message: format!("{} is no release: it has no {NOTE}", folder.display()),
            hint: "name the folder that `coordinator release make` wrote".into(),
        });
    }
    let lines = release::unseal(&files::read(&note, RELEASE_JSON_BYTES_MAX)?, key).map_err(not_sealed)?;
    let sealed = Sealed::parse(&lines)
        .ok_or_else(|| Error::Config { path: note, reason: "the note is none over a release".into() })?;
    let (there, list) = (sums::found(folder)?, files::read(&folder.join(SUMS), RELEASE_JSON_BYTES_MAX)?);
    let mut found = Verified {
        sealed,
        files: there.len(),
        faults: Vec::new(),
        gates: Vec::new(),
        signatures: Vec::new(),
    };
    if Digest::of(&list) != found.sealed.sums {
        found.faults.push(format!("{SUMS} is not the list that was signed"));
        return Ok(found);
    }
    let Some(listed) = std::str::from_utf8(&list).ok().and_then(sums::parse) else {
        found.faults.push(format!("{SUMS} is no list of files"));
        return Ok(found);
    };
    found.faults = sums::differences(&listed, &there);
    if found.faults.is_empty() {
        contents(folder, key, &mut found, language)?;
    }
    Ok(found)
}

/// What the files say, once it is known that they are those that were sealed.
fn contents(folder: &Path, key: &ReceiptPublicKey, found: &mut Verified, language: Language) -> Result<()> {
    let draft = Draft::open(folder)?;
    let terms = files::read(&folder.join(TERMS), RELEASE_TERMS_BYTES_MAX)?;
    let authority =
        tls::certificate_from_pem(&files::text(&folder.join(AUTHORITY), RELEASE_FIELDS_BYTES_MAX)?)?;
    let vouching =
        Vouching { authority_der: &authority, at: Timestamp(found.sealed.made_ms), counts: &|_| true };
    found.signatures = weigh(&draft.signatures, &draft.statement(0), &vouching);
    found.gates = gates(&draft.facts, &draft.evaluation, language);
    found.gates.extend(of_people(&draft.facts, &draft.fields, &found.signatures, language));
    found.faults = contradictions(folder, &draft.facts, &found.sealed, &terms, key)?;
    Ok(())
}

/// Where two files that were sealed together do not say the same.
fn contradictions(
    folder: &Path,
    facts: &Facts,
    sealed: &Sealed,
    terms: &[u8],
    key: &ReceiptPublicKey,
) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut claim = |holds: bool, says: &str| {
        if !holds {
            faults.push(says.to_owned());
        }
    };
    claim(facts.format == FORMAT, "facts.json is of another version of the program");
    claim(
        facts.run.id == sealed.run && facts.adapter.sha256 == sealed.adapter,
        "facts.json is of another run or adapter than the note",
    );
    let signed = signed_terms(terms, key);
    let is_signed = signed.as_ref().is_some_and(|terms| {
        let members = terms.manifest.members().map(|member| (&member.name, Some(member.key)));
        let approvals = facts.approvals.iter().map(|(site, approval)| (site, approval.key));
        terms.manifest.run == facts.run.id
            && terms.manifest.base_fingerprint == facts.base.fingerprint
            && members.eq(approvals)
    });
    claim(
        is_signed && Digest::of(terms) == facts.run.terms,
        "terms.txt are not the terms of the run, signed with the consortium's key",
    );
    let path = folder.join(CONFIG);
    let config: Value = files::json(&path, &files::read(&path, RELEASE_JSON_BYTES_MAX)?)?;
    let is_configured = signed.is_some_and(|terms| weights::is_configured(&config, &terms.manifest.adapter));
    claim(is_configured, "adapter_config.json makes another model of the weights than the run's terms say");
    let origin = Provenance::read(folder)?;
    let is_of_it = origin.is_some_and(|origin| {
        origin.run == facts.run.id
            && origin.adapter == facts.adapter.sha256
            && origin.base_fingerprint == facts.base.fingerprint
    });
    claim(is_of_it, "consilium.json says that the adapter is of another run");
    Ok(faults)
}

fn not_sealed(error: certs::CertError) -> Error {
    Error::Argument {
        message: format!("release.note does not hold: {error}"),
        hint: "give the consortium's receipt key as it was written down on paper; if it is that, do not use this release".into(),
    }
}
