//! Reports for the tests of the renderers. Used by them only.

use std::collections::BTreeMap;

use evaluation::compare::Verdict;

use super::document::*;
use crate::admin::report::aggregation_error::ErrorReport;
use crate::admin::report::baselines::{Model, Row, SetReport, SideBySide, Status};
use crate::admin::report::own_scores::{OwnScoresReport, SiteScores, Status as ScoreStatus};
use crate::evaluate::details::{HeldOutSet, Said, SampleQuestion, Samples};
use crate::report::suites::{ForgettingReport, Status as SuiteStatus, SuiteReport};
use crate::round::baseline::HeldOut;
use crate::round::measured::{ForgettingFigures, SuiteFigures};
use crate::round::said::Silence;
use crate::round::state::Paired;
use crate::round::suites::tests::figures;

/// An aggregation error of many sites.
fn estimated() -> ErrorReport {
    ErrorReport {
        status: "probes".to_owned(),
        standard_error: Some(0.0004),
        probes: Some(16),
        duration_ms: Some(900),
        reason: None,
    }
}

/// A report with every field filled.
pub(crate) fn report() -> Report {
    let round = |round: u32, loss: f64, accuracy: f64| Round {
        round,
        adapter_digest: Some("ab".repeat(32)),
        validation_loss: Some(loss),
        validation_perplexity: Some(loss.exp()),
        validation_token_accuracy: Some(accuracy),
        aggregation_error: Some(0.0312),
        aggregation_error_found: Some(estimated()),
        published: true,
        not_adopted: false,
        sites_counted: 4,
        wall_s: Some(21.5),
        training_s: Some(20.0),
        evaluation_s: Some(1.2),
        overhead_s: Some(0.3),
    };
    let site = |name: &str, records| SiteReport {
        name: name.to_owned(),
        records: Some(records),
        records_are_exact: true,
        weight: Some(0.25),
        bytes_sent: 1_234_567,
        frames_sent: 42,
        ledger_verified: Some(true),
        ledger_verified_by_python: Some(true),
    };
    let change = 5.17 / 5.87 - 1.0;
    let paired = Paired { records: 60, better: 51, change, standard_error: 0.015 };
    Report {
        run: run(),
        base: held(5.87, 0.1305),
        rounds: vec![round(1, 5.40, 0.1709), round(2, 5.16, 0.2139)],
        last: held(5.17, 0.2139),
        test: TestSet {
            questions: Some(60),
            supervised_tokens: Some(1900),
            paired: Some(paired),
            change: Some(change),
            change_interval: interval(&paired),
        },
        departments: vec![department(Some("心血管科"), 40), department(None, 20)],
        suites: suites(),
        forgetting: Some(forgetting()),
        own_scores: Some(own_scores()),
        side_by_side: Some(side_by_side()),
        samples: Some(samples()),
        sites: vec![site("cardiology", 775), site("a<script>", 802)],
        test_set_openings: vec![Opening {
            at: "2026-01-01T00:00:00Z".to_owned(),
            purpose: "final evaluation".to_owned(),
        }],
        warnings: Vec::new(),
        timings: Timings {
            total_s: Some(70.0),
            setup_s: Some(2.0),
            run_s: Some(60.0),
            worst_round_overhead_s: Some(0.3),
        },
        provenance: Provenance {
            version: "0.1.0".to_owned(),
            base_fingerprint: "cd".repeat(32),
            validation_file: Some("ef".repeat(32)),
            test_file: Some("01".repeat(32)),
            overlap: true,
            settings: settings(),
        },
        paths: None,
    }
}

fn settings() -> BTreeMap<String, serde_json::Value> {
    let (seed, schedule) = ("training.seed".to_owned(), "training.schedule".to_owned());
    BTreeMap::from([(seed, 7.into()), (schedule, "constant".into())])
}

fn department(name: Option<&str>, questions: u64) -> DepartmentReport {
    DepartmentReport {
        name: name.map(str::to_owned),
        questions,
        supervised_tokens: 30 * questions,
        base_loss: 5.87,
        loss: 5.17,
        base_token_accuracy: 0.1305,
        token_accuracy: 0.2139,
        change: Some(5.17 / 5.87 - 1.0),
        change_interval: (questions >= 30).then_some([-0.149, -0.09]),
    }
}

