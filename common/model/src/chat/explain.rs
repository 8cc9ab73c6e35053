//! The rendered text of a conversation cut into its tokens, each with its supervision: what `site-agent data
//! show` draws. Called by it through `ChatTokenizer`. Invariant: the pieces tile the text's encoded
//! characters in order; supervision is exactly that of `encode`.

use std::ops::Range;

use super::message::Message;
use super::tokenizer::{ChatTokenizer, Encoded};
use crate::error::Result;

/// A conversation as the model sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The template's text.
    pub text: String,
    /// Byte ranges of `text` and whether the loss counts them. Tokens that share a character are one piece.
    pub pieces: Vec<Piece>,
    /// Tokens in all.
    pub tokens: usize,
    /// Supervised tokens.
    pub supervised_tokens: usize,
    /// Tokens that the cutoff took away, and which are not in the text.
    pub tokens_cut: usize,
}

/// One or more tokens that cover the same characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Bytes of the text, on character boundaries.
    pub range: Range<usize>,
    /// Whether the loss counts it.
    pub supervised: bool,
}

impl ChatTokenizer {
    /// Renders and encodes a conversation, cuts it after `cutoff_tokens` as training does, and says for every
    /// piece of the text that is left whether it is supervised.
    ///
    /// # Errors
    /// As [`ChatTokenizer::encode`].
    pub fn explain(&self, messages: &[Message], cutoff_tokens: usize) -> Result<Explained> {
        self.encode_with_offsets(messages).map(|encoded| pieces(encoded, cutoff_tokens))
    }

    /// As [`ChatTokenizer::explain`], of a plain text: every token is supervised.
    ///
    /// # Errors
    /// As [`ChatTokenizer::encode_text`].
    pub fn explain_text(&self, text: &str, cutoff_tokens: usize) -> Result<Explained> {
        self.encode_text_with_offsets(text).map(|encoded| pieces(encoded, cutoff_tokens))
    }
}

fn pieces(encoded: Encoded, cutoff_tokens: usize) -> Explained {
    let Encoded { mut text, mut offsets, mut sample } = encoded;
    let tokens_cut = sample.tokens.len().saturating_sub(cutoff_tokens);
    if tokens_cut > 0 {
        sample.truncate(cutoff_tokens);
        offsets.truncate(cutoff_tokens);
        let end = offsets.last().map_or(0, |(_, end)| *end);
        text = text.chars().take(end).collect();
    }
    // Offsets count characters; one pass turns them into bytes.
    let starts: Vec<usize> = text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect();
    let byte = |character: usize| starts.get(character).copied().unwrap_or(text.len());
    let mut pieces: Vec<Piece> = Vec::with_capacity(offsets.len());
    for ((start, end), supervised) in offsets.into_iter().zip(&sample.supervised) {
        let range = byte(start)..byte(end);
        match pieces.last_mut() {
            Some(last) if range.start < last.range.end => {
                last.range.end = last.range.end.max(range.end);
                last.supervised |= supervised;
            }
            _ => pieces.push(Piece { range, supervised: *supervised }),
        }
    }
    let supervised_tokens = sample.supervised.iter().filter(|wanted| **wanted).count();
    Explained { text, pieces, tokens: sample.tokens.len(), supervised_tokens, tokens_cut }
}
