//! `coordinator check`: is this installation sound? Called by `cli`. Invariant: it changes nothing but an
//! expiring server certificate.

use std::net::UdpSocket;
use std::process;

use common::clock::{Clock, SystemClock};
use common::durable;
use common::id::Digest;
use sandbox::gpu::GpuFiles;
use sandbox::probe::attempt::Outcome;
use sandbox::probe::{ProbeReport, Targets, probe_worker};
use sandbox::{FileRules, Lock};
use serde_json::json;

use super::{offline, output};
use crate::admin::client::{self, Door};
use crate::admin::message::Command;
use crate::error::{Error, Result};
use crate::execution::pruning;
use crate::restored;
use crate::state_folder::config::Config;
use crate::state_folder::identity::Identity;
use crate::state_folder::{StateFolder, authority, blobs};

const MANUAL: &str = "\
Check this installation and say what is wrong: configuration, keys and
certificates, the database, the journal's hash chain and that nothing of it
is missing, every stored file against its name, free disk space, whether the
ports are free or held by our own `serve`, and the locks of the processes that
read model folders and held-out files, by trying what they must refuse. Changes
nothing but an expiring server certificate. Exit code 0 if all is well.

Example:
  coordinator check --state /var/lib/consilium";

/// Check this installation
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Says what is found as it is found, or nothing where one document is wanted at the end.
struct Sayer {
    as_json: bool,
}

impl Sayer {
    fn say(&self, what: &str, found: &str) -> Result<()> {
        if self.as_json { Ok(()) } else { output::print_line(&format!("{what:<16}{found}")) }
    }
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let sayer = Sayer { as_json: arguments.json };
    let config = Config::read(&folder.config())?;
    sayer.say("configuration", &format!("{} at {}", config.name, config.address))?;
    let identity = Identity::load(folder, SystemClock.now())?;
    let pin = identity.authority.pin().to_string();
    sayer.say("authority", &pin)?;
    let sealing = authority::sealing(folder);
    sayer.say("keys", sealing.words())?;
    restored::open(folder, false)?;
    let (store, runs) = offline::open_runs(folder)?;
    if let Some(doubt) = restored::doubt(folder, &store)? {
        return Err(Error::Restored(doubt));
    }
    let (sites, runs) = (store.sites()?.len(), runs.all().len());
    sayer.say("database", &format!("sound; {sites} sites, {runs} runs, journal verified"))?;
    let stored_files = verify_blobs(folder)?;
    sayer.say("stored files", &format!("{stored_files} verified"))?;
    let (locks, attempts) = try_locks(folder, &config, &sayer)?;
    let held: Vec<String> = locks.iter().map(ToString::to_string).collect();
    sayer.say("locks", &format!("{}; {attempts} attempts", held.join(", ")))?;
    let free =
        durable::free_bytes(folder.path()).map_err(Error::io("measure free space in", folder.path()))?;
    sayer.say("free space", &format!("{} MiB", free / (1024 * 1024)))?;
    let disk_warning = pruning::disk_warning(folder, &config.retention);
    if let Some(warning) = &disk_warning {
        eprintln!("warning: {warning}");
    }
    let running = !matches!(
        client::ask(&Door::Here(folder.clone()), &Command::Status { run: None }),
        Err(Error::NotRunning(_))
    );
    if running {
        sayer.say("serve", "running")?;
    } else {
        for address in [config.listen, config.listen_join] {
            let listen = |error: std::io::Error| Error::Listen {
                address: address.to_string(),
                reason: error.to_string(),
            };
            UdpSocket::bind(address).map_err(listen)?;
        }
        sayer.say("serve", &format!("not running; {} and {} are free", config.listen, config.listen_join))?;
    }
    let document = json!({
        "name": config.name,
        "address": config.address,
        "authority_pin": pin,
        "keys_sealed": sealing.is_all(),
        "sites": sites,
        "runs": runs,
        "stored_files": stored_files,
        "locks": locks,
        "lock_attempts": attempts,
        "free_bytes": free,
        "disk_warning": disk_warning,
        "serve_running": running,
    });
    output::tell(arguments.json, &document, || {})
}

/// Has a child take the locks of a process that evaluates and try what it must not be able to do. Returns the
/// locks that hold, and how much was tried.
fn try_locks(folder: &StateFolder, config: &Config, sayer: &Sayer) -> Result<(Vec<Lock>, usize)> {
    let failed = |reason: String| Error::Internal(format!("the probe of the locks failed: {reason}"));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let output = process::Command::new(program)
        .args(["probe", "--state"])
        .arg(folder.path())
        .stdin(process::Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    let report: ProbeReport =
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))?;
    if let Some(path) = report.reached().first() {
        return Err(Error::Reached(path.clone()));
    }
    let is_excused = |lock: &Lock| config.sandbox.allow_missing.contains(lock);
    let missing: Vec<Lock> =
        Lock::required().filter(|lock| !report.holds(*lock) && !is_excused(lock)).collect();
    let allowed = report.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Allowed);
    for attempt in allowed.filter(|attempt| !is_excused(&attempt.lock)) {
        sayer.say("locks", &format!("NOT refused: {} ({})", attempt.what, attempt.answer))?;
    }
    for lock in &report.deadly {
        sayer.say(
            "locks",
            &format!("taking {lock} kills this program: a filter around it forbids the call"),
        )?;
    }
    if !missing.is_empty() {
        return Err(Error::LocksMissing(missing));
    }
    let held = Lock::ALL.into_iter().filter(|lock| report.holds(*lock)).collect();
    Ok((held, report.attempts.len()))
}

/// The body of that child: prints what it tried, as JSON.
pub(super) fn probe(folder: &StateFolder) -> Result<()> {
    let device = Config::read(&folder.config())?.evaluation_device;
    let rules = FileRules {
        read: vec![folder.blobs()],
        gpu: GpuFiles::needed(device != model::Device::Cpu),
        ..FileRules::default()
    };
    let targets = Targets {
        trial: None,
        forbidden: vec![folder.ca(), folder.database()],
        read_only: vec![folder.blobs()],
    };
    let report = probe_worker(&rules, &targets);
    let text = serde_json::to_string(&report).map_err(|error| Error::Internal(error.to_string()))?;
    output::print_line(&text)
}

fn verify_blobs(folder: &StateFolder) -> Result<usize> {
    let path = folder.blobs();
    let mut count = 0;
    for entry in std::fs::read_dir(&path).map_err(Error::io("read", &path))? {
        let entry = entry.map_err(Error::io("read", &path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // A file whose name is not a digest is what an interrupted write left, not a blob.
        let Ok(expected) = name.parse::<Digest>() else { continue };
        if blobs::digest_of(&entry.path())? != expected {
            let reason =
                "its bytes do not have the hash that is its name; restore it from a backup".to_owned();
            return Err(Error::Config { path: entry.path(), reason });
        }
        count += 1;
    }
    Ok(count)
}
