//! Records as the tokenizer takes them. Used by `fitting`, by `samples`, by the site agent's worker and by
//! its `data` commands. Invariant: a conversation stays one, turn by turn; a plain text stays a text.

use data::record::{Body, Record};
use model::chat::{Document, Message, Role};

/// A record's conversation or text.
#[must_use]
pub fn document(record: &Record) -> Document {
    match &record.body {
        Body::Text(parts) => Document::Text(record.text_of(parts)),
        Body::Conversation(turns) => Document::Conversation(
            turns
                .iter()
                .map(|turn| Message {
                    role: role_of(turn.role),
                    content: record.text_of(&turn.parts),
                    is_learnt: turn.is_learnt,
                })
                .collect(),
        ),
    }
}

/// As [`document`], of a whole dataset.
#[must_use]
pub fn documents(records: &[Record]) -> Vec<Document> {
    records.iter().map(document).collect()
}

fn role_of(role: data::Role) -> Role {
    match role {
        data::Role::System => Role::System,
        data::Role::User => Role::User,
        data::Role::Assistant => Role::Assistant,
        data::Role::Tool => Role::Tool,
    }
}
