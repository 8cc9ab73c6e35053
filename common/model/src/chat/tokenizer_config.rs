//! The part of `tokenizer_config.json` that chat templates need, and where the template itself is kept.
//! Called by `chat` while loading. Invariant: both spellings of a special token (a string, or an object
//! with `content`) and all three places of a template are understood; nothing else is interpreted.

use std::path::Path;

use serde_json::Value;

use super::fault::template_fault;
use crate::bounded;
use crate::error::{ModelError, Result};
use crate::limits;

/// Special tokens by name and the template, each absent where the folder has none.
#[derive(Debug, Default)]
pub(super) struct TokenizerConfig {
    pub(super) bos_token: Option<String>,
    pub(super) eos_token: Option<String>,
    pub(super) pad_token: Option<String>,
    pub(super) unk_token: Option<String>,
    pub(super) chat_template: Option<String>,
    /// Whether a plain text begins with `bos_token`; absent means no, as in transformers' Qwen2.
    pub(super) add_bos_token: bool,
}

impl TokenizerConfig {
    /// Reads the folder's `tokenizer_config.json` (may be absent) and `chat_template.jinja` (may be absent).
    pub(super) fn read(model_folder: &Path) -> Result<Self> {
        let path = model_folder.join("tokenizer_config.json");
        let mut config = if path.exists() { Self::parse(&path)? } else { Self::default() };
        // transformers prefers the file of its own over the entry in the configuration.
        let template_path = model_folder.join("chat_template.jinja");
        if template_path.exists() {
            let bytes = bounded::read(&template_path, limits::JSON_BYTES_MAX)?;
            let text =
                String::from_utf8(bytes).map_err(|_| template_fault("chat_template.jinja is not UTF-8"))?;
            config.chat_template = Some(text);
        }
        Ok(config)
    }

    fn parse(path: &Path) -> Result<Self> {
        let bytes = bounded::read(path, limits::JSON_BYTES_MAX)?;
        let fault = |reason: String| ModelError::Config { path: path.to_path_buf(), reason };
        let value: Value = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
        if !value.is_object() {
            return Err(fault("it is not a JSON object".to_owned()));
        }
        Ok(Self {
            bos_token: token_text(&value, "bos_token"),
            eos_token: token_text(&value, "eos_token"),
            pad_token: token_text(&value, "pad_token"),
            unk_token: token_text(&value, "unk_token"),
            add_bos_token: value.get("add_bos_token").and_then(Value::as_bool).unwrap_or(false),
            chat_template: template_text(&value).map_err(fault)?,
        })
    }
}

fn token_text(config: &Value, name: &str) -> Option<String> {
    let token = config.get(name)?;
    token.as_str().or_else(|| token.get("content")?.as_str()).map(str::to_owned)
}

fn template_text(config: &Value) -> std::result::Result<Option<String>, String> {
    match config.get("chat_template") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Array(named)) => named
            .iter()
            .find(|entry| entry.get("name").and_then(Value::as_str) == Some("default"))
            .and_then(|entry| entry.get("template")?.as_str())
            .map(|text| Some(text.to_owned()))
            .ok_or_else(|| "its list of chat templates has none named \"default\"".to_owned()),
        Some(_) => Err("chat_template is neither a text nor a list".to_owned()),
    }
}
