//! What was measured, and what people's grades say. Used by `page`. Invariant: what was not measured is a
//! dash.

use evaluation::review::Dimension;

use super::Page;
use super::words as w;
use crate::report::format;
use crate::round::measured::SuiteFigures;

fn dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}

fn points(points: Option<f64>) -> String {
    dash(points.map(|points| format!("{points:.2}")))
}

fn between([low, high]: [f64; 2], form: fn(f64) -> String) -> String {
    format!("{} … {}", form(low), form(high))
}

impl Page<'_> {
    pub(super) fn measured(self) -> String {
        let evaluation = self.dossier.evaluation;
        let (base, released, test) = (&evaluation.base, &evaluation.released, &evaluation.test);
        let head = [w::SET, w::BASE_SHORT, w::RELEASED, w::CHANGE, w::INTERVAL, w::NUMBER];
        let mut rows = vec![head.map(|text| self.language_of(text)).to_vec()];
        rows.push(vec![
            self.language_of(w::TEST_LOSS),
            dash(base.test_loss.map(format::loss)),
            dash(released.test_loss.map(format::loss)),
            dash(test.change.map(format::signed_percent)),
            dash(test.change_interval.map(|it| between(it, format::signed_percent))),
            dash(test.questions.map(format::grouped)),
        ]);
        rows.push(vec![
            self.language_of(w::VALIDATION_LOSS),
            dash(base.validation_loss.map(format::loss)),
            dash(released.validation_loss.map(format::loss)),
            "-".to_owned(),
            "-".to_owned(),
            "-".to_owned(),
        ]);
        for suite in &evaluation.suites {
            rows.push(Self::suite(w::SUITE.with(self.language, &[&suite.name]), suite.figures.as_ref()));
        }
        if let Some(forgetting) = &evaluation.forgetting {
            let figures = forgetting.figures.as_ref().map(|figures| &figures.general);
            rows.push(Self::suite(self.language_of(w::GENERAL), figures));
        }
        self.section(&self.word(w::MEASURED), None, &Self::table(&rows))
    }

    fn suite(name: String, figures: Option<&SuiteFigures>) -> Vec<String> {
        vec![
            name,
            dash(figures.map(|it| format::percent(it.base.share))),
            dash(figures.map(|it| format::percent(it.federated.share))),
            dash(figures.map(|it| format::signed_percent(it.difference))),
            dash(figures.map(|it| between(it.interval, format::signed_percent))),
            dash(figures.map(|it| format::grouped(it.items))),
        ]
    }

    pub(super) fn grades(self) -> String {
        let Some(rubric) = &self.dossier.evaluation.rubric else { return String::new() };
        let head = [w::DIMENSION, w::POINTS, w::INTERVAL, w::NUMBER];
        let mut rows = vec![head.map(|text| self.language_of(text)).to_vec()];
        let one = |points: f64| format!("{points:.2}");
        for dimension in &rubric.dimensions {
            let name = match dimension.dimension {
                Dimension::Accuracy => w::ACCURACY,
                Dimension::Safety => w::SAFETY,
                Dimension::Friendliness => w::FRIENDLINESS,
                Dimension::Professionalism => w::PROFESSIONALISM,
                Dimension::Utility => w::UTILITY,
            };
            rows.push(vec![
                self.language_of(name),
                points(dimension.points),
                dash(dimension.interval.map(|it| between(it, one))),
                format::grouped(dimension.of),
            ]);
        }
        rows.push(vec![
            self.language_of(w::TOTAL),
            points(rubric.rubric().total()),
            dash(rubric.total_interval.map(|it| between(it, one))),
            "-".to_owned(),
        ]);
        self.section(&self.word(w::GRADES), None, &Self::table(&rows))
    }
}
