//! Writes a release: the documents beside the exported adapter, the sums, and the consortium's note over
//! them. Called by `cli::release`, after every gate was passed and the adapter was exported by a process of
//! its own: this one has the key, and reads no model. Invariants: the note is the last file; the folder gets
//! its name when it is whole.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use certs::{ReceiptSigningKey, release};
use common::durable;
use common::id::{Digest, RunId};
use common::language::Language;

use super::bill;
use super::card;
use super::dossier::Dossier;
use super::draft::{EVALUATION, FACTS, FIELDS, SIGNATURE, SIGNATURES, Signed};
use super::files;
use super::statement::Signature;
use super::sums::{self, NOTE, SUMS};
use super::{chai, page};
use crate::error::{Error, Result};
use crate::export::provenance;
use crate::limits::RELEASE_JSON_BYTES_MAX;

/// The run's terms with their signatures, as sites have them.
pub(super) const TERMS: &str = "terms.txt";
/// The certificate of the authority that vouches for those who signed.
pub(super) const AUTHORITY: &str = "authority.pem";
/// The adapter's own card, which becomes the release's.
pub(super) const CARD: &str = "README.md";

/// The adapter's numbers.
pub const WEIGHTS: &str = "adapter_model.safetensors";

/// PEFT's settings of it.
pub(super) const CONFIG: &str = "adapter_config.json";

/// What an export of the adapter writes, in the order of the names.
const EXPORTED: [&str; 4] = [CARD, CONFIG, WEIGHTS, provenance::FILE];

/// What goes into the folder beside the adapter.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// What the documents say.
    pub dossier: Dossier<'a>,
    /// The three files that were signed.
    pub signed: &'a Signed,
    /// The signatures, by name.
    pub signatures: &'a [(String, Signature)],
    /// The run's terms.
    pub terms: &'a [u8],
    /// The authority's certificate.
    pub authority_pem: &'a str,
}

/// What the consortium's note says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The run.
    pub run: RunId,
    /// The adapter, as it was published.
    pub adapter: Digest,
    /// SHA-256 of `SHA256SUMS`.
    pub sums: Digest,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub made_ms: u64,
}

impl Sealed {
    pub(super) fn lines(&self) -> Vec<String> {
        vec![
            format!("run {}", self.run),
            format!("adapter {}", self.adapter),
            format!("sums {}", self.sums),
            format!("made_ms {}", self.made_ms),
        ]
    }

    pub(super) fn parse(lines: &[String]) -> Option<Self> {
        let [run, adapter, sums, made] = lines else { return None };
        let found = Self {
            run: run.strip_prefix("run ")?.parse().ok()?,
            adapter: adapter.strip_prefix("adapter ")?.parse().ok()?,
            sums: sums.strip_prefix("sums ")?.parse().ok()?,
            made_ms: made.strip_prefix("made_ms ")?.parse().ok()?,
        };
        (found.lines() == lines).then_some(found)
    }
}

/// Writes everything but the note into `folder`, which holds the exported adapter and is not named as a
/// release yet. Returns what is to be sealed.
///
/// # Errors
/// A file cannot be read or written.
pub fn write(folder: &Path, parts: &Parts<'_>) -> Result<Sealed> {
    let Parts { dossier, signed, signatures, terms, authority_pem } = *parts;
    let card = folder.join(CARD);
    let exported = files::text(&card, RELEASE_JSON_BYTES_MAX)?;
    fs::remove_file(&card).map_err(Error::io("replace", &card))?;
    let documents = [
        (FACTS, signed.facts.clone()),
        (EVALUATION, signed.evaluation.clone()),
        (FIELDS, signed.fields.clone()),
        (TERMS, terms.to_vec()),
        (AUTHORITY, authority_pem.as_bytes().to_vec()),
        (CARD, card::render(&exported, &dossier).into_bytes()),
        ("model-card.xml", chai::render(&dossier).into_bytes()),
        ("parts.cdx.json", bill::render()?),
        ("dossier.en.html", page::render(&dossier, Language::En).into_bytes()),
        ("dossier.zh.html", page::render(&dossier, Language::Zh).into_bytes()),
    ];
    for (name, bytes) in &documents {
        put(&folder.join(name), bytes)?;
    }
    let into = folder.join(SIGNATURES);
    fs::create_dir(&into).map_err(Error::io("create the folder", &into))?;
    for (name, signature) in signatures {
        put(&into.join(format!("{name}.{SIGNATURE}")), signature.to_text()?.as_bytes())?;
    }
    durable::sync_folder_of(&into.join(SUMS)).map_err(Error::io("write", &into))?;
    let list = sums::to_text(&sums::found(folder)?);
    put(&folder.join(SUMS), list.as_bytes())?;
    Ok(Sealed {
        run: dossier.facts.run.id,
        adapter: dossier.facts.adapter.sha256,
        sums: Digest::of(list.as_bytes()),
        made_ms: dossier.made.0,
    })
}

/// Writes the consortium's note over a folder that [`write`] filled.
///
/// # Errors
/// The key does not sign, or the folder cannot be written.
pub fn seal(folder: &Path, sealed: &Sealed, key: &ReceiptSigningKey) -> Result<()> {
    put(&folder.join(NOTE), &release::seal(key, &sealed.lines())?)?;
    durable::sync_folder_of(&folder.join(NOTE)).map_err(Error::io("write", folder))
}

/// Gives a sealed folder its name.
///
/// # Errors
/// The folder cannot be named.
pub fn publish(folder: &Path, out: &Path) -> Result<()> {
    durable::publish(folder, out).map_err(Error::io("write", out))
}

/// Refuses a folder that has a file more or less than an export of the adapter writes, or something else in
/// the place of one. No file is opened: what is there was left by a process that read a model folder.
///
/// # Errors
/// It has, which is a fault of ours; the folder cannot be read.
pub fn only_of_the_export(folder: &Path) -> Result<()> {
    let there = sums::names(folder)?;
    if there.iter().map(String::as_str).eq(EXPORTED) {
        return Ok(());
    }
    Err(Error::Internal(format!("the export wrote other files than it should: {}", there.join(", "))))
}

/// A new file for others to read, as far as the umask lets them.
fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(Error::io("write", path))
}
