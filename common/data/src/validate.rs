//! Is a record's content fit to train on? Called by `read` for every record, and usable on its own.
//! Invariants: a record that passes has an optional system turn first, then user (or tool) and assistant in
//! turn, and ends with an assistant's non-empty answer (or is non-empty plain text); looking costs one pass
//! over its texts.

mod garbled;

#[cfg(test)]
mod tests;

use crate::limits::{RECORD_CHARACTERS_MAX, TURNS_MAX};
use crate::record::{Body, Part, Record, Role, Turn};
use crate::refusal::Refusal;

/// The lengths that a record may have. Lengths are counted in characters (Unicode scalar values), before
/// tokenisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The shortest answer that is used; white space around it does not count.
    pub answer_characters_min: usize,
    /// All texts of the record together.
    pub record_characters_max: usize,
    /// Turns of a conversation.
    pub turns_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { answer_characters_min: 1, record_characters_max: RECORD_CHARACTERS_MAX, turns_max: TURNS_MAX }
    }
}

/// Looks at a record's turns, lengths and characters.
///
/// # Errors
/// The first reason found why the record should not be trained on: turns that do not alternate or are empty,
/// a length outside `bounds`, or characters that no record should have.
pub fn record(record: &Record, bounds: &Bounds) -> Result<(), Refusal> {
    match &record.body {
        Body::Conversation(turns) => conversation(record, turns, bounds)?,
        Body::Text(parts) => {
            if is_blank(record, parts) {
                return Err(Refusal::EmptyAnswer);
            }
        }
    }
    let characters: usize = record.fields.iter().map(|field| field.text.chars().count()).sum();
    if characters > bounds.record_characters_max {
        return Err(Refusal::TooManyCharacters);
    }
    record.fields.iter().try_for_each(|field| garbled::look(&field.text))
}

fn conversation(record: &Record, turns: &[Turn], bounds: &Bounds) -> Result<(), Refusal> {
    if turns.len() > bounds.turns_max {
        return Err(Refusal::TooManyTurns);
    }
    let turns = match turns {
        [first, rest @ ..] if first.role == Role::System => rest,
        all => all,
    };
    for (index, turn) in turns.iter().enumerate() {
        let asks = matches!(turn.role, Role::User | Role::Tool);
        let answers = turn.role == Role::Assistant;
        if asks != (index % 2 == 0) || !(asks || answers) {
            return Err(Refusal::NotAlternating);
        }
        if is_blank(record, &turn.parts) {
            return Err(if answers { Refusal::EmptyAnswer } else { Refusal::EmptyQuestion });
        }
        let text = record.text_of(&turn.parts);
        if answers
            && text.trim().chars().take(bounds.answer_characters_min).count() < bounds.answer_characters_min
        {
            return Err(Refusal::TooFewCharacters);
        }
    }
    match turns.last() {
        Some(last) if last.role == Role::Assistant => {}
        _ => return Err(Refusal::NoAnswer),
    }
    let is_learnt = |turn: &Turn| turn.role == Role::Assistant && turn.is_learnt;
    if turns.iter().any(is_learnt) { Ok(()) } else { Err(Refusal::NothingLearnt) }
}

/// Whether the file's own text in these parts is nothing but white space. What a mapping adds around an empty
/// answer does not make it an answer.
fn is_blank(record: &Record, parts: &[Part]) -> bool {
    let mut fields = parts.iter().filter_map(|part| match part {
        Part::Field(index) => record.fields.get(*index),
        Part::Literal(_) => None,
    });
    let has_fields = parts.iter().any(|part| matches!(part, Part::Field(_)));
    if has_fields {
        fields.all(|field| field.text.trim().is_empty())
    } else {
        record.text_of(parts).trim().is_empty()
    }
}
