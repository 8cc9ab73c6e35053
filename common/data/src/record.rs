//! One record as it stands in a hospital's file: its texts by field, and how they form a conversation. Made
//! by `read::convert`. Used by every later stage. Invariants: a part names an existing field; masking or
//! screening works on fields (what the person at the site sees in the file), training on
//! [`Record::messages`].

use serde::{Deserialize, Serialize};

use crate::provenance::Provenance;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the whole conversation; only as the first turn.
    System,
    /// The person who asks.
    User,
    /// The model; the only role whose tokens are supervised.
    Assistant,
    /// What a tool returned (ShareGPT: `observation`).
    Tool,
}

/// One text of a record, as decoded from the file, and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The path inside the record as the file spells it: `instruction`, `conversations[2].value`, a column's
    /// name.
    pub path: String,
    /// The decoded text; findings are byte ranges of it.
    pub text: String,
}

/// A piece of a turn's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The text of the record's field with this index.
    Field(usize),
    /// Text that the mapping adds between fields: a line feed, `A. `.
    Literal(String),
}

/// One turn of a conversation: its content is the concatenation of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub parts: Vec<Part>,
    /// Whether an answer is learnt; false where a loss switch of the file says so. Of no meaning elsewhere.
    pub is_learnt: bool,
}

impl Turn {
    /// A turn without a loss switch.
    #[must_use]
    pub fn new(role: Role, parts: Vec<Part>) -> Self {
        Self { role, parts, is_learnt: true }
    }
}

/// What is trained on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Rendered with the model's chat template; the assistant's turns are supervised.
    Conversation(Vec<Turn>),
    /// Plain text; every token of the parts is supervised.
    Text(Vec<Part>),
}

/// How a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `instruction` or `input`, `output`, `system`, `history`.
    Alpaca,
    /// `conversations`.
    ShareGpt,
    /// OpenAI's `messages`, or a line that is a list of turns.
    Messages,
    /// `text` alone.
    Text,
    /// `question`, `options`, `answer`.
    MultipleChoice,
    /// `question` and `answer` (or `prompt` and `completion`), perhaps with `chain_of_thought`.
    QuestionAnswer,
    /// `text` and `label`.
    Classification,
    /// Through a mapping file.
    Mapped,
    /// `data`: a list of texts that ask and answer in turn.
    Texts,
    /// TRL's `prompt` and `completion`, each a list of turns; the prompt is not learnt.
    PromptCompletion,
}

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Index into the list of files that were read.
    pub file: u32,
    /// Line on which the record begins, counted from 1; for Parquet the row.
    pub line: u64,
}

/// A day of the Gregorian calendar; ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Date {
    /// Year, four digits.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub place: Place,
    /// How it was written.
    pub format: Format,
    /// Every text that can reach the training or a report.
    pub fields: Vec<Field>,
    /// How the fields form what is trained on.
    pub body: Body,
    /// The patient's pseudonym, where the file gives one; never trained on, never shown.
    pub patient: Option<String>,
    /// The day of the visit, where the file gives one; never trained on.
    pub date: Option<Date>,
    /// Disease or department, where the file gives one: splits are stratified by it.
    pub stratum: Option<String>,
    /// What it says of its origin; never trained on.
    pub provenance: Provenance,
}

impl Record {
    /// The text of some parts.
    #[must_use]
    pub fn text_of(&self, parts: &[Part]) -> String {
        parts
            .iter()
            .map(|part| match part {
                Part::Field(index) => self.fields.get(*index).map_or("", |field| field.text.as_str()),
                Part::Literal(text) => text.as_str(),
            })
            .collect()
    }

    /// The conversation, role and content; empty for plain text.
    #[must_use]
    pub fn messages(&self) -> Vec<(Role, String)> {
        match &self.body {
            Body::Conversation(turns) => {
                turns.iter().map(|turn| (turn.role, self.text_of(&turn.parts))).collect()
            }
            Body::Text(_) => Vec::new(),
        }
    }
}
