//! Base model, each site alone, and the model that they trained together, side by side on the same records:
//! for `status --json` and the report of both runs. Used by `admin::report` and `report`. Invariants: two
//! models whose difference is shown were measured in one process; names are of the coordinator's own roster;
//! what was not measured is `null`, with the reason.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::places::without_folders;
use crate::execution::runs::Runs;
use crate::limits::SIDE_BY_SIDE_ROUNDS_MAX;
use crate::round::alone::{is_alone, measured, work};
use crate::round::baseline::{Baseline, Figures, HeldOut};
use crate::round::metrics::{Metrics, Paired};
use crate::round::state::{Phase, RunState};

/// The whole table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideBySide {
    /// The run in which each site trained alone.
    pub run: String,
    /// The run in which they trained together; `null` where the other one names none.
    pub together: Option<String>,
    /// What each site trains alone: `3 epochs`.
    pub work_alone: String,
    /// And together: `3 rounds of 1 epoch`.
    pub work_together: Option<String>,
    /// Held-out sets, in the order in which they are measured.
    pub sets: Vec<SetReport>,
}

/// On one held-out set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetReport {
    /// Which.
    pub set: HeldOut,
    /// Records that were scored.
    pub questions: Option<u64>,
    /// Tokens of their answers that were scored.
    pub supervised_tokens: Option<u64>,
    /// Base model, each site alone, all records in one pool, rounds of the run together (on the validation
    /// set), its final model.
    pub rows: Vec<Row>,
}

/// Whose figures a row has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Model {
    /// The base model.
    Base,
    /// What this site trained alone.
    Alone(String),
    /// What this site trained, which has the records of all the others, as the run file says.
    Pooled(String),
    /// After a round of the run together.
    Round(u32),
    /// The final model of the run together.
    Together,
}

/// Where a row's measurement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It waits.
    Waiting,
    /// It was measured.
    Measured,
    /// It could not be, for the reason.
    NotMeasured,
}

/// One model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub model: Model,
    /// Where its measurement stands.
    pub status: Status,
    /// Why there is none.
    pub reason: Option<String>,
    /// Records that the site trained on, rounded.
    pub records: Option<u64>,
    /// Nats per supervised token over the whole set.
    pub loss: Option<f64>,
    /// exp(loss).
    pub perplexity: Option<f64>,
    /// A fraction.
    pub token_accuracy: Option<f64>,
    /// The change of the loss over the base model's, below 0 where this model is better.
    pub change: Option<f64>,
    /// Its 95 % interval, from the paired differences of the records.
    pub change_interval: Option<[f64; 2]>,
    /// The change from this site's loss to that of the model trained together, below 0 where that is better.
    pub together_change: Option<f64>,
    /// Its 95 % interval, as the other one.
    pub together_change_interval: Option<[f64; 2]>,
}

impl SideBySide {
    /// How many sites were measured on a set, and how many are to be.
    pub fn counts(&self, set: HeldOut) -> (usize, usize) {
        let rows = || self.sets.iter().filter(|it| it.set == set).flat_map(SetReport::alone);
        (rows().filter(|row| row.status == Status::Measured).count(), rows().count())
    }

    /// What is said first: the test set, where that is measured, else the validation set.
    pub fn decisive(&self) -> Option<&SetReport> {
        self.sets.iter().rev().find(|set| set.alone().any(|row| row.status == Status::Measured))
    }

    /// Sites that trained alone.
    pub fn sites(&self) -> usize {
        self.sets.first().map_or(0, |set| set.alone().count())
    }
}

impl SetReport {
    /// The row of all records in one pool, where a site has them.
    pub fn pooled(&self) -> Option<&Row> {
        self.rows.iter().find(|row| matches!(row.model, Model::Pooled(_)))
    }

    /// The rows of sites alone.
    pub fn alone(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| matches!(row.model, Model::Alone(_)))
    }
}

/// The table that a run's report shows: of a run of each alone its own, of one together that of the newest
/// run that was launched beside it and has measured something.
pub fn of_run(runs: &Runs, state: &RunState) -> Option<SideBySide> {
    if is_alone(state) {
        let together = state.launched.beside.and_then(|beside| runs.find(beside.run));
        return Some(table(state, together.as_deref()));
    }
    let run = state.launched.run;
    let is_beside = |it: &&std::sync::Arc<RunState>| {
        it.launched.beside.is_some_and(|beside| beside.run == run) && has_figures(it)
    };
    let all = runs.all();
    // One that is not through yet takes nothing away from one that is.
    let newest = all.iter().filter(is_beside).max_by_key(|it| (it.phase == Phase::Finished, it.began_at()));
    let mut shown = newest.map(|alone| (table(alone, Some(state)), alone));
    if let Some((shown, alone)) = &mut shown {
        // Reasons of another run's children, which knew where its files are; this report goes to hospitals.
        let reasons =
            shown.sets.iter_mut().flat_map(|set| &mut set.rows).filter_map(|row| row.reason.as_mut());
        reasons.for_each(|reason| *reason = without_folders(reason, folders(alone)));
    }
    shown.map(|(shown, _)| shown)
}

