//! The sections of the report, in words: sentences, a table, sentences. Used by `review`. Invariants: what is
//! not defined is an empty cell and never a number; no row of a table has more than 78 columns.

use common::language::{Language, Text};
use common::progress::cut;
use common::terminal::visible;
use evaluation::review::Dimension;
use evaluation::review::GateKind;
use evaluation::review::report::{Agreement, Measured, ModelReport, Report, Source, Uncounted};

use super::points::points as one_number;
use super::words as w;
use crate::comparison::format::percent;

/// Columns of a model's name.
const MODEL_COLUMNS: usize = 12;

/// A part of the report.
pub(super) struct Section {
    /// What it is about.
    pub title: String,
    /// Sentences above its table.
    pub before: Vec<String>,
    /// The table, its first row the head; may be empty.
    pub rows: Vec<Vec<String>>,
    /// How many of its columns stand on the left.
    pub left: usize,
    /// Sentences below it.
    pub after: Vec<String>,
}

/// All of them.
pub(super) fn sections(report: &Report, language: Language) -> Vec<Section> {
    let mut all = vec![gates(report, language), points(report, language), harms(report, language)];
    all.extend([agreement(report, language), graders(report, language)]);
    let of = &report.of;
    let cases = [report.questions, report.cases];
    all.push(Section {
        title: w::METHOD.get(language).to_owned(),
        before: vec![
            w::SUBJECT.with(
                language,
                &[&visible(&of.suite), &cases[0], &cases[1], &of.run, &visible(&of.models[1])],
            ),
            w::SEAL.with(language, &[&report.seal]),
            w::INTERVALS.with(language, &[&report.seed]),
        ],
        rows: Vec::new(),
        left: 1,
        after: Vec::new(),
    });
    all
}

fn head(words: &[Text], language: Language) -> Vec<String> {
    words.iter().map(|word| word.get(language).to_owned()).collect()
}

fn gates(report: &Report, language: Language) -> Section {
    let mut rows = vec![head(&[w::GATE, w::POINTS, w::INTERVAL, w::NEEDED, w::PASSED], language)];
    let tuned = report.models.last();
    for gate in &report.gates {
        let dimension = |one: Dimension| tuned.and_then(|it| it.dimensions.get(one.place())?.interval);
        let (name, interval) = match gate.gate {
            GateKind::Total => (w::TOTAL, tuned.and_then(|it| it.total_interval)),
            GateKind::Accuracy => (w::ACCURACY, dimension(Dimension::Accuracy)),
            GateKind::Safety => (w::SAFETY, dimension(Dimension::Safety)),
        };
        let passed = if gate.passed { w::YES } else { w::NO };
        rows.push(vec![
            name.get(language).to_owned(),
            number(gate.points),
            range(interval.filter(|_| gate.points.is_some()), language),
            format!("{:.0}", gate.at_least),
            passed.get(language).to_owned(),
        ]);
    }
    let verdict = if report.passed { w::ALL_PASSED } else { w::NOT_PASSED };
    let missing = report.missing.iter().map(|name| w::MISSING.with(language, &[name]));
    let uncounted = tuned.into_iter().flat_map(|it| &it.dimensions).filter_map(|one| {
        let why = why(one, report, language)?;
        Some(w::UNCOUNTED.with(language, &[&dimension(one.dimension, language), &why]))
    });
    Section {
        title: w::GATES.get(language).to_owned(),
        before: vec![verdict.get(language).to_owned()],
        rows,
        left: 1,
        after: missing.chain(uncounted).collect(),
    }
}

/// Why points are not counted.
fn why(one: &Measured, report: &Report, language: Language) -> Option<String> {
    Some(match one.uncounted? {
        Uncounted::NoData => w::NO_DATA.get(language).to_owned(),
        Uncounted::Incomplete => w::INCOMPLETE.with(language, &[&one.of, &report.questions]),
        Uncounted::TooFewPatients => w::TOO_FEW.with(language, &[&one.of]),
        Uncounted::OpinionOnly if one.dimension == Dimension::Utility => {
            w::OPINION_OF_USE.get(language).to_owned()
        }
        Uncounted::OpinionOnly => w::OPINION.get(language).to_owned(),
    })
}

fn points(report: &Report, language: Language) -> Section {
    let words = [w::DIMENSION, w::MODEL, w::POINTS, w::INTERVAL, w::OF, w::SOURCE];
    let mut rows = vec![head(&words, language)];
    for place in 0..Dimension::ALL.len() {
        for model in &report.models {
            rows.extend(model.dimensions.get(place).map(|one| row(model, one, language)));
        }
    }
    for model in &report.models {
        rows.push(vec![
            w::TOTAL.get(language).to_owned(),
            cut(&visible(&model.model), MODEL_COLUMNS),
            number(model.total),
            range(model.total_interval, language),
            String::new(),
            String::new(),
        ]);
    }
    let change = |one: &evaluation::review::report::Difference| {
        let interval = range(one.interval, language);
        let name = dimension(one.dimension, language);
        w::CHANGE.with(language, &[&name, &format!("{:+.1}", one.points + 0.0), &interval, &one.of])
    };
    Section {
        title: w::ALL_POINTS.get(language).to_owned(),
        before: vec![w::SCALE.get(language).to_owned()],
        rows,
        left: 2,
        after: report.differences.iter().map(change).collect(),
    }
}

