//! The suite file's settings. Used by `suite`. Invariant: a key that is not known, and a setting that would
//! not act, are refused with their line.

use std::path::Path;

use serde::Deserialize;

use super::phrases::are_phrases;
use super::rule::{Rule, rules};
use super::score::{Fault, GradedBy, Score};
use super::shots::{Shots, is_name, shots};
use super::structure::{Form, Structure, structure};
use crate::error::SuiteError;
use crate::limits::{
    ANSWER_TOKENS_MAX, DESCRIPTION_CHARACTERS_MAX, LICENCE_CHARACTERS_MAX, MARGIN_POINTS_MAX,
    NAME_CHARACTERS_MAX, OPTIONS_MAX, OPTIONS_MIN,
};

/// How a file of records is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// Ours: JSON lines with question, options, answer, id and case.
    Items,
    /// MedQA's JSON lines (US, mainland, Taiwan).
    Medqa,
    /// MedMCQA's JSON lines.
    Medmcqa,
    /// PubMedQA's object of labelled articles.
    Pubmedqa,
    /// CMB's list.
    Cmb,
    /// CMExam's table (CSV).
    Cmexam,
    /// HealthBench's JSON lines: conversations with rubrics.
    Healthbench,
}

impl Layout {
    /// Whether the file is one list or object, whose items are counted as records and not by lines.
    pub(super) const fn counts_records(self) -> bool {
        matches!(self, Self::Cmb | Self::Pubmedqa)
    }

    /// An item's fault, by its line, or by its record where there are no lines.
    #[must_use]
    pub fn fault(self, path: &Path, at: u64, reason: impl Into<String>) -> SuiteError {
        let (path, reason) = (path.to_path_buf(), reason.into());
        if self.counts_records() {
            SuiteError::Record { path, record: at, reason }
        } else {
            SuiteError::At { path, line: at, reason }
        }
    }

    /// The prompt that is usual for it.
    const fn prompt(self) -> Prompt {
        match self {
            Self::Items | Self::Medqa => Prompt::Medqa,
            Self::Medmcqa => Prompt::Medmcqa,
            Self::Pubmedqa => Prompt::Pubmedqa,
            Self::Cmb => Prompt::Cmb,
            Self::Cmexam => Prompt::Cmmlu,
            Self::Healthbench => Prompt::Bare,
        }
    }
}

/// The words of a question; `prompt` has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prompt {
    /// `Question: ...`, the options, `Answer:`.
    Medqa,
    /// The same with a line `Choices:`; of CareQA, too.
    Medmcqa,
    /// `Abstract: ...`, `Question: ...`, `Answer:`, without options.
    Pubmedqa,
    /// The question, the options, `答案：`; of C-Eval, too.
    Cmmlu,
    /// OpenCompass's for CMB: names the examination and asks for letters only.
    Cmb,
    /// `Question: ...`, `Answer:`, without options.
    Plain,
    /// `问题：...`, `答案：`, without options.
    PlainZh,
    /// The question as it stands, to be answered in words.
    Bare,
}

impl Prompt {
    /// Whether the options stand in it.
    #[must_use]
    pub const fn lists_options(self) -> bool {
        !matches!(self, Self::Pubmedqa | Self::Plain | Self::PlainZh | Self::Bare)
    }

