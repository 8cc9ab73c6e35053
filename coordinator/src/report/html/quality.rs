//! The page's measurements: the curves and the table of the held-out sets. Called by `html`. Invariant: a
//! number that was not measured is a dash, and a curve has points only where something was measured.

use std::fmt::Write as _;

use super::curve::Curve;
use super::page::Page;
use crate::admin::report::aggregation_error::rounded_up;
use crate::report::document::{Held, Round};
use crate::report::{format, words as w};

/// Two curves; nothing before there are two measurements to draw a line between.
pub(super) fn charts(page: &Page<'_>) -> String {
    // Where each site trains alone there is no model that learns from round to round.
    if page.report.run.alone {
        return String::new();
    }
    let base = &page.report.base;
    let loss = curve(page, w::LOSS_BY_ROUND, base.validation_loss, |round| round.validation_loss);
    let first = base.validation_token_accuracy;
    let accuracy = curve(page, w::ACCURACY_BY_ROUND, first, |round| round.validation_token_accuracy);
    let (Some(loss), Some(accuracy)) = (loss, accuracy) else { return String::new() };
    let (loss, accuracy) = (loss.show(short_loss), accuracy.show(short_percent));
    let figure = |title: w::Word, note: w::Word, svg: &str| {
        let (title, note) = (page.word(title), page.word(note));
        format!("<figure><figcaption>{title} <small>{note}</small></figcaption>{svg}</figure>\n")
    };
    let body = format!(
        "<div class=\"charts\">\n{}{}</div>\n",
        figure(w::LOSS, w::LOSS_NOTE, &loss),
        figure(w::ACCURACY, w::ACCURACY_NOTE, &accuracy)
    );
    page.section(w::LEARNT, Some(w::LEARNT_LEAD), &body)
}

/// The points of a curve.
struct Points {
    description: String,
    labels: Vec<String>,
    values: Vec<f64>,
    base: Option<f64>,
}

impl Points {
    fn show(self, show: fn(f64) -> String) -> String {
        let Self { description, labels, values, base } = self;
        Curve { description: &description, labels, values, base, show }.render()
    }
}

fn curve(
    page: &Page<'_>,
    description: w::Word,
    base: Option<f64>,
    value: fn(&Round) -> Option<f64>,
) -> Option<Points> {
    let language = page.language;
    let first = base.map(|value| (w::BASE_SHORT.get(language).to_owned(), value));
    // A round that was not adopted is no step of the model's, and may be far off the scale.
    let adopted = page.report.rounds.iter().filter(|round| !round.not_adopted);
    let measured = adopted.filter_map(|round| Some((round.round, value(round)?)));
    let rounds = measured.map(|(round, value)| (w::ROUND.with(language, &[&round]), value));
    let (labels, values): (Vec<_>, Vec<_>) = first.into_iter().chain(rounds).unzip();
    let description = description.get(language).to_owned();
    (values.len() > 1).then_some(Points { description, labels, values, base })
}

fn short_loss(value: f64) -> String {
    format!("{value:.2}")
}

fn short_percent(value: f64) -> String {
    format!("{:.1} %", value * 100.0)
}

/// One line of the table.
struct Row<'a> {
    class: &'a str,
    model: String,
    set: w::Word,
    /// Loss, perplexity, accuracy.
    numbers: [Option<f64>; 3],
    /// The aggregation error.
    error: String,
}

/// The aggregation error, and how exact it is.
fn error(page: &Page<'_>, round: &Round) -> String {
    if round.not_adopted {
        return page.word(w::NOT_ADOPTED);
    }
    let found = round.aggregation_error_found.as_ref();
    match (round.aggregation_error, found) {
        (Some(value), Some(found)) => {
            let value = format!("{value:.4}");
            match found.standard_error.zip(found.probes) {
                Some((error, probes)) => {
                    let error = format!("{:.4}", rounded_up(error));
                    page.with(w::ERROR_PROBES, &[&value, &error, &probes])
                }
                None => page.with(w::ERROR_EXACT, &[&value]),
            }
        }
        (Some(value), None) => format!("{value:.4}"),
        (None, Some(found)) if found.is_pending() => page.word(w::ERROR_PENDING),
        (None, Some(_)) => page.word(w::ERROR_NOT_COMPUTED),
        (None, None) => String::new(),
    }
}

pub(super) fn table(page: &Page<'_>) -> String {
    if page.report.run.alone {
        return String::new();
    }
    let mut rows = String::new();
    let mut row = |row: &Row<'_>| {
        let [loss, perplexity, accuracy] = row.numbers;
        let dash = |text: Option<String>| text.unwrap_or_else(|| "&ndash;".to_owned());
        let cells = [
            row.model.clone(),
            page.word(row.set),
            dash(loss.map(format::loss)),
            dash(perplexity.map(format::perplexity)),
            dash(accuracy.map(format::percent)),
            row.error.clone(),
        ];
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        let _ = writeln!(rows, "<tr{}>{cells}</tr>", row.class);
    };
    let (base, last) = (&page.report.base, &page.report.last);
    let numbers = [base.validation_loss, base.validation_perplexity, base.validation_token_accuracy];
    row(&Row {
        class: "",
        model: page.word(w::BASE_MODEL),
        set: w::VALIDATION,
        numbers,
        error: String::new(),
    });
    for round in &page.report.rounds {
        let model = page.with(w::AFTER_ROUND, &[&round.round]);
        let numbers = [round.validation_loss, round.validation_perplexity, round.validation_token_accuracy];
        row(&Row { class: "", model, set: w::VALIDATION, numbers, error: error(page, round) });
    }
    let of_test = |held: &Held| [held.test_loss, held.test_perplexity, held.test_token_accuracy];
    for (model, held) in [(w::BASE_MODEL, base), (w::FEDERATED, last)] {
        let (model, numbers) = (page.word(model), of_test(held));
        row(&Row { class: " class=\"strong\"", model, set: w::TEST, numbers, error: String::new() });
    }
    let head: String = [w::MODEL, w::SET, w::LOSS, w::PERPLEXITY, w::ACCURACY, w::AGGREGATION_ERROR]
        .iter()
        .map(|word| format!("<th>{}</th>", page.word(*word)))
        .collect();
    let lead = page.word(w::ERROR_LEAD);
    let body =
        format!("<div class=\"scroll\"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n<p>{lead}</p>\n");
    page.section(w::QUALITY, Some(w::QUALITY_LEAD), &body)
}
