//! What the scheduler asks for: averaged with the real weights, sum and rounding; measured as a number that
//! follows from the adapter; published. Modelled after `execution::performer` and `execution::beside`.

use common::id::{Digest, Round, RunId, SiteId};
use common::run::Weighting;
use coordinator::aggregate::mean;
use coordinator::limits::EFFECT_WAIT_MS_MIN;
use coordinator::round::accuracy::Outcome;
use coordinator::round::aggregation_error;
use coordinator::round::baseline::Baseline;
use coordinator::round::effect::Effect;
use coordinator::round::event::Event;
use coordinator::round::retention::{self, Rule};
use coordinator::round::state::{Metrics, RunState, Score, Update};
use coordinator::round::veto;
use coordinator::round::vetoed::Harm;
use coordinator::round::weight;

use super::Coordinator;
use crate::context::{Context, Happening, Waiter};
use crate::disk::Disk;
use crate::mutant::Mutant;
use crate::update;

impl Coordinator {
    /// Begins what is asked for.
    pub(super) fn perform(&mut self, context: &mut Context, state: &RunState, asked: Vec<Effect>) {
        if !self.is_up() {
            return;
        }
        let (life, run) = (self.life, state.launched.run);
        for effect in asked {
            match effect {
                Effect::Answer(_) => {}
                Effect::ChooseSites { .. } => self.choose(context, state),
                // What was begun for an earlier round counts no more.
                Effect::Announce { .. } | Effect::Finish => self.disk.parts.clear(),
                effect => {
                    let is_average = matches!(effect, Effect::Aggregate { .. });
                    if is_average {
                        self.disk.parts.clear();
                    }
                    let wait_ms = self.dice.between(20, if is_average { 4_000 } else { 1_500 });
                    context.after(wait_ms, Happening::Performed { life, run, effect: Box::new(effect) });
                }
            }
        }
    }

    /// An effect is done, or comes again if the disk is full.
    pub(crate) fn performed(&mut self, context: &mut Context, run: RunId, effect: Effect) {
        let life = self.life;
        let Some(state) = self.find(run) else { return };
        if self.disk.is_full && matches!(effect, Effect::Aggregate { .. } | Effect::Publish { .. }) {
            let again = Happening::Performed { life, run, effect: Box::new(effect) };
            return context.after(EFFECT_WAIT_MS_MIN, again);
        }
        let attempt = state.test.attempt;
        let event = match effect {
            Effect::ScoreBase => {
                Event::BaseScored { score: self.score(&state, state.launched.initial), initial: None }
            }
            Effect::Aggregate { round, inputs } => self.average(context, &state, round, &inputs),
            Effect::Score { round, adapter } => Event::Scored { round, score: self.score(&state, adapter) },
            Effect::Publish { round, .. } => Event::RoundPublished { round },
            Effect::MeasureAlone { site, set, .. } => {
                let outcome = Baseline::NotMeasured { reason: "simulated".to_owned() };
                Event::AloneMeasured { site, set, outcome }
            }
            Effect::OpenTest if self.dice.in_thousand(100) => {
                Event::TestPutOff { reason: "simulated".to_owned(), attempt }
            }
            Effect::OpenTest => Event::TestOpened { file: Digest::of(b"test"), attempt },
            Effect::ScoreTest { adapter } => {
                let (base, federated) =
                    (self.score(&state, state.launched.initial), self.score(&state, adapter));
                Event::TestScored { base, federated, attempt }
            }
            Effect::Announce { .. } | Effect::Finish | Effect::Answer(_) | Effect::ChooseSites { .. } => {
                return;
            }
        };
        self.submit(context, run, event, Waiter::Ourselves);
    }

    /// As `execution::pruning`, and at once: what some run named and none needs goes. What no run has named
    /// yet stays, because a row may be on its way.
    pub(crate) fn prune(&mut self) {
        let Some(up) = &self.up else { return };
        let states = up.runs.all();
        let states: Vec<&RunState> = states.iter().map(AsRef::as_ref).collect();
        let rule = Rule { update_rounds: 0, adapter_rounds: 1 };
        let (named, needed) = (retention::named(&states), retention::needed(&states, rule));
        self.disk.blobs.retain(|digest, _| needed.contains(digest) || !named.contains(digest));
    }

