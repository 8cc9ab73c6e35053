//! Where the attacks happen: a state folder of its own, with the site's configuration and nothing else of
//! the site's, the process that stands for the gateway, and the hostile workers. Used by `attack`.
//! Invariants: the site's own folders are named to the attacker and not used; every wait has a deadline;
//! every child is ended and waited for; what was made is removed.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use common::durable;
use sandbox::LockReport;
use sandbox::attack::{Ground, Tried};

use super::hostile::{Attack, Said};
use crate::cli::workplace::Workplace;
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::limits::{ATTACK_S_MAX, ATTACK_SAID_BYTES_MAX, PIPE_MESSAGES_MAX};
use crate::paths::StateFolder;
use crate::preflight::executable;

/// What is said where another suite is at work, and the next step.
const BUSY: (&str, &str) =
    ("another `check --attack` is under way at this site", "wait for its end: it takes a few seconds");

/// The field; it goes when this does.
#[derive(Debug)]
pub(super) struct Field {
    place: Workplace,
    is_locked: bool,
}

/// What came of the attacks on the locks.
pub(super) struct Found {
    /// Which of the worker's locks hold.
    pub(super) locks: Vec<LockReport>,
    /// What the worker tried.
    pub(super) tried: Vec<Tried>,
    /// How many of its keys the gateway could open behind its locks.
    pub(super) gateway: u32,
}

/// A child that is ended with the value that holds it.
#[derive(Debug)]
pub(super) struct Ended(pub(super) Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Field {
    /// Makes it for a site.
    ///
    /// # Errors
    /// `Data` when another suite is at work; `Io`.
    pub(super) fn make(site: &StateFolder, config: &AgentConfig, is_locked: bool) -> Result<Self, SiteError> {
        let place = Workplace::pass_through(&site.root().join(".attack"), BUSY)?;
        let folder = place.folder();
        let files = [
            (folder.config(), config.to_commented_toml()?.into_bytes()),
            (folder.identity().join("key.pem"), b"a stand-in for a key\n".to_vec()),
            (folder.identity().join("ledger.key"), b"a stand-in for a key\n".to_vec()),
            (folder.ledger(), b"a stand-in for a ledger\n".to_vec()),
        ];
        for (path, bytes) in files {
            durable::write(&path, &bytes, durable::PRIVATE).map_err(SiteError::at(&path))?;
        }
        Ok(Self { place, is_locked })
    }

    pub(super) fn folder(&self) -> &StateFolder {
        self.place.folder()
    }

    /// Has a hostile worker try the locks, and a hostile gateway one of its own; or the worker without any.
    ///
    /// # Errors
    /// `Filtered` when a filter around this program kills it; `Internal` when it does not come to its end.
    pub(super) fn try_locks(
        &self,
        site: &StateFolder,
        config: &AgentConfig,
        is_locked: bool,
    ) -> Result<Found, SiteError> {
        let (gateway, opened) = self.decoy()?;
        let ground = ground(site, self.folder(), config, gateway.0.id());
        let mut child = Ended(self.start(Attack::Locks, Stdio::inherit(), is_locked)?);
        let mut line = serde_json::to_vec(&ground).map_err(|error| SiteError::Internal(error.to_string()))?;
        line.push(b'\n');
        if let Some(mut input) = child.0.stdin.take() {
            // Where it is gone already, its silence says so.
            let _ = input.write_all(&line);
        }
        let heard = child.0.stdout.take().map(listen).transpose()?.unwrap_or_default();
        let mut reports = Vec::new();
        let mut tried = Vec::new();
        let mut is_done = false;
        for said in heard {
            match said {
                Said::Locks(found) => reports = found,
                Said::Tried(found) => tried.push(found),
                Said::Done => is_done = true,
            }
        }
        if is_done {
            return Ok(Found { locks: reports, tried, gateway: opened });
        }
        // It may still be at its last attack: ended, it says how.
        let _ = child.0.kill();
        let status = child.0.wait().map_err(|error| SiteError::Internal(error.to_string()))?;
        /// The same number on all architectures that we build for.
        const SIGSYS: i32 = 31;
        if status.signal() == Some(SIGSYS) {
            return Err(SiteError::Filtered { locks: Vec::new() });
        }
        let last = tried.last().map_or("its start", |tried| tried.what.as_str());
        Err(SiteError::Internal(format!("the attacks did not come to their end: {status}, after {last}")))
    }

    /// Starts a hostile worker.
    ///
    /// # Errors
    /// `Internal` when it cannot be started.
    pub(super) fn hostile(&self, attack: Attack, cries: Stdio) -> Result<Child, SiteError> {
        self.start(attack, cries, self.is_locked)
    }

    fn start(&self, attack: Attack, cries: Stdio, is_locked: bool) -> Result<Child, SiteError> {
        let mut command = self.command("worker")?;
        command.args(["--attack", attack.word()]);
        if !is_locked {
            command.arg("--unlocked");
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(cries)
            .spawn()
            .map_err(|error| SiteError::Internal(format!("cannot start the worker: {error}")))
    }

    /// A process behind the gateway's locks, which hold when this returns; and how many of the keys that it
    /// needs no more it could open then.
    fn decoy(&self) -> Result<(Ended, u32), SiteError> {
        let mut command = self.command("gateway")?;
        let failed =
            |error: std::io::Error| SiteError::Internal(format!("cannot start the gateway: {error}"));
        if !self.is_locked {
            command.arg("--unlocked");
        }
        let child = command.arg("--decoy").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = Ended(child.map_err(failed)?);
        let mut opened = 0;
        if let Some(mut pipe) = child.0.stdout.take() {
            let mut answer = [0];
            let answer = within(move || pipe.read_exact(&mut answer).map(|()| answer[0]))
                .ok_or_else(|| SiteError::Internal("the gateway does not answer".into()))?;
            opened = u32::from(answer.map_err(failed)?);
        }
        Ok((child, opened))
    }

    fn command(&self, role: &str) -> Result<Command, SiteError> {
        let mut command = Command::new(executable()?);
        command.args([role, "--state"]).arg(self.folder().root());
        Ok(command)
    }
}

/// What `work` returns, unless it takes too long: then it is left behind, and ends with this process.
pub(super) fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = sync_channel(1);
    let started = thread::Builder::new().name("attack".into()).spawn(move || {
        // Nobody waits any more where this fails.
        let _ = sender.send(work());
    });
    started.ok()?;
    receiver.recv_timeout(Duration::from_secs(ATTACK_S_MAX)).ok()
}

/// Everything that a hostile worker says until its end or the deadline.
fn listen(pipe: ChildStdout) -> Result<Vec<Said>, SiteError> {
    let (sender, receiver) = sync_channel(PIPE_MESSAGES_MAX);
    let read = move || {
        let lines = BufReader::new(pipe.take(ATTACK_SAID_BYTES_MAX)).lines();
        for said in lines.map_while(Result::ok).map_while(|line| serde_json::from_str::<Said>(&line).ok()) {
            if sender.send(said).is_err() {
                break;
            }
        }
    };
    let started = thread::Builder::new().name("attack".into()).spawn(read);
    started.map_err(|source| SiteError::Internal(source.to_string()))?;
    let deadline = Instant::now() + Duration::from_secs(ATTACK_S_MAX);
    let mut heard = Vec::new();
    loop {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(said) => heard.push(said),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Ok(heard),
        }
    }
}

