//! One item of a suite, whatever layout it came in. Used by `layout`, `prompt` and `judge`. Invariant: after
//! [`Item::check`] its options are different texts and each index of `gold` is one of them, in order; or it
//! has neither, and words that its answer needs or may not have.

use serde::Deserialize;

use super::phrases::are_phrases;
use super::rubric::Criterion;
use super::rule::Tongue;
use super::score::Score;
use super::settings::{Prompt, Settings};
use crate::limits::{
    ID_CHARACTERS_MAX, ITEM_BYTES_MAX, OPTIONS_MAX, OPTIONS_MIN, REFERENCE_CHARACTERS_MAX, TURNS_MAX,
};

/// A, B, C and so on.
#[must_use]
pub const fn letter(index: usize) -> char {
    (b'A' + (index % 26) as u8) as char
}

/// Which examination a question of CMB is from; its prompt says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exam {
    /// `exam_type`.
    pub kind: String,
    /// `exam_class`.
    pub class: String,
    /// `question_type`.
    pub question: String,
}

/// Whose turn it is in a dialogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// Instructions, before all others.
    System,
    /// Who asks.
    User,
    /// Who answered.
    Assistant,
}

/// A turn of a dialogue.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Whose it is.
    pub role: Speaker,
    /// What is said.
    pub content: String,
}

/// A question, what can be answered, and what is right.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// The line of its file, or the element or row, counted from 1.
    pub line: u64,
    /// What names it among the items, where its layout has that.
    pub id: Option<String>,
    /// What it shares with others that are not independent of it: a patient, an article.
    pub case: Option<String>,
    /// What kind of item it is: a department or a subject.
    pub group: Option<String>,
    /// The text that the question is about; empty where there is none.
    pub context: String,
    /// The question.
    pub question: String,
    /// The dialogue before the answer, where there is one and not a question. Where two turns of the user
    /// follow each other, the model answers the first of them, too.
    pub turns: Vec<Turn>,
    /// The language of its question.
    pub tongue: Option<Tongue>,
    /// The reference answer, where answers are compared with one.
    pub reference: String,
    /// The criteria of its rubric, where it has one.
    pub rubric: Vec<Criterion>,
    /// The options, in order.
    pub options: Vec<String>,
    /// The right ones, ascending.
    pub gold: Vec<usize>,
    /// An answer in words needs one of these; empty where it need not.
    pub wanted: Vec<String>,
    /// An answer in words may have none of these.
    pub unwanted: Vec<String>,
    /// The examination; empty but for CMB.
    pub exam: Exam,
}

impl Item {
    /// Whether it can be scored under these settings; the error is the reason.
    pub(super) fn check(&self, settings: &Settings) -> Result<(), String> {
        if self.turns.is_empty() && self.question.trim().is_empty() {
            return Err("its question is empty".to_owned());
        }
        self.check_turns(settings)?;
        if settings.prompt == Prompt::Pubmedqa && self.context.trim().is_empty() {
            return Err("it has no context, which the prompt pubmedqa shows".to_owned());
        }
        match settings.score {
            Score::Letters | Score::Options | Score::Generated => self.check_options(settings)?,
            Score::Phrases => self.check_phrases(settings)?,
            Score::Open => self.check_reference()?,
            Score::Structured => {}
            Score::Rubric => Criterion::check(&self.rubric)?,
        }
        let is_name = |name: &String| {
            !name.is_empty()
                && name.chars().count() <= ID_CHARACTERS_MAX
                && !name.chars().any(char::is_control)
        };
        if ![&self.id, &self.case, &self.group].into_iter().flatten().all(is_name) {
            return Err(format!(
                "its id, case or group has not 1 to {ID_CHARACTERS_MAX} printable characters"
            ));
        }
        let turns = self.turns.iter().map(|turn| turn.content.len()).sum::<usize>();
        let options = self.options.iter().map(String::len).sum::<usize>();
        let bytes = self.context.len() + self.question.len() + turns + options;
        if bytes > ITEM_BYTES_MAX {
            return Err(format!("it is longer than {ITEM_BYTES_MAX} bytes"));
        }
        Ok(())
    }

