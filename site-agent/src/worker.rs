//! The process that reads records and trains. It has no network, and what it says to the gateway is numbers
//! and codes.
//!
//! Run by the supervisor (hidden subcommand `worker`); enters its sandbox before anything else. Orders
//! come in on standard input, answers go out on standard output; words go to standard error, which is
//! `logs/worker.log` at the site. A panic says where it happened and not with what values.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::wire::message::RoundKey;
use model::{Control, StepReport};

use crate::error::SiteError;
use crate::limits::{ORDERS_MAX, STOPS_MAX};
use crate::locks;
use crate::paths::StateFolder;
use crate::pipe::{FromWorker, ToWorker, read_message, write_message};
use pace::Pace;
use train::after_step::Watch;
use train::{Prepared, Purpose, RoundTrainer, TrainOrder, Trained};
use train_error::TrainError;

pub mod inbox;
pub mod overlap;
mod pace;
pub mod retention;
pub(crate) mod room;
pub mod train;
pub mod train_error;
pub mod validate;

/// Runs until the supervisor, or `replay`, closes the pipe.
///
/// # Errors
/// `LocksMissing` before anything is read; `Pipe` when the supervisor is gone.
pub fn run(folder: &StateFolder, purpose: Purpose) -> Result<(), SiteError> {
    let config = locks::worker(folder)?;
    tracing::info!("worker started");
    let shared = Arc::new(Shared::default());
    let orders = read_orders(Arc::clone(&shared))?;
    let mut worker = Worker { trainer: RoundTrainer::new(config, folder.clone(), purpose), shared };
    worker.say(&FromWorker::Started)?;
    // Ends when the supervisor closes the pipe, which it does when it dies as well.
    while let Ok(order) = orders.recv() {
        worker.obey(order)?;
    }
    Ok(())
}

/// What the thread that reads orders tells the one that trains.
#[derive(Default)]
struct Shared {
    /// The rounds to be stopped, the newest last, and whether each goes on later.
    stops: Mutex<VecDeque<(RoundKey, bool)>>,
    /// The pipe is closed: stop at the next step.
    closed: AtomicBool,
}

impl Shared {
    fn stops(&self) -> MutexGuard<'_, VecDeque<(RoundKey, bool)>> {
        // A poisoned lock still holds rounds to be stopped, whole ones: nothing here panics half-way.
        self.stops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the round is to stop, and goes on later.
    fn stopped(&self, round: RoundKey) -> Option<bool> {
        self.stops().iter().find(|(key, _)| *key == round).map(|(_, goes_on)| *goes_on)
    }

    /// Has a round stop; another round's word stays.
    fn stop(&self, round: RoundKey, goes_on: bool) {
        self.want(round);
        let mut stops = self.stops();
        stops.push_back((round, goes_on));
        while stops.len() > STOPS_MAX {
            stops.pop_front();
        }
    }

    /// Wanted again after it was stopped: the later word counts.
    fn want(&self, round: RoundKey) {
        self.stops().retain(|(key, _)| *key != round);
    }
}

/// Reads orders while training goes on, so that `Abandon` and `Suspend` are noticed at the next step.
fn read_orders(shared: Arc<Shared>) -> Result<Receiver<ToWorker>, SiteError> {
    let (sender, receiver): (SyncSender<ToWorker>, _) = sync_channel(ORDERS_MAX);
    std::thread::Builder::new()
        .name("orders".into())
        .spawn(move || {
            let mut pipe = io::stdin().lock();
            while let Ok(Some(order)) = read_message::<ToWorker>(&mut pipe) {
                match order {
                    ToWorker::Abandon { key } => shared.stop(key, false),
                    ToWorker::Suspend { key } => shared.stop(key, true),
                    ToWorker::Prepare { key, .. }
                    | ToWorker::Train { key, .. }
                    | ToWorker::Measure { key, .. } => shared.want(key),
                }
                if sender.send(order).is_err() {
                    break;
                }
            }
            shared.closed.store(true, Ordering::SeqCst);
        })
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    Ok(receiver)
}

struct Worker {
    trainer: RoundTrainer,
    shared: Arc<Shared>,
}

impl Worker {
    fn say(&self, message: &FromWorker) -> Result<(), SiteError> {
        write_message(&mut io::stdout().lock(), message)
    }

    fn obey(&mut self, order: ToWorker) -> Result<(), SiteError> {
        match order {
            ToWorker::Prepare { key, manifest } => {
                match self.trainer.data_root() {
                    Ok(root) => self.say(&FromWorker::Data { key, root })?,
                    Err(error) => return self.fail(key, &error),
                }
                match self.trainer.prepare(key, manifest) {
                    Ok(Prepared::Ready { base_fingerprint, records, left_out }) => {
                        if let Some(left_out) = left_out {
                            self.say(&FromWorker::Compared { key, left_out })?;
                        }
                        self.say(&FromWorker::Ready { key, base_fingerprint, records })
                    }
                    Ok(Prepared::Blinded(facts)) => self.say(&FromWorker::Blinded { key, facts }),
                    Err(error) => self.fail(key, &error),
                }
            }
            ToWorker::Train { key, manifest, adapter } => self.train(&TrainOrder { key, manifest, adapter }),
            ToWorker::Measure { key, manifest, adapter } => {
                self.measure(&TrainOrder { key, manifest, adapter })
            }
            ToWorker::Abandon { key } => {
                self.trainer.forget(key);
                Ok(())
            }
            // The thread that reads orders has stopped the training.
            ToWorker::Suspend { .. } => Ok(()),
        }
    }

