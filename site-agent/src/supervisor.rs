//! Starts the gateway and the worker, connects them, watches them, and ends them when it ends.
//!
//! Called by `site-agent run`. It holds no key (where keys are sealed, their passphrase, which it tells the
//! gateway at each start and nobody else), opens no socket and reads no record. Both children are this
//! same binary with a hidden subcommand; their standard input and output are pipes to this process, which
//! passes whole messages on; of the worker's only those that answer an order (`words`). Their standard error
//! goes to their logs (`log`). A child that dies is started again after a growing wait; one that keeps dying
//! ends the agent, the gateway with its last words, and so does at once what only a person can mend. What is
//! told stands in `logs/agent.log`, too.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::error::SiteError;
use crate::gateway::keys::sealing;
use crate::limits::PIPE_MESSAGES_MAX;
use crate::paths::StateFolder;
use crate::pipe::{FromGateway, FromWorker, ToGateway, ToWorker};
use child::{ChildSpec, Keeper, keep};
use heard::Heard;
use lines::Lines;
use words::Words;

mod child;
mod heard;
mod lines;
pub(crate) mod log;
mod own_log;
mod scoring;
pub(crate) mod words;

pub use child::FINAL_CODE;
pub use own_log::OwnLog;

/// Runs both children until a signal comes or one of them cannot be kept alive.
///
/// # Errors
/// `ChildStopped` for what only a person can mend; `ChildKeepsDying` with the child's last words; `Internal`
/// when a process cannot be started at all.
pub async fn run(folder: &StateFolder, executable: &Path, log: &OwnLog) -> Result<(), SiteError> {
    let (stop, stopping) = watch::channel(false);
    let (heard_sender, mut heard) = mpsc::channel::<Heard>(PIPE_MESSAGES_MAX);
    let (gateway_sender, gateway_orders) = mpsc::channel::<ToGateway>(PIPE_MESSAGES_MAX);
    let (worker_sender, worker_orders) = mpsc::channel::<ToWorker>(PIPE_MESSAGES_MAX);
    // Tasks of this one thread: the kernel ends the children when the thread that started them ends.
    let gateway = keep(
        ChildSpec {
            name: "gateway",
            executable: executable.to_path_buf(),
            state: folder.root().to_path_buf(),
            log: folder.log("gateway"),
            ends_when_closed: false,
            is_quoted: true,
            run_of: |_| None,
            passphrase: sealing(folder).is_any().then(|| Arc::clone(folder.passphrase())),
        },
        gateway_orders,
        Keeper {
            heard: heard_sender.clone(),
            wrap: Heard::Gateway,
            gone: None,
            renewed: None,
            stopping: stopping.clone(),
        },
    );
    let worker = keep(
        ChildSpec {
            name: "worker",
            executable: executable.to_path_buf(),
            state: folder.root().to_path_buf(),
            log: folder.log("worker"),
            ends_when_closed: true,
            is_quoted: false,
            run_of: ToWorker::run,
            passphrase: None,
        },
        worker_orders,
        Keeper {
            heard: heard_sender,
            wrap: Heard::Worker,
            gone: Some(|| Heard::WorkerGone),
            renewed: Some(|| Heard::WorkerRenewed),
            stopping,
        },
    );
    let hub = relay(&mut heard, Lines::new(log.clone()), &worker_sender, &gateway_sender);
    let watch_signals = async {
        let result = tokio::select! {
            result = hub => result,
            signal = wait_for_signal() => signal,
        };
        // Both keepers see it, end their child in good order and return.
        let _ = stop.send(true);
        result
    };
    let ((), (), result) = tokio::join!(gateway, worker, watch_signals);
    result
}

/// Passes on what the children say, as far as they may say it, until one of them cannot be kept alive.
async fn relay(
    heard: &mut mpsc::Receiver<Heard>,
    mut lines: Lines,
    to_worker: &mpsc::Sender<ToWorker>,
    to_gateway: &mpsc::Sender<ToGateway>,
) -> Result<(), SiteError> {
    let mut words = Words::default();
    let began = Instant::now();
    while let Some(message) = heard.recv().await {
        match message {
            Heard::Gateway(FromGateway::Worker(order)) => {
                words.order(&order);
                // A worker that reads nothing while it loads a model still has room for 64 orders.
                let _ = to_worker.try_send(order);
            }
            Heard::Gateway(FromGateway::Notice(notice)) => lines.notice(&notice),
            Heard::Worker(message) => {
                let now_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                if words.admit(&message, now_ms) {
                    lines.worker(&message);
                    // A busy gateway loses progress, never an outcome: those find the other half free.
                    let is_full = to_gateway.capacity() < PIPE_MESSAGES_MAX / 2;
                    if !(is_full && matches!(message, FromWorker::Progress { .. })) {
                        let _ = to_gateway.try_send(ToGateway::Worker(message));
                    }
                }
            }
            Heard::WorkerGone => {
                words = Words::default();
                let _ = to_gateway.try_send(ToGateway::WorkerGone);
            }
            Heard::WorkerRenewed => words.renew(),
            Heard::GivenUp(error) => return Err(error),
        }
    }
    Ok(())
}

/// SIGTERM and SIGINT end the agent. SIGHUP does not: it comes when a terminal is closed, and from whoever
/// has moved the logs away, which are begun anew with the next line.
async fn wait_for_signal() -> Result<(), SiteError> {
    let failed = |source: std::io::Error| SiteError::Internal(format!("cannot wait for signals: {source}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(failed)?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hang_up.recv() => tracing::info!("SIGHUP: going on"),
        }
    }
}
