//! The site-agent's messages in Chinese and English. Used by the `data` commands. Every sentence stands once,
//! in both languages, in `language/text.rs`. Invariant: a text has the same number of `{}` in both languages
//! (tested).

pub mod refusal;
pub mod text;

pub use common::language::{Language, Text};