    /// What usually decides with it.
    const fn score(self) -> Score {
        match self {
            Self::Cmb => Score::Generated,
            Self::Medqa | Self::Medmcqa | Self::Cmmlu => Score::Letters,
            Self::Pubmedqa | Self::Plain | Self::PlainZh => Score::Options,
            Self::Bare => Score::Phrases,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    layout: Layout,
    records: String,
    prompt: Option<Prompt>,
    score: Option<Score>,
    #[serde(default)]
    chat: bool,
    #[serde(default)]
    permuted: bool,
    description: Option<String>,
    shots: Option<usize>,
    examples: Option<String>,
    #[serde(default)]
    answers: Vec<String>,
    #[serde(default)]
    wanted: Vec<String>,
    #[serde(default)]
    unwanted: Vec<String>,
    #[serde(default)]
    rule: Vec<Rule>,
    form: Option<Form>,
    schema: Option<String>,
    grades: Option<String>,
    graded_by: Option<GradedBy>,
    answer_tokens: Option<usize>,
    margin_points: Option<f64>,
    licence: Option<String>,
}

/// What a suite file says, with what it leaves out.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What the suite is called in reports.
    pub name: String,
    /// How the records are written.
    pub layout: Layout,
    /// The file's name.
    pub records: String,
    /// The words of the question.
    pub prompt: Prompt,
    /// What decides.
    pub score: Score,
    /// Whether the prompt is a user's turn in the model's chat template.
    pub chat: bool,
    /// Whether the options are also asked in every other cyclic order.
    pub permuted: bool,
    /// What stands before examples and question: in chat as the instructions of the system.
    pub description: Option<String>,
    /// How many examples stand before every question, and where they are from.
    pub shots: Shots,
    /// The answers to choose from, where the records have none of their own.
    pub answers: Vec<String>,
    /// An answer needs one of these, where an item has none of its own.
    pub wanted: Vec<String>,
    /// An answer may have none of these, where an item has none of its own.
    pub unwanted: Vec<String>,
    /// What every answer in words is looked through for beside what decides; with `Phrases` they decide, too.
    pub rules: Vec<Rule>,
    /// What structure an answer has to have; with `Structured`.
    pub structure: Option<Structure>,
    /// The file of grades, and who gave them; with `Rubric`, once there are some.
    pub grades: Option<(String, GradedBy)>,
    /// The most tokens of a generated answer.
    pub answer_tokens: usize,
    /// By how much a model may be worse and still count as not worse, as a share.
    pub margin: f64,
    /// The licence of the records, as the suite's author states it.
    pub licence: Option<String>,
}

impl Settings {
    /// Whether something stands before every question that must not be lost.
    #[must_use]
    pub const fn has_beginning(&self) -> bool {
        self.description.is_some() || self.shots.count > 0
    }
}

/// Tokens of a generated answer where none are given: OpenCompass's for CMB.
const LETTER_TOKENS: usize = 10;
/// The same of an answer in words: a paragraph.
const WORD_TOKENS: usize = 256;
/// The margin where none is given, in points.
const MARGIN_POINTS: f64 = 2.0;

/// Reads the text of a suite file.
pub(super) fn parse(path: &Path, text: &str) -> Result<Settings, SuiteError> {
    let line_at =
        |at: usize| 1 + text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count();
    let written: Written = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(span.start));
        // Of several lines the first says what; the others quote the file.
        let reason = error.message().lines().next().unwrap_or("it is not TOML").to_owned();
        SuiteError::at(path, line as u64, reason)
    })?;
    settings(written)
        .map_err(|(key, reason)| SuiteError::at(path, line_of(text, key), format!("{key} {reason}")))
}

/// The line of a key or of the first table of this name, counted from 1; 1 where there is none.
pub(super) fn line_of(text: &str, key: &str) -> u64 {
    let at = text.lines().position(|line| {
        let line = line.trim_start();
        line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='))
            || line.strip_prefix("[[").is_some_and(|rest| rest.trim_start().starts_with(key))
    });
    at.map_or(1, |line| line as u64 + 1)
}

/// Checks what TOML cannot. The error: which key, and why.
fn settings(written: Written) -> Result<Settings, Fault> {
    let is_plain = |text: &str, most| {
        !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control)
    };
    if !is_plain(&written.name, NAME_CHARACTERS_MAX) {
        return Err(("name", format!("needs 1 to {NAME_CHARACTERS_MAX} printable characters")));
    }
    if written.licence.as_deref().is_some_and(|text| !is_plain(text, LICENCE_CHARACTERS_MAX)) {
        return Err(("licence", format!("needs 1 to {LICENCE_CHARACTERS_MAX} printable characters")));
    }
    is_name("records", &written.records)?;
    let (prompt, score) = asked(&written)?;
    let usual = if score.is_words() { WORD_TOKENS } else { LETTER_TOKENS };
    let answer_tokens = written.answer_tokens.unwrap_or(usual);
    if !(1..=ANSWER_TOKENS_MAX).contains(&answer_tokens) {
        return Err(("answer_tokens", format!("is from 1 to {ANSWER_TOKENS_MAX}")));
    }
    let margin_points = written.margin_points.unwrap_or(MARGIN_POINTS);
    if !(margin_points > 0.0 && margin_points <= MARGIN_POINTS_MAX) {
        return Err(("margin_points", format!("is above 0 and at most {MARGIN_POINTS_MAX}")));
    }
    if let Some(text) = &written.description {
        describes(text, score).map_err(|reason| ("description", reason))?;
    }
    let shots = shots(written.shots, written.examples, score)?;
    let answers = answers(written.layout, written.answers).map_err(|reason| ("answers", reason))?;
    let rules = rules(written.rule).map_err(|reason| ("rule", reason))?;
    let structure = structure(score, written.form, written.schema.as_deref())?;
    let grades = grades(score, written.grades, written.graded_by)?;
    Ok(Settings {
        name: written.name,
        layout: written.layout,
        records: written.records,
        prompt,
        score,
        chat: written.chat,
        permuted: written.permuted,
        description: written.description,
        shots,
        answers,
        wanted: written.wanted,
        unwanted: written.unwanted,
        rules,
        structure,
        grades,
        answer_tokens,
        margin: margin_points / 100.0,
        licence: written.licence,
    })
}

