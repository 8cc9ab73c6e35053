//! One item of a suite, whatever layout it came in. Made by `layout`; read by `prompt` and `judge`. Invariant:
//! after [`Item::check`] its options are different texts and each index of `gold` is one of them, in order.

use super::settings::{Score, Settings};
use crate::limits::{ID_CHARACTERS_MAX, ITEM_BYTES_MAX, OPTIONS_MAX, OPTIONS_MIN};
use crate::prompt::Prompt;

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
        if !(OPTIONS_MIN..=OPTIONS_MAX).contains(&self.options.len()) {
            return Err(format!("it has {} options, not {OPTIONS_MIN} to {OPTIONS_MAX}", self.options.len()));
        }
        if let Some(index) = self.options.iter().position(|option| option.trim().is_empty()) {
            return Err(format!("its option {} is empty", crate::prompt::letter(index)));
        }
        for (index, option) in self.options.iter().enumerate() {
            if let Some(same) = self.options[..index].iter().position(|before| before == option) {
                let [a, b] = [same, index].map(crate::prompt::letter);
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
}
