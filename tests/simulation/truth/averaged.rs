//! What is checked at each average: who is in it, how often, with which weight and with which update; and
//! that it is what the journal gives, whenever and however often it is made.

use common::id::{Digest, Round, RunId};
use coordinator::round::state::RunState;
use coordinator::round::weight;

use super::super::update;
use super::{Truth, invariant};

/// What rounding to f32 and two orders of addition may change.
const ROUNDING: f64 = 1e-5;

impl Truth {
    /// The coordinator averaged a round into this file; `again` is the same from the journal's rows.
    pub(crate) fn averaged(&mut self, run: RunId, round: Round, bytes: &[u8], again: &[u8]) {
        let Some(state) = self.runs.remove(&run) else { return };
        self.spelled_out(&state, round, &update::elements(bytes));
        self.runs.insert(run, state);
        let digest = Digest::of(bytes);
        let first = *self.averaged.entry((run, round)).or_insert(digest);
        self.check(first == digest, invariant::REPLAY, || {
            format!("round {round} is averaged into other bytes")
        });
        self.check(bytes == again, invariant::REPLAY, || {
            format!("the journal gives another average of round {round}")
        });
    }

    /// The one-hot elements say who was counted, the last one with which update.
    fn spelled_out(&mut self, state: &RunState, round: Round, elements: &[f32]) {
        let Some(sealed) = self.sealed.remove(&(state.launched.run, round)) else {
            return self
                .broken(invariant::COUNTED_ONCE, || format!("round {round} is averaged while it is open"));
        };
        let records: Vec<u64> = sealed.values().map(|update| update.records).collect();
        let weights = weight::weights(state.launched.weighting(), &records).unwrap_or_default();
        let mut trainings = 0.0;
        let mut expected = vec![0.0; self.sites.len()];
        for ((site, stored), weight) in sealed.iter().zip(&weights) {
            let Some(made) = self.made.get(&stored.digest) else {
                return self.broken(invariant::COUNTED_ONCE, || format!("nobody made the update of {site}"));
            };
            let is_own = self.sites[made.site] == *site;
            trainings += weight * f64::from(made.training);
            expected[made.site] += weight;
            self.check(is_own, invariant::COUNTED_ONCE, || {
                format!("{site} is counted with another's update")
            });
        }
        for (site, (found, weight)) in elements.iter().zip(&expected).enumerate() {
            let off = (f64::from(*found) - weight).abs();
            self.check(off <= ROUNDING * weight.max(1e-3), invariant::COUNTED_ONCE, || {
                format!("in round {round} site {site} is counted {:.3} times", f64::from(*found) / weight)
            });
        }
        let found = f64::from(elements.last().copied().unwrap_or(0.0));
        let same = (found - trainings).abs() <= ROUNDING * trainings.max(1.0);
        self.check(same, invariant::REPLAY, || {
            format!("the average of round {round} is made of other updates than were accepted")
        });
        self.sealed.insert((state.launched.run, round), sealed);
    }
}
