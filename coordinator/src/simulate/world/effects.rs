//! What the coordinator does when the scheduler asks: average, measure, publish, and beside the run the
//! aggregation error. Part of `world`, called by it. Each effect takes the time that the plan says and ends
//! in the event that the program would report; nothing is computed.

use common::id::{Round, SiteId};
use common::run::ServerRule;

use super::super::agenda::Ms;
use super::super::plan::File;
use super::{Happening, World};
use crate::execution::transition;
use crate::limits::{DRIVER_WAIT_MS_MAX, OFFLINE_MS_MIN};
use crate::round::accuracy;
use crate::round::aggregation_error;
use crate::round::baseline::Baseline;
use crate::round::effect::Effect;
use crate::round::event::Event;
use crate::round::missing::Absence;
use crate::round::state::{RunState, Score, ServerState};

/// An aggregation error takes so many times as long as the average: coordinator/SPEED.md.
const ERROR_OVER_AVERAGE: f64 = 1.5;
/// Files of an adapter's size that the step of a server's optimiser reads and writes, about.
const STEP_FILES: usize = 6;

fn unmeasured() -> Score {
    Score::Unevaluated { reason: "simulated".to_owned() }
}

impl World<'_> {
    /// An effect ends: the driver hears of it after so long.
    fn done_after(&mut self, ms: Ms, event: Event) {
        self.after(ms, Happening::Done { event: Box::new(event) });
    }

    pub(super) fn perform(&mut self, asked: Vec<Effect>) {
        for effect in asked {
            match effect {
                Effect::ScoreBase => {
                    let event = Event::BaseScored { score: unmeasured(), initial: None };
                    self.done_after(self.plan.validation_ms(), event);
                }
                Effect::ChooseSites { .. } => {
                    // Nobody is away for so long that a choice passes them over, unless they were missed.
                    let event =
                        self.state().and_then(|state| transition::chosen(state, |site| self.is_missed(site)));
                    event.into_iter().for_each(|event| self.done_after(0, event));
                    // Who rests and is chosen beside others hears of it, too.
                    let record = self.state().and_then(RunState::current);
                    if record.is_some_and(|record| record.chosen.iter().flatten().next().is_some()) {
                        self.announce();
                    }
                }
                Effect::Announce { .. } => {
                    self.noted_publication();
                    self.disk.drop_parts();
                    self.stamps.announced_at = self.now;
                    self.stamps.last = None;
                    self.start_beside();
                    self.announce();
                }
                Effect::Aggregate { round, inputs } => self.average(round, inputs.len()),
                Effect::Score { round, .. } => {
                    self.noted_average(round);
                    let event = Event::Scored { round, score: unmeasured() };
                    self.done_after(self.plan.validation_ms(), event);
                }
                Effect::Publish { round, .. } => {
                    self.stamps.scored_at = self.now;
                    self.done_after(
                        self.plan.average_ms(self.plan.update_bytes, 1),
                        Event::RoundPublished { round },
                    );
                }
                Effect::MeasureAlone { site, set, .. } => {
                    let outcome = Baseline::NotMeasured { reason: "simulated".to_owned() };
                    let event = Event::AloneMeasured { site, set, outcome };
                    self.done_after(self.plan.machine.evaluate_ms, event);
                }
                Effect::OpenTest => {
                    self.noted_publication();
                    let file = File::Initial.name(0, 0);
                    self.done_after(0, Event::TestOpened { file, attempt: 0 });
                }
                Effect::ScoreTest { .. } => {
                    let (base, federated) = (unmeasured(), unmeasured());
                    self.done_after(self.plan.test_ms(), Event::TestScored { base, federated, attempt: 0 });
                }
                Effect::Finish => {
                    self.noted_publication();
                    self.over_at = Some(self.now);
                }
                Effect::Answer(_) => {}
            }
        }
    }

    fn average(&mut self, round: Round, updates: usize) {
        self.disk.drop_parts();
        let server = self.plan.spec.aggregation.server_rule();
        let server_state = server.map(|rule| ServerState {
            first: File::FirstMoment.name(round.0, 0),
            second: matches!(rule, ServerRule::Adaptive { .. }).then(|| File::SecondMoment.name(round.0, 0)),
        });
        let files = 1 + server_state.into_iter().flat_map(ServerState::digests).count() as u64;
        self.disk.begin(self.plan.update_bytes.saturating_mul(files));
        let step = if server.is_some() { STEP_FILES } else { 0 };
        let duration_ms = self.plan.average_ms(self.plan.sent_bytes(round.0), updates.saturating_add(step));
        let digest = File::Aggregate.name(round.0, 0);
        let event = Event::Aggregated {
            round,
            digest,
            aggregation_error: None,
            duration_ms,
            outliers: Vec::new(),
            server_state,
        };
        self.done_after(duration_ms, event);
    }

    /// The average's files have their names.
    fn noted_average(&mut self, round: Round) {
        self.stamps.averaged_at = self.now;
        let record = self.state().and_then(|state| state.round(round));
        let Some(aggregate) = record.and_then(|record| record.aggregate) else { return };
        let server = aggregate.server_state.into_iter().flat_map(ServerState::digests);
        for name in std::iter::once(aggregate.digest).chain(server) {
            self.disk.finish(name, self.plan.update_bytes, self.now);
        }
        self.look_at_disk();
    }

    pub(super) fn look_at_disk(&mut self) {
        if let Some(state) = &self.state {
            self.disk.look(state, self.plan.retention, self.now);
        }
    }

    /// Begins with the next aggregation error, unless one is being computed.
    fn start_beside(&mut self) {
        let waiting = self.state().and_then(|state| aggregation_error::waiting(state).next());
        let Some((round, updates)) = waiting.map(|record| (record.round, record.updates.len())) else {
            return;
        };
        if self.is_beside {
            return;
        }
        self.is_beside = true;
        let outcome = accuracy::Outcome::exact(0.0);
        // Where one factor is common to all, it is known to be 0.
        let is_known = self.plan.spec.aggregation.method.trains_halves();
        let updates = if is_known { 0 } else { updates };
        let ms = (self.plan.average_ms(self.plan.update_bytes, updates) as f64 * ERROR_OVER_AVERAGE) as Ms;
        self.done_after(ms, Event::AggregationErrorFound { round, outcome });
    }

    pub(super) fn found_error(&mut self) {
        self.is_beside = false;
        self.start_beside();
    }

    /// The driver looks every second who is out of reach; what it finds changes when a site goes, or
    /// delivers.
    pub(super) fn plan_look(&mut self) {
        let open = self.state().filter(|state| state.is_open());
        let record = open.and_then(RunState::current).filter(|record| record.quorum_at.is_some());
        if !self.looks && record.is_some_and(|record| self.are_others_out_of_reach(record)) {
            self.looks = true;
            let ms = DRIVER_WAIT_MS_MAX - self.now % DRIVER_WAIT_MS_MAX;
            self.after(ms, Happening::Looks);
        }
    }

    /// Whether the coordinator takes a site for offline.
    fn is_missed(&self, name: &SiteId) -> bool {
        let site = self.index.get(name).and_then(|index| self.sites.get(*index));
        site.is_some_and(|site| site.is_missed)
    }

    pub(super) fn look(&mut self) {
        self.looks = false;
        let absence = |name: &SiteId| self.is_missed(name).then_some(Absence::Offline);
        let event = self.state().and_then(|state| transition::absent(state, absence));
        if let Some(event) = event {
            self.submit(event, None);
        }
    }
}

const _: () = assert!(OFFLINE_MS_MIN >= DRIVER_WAIT_MS_MAX, "a site is missed by a look after it is offline");
