//! Which tokens of a rendered conversation are supervised. Called by `chat::ChatTokenizer::encode`. Method:
//! the template renders the messages before an answer with the answer's header; what follows that prefix in
//! the full text is the answer, and the first special token behind it ends the turn. A template that prefills
//! the answer it asks for (DeepSeek-R1's `<think>`) writes another header there than in the full text: then
//! the header is found with a mark in the answer's place. Templates of reasoning models also take the
//! reasoning out of earlier answers, or write it with other white space: what they write is what is learnt.
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
        if message.role != Role::Assistant || !message.is_learnt {
            continue;
        }
        let at = |header: usize| (header, find_answer(&text[header..], &message.content, special_tokens));
        let first = behind_prompt(template, messages, index, text)?.map(at);
        let found = match first {
            Some((_, Ok(_))) => first,
            // The second rendering is for templates that need it only.
            _ => behind_header(template, messages, index, text)?.map(at).or(first),
        };
        let (header, found) = found.ok_or_else(|| rewritten(index))?;
        let (content, end) = found.map_err(|missing| missing.into_error(index))?;
        let start = header + content.start;
        let behind = header + content.end;
        if end.start == 0 {
            spans.push(start..behind + end.end);
        } else {
            spans.push(start..behind);
            spans.push(behind + end.start..behind + end.end);
        }
    }
    Ok(spans)
}

/// Where the answer to the messages before `index` begins in the text if the template writes before it what
/// it writes to ask for it.
fn behind_prompt(
    template: &ChatTemplate,
    messages: &[Message],
    index: usize,
    text: &str,
) -> Result<Option<usize>> {
    let prompt = template.render(&messages[..index], true)?;
    Ok(text.starts_with(&prompt).then_some(prompt.len()))
}

/// Where it begins behind the header that the template writes before an answer.
fn behind_header(
    template: &ChatTemplate,
    messages: &[Message],
    index: usize,
    text: &str,
) -> Result<Option<usize>> {
    /// A private character that no template knows, in the answer's place.
    const MARK: &str = "\u{f8f0}";
    let mut marked = messages[..index].to_vec();
    marked.push(Message::new(Role::Assistant, MARK));
    let marked = template.render(&marked, false)?;
    let header = marked.rfind(MARK).map(|at| &marked[..at]);
    Ok(header.filter(|header| text.starts_with(*header)).map(str::len))
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
/// content might also be found) and may trim it (Llama 3); neither may add a turn. Where the content does not
/// stand there as it is, the whole answer must be it in other white space, or what follows its reasoning.
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
    whole_answer(answer, content, special_tokens).ok_or(missing)
}

/// The text up to the end of the turn, if it says what the content says, or what the content says behind its
/// reasoning.
fn whole_answer(
    answer: &str,
    content: &str,
    special_tokens: &[String],
) -> Option<(Range<usize>, Range<usize>)> {
    const REASONED: &str = "</think>";
    // Each token is looked for before the nearest one so far only.
    let shortened = |head: &'_ str, token: &String| head.find(token.as_str()).unwrap_or(head.len());
    let at = special_tokens.iter().fold(answer.len(), |at, token| shortened(&answer[..at], token));
    let token = special_tokens.iter().find(|token| answer[at..].starts_with(token.as_str()))?;
    let same = |one: &str, other: &str| {
        let dense = |text: &str| text.split_whitespace().collect::<String>();
        dense(one) == dense(other)
    };
    let behind = content.rsplit_once(REASONED).map(|(_, behind)| behind);
    let written = &answer[..at];
    let is_told = same(written, content) || behind.is_some_and(|behind| same(written, behind));
    (is_told && !written.trim().is_empty()).then_some((0..at, 0..token.len()))
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