fn has_figures(alone: &RunState) -> bool {
    let mut sets = [HeldOut::Validation, HeldOut::Test].into_iter();
    sets.any(|set| measured(alone, set).any(|(_, of)| matches!(of, Some(Baseline::Measured(_)))))
}

fn table(alone: &RunState, together: Option<&RunState>) -> SideBySide {
    let launched = &alone.launched;
    let sets = [(HeldOut::Validation, &launched.validation), (HeldOut::Test, &launched.test)];
    let sets = sets.into_iter().filter(|(_, file)| file.is_some());
    SideBySide {
        run: launched.run.to_string(),
        together: launched.beside.map(|beside| beside.run.to_string()),
        work_alone: work(&launched.spec, launched.sites.len()),
        work_together: together.map(work_with_origin),
        sets: sets.map(|(set, _)| of_set(alone, together, set)).collect(),
    }
}

/// What was trained in a run, with the rounds that it went on from.
fn work_with_origin(state: &RunState) -> String {
    let work = work(&state.launched.spec, state.launched.sites.len());
    match state.launched.origin {
        Some(origin) => format!("{work} + {} of run {}", origin.rounds, origin.run),
        None => work,
    }
}

fn of_set(alone: &RunState, together: Option<&RunState>, set: HeldOut) -> SetReport {
    let figures = || {
        measured(alone, set).find_map(|(_, baseline)| match baseline {
            Some(Baseline::Measured(figures)) => Some(figures.as_ref()),
            _ => None,
        })
    };
    let base = figures().map(|figures| &figures.base);
    let mut rows = vec![row(Model::Base, base)];
    let over = alone.is_over();
    let pooled = |site| alone.launched.spec.pooled.as_ref() == Some(site);
    rows.extend(measured(alone, set).map(|(site, baseline)| {
        let records = alone.current().and_then(|record| record.updates.get(site)).map(|it| it.records);
        let model = if pooled(site) { Model::Pooled } else { Model::Alone };
        Row { records, ..of_site(model(site.to_string()), baseline) }
    }));
    // Behind the hospitals, wherever its name stands among theirs.
    rows.sort_by_key(|row| matches!(row.model, Model::Pooled(_)));
    // Cut elsewhere the same records are other tokens, and these rows are of the other run's measurements.
    let cutoff = |of: &RunState| of.launched.spec.training.cutoff_tokens;
    let is_alike = |of: &&RunState| set == HeldOut::Validation && cutoff(of) == cutoff(alone);
    if let Some(state) = together.filter(is_alike) {
        let published: Vec<_> = state.rounds.iter().filter(|it| it.published_at.is_some()).collect();
        let newest = published.len().saturating_sub(SIDE_BY_SIDE_ROUNDS_MAX);
        rows.extend(published.into_iter().skip(newest).map(|record| {
            row(Model::Round(record.round.0), record.score.as_ref().and_then(|score| score.metrics()))
        }));
    }
    if alone.launched.beside.is_some() {
        rows.push(row(Model::Together, figures().and_then(|figures| figures.together.as_ref())));
    }
    for row in &mut rows {
        // A run is compared with when it is over: its rounds change no more.
        let will_not_come = over || matches!(row.model, Model::Round(_));
        if row.status == Status::Waiting && will_not_come {
            row.status = Status::NotMeasured;
        }
    }
    let questions = base.map(|metrics| metrics.samples);
    SetReport { set, questions, supervised_tokens: base.map(|metrics| metrics.supervised_tokens), rows }
}

fn row(model: Model, metrics: Option<&Metrics>) -> Row {
    let paired = metrics.and_then(|metrics| metrics.paired);
    Row {
        model,
        status: if metrics.is_some() { Status::Measured } else { Status::Waiting },
        reason: None,
        records: None,
        loss: metrics.map(|metrics| metrics.loss),
        perplexity: metrics.map(|metrics| metrics.perplexity),
        token_accuracy: metrics.map(|metrics| metrics.token_accuracy),
        change: paired.map(|paired| paired.change),
        change_interval: paired.as_ref().and_then(Paired::interval),
        together_change: None,
        together_change_interval: None,
    }
}