/// Everything that the attacker is told of the site and of the field.
fn ground(site: &StateFolder, field: &StateFolder, config: &AgentConfig, gateway: u32) -> Ground {
    let mut forbidden = vec![site.root().to_path_buf()];
    for folder in [site, field] {
        forbidden.extend([folder.identity(), folder.renewed(), folder.outbox(), folder.logs()]);
        forbidden.extend([folder.ledger(), folder.database(), folder.root().join("site.db-wal")]);
        forbidden.extend(folder.ledger().parent().map(Path::to_path_buf));
        forbidden.extend(files_in(&folder.identity()));
    }
    // Of the site also what a worker of the site may open: this one works elsewhere.
    forbidden.extend([site.inbox(), site.raw(), site.work(), site.config(), site.officer(), site.waiver()]);
    let mut read_only = config.data_files();
    read_only.extend(files_in(&config.model));
    read_only.extend([field.config(), site.config(), field.officer(), site.officer(), site.waiver()]);
    let closed = [field.inbox(), field.outbox(), field.identity()];
    Ground {
        forbidden,
        read_only,
        own: vec![field.raw(), field.work(), field.metrics()],
        closed: closed.into_iter().chain(field.ledger().parent().map(Path::to_path_buf)).collect(),
        processes: vec![("supervisor".into(), std::process::id()), ("gateway".into(), gateway)],
        network: fs::read_link("/proc/self/ns/net").ok(),
    }
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect()
}
