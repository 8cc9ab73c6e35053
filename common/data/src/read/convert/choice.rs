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
//! Where the record has a `context`, it and a line feed stand before the question. Letters that the options
//! carry themselves (`A. x`) are written once. An answer that can mean two options is refused.
//!
//! The assistant's turn is the letters alone (`B`, `ACD`), which evaluation scores as tokens; with
//! `chain_of_thought` it is the reasoning, an empty line, and `答案：B` or `Answer: B`.

use serde_json::Value;

use super::draft::{Converted, Draft, is_chinese, joined, literal};
use super::question::{self, QUESTION};
use super::reasoning;
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
    let mut ask = question::context(row, draft)?;
    ask.push(question);
    let mut ask = joined(ask);
    ask.push(literal("\n"));
    let letters = answer(row, &choices)?;
    for choice in choices {
        ask.push(literal(&format!("{}. ", choice.letter)));
        ask.push(draft.field(choice.path, choice.text));
        ask.push(literal("\n"));
    }
    ask.push(literal(if chinese { "答案：" } else { "Answer:" }));
    let reasoning = reasoning::of_row(row, draft)?;
    let mut reply = Vec::new();
    if !reasoning.is_empty() {
        reply.push(literal(if chinese { "答案：" } else { "Answer: " }));
    }
    // The letters do not come from a text field of the file, so there is nothing to screen in them.
    reply.push(Part::Literal(letters));
    let reply = reasoning::before(reasoning, reply, draft)?;
    Ok(Body::Conversation(vec![Turn::new(Role::User, ask), Turn::new(Role::Assistant, reply)]))
}

/// The options in the order of their letters; there are at least two, and each has a text.
fn choices(row: &Row<'_>) -> Converted<Vec<Choice>> {
    let mut choices = match row.get(OPTIONS) {
        Some((name, value)) => match nested(value)?.as_ref() {
            Value::Object(by_letter) => by_letter
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| {
                    let letter = letter_of(key).ok_or(Refusal::WrongType)?;
                    choice(letter, format!("{name}.{key}"), value)
                })
                .collect::<Converted<Vec<_>>>()?,
            Value::Array(list) => numbered(list.iter(), name)?,
            Value::String(lines) => from_lines(lines, name)?,
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
    strip_letters(&mut choices)?;
    complete(choices)
}

/// Takes the letters from before the texts where every option has one of its own.
fn strip_letters(choices: &mut [Choice]) -> Converted<()> {
    let lettered: Option<Vec<(&str, &str)>> = choices.iter().map(|choice| lettered(&choice.text)).collect();
    let Some(lettered) = lettered else { return Ok(()) };
    if lettered.iter().zip(choices.iter()).any(|((letter, _), choice)| *letter != choice.letter) {
        return Err(Refusal::AmbiguousAnswer);
    }
    let texts: Vec<String> = lettered.into_iter().map(|(_, text)| text.to_owned()).collect();
    for (choice, text) in choices.iter_mut().zip(texts) {
        choice.text = text;
    }
    Ok(())
}

/// `A. x`, `A、x`, `(A) x`: the letter, and the text behind it.
fn lettered(text: &str) -> Option<(&'static str, &str)> {
    let text = text.trim();
    let (text, marks): (&str, &[char]) = match text.strip_prefix(['(', '（']) {
        Some(inner) => (inner, &[')', '）']),
        None => (text, &['.', '．', '、', ':', '：', ')', '）']),
    };
    let letter = letter_of(text.get(..1)?)?;
    let rest = text[1..].trim_start().strip_prefix(marks)?;
    Some((letter, rest.trim_start()))
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

/// A CSV cell with an option a line.
fn from_lines(text: &str, name: &str) -> Converted<Vec<Choice>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate();
    lines
        .map(|(index, line)| {
            let letter = *LETTERS.get(index).ok_or(Refusal::WrongType)?;
            Ok(Choice { letter, path: format!("{name}[{index}]"), text: line.to_owned() })
        })
        .collect()
}

fn choice(letter: &'static str, path: String, value: &Value) -> Converted<Choice> {
    Ok(Choice { letter, path, text: scalar(value).ok_or(Refusal::WrongType)? })
}

fn letter_of(key: &str) -> Option<&'static str> {
    LETTERS.iter().find(|letter| letter.eq_ignore_ascii_case(key.trim())).copied()
}