    fn average(
        &mut self,
        context: &mut Context,
        state: &RunState,
        round: Round,
        inputs: &[(SiteId, Update)],
    ) -> Event {
        let Some(mut bytes) = mean_of(&self.disk, inputs, state.launched.weighting()) else {
            return Event::EffectFailed { reason: "an update is gone".to_owned() };
        };
        match context.mutant {
            Mutant::CountsTwice => {
                let twice: Vec<_> = inputs.iter().take(1).chain(inputs).cloned().collect();
                bytes = mean_of(&self.disk, &twice, Weighting::Records).unwrap_or(bytes);
            }
            Mutant::DependsOnTheProcess => bytes[0] = self.life.to_le_bytes()[0],
            _ => {}
        }
        // From what the journal's rows say, whatever we were asked to average.
        let run = state.launched.run;
        let journalled = context.truth.run(run).and_then(|state| state.round(round)).map(|record| {
            record.updates.iter().map(|(site, update)| (site.clone(), *update)).collect::<Vec<_>>()
        });
        let weighting = state.launched.weighting();
        let again = journalled.and_then(|inputs| mean_of(&self.disk, &inputs, weighting)).unwrap_or_default();
        context.truth.averaged(run, round, &bytes, &again);
        let digest = Digest::of(&bytes);
        context.trace(digest.0);
        self.disk.blobs.insert(digest, bytes);
        Event::Aggregated {
            round,
            digest,
            aggregation_error: None,
            duration_ms: 1,
            outliers: vec![],
            server_state: None,
        }
    }

    /// One of ten measurements fails.
    fn score(&mut self, state: &RunState, adapter: Digest) -> Score {
        if state.launched.validation.is_none() || self.dice.in_thousand(100) {
            return Score::Unevaluated { reason: "simulated".to_owned() };
        }
        let loss = 1.0 + f64::from(adapter.0[0]) / 7.0;
        Score::Measured(Metrics {
            loss,
            perplexity: loss.exp(),
            token_accuracy: 0.5,
            supervised_tokens: 9,
            samples: 3,
            duration_ms: 1,
            paired: None,
        })
    }

    /// Finds the next harm or the next aggregation error beside the run.
    pub(super) fn start_next_beside(&mut self, context: &mut Context) {
        let Some(up) = &mut self.up else { return };
        let all = up.runs.all();
        let next = all.iter().find_map(|state| {
            let run = state.launched.run;
            let harm = veto::waiting(state).next().map(|record| {
                let without = record.updates.keys().map(|site| (site.clone(), 1.0)).collect();
                let harm = Harm::Measured { together: Some(9.0), without, duration_ms: 1 };
                Event::HarmFound { round: record.round, harm }
            });
            let error = || {
                let round = aggregation_error::waiting(state).next()?.round;
                Some(Event::AggregationErrorFound { round, outcome: Outcome::exact(0.25) })
            };
            harm.or_else(error).map(|event| (run, event))
        });
        let Some((run, event)) = next.filter(|_| !up.is_beside) else { return };
        up.is_beside = true;
        let wait_ms = self.dice.between(100, 60_000);
        let life = self.life;
        let submission = crate::context::Submission { run, event, waiter: Waiter::Ourselves };
        context.after(wait_ms, Happening::Driven { life, submission: Box::new(submission) });
    }
}

/// The weighted mean of these updates, as a file; `None` if one of them is gone.
pub(super) fn mean_of(disk: &Disk, inputs: &[(SiteId, Update)], weighting: Weighting) -> Option<Vec<u8>> {
    let records: Vec<u64> = inputs.iter().map(|(_, update)| update.records).collect();
    let weights = weight::weights(weighting, &records)?;
    let mut sums = Vec::new();
    for ((_, update), weight) in inputs.iter().zip(weights) {
        let bytes = disk.blobs.get(&update.digest).filter(|bytes| Digest::of(bytes) == update.digest)?;
        let values = update::elements(bytes);
        sums.resize(values.len(), 0.0);
        mean::add(&mut sums, &values, weight);
    }
    Some(update::adapter(&mean::rounded(&sums)))
}
