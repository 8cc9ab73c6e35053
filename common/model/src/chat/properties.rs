//! Run by `cargo test`. Property: rendering then masking selects exactly the assistant's tokens, for any
//! conversation, with every template at hand: three families over a byte-level tokenizer (each byte a token,
//! so that boundaries are exact), the demo's model, and all model folders with a template in
//! `../shared/models` and `../shared/golden`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::json;
use tokenizers::{NormalizedString, Normalizer as _};

use super::tests::{CHATML, LLAMA, THINKING, repository, say, supervised_text, tokenizer_folder};
use super::*;
use crate::error::ModelError;

/// A tokenizer with its template, and what the property needs to know of it.
struct Family {
    name: String,
    chat: ChatTokenizer,
    /// Text of the token that ends an answer.
    end: String,
    /// Tokens may span the border between what the template writes and a content's own white space.
    merges: bool,
}

fn family(name: &str, folder: &Path, merges: bool) -> Family {
    let chat = ChatTokenizer::load(folder).unwrap();
    let end = chat.tokenizer.decode(&[chat.end_of_turn().unwrap()], false).unwrap();
    Family { name: name.to_owned(), chat, end, merges }
}

impl Family {
    /// The text as the tokenizer's own normaliser leaves it (Qwen2: NFC), which is what its tokens decode to.
    fn normal(&self, text: &str) -> String {
        let mut normal = NormalizedString::from(text);
        if let Some(normalizer) = self.chat.tokenizer.get_normalizer() {
            normalizer.normalize(&mut normal).unwrap();
        }
        normal.get().to_owned()
    }
}

fn families() -> &'static [Family] {
    static FAMILIES: OnceLock<Vec<Family>> = OnceLock::new();
    FAMILIES.get_or_init(|| {
        let llama = ["<|begin|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"];
        let chatml = ["<|im_start|>", "<|im_end|>"];
        let bytes: [(&str, &str, &[&str], serde_json::Value); 3] = [
            ("ChatML", CHATML, &chatml, json!({"eos_token": "<|im_end|>"})),
            ("Llama 3", LLAMA, &llama, json!({"bos_token": "<|begin|>", "eos_token": "<|eot_id|>"})),
            ("Qwen 3", THINKING, &chatml, json!({"eos_token": "<|im_end|>"})),
        ];
        let mut all = Vec::new();
        for (name, template, special, config) in bytes {
            let folder = tokenizer_folder(special, &config);
            std::fs::write(folder.path().join("chat_template.jinja"), template).unwrap();
            all.push(family(name, folder.path(), false));
        }
        all.push(family("demo", &repository().join("deploy/demo-data/model"), true));
        let shared = shared_folders();
        if shared.is_empty() {
            eprintln!("SKIPPED: no models with a chat template in ../shared/models or ../shared/golden");
        }
        all.extend(shared.iter().map(|folder| family(&folder.display().to_string(), folder, true)));
        all
    })
}

/// Folders with a tokenizer and a chat template beside the golden files.
fn shared_folders() -> Vec<PathBuf> {
    let golden =
        std::env::var_os("GOLDEN_DIR").map_or_else(|| repository().join("../shared/golden"), PathBuf::from);
    let mut found = Vec::new();
    let mut waiting = vec![(golden.join("../models"), 0), (golden, 0)];
    while let Some((folder, depth)) = waiting.pop() {
        let has_template = folder.join("chat_template.jinja").exists()
            || std::fs::read_to_string(folder.join("tokenizer_config.json"))
                .is_ok_and(|text| text.contains("chat_template"));
        if has_template && folder.join("tokenizer.json").exists() {
            found.push(folder);
        } else if depth < 3 {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            waiting.extend(entries.map(|entry| (entry.path(), depth + 1)).filter(|(path, _)| path.is_dir()));
        }
    }
    found.sort();
    found
}

/// Chinese, English, emoji, combining marks, markup, numbers, any white space, anywhere. Not blank, as
/// records are not.
fn content() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        3 => "[a-zA-Z0-9 .,;:!?'<>&{}|%#/\\\\\"\\[\\]()_*`~=+-]{0,10}",
        3 => "[\u{4e00}-\u{9fa5}，。！？：；、（）“”]{0,8}",
        2 => "[ \t\r\n\u{3000}\u{a0}]{0,4}",
        1 => "\\PC{0,4}",
        2 => prop::sample::select(vec![
            "😟", "👩‍⚕️", "🇨🇳", "é", "e\u{301}", "\u{200b}", "\u{feff}", "龘𠮷", "３６．５℃", "<|im_start", "im_end|>",
            "<think>", "</think>", "{{ x }}", "{% if %}", "assistant\n", "user\n", "system\n", "\n\n\n", "Ⅳ", "ﬁ",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 1..7)
        .prop_map(|pieces| pieces.concat())
        .prop_filter("blank", |text| !text.trim().is_empty())
}

