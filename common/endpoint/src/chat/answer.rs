//! Answers and the list of models, as OpenAI writes them. Used by `server` and `stream`.

use serde_json::{Value, json};

use crate::job::{Finish, Usage};

/// What all parts of one answer say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `chatcmpl-` and 24 characters.
    pub id: String,
    /// Seconds since 1970.
    pub created_s: i64,
    /// The name of the model that answered.
    pub model: String,
}

/// OpenAI's word for why an answer ended.
#[must_use]
pub fn finish_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopText => "stop",
        Finish::Length => "length",
    }
}

/// What an answer cost.
#[must_use]
pub fn usage(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    })
}

/// A whole answer.
#[must_use]
pub fn completion(head: &Head, text: &str, cost: Usage, finish: Finish) -> Value {
    json!({
        "id": head.id,
        "object": "chat.completion",
        "created": head.created_s,
        "model": head.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": finish_reason(finish),
        }],
        "usage": usage(cost),
    })
}

/// The one model that is here.
#[must_use]
pub fn model(name: &str, created_s: i64) -> Value {
    json!({"id": name, "object": "model", "created": created_s, "owned_by": "consilium"})
}

/// The list of models.
#[must_use]
pub fn models(name: &str, created_s: i64) -> Value {
    json!({"object": "list", "data": [model(name, created_s)]})
}