    fn train(&mut self, order: &TrainOrder) -> Result<(), SiteError> {
        let key = order.key;
        if self.shared.stopped(key).is_some() {
            return Ok(());
        }
        tracing::info!(run = %key.run, round = key.round.0, "training");
        let mut watch =
            RoundWatch { key, pace: Pace::new(), shared: Arc::clone(&self.shared), broken_pipe: None };
        let result = self.trainer.train(order, &mut watch);
        if let Some(error) = watch.broken_pipe {
            return Err(error);
        }
        match result {
            Ok(Trained::Finished(facts)) => {
                tracing::info!(run = %key.run, round = key.round.0, "trained");
                self.say(&FromWorker::Finished { key, facts })
            }
            Ok(Trained::Abandoned) => Ok(()),
            Err(error) => self.fail(key, &error),
        }
    }

    fn measure(&mut self, order: &TrainOrder) -> Result<(), SiteError> {
        let key = order.key;
        match self.trainer.data_root() {
            Ok(root) => self.say(&FromWorker::Data { key, root })?,
            Err(error) => return self.fail(key, &error),
        }
        let shared = Arc::clone(&self.shared);
        let goes_on = || !shared.closed.load(Ordering::SeqCst) && shared.stopped(key).is_none();
        match self.trainer.measure(order, &goes_on) {
            Ok(Some(said)) => self.say(&FromWorker::Scored { key, said }),
            Ok(None) => Ok(()),
            Err(error) => self.fail(key, &error),
        }
    }

    fn fail(&self, key: RoundKey, error: &TrainError) -> Result<(), SiteError> {
        tracing::error!(run = %key.run, round = key.round.0, code = ?error.code, "{error}");
        if let Some(rule) = error.rule {
            self.say(&FromWorker::Forbidden { key, rule })?;
        }
        self.say(&FromWorker::Failed { key, reason: error.code })
    }
}

/// Follows the training of one round: tells the gateway at most once a second, and stops when the round is
/// abandoned or nobody listens any more.
struct RoundWatch {
    key: RoundKey,
    pace: Pace,
    shared: Arc<Shared>,
    broken_pipe: Option<SiteError>,
}

impl RoundWatch {
    fn is_to_stop(&self) -> bool {
        self.broken_pipe.is_some()
            || self.shared.closed.load(Ordering::SeqCst)
            || self.shared.stopped(self.key).is_some()
    }
}

impl Watch for RoundWatch {
    fn step(&mut self, report: &StepReport) -> Control {
        if let Some(progress) = self.pace.progress(report) {
            let message = FromWorker::Progress { key: self.key, progress };
            self.broken_pipe = write_message(&mut io::stdout().lock(), &message).err();
        }
        if self.is_to_stop() { Control::Stop } else { Control::Continue }
    }

    fn warn(&mut self, warning: &str) {
        tracing::warn!("{warning}; training goes on");
    }

    /// A round that is over without us is not continued.
    fn will_go_on(&self) -> bool {
        self.shared.stopped(self.key).unwrap_or(true)
    }
}

#[cfg(test)]
mod tests {
    use common::id::{Round, RunId};

    use super::*;

    #[test]
    fn a_suspended_round_stops_with_a_checkpoint_and_an_abandoned_one_without() {
        let key = |round| RoundKey { run: RunId([1; 8]), round: Round(round) };
        let watch = |stops: &[(RoundKey, bool)]| {
            let shared = Arc::new(Shared::default());
            stops.iter().for_each(|(key, goes_on)| shared.stop(*key, *goes_on));
            RoundWatch { key: key(1), pace: Pace::new(), shared, broken_pipe: None }
        };
        for (stops, is_stopped, goes_on) in [
            (&[][..], false, true),
            (&[(key(2), false)], false, true),
            (&[(key(1), true)], true, true),
            (&[(key(1), false)], true, false),
            // A word about another round takes none back; a later one about the same does.
            (&[(key(1), true), (key(2), false)], true, true),
            (&[(key(1), false), (key(2), true)], true, false),
            (&[(key(1), true), (key(1), false)], true, false),
        ] {
            let watch = watch(stops);
            assert_eq!((watch.is_to_stop(), watch.will_go_on()), (is_stopped, goes_on), "{stops:?}");
            watch.shared.want(key(1));
            assert!(!watch.is_to_stop(), "{stops:?}");
        }
        let many: Vec<_> = (1..100).map(|round| (key(round), true)).collect();
        assert_eq!(watch(&many).shared.stops().len(), STOPS_MAX);
    }
}
