//! Keeps one child process alive and its three pipes flowing. Used by the supervisor, twice. Invariants: a
//! child that dies again and again ends the agent; its text goes to its own log, bounded and escaped, and
//! only the gateway's last words are told beyond it; orders about another run go to a process that was
//! started for it; a passphrase goes into the gateway's pipe and nowhere else.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cli::keys::KeyError;
use common::crash;
use common::id::RunId;
use common::private::passphrase::Passphrase;
use sandbox::process::terminate;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use zeroize::Zeroizing;

use super::heard::Heard;
use super::log::Log;
use crate::backoff::Backoff;
use crate::error::SiteError;
use crate::limits::{
    CHILD_DEATHS_MAX, CHILD_HEALTHY_MS_MIN, CHILD_STOP_MS_MAX, LOG_DRAIN_MS_MAX, PIPE_WRITE_MS_MAX,
};
use crate::pipe::{read_message_async, write_message_async};

/// What a child and the agent itself end with where nothing but a person's decision mends it
/// ([`SiteError::is_final`]): neither we nor the shipped unit start it again.
pub const FINAL_CODE: u8 = 3;

/// What to start.
pub(super) struct ChildSpec<In> {
    pub(super) name: &'static str,
    pub(super) executable: PathBuf,
    pub(super) state: PathBuf,
    pub(super) log: PathBuf,
    /// Whether it ends by itself, in good order, when its input is closed: a worker that trains saves a
    /// checkpoint.
    pub(super) ends_when_closed: bool,
    /// Whether the last error of the child may be quoted outside its log: not that of a process that reads
    /// records.
    pub(super) is_quoted: bool,
    /// The run that an order needs a process of its own for, if any. A worker that is started for a run reads
    /// the records as they are then, and its locks are taken on the files as they are then: a lock is held on
    /// a file, not on its name, and a file that was replaced is another one.
    pub(super) run_of: fn(&In) -> Option<RunId>,
    /// What opens its keys, where it has some that are sealed: it is told before anything else.
    pub(super) passphrase: Option<Arc<Passphrase>>,
}

/// How a child's keeper talks to the hub, and hears that it has to stop.
pub(super) struct Keeper<Out> {
    /// Where everything goes.
    pub(super) heard: mpsc::Sender<Heard>,
    /// A message of the child as the hub takes it.
    pub(super) wrap: fn(Out) -> Heard,
    /// What the hub is told when the child ended, if anything.
    pub(super) gone: Option<fn() -> Heard>,
    /// What the hub is told when another process takes the child's place for another run, if anything.
    pub(super) renewed: Option<fn() -> Heard>,
    /// True when the agent ends.
    pub(super) stopping: watch::Receiver<bool>,
}

