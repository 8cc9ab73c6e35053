//! The site-agent's messages in Chinese and English. Used by the `data` commands (`text`, `advice`,
//! `refusal`) and by the officer's report (`officer`, `policy`, `frames`). Every sentence stands once, in
//! both languages.
//! Invariant: a text has the same number of `{}` in both languages (tested).

pub mod advice;
pub mod frames;
pub mod officer;
pub mod policy;
pub mod refusal;
pub mod text;

pub use common::language::{Language, Text};
