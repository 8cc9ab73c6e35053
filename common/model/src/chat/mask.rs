//! Which tokens of a rendered conversation are supervised. Called by `chat::ChatTokenizer::encode`.
//! Method: the template renders the messages before an answer with the answer's header; what follows that
//! prefix in the full text is the answer, and the first special token behind it ends the turn.
//! Invariant: spans are byte ranges of the text on character boundaries, in order, not overlapping; tokenizer
//! offsets are compared with them as character positions (a byte-level token may hold a part of a character).

use std::ops::Range;

use super::fault::template_fault;
use super::message::{Message, Role};
use super::template::ChatTemplate;
use crate::error::{ModelError, Result};

/// Byte ranges of `text` (the rendered `messages`) which are supervised.
pub(super) fn supervised_spans(
    template: &ChatTemplate,
    special_tokens: &[String],
    messages: &[Message],
    text: &str,
) -> Result<Vec<Range<usize>>> {
    let mut spans = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if message.role != Role::Assistant {
            continue;
        }
        let prefix = template.render(&messages[..index], true)?;
        let answer = text.strip_prefix(prefix.as_str()).ok_or_else(|| rewritten(index))?;
        let (content, end) = find_answer(answer, &message.content, special_tokens)
            .map_err(|missing| missing.into_error(index))?;
        let start = prefix.len() + content.start;
        let behind = prefix.len() + content.end;
        if end.start == 0 {
            spans.push(start..behind + end.end);
        } else {
            spans.push(start..behind);
            spans.push(behind + end.start..behind + end.end);
        }
    }
    Ok(spans)
}

/// Why an answer was not found in the rendered text.
enum Missing {
    Content,
    EndOfTurn,
}

impl Missing {
    fn into_error(self, index: usize) -> ModelError {
        match self {
            Self::Content => rewritten(index),
            Self::EndOfTurn => template_fault("it puts no end-of-turn token behind an answer"),
        }
    }
}

/// Where the content and its end-of-turn token stand in `answer` (the text from the end of the header on).
/// Templates may put a text of their own before the content (Qwen3's empty `<think>` block, in which a short
/// content might also be found) and may trim it (Llama 3); neither may add a turn.
fn find_answer(
    answer: &str,
    content: &str,
    special_tokens: &[String],
) -> std::result::Result<(Range<usize>, Range<usize>), Missing> {
    let mut missing = Missing::Content;
    // As it stands, and as templates trim it: Llama 3 on both sides, Qwen 3 line feeds before the content.
    let trimmed =
        [content.trim_start_matches('\n'), content.trim_start(), content.trim_end(), content.trim()];
    for wanted in std::iter::once(content).chain(trimmed) {
        for (start, _) in answer.match_indices(wanted) {
            if special_tokens.iter().any(|token| answer[..start].contains(token.as_str())) {
                break;
            }
            let content = start..start + wanted.len();
            match find_end_of_turn(&answer[content.end..], special_tokens) {
                Some(end) => return Ok((content, end)),
                None => missing = Missing::EndOfTurn,
            }
        }
    }
    Err(missing)
}

/// The special token that ends the turn: only white space may stand between it and the content.
fn find_end_of_turn(behind: &str, special_tokens: &[String]) -> Option<Range<usize>> {
    let start = behind.len() - behind.trim_start().len();
    let token = special_tokens.iter().find(|token| behind[start..].starts_with(token.as_str()))?;
    Some(start..start + token.len())
}

/// For each token (character offsets into `text`) whether it lies in one of the spans (byte ranges).
pub(super) fn tokens_in_spans(text: &str, spans: &[Range<usize>], offsets: &[(usize, usize)]) -> Vec<bool> {
    let spans = in_characters(text, spans);
    offsets
        .iter()
        .map(|&(start, end)| start < end && spans.iter().any(|span| start >= span.start && end <= span.end))
        .collect()
}

/// Byte ranges as character ranges, in one pass over the text.
fn in_characters(text: &str, spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut counted = 0;
    let mut position = 0;
    let mut characters_before = |byte: usize| {
        counted += text[position..byte].chars().count();
        position = byte;
        counted
    };
    spans
        .iter()
        .map(|span| {
            let start = characters_before(span.start);
            start..characters_before(span.end)
        })
        .collect()
}

fn rewritten(index: usize) -> ModelError {
    let number = index + 1;
    template_fault(&format!("it rewrites message {number}, so that its tokens cannot be told apart"))
}