/// The words of the question and what decides, if they act together and on all that is set.
fn asked(written: &Written) -> Result<(Prompt, Score), Fault> {
    let refuse = |key, reason: &str| Err((key, reason.to_owned()));
    let prompt = written.prompt.unwrap_or_else(|| written.layout.prompt());
    if prompt == Prompt::Cmb && written.layout != Layout::Cmb {
        return refuse("prompt", "cmb names the examination, which only the layout cmb has");
    }
    let usual = if written.layout == Layout::Healthbench { Score::Rubric } else { prompt.score() };
    let score = written.score.unwrap_or(usual);
    let needs_options = matches!(score, Score::Letters | Score::Generated);
    if needs_options && !prompt.lists_options() {
        return refuse("score", "needs a prompt that lists the options; this one does not: use \"options\"");
    }
    in_words(written, prompt, score)?;
    for (key, phrases) in [("wanted", &written.wanted), ("unwanted", &written.unwanted)] {
        if !phrases.is_empty() && score != Score::Phrases {
            return refuse(key, "acts on phrases only");
        }
        are_phrases(phrases).map_err(|reason| (key, reason))?;
    }
    if written.permuted && score != Score::Letters {
        return refuse("permuted", "acts on letters only");
    }
    if written.answer_tokens.is_some() && !(score.is_words() || score == Score::Generated) {
        return refuse("answer_tokens", "acts on generated answers only");
    }
    Ok((prompt, score))
}

/// What holds where answers are words.
fn in_words(written: &Written, prompt: Prompt, score: Score) -> Result<(), Fault> {
    let refuse = |key, reason: &str| Err((key, reason.to_owned()));
    if score == Score::Phrases && prompt != Prompt::Bare {
        return refuse("score", "is \"phrases\" with the prompt \"bare\" only");
    }
    if prompt == Prompt::Bare && !score.is_words() {
        return refuse(
            "score",
            "is \"phrases\", \"open\", \"structured\" or \"rubric\" with the prompt \"bare\"",
        );
    }
    if score.is_words() && !matches!(prompt, Prompt::Bare | Prompt::Plain | Prompt::PlainZh) {
        return refuse("prompt", "is \"bare\", \"plain\" or \"plain-zh\" where answers are words");
    }
    let is_healthbench = written.layout == Layout::Healthbench;
    if is_healthbench != (score == Score::Rubric) {
        return refuse("score", "is \"rubric\" with the layout \"healthbench\", and with no other");
    }
    if is_healthbench && (prompt != Prompt::Bare || !written.chat) {
        return refuse("chat", "is true, and the prompt \"bare\", for conversations: layout \"healthbench\"");
    }
    if score.is_words() && !is_healthbench && written.layout != Layout::Items {
        return refuse("layout", "is \"items\" where answers are words");
    }
    if score.is_words() && !written.answers.is_empty() {
        return refuse("answers", "are options, of which answers in words have none");
    }
    if !score.is_words() && !written.rule.is_empty() {
        return refuse("rule", "acts on answers in words only");
    }
    Ok(())
}

/// The file of grades, with who gave them.
fn grades(
    score: Score,
    file: Option<String>,
    by: Option<GradedBy>,
) -> Result<Option<(String, GradedBy)>, Fault> {
    match (file, by) {
        (None, None) => Ok(None),
        (Some(_), _) if score != Score::Rubric => {
            Err(("grades", "acts on score = \"rubric\" only".to_owned()))
        }
        (Some(file), Some(by)) => is_name("grades", &file).map(|()| Some((file, by))),
        (Some(_), None) => Err(("grades", "needs graded_by = \"people\" or \"model\"".to_owned())),
        (None, Some(_)) => Err(("graded_by", "acts with a file of grades only".to_owned())),
    }
}

/// Whether a description acts, and is none too long.
fn describes(text: &str, score: Score) -> Result<(), String> {
    if !matches!(score, Score::Letters | Score::Options) {
        return Err("acts on letters and options only".to_owned());
    }
    if text.trim().is_empty() || text.chars().count() > DESCRIPTION_CHARACTERS_MAX {
        return Err(format!("needs 1 to {DESCRIPTION_CHARACTERS_MAX} characters"));
    }
    Ok(())
}

/// The answers to choose from; PubMedQA's are known.
fn answers(layout: Layout, answers: Vec<String>) -> Result<Vec<String>, String> {
    match layout {
        Layout::Pubmedqa if answers.is_empty() => Ok(["yes", "no", "maybe"].map(str::to_owned).to_vec()),
        Layout::Items if answers.is_empty() => Ok(answers),
        Layout::Items => {
            let is_right = (OPTIONS_MIN..=OPTIONS_MAX).contains(&answers.len())
                && answers.iter().all(|answer| !answer.trim().is_empty())
                && answers.iter().enumerate().all(|(index, answer)| !answers[..index].contains(answer));
            if is_right {
                Ok(answers)
            } else {
                Err(format!("needs {OPTIONS_MIN} to {OPTIONS_MAX} different texts"))
            }
        }
        _ if answers.is_empty() => Ok(answers),
        _ => Err("acts on the layout items only".to_owned()),
    }
}