/// The letters of the answer. Where the record has both a letter and a text (MedQA), they must not name
/// different options.
fn answer(row: &Row<'_>, choices: &[Choice]) -> Converted<String> {
    let (name, first) = row.get(ANSWER).ok_or(Refusal::MissingKey)?;
    let letters = letters(&*nested(first)?, choices)?;
    for other in ANSWER {
        let Some((other, value)) = row.peek(&[other]).filter(|(other, _)| *other != name) else { continue };
        match self::letters(&*nested(value)?, choices) {
            Ok(same) if same == letters => drop(row.get(&[other])),
            Ok(_) => return Err(Refusal::AmbiguousAnswer),
            Err(_) => {} // a text of its own, which stays unused and is named
        }
    }
    Ok(letters)
}

/// The letters of the answer in the order of the options: from letters (`B`, `ACD`, `A, C`, a list), an
/// index, or the option whose text the answer is.
fn letters(answer: &Value, choices: &[Choice]) -> Converted<String> {
    let mut found: Vec<&str> = match answer {
        Value::Array(list) => {
            let each = list.iter().map(|one| one.as_str().map_or(Ok(None), |text| named(text, choices)));
            each.collect::<Converted<Option<_>>>()?
        }
        Value::String(text) => match named(text, choices)? {
            Some(letter) => Some(vec![letter]),
            None => several(text, choices),
        },
        Value::Number(number) => numbered_option(number, choices)?.map(|letter| vec![letter]),
        _ => return Err(Refusal::WrongType),
    }
    .ok_or(Refusal::AnswerNotAnOption)?;
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err(Refusal::EmptyAnswer) } else { Ok(found.concat()) }
}

/// The option of a letter, a text, or a letter and its text (`B. x`).
fn named(text: &str, choices: &[Choice]) -> Converted<Option<&'static str>> {
    let text = text.trim();
    let by_letter = choices.iter().find(|choice| choice.letter.eq_ignore_ascii_case(text));
    let by_both = lettered(text).and_then(|(letter, text)| {
        choices
            .iter()
            .find(|choice| choice.letter == letter && (text.is_empty() || choice.text.trim() == text))
    });
    one_of(by_letter.or(by_both), by_text(text, choices)?)
}

/// The option whose text this is; two with the same text cannot be told apart.
fn by_text<'c>(text: &str, choices: &'c [Choice]) -> Converted<Option<&'c Choice>> {
    let mut same = choices.iter().filter(|choice| choice.text.trim() == text);
    match (same.next(), same.next()) {
        (_, Some(_)) => Err(Refusal::AmbiguousAnswer),
        (found, None) => Ok(found),
    }
}

/// A number is an index (MMLU, MedMCQA: counted from 0), or the text of an option.
fn numbered_option(number: &serde_json::Number, choices: &[Choice]) -> Converted<Option<&'static str>> {
    let index = number.as_u64().and_then(|index| usize::try_from(index).ok());
    one_of(index.and_then(|index| choices.get(index)), by_text(&number.to_string(), choices)?)
}

/// The option that two readings of an answer agree on.
fn one_of(one: Option<&Choice>, other: Option<&Choice>) -> Converted<Option<&'static str>> {
    match (one, other) {
        (Some(one), Some(other)) if one.letter != other.letter => Err(Refusal::AmbiguousAnswer),
        (one, other) => Ok(one.or(other).map(|choice| choice.letter)),
    }
}

/// Several letters in one text: `ACD`, `A,C`, `A、C`.
fn several(text: &str, choices: &[Choice]) -> Option<Vec<&'static str>> {
    text.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, ',' | '，' | '、' | ';' | '；'))
        .map(|c| choices.iter().find(|choice| choice.letter.eq_ignore_ascii_case(&c.to_string())))
        .map(|choice| Some(choice?.letter))
        .collect()
}
