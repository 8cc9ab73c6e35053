//! Records as the tokenizer takes them: the bridge between the data room and the model, which do not know
//! each other. Called by `child`. Invariant: a conversation stays one, turn by turn; a plain text stays a
//! text.

use data::record::{Body, Record};
use model::chat::{Document, Message, Role};

/// A record's conversation or text.
pub(super) fn document(record: &Record) -> Document {
    match &record.body {
        Body::Text(parts) => Document::Text(record.text_of(parts)),
        Body::Conversation(_) => {
            let messages = record.messages().into_iter();
            Document::Conversation(
                messages.map(|(role, content)| Message { role: role_of(role), content }).collect(),
            )
        }
    }
}

fn role_of(role: data::Role) -> Role {
    match role {
        data::Role::System => Role::System,
        data::Role::User => Role::User,
        data::Role::Assistant => Role::Assistant,
        data::Role::Tool => Role::Tool,
    }
}