/// Starts the child again and again until told to stop or until it dies too often.
pub(super) async fn keep<In, Out>(
    spec: ChildSpec<In>,
    mut orders: mpsc::Receiver<In>,
    mut keeper: Keeper<Out>,
) where
    In: Serialize,
    Out: DeserializeOwned,
{
    let mut backoff = Backoff::default();
    let mut life = Life { deaths: 0, serving: None, first: None };
    loop {
        let started = Instant::now();
        let last_words = match live(&spec, &mut life, &mut orders, &mut keeper).await {
            Ok(Ending::Died { last_words }) => last_words,
            Ok(Ending::Final(error)) => {
                keeper.tell(Heard::GivenUp(error)).await;
                return;
            }
            Ok(Ending::Renewed) => {
                if let Some(renewed) = keeper.renewed {
                    keeper.tell(renewed()).await;
                }
                continue;
            }
            Err(error) => {
                keeper.tell(Heard::GivenUp(error)).await;
                return;
            }
        };
        if *keeper.stopping.borrow() {
            return;
        }
        life.deaths += 1;
        if started.elapsed() >= Duration::from_millis(CHILD_HEALTHY_MS_MIN) {
            backoff.reset();
        }
        let wait_ms = backoff.next_ms(0);
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

/// What one life of the child begins with.
struct Life<In> {
    /// How many died before it.
    deaths: u64,
    /// The run that it was started for, or whose orders the one before it took.
    serving: Option<RunId>,
    /// The order that it was started for.
    first: Option<In>,
}

/// How a life ended.
enum Ending {
    /// By itself, or because it was told to.
    Died {
        /// The last it said.
        last_words: String,
    },
    /// With what only a person can mend.
    Final(SiteError),
    /// To make room for a process of another run, whose order is in [`Life`].
    Renewed,
}

/// One life of the child.
async fn live<In, Out>(
    spec: &ChildSpec<In>,
    life: &mut Life<In>,
    orders: &mut mpsc::Receiver<In>,
    keeper: &mut Keeper<Out>,
) -> Result<Ending, SiteError>
where
    In: Serialize,
    Out: DeserializeOwned,
{
    let mut log = Log::open(&spec.log)?;
    let Started { mut child, mut stdin, mut stdout, stderr } = start(spec, life.deaths)?;
    if let Some(passphrase) = &spec.passphrase {
        // One that is gone already is told nothing, and its end is seen below.
        let line = Zeroizing::new(format!("{}\n", passphrase.get().map_err(KeyError::from)?));
        let _ = stdin.write_all(line.as_bytes()).await;
    }
    let mut first = life.first.take();
    // Whichever ends first ends this life: the child closed its pipe, does not read, or has to stop.
    let lived = async {
        let read = async {
            while let Ok(Some(message)) = read_message_async::<Out>(&mut stdout).await {
                if keeper.heard.send((keeper.wrap)(message)).await.is_err() {
                    break;
                }
            }
        };
        let write = async {
            loop {
                let next = match first.take() {
                    Some(order) => Some(order),
                    None => orders.recv().await,
                };
                let Some(order) = next else { break };
                let run = (spec.run_of)(&order).or(life.serving);
                if std::mem::replace(&mut life.serving, run) != run {
                    life.first = Some(order);
                    break;
                }
                let patience = Duration::from_millis(PIPE_WRITE_MS_MAX);
                match timeout(patience, write_message_async(&mut stdin, &order)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) | Err(_) => break,
                }
            }
        };
        tokio::select! {
            () = read => {}
            () = write => {}
            _ = keeper.stopping.changed() => {}
        }
        if spec.ends_when_closed && (life.first.is_some() || *keeper.stopping.borrow()) {
            drop(stdin);
            let _ = timeout(Duration::from_millis(CHILD_STOP_MS_MAX), child.wait()).await;
        }
        end(&mut child).await;
    };
    {
        let mut logged = std::pin::pin!(log.follow(stderr));
        let mut lived = std::pin::pin!(lived);
        tokio::select! {
            () = &mut logged => lived.await,
            // The rest of the pipe, unless a process that the child left behind holds it open.
            () = &mut lived => drop(timeout(Duration::from_millis(LOG_DRAIN_MS_MAX), logged).await),
        }
    }
    if life.first.is_some() {
        return Ok(Ending::Renewed);
    }
    let nothing = if spec.is_quoted { "it said nothing" } else { "they are in its log" };
    let last_words = log.last_error().filter(|_| spec.is_quoted).unwrap_or(nothing).to_owned();
    // It has ended; this asks how.
    let code = child.wait().await.ok().and_then(|status| status.code());
    // Only of the process that holds the ledger and no records: a worker that somebody replaced must not be
    // able to switch the site off.
    if spec.is_quoted && code == Some(i32::from(FINAL_CODE)) {
        let hint = log.last_hint().map(str::to_owned);
        return Ok(Ending::Final(SiteError::ChildStopped { child: spec.name, sentence: last_words, hint }));
    }
    Ok(Ending::Died { last_words })
}

/// A child that runs.
struct Started {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
}

fn start<In>(spec: &ChildSpec<In>, deaths: u64) -> Result<Started, SiteError> {
    let failed =
        |source: std::io::Error| SiteError::Internal(format!("cannot start the {}: {source}", spec.name));
    let mut command = Command::new(&spec.executable);
    if crash::BUILT_IN && deaths > 0 {
        // A test names a point to die at once; the next life must get past it.
        command.env_remove(crash::POINT_VARIABLE);
    }
    let mut child = command
        .arg(spec.name)
        .arg("--state")
        .arg(&spec.state)
        .args(spec.passphrase.iter().map(|_| "--sealed"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    match (child.stdin.take(), child.stdout.take(), child.stderr.take()) {
        (Some(stdin), Some(stdout), Some(stderr)) => Ok(Started { child, stdin, stdout, stderr }),
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use common::id::{Digest, Round};
    use common::limits::LOG_BYTES_MAX;
    use common::wire::message::RoundKey;

    use super::*;
    use crate::limits::LOG_LINE_BYTES_MAX;
    use crate::pipe::{FromWorker, ToWorker, to_bytes};

    /// One life of a child that runs this shell script and is stopped after a while; its last words.
    fn life(folder: &Path, script: &str, is_quoted: bool, stopped_after: Duration) -> String {
        let path = folder.join("script");
        fs::write(&path, script).unwrap();
        let spec = ChildSpec {
            // The shell takes the name as its script.
            name: Box::leak(path.to_str().unwrap().to_owned().into_boxed_str()),
            executable: "/bin/sh".into(),
            state: folder.to_path_buf(),
            log: folder.join("worker.log"),
            ends_when_closed: false,
            is_quoted,
            run_of: |_| None,
            passphrase: None,
        };
        let (stop, stopping) = watch::channel(false);
        let (heard, _hub) = mpsc::channel(8);
        let (_orders, mut orders) = mpsc::channel::<ToWorker>(8);
        let mut keeper = Keeper {
            heard,
            wrap: Heard::Worker as fn(FromWorker) -> Heard,
            gone: None,
            renewed: None,
            stopping,
        };
        let mut life = Life { deaths: 0, serving: None, first: None };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stop = async {
                sleep(stopped_after).await;
                let _ = stop.send(true);
            };
            let (words, ()) = tokio::join!(live(&spec, &mut life, &mut orders, &mut keeper), stop);
            match words.unwrap() {
                Ending::Died { last_words } => last_words,
                Ending::Final(error) => format!("final: {error}; {}", error.hint().unwrap_or_default()),
                Ending::Renewed => panic!("nothing was ordered"),
            }
        })
    }

    #[test]
    fn a_workers_words_stay_in_its_log_and_a_gateways_are_escaped() {
        let script = "printf 'error: \\033]0;owned\\007 patient Zhang\\n' >&2";
        for (is_quoted, told) in
            [(false, "they are in its log"), (true, r"\u{1b}]0;owned\u{7} patient Zhang")]
        {
            let folder = tempfile::tempdir().unwrap();
            assert_eq!(life(folder.path(), script, is_quoted, Duration::from_millis(300)), told);
            let log = fs::read_to_string(folder.path().join("worker.log")).unwrap();
            assert_eq!(log, "error: \\u{1b}]0;owned\\u{7} patient Zhang\n");
        }
    }

    #[test]
    fn what_only_a_person_can_mend_ends_it_with_the_hint() {
        let script = "printf 'error: the ledger is not intact\\n\\nhint: keep it\\n' >&2; exit 3";
        let folder = tempfile::tempdir().unwrap();
        let ended = life(folder.path(), script, true, Duration::from_secs(1));
        assert_eq!(ended, "final: the ledger is not intact; keep it");
        let folder = tempfile::tempdir().unwrap();
        let worker = life(folder.path(), script, false, Duration::from_secs(1));
        assert_eq!(worker, "they are in its log", "a worker cannot end the agent for good");
        let folder = tempfile::tempdir().unwrap();
        let other = life(folder.path(), "echo 'error: x' >&2; exit 1", true, Duration::from_secs(1));
        assert_eq!(other, "x", "any other end is followed by another start");
    }

    #[test]
    fn a_log_is_bounded_while_the_child_runs() {
        let folder = tempfile::tempdir().unwrap();
        let line = "x".repeat(3 * LOG_LINE_BYTES_MAX);
        life(folder.path(), &format!("yes {line} >&2; true"), false, Duration::from_secs(2));
        let size = |name: &str| fs::metadata(folder.path().join(name)).map_or(0, |metadata| metadata.len());
        for name in ["worker.log", "worker.log.old"] {
            assert!((1..=LOG_BYTES_MAX).contains(&size(name)), "{name}: {} bytes", size(name));
        }
    }

    #[test]
    fn each_run_gets_a_process_of_its_own_and_no_order_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        // Each life says on a line of its own how many bytes of orders it got before its pipe was closed.
        fs::write(&path, format!("wc -c >> {}/lives", folder.path().display())).unwrap();
        let spec = ChildSpec {
            name: Box::leak(path.to_str().unwrap().to_owned().into_boxed_str()),
            executable: "/bin/sh".into(),
            state: folder.path().to_path_buf(),
            log: folder.path().join("worker.log"),
            ends_when_closed: true,
            is_quoted: false,
            run_of: ToWorker::run,
            passphrase: None,
        };
        let order = |run: u8, round: u32| {
            let key = RoundKey { run: RunId([run; 8]), round: Round(round) };
            ToWorker::Prepare { key, manifest: Digest([0; 32]) }
        };
        let sent = [order(1, 1), order(1, 2), order(2, 1)];
        let bytes = to_bytes(&sent[0]).unwrap().len();
        let (stop, stopping) = watch::channel(false);
        let (heard, mut hub) = mpsc::channel(8);
        let (orders, received) = mpsc::channel::<ToWorker>(8);
        let keeper = Keeper {
            heard,
            wrap: Heard::Worker as fn(FromWorker) -> Heard,
            gone: Some(|| Heard::WorkerGone),
            renewed: Some(|| Heard::WorkerRenewed),
            stopping,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let give = async {
                for order in sent {
                    orders.send(order).await.unwrap();
                }
                for _ in 0..2 {
                    assert!(matches!(hub.recv().await, Some(Heard::WorkerRenewed)));
                }
                sleep(Duration::from_millis(300)).await;
                stop.send(true).unwrap();
            };
            tokio::join!(keep(spec, received, keeper), give);
        });
        let lives = fs::read_to_string(folder.path().join("lives")).unwrap();
        let lives: Vec<usize> = lives.lines().map(|line| line.trim().parse().unwrap()).collect();
        assert_eq!(lives, [0, 2 * bytes, bytes], "one before any run, and one for each run");
    }

    #[test]
    fn a_process_that_a_child_leaves_behind_holds_nobody_up() {
        let folder = tempfile::tempdir().unwrap();
        let started = Instant::now();
        life(folder.path(), "sleep 20 </dev/null >/dev/null &", false, Duration::from_millis(300));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}
