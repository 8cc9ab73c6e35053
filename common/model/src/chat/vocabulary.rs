//! What another program must know to split texts as a folder's tokenizer does: tokens, merges, which rule
//! splits words, what begins and ends a text. Called by `export::gguf`. Invariant: what llama.cpp would do
//! otherwise than the tokenizer is refused by name, but for the Unicode normaliser, which is told.

mod file;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use self::file::{TokenizerFile, WordRule};
use super::ChatTokenizer;
use super::tokenizer_config::TokenizerConfig;
use crate::bounded;
use crate::config::ModelConfig;
use crate::error::{ModelError, Result};
use crate::limits::JSON_BYTES_MAX;

/// What a token is, with ggml's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// Comes from ordinary text.
    Normal = 1,
    /// Marks a turn or an end, and is not printed.
    Control = 3,
    /// An added token that is printed.
    Added = 4,
    /// A row of the embedding without a token.
    Unused = 5,
}

/// A byte-level byte pair encoding.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    /// Every row of the embedding has one.
    pub(crate) tokens: Vec<(String, TokenKind)>,
    /// Two parts with a blank between, the first to be merged first.
    pub(crate) merges: Vec<String>,
    /// llama.cpp's name of the rule that splits words.
    pub(crate) rule: &'static str,
    pub(crate) begin: Option<u32>,
    pub(crate) end: Option<u32>,
    pub(crate) padding: Option<u32>,
    /// Ends the assistant's turn.
    pub(crate) end_of_turn: u32,
    /// Whether a plain text begins with `begin`.
    pub(crate) adds_begin: bool,
    /// Whether it ends with `end`.
    pub(crate) adds_end: bool,
    pub(crate) template: String,
    /// Whether texts are brought into Unicode's form NFC first.
    pub(crate) is_normalised: bool,
}

impl Vocabulary {
    /// Reads a folder whose tokenizer was loaded, and its bounds checked.
    ///
    /// # Errors
    /// `Unsupported` for a tokenizer that llama.cpp has no name for, `Tokenizer` for one that does not fit
    /// the model or itself.
    pub(crate) fn read(folder: &Path, tokenizer: &ChatTokenizer, config: &ModelConfig) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let fault = |reason: String| ModelError::Tokenizer { path: path.clone(), reason };
        let file = TokenizerFile::read(&path)?;
        let rule = file.word_rule()?;
        let is_normalised = file.is_normalised()?;
        let tokens = tokens(&file, config.vocab_size).map_err(fault)?;
        let ids: BTreeMap<&str, u32> =
            (0_u32..).zip(&tokens).map(|(id, (text, _))| (text.as_str(), id)).collect();
        if ids.len() != tokens.len() {
            return Err(fault("two of its tokens have one text".to_owned()));
        }
        let settings = TokenizerConfig::read(folder)?;
        let numbers = config_numbers(folder)?;
        let id_of = |text: Option<&String>, key: &str| match text {
            Some(text) => ids
                .get(text.as_str())
                .copied()
                .map(Some)
                .ok_or_else(|| fault(format!("its {key} is no token"))),
            None => Ok(number(&numbers, key).filter(|id| (*id as usize) < tokens.len())),
        };
        let begin = id_of(settings.bos_token.as_ref(), "bos_token")?;
        let end = id_of(settings.eos_token.as_ref(), "eos_token")?;
        let around = tokenizer.encode_with_boundaries()?;
        let is = |token: Option<&u32>, wanted: Option<u32>| wanted.is_some() && token.copied() == wanted;
        Ok(Self {
            merges: file.merges().map_err(fault)?,
            rule: match rule {
                WordRule::Qwen2 => "qwen2",
                WordRule::Llama3 => "llama-bpe",
            },
            begin,
            end,
            padding: id_of(settings.pad_token.as_ref(), "pad_token")?,
            end_of_turn: tokenizer.end_of_turn()?,
            adds_begin: is(around.first(), begin) || (begin.is_some() && settings.add_bos_token),
            adds_end: is(around.last(), end),
            template: settings.chat_template.unwrap_or_default(),
            is_normalised,
            tokens,
        })
    }
}

/// A token for each of `rows` rows of the embedding.
fn tokens(file: &TokenizerFile, rows: usize) -> std::result::Result<Vec<(String, TokenKind)>, String> {
    let mut tokens: Vec<Option<(String, TokenKind)>> = vec![None; rows];
    let ordinary = file.vocabulary().map(|(text, id)| (text, id, TokenKind::Normal));
    let added = file.added().map(|token| {
        let kind = if token.special { TokenKind::Control } else { TokenKind::Added };
        (token.content.as_str(), token.id, kind)
    });
    for (text, id, kind) in ordinary.chain(added) {
        let Some(place) = tokens.get_mut(id as usize) else {
            return Err(format!("its token {id} has no row in the model's embedding of {rows}"));
        };
        if place.as_ref().is_some_and(|(other, _)| other != text) {
            return Err(format!("two of its tokens have the number {id}"));
        }
        *place = Some((text.to_owned(), kind));
    }
    let unused = |id: usize| (format!("[PAD{id}]"), TokenKind::Unused);
    Ok(tokens.into_iter().enumerate().map(|(id, token)| token.unwrap_or_else(|| unused(id))).collect())
}

/// `config.json`, which gives some tokens by number.
fn config_numbers(folder: &Path) -> Result<Value> {
    let path = folder.join("config.json");
    let bytes = bounded::read(&path, JSON_BYTES_MAX)?;
    serde_json::from_slice(&bytes).map_err(|error| ModelError::Config { path, reason: error.to_string() })
}

/// The number under `bos_token_id` for `bos_token`; the first of a list.
fn number(config: &Value, key: &str) -> Option<u32> {
    let value = config.get(format!("{key}_id"))?;
    let value = value.as_array().map_or(Some(value), |all| all.first())?;
    u32::try_from(value.as_u64()?).ok()
}
