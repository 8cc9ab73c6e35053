//! `witness` of both programs: `init`, `trust`, `cosign`, `show`. Called by each program's `cli`, which
//! prints what is returned. Invariants: no key is printed but the public half; no file is replaced unless
//! that is asked for.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use certs::VerifierKey;
use clap::Subcommand;
use common::clock::{Clock as _, SystemClock, Timestamp};
use common::durable;
use common::ledger::AddCheckpoint;
use common::limits::WITNESS_REQUEST_BYTES_MAX;
use common::private::passphrase::Passphrase;
use serde_json::{Value, json};

use super::cosigning::{Cosigned, Witness, default_folder};
use super::error::WitnessError;
use super::evidence::is_unproved;

/// Where the witness is.
#[derive(Debug, Clone, clap::Args)]
pub struct FolderOption {
    /// The witness' folder [default: consilium/witness in $XDG_CONFIG_HOME or ~/.config]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl FolderOption {
    /// The folder.
    ///
    /// # Errors
    /// `NoHome`.
    pub fn path(&self) -> Result<PathBuf, WitnessError> {
        self.folder.clone().map_or_else(default_folder, Ok)
    }
}

/// What a witness does.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a witness' key and its memory
    Init {
        /// The witness' name in its cosignatures, such as hospital-b.example.org
        name: String,
        #[command(flatten)]
        folder: FolderOption,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Be told the key of a log whose heads are to be cosigned
    Trust {
        /// Its verifier key, NAME+ID+KEY
        key: String,
        /// The log is known, and this is another key of it
        #[arg(long)]
        also: bool,
        #[command(flatten)]
        folder: FolderOption,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Cosign a head, if it extends what was cosigned before
    Cosign {
        /// What `site-agent ledger prove --from` or `coordinator acts prove` wrote
        #[arg(value_name = "FILE")]
        request: PathBuf,
        /// Write the cosigned head to this file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace the file if it is there
        #[arg(long, requires = "out")]
        replace: bool,
        #[command(flatten)]
        folder: FolderOption,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the witness' key, what it remembers and its evidence
    Show {
        #[command(flatten)]
        folder: FolderOption,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// What a command did.
#[derive(Debug)]
pub struct Done {
    /// For programs.
    pub document: Value,
    /// For people, with its newlines.
    pub text: String,
    /// Which of the two is wanted.
    pub as_json: bool,
}

/// Does it; the passphrase opens the witness' key where that is sealed.
///
/// # Errors
/// As [`Witness`].
pub fn run(verb: &Verb, passphrase: &Passphrase) -> Result<Done, WitnessError> {
    let open = |folder: &FolderOption| Witness::open(&folder.path()?, passphrase);
    match verb {
        Verb::Init { name, folder, json } => init(&folder.path()?, name, *json),
        Verb::Trust { key, also, folder, json } => trust(&open(folder)?, key, *also, *json),
        Verb::Cosign { request, out, replace, folder, json } => {
            let out = out.as_deref().map(|out| (out, *replace));
            cosign(&open(folder)?, request, out, *json)
        }
        Verb::Show { folder, json } => show(&open(folder)?, *json),
    }
}

fn init(folder: &Path, name: &str, as_json: bool) -> Result<Done, WitnessError> {
    let key = Witness::create(folder, name)?.verifier()?.to_text();
    let text = format!(
        "made a witness in {}\nits verifier key, for everybody who asks for it: {key}\n",
        folder.display()
    );
    Ok(Done {
        document: json!({ "folder": folder.display().to_string(), "verifier_key": key }),
        text,
        as_json,
    })
}

fn trust(witness: &Witness, key: &str, also: bool, as_json: bool) -> Result<Done, WitnessError> {
    let key = VerifierKey::parse(key)?;
    witness.trust(&key, also)?;
    let text = format!("heads of {} are cosigned from now on if {key} signed them\n", key.name());
    Ok(Done { document: json!({ "log": key.name(), "verifier_key": key.to_text() }), text, as_json })
}

fn cosign(
    witness: &Witness,
    request: &Path,
    out: Option<(&Path, bool)>,
    as_json: bool,
) -> Result<Done, WitnessError> {
    let mut bytes = Vec::new();
    let most = WITNESS_REQUEST_BYTES_MAX as u64 + 1;
    let file = File::open(request).map_err(WitnessError::io(request))?;
    file.take(most).read_to_end(&mut bytes).map_err(WitnessError::io(request))?;
    let unusable = |error: common::ledger::NoRequest| WitnessError::Unusable {
        what: request.display().to_string(),
        reason: error.to_string(),
    };
    let request = AddCheckpoint::parse(&bytes).map_err(unusable)?;
    let cosigned = witness.cosign(&request, SystemClock.now())?;
    cosigned.told(witness, out, as_json)
}

impl Cosigned {
    /// Writes the cosigned head where it is wanted, and says so.
    ///
    /// # Errors
    /// `Unusable` where the file is there; `Io`.
    pub fn told(
        &self,
        witness: &Witness,
        out: Option<(&Path, bool)>,
        as_json: bool,
    ) -> Result<Done, WitnessError> {
        if let Some((path, replace)) = out {
            write_file(path, replace, &self.note)?;
        }
        let key = witness.verifier()?.to_text();
        let document = json!({
            "log": self.log,
            "size": self.head.size,
            "root": self.head.root.to_string(),
            "at": Timestamp(self.at_s.saturating_mul(1_000)).rfc3339(),
            "witness": key,
            "path": out.map(|(path, _)| path.display().to_string()),
            "note": self.note,
        });
        let text = match out {
            None => self.note.clone(),
            Some((path, _)) => format!(
                "wrote {}: {} lines of {}, root {}\nverifier key of this witness {key}\n",
                path.display(),
                self.head.size,
                self.log,
                self.head.root
            ),
        };
        Ok(Done { document, text, as_json })
    }
}

/// Writes a text to a file of the person's choice.
///
/// # Errors
/// `Unusable` where it is there and `replace` is false; `Io`.
pub fn write_file(path: &Path, replace: bool, text: &str) -> Result<(), WitnessError> {
    if path.exists() && !replace {
        return Err(WitnessError::Unusable {
            what: path.display().to_string(),
            reason: "it is there already, and --replace is not given".into(),
        });
    }
    durable::write(path, text.as_bytes(), durable::ORDINARY).map_err(WitnessError::io(path))
}

fn show(witness: &Witness, as_json: bool) -> Result<Done, WitnessError> {
    let (key, memories, evidence) = (witness.verifier()?.to_text(), witness.memories()?, witness.evidence()?);
    let evidence: Vec<String> = evidence.iter().map(|path| path.display().to_string()).collect();
    let mut text = format!("verifier key {key}\n");
    let mut logs = Vec::new();
    for memory in &memories {
        let (head, keys) = (memory.head(), memory.keys.iter().map(VerifierKey::to_text).collect::<Vec<_>>());
        let is_cosigned = memory.note().is_some();
        text.push_str(&match is_cosigned {
            true => format!("{}: cosigned up to {} lines, root {}\n", memory.log(), head.size, head.root),
            false => format!("{}: nothing cosigned yet\n", memory.log()),
        });
        let root = is_cosigned.then(|| head.root.to_string());
        logs.push(json!({ "log": memory.log(), "verifier_keys": keys, "size": head.size, "root": root }));
    }
    for place in &evidence {
        let what = match is_unproved(Path::new(place)) {
            false => "evidence of two histories",
            true => "a head that was not shown to follow (the proof may be at fault)",
        };
        text.push_str(&format!("{what}: {place}\n"));
    }
    let folder = witness.folder().display().to_string();
    let document = json!({ "folder": folder, "verifier_key": key, "logs": logs, "evidence": evidence });
    Ok(Done { document, text, as_json })
}
