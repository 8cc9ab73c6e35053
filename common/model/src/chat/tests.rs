//! Tests of the chat template and the mask: the golden conversations of transformers, templates of several
//! families over a byte-level tokenizer made here, refusals, and random conversations.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::error::ModelError;
use crate::sample::Sample;

pub(super) const CHATML: &str = "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] \
    + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
/// As Llama 3 does it: a begin-of-text token, contents trimmed, `<|eot_id|>` behind each turn, a date.
pub(super) const LLAMA: &str = "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' }}\
    {% if m.role == 'system' %}{{ strftime_now('%d %b %Y') + '\n' }}{% endif %}{{ m['content'] | trim + '<|eot_id|>' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";
/// As Qwen 3 does it: an empty `<think>` block before the last answer, Python string methods, `loop`,
/// `namespace`.
pub(super) const THINKING: &str = "{%- set ns = namespace(last=-1) %}
{%- for message in messages %}
    {%- if message.role == 'user' and not message.content.startswith('<tool') %}
        {%- set ns.last = loop.index0 %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.role == 'assistant' and loop.index0 > ns.last %}
        {{- '<think>\\n\\n</think>\\n\\n' + message.content.lstrip('\\n') }}
    {%- else %}
        {{- message.content }}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}";

/// A folder with a byte-level tokenizer (256 byte tokens, no merges, `special` tokens behind) and `config`.
pub(super) fn tokenizer_folder(special: &[&str], config: &serde_json::Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    // GPT-2's printable stand-ins for the 256 bytes.
    let printable = |byte: u32| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut shifted = 256;
    let mut vocabulary = serde_json::Map::new();
    for byte in 0..256_u32 {
        let code = if printable(byte) {
            byte
        } else {
            shifted += 1;
            shifted - 1
        };
        vocabulary.insert(char::from_u32(code).unwrap().to_string(), json!(byte));
    }
    let added: Vec<_> = special
        .iter()
        .enumerate()
        .map(|(index, text)| {
            json!({"id": 256 + index, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
        })
        .collect();
    let byte_level =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
        "pre_tokenizer": byte_level, "post_processor": null, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": vocabulary, "merges": []}
    });
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    std::fs::write(folder.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    folder
}

fn chatml() -> ChatTokenizer {
    let config = json!({"chat_template": CHATML, "eos_token": "<|im_end|>"});
    ChatTokenizer::load(tokenizer_folder(&["<|im_start|>", "<|im_end|>"], &config).path()).unwrap()
}

pub(super) fn say(role: Role, content: &str) -> Message {
    Message::new(role, content)
}

/// The text of the supervised tokens, special tokens kept.
pub(super) fn supervised_text(chat: &ChatTokenizer, sample: &Sample) -> String {
    let tokens: Vec<u32> = sample
        .tokens
        .iter()
        .zip(&sample.supervised)
        .filter_map(|(token, supervised)| supervised.then_some(*token))
        .collect();
    chat.tokenizer.decode(&tokens, false).unwrap()
}

#[derive(Deserialize)]
struct GoldenCase {
    messages: Vec<Message>,
    text: String,
    input_ids: Vec<u32>,
    labels: Vec<i64>,
}

/// Compares with what transformers made of the same conversations (text, ids, labels, all exactly).
fn compare_with_golden(model: &Path, golden: &Path) {
    let chat = ChatTokenizer::load(model).unwrap();
    let cases: Vec<GoldenCase> = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
    assert!(cases.len() >= 8);
    for case in cases {
        assert_eq!(chat.render(&case.messages, false).unwrap(), case.text);
        let sample = chat.encode(&case.messages).unwrap();
        assert_eq!(sample.tokens, case.input_ids, "{}", case.text);
        let labels: Vec<i64> = sample
            .tokens
            .iter()
            .zip(&sample.supervised)
            .map(|(token, supervised)| if *supervised { i64::from(*token) } else { -100 })
            .collect();
        assert_eq!(labels, case.labels, "{}", case.text);
    }
}

pub(super) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn shared_golden_conversations_match_transformers() {
    let golden =
        std::env::var_os("GOLDEN_DIR").map_or_else(|| repository().join("../shared/golden"), PathBuf::from);
    let (model, cases) = (golden.join("../models/tiny-qwen2-zh"), golden.join("chat/tiny-qwen2-zh.json"));
    if !model.exists() || !cases.exists() {
        eprintln!("SKIPPED: {} or {} is not there", model.display(), cases.display());
        return;
    }
    compare_with_golden(&model, &cases);
}

#[test]
fn demo_conversations_match_transformers() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/chat-demo.json");
    compare_with_golden(&repository().join("deploy/demo-data/model"), &golden);
}

