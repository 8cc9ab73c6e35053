//! The worker, which trains one-hot updates, and the last stage before the border, which fixes the bytes of
//! a round. Modelled after `worker` and `gateway::protect`; the row that fixes them is the real database's.

use common::id::Digest;
use common::wire::message::{RoundKey, TrainFailure};
use site_agent::gateway::state::{Assignment, Event, Phase};
use site_agent::gateway::store::Update;
use site_agent::pipe::RawFacts;

use super::{Site, Then, Waiting};
use crate::context::{Context, Happening, Word};
use crate::update;

impl Site {
    /// An order to the worker, which it carries out after a while.
    pub(super) fn order(&mut self, context: &mut Context, word: Word) {
        self.job += 1;
        if !self.has_worker {
            return;
        }
        let training_ms = context.plan.training_ms[self.index];
        let wait_ms = match word {
            Word::Trained => self.dice.between(training_ms / 2, training_ms),
            _ => self.dice.between(100, 2_000),
        };
        context.after(wait_ms, Happening::WorkerSays { site: self.index, ticket: self.job, word });
    }

    /// The worker's process dies, and another one starts.
    pub(crate) fn kill_worker(&mut self, context: &mut Context) {
        let Some(process) = &mut self.process else { return };
        self.job += 1;
        self.has_worker = false;
        if let Phase::Preparing(at) | Phase::Training(at) = process.agent.phase {
            let failures = self.store.count_failure(at.key).unwrap();
            self.hear(context, Event::WorkerGone { failures });
        }
        context.after(2_000, Happening::WorkerStarts(self.index));
    }

    /// The next worker is up.
    pub(crate) fn worker_starts(&mut self, context: &mut Context) {
        if !self.has_worker {
            self.has_worker = true;
            self.hear(context, Event::WorkerStarted);
        }
    }

    /// A word of the worker; one about an earlier order is not heard.
    pub(crate) fn worker_says(&mut self, context: &mut Context, ticket: u64, word: Word) {
        if ticket != self.job {
            return;
        }
        // One order in thirty runs out of memory.
        let word = if !context.is_healed && self.dice.in_thousand(30) { Word::Failed } else { word };
        let Some(process) = &mut self.process else { return };
        let event = match (word, process.agent.phase) {
            (Word::Prepared, Phase::Preparing(at)) => Event::Prepared {
                key: at.key,
                base_fingerprint: Digest::of(b"base"),
                expected: Digest::of(b"base"),
                records: context.plan.records[self.index],
            },
            (Word::Trained, Phase::Training(at)) => self.trained(context, at),
            (Word::Failed, Phase::Preparing(at) | Phase::Training(at)) => {
                let failures = self.store.count_failure(at.key).unwrap();
                Event::TrainingFailed { key: at.key, reason: TrainFailure::OutOfMemory, failures }
            }
            _ => return,
        };
        self.hear(context, event);
    }

    fn hear(&mut self, context: &mut Context, event: Event) {
        let Some(process) = &mut self.process else { return };
        process.worker.push_back(event);
        if matches!(process.waiting, Waiting::Worker) {
            process.waiting = Waiting::Nothing;
            self.pump(context);
        }
    }

    fn trained(&mut self, context: &mut Context, at: Assignment) -> Event {
        let bytes = self.train(context, at.key);
        let digest = Digest::of(&bytes);
        self.raw = Some((at.key, bytes));
        let records = context.plan.records[self.index];
        Event::Trained { key: at.key, facts: RawFacts { digest, records, tokens: 9, loss: 1.0 } }
    }

    /// One more training: it makes other bytes than the one before.
    pub(super) fn train(&mut self, context: &mut Context, key: RoundKey) -> Vec<u8> {
        self.trainings += 1;
        let bytes = update::one_hot(key, self.index, context.plan.sites.len(), self.trainings);
        context.truth.made(self.index, Digest::of(&bytes), self.trainings);
        bytes
    }

    /// The raw update becomes the one of its round, unless there is one: first the file, then the row.
    pub(super) fn protect(&mut self, context: &mut Context, at: Assignment) {
        if self.store.update(at.key).unwrap().is_some() {
            return self.event(Event::Protected);
        }
        if self.is_disk_full {
            return self.event(Event::Hindered);
        }
        let Some((_, bytes)) = self.raw.clone().filter(|(key, _)| *key == at.key) else {
            return self.event(Event::UpdateRejected);
        };
        let digest = Digest::of(&bytes);
        self.outbox.insert(digest, bytes);
        let wait_ms = self.dice.between(1, 50);
        self.rest(context, wait_ms, Then::Recorded(at, digest));
    }

    /// The row that fixes the bytes of the round.
    pub(super) fn record(&mut self, context: &mut Context, at: Assignment, digest: Digest) {
        let Some(bytes) = self.outbox.get(&digest).map(|bytes| bytes.len() as u64) else {
            return self.event(Event::UpdateRejected);
        };
        let update = Update {
            key: at.key,
            digest,
            bytes,
            records: context.plan.records[self.index],
            tokens: 9,
            loss: 1.0,
            receipt: None,
            declined: false,
        };
        let now_ms = self.wall_ms(context);
        self.store.record_update(&update, now_ms).unwrap();
        if let Some(process) = &mut self.process {
            process.pace.done();
        }
        self.event(Event::Protected);
    }
}