fn suites() -> Vec<SuiteReport> {
    vec![
        suite("exam <b>", SuiteStatus::Measured, Some(figures(50, 20, 5, 100, 0.004)), Verdict::Better),
        suite("急诊转诊", SuiteStatus::Measured, Some(figures(50, 5, 20, 100, 0.004)), Verdict::Worse),
        suite("cmb", SuiteStatus::Measured, Some(figures(50, 10, 10, 100, 1.0)), Verdict::NotShown),
        suite("gone", SuiteStatus::NotMeasured, None, Verdict::NotShown),
    ]
}

fn suite(name: &str, status: SuiteStatus, figures: Option<SuiteFigures>, verdict: Verdict) -> SuiteReport {
    SuiteReport {
        name: name.to_owned(),
        file: "a1".repeat(32),
        records: "b2".repeat(32),
        status,
        reason: figures.is_none().then(|| "it changed since the run was launched".to_owned()),
        corrected_p: figures.as_ref().map(|figures| figures.p * 3.0),
        verdict: figures.as_ref().map(|_| verdict),
        figures,
    }
}

fn own_scores() -> OwnScoresReport {
    let site = |name: &str, status, reason| SiteScores {
        site: name.to_owned(),
        status,
        reason,
        records: None,
        base_loss: None,
        federated_loss: None,
        gain: None,
        gain_interval: None,
    };
    let measured = |name: &str, federated: f64, interval| SiteScores {
        records: Some(78),
        base_loss: Some(5.87),
        federated_loss: Some(federated),
        gain: Some(5.87 - federated),
        gain_interval: Some(interval),
        ..site(name, ScoreStatus::Measured, None)
    };
    OwnScoresReport {
        asked_until: Some("2026-01-01T00:02:00Z".to_owned()),
        sites: vec![
            measured("cardiology", 5.168, [0.431, 0.912]),
            measured("a<script>", 6.08, [-0.4, -0.02]),
            site("neurology", ScoreStatus::NotSaid, Some(Silence::NotAllowed)),
            site("oncology", ScoreStatus::NoAnswer, None),
        ],
    }
}

fn side_by_side() -> SideBySide {
    let row = |model: Model, loss: f64, together: Option<(f64, [f64; 2])>| Row {
        status: Status::Measured,
        reason: None,
        records: matches!(model, Model::Alone(_)).then_some(780),
        loss: Some(loss),
        perplexity: Some(loss.exp()),
        token_accuracy: Some(0.2),
        change: (model != Model::Base).then(|| loss / 5.87 - 1.0),
        change_interval: (model != Model::Base).then_some([-0.15, -0.01]),
        together_change: together.map(|(change, _)| change),
        together_change_interval: together.map(|(_, interval)| interval),
        model,
    };
    let alone = |name: &str| Model::Alone(name.to_owned());
    let failed = Row {
        status: Status::NotMeasured,
        reason: Some("the evaluation process failed".to_owned()),
        ..row(alone("oncology"), 0.0, None)
    };
    let rows = vec![
        row(Model::Base, 5.87, None),
        row(alone("cardiology"), 5.53, Some((-0.065, [-0.091, -0.039]))),
        row(alone("a<script>"), 5.16, Some((0.002, [-0.011, 0.015]))),
        Row {
            loss: None,
            perplexity: None,
            token_accuracy: None,
            change: None,
            change_interval: None,
            ..failed
        },
        row(Model::Together, 5.17, None),
    ];
    let set = |set, rows| SetReport { set, questions: Some(60), supervised_tokens: Some(1900), rows };
    let mut of_rounds = rows.clone();
    of_rounds.insert(4, row(Model::Round(1), 5.4, None));
    SideBySide {
        run: "a10e".repeat(4),
        together: Some("5f0c".repeat(4)),
        work_alone: "1 epoch".to_owned(),
        work_together: Some("2 rounds of 0.25 epochs".to_owned()),
        sets: vec![set(HeldOut::Validation, of_rounds), set(HeldOut::Test, rows)],
    }
}

