//! Tokens to text as they come. A byte-level token may hold only a part of a character: it is held back until
//! the character is whole. Called by `site-agent generate`.
//!
//! Invariant: the parts, one after another, are the text of all tokens together.

use crate::chat::ChatTokenizer;
use crate::error::Result;
use crate::limits::HELD_TOKENS_MAX;

/// The text of a growing list of tokens.
pub struct TextStream<'a> {
    tokenizer: &'a ChatTokenizer,
    tokens: Vec<u32>,
    /// Tokens before this one do not change how later ones are decoded.
    context: usize,
    /// The text of the tokens before this one has been given out.
    given: usize,
}

impl<'a> TextStream<'a> {
    /// Nothing yet.
    #[must_use]
    pub fn new(tokenizer: &'a ChatTokenizer) -> Self {
        Self { tokenizer, tokens: Vec::new(), context: 0, given: 0 }
    }

    /// Takes a token; gives the text that is whole now, which may be none.
    ///
    /// # Errors
    /// `Tokenizer` when the decoder fails.
    pub fn push(&mut self, token: u32) -> Result<String> {
        self.tokens.push(token);
        let whole = self.tokens.len() - self.given > HELD_TOKENS_MAX;
        self.take(whole)
    }

    /// The text held back, as it is.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(&mut self) -> Result<String> {
        self.take(true)
    }

    fn take(&mut self, even_if_incomplete: bool) -> Result<String> {
        // Decoded together with some tokens before, because a decoder may treat the first token specially.
        let before = self.tokenizer.decode(&self.tokens[self.context..self.given])?;
        let now = self.tokenizer.decode(&self.tokens[self.context..])?;
        // The one begins with the other, unless bytes that were given up on became a character after all.
        let common = before.bytes().zip(now.bytes()).take_while(|(a, b)| a == b).count();
        let new = now.get(now.floor_char_boundary(common)..).unwrap_or_default();
        // The decoder writes U+FFFD for bytes that are not a character yet.
        if new.is_empty() || (new.ends_with('\u{fffd}') && !even_if_incomplete) {
            return Ok(String::new());
        }
        let new = new.to_owned();
        self.context = self.given;
        self.given = self.tokens.len();
        Ok(new)
    }
}
