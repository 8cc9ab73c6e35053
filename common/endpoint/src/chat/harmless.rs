//! Fields of OpenAI's that this server does not have, with the values that ask for nothing: clients send them
//! out of habit. Called by `request`. Invariant: any other value is refused, because an answer that ignores
//! it would not be what was asked for.

use serde_json::{Value, json};

use super::fields::Fields;
use crate::error::EndpointError;

/// Takes them out.
pub(super) fn take(fields: &mut Fields) -> Result<(), EndpointError> {
    let is_zero = |value: &Value| value.as_f64() == Some(0.0);
    let is_off = |value: &Value| value == &Value::Bool(false);
    let is_empty_list = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    let is_empty_object = |value: &Value| value.as_object().is_some_and(serde_json::Map::is_empty);
    fields.only("n", &|value| value.as_f64() == Some(1.0), "must be 1: one answer a request")?;
    for name in ["frequency_penalty", "presence_penalty", "top_logprobs"] {
        fields.only(name, &is_zero, "must be 0 or absent: this server does not have it")?;
    }
    for name in ["logprobs", "store"] {
        fields.only(name, &is_off, "must be false or absent: this server does not have it")?;
    }
    for name in ["logit_bias", "metadata"] {
        fields.only(name, &is_empty_object, "must be empty or absent: this server does not have it")?;
    }
    for name in ["tools", "functions"] {
        fields.only(name, &is_empty_list, "must be empty or absent: the model calls no tools")?;
    }
    for name in ["tool_choice", "function_call"] {
        let nobody = |value: &Value| matches!(value.as_str(), Some("none" | "auto"));
        fields.only(name, &nobody, "must be none, auto or absent: the model calls no tools")?;
    }
    fields.only("parallel_tool_calls", &Value::is_boolean, "must be true, false or absent")?;
    let text = json!({"type": "text"});
    fields.only("response_format", &|value| *value == text, "must be {\"type\": \"text\"} or absent")?;
    fields.only("modalities", &|value| *value == json!(["text"]), "must be [\"text\"] or absent")?;
    let usual = |value: &Value| matches!(value.as_str(), Some("auto" | "default"));
    fields.only("service_tier", &usual, "must be auto, default or absent")?;
    // Whom the client asks for. It changes no answer; it is neither kept nor logged.
    fields.only("user", &Value::is_string, "must be a text or absent")
}