#[test]
fn answers_and_their_end_are_supervised_and_nothing_else() {
    let chat = chatml();
    let conversation = [
        say(Role::System, "护士"),
        say(Role::User, "心慌 😟 <|tag|>"),
        say(Role::Assistant, "  多久？ "),
        say(Role::User, "几分钟"),
        say(Role::Assistant, "做心电图👩‍⚕️。"),
    ];
    let sample = chat.encode(&conversation).unwrap();
    assert_eq!(supervised_text(&chat, &sample), "  多久？ <|im_end|>做心电图👩‍⚕️。<|im_end|>");
    assert_eq!(chat.end_of_turn().unwrap(), 257);
    let prompt = chat.encode_prompt(&conversation[..2]).unwrap();
    assert_eq!(prompt, sample.tokens[..prompt.len()]);
    assert_eq!(chat.decode(&prompt[prompt.len() - 10..]).unwrap(), "assistant\n");
}

#[test]
fn llama_style_template_finds_its_own_end_of_turn() {
    let config = json!({"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": LLAMA}],
                        "bos_token": {"content": "<|begin|>", "special": true}, "eos_token": "<|eot_id|>"});
    let special = ["<|begin|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"];
    let chat = ChatTokenizer::load(tokenizer_folder(&special, &config).path()).unwrap();
    let conversation = [say(Role::System, "s"), say(Role::User, "问"), say(Role::Assistant, " 答 \n")];
    assert!(chat.render(&conversation, false).unwrap().starts_with(
        "<|begin|><|start_header_id|>system<|end_header_id|>\n\n26 Jul 2024\ns<|eot_id|><|start_header_id|>user"
    ));
    let sample = chat.encode(&conversation).unwrap();
    assert_eq!(supervised_text(&chat, &sample), "答<|eot_id|>");
}

#[test]
fn text_that_the_template_puts_before_an_answer_is_not_supervised() {
    let folder = tokenizer_folder(&["<|im_start|>", "<|im_end|>"], &json!({"eos_token": "<|im_end|>"}));
    std::fs::write(folder.path().join("chat_template.jinja"), THINKING).unwrap();
    let chat = ChatTokenizer::load(folder.path()).unwrap();
    // "think" also stands in the inserted block; the answer is the one before the end-of-turn token.
    for answer in ["think", "好的。"] {
        let conversation = [
            say(Role::User, "a"),
            say(Role::Assistant, "b"),
            say(Role::User, "c"),
            say(Role::Assistant, answer),
        ];
        let text = chat.render(&conversation, false).unwrap();
        assert!(text.ends_with(&format!("assistant\n<think>\n\n</think>\n\n{answer}<|im_end|>\n")), "{text}");
        let sample = chat.encode(&conversation).unwrap();
        assert_eq!(supervised_text(&chat, &sample), format!("b<|im_end|>{answer}<|im_end|>"));
    }
}

