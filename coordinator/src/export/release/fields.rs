//! `fields.toml`: what no program knows and a person answers. Used by `draft` (writes and reads it), `gates`,
//! and everything that shows a release. Invariants: a field that says nothing is empty, and an empty one that
//! is needed stops the release; no text has characters that would not be seen or could not stand in XML.

mod list;

use std::collections::BTreeMap;

use common::id::{Digest, RunId};
use common::toml_text;
use serde::Deserialize;

use crate::limits::RELEASE_FIELD_CHARS_MAX;

pub use self::list::{FIELDS, Field, field};

/// Words that stand where an answer should.
const NO_ANSWERS: [&str; 22] = [
    "na",
    "n a",
    "none",
    "no",
    "not applicable",
    "unknown",
    "todo",
    "tbd",
    "tba",
    "tbc",
    "fixme",
    "xxx",
    "fill in",
    "to do",
    "to be done",
    "to be defined",
    "to be determined",
    "无",
    "暂无",
    "待定",
    "待补充",
    "不适用",
];
/// How an answer begins that somebody still has to give.
const STILL_OPEN: [&str; 4] = ["todo", "tbd", "fixme", "待补充"];

/// What a person answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields {
    /// Of which run.
    pub run: RunId,
    /// Of which adapter.
    pub adapter: Digest,
    answers: BTreeMap<String, String>,
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    run: RunId,
    adapter: Digest,
    fields: BTreeMap<String, String>,
}

impl Fields {
    /// Reads the file's text.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence: no TOML, an unknown key, a text too long or with a character
    /// that nobody would see.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File =
            toml::from_str(text).map_err(|error| toml_text::reason(text, error.message(), error.span()))?;
        for (key, answer) in &file.fields {
            if field(key).is_none() {
                return Err(format!("there is no field `{}`", key.chars().take(64).collect::<String>()));
            }
            if answer.chars().count() > RELEASE_FIELD_CHARS_MAX {
                return Err(format!("`{key}` has more than {RELEASE_FIELD_CHARS_MAX} characters"));
            }
            if answer.chars().any(is_unseen) {
                return Err(format!("`{key}` has a control character, or one that turns the text around"));
            }
        }
        Ok(Self { run: file.run, adapter: file.adapter, answers: file.fields })
    }

    /// The answer; nothing where none was given.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.answers.get(key).map(|answer| answer.trim()).filter(|answer| !is_empty(answer))
    }

    /// The needed fields that have no answer, in the order of the file.
    pub fn missing(&self) -> impl Iterator<Item = &'static Field> {
        FIELDS.iter().filter(|field| field.is_required && self.get(field.key).is_none())
    }
}

/// Whether an answer says nothing: no letter or digit, or a word that stands for an answer.
#[must_use]
pub fn is_empty(answer: &str) -> bool {
    let plain: String = answer.chars().map(|c| if c.is_alphanumeric() { c } else { ' ' }).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let begins = |word: &&str| plain == **word || plain.starts_with(&format!("{word} "));
    plain.is_empty() || NO_ANSWERS.contains(&plain.as_str()) || STILL_OPEN.iter().any(begins)
}

/// Control characters, those that nobody sees (Unicode's Default_Ignorable_Code_Point, and fillers), those
/// that turn the direction of a text, and those that XML cannot hold.
fn is_unseen(character: char) -> bool {
    (character.is_control() && !matches!(character, '\n' | '\r' | '\t'))
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}')
        || matches!(character, '\u{feff}' | '\u{fffe}' | '\u{ffff}' | '\u{ad}' | '\u{34f}' | '\u{61c}')
        || matches!(character, '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}')
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}')
        || matches!(character, '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The file without answers.
#[must_use]
pub fn blank(run: RunId, adapter: Digest) -> String {
    let mut text = format!(
        "# What no program knows of this release: a person answers it.\n\
         # A text goes between the quotes; of several lines between three quotes on both sides.\n\
         # White space, TODO or n/a alone are no answer; n/a with its reason is one.\n\
         # A release needs every field that is not marked as optional.\n\
         # After the last change it is signed: a change voids the signatures.\n\n\
         # Which model this is about. The program wrote it; do not change it.\n\
         run = \"{run}\"\nadapter = \"{adapter}\"\n\n[fields]\n"
    );
    for field in &FIELDS {
        let optional = if field.is_required { "" } else { " (optional)" };
        text.push_str(&format!(
            "\n# {}{optional}. {}\n# Asked for by: {}\n{} = \"\"\n",
            field.title.en, field.asks, field.asked_by, field.key
        ));
    }
    text
}

#[cfg(test)]
pub(crate) mod tests;
