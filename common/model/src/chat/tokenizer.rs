//! A tokenizer with its chat template: conversations and plain texts to token ids, and the ids back to text.
//! Called by the site worker, by the coordinator's evaluation, by `generate`, and by `chat::{explain,
//! prepare}`. Invariant: no error carries the text of a conversation.

use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;

use super::fault::template_fault;
use super::mask;
use super::message::{Message, Role};
use super::template::ChatTemplate;
use super::tokenizer_config::TokenizerConfig;
use super::tokenizer_file::{self, guarded};
use crate::error::{ModelError, Result};
use crate::sample::Sample;

/// A rendered and encoded record.
pub(super) struct Encoded {
    pub(super) text: String,
    /// Each token's characters (not bytes) of `text`.
    pub(super) offsets: Vec<(usize, usize)>,
    pub(super) sample: Sample,
}

/// A tokenizer with its chat template, as published in a Hugging Face model folder.
pub struct ChatTokenizer {
    pub(super) tokenizer: Tokenizer,
    template: ChatTemplate,
    /// Texts of the tokens that never come from ordinary text, longest first.
    pub(super) special_tokens: Vec<String>,
    path: PathBuf,
}

impl ChatTokenizer {
    /// Reads `tokenizer.json`, `tokenizer_config.json` and `chat_template.jinja` from a model folder.
    ///
    /// The template is `chat_template.jinja` if that file is there, else `chat_template` of
    /// `tokenizer_config.json` (a string, or a list of named templates of which `default` is taken).
    ///
    /// # Errors
    /// [`ModelError::Io`] or [`ModelError::Tokenizer`] for `tokenizer.json`, [`ModelError::Config`] for the
    /// configuration, [`ModelError::Template`] where there is no template or it cannot be parsed.
    pub fn load(model_folder: &Path) -> Result<Self> {
        let path = model_folder.join("tokenizer.json");
        let tokenizer = tokenizer_file::read(&path)?;
        let config = TokenizerConfig::read(model_folder)?;
        let special_tokens = special_tokens(&tokenizer, &config);
        let template = ChatTemplate::new(model_folder, config)?;
        Ok(Self { tokenizer, template, special_tokens, path })
    }

