//! What a hostile model folder does with its template and its tokenizer. Run by `cargo test`.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::tests::tokenizer_folder;
use super::*;
use crate::error::ModelError;

/// Far above what a refusal takes, far below what the attacks ask for.
const SOON: Duration = Duration::from_secs(5);

fn conversation() -> [Message; 2] {
    let say = |role, content: &str| Message::new(role, content);
    [say(Role::User, "What helps?"), say(Role::Assistant, "Rest.")]
}

/// What is said of a template, at loading or at the first rendering.
fn refusal(template: &str) -> ModelError {
    let folder = tokenizer_folder(&["<|im_end|>"], &json!({ "chat_template": template }));
    let begun = Instant::now();
    let error = match ChatTokenizer::load(folder.path()) {
        Err(error) => error,
        Ok(chat) => match chat.render(&conversation(), false) {
            Err(error) => error,
            Ok(text) => panic!("{} bytes from {template:.60}", text.len()),
        },
    };
    assert!(begun.elapsed() < SOON, "{template:.60}: {:?}", begun.elapsed());
    assert!(error.is_user_error() && error.hint().is_some());
    error
}

fn assert_spent(template: &str, rule: &str) {
    match refusal(template) {
        ModelError::TemplateSpent { rule: named } => assert!(named.contains(rule), "{template:.60}: {named}"),
        other => panic!("{template:.60}: {other}"),
    }
}

#[test]
fn a_template_that_never_ends_or_eats_memory_is_refused_by_its_rule() {
    let nested =
        "{% for a in range(9999) %}{% for b in range(9999) %}{% set x = b %}{% endfor %}{% endfor %}";
    assert_spent(nested, "steps");
    let doubling = "{% set ns = namespace(a='xxxxxxxxxxxxxxxx') %}{% for i in range(60) %}\
                    {% set ns.a = ns.a ~ ns.a %}{% endfor %}{{ ns.a }}";
    assert_spent(doubling, "steps");
    assert_spent("{{ 'a' * 100000000000 }}", "steps");
    assert_spent("{{ 'a' | indent(100000000000) }}", "steps");
    assert_spent("{{ '%100000000000d' | format(1) }}", "steps");
    assert_spent("{{ 'aaaaaaaaaaaaaaaa'.replace('', 'x' * 100000) * 30 }}", "steps");
    assert_spent("{% for a in range(1000) %}{{ 'x' * 500 }}{% endfor %}", "bytes");
    // The library would make the blanks before it counts them.
    assert!(refusal("{{ '{:100000000000d}'.format(1) }}").to_string().contains("format"));
    assert!(refusal("{{ '{:{w}}'.format(1, w=100000000000) }}").to_string().contains("format"));
}

#[test]
fn a_value_that_contains_itself_is_not_written_out_as_json() {
    let shared = "{% set ns = namespace(a=[1]) %}{% for i in range(40) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}\
                  {{ ns.a | tojson | length }}";
    assert!(refusal(shared).to_string().contains("template"));
}

#[test]
fn a_template_that_goes_deep_is_refused_before_the_stack_ends() {
    for (chain, rule) in [
        (format!("{{{{ {}1 }}}}", "1+".repeat(50_000)), "words in one tag"),
        (format!("{{{{ {}1 }}}}", "-".repeat(100_000)), "words in one tag"),
        (format!("{{{{ {}1 }}}}", "not ".repeat(50_000)), "words in one tag"),
        (format!("{{{{ a{} }}}}", ".b".repeat(50_000)), "words in one tag"),
        (format!("{{{{ '}}}}'{} }}}}", "|string".repeat(20_000)), "words in one tag"),
        (format!("{{% if a %}}{}{{% endif %}}", "{% elif b %}".repeat(10_000)), "tags"),
        (format!("{{{{ 1 }}}}{}", " ".repeat(300_000)), "bytes of template"),
    ] {
        assert_spent(&chain, rule);
    }
    // The most that is parsed, on the stack of a thread.
    let most = [
        format!("{{{{ {}1 }}}}", "-".repeat(900)),
        format!("{{% if false %}}{}{{% endif %}}", "{% elif false %}".repeat(1_000)),
    ];
    for template in most {
        let folder = tokenizer_folder(&[], &json!({ "chat_template": template }));
        ChatTokenizer::load(folder.path()).unwrap().render(&conversation(), false).unwrap();
    }
    assert!(refusal(&"{% if true %}".repeat(1_000)).to_string().contains("template"));
    assert!(refusal("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}").to_string().contains("template"));
    // A list in a list, as often as the steps allow: dropping it goes as deep.
    let deep = "{% set ns = namespace(a=[1]) %}{% for i in range(9999) %}{% for j in range(9999) %}\
                {% set ns.a = [ns.a] %}{% endfor %}{% endfor %}";
    assert_spent(deep, "steps");
}

