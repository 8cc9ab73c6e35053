//! Multiple choice: `question`, `options` (an object by letter, a list, or columns `A`, `B`, ...), `answer`
//! (letters or the text of an option). Called by `convert`.
//!
//! The user's turn, each option on a line of its own; the last line is `答案：` where question or options are
//! Chinese:
//! ```text
//! {question}
//! A. {option}
//! B. {option}
//! Answer:
//! ```
//! The assistant's turn is the letters alone (`B`, `ACD`), which evaluation scores as tokens; with
//! `chain_of_thought` it is the reasoning, an empty line, and `答案：B` or `Answer: B`.

use serde_json::Value;

use super::draft::{Converted, Draft, is_chinese, literal};
use super::question::{self, QUESTION};
use super::row::{Row, nested, scalar};
use crate::record::{Body, Part, Role, Turn};
use crate::refusal::Refusal;

const OPTIONS: &[&str] = &["options", "option", "choices"];
/// The letter first: MedQA keeps the option's text in `answer`, the letter in `answer_idx`.
const ANSWER: &[&str] = &["answer_idx", "answer"];
const LETTERS: [&str; 26] = [
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U",
    "V", "W", "X", "Y", "Z",
];

/// An option: its letter, where it stands, its text.
struct Choice {
    letter: &'static str,
    path: String,
    text: String,
}

pub(super) fn fits(row: &Row<'_>) -> bool {
    row.has(&["question"]) && (row.has(OPTIONS) || (row.has(&["A"]) && row.has(&["B"])))
}

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let choices = choices(row)?;
    let question = draft.required(row, QUESTION)?;
    if draft.text(&question).trim().is_empty() {
        return Err(Refusal::EmptyQuestion); // the options would make the turn look full
    }
    let chinese = is_chinese(draft.text(&question)) || choices.iter().any(|choice| is_chinese(&choice.text));
    let mut ask = vec![question, literal("\n")];
    let (_, answer) = row.get(ANSWER).ok_or(Refusal::MissingKey)?;
    let letters = letters(&nested(answer), &choices)?;
    for choice in choices {
        ask.push(literal(&format!("{}. ", choice.letter)));
        ask.push(draft.field(choice.path, choice.text));
        ask.push(literal("\n"));
    }
    ask.push(literal(if chinese { "答案：" } else { "Answer:" }));
    let mut reply = question::reasoning(row, draft)?;
    if !reply.is_empty() {
        reply.push(literal(if chinese { "答案：" } else { "Answer: " }));
    }
    // The letters do not come from a text field of the file, so there is nothing to screen in them.
    reply.push(Part::Literal(letters));
    Ok(Body::Conversation(vec![
        Turn { role: Role::User, parts: ask },
        Turn { role: Role::Assistant, parts: reply },
    ]))
}

/// The options in the order of their letters; there are at least two, and each has a text.
fn choices(row: &Row<'_>) -> Converted<Vec<Choice>> {
    let mut choices = match row.get(OPTIONS) {
        Some((name, value)) => match nested(value).as_ref() {
            Value::Object(by_letter) => by_letter
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| {
                    let letter = letter_of(key).ok_or(Refusal::WrongType)?;
                    choice(letter, format!("{name}.{key}"), value)
                })
                .collect::<Converted<Vec<_>>>()?,
            Value::Array(list) => numbered(list.iter(), name)?,
            Value::String(lines) => return from_lines(lines, name),
            _ => return Err(Refusal::WrongType),
        },
        None => LETTERS
            .iter()
            .map_while(|letter| row.get(&[letter]).map(|(name, value)| (letter, name, value)))
            .filter(|(_, _, value)| value.as_str() != Some(""))
            .map(|(letter, name, value)| choice(letter, name.to_owned(), value))
            .collect::<Converted<Vec<_>>>()?,
    };
    choices.sort_by_key(|choice| choice.letter);
    complete(choices)
}

fn complete(choices: Vec<Choice>) -> Converted<Vec<Choice>> {
    let has_gap = choices.iter().any(|choice| choice.text.trim().is_empty());
    if choices.len() < 2 || has_gap { Err(Refusal::AnswerNotAnOption) } else { Ok(choices) }
}

fn numbered<'v>(list: impl Iterator<Item = &'v Value>, name: &str) -> Converted<Vec<Choice>> {
    let mut letters = LETTERS.iter();
    list.enumerate()
        .map(|(index, value)| {
            let letter = letters.next().ok_or(Refusal::WrongType)?;
            // CMExam and others: {"key": "A", "value": "..."}
            match (value.get("key").and_then(Value::as_str), value.get("value")) {
                (Some(key), Some(value)) => {
                    let letter = letter_of(key).ok_or(Refusal::WrongType)?;
                    choice(letter, format!("{name}[{index}].value"), value)
                }
                _ => choice(letter, format!("{name}[{index}]"), value),
            }
        })
        .collect()
}

/// A CSV cell with an option a line, with or without its letter before it.
fn from_lines(text: &str, name: &str) -> Converted<Vec<Choice>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate();
    let choices = lines
        .map(|(index, line)| {
            let letter = *LETTERS.get(index).ok_or(Refusal::WrongType)?;
            let rest = line.strip_prefix(letter).map(str::trim_start);
            let rest = rest.and_then(|rest| rest.strip_prefix(['.', '．', '、', ':', '：', ')', '）', ' ']));
            let text = rest.map_or(line, str::trim_start).to_owned();
            Ok(Choice { letter, path: format!("{name}[{index}]"), text })
        })
        .collect::<Converted<Vec<_>>>()?;
    complete(choices)
}

fn choice(letter: &'static str, path: String, value: &Value) -> Converted<Choice> {
    Ok(Choice { letter, path, text: scalar(value).ok_or(Refusal::WrongType)? })
}

fn letter_of(key: &str) -> Option<&'static str> {
    LETTERS.iter().find(|letter| letter.eq_ignore_ascii_case(key.trim())).copied()
}

/// The letters of the answer in the order of the options: from letters (`B`, `ACD`, `A, C`, a list), else the
/// option whose text the answer is.
fn letters(answer: &Value, choices: &[Choice]) -> Converted<String> {
    let named = |text: &str| -> Option<&'static str> {
        let text = text.trim();
        choices
            .iter()
            .find(|choice| choice.letter.eq_ignore_ascii_case(text))
            .or_else(|| choices.iter().find(|choice| choice.text.trim() == text))
            .map(|choice| choice.letter)
    };
    let mut found: Vec<&str> = match answer {
        Value::Array(list) => list.iter().map(|one| one.as_str().and_then(named)).collect::<Option<_>>(),
        Value::String(text) => named(text).map(|letter| vec![letter]).or_else(|| several(text, choices)),
        // A number is an index (MMLU, MedMCQA: counted from 0).
        Value::Number(index) => index
            .as_u64()
            .and_then(|index| choices.get(usize::try_from(index).ok()?))
            .map(|choice| vec![choice.letter]),
        _ => return Err(Refusal::WrongType),
    }
    .ok_or(Refusal::AnswerNotAnOption)?;
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err(Refusal::EmptyAnswer) } else { Ok(found.concat()) }
}

/// Several letters in one text: `ACD`, `A,C`, `A、C`.
fn several(text: &str, choices: &[Choice]) -> Option<Vec<&'static str>> {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, ',' | '，' | '、' | ';' | '；'))
        .map(|c| choices.iter().find(|choice| choice.letter.eq_ignore_ascii_case(&c.to_string())))
        .map(|choice| Some(choice?.letter))
        .collect()
}
