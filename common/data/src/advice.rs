//! What the clinical reference wants of a data set, beside what was measured of this one. Called by
//! `site-agent data check` with the room's inspection. Pure. Invariants: it advises and refuses nothing; it
//! says nothing of what was not measured; numbers and names of departments, never a text.
//!
//! The reference's numbers: 1,000 to 2,000 records of a department (cardiology 1,000 to 1,500, chest and gut
//! 800 to 1,000), none under 100; departments in balance; questions under 500 and answers under 1,000
//! characters; dialogues of 3 to 8 turns, a turn being a question and its answer; 60 to 70 records in Alpaca
//! for 40 to 30 in ShareGPT; the parts of a split alike. Where it names no number, [`LOPSIDED`] and [`RARE`]
//! are ours.

mod department;
mod drift;
mod piece;
mod statistic;

#[cfg(test)]
mod tests;

pub use self::piece::{
    ALPACA_PERCENT, ANSWER_CHARACTERS, Advice, DEPARTMENT_LEAST, DIALOGUE_TURNS, LOPSIDED,
    QUESTION_CHARACTERS, RARE,
};

use crate::record::Format;
use crate::room::{InspectedRecord, Inspection};
use crate::split::{Assignment, Side};

/// Everything there is to advise, in the order of a report.
#[must_use]
pub fn of(inspection: &Inspection) -> Vec<Advice> {
    let used: Vec<&InspectedRecord> = inspection.records.iter().filter(|record| is_used(record)).collect();
    let mut advice = department::of(&used);
    advice.extend(lengths(&used));
    advice.extend(dialogues(&used));
    advice.extend(mix(&used));
    for part in [Side::Validation, Side::Test] {
        advice.extend(drift::of(&used, part));
    }
    advice
}

/// Whether the held-out parts are as hard for the base model as training is: of some records of each part,
/// the loss in nats per token of their answers. A loss that is no number is left out.
#[must_use]
pub fn of_losses(losses: &[(Side, f64)]) -> Vec<Advice> {
    let losses: Vec<(Side, f64)> = losses.iter().copied().filter(|(_, loss)| loss.is_finite()).collect();
    [Side::Validation, Side::Test].into_iter().filter_map(|part| drift::of_losses(&losses, part)).collect()
}

/// Whether the split gave the record a use.
fn is_used(record: &InspectedRecord) -> bool {
    matches!(record.assignment, Some(Assignment::Side(_) | Assignment::Fold(_)))
}

fn count(used: &[&InspectedRecord], wanted: impl Fn(&InspectedRecord) -> bool) -> u64 {
    used.iter().filter(|record| wanted(record)).count() as u64
}

/// Plain text has neither question nor answer.
fn lengths(used: &[&InspectedRecord]) -> Vec<Advice> {
    let of = count(used, |record| record.turns > 0);
    if of == 0 {
        return Vec::new();
    }
    let questions = count(used, |record| record.question_characters >= QUESTION_CHARACTERS);
    let answers = count(used, |record| record.answer_characters >= ANSWER_CHARACTERS);
    vec![Advice::Questions { over: questions, of }, Advice::Answers { over: answers, of }]
}

/// Of conversations that go on after the first answer; a single question with its answer is no dialogue.
fn dialogues(used: &[&InspectedRecord]) -> Option<Advice> {
    let of = count(used, |record| record.questions > 1);
    let [least, most] = DIALOGUE_TURNS;
    let outside = count(used, |record| record.questions > 1 && !(least..=most).contains(&record.questions));
    (of > 0).then_some(Advice::Dialogues { outside, of })
}

fn mix(used: &[&InspectedRecord]) -> Option<Advice> {
    let [alpaca, share_gpt] =
        [Format::Alpaca, Format::ShareGpt].map(|format| count(used, |record| record.format == Some(format)));
    (alpaca + share_gpt > 0).then_some(Advice::Mix { alpaca, share_gpt })
}
