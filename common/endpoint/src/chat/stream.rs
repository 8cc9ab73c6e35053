//! An answer as server-sent events: `data: {...}`, an empty line, and `data: [DONE]` at the end, as OpenAI
//! sends them. Used by `reply`.
//!
//! Invariant: an event is one line, because JSON writes line feeds as `\n`; the texts of all events, one
//! after another, are the answer.

use serde_json::{Value, json};

use super::answer::{Head, finish_reason, usage, with};
use crate::error::EndpointError;
use crate::job::End;

/// Writes the events of one answer.
#[derive(Debug)]
pub struct Events {
    head: Head,
    include_usage: bool,
}

impl Events {
    /// Of this answer; with what it cost at the end if that is asked for.
    #[must_use]
    pub fn new(head: Head, include_usage: bool) -> Self {
        Self { head, include_usage }
    }

    /// The first event: who speaks.
    #[must_use]
    pub fn begin(&self) -> String {
        self.event(&json!({"role": "assistant", "content": ""}), Value::Null)
    }

    /// A part of the answer.
    #[must_use]
    pub fn text(&self, part: &str) -> String {
        self.event(&json!({"content": part}), Value::Null)
    }

    /// A sign of life while nothing is sent: a comment, which clients pass over.
    #[must_use]
    pub fn wait() -> String {
        ": the answer is not ready yet\n\n".to_owned()
    }

    /// The last events; the first of them has the fields of our own.
    #[must_use]
    pub(crate) fn end(&self, end: &End) -> String {
        let last = self.choice(&json!({}), finish_reason(end.finish).into());
        let mut events = line(&with(last, &end.more));
        if self.include_usage {
            let mut last = self.chunk(json!([]));
            last["usage"] = usage(end.usage);
            events.push_str(&line(&last));
        }
        events + "data: [DONE]\n\n"
    }

    /// An answer that broke off: the error in the place of the next event, and no `[DONE]`.
    #[must_use]
    pub fn fail(error: &EndpointError) -> String {
        line(&error.object())
    }

    fn event(&self, delta: &Value, finish_reason: Value) -> String {
        line(&self.choice(delta, finish_reason))
    }

    fn choice(&self, delta: &Value, finish_reason: Value) -> Value {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason});
        self.chunk(json!([choice]))
    }

    fn chunk(&self, choices: Value) -> Value {
        let mut chunk = json!({
            "id": self.head.id,
            "object": "chat.completion.chunk",
            "created": self.head.created_s,
            "model": self.head.model,
            "choices": choices,
        });
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    }
}

fn line(value: &Value) -> String {
    format!("data: {value}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::{Finish, Usage};

    fn parsed(events: &str) -> Vec<Value> {
        let lines = events.split("\n\n").filter(|event| !event.is_empty());
        let data = lines.map(|event| event.strip_prefix("data: ").expect("an event begins with its name"));
        data.map(|data| if data == "[DONE]" { Value::Null } else { serde_json::from_str(data).unwrap() })
            .collect()
    }

    #[test]
    fn a_stream_has_the_answer_its_end_and_what_it_cost_if_asked() {
        let head = Head { id: "chatcmpl-1".into(), created_s: 7, model: "m".into() };
        for include_usage in [false, true] {
            let events = Events::new(head.clone(), include_usage);
            let cost = Usage { prompt_tokens: 3, completion_tokens: 2 };
            let more = json!({"rules": ["r"]}).as_object().unwrap().clone();
            let end = End { usage: cost, finish: Finish::Length, more, has_sources: false };
            let whole = events.begin() + &events.text("高血\n\n") + &events.text("压") + &events.end(&end);
            let seen = parsed(&whole);
            assert_eq!(seen.len(), if include_usage { 6 } else { 5 });
            let texts = seen.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
            assert_eq!(texts.collect::<String>(), "高血\n\n压");
            assert_eq!(seen[3]["choices"][0]["finish_reason"], "length");
            assert_eq!(seen[3]["consilium"]["rules"][0], "r");
            assert!(seen[1].get("consilium").is_none());
            assert_eq!(seen[0]["choices"][0]["delta"]["role"], "assistant");
            assert_eq!(seen[0].get("usage").is_some(), include_usage);
            if include_usage {
                assert_eq!(seen[4]["usage"]["total_tokens"], 5);
                assert_eq!(seen[4]["choices"], json!([]));
            }
            assert_eq!(seen.last(), Some(&Value::Null));
        }
        assert_eq!(parsed(&Events::fail(&EndpointError::TookTooLong))[0]["error"]["code"], "timeout");
    }
}
