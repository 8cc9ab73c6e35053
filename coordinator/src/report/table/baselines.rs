//! Base model, each site alone and what they trained together, on a terminal. Called by `table`. Invariant:
//! no line is wider than a terminal.

use common::language::Language;
use common::progress::{COLUMNS, cut, wrapped};

use crate::admin::report::baselines::{Row, Status};
use crate::report::baselines::{self, words as b};
use crate::report::document::Report;
use crate::report::text::{left, right};
use crate::report::{format, words as w};

/// Of the name.
const NAME_COLUMNS: usize = 19;
/// Of the columns behind it.
const COLUMNS_BEHIND: [usize; 5] = [8, 11, 11, 12, 19];

pub(super) fn table(report: &Report, language: Language, lines: &mut Vec<String>) {
    let Some(shown) = report.side_by_side.as_ref().filter(|it| it.sites() > 0) else { return };
    lines.push(b::TITLE.get(language).to_owned());
    let words = [w::LOSS, w::PERPLEXITY, w::ACCURACY, b::BESIDE_BASE, b::BESIDE_OWN];
    let heads = words.map(|word| word.get(language).to_owned());
    let heads = heads.map(|head| if head.starts_with("Token ") { "Accuracy".to_owned() } else { head });
    lines.push(row(w::MODEL.get(language), &heads));
    lines.push("-".repeat(COLUMNS));
    for set in &shown.sets {
        let name = baselines::set_name(set.set, language);
        if let Some((questions, tokens)) = set.questions.zip(set.supervised_tokens) {
            let counts =
                b::QUESTIONS.with(language, &[&format::grouped(questions), &format::grouped(tokens)]);
            lines.push(cut(&format!("[{name}] {counts}"), COLUMNS));
        } else {
            lines.push(format!("[{name}]"));
        }
        lines.extend(set.rows.iter().map(|row| of_row(row, language)));
    }
    lines.extend(wrapped(&baselines::lead(shown, language), COLUMNS));
    lines.push(String::new());
}

fn row(name: &str, cells: &[String; 5]) -> String {
    let mut line = left(&cut(name, NAME_COLUMNS), NAME_COLUMNS);
    for (cell, columns) in cells.iter().zip(COLUMNS_BEHIND) {
        line.push_str(&right(cell, columns));
    }
    line.trim_end().to_owned()
}

fn of_row(of: &Row, language: Language) -> String {
    let name = baselines::model_name(&of.model, language);
    let (Some(loss), Some(perplexity), Some(accuracy)) = (of.loss, of.perplexity, of.token_accuracy) else {
        let word = if of.status == Status::NotMeasured { b::NOT_MEASURED } else { b::WAITING };
        return format!("{}   {}", left(&cut(&name, NAME_COLUMNS), NAME_COLUMNS), word.get(language));
    };
    let change = of.change.map_or_else(String::new, format::signed_percent);
    let together = match (of.together_change, of.together_change_interval) {
        (_, Some([low, high])) => format!("{:+.1} .. {:+.1} %", low * 100.0, high * 100.0),
        (Some(change), None) => format::signed_percent(change),
        (None, None) => String::new(),
    };
    let cells =
        [format::loss(loss), format::perplexity(perplexity), format::percent(accuracy), change, together];
    row(&name, &cells)
}