/// What a template may make of an answer: itself, without outer white space, or without line feeds before it.
fn variants(family: &Family, answer: &str) -> Vec<String> {
    [answer, answer.trim(), answer.trim_start_matches('\n'), answer.trim_start(), answer.trim_end()]
        .map(|variant| family.normal(variant))
        .into()
}

fn mask_is_exact(family: &Family, conversation: &[Message]) -> Result<(), TestCaseError> {
    let contents = || conversation.iter().map(|message| message.content.as_str());
    // Parts may spell a special token, which is refused (and tested) elsewhere.
    if contents().any(|text| family.chat.special_tokens.iter().any(|token| text.contains(token))) {
        return Ok(());
    }
    // Qwen 3 puts the thinking block before the answers behind the last question, so that a later question
    // changes how an answer before a tool's reply is rendered. Such a conversation is refused as a whole,
    // never masked wrongly.
    let last_question = conversation.iter().rposition(|message| message.role == Role::User).unwrap_or(0);
    let is_rewritten = family.name == "Qwen 3"
        && conversation[..last_question].iter().any(|message| message.role == Role::Tool);
    let sample = match family.chat.encode(conversation) {
        Err(ModelError::Template { reason }) if is_rewritten && reason.contains("rewrites") => return Ok(()),
        Err(error) => return Err(TestCaseError::fail(format!("{}: {error}", family.name))),
        Ok(sample) => sample,
    };
    prop_assert_eq!(sample.tokens.len(), sample.supervised.len());
    let supervised = supervised_text(&family.chat, &sample);
    let runs: Vec<&str> = supervised.split(family.end.as_str()).collect();
    let answers: Vec<&str> = conversation
        .iter()
        .filter(|message| message.role == Role::Assistant)
        .map(|message| message.content.as_str())
        .collect();
    // Each answer, then the end of its turn; nothing behind the last.
    prop_assert_eq!(runs.len(), answers.len() + 1, "{}: {:?}", family.name, supervised);
    prop_assert_eq!(runs[answers.len()], "", "{}", family.name);
    for (run, answer) in runs.iter().zip(&answers) {
        let variants = variants(family, answer);
        let is_exact = variants.iter().any(|variant| variant == run);
        // A token that holds the header's line feed and the answer's own first white space belongs to
        // neither.
        let is_exact_but_for_the_border = family.merges
            && variants
                .iter()
                .any(|whole| whole.strip_suffix(run).is_some_and(|border| border.trim().is_empty()));
        prop_assert!(is_exact || is_exact_but_for_the_border, "{}: {:?} of {:?}", family.name, run, answer);
    }
    // What is not supervised is the rest of the rendered text, so no token is in both or in none.
    let text = family.chat.render(conversation, false).unwrap();
    let prompt: Vec<u32> = sample
        .tokens
        .iter()
        .zip(&sample.supervised)
        .filter_map(|(token, supervised)| (!supervised).then_some(*token))
        .collect();
    let prompt = family.chat.tokenizer.decode(&prompt, false).unwrap();
    prop_assert_eq!(
        prompt.len() + supervised.len(),
        family.normal(&text).len(),
        "{}: {:?}",
        family.name,
        text
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn every_template_supervises_exactly_the_answers(
        system in prop::option::of(content()),
        turns in prop::collection::vec((content(), content(), any::<bool>()), 1..4),
    ) {
        let mut conversation: Vec<Message> = system.iter().map(|text| say(Role::System, text)).collect();
        for (index, (question, answer, from_tool)) in turns.iter().enumerate() {
            let asks = if index > 0 && *from_tool { Role::Tool } else { Role::User };
            conversation.extend([say(asks, question), say(Role::Assistant, answer)]);
        }
        for family in families() {
            mask_is_exact(family, &conversation)?;
        }
    }
}

#[test]
fn the_templates_at_hand_are_found() {
    let names: Vec<&str> = families().iter().map(|family| family.name.as_str()).collect();
    assert!(names.len() >= 4, "{names:?}");
    assert!(
        shared_folders().is_empty() || names.iter().any(|name| name.contains("tiny-qwen2-zh")),
        "{names:?}"
    );
}