    /// The text the template gives; with `add_generation_prompt` it ends with the header of an answer.
    ///
    /// # Errors
    /// [`ModelError::Template`] when the template refuses the conversation.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        self.template.render(messages, add_generation_prompt)
    }

    /// Token ids of a whole conversation and which of them are supervised.
    ///
    /// # Errors
    /// [`ModelError::Template`] when the template refuses or rewrites the conversation;
    /// [`ModelError::SpecialToken`] when a message contains the text of one (it would forge a turn);
    /// [`ModelError::Tokenizer`] when encoding fails.
    pub fn encode(&self, messages: &[Message]) -> Result<Sample> {
        self.encode_with_offsets(messages).map(|encoded| encoded.sample)
    }

    pub(super) fn encode_with_offsets(&self, messages: &[Message]) -> Result<Encoded> {
        self.refuse_special_tokens(messages)?;
        let text = self.render(messages, false)?;
        let spans = mask::supervised_spans(&self.template, &self.special_tokens, messages, &text)?;
        let encoding = self.library("a conversation cannot be encoded", || {
            self.tokenizer.encode_char_offsets(text.as_str(), false)
        })?;
        let supervised = mask::tokens_in_spans(&text, &spans, encoding.get_offsets());
        let sample = Sample { tokens: encoding.get_ids().to_vec(), supervised };
        Ok(Encoded { text, offsets: encoding.get_offsets().to_vec(), sample })
    }

    /// Token ids of a plain text, every one supervised, as LLaMA-Factory's pre-training stage makes them
    /// (`data/processor/pretrain.py`): the text, then the end-of-text token (`<|end_of_text|>` where the
    /// tokenizer has it, as in Llama 3, else `eos_token`); before it `bos_token` where `add_bos_token` says
    /// so.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] for a tokenizer without an end-of-text token; [`ModelError::SpecialToken`]
    /// when the text contains that of one; [`ModelError::Tokenizer`] when encoding fails.
    pub fn encode_text(&self, text: &str) -> Result<Sample> {
        self.encode_text_with_offsets(text).map(|encoded| encoded.sample)
    }

    pub(super) fn encode_text_with_offsets(&self, text: &str) -> Result<Encoded> {
        if self.special_tokens.iter().any(|token| text.contains(token)) {
            return Err(ModelError::SpecialToken { what: "a text".to_owned(), harm: "end it early" });
        }
        let (begin, end) = self.template.text_boundaries(&self.special_tokens)?;
        let whole = format!("{begin}{text}{end}");
        let encoding = self.library("a text cannot be encoded", || {
            self.tokenizer.encode_char_offsets(whole.as_str(), false)
        })?;
        let tokens = encoding.get_ids().to_vec();
        let sample = Sample { supervised: vec![true; tokens.len()], tokens };
        Ok(Encoded { text: whole, offsets: encoding.get_offsets().to_vec(), sample })
    }

    /// Token ids of the prompt that asks for the next answer: the conversation so far and the answer's
    /// header.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn encode_prompt(&self, messages: &[Message]) -> Result<Vec<u32>> {
        self.refuse_special_tokens(messages)?;
        let text = self.render(messages, true)?;
        let encoding = self.library("a conversation cannot be encoded", || {
            self.tokenizer.encode_fast(text.as_str(), false)
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Token ids of a context and of each of several ways to go on from it, as lm-evaluation-harness makes
    /// them (`api/model.py`, `_encode_pair`): white space at the context's end belongs to the continuation,
    /// and a continuation's tokens are those of both texts together behind as many as the context alone has.
    /// No token is added. `context` is text that may hold special tokens (a rendered conversation);
    /// `continuations` may not.
    ///
    /// # Errors
    /// [`ModelError::SpecialToken`]; [`ModelError::Tokenizer`] when encoding fails.
    pub fn encode_continuations(
        &self,
        context: &str,
        continuations: &[String],
    ) -> Result<(Vec<u32>, Vec<Vec<u32>>)> {
        self.refuse_special(continuations, "an option")?;
        let before = self.encode_as_it_is(context.trim_end())?;
        let behind = |continuation: &String| {
            let whole = self.encode_as_it_is(&format!("{context}{continuation}"))?;
            Ok(whole.get(before.len()..).unwrap_or_default().to_vec())
        };
        let each = continuations.iter().map(behind).collect::<Result<Vec<Vec<u32>>>>()?;
        Ok((before, each))
    }

    /// Token ids of a text as it stands, special tokens in it included; none is added.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] when encoding fails.
    pub fn encode_as_it_is(&self, text: &str) -> Result<Vec<u32>> {
        let encoding =
            self.library("a question cannot be encoded", || self.tokenizer.encode_fast(text, false))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Refuses a text that holds that of a special token, which would forge a turn or end a prompt early.
    ///
    /// # Errors
    /// [`ModelError::SpecialToken`] naming `what` the text is.
    pub fn refuse_special(&self, texts: &[String], what: &str) -> Result<()> {
        match texts.iter().any(|text| self.special_tokens.iter().any(|token| text.contains(token))) {
            false => Ok(()),
            true => Err(ModelError::SpecialToken { what: what.to_owned(), harm: "forge a turn" }),
        }
    }

    /// The text of token ids, without special tokens.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] when the decoder fails.
    pub fn decode(&self, tokens: &[u32]) -> Result<String> {
        self.library("token ids cannot be decoded", || self.tokenizer.decode(tokens, true))
    }

    /// The token that ends the assistant's turn, found by asking the template.
    ///
    /// # Errors
    /// [`ModelError::Template`] when the template puts no special token behind an answer.
    pub fn end_of_turn(&self) -> Result<u32> {
        let ask = |role, content: &str| Message::new(role, content);
        let messages = [ask(Role::User, "a"), ask(Role::Assistant, "b")];
        let sample = self.encode(&messages)?;
        sample
            .tokens
            .iter()
            .zip(&sample.supervised)
            .rev()
            .find_map(|(token, supervised)| supervised.then_some(*token))
            .ok_or_else(|| template_fault("it puts no end-of-turn token behind an answer"))
    }

    /// Token ids of a short plain text, with those that the tokenizer itself puts around it.
    ///
    /// # Errors
    /// [`ModelError::Tokenizer`] when encoding fails.
    pub(crate) fn encode_with_boundaries(&self) -> Result<Vec<u32>> {
        let encoding = self.library("a text cannot be encoded", || self.tokenizer.encode_fast("a", true))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Number of token ids, added tokens included: every id is below it.
    #[must_use]
    pub fn vocabulary_size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    fn refuse_special_tokens(&self, messages: &[Message]) -> Result<()> {
        for (index, message) in messages.iter().enumerate() {
            if self.special_tokens.iter().any(|token| message.content.contains(token)) {
                let what = format!("message {}", index + 1);
                return Err(ModelError::SpecialToken { what, harm: "forge a turn" });
            }
        }
        Ok(())
    }

    /// What the library gives; its own words may quote the text and are not passed on.
    fn library<T>(&self, fault: &str, run: impl FnOnce() -> tokenizers::Result<T>) -> Result<T> {
        guarded(|| run().map_err(|_| String::new()))
            .map_err(|_| ModelError::Tokenizer { path: self.path.clone(), reason: fault.to_owned() })
    }
}

/// Texts of added tokens marked special, longest first so that the longest one wins at a place.
fn special_tokens(tokenizer: &Tokenizer, config: &TokenizerConfig) -> Vec<String> {
    let mut texts: Vec<String> = tokenizer
        .get_added_tokens_decoder()
        .into_values()
        .filter(|token| token.special)
        .map(|token| token.content)
        .chain([config.bos_token.clone(), config.eos_token.clone()].into_iter().flatten())
        .filter(|text| !text.is_empty())
        .collect();
    texts.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    texts.dedup();
    texts
}
