//! A rule file's settings. Used by `safety`. Invariant: a key that is not known, and one that would not act,
//! are refused with their line; each rule has a test that breaks it and one that does not.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::SuiteError;
use crate::limits::{
    LICENCE_CHARACTERS_MAX, NAME_CHARACTERS_MAX, PHRASES_MAX, RULE_TESTS_MAX, SAFETY_RULES_MAX,
};
use crate::suite::{Phrases, Tongue};

/// What a broken rule means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Such an answer must not reach a patient.
    Stop,
    /// A person should look at it.
    Warn,
}

/// What a rule looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Phrases.
    #[default]
    Phrases,
    /// Two drugs, or a drug and a condition, of a table.
    Contraindicated,
    /// Identifiers of persons.
    Identifiers,
}

/// Where a wanted phrase has to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Near {
    /// In each sentence that the rule is about.
    Sentence,
    /// Anywhere in the answer.
    Answer,
}

/// How sure an identifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// By a check sum or a shape that leaves no reasonable doubt.
    Validated,
    /// Likely from the words around it.
    Contextual,
}

/// What comes of an answer by one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// The rule is about it, and it keeps it.
    Held,
    /// It breaks it.
    Broken,
    /// The rule is not about it.
    NotApplied,
}

/// What a rule is called, for people.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Title {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// An answer of which a rule's author says what has to come of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Test {
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: String,
    /// What has to come of it.
    pub expect: Expected,
    /// The language of the question, where its characters do not say it.
    pub language: Option<Tongue>,
}

/// One rule, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What reports call it.
    pub name: String,
    /// What it says, for people.
    pub title: Title,
    /// What it means when it is broken.
    pub severity: Severity,
    /// What it looks at.
    #[serde(default)]
    pub kind: Kind,
    /// It is about questions that have one of these.
    #[serde(default)]
    pub asked: Phrases,
    /// It is about answers that have one of these.
    #[serde(default)]
    pub said: Phrases,
    /// The answer needs one of these, in the language of the question.
    #[serde(default)]
    pub wanted: Phrases,
    /// The answer may have none of these, of whatever language.
    #[serde(default)]
    pub unwanted: Phrases,
    /// Whether what is denied counts in `said` and `unwanted`, too.
    #[serde(default)]
    pub counts_denied: bool,
    /// Where `wanted` has to stand.
    pub near: Option<Near>,
    /// `wanted` has to stand in one of so many first sentences.
    pub first_sentences: Option<usize>,
    /// The table of pairs, a file beside this one.
    pub table: Option<String>,
    /// How sure an identifier has to be.
    pub certainty: Option<Certainty>,
    /// Texts that are no identifiers here: the hospital's own number.
    #[serde(default)]
    pub allowed: Vec<String>,
    /// Its tests.
    #[serde(default)]
    pub test: Vec<Test>,
}

/// What a rule file says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// What reports call these rules.
    pub name: String,
    /// Who of the hospital went through them and stands for them.
    pub approved_by: Option<String>,
    /// The rules.
    #[serde(default)]
    pub rule: Vec<Rule>,
}

/// Reads the text of a rule file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Settings, SuiteError> {
    let settings: Settings = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
        // Of several lines the first says what; the others quote the file.
        let reason = error.message().lines().next().unwrap_or("it is not TOML").to_owned();
        SuiteError::at(path, line as u64, reason)
    })?;
    let people = |text: &str, most| is_plain(text, most);
    if !people(&settings.name, NAME_CHARACTERS_MAX) {
        let reason = format!("it needs a name of 1 to {NAME_CHARACTERS_MAX} printable characters");
        return Err(SuiteError::file(path, reason));
    }
    if settings.approved_by.as_deref().is_some_and(|text| !people(text, LICENCE_CHARACTERS_MAX)) {
        let reason = format!("approved_by has 1 to {LICENCE_CHARACTERS_MAX} printable characters");
        return Err(SuiteError::file(path, reason));
    }
    if !(1..=SAFETY_RULES_MAX).contains(&settings.rule.len()) {
        return Err(SuiteError::file(path, format!("it needs 1 to {SAFETY_RULES_MAX} rules")));
    }
    for (number, rule) in settings.rule.iter().enumerate() {
        let is_taken = settings.rule[..number].iter().any(|before| before.name == rule.name);
        let checked = if is_taken { Err("it has the name of another".to_owned()) } else { check(rule) };
        checked.map_err(|reason| of_rule(path, text, number, &reason))?;
    }
    Ok(settings)
}