/// The report of a run in which each site trained alone.
pub(crate) fn alone() -> Report {
    let mut report = report();
    (report.run.alone, report.run.rounds, report.run.id) = (true, 1, "a10e".repeat(4));
    (report.run.robust, report.run.server_optimizer) = (None, None);
    (report.departments, report.samples, report.own_scores) = (Vec::new(), None, None);
    (report.suites, report.forgetting) = (Vec::new(), None);
    (report.last, report.test) = (Held::default(), TestSet::default());
    report.rounds.truncate(1);
    let round = &mut report.rounds[0];
    (round.published, round.adapter_digest, round.validation_loss) = (false, None, None);
    (round.validation_perplexity, round.validation_token_accuracy) = (None, None);
    (round.aggregation_error, round.aggregation_error_found) = (None, None);
    report.sites.iter_mut().for_each(|site| site.weight = None);
    report
}

fn forgetting() -> ForgettingReport {
    let general = SuiteFigures { margin: 0.05, ..figures(80, 3, 4, 120, 1.0) };
    let figures = ForgettingFigures {
        general,
        texts: 40,
        positions: 812,
        divergence: 0.0321,
        divergence_interval: [0.0287, 0.0359],
    };
    ForgettingReport {
        status: SuiteStatus::Measured,
        reason: None,
        figures: Some(figures),
        verdict: Some(Verdict::NotWorse),
    }
}

fn samples() -> Samples {
    let said = |text: &str, ended| Said { text: text.to_owned(), ended };
    let question = SampleQuestion {
        department: Some("心血管科".to_owned()),
        question: "抽烟能引起高血压吗？\n<b>\u{1b}[31m</b>".to_owned(),
        reference: "长期抽烟是高血压病的易发因素之一。".repeat(40),
        base: said("Smoking <i>is</i>", false),
        federated: said("长期抽烟会引起高血压。", true),
    };
    Samples { set: HeldOutSet::Test, tokens_max: 80, questions: vec![question], reason: None }
}

fn held(loss: f64, accuracy: f64) -> Held {
    Held {
        validation_loss: Some(loss),
        validation_perplexity: Some(loss.exp()),
        validation_token_accuracy: Some(accuracy),
        test_loss: Some(loss),
        test_perplexity: Some(loss.exp()),
        test_token_accuracy: Some(accuracy),
    }
}

fn run() -> Run {
    Run {
        id: "5f0c5f0c5f0c5f0c".to_owned(),
        name: "medqa <zh> & friends".to_owned(),
        rounds: 2,
        alone: false,
        local_work: Some("0.25 epochs".to_owned()),
        robust: Some("clip to the median norm".to_owned()),
        server_optimizer: Some("momentum 0.5, rate 1".to_owned()),
        model: "tiny".to_owned(),
        adapter_digest: "ab".repeat(32),
        phase: "finished".to_owned(),
        failure: None,
        launched: "2026-01-01T00:00:00Z".to_owned(),
        ended: Some("2026-01-01T00:01:00Z".to_owned()),
    }
}

/// A run in its first round, of which nothing is measured.
pub(crate) fn going() -> Report {
    let mut report = report();
    (report.run.phase, report.run.ended) = ("collecting".to_owned(), None);
    (report.base, report.last, report.test) = (Held::default(), Held::default(), TestSet::default());
    (report.departments, report.samples) = (Vec::new(), None);
    (report.suites, report.forgetting, report.own_scores) = (Vec::new(), None, None);
    report.side_by_side = None;
    report.rounds.truncate(1);
    let round = &mut report.rounds[0];
    (round.adapter_digest, round.validation_loss) = (None, None);
    (round.validation_perplexity, round.validation_token_accuracy, round.aggregation_error) =
        (None, None, None);
    round.aggregation_error_found = None;
    report.test_set_openings.clear();
    report.timings = Timings { run_s: Some(3.0), ..Timings::default() };
    for site in &mut report.sites {
        (site.records, site.weight, site.records_are_exact) = (None, None, false);
        (site.ledger_verified, site.ledger_verified_by_python) = (None, None);
    }
    report
}