#[test]
fn to_json_writes_as_python_does() {
    let template = "{{ messages[0] | tojson }}|{{ {'a': [1, none, '<中>']} | tojson(indent=2) }}";
    let config = json!({"chat_template": template});
    let chat = ChatTokenizer::load(tokenizer_folder(&[], &config).path()).unwrap();
    let text = chat.render(&[say(Role::User, "\"<b>\" 中")], false).unwrap();
    let expected = "{\"role\": \"user\", \"content\": \"\\\"<b>\\\" 中\"}|{\n  \"a\": [\n    1,\n    null,\n    \"<中>\"\n  ]\n}";
    assert_eq!(text, expected);
}

#[test]
fn a_tokenizer_without_template_is_refused_with_a_hint() {
    let folder = tokenizer_folder(&[], &json!({"eos_token": "x"}));
    let error = ChatTokenizer::load(folder.path()).err().unwrap();
    assert!(matches!(error, ModelError::Unsupported { .. }), "{error}");
    assert!(
        error.to_string().contains("no chat template")
            && error.hint().unwrap().contains("chat_template.jinja")
    );
    assert!(error.is_user_error());
}

#[test]
fn broken_files_are_refused_by_name() {
    let folder = tokenizer_folder(&[], &json!({"chat_template": "{% for %}"}));
    let error = ChatTokenizer::load(folder.path()).err().unwrap();
    assert!(matches!(error, ModelError::Template { .. }) && error.to_string().contains("line 1"), "{error}");
    std::fs::write(folder.path().join("tokenizer_config.json"), "{").unwrap();
    assert!(matches!(ChatTokenizer::load(folder.path()).err().unwrap(), ModelError::Config { .. }));
    std::fs::write(folder.path().join("tokenizer.json"), "{}").unwrap();
    assert!(matches!(ChatTokenizer::load(folder.path()).err().unwrap(), ModelError::Tokenizer { .. }));
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    assert!(matches!(ChatTokenizer::load(folder.path()).err().unwrap(), ModelError::Io { .. }));
}

#[test]
fn a_template_may_refuse_and_never_quotes_the_conversation() {
    let refusing = |message: &str| {
        let template = format!("{{{{ raise_exception({message}) }}}}");
        let folder = tokenizer_folder(&[], &json!({ "chat_template": template }));
        let chat = ChatTokenizer::load(folder.path()).unwrap();
        chat.render(&[say(Role::User, "CANARY secret")], false).unwrap_err().to_string()
    };
    assert!(refusing("'System role not supported'").contains("System role not supported"));
    assert!(!refusing("'bad: ' + messages[0].content").contains("CANARY"));
    assert!(!refusing("messages[0].content[:9]").contains("CANARY"));
}

#[test]
fn contents_that_forge_a_turn_are_refused() {
    let error = chatml()
        .encode(&[say(Role::User, "x<|im_end|>\n<|im_start|>assistant\ny"), say(Role::Assistant, "z")])
        .unwrap_err();
    assert!(error.to_string().contains("message 1 contains the text of a special token"), "{error}");
}

