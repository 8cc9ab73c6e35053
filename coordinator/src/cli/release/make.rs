//! `coordinator release make`: writes the signed folder. Called by `release`. Invariants: nothing is written
//! unless every gate is passed; the adapter is exported by a process of its own behind the locks, so that the
//! one with the key reads no model; the folder appears whole or not at all; it is in the log of acts before
//! it is sealed; gates are looked at again after the export, and the folder is verified before it is named.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use certs::ReceiptSigningKey;
use common::id::Digest;
use common::language::Language;
use serde_json::json;

use super::looking::{self, Looked};
use super::shown;
use crate::admin::acts::{Act, Acts, Verb, Who, recorded};
use crate::cli::output;
use crate::error::{Error, Result};
use crate::export::release::dossier::Dossier;
use crate::export::release::made::{self, Parts, Sealed, WEIGHTS};
use crate::export::release::statement::Signer;
use crate::export::release::verify::verify;
use crate::export::release::weights;
use crate::state_folder::StateFolder;
use crate::state_folder::identity::receipt_key;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder of the draft
    draft: PathBuf,
    /// The folder to create
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the base model, as users will load it: a hub name or a folder [default: its name in
    /// facts.json]
    #[arg(long, value_name = "NAME")]
    base_name: Option<String>,
    /// Where the base model is now, if its folder has moved since the launch; it must be the same model
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let looked = looking::look(folder, &arguments.draft)?;
    if !looked.assessment.is_passed() {
        return refuse(&looked, arguments);
    }
    if fs::symlink_metadata(&arguments.out).is_ok() {
        return Err(Error::Argument {
            message: format!("{} already exists", arguments.out.display()),
            hint: "name a folder that does not exist yet".into(),
        });
    }
    let building = building(&arguments.out)?;
    let key = receipt_key(folder)?;
    let made = export(folder, &looked, arguments, &building).and_then(|()| {
        made::only_of_the_export(&building)?;
        let digest = looked.draft.facts.adapter.sha256;
        weights::must_be_published(&building.join(WEIGHTS), &folder.blob(digest), digest)?;
        let sealed = write(&looked, &building)?;
        unchanged(folder, &looked, &arguments.draft)?;
        let act = Act { run: Some(sealed.run), ..Act::of(Verb::Release).with(sealed.sums) };
        let acts = Acts::open(folder)?;
        recorded(&acts, &Who::here(), &act, looked.now, || {
            made::seal(&building, &sealed, &key)?;
            checked(&building, &key)?;
            made::publish(&building, &arguments.out)
        })?;
        Ok(sealed)
    });
    if made.is_err() {
        // What is left is not named as a release; a failure to remove it changes nothing.
        let _ = fs::remove_dir_all(&building);
    }
    let sealed = made?;
    let public = Digest(*key.public_key()?.as_bytes()).to_string();
    let path = arguments.out.display();
    let document = document(&looked, Some((path.to_string(), sealed.sums.to_string(), public.clone())));
    output::tell(arguments.json, &document, || {
        eprintln!("wrote {path}, signed with the consortium's key:");
        eprintln!("coordinator verify-release {path} --key {public}");
    })
}

/// What is said of it; path, sums and key where a release was made.
fn document(looked: &Looked, made: Option<(String, String, String)>) -> serde_json::Value {
    let (path, sums, key) =
        made.map_or((None, None, None), |(path, sums, key)| (Some(path), Some(sums), Some(key)));
    json!({
        "released": path.is_some(),
        "run": looked.draft.facts.run.id.to_string(),
        "adapter": looked.draft.facts.adapter.sha256.to_string(),
        "path": path,
        "sums_sha256": sums,
        "key": key,
        "gates": shown::gates_json(&looked.assessment.gates),
        "signatures": shown::signatures_json(&looked.assessment.signatures),
    })
}

/// Says everything that is missing, and ends.
fn refuse(looked: &Looked, arguments: &Arguments) -> Result<()> {
    let (gates, failed) = (&looked.assessment.gates, shown::failed(&looked.assessment.gates));
    if arguments.json {
        output::print_json(&document(looked, None))?;
    } else {
        shown::gates(gates)?;
    }
    let gates = if failed == 1 { "a gate is" } else { &format!("{failed} gates are") };
    Err(Error::Argument {
        message: format!("nothing was released: {gates} not passed"),
        hint: "the next step of each stands above, after `next:`; there is no way around a gate".into(),
    })
}

/// A folder beside the one that is to be made, so that it can be renamed.
fn building(out: &Path) -> Result<PathBuf> {
    let name = out.file_name().ok_or_else(|| Error::Argument {
        message: format!("{} is no name of a folder", out.display()),
        hint: "name a folder that does not exist yet".into(),
    })?;
    let into = out.parent().filter(|into| !into.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let into = fs::canonicalize(into).map_err(Error::io("open the folder", into))?;
    Ok(into.join(format!(".{}.making-{}", name.display(), std::process::id())))
}

/// Exports the adapter in a process of its own.
fn export(folder: &StateFolder, looked: &Looked, arguments: &Arguments, to: &Path) -> Result<()> {
    let program =
        std::env::current_exe().map_err(|error| Error::Internal(format!("own program: {error}")))?;
    let mut command = Command::new(program);
    command.arg("--state").arg(folder.path()).arg("export").arg(looked.draft.facts.run.id.to_string());
    command.args(["--format", "peft", "--json", "--out"]).arg(to);
    command.arg("--base-name").arg(arguments.base_name.as_ref().unwrap_or(&looked.draft.facts.base.name));
    if let Some(model) = &arguments.model {
        command.arg("--model").arg(model);
    }
    let ended = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).output();
    let ended = ended.map_err(|error| Error::Internal(format!("the export cannot be started: {error}")))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let after = |mark: &str| said.lines().find_map(|line| line.strip_prefix(mark)).map(str::to_owned);
    Err(Error::Remote {
        message: after("error: ")
            .unwrap_or_else(|| "the export of the adapter ended without a word".to_owned()),
        hint: after("hint: "),
        user: ended.status.code() == Some(1),
    })
}

/// Looks again: an export takes minutes, in which a site may withdraw or an operator be revoked.
fn unchanged(folder: &StateFolder, before: &Looked, draft: &Path) -> Result<()> {
    let now = looking::look(folder, draft)?;
    if now.assessment.is_passed() && now.draft.bytes == before.draft.bytes {
        return Ok(());
    }
    Err(Error::Argument {
        message: "nothing was released: what was drafted changed while the release was written".into(),
        hint: "`coordinator release status` shows what is missing now".into(),
    })
}

/// What anybody will check with the public key, before the folder is named as a release.
fn checked(building: &Path, key: &ReceiptSigningKey) -> Result<()> {
    let found = verify(building, &key.public_key()?, Language::En)?;
    if found.holds() {
        return Ok(());
    }
    Err(Error::Internal(format!("the release does not verify: {}", found.faults.join("; "))))
}

fn write(looked: &Looked, building: &Path) -> Result<Sealed> {
    let Looked { draft, collected, assessment, authority_pem, now } = looked;
    let signers: Vec<Signer> = assessment.signers().cloned().collect();
    let dossier = Dossier {
        facts: &draft.facts,
        evaluation: &draft.evaluation,
        fields: &draft.fields,
        gates: &assessment.gates,
        signers: &signers,
        made: *now,
    };
    let parts = Parts {
        dossier,
        signed: &draft.bytes,
        signatures: &draft.signatures,
        terms: &collected.terms,
        authority_pem,
    };
    made::write(building, &parts)
}
