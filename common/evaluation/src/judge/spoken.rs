//! Answers in words, by whatever decides in their suite, and the rules that they keep or break. Called by
//! `prepare` with what a model said. Invariants: an answer may hold anything; of a long one only the first
//! [`ANSWER_BYTES_MAX`] bytes count; an empty one keeps no rule, and is right
//! only where graders say so.

use super::figure::Figure;
use super::open::{bits_per_character, figures};
use super::pattern::{has, plain};
use super::{Outcome, by_phrases, rubric, soap};
use crate::limits::ANSWER_BYTES_MAX;
use crate::schema;
use crate::suite::{Axis, Item, Rule, Score, Structure, Suite};

/// What a model said to one item.
#[derive(Clone, Debug, Default)]
pub struct Spoken {
    /// Its answers, in order: to a question one, in a dialogue perhaps several.
    pub answers: Vec<String>,
    /// The log-likelihood of the reference behind the prompt of the last answer, in nats; where asked.
    pub reference: Option<f64>,
}

/// What becomes of it.
#[must_use]
pub fn by_words(suite: &Suite, item: &Item, spoken: &Spoken) -> Outcome {
    let answers: Vec<&str> = spoken.answers.iter().map(|answer| bounded(answer)).collect();
    let last = answers.last().copied().unwrap_or_default();
    let mut outcome = match suite.settings.score {
        Score::Open => {
            let mut figures = figures(last, &item.reference);
            let credit =
                figures.iter().find(|(figure, _)| *figure == Figure::RougeL).map(|(_, value)| *value);
            let right = figures.contains(&(Figure::ExactMatch, 1.0));
            let bits = spoken.reference.map(|value| bits_per_character(value, &item.reference));
            figures.extend(bits.map(|bits| (Figure::BitsPerCharacter, bits)));
            Outcome { right, credit, figures, ..Outcome::default() }
        }
        Score::Structured => structured(suite.settings.structure.as_ref(), last),
        Score::Rubric => {
            let votes = suite.grades.as_ref().and_then(|grades| grades.of(item, last));
            let credit = votes.and_then(|votes| rubric::score(&item.rubric, votes));
            let on = |axis| Some((Figure::on(axis), rubric::on_axis(&item.rubric, votes?, axis)?));
            let figures = Axis::ALL.into_iter().filter_map(on).collect();
            Outcome {
                right: credit.is_some_and(|credit| credit >= 1.0),
                credit,
                figures,
                ..Outcome::default()
            }
        }
        Score::Phrases | Score::Letters | Score::Options | Score::Generated => {
            let last = by_phrases(item, last);
            // What must not be said must not be said on the way, either.
            let said = plain(&answers.join("\n"));
            Outcome { right: last.right && !has(&said, &item.unwanted), ..last }
        }
    };
    if !matches!(suite.settings.score, Score::Structured) {
        outcome.found = !last.trim().is_empty();
    }
    outcome.kept = suite.settings.rules.iter().map(|rule| keeps(rule, item, &answers)).collect();
    if suite.settings.score == Score::Phrases {
        outcome.right &= outcome.kept.iter().all(|kept| *kept);
    }
    outcome.answer = Some(last.to_owned());
    outcome
}

/// Whether the answers keep a rule: the last has one of the phrases that it needs in the language of its
/// question, and none has one that is not wanted, in whatever language.
fn keeps(rule: &Rule, item: &Item, answers: &[&str]) -> bool {
    let last = plain(answers.last().copied().unwrap_or_default());
    let wanted = rule.wanted.of(item.tongue());
    let said = plain(&answers.join("\n"));
    let is_clean = !has(&said, &rule.unwanted.zh) && !has(&said, &rule.unwanted.en);
    !last.trim().is_empty() && (wanted.is_empty() || has(&last, wanted)) && is_clean
}

fn structured(structure: Option<&Structure>, answer: &str) -> Outcome {
    match structure {
        Some(Structure::Json(schema)) => {
            let found = schema::extract(answer);
            let right = found.and_then(|json| schema::follows(schema, json)) == Some(true);
            Outcome { right, found: found.is_some(), ..Outcome::default() }
        }
        Some(Structure::Soap) => {
            let found = soap::sections(answer);
            let figures = vec![(Figure::Sections, found.sections as f64 / 4.0)];
            Outcome { right: found.is_whole, found: found.sections > 0, figures, ..Outcome::default() }
        }
        None => Outcome::default(),
    }
}

/// The beginning that counts.
fn bounded(answer: &str) -> &str {
    &answer[..answer.floor_char_boundary(ANSWER_BYTES_MAX)]
}

#[cfg(test)]
mod tests;