#[test]
fn a_spent_template_ends_the_preparation_at_once() {
    let template =
        "{% for a in range(9999) %}{% for b in range(9999) %}{% set x = b %}{% endfor %}{% endfor %}";
    let folder = tokenizer_folder(&["<|im_end|>"], &json!({ "chat_template": template }));
    let chat = ChatTokenizer::load(folder.path()).unwrap();
    let begun = Instant::now();
    let error = chat.prepare(&vec![conversation(); 10_000], 512).unwrap_err();
    assert!(matches!(error, ModelError::TemplateSpent { .. }) && begun.elapsed() < SOON, "{error}");
}

#[test]
fn published_templates_are_far_from_every_bound() {
    let long: Vec<Message> = (0..400)
        .map(|turn| {
            Message::new(if turn % 2 == 0 { Role::User } else { Role::Assistant }, "words ".repeat(50))
        })
        .collect();
    for template in [tests::CHATML, tests::LLAMA, tests::THINKING] {
        let config = json!({ "chat_template": template, "bos_token": "<|begin_of_text|>" });
        let special =
            ["<|im_end|>", "<|im_start|>", "<|eot_id|>", "<|begin_of_text|>", "<|start_header_id|>"];
        let folder = tokenizer_folder(&special, &config);
        let chat = ChatTokenizer::load(folder.path()).unwrap();
        chat.encode(&long).unwrap();
        chat.encode(&conversation()).unwrap();
    }
}

/// tokenizer.json of a good folder, changed.
fn with_tokenizer(change: impl FnOnce(&mut Value)) -> Result<ChatTokenizer, String> {
    let folder = tokenizer_folder(&["<|im_end|>"], &json!({ "chat_template": tests::CHATML }));
    let path = folder.path().join("tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut tokenizer);
    std::fs::write(&path, tokenizer.to_string()).unwrap();
    load(folder.path())
}

fn load(folder: &Path) -> Result<ChatTokenizer, String> {
    let begun = Instant::now();
    let loaded = ChatTokenizer::load(folder).map_err(|error| {
        assert!(error.is_user_error() && error.hint().is_some());
        error.to_string()
    });
    assert!(begun.elapsed() < SOON);
    loaded
}

#[test]
fn a_tokenizer_that_panics_grows_or_is_of_another_kind_is_refused_by_name() {
    let refused = |what: &str, change: &dyn Fn(&mut Value)| match with_tokenizer(change) {
        Err(said) => assert!(said.contains("tokenizer.json") && said.contains(what), "{what}: {said}"),
        Ok(_) => panic!("{what}: loaded"),
    };
    // `"b"[2..]` in the library.
    refused("prefixes", &|file| {
        file["model"]["continuing_subword_prefix"] = json!("##");
        file["model"]["merges"] = json!([["a", "b"]]);
    });
    refused("gave up", &|file| {
        // Longer together than every word of the vocabulary: beyond the end of the library's buffer.
        file["model"]["merges"] = json!([["\u{100}", "\u{100}"]]);
    });
    refused("only BPE", &|file| file["model"]["type"] = json!("WordPiece"));
    refused("no type", &|file| {
        file["model"].as_object_mut().unwrap().remove("type");
    });
    let doubling = json!({ "type": "Replace", "pattern": { "Regex": "" }, "content": "x" });
    refused("times as long", &|file| {
        file["normalizer"] = json!({ "type": "Sequence", "normalizers": vec![&doubling; 20] });
    });
    refused("times as long", &|file| {
        let wide = json!({ "type": "Replace", "pattern": { "String": "a" }, "content": "x".repeat(100_000) });
        file["decoder"] = json!({ "type": "Sequence", "decoders": [wide] });
    });
    refused("steps", &|file| {
        file["normalizer"] =
            json!({ "type": "Sequence", "normalizers": vec![json!({ "type": "NFC" }); 100] });
    });
    refused("Precompiled", &|file| {
        file["normalizer"] = json!({ "type": "Precompiled", "precompiled_charsmap": "" });
    });
    refused("added tokens", &|file| {
        let token = file["added_tokens"][0].clone();
        file["added_tokens"] = json!(vec![token; 20_000]);
    });
    refused("recursion", &|file| {
        let mut deep = json!({ "type": "NFC" });
        for _ in 0..80 {
            deep = json!({ "type": "Sequence", "normalizers": [deep] });
        }
        file["normalizer"] = deep;
    });
    with_tokenizer(|_| {}).unwrap();
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let folder = tokenizer_folder(&[], &json!({ "chat_template": tests::CHATML }));
    let path = folder.path().join("tokenizer.json");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    assert!(load(folder.path()).err().unwrap().contains("no regular file"));
}