/// A rule's fault, with the line on which the rule begins.
pub(super) fn of_rule(path: &Path, text: &str, number: usize, reason: &str) -> SuiteError {
    let begins = |line: &str| line.trim_start().starts_with("[[rule]]");
    let line = text.lines().enumerate().filter(|(_, line)| begins(line)).nth(number);
    SuiteError::at(
        path,
        line.map_or(1, |(line, _)| line as u64 + 1),
        format!("rule {}: {reason}", number + 1),
    )
}

fn is_plain(text: &str, most: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
}

/// Checks what TOML cannot; the error is the reason.
fn check(rule: &Rule) -> Result<(), String> {
    let refuse = |reason: &str| Err(reason.to_owned());
    if !is_plain(&rule.name, NAME_CHARACTERS_MAX) {
        return Err(format!("its name has not 1 to {NAME_CHARACTERS_MAX} printable characters"));
    }
    if ![&rule.title.zh, &rule.title.en].into_iter().all(|title| is_plain(title, LICENCE_CHARACTERS_MAX)) {
        return Err(format!("its titles have not 1 to {LICENCE_CHARACTERS_MAX} printable characters"));
    }
    for (name, phrases) in
        [("asked", &rule.asked), ("said", &rule.said), ("wanted", &rule.wanted), ("unwanted", &rule.unwanted)]
    {
        if phrases.zh.len().max(phrases.en.len()) > PHRASES_MAX {
            return Err(format!("{name} has more than {PHRASES_MAX} phrases of a language"));
        }
    }
    if rule.allowed.len() > PHRASES_MAX
        || !rule.allowed.iter().all(|text| is_plain(text, LICENCE_CHARACTERS_MAX))
    {
        return Err(format!("allowed has up to {PHRASES_MAX} printable texts"));
    }
    if rule.first_sentences == Some(0) {
        return refuse("first_sentences is at least 1");
    }
    acts(rule)?;
    if rule.test.len() > RULE_TESTS_MAX {
        return Err(format!("it has more than {RULE_TESTS_MAX} tests"));
    }
    let breaks = |test: &Test| test.expect == Expected::Broken;
    if !rule.test.iter().any(breaks) || rule.test.iter().all(breaks) {
        return refuse("it needs a [[rule.test]] that breaks it and one that does not");
    }
    Ok(())
}

/// Whether every key acts that is written.
fn acts(rule: &Rule) -> Result<(), String> {
    let refuse = |reason: &str| Err(reason.to_owned());
    let has = |phrases: &Phrases| !phrases.zh.is_empty() || !phrases.en.is_empty();
    let [asked, said, wanted, unwanted] = [&rule.asked, &rule.said, &rule.wanted, &rule.unwanted].map(has);
    if rule.table.is_some() != (rule.kind == Kind::Contraindicated) {
        return refuse("table names a file of pairs for kind = \"contraindicated\", and for no other");
    }
    if rule.certainty.is_some() != (rule.kind == Kind::Identifiers) {
        return refuse(
            "certainty is \"validated\" or \"contextual\" for kind = \"identifiers\", and for no other",
        );
    }
    if !rule.allowed.is_empty() && rule.kind != Kind::Identifiers {
        return refuse("allowed acts with kind = \"identifiers\" only");
    }
    match rule.kind {
        Kind::Identifiers if asked || said || wanted || unwanted => {
            refuse("phrases do not act with kind = \"identifiers\"")
        }
        Kind::Contraindicated if asked || said || unwanted => {
            refuse("of phrases wanted alone acts with kind = \"contraindicated\": the words that warn")
        }
        Kind::Contraindicated if rule.wanted.zh.is_empty() || rule.wanted.en.is_empty() => {
            refuse("it needs wanted.zh and wanted.en: the words that warn of a pair")
        }
        Kind::Phrases if !wanted && !unwanted => refuse("it has neither wanted nor unwanted"),
        Kind::Phrases if rule.near == Some(Near::Sentence) && !(said && wanted) => {
            refuse("near = \"sentence\" acts with said and wanted only")
        }
        _ if rule.near.is_some() && !wanted => refuse("near acts with wanted only"),
        _ if rule.first_sentences.is_some()
            && (rule.kind != Kind::Phrases || !wanted || rule.near.is_some()) =>
        {
            refuse("first_sentences acts with wanted, and without near, only")
        }
        _ if rule.counts_denied && !(said || unwanted) => {
            refuse("counts_denied acts with said or unwanted only")
        }
        _ => Ok(()),
    }
}

/// The file of a table: in the rule file's folder.
pub(super) fn beside(path: &Path, table: &str) -> Result<PathBuf, String> {
    let is_name = Path::new(table).file_name().is_some_and(|name| *name == *table);
    if is_name && !table.chars().any(char::is_control) {
        return Ok(path.with_file_name(table));
    }
    Err("table names a file in the folder of the rule file, without a path or control characters".to_owned())
}
