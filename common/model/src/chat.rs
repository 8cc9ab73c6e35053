//! Conversations and plain texts to token ids: tokenizer.json, the tokenizer's own chat template, and the
//! supervision mask. Called by the site worker before training and by the coordinator before evaluation.
//!
//! Invariants: the rendered text and the ids are those of transformers' `apply_chat_template`; a token is
//! supervised exactly when it lies in an assistant's content or is the end-of-turn token behind it; no error
//! carries the text of a conversation; the same conversation gives the same ids on every day and machine; a
//! hostile folder is refused in bounded time and memory.

mod budget;
mod explain;
mod fault;
mod mask;
mod message;
mod prepare;
mod template;
mod tokenizer;
mod tokenizer_config;
mod tokenizer_file;
mod vocabulary;
mod watch;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reasoning;
#[cfg(test)]
mod tests;

pub use self::explain::{Explained, Piece};
pub use self::message::{Message, Role};
pub use self::prepare::{Document, PrepareReport, Prepared};
pub use self::tokenizer::ChatTokenizer;
pub(crate) use self::vocabulary::Vocabulary;
