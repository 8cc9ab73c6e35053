//! Keeps one child process alive and its two pipes flowing. Used by the supervisor, twice. Invariant: a child
//! that dies again and again ends the agent with its last words.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::crash;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::heard::Heard;
use crate::backoff::Backoff;
use crate::error::SiteError;
use crate::limits::{
    CHILD_DEATHS_MAX, CHILD_HEALTHY_MS_MIN, CHILD_STOP_MS_MAX, LAST_WORDS_BYTES_MAX, LOG_BYTES_MAX,
    PIPE_WRITE_MS_MAX,
};
use crate::pipe::{read_message_async, write_message_async};
use crate::sandbox::process::terminate;

/// What to start.
pub(super) struct ChildSpec {
    pub(super) name: &'static str,
    pub(super) executable: PathBuf,
    pub(super) state: PathBuf,
    pub(super) log: PathBuf,
    /// Whether it ends by itself, in good order, when its input is closed: a worker that trains saves a
    /// checkpoint.
    pub(super) ends_when_closed: bool,
}

/// How a child's keeper talks to the hub, and hears that it has to stop.
pub(super) struct Keeper<Out> {
    /// Where everything goes.
    pub(super) heard: mpsc::Sender<Heard>,
    /// A message of the child as the hub takes it.
    pub(super) wrap: fn(Out) -> Heard,
    /// What the hub is told when the child ended, if anything.
    pub(super) gone: Option<fn() -> Heard>,
    /// True when the agent ends.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Starts the child again and again until told to stop or until it dies too often.
pub(super) async fn keep<In, Out>(spec: ChildSpec, mut orders: mpsc::Receiver<In>, mut keeper: Keeper<Out>)
where
    In: Serialize,
    Out: DeserializeOwned,
{
    let mut backoff = Backoff::default();
    for life in 0_u64.. {
        let started = Instant::now();
        let log_bytes = fs::metadata(&spec.log).map_or(0, |metadata| metadata.len());
        if let Err(error) = live(&spec, life, &mut orders, &mut keeper).await {
            keeper.tell(Heard::GivenUp(error)).await;
            return;
        }
        if *keeper.stopping.borrow() {
            return;
        }
        if started.elapsed() >= Duration::from_millis(CHILD_HEALTHY_MS_MIN) {
            backoff.reset();
        }
        let wait_ms = backoff.next_ms(0);
        let last_words = last_words(&spec.log, log_bytes);
        if backoff.failures() >= CHILD_DEATHS_MAX {
            let error = SiteError::ChildKeepsDying { child: spec.name, times: CHILD_DEATHS_MAX, last_words };
            keeper.tell(Heard::GivenUp(error)).await;
            return;
        }
        tracing::warn!("the {} ended ({last_words}); it is started again in {wait_ms} ms", spec.name);
        if let Some(gone) = keeper.gone {
            keeper.tell(gone()).await;
        }
        tokio::select! {
            () = sleep(Duration::from_millis(wait_ms)) => {}
            _ = keeper.stopping.changed() => return,
        }
        // Orders for the process that ended: the other side repeats what still matters when it hears of the
        // new one.
        while orders.try_recv().is_ok() {}
    }
}

impl<Out> Keeper<Out> {
    /// Tells the hub, unless the agent ends meanwhile.
    async fn tell(&mut self, message: Heard) {
        tokio::select! {
            _ = self.heard.send(message) => {}
            _ = self.stopping.changed() => {}
        }
    }
}

/// One life of the child.
async fn live<In, Out>(
    spec: &ChildSpec,
    life: u64,
    orders: &mut mpsc::Receiver<In>,
    keeper: &mut Keeper<Out>,
) -> Result<(), SiteError>
where
    In: Serialize,
    Out: DeserializeOwned,
{
    let (mut child, mut stdin, mut stdout) = start(spec, life)?;
    let read = async {
        while let Ok(Some(message)) = read_message_async::<Out>(&mut stdout).await {
            if keeper.heard.send((keeper.wrap)(message)).await.is_err() {
                break;
            }
        }
    };
    let write = async {
        while let Some(order) = orders.recv().await {
            let patience = Duration::from_millis(PIPE_WRITE_MS_MAX);
            match timeout(patience, write_message_async(&mut stdin, &order)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => break,
            }
        }
    };
    // Whichever ends first ends this life: the child closed its pipe, does not read, or has to stop.
    tokio::select! {
        () = read => {}
        () = write => {}
        _ = keeper.stopping.changed() => {}
    }
    if spec.ends_when_closed && *keeper.stopping.borrow() {
        drop(stdin);
        let _ = timeout(Duration::from_millis(CHILD_STOP_MS_MAX), child.wait()).await;
    }
    end(&mut child).await;
    Ok(())
}

fn start(spec: &ChildSpec, life: u64) -> Result<(Child, ChildStdin, ChildStdout), SiteError> {
    let log = open_log(&spec.log)?;
    let failed =
        |source: std::io::Error| SiteError::Internal(format!("cannot start the {}: {source}", spec.name));
    let mut command = Command::new(&spec.executable);
    if crash::BUILT_IN && life > 0 {
        // A test names a point to die at once; the next life must get past it.
        command.env_remove(crash::POINT_VARIABLE);
    }
    let mut child = command
        .arg(spec.name)
        .arg("--state")
        .arg(&spec.state)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log))
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    match (child.stdin.take(), child.stdout.take()) {
        (Some(stdin), Some(stdout)) => Ok((child, stdin, stdout)),
        _ => Err(SiteError::Internal(format!("the {} has no pipes", spec.name))),
    }
}

/// SIGTERM, then a while, then SIGKILL. Both children are safe to kill at any moment.
async fn end(child: &mut Child) {
    if let Some(process_id) = child.id() {
        // It may be gone by itself; then there is nothing to signal.
        let _ = terminate(process_id);
    }
    if timeout(Duration::from_millis(CHILD_STOP_MS_MAX), child.wait()).await.is_err() {
        let _ = child.kill().await;
    }
}

fn open_log(path: &Path) -> Result<File, SiteError> {
    let at = |source| SiteError::io(path, source);
    if fs::metadata(path).is_ok_and(|metadata| metadata.len() > LOG_BYTES_MAX) {
        fs::rename(path, path.with_extension("log.old")).map_err(at)?;
    }
    OpenOptions::new().create(true).append(true).open(path).map_err(at)
}

/// The last error in what one life of a child wrote to its log, which was `from` bytes long before.
fn last_words(path: &Path, from: u64) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        // A log that was set aside starts afresh and is shorter.
        let from = if from > length { 0 } else { from };
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(LAST_WORDS_BYTES_MAX))))?;
        let mut bytes = Vec::new();
        file.take(LAST_WORDS_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let line =
        text.lines().rev().find(|line| line.starts_with("error: ") || line.starts_with("internal error"));
    line.map_or("it said nothing", |line| line.trim_start_matches("error: ")).to_owned()
}