/// What a child of a run was told to read.
fn folders(state: &RunState) -> impl Iterator<Item = &Path> {
    let launched = &state.launched;
    let files = launched.validation.iter().chain(&launched.test).map(|file| file.path.as_path());
    files.chain(std::iter::once(launched.model.as_path()))
}

fn of_site(model: Model, baseline: Option<&Baseline>) -> Row {
    match baseline {
        Some(Baseline::Measured(figures)) => {
            let Figures { alone, difference, .. } = figures.as_ref();
            Row {
                together_change: difference.map(|paired| paired.change),
                together_change_interval: difference.as_ref().and_then(Paired::interval),
                ..row(model, Some(alone))
            }
        }
        Some(Baseline::NotMeasured { reason }) => {
            Row { status: Status::NotMeasured, reason: Some(reason.clone()), ..row(model, None) }
        }
        None => row(model, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::alone::tests::{course, launched, outcome};
    use crate::round::launched::Beside;

    fn finished() -> RunState {
        let mut launched = launched(2);
        let adapter = common::id::Digest::of(b"together");
        launched.beside = Some(Beside { run: common::id::RunId([9; 8]), adapter });
        course(launched, &[0, 1]).pop().unwrap().1
    }

    #[test]
    fn each_site_has_a_row_on_each_set_between_the_base_and_the_model_trained_together() {
        let mut state = finished();
        let Baseline::Measured(mut figures) = outcome(5.0) else { unreachable!() };
        figures.together = Some(Metrics { loss: 4.5, ..figures.alone });
        figures.difference = Some(Paired { records: 60, better: 50, change: -0.1, standard_error: 0.01 });
        let site = "site-0".parse().unwrap();
        state.alone.get_mut(&site).unwrap().test = Some(Baseline::Measured(figures));
        let failed = Baseline::NotMeasured { reason: "no memory".into() };
        state.alone.get_mut(&"site-1".parse().unwrap()).unwrap().test = Some(failed);
        let shown = table(&state, None);
        assert_eq!((shown.counts(HeldOut::Validation), shown.counts(HeldOut::Test)), ((2, 2), (1, 2)));
        let test = shown.decisive().unwrap();
        assert_eq!((test.set, test.questions), (HeldOut::Test, Some(60)));
        let models: Vec<&Model> = test.rows.iter().map(|row| &row.model).collect();
        let alone = |name: &str| Model::Alone(name.to_owned());
        assert_eq!(models, [&Model::Base, &alone("site-0"), &alone("site-1"), &Model::Together]);
        let losses: Vec<Option<f64>> = test.rows.iter().map(|row| row.loss).collect();
        assert_eq!(losses, [Some(6.0), Some(5.0), None, Some(4.5)]);
        let [low, high] = test.rows[1].together_change_interval.unwrap();
        assert!((low + 0.1196).abs() < 1e-9 && (high + 0.0804).abs() < 1e-9);
        assert_eq!(test.rows[2].reason.as_deref(), Some("no memory"));
        assert_eq!(test.rows[1].records, Some(100));
    }

    #[test]
    fn the_pool_stands_behind_the_hospitals_and_is_none_of_them() {
        let mut state = finished();
        state.launched.spec.pooled = Some("site-0".parse().unwrap());
        let shown = table(&state, None);
        assert_eq!((shown.sites(), shown.counts(HeldOut::Test)), (1, (1, 1)));
        for set in &shown.sets {
            let models: Vec<&Model> = set.rows.iter().map(|row| &row.model).collect();
            let (alone, pooled) = (Model::Alone("site-1".to_owned()), Model::Pooled("site-0".to_owned()));
            assert_eq!(models, [&Model::Base, &alone, &pooled, &Model::Together]);
            assert!(set.pooled().is_some_and(|row| row.loss == Some(5.0)), "{set:?}");
        }
    }

    #[test]
    fn what_a_run_that_is_over_did_not_measure_is_waited_for_by_nobody() {
        let mut state = finished();
        let figures = has_figures(&state);
        state.alone.clear();
        let rows: Vec<Row> = table(&state, None).sets.into_iter().flat_map(|set| set.rows).collect();
        assert!(state.is_over() && rows.len() == 8, "{rows:?}");
        assert!(rows.iter().all(|row| row.status == Status::NotMeasured), "{rows:?}");
        assert!(figures && !has_figures(&state), "and another run's table is not hidden by it");
    }

    #[test]
    fn before_anything_is_measured_its_rows_wait() {
        let course = course(launched(2), &[0, 1]);
        let (_, state, _) = course.iter().find(|(_, state, _)| state.current().is_some()).unwrap();
        let shown = table(state, None);
        assert!(shown.decisive().is_none() && shown.together.is_none());
        assert!(shown.sets.iter().all(|set| set.rows[0].status == Status::Waiting));
    }
}