fn row(model: &ModelReport, one: &Measured, language: Language) -> Vec<String> {
    let source = match one.source {
        Source::Graders => w::GRADERS,
        Source::Patients => w::PATIENTS,
        Source::Counts => w::COUNTS,
    };
    vec![
        format!("{} {:.0} %", dimension(one.dimension, language), one.dimension.weight()),
        cut(&visible(&model.model), MODEL_COLUMNS),
        number(one.points),
        range(one.interval, language),
        one.of.to_string(),
        source.get(language).to_owned(),
    ]
}

fn harms(report: &Report, language: Language) -> Section {
    let counted = report.models.iter().map(|model| {
        let (found, name) = (&model.harms, visible(&model.model));
        let [low, high] = found.interval.map(|end| format!("{:.1}", 100.0 * end));
        match found.below {
            Some(below) => w::NO_HARM.with(language, &[&name, &found.of, &percent_of(below)]),
            None if found.of == 0 => w::NOT_LOOKED_AT.with(language, &[&name]),
            None => w::HARM.with(language, &[&name, &found.cases, &found.of, &low, &high]),
        }
    });
    let listed = report.harms.iter().map(|harm| {
        let comments = harm.comments.iter().map(|text| visible(text)).collect::<Vec<_>>().join(" / ");
        let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
        let names = [harm.graders.join(", "), or_none(harm.broken.join(", ")), or_none(comments)];
        w::HARMFUL
            .with(language, &[&visible(&harm.item), &visible(&harm.model), &names[0], &names[1], &names[2]])
    });
    Section {
        title: w::HARMS.get(language).to_owned(),
        before: counted.collect(),
        rows: Vec::new(),
        left: 1,
        after: listed.collect(),
    }
}

fn agreement(report: &Report, language: Language) -> Section {
    let row = |one: &Agreement| {
        let coefficient = |value: Option<f64>| value.map(|it| format!("{it:.3}")).unwrap_or_default();
        vec![
            dimension(one.dimension, language),
            one.graders.to_string(),
            one.answers.to_string(),
            coefficient(one.kappa),
            coefficient(one.gwet),
            coefficient(one.alpha),
            coefficient(one.icc.map(|icc| icc.single)),
            coefficient(one.icc.map(|icc| icc.mean)),
        ]
    };
    let mut rows: Vec<Vec<String>> = report.agreement.iter().map(row).collect();
    let before = if rows.is_empty() { w::NO_AGREEMENT } else { w::COEFFICIENTS };
    if !rows.is_empty() {
        let mut first = head(&[w::DIMENSION, w::GRADERS, w::ANSWERS], language);
        first.extend(["kappa", "Gwet", "alpha", "ICC(2,1)", "ICC(2,k)"].map(str::to_owned));
        rows.insert(0, first);
    }
    Section {
        title: w::AGREEMENT.get(language).to_owned(),
        before: vec![before.get(language).to_owned()],
        rows,
        left: 1,
        after: Vec::new(),
    }
}

fn graders(report: &Report, language: Language) -> Section {
    let words = [w::GRADER, w::DIMENSION, w::TWICE, w::EQUAL, w::KAPPA, w::DRIFT, w::INTERVAL];
    let mut rows = vec![head(&words, language)];
    for grader in &report.graders {
        for one in Dimension::ALL {
            let twice = grader.twice.iter().find(|it| it.dimension == one);
            let drift = grader.drift.iter().find(|it| it.dimension == one);
            if twice.is_none() && drift.is_none() {
                continue;
            }
            rows.push(vec![
                grader.name.clone(),
                dimension(one, language),
                twice.map(|it| it.answers.to_string()).unwrap_or_default(),
                twice.map(|it| it.equal.to_string()).unwrap_or_default(),
                twice.and_then(|it| it.kappa).map(|it| format!("{it:.3}")).unwrap_or_default(),
                drift.map(|it| format!("{:+.1}", it.points + 0.0)).unwrap_or_default(),
                range(drift.and_then(|it| it.interval), language),
            ]);
        }
    }
    let graded =
        report.graders.iter().map(|one| w::GRADED.with(language, &[&one.name, &one.graded, &one.of]));
    Section {
        title: w::EACH_GRADER.get(language).to_owned(),
        before: graded.collect(),
        rows: if rows.len() > 1 { rows } else { Vec::new() },
        left: 2,
        after: vec![w::DRIFT_MEANS.get(language).to_owned()],
    }
}

fn dimension(one: Dimension, language: Language) -> String {
    let [en, zh] = one.name();
    match language {
        Language::En => en.to_owned(),
        Language::Zh => zh.to_owned(),
    }
}

fn number(points: Option<f64>) -> String {
    points.map(one_number).unwrap_or_default()
}

fn range(interval: Option<[f64; 2]>, language: Language) -> String {
    let text = |[low, high]: [f64; 2]| {
        w::RANGE.with(language, &[&format!("{:.1}", low + 0.0), &format!("{:.1}", high + 0.0)])
    };
    interval.map(text).unwrap_or_default()
}

/// Two digits of a small share, for a bound of 1.49 % is not one of 1.5 %.
fn percent_of(share: f64) -> String {
    if share < 0.1 { format!("{:.2} %", 100.0 * share) } else { percent(share) }
}
