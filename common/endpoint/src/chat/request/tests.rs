//! Requests that are good, each beside what is wrong with one that is not.

use serde_json::json;

use super::*;
use crate::chat::turn::Speaker;

/// A request with these fields besides.
fn asked(more: Value) -> Result<Question, EndpointError> {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "什么是高血压？"}]});
    let (Some(body_fields), Some(more)) = (body.as_object_mut(), more.as_object()) else { unreachable!() };
    body_fields.extend(more.clone());
    read(body)
}

#[track_caller]
fn refused(more: Value, param: &str) {
    match asked(more.clone()) {
        Err(EndpointError::Invalid { param: Some(found), sentence }) => {
            assert_eq!(found, param, "{more}");
            assert!(sentence.starts_with(param) || param == "messages", "{sentence}");
        }
        other => panic!("{more}: {other:?}"),
    }
}

#[test]
fn every_supported_field_is_read() {
    let question = asked(json!({
        "temperature": 0.5, "top_p": 0.9, "max_completion_tokens": 7, "max_tokens": 7, "seed": -1,
        "stop": ["a", "b"], "stream": true, "stream_options": {"include_usage": true},
    }))
    .unwrap();
    let expected = Question {
        model: "m".into(),
        turns: vec![Turn { speaker: Speaker::User, text: "什么是高血压？".into() }],
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(7),
        seed: Some(u64::MAX),
        stop: vec!["a".into(), "b".into()],
        stream: true,
        include_usage: true,
    };
    assert_eq!(question, expected);
    assert_eq!(asked(json!({"stop": "x"})).unwrap().stop, ["x"]);
    let nothing = asked(json!({"temperature": null, "stop": null, "stream_options": null})).unwrap();
    assert_eq!(nothing, asked(json!({})).unwrap());
}

#[test]
fn what_clients_send_out_of_habit_passes_and_what_would_be_ignored_is_refused() {
    let habits = json!({
        "n": 1, "frequency_penalty": 0, "presence_penalty": 0.0, "logprobs": false, "top_logprobs": 0,
        "logit_bias": {}, "tools": [], "tool_choice": "none", "parallel_tool_calls": true, "store": false,
        "response_format": {"type": "text"}, "modalities": ["text"], "service_tier": "auto",
        "user": "nobody", "metadata": {}, "functions": null, "function_call": "none",
    });
    assert_eq!(asked(habits).unwrap(), asked(json!({})).unwrap());
    for (more, param) in [
        (json!({"n": 2}), "n"),
        (json!({"frequency_penalty": 0.5}), "frequency_penalty"),
        (json!({"presence_penalty": "0"}), "presence_penalty"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"logit_bias": {"50256": -100}}), "logit_bias"),
        (json!({"tools": [{"type": "function"}]}), "tools"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"modalities": ["audio"]}), "modalities"),
        (json!({"store": true}), "store"),
        (json!({"reasoning_effort": "high"}), "reasoning_effort"),
        (json!({"top_k": 4}), "top_k"),
        (json!({"stream_options": {"include_usage": true}}), "stream_options"),
        (json!({"stream": true, "stream_options": {"other": 1}}), "stream_options.other"),
    ] {
        refused(more, param);
    }
}

#[test]
fn values_out_of_their_range_are_refused() {
    for (more, param) in [
        (json!({"model": 1}), "model"),
        (json!({"model": null}), "model"),
        (json!({"temperature": 2.1}), "temperature"),
        (json!({"temperature": -0.1}), "temperature"),
        (json!({"temperature": "1"}), "temperature"),
        (json!({"top_p": 0}), "top_p"),
        (json!({"top_p": 1.1}), "top_p"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"max_tokens": ANSWER_TOKENS_MAX + 1}), "max_tokens"),
        (json!({"max_tokens": 1.5}), "max_tokens"),
        (json!({"max_tokens": 5, "max_completion_tokens": 6}), "max_completion_tokens"),
        (json!({"seed": 0.5}), "seed"),
        (json!({"stop": ""}), "stop"),
        (json!({"stop": ["a", "b", "c", "d", "e"]}), "stop"),
        (json!({"stop": ["a", 1]}), "stop"),
        (json!({"stop": "x".repeat(STOP_BYTES_MAX + 1)}), "stop"),
        (json!({"stream": "yes"}), "stream"),
    ] {
        refused(more, param);
    }
    for (given, good) in [(2.0, 2.0), (0.0, 0.0), (-0.0, 0.0), (1e-300, 0.0), (9e-6, 0.0), (1e-5, 1e-5)] {
        assert_eq!(asked(json!({"temperature": given})).unwrap().temperature, Some(good), "{given}");
    }
    assert_eq!(asked(json!({"max_tokens": ANSWER_TOKENS_MAX})).unwrap().max_tokens, Some(ANSWER_TOKENS_MAX));
}

#[test]
fn a_conversation_is_read_turn_by_turn() {
    let turns = |messages: Value| asked(json!({"messages": messages})).map(|question| question.turns);
    let said = |role: &str, content: &str| json!({"role": role, "content": content});
    let good = json!([
        said("developer", "Be brief."),
        {"role": "user", "content": [{"type": "text", "text": "你"}, {"type": "text", "text": "好"}]},
        {"role": "assistant", "content": "您好", "refusal": null, "tool_calls": [], "annotations": []},
        said("user", "?"),
    ]);
    let speakers: Vec<(Speaker, String)> =
        turns(good).unwrap().into_iter().map(|turn| (turn.speaker, turn.text)).collect();
    assert_eq!(
        speakers,
        [
            (Speaker::System, "Be brief.".to_owned()),
            (Speaker::User, "你好".to_owned()),
            (Speaker::Assistant, "您好".to_owned()),
            (Speaker::User, "?".to_owned()),
        ]
    );
    for (messages, param) in [
        (json!([]), "messages"),
        (json!("hello"), "messages"),
        (json!([said("user", "a"), said("system", "b"), said("user", "c")]), "messages"),
        (json!([said("user", "a"), said("assistant", "b")]), "messages"),
        (json!([said("tool", "a")]), "messages[0].role"),
        (json!([said("user", " \n")]), "messages[0].content"),
        (json!([{"role": "user", "content": null}]), "messages[0].content"),
        (json!([{"role": "user", "content": [{"type": "image_url"}]}]), "messages[0].content[0].type"),
        (json!([{"role": "user", "content": "a", "name": "b"}]), "messages[0].name"),
        (json!(["a"]), "messages[0]"),
    ] {
        refused(json!({"messages": messages}), param);
    }
    let many: Vec<Value> = (0..=crate::limits::MESSAGES_MAX).map(|_| said("user", "a")).collect();
    refused(json!({"messages": many}), "messages");
}

#[test]
fn no_refusal_quotes_what_was_asked() {
    let secret = "王小明的检查结果";
    for body in [
        json!({"model": "m", "messages": [{"role": secret, "content": secret}]}),
        json!({"model": "m", "messages": secret}),
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}], "stop": [secret, 1]}),
        json!({"model": "m", "messages": [{"role": "user", "content": "a"}], secret.repeat(9): 1}),
        json!([secret]),
    ] {
        let said = read(body).unwrap_err().to_string();
        assert!(!said.contains("王小明"), "{said}");
    }
}
