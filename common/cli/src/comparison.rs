//! The report of an evaluation for people: a text for an 80-column terminal and one page, in Chinese or
//! English. Called by the commands that evaluate. What got better, what got worse and how sure that is
//! stands first; then the rules of safety, where answers were checked by some; then every suite with all its
//! figures.
//!
//! Invariants: everything comes from one `Report` and one `SafetyReport`, so text, page and JSON cannot
//! disagree; a text from outside (names of suites, groups and adapters) is shown without control characters,
//! and escaped in the page.

mod classes;
pub mod format;
mod html;
mod pass;
mod safety;
mod spoken;
mod text;
mod words;

#[cfg(test)]
mod tests;

pub use self::html::render as page;
pub use self::pass::{not_passed, unkept};
pub use self::safety::safety;
pub use self::text::render as terminal;
