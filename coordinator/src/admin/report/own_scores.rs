//! What sites say of the result on their own held-out records, for `status --json` and the report. Used by
//! `admin::report` and `report`. Invariants: a figure is that site's own claim, and is shown as such; a
//! direction is a fact of an interval.

use common::clock::Timestamp;
use serde::{Deserialize, Serialize};

use crate::round::own_scores::{asked_until, takes_part};
use crate::round::said::{Said, Silence};
use crate::round::state::RunState;

/// What the sites of a run say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnScoresReport {
    /// Until when they are asked (RFC 3339, UTC); `null` before the run is over.
    pub asked_until: Option<String>,
    /// Of each site that can be asked, in the order of their names.
    pub sites: Vec<SiteScores>,
}

/// Where a site's answer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is still asked, or will be.
    Waiting,
    /// It measured.
    Measured,
    /// It does not say, for the reason.
    NotSaid,
    /// It has not answered in time.
    NoAnswer,
}

/// One site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteScores {
    /// Its name.
    pub site: String,
    /// Where its answer stands.
    pub status: Status,
    /// Why it does not say.
    pub reason: Option<Silence>,
    /// Records that it measured, rounded.
    pub records: Option<u64>,
    /// The base model's loss on them, nats per supervised token, a mean over records.
    pub base_loss: Option<f64>,
    /// The result's.
    pub federated_loss: Option<f64>,
    /// How much lower that is.
    pub gain: Option<f64>,
    /// Its 95 % interval: a paired bootstrap of the records, made at the site.
    pub gain_interval: Option<[f64; 2]>,
}

impl OwnScoresReport {
    /// Whether a site measured.
    pub fn has_figures(&self) -> bool {
        self.sites.iter().any(|site| site.status == Status::Measured)
    }
}

impl SiteScores {
    /// Whether the result is surely worse there: the whole interval is below 0.
    pub fn lost(&self) -> bool {
        self.gain_interval.is_some_and(|[_, high]| high < 0.0)
    }

    /// Whether it is surely better there.
    pub fn gained(&self) -> bool {
        self.gain_interval.is_some_and(|[low, _]| low > 0.0)
    }
}

/// Of a run; nothing where its terms do not ask, or where it ended without a model.
pub fn of_run(state: &RunState, now: Timestamp) -> Option<OwnScoresReport> {
    let until = asked_until(state);
    let was_never = state.is_over() && !state.has_final_model();
    if !state.launched.spec.evaluation.sites.score || was_never {
        return None;
    }
    let is_past = until.is_some_and(|until| now >= until);
    let silence = if is_past { Status::NoAnswer } else { Status::Waiting };
    let mut names: Vec<_> = state.launched.sites.iter().collect();
    names.sort();
    let of = |site| {
        let said = state.own_scores.get(site);
        (said.is_some() || takes_part(state, site)).then(|| site_scores(site.to_string(), said, silence))
    };
    Some(OwnScoresReport {
        asked_until: until.map(Timestamp::rfc3339),
        sites: names.into_iter().filter_map(of).collect(),
    })
}

fn site_scores(site: String, said: Option<&Said>, silence: Status) -> SiteScores {
    let none = SiteScores {
        site,
        status: silence,
        reason: None,
        records: None,
        base_loss: None,
        federated_loss: None,
        gain: None,
        gain_interval: None,
    };
    match said {
        None => none,
        Some(Said::NotMeasured(reason)) => {
            SiteScores { status: Status::NotSaid, reason: Some(*reason), ..none }
        }
        Some(Said::Measured(figures)) => SiteScores {
            status: Status::Measured,
            records: Some(figures.records),
            base_loss: Some(figures.base),
            federated_loss: Some(figures.federated),
            gain: Some(figures.base - figures.federated),
            gain_interval: Some(figures.gain_interval),
            ..none
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::own_scores::tests::{finished, said};

    #[test]
    fn each_site_is_shown_with_what_it_said_or_that_it_did_not() {
        let mut state = finished();
        let of = |state: &RunState, now| {
            let report = of_run(state, Timestamp(now)).unwrap();
            report.sites.iter().map(|it| (it.status, it.lost(), it.gained())).collect::<Vec<_>>()
        };
        assert_eq!(of(&state, 2), [(Status::Waiting, false, false); 2]);
        state.own_scores.insert("site-0".parse().unwrap(), said(-0.7).into());
        assert_eq!(of(&state, 2), [(Status::Measured, true, false), (Status::Waiting, false, false)]);
        state.own_scores.insert("site-0".parse().unwrap(), said(0.1).into());
        assert_eq!(of(&state, 60_001)[0], (Status::Measured, false, false), "the interval holds 0");
        assert_eq!(of(&state, 60_001)[1], (Status::NoAnswer, false, false));
        state.own_scores.insert("site-1".parse().unwrap(), Said::NotMeasured(Silence::NotAllowed));
        let report = of_run(&state, Timestamp(2)).unwrap();
        assert_eq!(
            (report.sites[1].status, report.sites[1].reason),
            (Status::NotSaid, Some(Silence::NotAllowed))
        );
        state.launched.spec.evaluation.sites.score = false;
        assert_eq!(of_run(&state, Timestamp(2)), None);
    }
}
