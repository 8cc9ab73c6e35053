//! Answers and the list of models, as OpenAI writes them. Used by `server` and `stream`.

use serde_json::{Map, Value, json};

use crate::job::{End, Finish, Usage};

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
        Finish::Withheld => "content_filter",
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

/// The field that has what OpenAI has no field for.
pub(crate) const OURS: &str = "consilium";

/// A document with fields of our own, where there are some.
pub(crate) fn with(mut document: Value, more: &Map<String, Value>) -> Value {
    if !more.is_empty() {
        document[OURS] = Value::Object(more.clone());
    }
    document
}

/// A whole answer.
pub(crate) fn completion(head: &Head, text: &str, end: &End) -> Value {
    let document = json!({
        "id": head.id,
        "object": "chat.completion",
        "created": head.created_s,
        "model": head.model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": finish_reason(end.finish),
        }],
        "usage": usage(end.usage),
    });
    with(document, &end.more)
}

/// The one model that is here.
#[must_use]
pub fn model(name: &str, created_s: i64, more: &Map<String, Value>) -> Value {
    let document = json!({"id": name, "object": "model", "created": created_s, "owned_by": "consilium"});
    with(document, more)
}

/// The list of models.
#[must_use]
pub fn models(name: &str, created_s: i64, more: &Map<String, Value>) -> Value {
    json!({"object": "list", "data": [model(name, created_s, more)]})
}
