//! tokenizer.json from a folder that may be hostile: bounded before the library sees it, and what the library
//! gives up on is an error. Called by `chat::tokenizer`.
//!
//! Invariants: only byte pair encoding is taken, as all families that the decoder knows use; what normaliser,
//! pre-tokeniser or decoder may add to a text is bounded; a panic of the library is an error and never quotes
//! a text.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tokenizers::Tokenizer;

use crate::bounded;
use crate::error::{ModelError, Result};
use crate::limits;

/// Reads `tokenizer.json`, without its padding and cutting: those are the trainer's work.
pub(super) fn read(path: &Path) -> Result<Tokenizer> {
    let bytes = bounded::read(path, limits::TOKENIZER_BYTES_MAX)?;
    let fault = |reason: String| ModelError::Tokenizer { path: path.to_path_buf(), reason };
    let outline: Outline = serde_json::from_slice(&bytes).map_err(|error| fault(error.to_string()))?;
    outline.require_bounded().map_err(fault)?;
    guarded(|| {
        let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        Ok(tokenizer)
    })
    .map_err(fault)
}

/// Runs the library; its panic is an error.
pub(super) fn guarded<T>(
    run: impl FnOnce() -> std::result::Result<T, String>,
) -> std::result::Result<T, String> {
    // What is left behind by a panic is never used: loading fails, or the record counts as refused and the
    // library's own caches hold whole entries only.
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|_| Err("the tokenizer library gave up on it".to_owned()))
}

/// What must be known of a file before it is loaded; nothing of it is kept.
#[derive(Deserialize)]
struct Outline {
    #[serde(default)]
    added_tokens: Count,
    #[serde(default)]
    normalizer: Steps,
    #[serde(default)]
    pre_tokenizer: Steps,
    #[serde(default)]
    decoder: Steps,
    model: ModelOutline,
}

#[derive(Deserialize)]
struct ModelOutline {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    vocab: Count,
    #[serde(default)]
    merges: Count,
}

impl Outline {
    fn require_bounded(&self) -> std::result::Result<(), String> {
        let within = |what: &str, count: usize, max: usize| {
            if count <= max { Ok(()) } else { Err(format!("it has {count} {what}; at most {max} are read")) }
        };
        match self.model.kind.as_deref() {
            Some("BPE") => {}
            Some(kind) => return Err(format!("its model is {kind:.20}; only BPE is read")),
            None => return Err("its model has no type; only BPE is read".to_owned()),
        }
        let affixes = [&self.model.continuing_subword_prefix, &self.model.end_of_word_suffix];
        if affixes.into_iter().flatten().any(|affix| !affix.is_empty()) {
            return Err(
                "its words have prefixes or suffixes; only byte-level and SentencePiece BPE are read".into(),
            );
        }
        within("tokens", self.model.vocab.0, limits::VOCABULARY_MAX)?;
        within("added tokens", self.added_tokens.0, limits::ADDED_TOKENS_MAX)?;
        within("merges", self.model.merges.0, limits::TOKENIZER_MERGES_MAX)?;
        for (name, steps) in [
            ("normalizer", &self.normalizer),
            ("pre_tokenizer", &self.pre_tokenizer),
            ("decoder", &self.decoder),
        ] {
            within(&format!("steps in its {name}"), steps.count, limits::TOKENIZER_STEPS_MAX)?;
            if steps.unbounded {
                return Err(format!("its {name} is Precompiled, which is not read"));
            }
            if steps.growth > limits::TOKENIZER_GROWTH_MAX {
                let max = limits::TOKENIZER_GROWTH_MAX;
                return Err(format!(
                    "its {name} may make a text {} times as long; at most {max}",
                    steps.growth
                ));
            }
        }
        Ok(())
    }
}

/// Number of entries of an array or object.
#[derive(Default)]
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Counter;
        impl<'de> Visitor<'de> for Counter {
            type Value = Count;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an array or an object")
            }
            fn visit_unit<E>(self) -> std::result::Result<Count, E> {
                Ok(Count(0))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Count, A::Error> {
                let mut count = 0;
                while entries.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Count, A::Error> {
                let mut count = 0;
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }
        deserializer.deserialize_any(Counter)
    }
}

/// A normaliser, pre-tokeniser or decoder: how many steps it has, and how much longer they may make a text
/// together.
struct Steps {
    count: usize,
    growth: usize,
    unbounded: bool,
}

impl Default for Steps {
    fn default() -> Self {
        Self { count: 0, growth: 1, unbounded: false }
    }
}

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let mut steps = Self::default();
        Walk(&mut steps).deserialize(deserializer)?;
        Ok(steps)
    }
}

/// Goes through a value and notes its steps; builds nothing.
struct Walk<'a>(&'a mut Steps);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> std::result::Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<(), A::Error> {
        self.0.count += 1;
        while let Some(key) = entries.next_key::<String>()? {
            match key.as_str() {
                // What a step puts into a text: in the worst case between all its bytes.
                "content" | "prepend" | "replacement" => {
                    if let Some(text) = entries.next_value::<Option<String>>()? {
                        self.0.growth = self.0.growth.saturating_mul(text.len() + 1);
                    }
                }
                "type" => {
                    let kind: Option<String> = entries.next_value()?;
                    self.0.unbounded |= kind.as_deref() == Some("Precompiled");
                }
                _ => entries.next_value_seed(Walk(self.0))?,
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<(), A::Error> {
        while entries.next_element_seed(Walk(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<(), E> {
        Ok(())
    }
}
