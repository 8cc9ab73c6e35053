//! The folder in which a release is prepared: `facts.json` and `evaluation.json` (the program's),
//! `fields.toml` (people's), `signatures/` (operators'), `draft.json` (where the review is on this machine).
//! Used by the subcommands of `cli::release`. Invariants: `fields.toml` is never written over; the program's
//! two files are written again only where what they say has changed; the folder is its owner's alone.

use std::path::{Path, PathBuf};

use common::durable;
use common::id::{Digest, RunId};
use common::private;
use serde::{Deserialize, Serialize};

use super::collect::Collected;
use super::evaluation::Evaluation;
use super::facts::Facts;
use super::fields::{self, Fields};
use super::files;
use super::statement::{Signature, Statement};
use crate::error::{Error, Result};
use crate::limits::{
    RELEASE_FIELDS_BYTES_MAX, RELEASE_JSON_BYTES_MAX, RELEASE_SIGNATURE_BYTES_MAX, RELEASE_SIGNERS_MAX,
};

const DRAFT: &str = "draft.json";
pub(super) const FACTS: &str = "facts.json";
pub(super) const EVALUATION: &str = "evaluation.json";
pub(super) const FIELDS: &str = "fields.toml";
pub(super) const SIGNATURES: &str = "signatures";
/// How the name of a signature's file ends.
pub(super) const SIGNATURE: &str = "signature";

/// Where the evidence of people is on this machine; signed by nobody, and in no release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The run.
    pub run: RunId,
    /// The folder of the review.
    pub review: Option<PathBuf>,
    /// The patients' questionnaire.
    pub questionnaire: Option<PathBuf>,
    /// What was counted in use.
    pub utility: Option<PathBuf>,
}

/// A draft on disk.
#[derive(Debug, Clone)]
pub struct Draft {
    folder: PathBuf,
    /// What the program knew when it was drafted.
    pub facts: Facts,
    /// What was measured.
    pub evaluation: Evaluation,
    /// What people wrote.
    pub fields: Fields,
    /// The bytes of the three files, as they are signed and released.
    pub bytes: Signed,
    /// The signatures that lie there, by the name of their file; nothing of them is believed yet.
    pub signatures: Vec<(String, Signature)>,
}

/// The bytes of the three files that are signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Of `facts.json`.
    pub facts: Vec<u8>,
    /// Of `evaluation.json`.
    pub evaluation: Vec<u8>,
    /// Of `fields.toml`.
    pub fields: Vec<u8>,
}

impl Signed {
    /// What is signed of them at `signed_ms`.
    #[must_use]
    pub fn statement(&self, facts: &Facts, signed_ms: u64) -> Statement {
        Statement {
            run: facts.run.id,
            adapter: facts.adapter.sha256,
            facts: Digest::of(&self.facts),
            evaluation: Digest::of(&self.evaluation),
            fields: Digest::of(&self.fields),
            signed_ms,
        }
    }
}

/// Makes the folder, or brings the program's files in it up to date. Returns whether they changed.
///
/// # Errors
/// The folder is somebody else's, holds something else or another run's draft, or cannot be written.
pub fn write(folder: &Path, evidence: &Evidence, collected: &Collected) -> Result<bool> {
    let is_new = !folder.join(DRAFT).exists();
    if is_new {
        let made =
            if folder.exists() { private::take_empty_folder(folder) } else { private::create_folder(folder) };
        made.map_err(refused)?;
    } else if Evidence::read(folder)?.run != evidence.run {
        return Err(Error::Argument {
            message: format!("{} is the draft of another run", folder.display()),
            hint: "name another folder with --out".into(),
        });
    }
    let signatures = folder.join(SIGNATURES);
    if !signatures.exists() {
        private::create_folder(&signatures).map_err(refused)?;
    }
    let fields_path = folder.join(FIELDS);
    if !fields_path.exists() {
        let blank = fields::blank(collected.facts.run.id, collected.facts.adapter.sha256);
        put(&fields_path, blank.as_bytes())?;
    }
    let changed = is_new || Draft::open(folder).map_or(true, |draft| draft.is_old(collected));
    if changed {
        put(&folder.join(FACTS), &files::to_json(&collected.facts)?)?;
        put(&folder.join(EVALUATION), &files::to_json(&collected.evaluation)?)?;
    }
    // Last: what a killed command leaves is begun anew in another folder, or finished here.
    put(&folder.join(DRAFT), &files::to_json(evidence)?)?;
    Ok(changed)
}

