//! The hostile worker: a process behind the locks of the real one, taken by the same code, that tries to
//! get out; and the process that stands for the gateway meanwhile. The bodies of two hidden subcommands:
//! run by `cli::hidden`, started by `field`. Invariants: it is told of everything on its standard input, so
//! that only the locks keep it out; it ends when its input does, or with its parent.

use std::fs::{self, OpenOptions};
use std::io::{self, BufRead as _, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use common::id::{Digest, Round, RunId};
use common::wire::message::{RoundKey, TrainFailure};
use model::Device;
use sandbox::LockReport;
use sandbox::attack::{self, Before, Ground, Tried};
use sandbox::calls::Role;
use sandbox::descriptors::close_inherited;
use sandbox::enter::{enter_gateway, quiet_panics};
use sandbox::process::die_with_parent;
use serde::{Deserialize, Serialize};

use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::gateway::heads;
use crate::gateway::identity::Identity;
use crate::limits::ATTACK_GROUND_BYTES_MAX;
use crate::locks;
use crate::paths::StateFolder;
use crate::pipe::{FromWorker, RawFacts, round_file_stem, write_message};

/// What a hostile worker does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Attack {
    /// Tries the locks.
    Locks,
    /// Talks without end, on both of its pipes.
    Flood,
    /// Exchanges the update that is being checked, again and again.
    Swap,
}

impl Attack {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Locks => "locks",
            Self::Flood => "flood",
            Self::Swap => "swap",
        }
    }
}

/// What it says, a line each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// Which of its locks hold.
    Locks(Vec<LockReport>),
    /// One attack.
    Tried(Tried),
    /// That was all.
    Done,
}

/// The round whose update is attacked.
pub(super) const KEY: RoundKey = RoundKey { run: RunId([0xa7; 8]), round: Round(1) };

/// The file with which it exchanges the update, in the worker's own folder.
pub(super) const OTHER: &str = "other.safetensors";

/// Between two exchanges: about as long as a part of the check takes.
const PAUSE_US: u64 = 100;

/// The body of the hostile worker. Without locks it shows what they are for.
pub(crate) fn worker(folder: &StateFolder, attack: Attack, is_locked: bool) -> Result<(), SiteError> {
    begin()?;
    let config = AgentConfig::load(&folder.config())?;
    let enter = || if is_locked { locks::enter_as_worker(folder, &config) } else { Vec::new() };
    match attack {
        Attack::Locks => try_locks(&config, &enter),
        Attack::Flood => {
            enter();
            flood();
            Ok(())
        }
        Attack::Swap => {
            enter();
            swap(folder);
            Ok(())
        }
    }
}

/// Keys that the gateway reads before its locks and must not open afterwards.
pub(super) const KEYS_OF_GATEWAY: u32 = 2;

/// The body of the process that stands for the gateway: behind the gateway's locks it tries to open its keys,
/// says how many it could, and waits.
pub(crate) fn decoy(folder: &StateFolder, is_locked: bool) -> Result<(), SiteError> {
    begin()?;
    if is_locked {
        let _ = enter_gateway(close_inherited(), &folder.gateway_rules());
    }
    say(&[keys_opened(folder)])?;
    wait();
    Ok(())
}

/// How many of these keys this process can open.
pub(super) fn keys_opened(folder: &StateFolder) -> u8 {
    let keys = [heads::KEY_FILE, Identity::KEY_FILE].map(|name| folder.identity().join(name));
    keys.iter().map(|path| u8::from(fs::File::open(path).is_ok())).sum()
}

fn begin() -> Result<(), SiteError> {
    quiet_panics();
    die_with_parent().map_err(|source| SiteError::Internal(source.to_string()))
}

