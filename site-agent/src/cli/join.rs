//! `site-agent join`: from an invitation to a site that can run. Run by `cli`.
//!
//! The coordinator is asked first, so that an invitation is open to nobody else for longer than it must be;
//! data and model are looked at afterwards. Everything is built in a folder of its own (`building`) and
//! renamed at the end, so there is a whole site or none. That folder stays when the coordinator has signed
//! the key in it, or may have: the same command then goes on from there, without a new invitation.

mod building;
mod enrol;
mod invitation;

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use common::clock::{Clock as _, SystemClock};
use common::durable;
use common::id::SiteId;
use data::dedup::DuplicatePolicy;
use data::screen::Mode;
use data::split::SchemeChoice;
use sandbox::Lock;
use serde_json::json;

use super::support::{State, absolute, model_folder, record_file, record_files, require_folder, split, tell};
use crate::config::{AgentConfig, DataRoomConfig, SandboxConfig, TrainingConfig};
use crate::error::SiteError;
use crate::gateway::heads;
use crate::gateway::identity::Coordinator;
use crate::gateway::ledger::LedgerWriter;
use crate::gateway::store::{FACT_RECORDS, Store};
use crate::paths::StateFolder;
use crate::policy::PolicyConfig;
use crate::preflight;
use building::Building;
use enrol::Failed;

pub(super) use enrol::{Known, ask};
pub(super) use invitation::{read as read_invitation, refuse_in_arguments};

const EXAMPLES: &str = "\
Examples:
  Paste the line that `coordinator invite` printed when you are asked:
    site-agent join --model /srv/qwen2.5-0.5b --data 2024.jsonl 2025.json

  From a file that is yours alone (chmod 600 FILE):
    site-agent join --invitation-file FILE --model DIR --data FILE \\
        --state /var/lib/consilium/cardiology

The state folder is made, or is there already: empty, and yours.

The invitation never stands in the command line: every user of the machine could read it there, and join first.

What it writes is agent.toml, the policy of this site:
  model                    folder of the base model
  data                     files with de-identified records
  [data_room]              what is done with records before training: screen,
                           duplicates, split, split_by_patient, split_by_time,
                           split_by_stratum, split_seed, mapping,
                           ai_made_needs_review, provenance_required,
                           years_max
  [sandbox] allow_missing  locks the agent may run without (default: none)
  [training]               checkpoint_interval_s, attempts_max, device,
                           recompute, validation_share, base_in_memory
  [policy]                 what a run may ask of this site, and what may leave;
                           each line explained
  [retention]              what stays on the disk

If the data or the model cannot be used, the site keeps its certificate: put them right and repeat the command,
without an invitation.";

/// Become a member of a consortium, with an invitation from its coordinator.
///
/// Reads the invitation from standard input. Makes a key (which never leaves this machine), checks that the
/// coordinator is the one that the invitation names, and gets a certificate for the key. Then reads the data
/// and loads the model.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Nothing, or `-`: the invitation comes by standard input.
    #[arg(hide = true, num_args = 0..)]
    words: Vec<OsString>,
    /// A file with the line that `coordinator invite` printed, which only you can read [default: standard
    /// input].
    #[arg(long, value_name = "FILE")]
    invitation_file: Option<PathBuf>,
    /// Agree that runs are at this host, where the coordinator says so and the invitation names another.
    #[arg(long, value_name = "HOST")]
    run_host: Option<String>,
    /// Folder of the base model: config.json, tokenizer.json, *.safetensors.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,
    /// Files with de-identified records: JSON lines, a JSON array, CSV or Parquet.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    data: Vec<PathBuf>,
    /// What is done about identifiers in the records: block, mask or report.
    #[arg(long, value_name = "MODE", default_value = "block")]
    screen: Mode,
    /// What is done about duplicate records: drop-copies, drop-near, keep or ignore.
    #[arg(long, value_name = "POLICY", default_value = "drop-copies")]
    duplicates: DuplicatePolicy,
    /// What is held back from training here: none, 80/10/10, auto (by size; nothing below 500 records),
    /// 5-fold, leave-one-out. Hold back only what somebody will look at.
    #[arg(long, value_name = "SPLIT", default_value = "none", value_parser = split)]
    split: SchemeChoice,
    /// A column mapping (TOML), for files that follow no known format.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Write into agent.toml that the site may run without this lock (see `site-agent check`).
    #[arg(long, value_name = "LOCK")]
    allow_missing: Vec<Lock>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: State,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    if arguments.words.iter().any(|word| word != "-") {
        return Err(invitation::in_arguments());
    }
    let folder = arguments.state.open()?;
    let building = Building::of(&folder);
    if building.finish_earlier()? {
        return joined(&folder, arguments.json);
    }
    refuse_existing(&folder)?;
    let config = config(arguments)?;
    check_places(&folder, &config)?;
    let site = member(arguments, &building)?;
    // The identity stays, whatever is wrong with the rest.
    build(&building.folder, &config).inspect_err(|_| {
        eprintln!(
            "\n{site} has its certificate; put right what is said here and repeat the command, without an invitation"
        );
    })?;
    building.finish()?;
    joined(&folder, arguments.json)
}