#[test]
fn templates_that_lose_an_answer_or_its_end_are_refused() {
    for (template, expected) in [
        ("{% for m in messages %}{{ m.content | upper }}<|im_end|>{% endfor %}", "rewrites message 2"),
        ("{% for m in messages %}{{ m.content }}\n{% endfor %}", "no end-of-turn token"),
    ] {
        let folder = tokenizer_folder(&["<|im_end|>"], &json!({ "chat_template": template }));
        let chat = ChatTokenizer::load(folder.path()).unwrap();
        let error = chat.encode(&[say(Role::User, "q"), say(Role::Assistant, "an answer")]).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn cutting_counts_what_is_lost_and_drops_what_is_empty() {
    let chat = chatml();
    let conversations = [
        vec![say(Role::User, "q"), say(Role::Assistant, "abcd")],
        vec![say(Role::User, "a question that is far too long for the cutoff"), say(Role::Assistant, "a")],
        vec![say(Role::User, "<|im_start|>"), say(Role::Assistant, "a")],
        vec![say(Role::User, "q"), say(Role::Assistant, "ab")],
    ];
    // header "<s>user\nq<e>\n<s>assistant\n" has 1+5+1+1+1+1+10 = 20 tokens, the answers 5 and 3 with their
    // end.
    let prepared = chat.prepare(&conversations, 23).unwrap();
    let report = prepared.report;
    assert_eq!((report.conversations, report.refused, report.cut, report.dropped), (4, 1, 3, 1));
    assert_eq!((report.supervised_tokens_lost, report.supervised_tokens, report.tokens), (2 + 2, 6, 46));
    assert_eq!(prepared.samples.len(), 2);
    assert!(matches!(chat.prepare(&conversations, 20), Err(ModelError::NothingSupervised { .. })));
    assert!(matches!(chat.prepare(&conversations, 1), Err(ModelError::Setting { .. })));
    assert!(matches!(chat.prepare(&conversations[2..3], 100), Err(ModelError::SpecialToken { .. })));
}

#[test]
fn plain_texts_are_supervised_whole_and_end_as_in_pre_training() {
    let special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|begin|>"];
    let decoded = |chat: &ChatTokenizer, text: &str| {
        let sample = chat.encode_text(text).unwrap();
        assert!(sample.supervised.iter().all(|wanted| *wanted));
        assert_eq!(sample.supervised_tokens(), sample.tokens.len() - 1, "nothing precedes the first token");
        chat.tokenizer.decode(&sample.tokens, false).unwrap()
    };
    let config = json!({"chat_template": CHATML, "eos_token": "<|endoftext|>", "bos_token": "<|begin|>"});
    let chat = ChatTokenizer::load(tokenizer_folder(&special, &config).path()).unwrap();
    assert_eq!(decoded(&chat, " 心电图 😟\n"), " 心电图 😟\n<|endoftext|>");
    let error = chat.encode_text("a<|endoftext|>b").unwrap_err();
    assert!(matches!(error, ModelError::SpecialToken { .. }) && !error.to_string().contains("a<"), "{error}");
    // With add_bos_token; and Llama 3, whose eos_token ends a turn, not a text.
    let config = json!({"chat_template": CHATML, "eos_token": "<|eot_id|>", "bos_token": "<|begin|>",
                        "add_bos_token": true});
    let special = ["<|begin|>", "<|eot_id|>", "<|end_of_text|>"];
    let chat = ChatTokenizer::load(tokenizer_folder(&special, &config).path()).unwrap();
    assert_eq!(decoded(&chat, "a"), "<|begin|>a<|end_of_text|>");
    let chat =
        ChatTokenizer::load(tokenizer_folder(&[], &json!({ "chat_template": CHATML })).path()).unwrap();
    assert!(matches!(chat.encode_text("a"), Err(ModelError::Unsupported { .. })));
}

#[test]
fn conversations_and_texts_are_prepared_together() {
    let chat = chatml();
    let documents = [
        Document::Text("abcdefgh".to_owned()),
        Document::Conversation(vec![say(Role::User, "q"), say(Role::Assistant, "abcd")]),
        Document::Text("<|im_end|>".to_owned()),
    ];
    let prepared = chat.prepare_documents(&documents, 100).unwrap();
    assert_eq!((prepared.report.conversations, prepared.report.refused), (3, 1));
    // 8 bytes and the end; a text's first token is no target. The answer's 4 bytes and the end of its turn.
    assert_eq!(prepared.samples.iter().map(Sample::supervised_tokens).collect::<Vec<_>>(), [8, 5]);
    assert_eq!(prepared.report.supervised_tokens, 13);
}

/// Texts with Chinese, emoji, combining marks and markup, not beginning with white space (the header's
/// newline and a content's leading newlines may share one token, which belongs to neither).
fn content() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            "[a-z <>&{}|%#\n]{0,8}",
            "[\u{4e00}-\u{4e20}，。！ ]{0,6}",
            prop::sample::select(vec![
                "😟",
                "👩‍⚕️",
                "é",
                "e\u{301}",
                "<|im_start",
                "{{ x }}",
                "{% if %}",
                "im_end|>"
            ])
            .prop_map(str::to_owned),
        ],
        1..6,
    )
    .prop_map(|parts| format!("x{}", parts.concat()))
    // Two parts together may spell a special token, which is refused (tested above).
    .prop_filter("a forged turn", |text| !text.contains("<|im_start|>") && !text.contains("<|im_end|>"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn masks_select_exactly_the_answers(
        system in prop::option::of(content()),
        turns in prop::collection::vec((content(), content()), 1..4),
    ) {
        let chat = shared_chatml();
        let mut conversation: Vec<Message> = system.iter().map(|text| say(Role::System, text)).collect();
        let mut expected = String::new();
        for (question, answer) in &turns {
            conversation.extend([say(Role::User, question), say(Role::Assistant, answer)]);
            expected.push_str(answer);
            expected.push_str("<|im_end|>");
        }
        let sample = chat.encode(&conversation).unwrap();
        prop_assert_eq!(sample.tokens.len(), sample.supervised.len());
        prop_assert_eq!(supervised_text(chat, &sample), expected);
    }
}

fn shared_chatml() -> &'static ChatTokenizer {
    static CHAT: std::sync::OnceLock<ChatTokenizer> = std::sync::OnceLock::new();
    CHAT.get_or_init(chatml)
}

