//! One item of a suite, whatever layout it came in. Used by `layout`, `prompt` and `judge`. Invariant: after
//! [`Item::check`] its options are different texts and each index of `gold` is one of them, in order; or it
//! has neither, and words that its answer needs or may not have.

use super::settings::{Prompt, Score, Settings, are_phrases};
use crate::limits::{ID_CHARACTERS_MAX, ITEM_BYTES_MAX, OPTIONS_MAX, OPTIONS_MIN};

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

/// A question, what can be answered, and what is right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
        if self.question.trim().is_empty() {
            return Err("its question is empty".to_owned());
        }
        if settings.prompt == Prompt::Pubmedqa && self.context.trim().is_empty() {
            return Err("it has no context, which the prompt pubmedqa shows".to_owned());
        }
        if settings.score == Score::Phrases {
            self.check_phrases()?;
        } else {
            self.check_options(settings)?;
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
        let bytes =
            self.context.len() + self.question.len() + self.options.iter().map(String::len).sum::<usize>();
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

    fn check_phrases(&self) -> Result<(), String> {
        if self.wanted.is_empty() && self.unwanted.is_empty() {
            return Err("neither it nor the suite says what its answer needs (wanted, unwanted)".to_owned());
        }
        are_phrases(&self.wanted).map_err(|reason| format!("its wanted {reason}"))?;
        are_phrases(&self.unwanted).map_err(|reason| format!("its unwanted {reason}"))
    }
}
