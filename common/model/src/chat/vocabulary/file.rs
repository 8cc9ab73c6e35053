//! `tokenizer.json` as data, where it is a byte-level byte pair encoding with one of two known rules for
//! splitting words. Called by `chat::vocabulary`, after `tokenizer_file` has checked its bounds. Invariant: a
//! step that is not known is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bounded;
use crate::error::{ModelError, Result};
use crate::limits::TOKENIZER_BYTES_MAX;

/// How words are split before they are merged: the two differ in how many digits stay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordRule {
    /// Qwen2, Qwen2.5 and Qwen3: one digit.
    Qwen2,
    /// Llama 3: up to three, and a word that is a token is not merged.
    Llama3,
}

const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

#[derive(Debug, Deserialize)]
struct Raw {
    #[serde(default)]
    added_tokens: Vec<Added>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    model: Model,
}

#[derive(Debug, Deserialize)]
struct Model {
    vocab: BTreeMap<String, u32>,
    merges: Vec<Merge>,
    #[serde(default)]
    ignore_merges: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    unk_token: Option<String>,
}

/// Both spellings of a merge.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Line(String),
}

/// An added token.
#[derive(Debug, Deserialize)]
pub(super) struct Added {
    pub(super) id: u32,
    pub(super) content: String,
    #[serde(default)]
    pub(super) special: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    single_word: bool,
}

#[derive(Debug)]
pub(super) struct TokenizerFile {
    raw: Raw,
    path: PathBuf,
}

impl TokenizerFile {
    pub(super) fn read(path: &Path) -> Result<Self> {
        let bytes = bounded::read(path, TOKENIZER_BYTES_MAX)?;
        let raw: Raw = serde_json::from_slice(&bytes)
            .map_err(|error| ModelError::Tokenizer { path: path.to_path_buf(), reason: error.to_string() })?;
        let file = Self { raw, path: path.to_path_buf() };
        let model = &file.raw.model;
        if model.byte_fallback || model.unk_token.is_some() {
            return Err(
                file.unsupported("is not byte-level (it has an unknown token or falls back to bytes)")
            );
        }
        if file.raw.added_tokens.iter().any(|token| token.lstrip || token.rstrip || token.single_word) {
            return Err(file.unsupported("has added tokens that take in blanks or stand alone only"));
        }
        Ok(file)
    }

    /// Ordinary tokens and their numbers.
    pub(super) fn vocabulary(&self) -> impl Iterator<Item = (&str, u32)> {
        self.raw.model.vocab.iter().map(|(text, id)| (text.as_str(), *id))
    }

    /// Added tokens.
    pub(super) fn added(&self) -> impl Iterator<Item = &Added> {
        self.raw.added_tokens.iter()
    }

    /// The merges as llama.cpp reads them.
    pub(super) fn merges(&self) -> std::result::Result<Vec<String>, String> {
        let line = |merge: &Merge| match merge {
            Merge::Pair(first, second) if !first.contains(' ') && !second.contains(' ') => {
                Ok(format!("{first} {second}"))
            }
            Merge::Line(line) if line.split(' ').count() == 2 => Ok(line.clone()),
            Merge::Pair(..) | Merge::Line(_) => Err("a merge of it has a blank in its parts".to_owned()),
        };
        self.raw.model.merges.iter().map(line).collect()
    }

    /// The rule that splits words.
    pub(super) fn word_rule(&self) -> Result<WordRule> {
        let is = |pattern: &str| {
            let [split, bytes] = match self.raw.pre_tokenizer.get("pretokenizers").and_then(Value::as_array) {
                Some(steps) if steps.len() == 2 => [&steps[0], &steps[1]],
                _ => return false,
            };
            let flag = |step: &Value, key: &str| step.get(key).and_then(Value::as_bool).unwrap_or(true);
            split.get("type") == Some(&json!("Split"))
                && split.get("pattern") == Some(&json!({"Regex": pattern}))
                && split.get("behavior") == Some(&json!("Isolated"))
                && !flag(split, "invert")
                && bytes.get("type") == Some(&json!("ByteLevel"))
                && !flag(bytes, "add_prefix_space")
                && !flag(bytes, "use_regex")
        };
        match self.raw.model.ignore_merges {
            false if is(QWEN2) => Ok(WordRule::Qwen2),
            true if is(LLAMA3) => Ok(WordRule::Llama3),
            _ => Err(self.unsupported("splits words by a rule that is neither Qwen2's nor Llama 3's")),
        }
    }

    /// Whether texts are brought into form NFC, which llama.cpp does not do.
    pub(super) fn is_normalised(&self) -> Result<bool> {
        match &self.raw.normalizer {
            Value::Null => Ok(false),
            step if step.get("type") == Some(&json!("NFC")) => Ok(true),
            _ => Err(self.unsupported("changes texts by other steps than Unicode's form NFC")),
        }
    }

    fn unsupported(&self, what: &str) -> ModelError {
        ModelError::Unsupported {
            what: format!("a GGUF file with the tokenizer {}, which {what},", self.path.display()),
            hint: "use --format merged, or --format gguf-adapter beside a GGUF file of the base model"
                .to_owned(),
        }
    }
}
