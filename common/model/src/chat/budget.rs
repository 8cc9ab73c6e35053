//! What a chat template may be and take: a model folder comes from outside, and a template is a program. Used
//! by `chat::template`.
//!
//! The engine counts what a template executes and makes (fuel), but its parser calls itself once for every
//! operator and every `elif`, before anything is counted: so the source is bounded first. What fuel does not
//! see (a value that contains itself twice, thirty times over) ends by `chat::watch`. Invariant: a refusal
//! names the rule.

use std::io::{self, Write};

use super::message::Message;
use crate::error::{ModelError, Result};
use crate::limits;

/// The error of a template that takes more than it may.
pub(super) fn spent(rule: String) -> ModelError {
    ModelError::TemplateSpent { rule }
}

/// Refuses a source that would take the parser too deep.
pub(super) fn check_source(source: &str) -> Result<()> {
    if source.len() > limits::TEMPLATE_BYTES_MAX {
        return Err(spent(format!("at most {} bytes of template", limits::TEMPLATE_BYTES_MAX)));
    }
    let mut tags = 0;
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        let inside = &rest[start + 1..];
        let close = match inside.as_bytes().first() {
            Some(b'%') => "%}",
            Some(b'{') => "}}",
            _ => {
                rest = inside;
                continue;
            }
        };
        tags += 1;
        let (words, length) = words_until(inside, close);
        if words > limits::TEMPLATE_TAG_WORDS_MAX {
            return Err(spent(format!("at most {} words in one tag", limits::TEMPLATE_TAG_WORDS_MAX)));
        }
        rest = &inside[length..];
    }
    if tags > limits::TEMPLATE_TAGS_MAX {
        return Err(spent(format!("at most {} tags", limits::TEMPLATE_TAGS_MAX)));
    }
    Ok(())
}

/// Names, numbers and signs outside of texts up to `close`, and the bytes up to there.
fn words_until(text: &str, close: &str) -> (usize, usize) {
    let bytes = text.as_bytes();
    let (mut words, mut at, mut in_name) = (0, 0, false);
    while at < bytes.len() {
        let byte = bytes[at];
        if byte == b'"' || byte == b'\'' {
            at += 1;
            while at < bytes.len() && bytes[at] != byte {
                at += if bytes[at] == b'\\' { 2 } else { 1 };
            }
            words += 1;
            in_name = false;
        } else if bytes[at..].starts_with(close.as_bytes()) {
            break;
        } else if byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii() {
            words += usize::from(!in_name);
            in_name = true;
        } else {
            words += usize::from(!byte.is_ascii_whitespace());
            in_name = false;
        }
        at += 1;
    }
    // Never inside a character: what is compared above is ASCII, and the end of the text is a boundary.
    (words, at.min(bytes.len()))
}

/// The engine's fuel for one rendering: one for an instruction, one for 64 bytes made.
pub(super) fn fuel(messages: &[Message]) -> u64 {
    let per_message = limits::TEMPLATE_MESSAGE_FUEL_MAX * messages.len() as u64;
    limits::TEMPLATE_FUEL_MAX + per_message + content_bytes(messages) as u64 / 4
}

/// Bytes that the text of a conversation may have.
pub(super) fn rendered_bytes(messages: &[Message]) -> usize {
    limits::RENDERED_OWN_BYTES_MAX
        + limits::RENDERED_MESSAGE_BYTES_MAX * messages.len()
        + limits::RENDERED_FACTOR_MAX * content_bytes(messages)
}

fn content_bytes(messages: &[Message]) -> usize {
    messages.iter().map(|message| message.content.len()).sum()
}

/// Takes bytes up to a bound, then refuses.
pub(super) struct Bounded {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Bounded {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_max }
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.bytes_max - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