impl Evidence {
    /// Of the draft in this folder.
    ///
    /// # Errors
    /// It is no draft, or not its owner's alone.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(DRAFT);
        if !path.exists() {
            return Err(Error::Argument {
                message: format!("{} is no draft of a release: it has no {DRAFT}", folder.display()),
                hint: "name the folder that `coordinator release new RUN --out DIR` made".into(),
            });
        }
        private::check_folder(folder).map_err(refused)?;
        files::json(&path, &files::read(&path, RELEASE_JSON_BYTES_MAX)?)
    }
}

impl Draft {
    /// Reads a draft.
    ///
    /// # Errors
    /// A file of it is missing, damaged, too large or a link.
    pub fn open(folder: &Path) -> Result<Self> {
        let read = |name: &str, most| files::read(&folder.join(name), most);
        let bytes = Signed {
            facts: read(FACTS, RELEASE_JSON_BYTES_MAX)?,
            evaluation: read(EVALUATION, RELEASE_JSON_BYTES_MAX)?,
            fields: read(FIELDS, RELEASE_FIELDS_BYTES_MAX)?,
        };
        let path = folder.join(FIELDS);
        let wrong = |reason| Error::Config { path: path.clone(), reason };
        let text = std::str::from_utf8(&bytes.fields).map_err(|_| wrong("it is not UTF-8 text".into()))?;
        Ok(Self {
            facts: files::json(&folder.join(FACTS), &bytes.facts)?,
            evaluation: files::json(&folder.join(EVALUATION), &bytes.evaluation)?,
            fields: Fields::parse(text).map_err(wrong)?,
            signatures: signatures(&folder.join(SIGNATURES))?,
            folder: folder.to_path_buf(),
            bytes,
        })
    }

    /// What is to be signed now.
    #[must_use]
    pub fn statement(&self, signed_ms: u64) -> Statement {
        self.bytes.statement(&self.facts, signed_ms)
    }

    /// Keeps a signature under a name, in place of an earlier one of the same name. Returns its file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn keep(&self, name: &str, signature: &Signature) -> Result<PathBuf> {
        let path = self.folder.join(SIGNATURES).join(format!("{name}.{SIGNATURE}"));
        put(&path, signature.to_text()?.as_bytes())?;
        Ok(path)
    }

    /// Whether the program knows something else by now.
    #[must_use]
    pub fn is_old(&self, now: &Collected) -> bool {
        let states = |facts: &Facts, evaluation: &Evaluation| {
            let gates = super::gates::gates(facts, evaluation, common::language::Language::En);
            gates.into_iter().map(|gate| gate.state).collect::<Vec<_>>()
        };
        !self.says_the_same(now)
            || states(&self.facts, &self.evaluation) != states(&now.facts, &now.evaluation)
    }

    /// Whether run and measurements are those of this draft; ledgers and log may have grown.
    #[must_use]
    pub fn says_the_same(&self, now: &Collected) -> bool {
        // As written and read again: a number in JSON need not come back to the last bit.
        let facts: Option<Facts> = again(&now.facts);
        let evaluation: Option<Evaluation> = again(&now.evaluation);
        facts.is_some_and(|facts| self.facts.say_the_same(&facts))
            && evaluation.is_some_and(|evaluation| self.evaluation == evaluation)
    }
}

fn again<T: Serialize + serde::de::DeserializeOwned>(value: &T) -> Option<T> {
    serde_json::from_slice(&files::to_json(value).ok()?).ok()
}

/// The signatures in a folder, in the order of their names.
fn signatures(folder: &Path) -> Result<Vec<(String, Signature)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io("read", folder))? {
        let path = entry.map_err(Error::io("read", folder))?.path();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let wrong = |reason: String| Error::Config { path: path.clone(), reason };
        if path.extension().is_none_or(|end| end != SIGNATURE) {
            return Err(wrong(format!("a file here is called NAME.{SIGNATURE}")));
        }
        if found.len() >= RELEASE_SIGNERS_MAX {
            return Err(wrong(format!("there are more than {RELEASE_SIGNERS_MAX} signatures")));
        }
        let signature = Signature::parse(&files::text(&path, RELEASE_SIGNATURE_BYTES_MAX)?);
        found.push((name, signature.ok_or_else(|| wrong("it is no signature of a release".into()))?));
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    durable::write(path, bytes, durable::PRIVATE).map_err(Error::io("write", path))
}

fn refused(error: private::PrivateError) -> Error {
    match error {
        private::PrivateError::Io { path, source } => Error::Io { action: "use", path, source },
        private::PrivateError::Refused { .. } => Error::Argument {
            message: error.to_string(),
            hint: "name a folder that is yours alone (chmod 700), for a new draft an empty one or none"
                .into(),
        },
    }
}