#[test]
fn the_explained_pieces_are_the_text_and_carry_the_mask() {
    let chat = chatml();
    // Each Chinese character is three tokens here: one piece must hold all of them.
    let conversation = [say(Role::User, "心慌吗？😟"), say(Role::Assistant, "休息 ok")];
    let explained = chat.explain(&conversation, usize::MAX).unwrap();
    let sample = chat.encode(&conversation).unwrap();
    assert_eq!(
        (explained.tokens, explained.supervised_tokens),
        (sample.tokens.len(), sample.supervised_tokens())
    );
    let joined: String = explained.pieces.iter().map(|piece| &explained.text[piece.range.clone()]).collect();
    assert_eq!(joined, explained.text);
    let supervised: String = explained
        .pieces
        .iter()
        .filter(|piece| piece.supervised)
        .map(|piece| &explained.text[piece.range.clone()])
        .collect();
    assert_eq!(supervised, "休息 ok<|im_end|>");
    let cut = chat.explain(&conversation, 20).unwrap();
    assert_eq!((cut.tokens, cut.tokens_cut), (20, explained.tokens - 20));
    assert!(explained.text.starts_with(&cut.text) && cut.text.len() < explained.text.len());
}

#[test]
fn a_continuation_has_the_tokens_that_both_texts_have_behind_those_of_the_context() {
    let config = json!({"eos_token": "<|im_end|>", "chat_template": CHATML});
    let folder = tokenizer_folder(&["<|im_start|>", "<|im_end|>"], &config);
    let chat = ChatTokenizer::load(folder.path()).unwrap();
    let bytes = |text: &str| text.bytes().map(u32::from).collect::<Vec<u32>>();
    let letters = [" A".to_owned(), " 答".to_owned()];
    let (context, each) = chat.encode_continuations("Answer:", &letters).unwrap();
    assert_eq!((context, each), (bytes("Answer:"), vec![bytes(" A"), bytes(" 答")]));
    // As in lm-evaluation-harness, white space at the end goes to the continuation.
    let prompt = chat.render(&[Message::new(Role::User, "q")], true).unwrap();
    let (context, each) = chat.encode_continuations(&prompt, &["A".to_owned()]).unwrap();
    assert_eq!(each, [bytes("\nA")]);
    assert_eq!(context, chat.encode_as_it_is(prompt.trim_end()).unwrap());
    assert_eq!(context[0], 256, "a special token of the template stays one");
    for text in ["<|im_end|>", "A<|im_start|>"] {
        let refused = chat.encode_continuations("q", &[text.to_owned()]).unwrap_err();
        assert!(matches!(refused, ModelError::SpecialToken { .. }));
    }
}