fn try_locks(config: &AgentConfig, enter: &dyn Fn() -> Vec<LockReport>) -> Result<(), SiteError> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .take(ATTACK_GROUND_BYTES_MAX)
        .read_line(&mut line)
        .map_err(|error| SiteError::Pipe(error.to_string()))?;
    let ground: Ground = serde_json::from_str(&line).map_err(|error| SiteError::Pipe(error.to_string()))?;
    let dead = attack::deaths(&|| drop(enter()));
    let before = Before::the_locks();
    let reports = enter();
    let role = if config.training.device == Device::Cpu { Role::Worker } else { Role::WorkerOnGpu };
    tell(&Said::Locks(reports.clone()))?;
    let mut told = dead.into_iter().try_for_each(|tried| tell(&Said::Tried(tried)));
    attack::run(before, &ground, role, &reports, &mut |tried| {
        if told.is_ok() {
            told = tell(&Said::Tried(tried));
        }
    });
    told?;
    tell(&Said::Done)
}

fn tell(said: &Said) -> Result<(), SiteError> {
    let mut line = serde_json::to_vec(said).map_err(|error| SiteError::Internal(error.to_string()))?;
    line.push(b'\n');
    say(&line)
}

fn say(bytes: &[u8]) -> Result<(), SiteError> {
    let mut output = io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(|error| SiteError::Pipe(error.to_string()))
}

/// Until the parent closes the pipe.
fn wait() {
    // An error is an end as well.
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
}

/// Every word that a worker has, and lines of everything, until nobody hears them.
fn flood() {
    let cries = std::thread::Builder::new().name("cries".into()).spawn(|| {
        let line = [&b"error: \x1b]0;owned\x07 "[..], &[b'x'; 900], b"\n"].concat();
        while io::stderr().lock().write_all(&line).is_ok() {}
    });
    let facts = RawFacts { digest: Digest([7; 32]), records: u64::MAX, tokens: u64::MAX, loss: f64::NAN };
    let words = [
        FromWorker::Started,
        FromWorker::Ready { key: KEY, base_fingerprint: Digest([7; 32]), records: u64::MAX },
        FromWorker::Data { key: KEY, root: Digest([7; 32]) },
        FromWorker::Finished { key: KEY, facts },
        FromWorker::Failed { key: KEY, reason: TrainFailure::WorkerFailed },
    ];
    let mut output = io::stdout().lock();
    while words.iter().all(|word| write_message(&mut output, word).is_ok()) {}
    // It ends when nobody hears it either.
    let _ = cries.map(std::thread::JoinHandle::join);
}

/// Puts the other file in the update's place and takes it away again, and changes bytes of the one that is
/// there, until it is ended.
fn swap(folder: &StateFolder) {
    let raw = folder.raw().join(format!("{}.safetensors", round_file_stem(KEY.run, KEY.round)));
    let (other, aside) = (folder.work().join(OTHER), folder.work().join("aside"));
    for turn in 0_u64.. {
        for (from, to) in [(&raw, &aside), (&other, &raw), (&raw, &other), (&aside, &raw)] {
            // The locks let it move what is its own.
            let _ = fs::rename(from, to);
        }
        // Now and then the check begins with the file that was announced.
        std::thread::sleep(Duration::from_micros(PAUSE_US * (turn % 8)));
        poke(&raw, f32::NAN);
        std::thread::sleep(Duration::from_micros(PAUSE_US));
        poke(&raw, f32::from_bits(1.0_f32.to_bits() | 1));
    }
}

/// Writes another value over the last of the file for a moment: while it is read, if that happens now.
fn poke(path: &Path, value: f32) {
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return };
    let Some(at) = file.metadata().ok().and_then(|facts| facts.len().checked_sub(4)) else { return };
    let mut before = [0; 4];
    if file.read_exact_at(&mut before, at).is_ok() {
        for word in [value.to_le_bytes(), before] {
            // What cannot be written was not exchanged.
            let _ = file.write_at(&word, at);
            std::thread::sleep(Duration::from_micros(PAUSE_US));
        }
    }
}
