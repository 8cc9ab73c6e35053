//! What a worker may say: it answers orders, and each order has so many answers. Called by `supervisor`,
//! which passes on what is admitted here and nothing else, neither to the gateway nor to the person, and by
//! the attack suite.
//!
//! Pure: the caller has the clock. Invariants: one `Started` a life; for an order to prepare one `Data`, one
//! `Compared`, one `Forbidden` and one outcome; for an order to train one `Forbidden` and one outcome, and
//! progress at most once in `PROGRESS_INTERVAL_MS_MIN`; for an order to measure one `Data`, one `Forbidden`
//! and one outcome; all of them about a round that was ordered. What is more is dropped and counted.

use common::limits::PROGRESS_INTERVAL_MS_MIN;
use common::wire::message::RoundKey;

use crate::pipe::{FromWorker, ToWorker};

/// What one life of the worker was asked, and has not answered.
#[derive(Debug, Default)]
pub(crate) struct Words {
    has_started: bool,
    /// A worker was started for another run; nobody waits for its `Started`, because its order is with it.
    is_renewed: bool,
    /// The round of the latest order.
    ordered: Option<RoundKey>,
    data: u32,
    compared: u32,
    forbidden: u32,
    prepared: u32,
    trained: u32,
    measured: u32,
    progress_ms: Option<u64>,
    dropped: u64,
}

impl Words {
    /// Another process takes the worker's place, with the orders that came last.
    pub(crate) fn renew(&mut self) {
        self.is_renewed = true;
    }

    /// An order goes to the worker. What is open about another round is of no use any more.
    pub(crate) fn order(&mut self, order: &ToWorker) {
        let (ToWorker::Prepare { key, .. } | ToWorker::Train { key, .. } | ToWorker::Measure { key, .. }) =
            *order
        else {
            return;
        };
        if self.ordered != Some(key) {
            (self.data, self.compared, self.prepared, self.trained) = (0, 0, 0, 0);
            (self.forbidden, self.measured) = (0, 0);
            self.ordered = Some(key);
        }
        let open = match order {
            ToWorker::Train { .. } => &mut self.trained,
            ToWorker::Measure { .. } => &mut self.measured,
            _ => &mut self.prepared,
        };
        *open = open.saturating_add(1);
        self.forbidden = self.forbidden.saturating_add(1);
        if !matches!(order, ToWorker::Train { .. }) {
            self.data = self.data.saturating_add(1);
        }
        if matches!(order, ToWorker::Prepare { .. }) {
            self.compared = self.compared.saturating_add(1);
        }
    }

    /// Whether these words are an answer. Words that are not are counted, and logged at 1, 2, 4, 8 ...
    pub(crate) fn admit(&mut self, message: &FromWorker, now_ms: u64) -> bool {
        if matches!(message, FromWorker::Started) && std::mem::take(&mut self.is_renewed) {
            return false;
        }
        let is_admitted = self.is_answer(message, now_ms);
        if !is_admitted {
            self.dropped += 1;
            // Progress that comes too often is dropped in silence: the gateway has its own say.
            let is_flood = !matches!(message, FromWorker::Progress { .. }) || self.dropped >= 1024;
            if is_flood && self.dropped.is_power_of_two() {
                tracing::warn!(
                    dropped = self.dropped,
                    "the worker says what it was not asked; it was dropped"
                );
            }
        }
        is_admitted
    }

    fn is_answer(&mut self, message: &FromWorker, now_ms: u64) -> bool {
        let is_ordered = |key: &RoundKey| self.ordered == Some(*key);
        match message {
            FromWorker::Started => !std::mem::replace(&mut self.has_started, true),
            FromWorker::Data { key, .. } => is_ordered(key) && take(&mut self.data),
            FromWorker::Forbidden { key, .. } => is_ordered(key) && take(&mut self.forbidden),
            FromWorker::Compared { key, .. } => is_ordered(key) && take(&mut self.compared),
            FromWorker::Ready { key, .. } | FromWorker::Blinded { key, .. } => {
                is_ordered(key) && take(&mut self.prepared)
            }
            FromWorker::Finished { key, .. } => is_ordered(key) && take(&mut self.trained),
            FromWorker::Failed { key, .. } => {
                let open = [&mut self.trained, &mut self.prepared, &mut self.measured];
                is_ordered(key) && open.into_iter().any(take)
            }
            FromWorker::Scored { key, .. } => is_ordered(key) && take(&mut self.measured),
            FromWorker::Progress { key, .. } => {
                let is_soon =
                    self.progress_ms.is_some_and(|at| now_ms.saturating_sub(at) < PROGRESS_INTERVAL_MS_MIN);
                let is_due = is_ordered(key) && self.trained > 0 && !is_soon;
                if is_due {
                    self.progress_ms = Some(now_ms);
                }
                is_due
            }
        }
    }

    /// Words that were dropped in this life.
    #[cfg(test)]
    fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn take(open: &mut u32) -> bool {
    let is_open = *open > 0;
    *open = open.saturating_sub(1);
    is_open
}

#[cfg(test)]
mod tests {
    use common::id::{Digest, Round, RunId};
    use common::wire::message::TrainFailure;
    use common::wire::own_scores::{NoScores, OwnScores};

