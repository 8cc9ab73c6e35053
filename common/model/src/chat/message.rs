//! A conversation's turns. Used by everything in `chat`, and by the binaries' prepare from records.
//! Invariant: roles are written in lower case, as templates expect them.

use serde::{Deserialize, Serialize};

/// Who speaks. Written in records and handed to templates in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions for the whole conversation; only as the first message.
    System,
    /// The person who asks.
    User,
    /// The model; the only role whose tokens are supervised.
    Assistant,
    /// What a tool returned (ShareGPT: `observation`).
    Tool,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said, as it stands in the record.
    pub content: String,
    /// Whether an answer is supervised; false where a loss switch of the record says so. Of no meaning for
    /// the other roles.
    #[serde(default = "yes")]
    pub is_learnt: bool,
}

impl Message {
    /// A turn that is supervised if it is an answer.
    #[must_use]
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), is_learnt: true }
    }
}

const fn yes() -> bool {
    true
}
