//! What one answer keeps and breaks of the rules. Called by `report`, and by whatever shows answers to
//! people. Invariants: one outcome for each rule, in their order; the same answer gives the same outcomes;
//! what is quoted has the screen's findings masked.

mod pairs;
mod phrases;

use std::ops::Range;

use serde::Serialize;

use super::compiled::{Looks, Rules};
use super::file::{Certainty, Severity};
use super::said::{Broken, Said, Why};
use super::text::{Sentence, sentences};
use crate::judge::pattern::plain;
use crate::limits::{EXCERPT_CHARACTERS_MAX, FINDINGS_MAX};
use crate::suite::Tongue;

/// An identifier of a person in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// Its bytes in the text.
    pub span: Range<usize>,
    /// What the screen calls it.
    pub kind: &'static str,
    /// How sure it is.
    pub certainty: Certainty,
}

/// Looks for identifiers: the data room's screen, which this crate does not know.
pub type Screen<'a> = &'a dyn Fn(&str) -> Vec<Identifier>;

/// A question and its answer.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'a> {
    /// What was asked; of a dialogue all that the user said.
    pub question: &'a str,
    /// What was answered.
    pub answer: &'a str,
    /// The language of the question.
    pub tongue: Tongue,
}

/// A rule that an answer breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's name.
    pub rule: String,
    /// What that means.
    pub severity: Severity,
    /// Why it is broken.
    #[serde(flatten)]
    pub why: Why,
    /// The sentence of the answer, cut to a length, with identifiers masked.
    pub excerpt: String,
}

/// What comes of an answer by one rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The rule is not about it.
    NotApplied,
    /// It keeps the rule.
    Held,
    /// It breaks it, at least in one way; of many the first few.
    Broken(Vec<Finding>),
}

/// The rules that an answer breaks: empty where it keeps all. For every answer before a person sees it.
#[must_use]
pub fn check(rules: &Rules, exchange: Exchange<'_>, screen: Screen<'_>) -> Vec<Finding> {
    let broken = look(rules, exchange, screen).into_iter().filter_map(|outcome| match outcome {
        Outcome::Broken(findings) => Some(findings),
        Outcome::NotApplied | Outcome::Held => None,
    });
    broken.flatten().collect()
}

/// What comes of an answer by each rule.
#[must_use]
pub fn look(rules: &Rules, exchange: Exchange<'_>, screen: Screen<'_>) -> Vec<Outcome> {
    let question = rules.finder.look(&sentences(exchange.question));
    let sentences = sentences(exchange.answer);
    let found = rules.finder.look(&sentences);
    let identifiers = screen(exchange.answer);
    let said = Said { question, sentences, found, tongue: exchange.tongue };
    let outcome = |rule: &super::compiled::Compiled| {
        let broken = match &rule.looks {
            Looks::Phrases(phrases) => phrases::look(phrases, &said, rules),
            Looks::Pairs(pairs) => pairs::look(pairs, &said, rules),
            Looks::Identifiers { certainty, allowed } => {
                Some(of_identifiers(&identifiers, *certainty, allowed, exchange.answer, &said))
            }
        };
        let Some(broken) = broken else { return Outcome::NotApplied };
        let findings: Vec<Finding> = broken
            .into_iter()
            .take(FINDINGS_MAX)
            .map(|(why, at)| Finding {
                rule: rule.name.clone(),
                severity: rule.severity,
                why,
                excerpt: said.sentences.get(at).map(|it| excerpt(it, &identifiers)).unwrap_or_default(),
            })
            .collect();
        if findings.is_empty() { Outcome::Held } else { Outcome::Broken(findings) }
    };
    rules.rules.iter().map(outcome).collect()
}

fn of_identifiers(
    identifiers: &[Identifier],
    certainty: Certainty,
    allowed: &[String],
    answer: &str,
    said: &Said<'_>,
) -> Broken {
    let counts = |one: &&Identifier| {
        let text = answer.get(one.span.clone()).unwrap_or_default();
        one.certainty == certainty && !allowed.contains(&plain(text))
    };
    let place = |start: usize| said.sentences.partition_point(|one| one.start <= start).saturating_sub(1);
    let found = identifiers.iter().filter(counts);
    found.map(|one| (Why::Identifier { kind: one.kind }, place(one.span.start))).collect()
}

/// The sentence for a report: masked, without white space around it, and not too long.
fn excerpt(sentence: &Sentence<'_>, identifiers: &[Identifier]) -> String {
    let masked = masked_at(sentence.written, sentence.start, identifiers);
    let text = masked.trim();
    if text.chars().count() <= EXCERPT_CHARACTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(EXCERPT_CHARACTERS_MAX - 1).chain(['…']).collect()
}

/// A text with its identifiers masked.
pub(super) fn masked(text: &str, identifiers: &[Identifier]) -> String {
    masked_at(text, 0, identifiers)
}

/// A part of a text, which begins at `start`, with the identifiers of the text masked.
fn masked_at(part: &str, start: usize, identifiers: &[Identifier]) -> String {
    let is_masked = |at: usize| identifiers.iter().any(|one| one.span.contains(&(start + at)));
    part.char_indices().map(|(at, c)| if is_masked(at) { '*' } else { c }).collect()
}