    use super::*;
    use crate::pipe::{BlindedFacts, LeftOut, Progress, RawFacts};
    use crate::policy::PolicyRule;

    const DIGEST: Digest = Digest([7; 32]);

    fn key(round: u32) -> RoundKey {
        RoundKey { run: RunId([1; 8]), round: Round(round) }
    }

    fn prepare(round: u32) -> ToWorker {
        ToWorker::Prepare { key: key(round), manifest: DIGEST }
    }

    fn train(round: u32) -> ToWorker {
        ToWorker::Train { key: key(round), manifest: DIGEST, adapter: DIGEST }
    }

    fn everything(key: RoundKey) -> [FromWorker; 9] {
        let progress = Progress { step: 1, total_steps: 9, loss: 2.0, tokens_per_s: 70 };
        [
            FromWorker::Started,
            FromWorker::Data { key, root: DIGEST },
            FromWorker::Compared { key, left_out: LeftOut { too_close: 1, not_compared: 0, records: 9 } },
            FromWorker::Blinded { key, facts: BlindedFacts { digest: DIGEST, points: 1024 } },
            FromWorker::Ready { key, base_fingerprint: DIGEST, records: 9 },
            FromWorker::Progress { key, progress },
            FromWorker::Finished {
                key,
                facts: RawFacts { digest: DIGEST, records: 9, tokens: 9, loss: 2.0 },
            },
            FromWorker::Failed { key, reason: TrainFailure::WorkerFailed },
            FromWorker::Forbidden { key, rule: PolicyRule::RecordsMin },
        ]
    }

    /// How many of a thousand of each are admitted, a millisecond apart.
    fn admitted(words: &mut Words, key: RoundKey) -> [usize; 9] {
        everything(key).map(|message| (0..1000).filter(|ms| words.admit(&message, *ms)).count())
    }

    #[test]
    fn a_flood_of_every_word_is_as_many_answers_as_were_asked_for() {
        let mut words = Words::default();
        assert_eq!(admitted(&mut words, key(1)), [1, 0, 0, 0, 0, 0, 0, 0, 0], "nothing was ordered");
        assert_eq!(words.dropped(), 8999);
        words.order(&prepare(1));
        words.order(&train(1));
        assert_eq!(admitted(&mut words, key(2)), [0; 9], "another round");
        assert_eq!(admitted(&mut words, key(1)), [0, 1, 1, 1, 0, 1, 1, 0, 2]);
        words.order(&prepare(1));
        words.order(&train(1));
        words.order(&ToWorker::Abandon { key: key(1) });
        let failed = everything(key(1))[7];
        assert_eq!((0..1000).filter(|ms| words.admit(&failed, *ms)).count(), 2, "one for each order");
        words.order(&prepare(1));
        words.order(&prepare(2));
        assert_eq!(admitted(&mut words, key(1)), [0; 9], "no order of an earlier round is open");
    }

    #[test]
    fn scores_are_an_answer_to_the_order_to_measure_and_to_no_other() {
        let mut words = Words::default();
        let said = OwnScores::NotMeasured(NoScores::TooFew);
        let scored = FromWorker::Scored { key: key(0), said };
        words.order(&prepare(0));
        words.order(&train(0));
        assert!(!words.admit(&scored, 1));
        let mut words = Words::default();
        words.order(&ToWorker::Measure { key: key(0), manifest: DIGEST, adapter: DIGEST });
        assert!(!words.admit(&FromWorker::Scored { key: key(1), said }, 1), "another key");
        // One `Data`, no progress and no update; and one outcome.
        assert_eq!(admitted(&mut words, key(0)), [1, 1, 0, 0, 0, 0, 0, 1, 1]);
        assert!(!words.admit(&scored, 2), "it has failed");
        words.order(&ToWorker::Measure { key: key(0), manifest: DIGEST, adapter: DIGEST });
        assert!(words.admit(&scored, 3) && !words.admit(&scored, 4));
    }

    #[test]
    fn an_honest_round_passes_whole() {
        let mut words = Words::default();
        let [started, data, compared, blinded, ready, progress, finished, ..] = everything(key(1));
        assert!(words.admit(&started, 0));
        words.order(&prepare(1));
        assert!(words.admit(&data, 1) && words.admit(&blinded, 2));
        words.order(&prepare(1));
        assert!(words.admit(&data, 3) && words.admit(&compared, 4) && words.admit(&ready, 5));
        words.order(&train(1));
        let told = (0..10).filter(|second| words.admit(&progress, 1000 * second)).count();
        assert!(told == 10 && words.admit(&finished, 10_000));
        assert_eq!(words.dropped(), 0);
        words.renew();
        assert!(!words.admit(&started, 11_000), "nobody waits for it");
        assert_eq!(words.dropped(), 0);
        assert!(!words.admit(&started, 11_001));
        assert_eq!(words.dropped(), 1);
    }
}