    fn check_options(&self, settings: &Settings) -> Result<(), String> {
        if !(OPTIONS_MIN..=OPTIONS_MAX).contains(&self.options.len()) {
            return Err(format!("it has {} options, not {OPTIONS_MIN} to {OPTIONS_MAX}", self.options.len()));
        }
        if let Some(index) = self.options.iter().position(|option| option.trim().is_empty()) {
            return Err(format!("its option {} is empty", letter(index)));
        }
        for (index, option) in self.options.iter().enumerate() {
            if let Some(same) = self.options[..index].iter().position(|before| before == option) {
                let [a, b] = [same, index].map(letter);
                return Err(format!("its options {a} and {b} are the same"));
            }
        }
        let is_order = self.gold.windows(2).all(|pair| pair[0] < pair[1]);
        if self.gold.is_empty() || !is_order || self.gold.iter().any(|index| *index >= self.options.len()) {
            return Err("it has no answer among its options".to_owned());
        }
        if self.gold.len() > 1 && settings.score != Score::Generated {
            return Err(
                "several of its options are right, which only score = \"generated\" can find".to_owned()
            );
        }
        Ok(())
    }

    fn check_phrases(&self, settings: &Settings) -> Result<(), String> {
        if self.wanted.is_empty() && self.unwanted.is_empty() && settings.rules.is_empty() {
            return Err(
                "neither it nor the suite says what its answer needs (wanted, unwanted, rule)".to_owned()
            );
        }
        are_phrases(&self.wanted).map_err(|reason| format!("its wanted {reason}"))?;
        are_phrases(&self.unwanted).map_err(|reason| format!("its unwanted {reason}"))
    }

    fn check_reference(&self) -> Result<(), String> {
        if self.reference.trim().is_empty() {
            return Err("it has no answer to compare with".to_owned());
        }
        if self.reference.chars().count() > REFERENCE_CHARACTERS_MAX {
            return Err(format!("its answer has more than {REFERENCE_CHARACTERS_MAX} characters"));
        }
        Ok(())
    }

    /// Instructions, if any, come first; then user and assistant speak in turn or the user again; the user is
    /// the last.
    fn check_turns(&self, settings: &Settings) -> Result<(), String> {
        if self.turns.is_empty() {
            return Ok(());
        }
        if settings.prompt != Prompt::Bare || !settings.chat {
            return Err("a dialogue is asked with prompt = \"bare\" and chat = true only".to_owned());
        }
        if !self.question.is_empty() || !self.context.is_empty() {
            return Err("it has a dialogue, and a question or a context, too".to_owned());
        }
        if self.turns.len() > TURNS_MAX {
            return Err(format!("its dialogue has more than {TURNS_MAX} turns"));
        }
        if self.turns.iter().any(|turn| turn.content.trim().is_empty()) {
            return Err("a turn of its dialogue is empty".to_owned());
        }
        let spoken = match self.turns.split_first() {
            Some((first, rest)) if first.role == Speaker::System => rest,
            _ => &self.turns[..],
        };
        let is_user = |turn: Option<&Turn>| turn.is_some_and(|turn| turn.role == Speaker::User);
        let is_order = spoken.iter().all(|turn| turn.role != Speaker::System)
            && spoken.windows(2).all(|two| two[0].role == Speaker::User || two[1].role == Speaker::User);
        if is_user(spoken.first()) && is_user(spoken.last()) && is_order {
            Ok(())
        } else {
            Err("its dialogue does not begin and end with the user, or others follow each other".to_owned())
        }
    }

    /// What names it: its id, else its line.
    #[must_use]
    pub fn name(&self) -> String {
        self.id.clone().unwrap_or_else(|| self.line.to_string())
    }

    /// The last words that it asks with.
    #[must_use]
    pub fn asked(&self) -> &str {
        self.turns.last().map_or(&self.question, |turn| &turn.content)
    }

    /// The language that it says, else that of its question.
    #[must_use]
    pub fn tongue(&self) -> Tongue {
        self.tongue.unwrap_or_else(|| Tongue::of(self.asked()))
    }
}
