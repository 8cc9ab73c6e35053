//! What an answer was worth to who asked: `POST /v1/feedback`, a way of our own. The question, the answer and
//! the rating become one record in the training format of the data room, which the caller keeps. Used by
//! `server`.
//!
//! Invariants: only an answer that this process gave can be rated, once, and only the newest ones; nothing is
//! kept of an answer that nobody rates; no client makes a record a reviewed one.

mod given;
mod record;
mod said;

pub(crate) use given::{Given, Giving};
pub(crate) use record::line;
pub(crate) use said::{Feedback, read};

use crate::error::EndpointError;

/// Keeps lines of feedback, for the next round.
pub trait Keep: Send {
    /// Keeps one line, JSON without a line feed.
    ///
    /// # Errors
    /// `FeedbackFull`, `FeedbackNotWritten`; then nothing of it is kept.
    fn keep(&mut self, line: &str) -> Result<(), EndpointError>;
}