/// Says that there is a site now.
fn joined(folder: &StateFolder, as_json: bool) -> Result<(), SiteError> {
    let coordinator = Coordinator::load(&folder.identity())?;
    let document = json!({
        "site": coordinator.site,
        "state": folder.root().display().to_string(),
        "coordinator": coordinator.address,
        "records": Store::open_to_read(&folder.database())?.fact(FACT_RECORDS)?,
    });
    let site = coordinator.site;
    tell(as_json, &document, || {
        println!("joined as {site}; start with: site-agent run --state {}", folder.root().display());
    })
}

fn config(arguments: &Arguments) -> Result<AgentConfig, SiteError> {
    Ok(AgentConfig {
        model: model_folder(&arguments.model)?,
        data: record_files(&arguments.data)?,
        data_room: DataRoomConfig {
            screen: arguments.screen,
            duplicates: arguments.duplicates,
            split: arguments.split,
            mapping: arguments.mapping.as_deref().map(record_file).transpose()?,
            ..DataRoomConfig::default()
        },
        sandbox: SandboxConfig { allow_missing: arguments.allow_missing.clone() },
        training: TrainingConfig::default(),
        policy: PolicyConfig::default(),
        retention: Default::default(),
        escrow: None,
        keys: None,
    })
}

/// The identity of an earlier attempt, or one for the invitation.
fn member(arguments: &Arguments, building: &Building) -> Result<SiteId, SiteError> {
    let file = arguments.invitation_file.as_deref();
    if let Some(identity) = building.identity()? {
        // A file that is gone was used.
        if let Some(file) = file.filter(|file| file.exists()) {
            building.must_belong_to(&identity, &invitation::read(Some(file))?)?;
        }
        let coordinator = identity.coordinator;
        eprintln!("going on as {}, which has its certificate from {}", coordinator.site, coordinator.address);
        return Ok(coordinator.site);
    }
    let invitation = invitation::read(file)?;
    building.create()?;
    enrol::enrol(&building.folder, &invitation, arguments.run_host.as_deref()).map_err(
        |Failed { error, keep_key }| {
            if !keep_key {
                building.discard();
            }
            error
        },
    )
}

/// What a site is besides its identity.
fn build(folder: &StateFolder, config: &AgentConfig) -> Result<(), SiteError> {
    let path = folder.config();
    durable::write(&path, config.to_commented_toml()?.as_bytes(), durable::ORDINARY)
        .map_err(SiteError::at(&path))?;
    heads::create_key(&folder.identity(), None)?;
    let records = preflight::validate(folder)?;
    let mut store = Store::open(&folder.database())?;
    store.set_fact(FACT_RECORDS, records)?;
    // The request to join is in the ledger: one that is deleted later is missed.
    let (ledger, _) = LedgerWriter::open(&folder.ledger())?;
    store.record_taken_ledger(&ledger.head(), SystemClock.now().0)
}

fn refuse_existing(folder: &StateFolder) -> Result<(), SiteError> {
    match fs::read_dir(folder.root()) {
        Ok(mut entries) => {
            let is_ours = |name: OsString| name == building::INSIDE || name == "lost+found";
            match entries.all(|entry| entry.is_ok_and(|entry| is_ours(entry.file_name()))) {
                true => Ok(()),
                false => Err(SiteError::AlreadyJoined { folder: folder.root().to_path_buf() }),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(SiteError::io(folder.root(), source)),
    }
}

/// The gateway may open parts of the state folder, the worker the model folder: neither may contain the
/// other.
fn check_places(folder: &StateFolder, config: &AgentConfig) -> Result<(), SiteError> {
    let root = absolute(folder.root())?;
    for path in config.data_files().iter().chain([&config.model]) {
        // A link keeps its name; what counts is where the file is.
        let place = path.canonicalize().unwrap_or_else(|_| path.clone());
        if path.starts_with(&root) || place.starts_with(&root) || root.starts_with(path) {
            return Err(SiteError::InsideState { path: path.clone(), folder: root });
        }
    }
    require_folder(&config.model, "--model names the folder with config.json and the safetensors files")
}
