//! Tests of the templates of reasoning models: a prefilled `<think>`, reasoning taken out of earlier answers
//! or written with other white space; and of answers that a loss switch keeps from being learnt. Run by
//! `cargo test`.

use serde_json::json;

use super::tests::{CHATML, say, supervised_text, tokenizer_folder};
use super::*;

/// As DeepSeek-R1 and its distils do it: the prompt for an answer ends in `<think>`, and no answer keeps its
/// reasoning.
const PREFILLED: &str = "{%- for m in messages -%}
{%- if m.role == 'assistant' -%}
{{- '<|im_start|>assistant\n' + m.content.split('</think>')[-1] + '<|im_end|>\n' -}}
{%- else -%}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' -}}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n<think>\n' -}}{%- endif -%}";
/// The same prompt, but answers as they stand.
const PREFILLED_AND_KEPT: &str = "{%- for m in messages -%}
{{- '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n<think>\n' -}}{%- endif -%}";
/// As Qwen 3 does it: the reasoning of the answers behind the last question is written anew, others lose it.
const REWRITTEN: &str = "{%- set ns = namespace(last=0) -%}
{%- for m in messages -%}{%- if m.role == 'user' -%}{%- set ns.last = loop.index0 -%}{%- endif -%}{%- endfor -%}
{%- for m in messages -%}
{%- set content = m.content -%}
{%- set thought = '' -%}
{%- if m.role == 'assistant' and '</think>' in content -%}
{%- set thought = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') -%}
{%- set content = content.split('</think>')[-1].lstrip('\n') -%}
{%- endif -%}
{{- '<|im_start|>' + m.role + '\n' -}}
{%- if m.role == 'assistant' and loop.index0 > ns.last -%}
{{- '<think>\n' + thought.strip('\n') + '\n</think>\n\n' + content.lstrip('\n') -}}
{%- else -%}{{- content -}}{%- endif -%}
{{- '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}";

fn with(template: &str) -> ChatTokenizer {
    let config = json!({"eos_token": "<|im_end|>"});
    let folder = tokenizer_folder(&["<|im_start|>", "<|im_end|>"], &config);
    std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
    ChatTokenizer::load(folder.path()).unwrap()
}

fn learnt(template: &str, answers: &[&str]) -> String {
    let chat = with(template);
    let turns = answers.iter().flat_map(|answer| [say(Role::User, "q"), say(Role::Assistant, answer)]);
    supervised_text(&chat, &chat.encode(&turns.collect::<Vec<_>>()).unwrap())
}

#[test]
fn what_the_template_writes_of_an_answer_is_what_is_learnt() {
    for (template, answers, expected) in [
        (PREFILLED, ["先休息。", "看医生。"].as_slice(), "先休息。<|im_end|>看医生。<|im_end|>"),
        (PREFILLED, &["<think>\nx\n</think>\n\n先休息。"], "\n\n先休息。<|im_end|>"),
        (PREFILLED, &["<think>x</think>a", "<think>y</think>b"], "a<|im_end|>b<|im_end|>"),
        (PREFILLED, &["<thin", "  a\n"], "<thin<|im_end|>  a\n<|im_end|>"),
        (PREFILLED_AND_KEPT, &["<think>\nx\n</think>\n\na"], "<think>\nx\n</think>\n\na<|im_end|>"),
        (PREFILLED_AND_KEPT, &["a"], "a<|im_end|>"),
        (REWRITTEN, &["a", "b"], "a<|im_end|>b<|im_end|>"),
        (REWRITTEN, &["<think>x</think>a"], "<think>\nx\n</think>\n\na<|im_end|>"),
        (
            REWRITTEN,
            &["<think>\nx\n</think>\n\na", "<think>\ny\n</think>\n\nb"],
            "a<|im_end|><think>\ny\n</think>\n\nb<|im_end|>",
        ),
        (REWRITTEN, &["<think>\n\n</think>\n\na"], "<think>\n\n</think>\n\na<|im_end|>"),
    ] {
        assert_eq!(learnt(template, answers), expected, "{answers:?}");
    }
}

#[test]
fn an_answer_of_reasoning_alone_cannot_be_told_apart_where_it_is_taken_out() {
    let chat = with(PREFILLED);
    let error = chat.encode(&[say(Role::User, "q"), say(Role::Assistant, "<think>x</think>")]).unwrap_err();
    assert!(error.to_string().contains("rewrites message 2"), "{error}");
}

#[test]
fn an_answer_that_is_switched_off_is_read_and_not_learnt() {
    let chat = with(CHATML);
    let mut conversation = [
        say(Role::User, "q"),
        say(Role::Assistant, "bad"),
        say(Role::User, "r"),
        say(Role::Assistant, "good"),
    ];
    conversation[1].is_learnt = false;
    let sample = chat.encode(&conversation).unwrap();
    assert_eq!(supervised_text(&chat, &sample), "good<|im_end|>");
    assert_eq!(
        sample.tokens,
        chat.encode(&[
            say(Role::User, "q"),
            say(Role::Assistant, "bad"),
            say(Role::User, "r"),
            say(Role::Assistant, "good"),
        ])
        .unwrap()
        .tokens
    );
}
