//! A tokenizer and its chat template as metadata. Called by `export::gguf`. Invariant: every row of the
//! embedding has a token.

use super::format::Value;
use crate::chat::Vocabulary;

/// `tokenizer.*`.
pub(super) fn metadata(vocabulary: Vocabulary) -> Vec<(String, Value)> {
    let kinds = vocabulary.tokens.iter().map(|(_, kind)| *kind as i32).collect();
    let texts = vocabulary.tokens.into_iter().map(|(text, _)| text).collect();
    let mut all = vec![
        // Byte-level byte pair encoding.
        ("tokenizer.ggml.model", Value::Text("gpt2".to_owned())),
        ("tokenizer.ggml.pre", Value::Text(vocabulary.rule.to_owned())),
        ("tokenizer.ggml.tokens", Value::Texts(texts)),
        ("tokenizer.ggml.token_type", Value::I32s(kinds)),
        ("tokenizer.ggml.merges", Value::Texts(vocabulary.merges)),
        // Where a file has no end of text llama.cpp takes token 11.
        ("tokenizer.ggml.eos_token_id", Value::U32(vocabulary.end.unwrap_or(vocabulary.end_of_turn))),
        ("tokenizer.ggml.eot_token_id", Value::U32(vocabulary.end_of_turn)),
    ];
    let further = [
        ("tokenizer.ggml.bos_token_id", vocabulary.begin),
        ("tokenizer.ggml.padding_token_id", vocabulary.padding),
    ];
    all.extend(further.into_iter().filter_map(|(key, id)| Some((key, Value::U32(id?)))));
    all.push(("tokenizer.ggml.add_bos_token", Value::Bool(vocabulary.adds_begin)));
    all.push(("tokenizer.ggml.add_eos_token", Value::Bool(vocabulary.adds_end)));
    all.push(("tokenizer.chat_template", Value::Text(vocabulary.template)));
    all.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
