//! What transformers generates with the recorded reference models (`make_generation.py`); and with those of
//! any seed: what the generator computes token by token are the reference's logits, and logits with kept keys
//! and values are those of the whole sequence at once. Used by `golden.rs`.

use std::path::Path;

use model::generate::{Finish, GenerateSettings, Generator, Sampler, TextStream};
use model::{Adapter, BaseModel, ChatTokenizer, Compute, Control, LoadOptions, Message, Role, WeightFormat};
use serde_json::Value;

use crate::folder::{Folder, largest_difference};

const REFERENCE: &str = include_str!("../fixtures/generation.json");

fn reference(name: &str) -> Value {
    let all: Value = serde_json::from_str(REFERENCE).unwrap();
    all[name].clone()
}

fn tokens(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| u32::try_from(id.as_u64().unwrap()).unwrap()).collect()
}

pub(crate) fn check(name: &str, folder: &Folder) {
    let dense = folder.base("model", WeightFormat::F32);
    let stored = folder.base("model-bnb-nf4", WeightFormat::Nf4);
    let (first, last) = (folder.adapter("adapter-init", &dense), folder.adapter("adapter-final-nf4", &dense));
    for (base, adapter, name) in [
        (&dense, None, "base"),
        (&dense, Some(&first), "adapter"),
        (&stored, None, "nf4"),
        (&stored, Some(&first), "nf4.adapter"),
    ] {
        against_logits(folder, base, adapter, name);
    }
    let reference = reference(name);
    if reference["model_sha256"].as_str() != Some(folder.model_sha256().as_str()) {
        // Another seed: nothing was recorded of what transformers generates with this model.
        let sequence = folder.rows().swap_remove(0).tokens.repeat(2);
        for (base, adapter) in [(&dense, None), (&dense, Some(&first)), (&stored, Some(&last))] {
            cached_logits(base, adapter, &sequence);
        }
        return;
    }
    let prompt = tokens(&reference["prompt"]);
    greedy(&dense, None, &prompt, &reference["greedy.base"], 1.0);
    greedy(&dense, None, &prompt, &reference["greedy.penalty"], 1.3);
    greedy(&dense, Some(&first), &prompt, &reference["greedy.adapter"], 1.0);
    greedy(&stored, None, &prompt, &reference["greedy.nf4"], 1.0);
    greedy(&stored, Some(&last), &prompt, &reference["greedy.nf4.adapter"], 1.0);
    processed(&dense, &prompt, &reference["processed"]);
    for (base, adapter) in [(&dense, None), (&dense, Some(&first)), (&stored, Some(&last))] {
        cached_logits(base, adapter, &[prompt.clone(), tokens(&reference["greedy.adapter"])].concat());
    }
}

/// Fed token by token, the generator's logits are the reference's; and where these have a clear winner, it is
/// what greedy generation says next.
fn against_logits(folder: &Folder, base: &BaseModel, adapter: Option<&Adapter>, name: &str) {
    let expected = folder.floats(&format!("logits.{name}"));
    let vocabulary = base.config().vocab_size;
    let settings = GenerateSettings { max_tokens: 1, ..GenerateSettings::default() };
    let mut generator = Generator::new(base, adapter).unwrap();
    let mut winners = 0;
    for (index, row) in folder.rows().iter().enumerate() {
        let expected = &expected[index * folder.width() * vocabulary..];
        for length in 1..=row.tokens.len() {
            let expected = &expected[(length - 1) * vocabulary..][..vocabulary];
            let found = generator.next_logits(&row.tokens[..length]).unwrap();
            let worst = largest_difference(&found, expected);
            assert!(worst < 1e-4, "{name} row {index}, {length} tokens: logits differ by {worst}");
            let mut order: Vec<usize> = (0..vocabulary).collect();
            order.sort_by(|a, b| expected[*b].total_cmp(&expected[*a]));
            if expected[order[0]] - expected[order[1]] > 1e-3 {
                let said = generator.generate(&row.tokens[..length], &settings, &mut |_| Control::Continue);
                assert_eq!(said.unwrap().tokens, [u32::try_from(order[0]).unwrap()], "{name} row {index}");
                winners += 1;
            }
        }
    }
    assert!(winners > 10, "{winners} positions have a clear winner");
}

fn greedy(base: &BaseModel, adapter: Option<&Adapter>, prompt: &[u32], expected: &Value, penalty: f64) {
    let expected = tokens(expected);
    let settings = GenerateSettings {
        repetition_penalty: penalty,
        max_tokens: expected.len(),
        ..GenerateSettings::default()
    };
    let mut told = Vec::new();
    let mut generator = Generator::new(base, adapter).unwrap();
    let generated = generator
        .generate(prompt, &settings, &mut |token| {
            told.push(token);
            Control::Continue
        })
        .unwrap();
    assert_eq!(generated.tokens, expected);
    assert_eq!((told, generated.finish), (expected, Finish::MaxTokens));
}

/// The probabilities of the next token, after every processor.
fn processed(base: &BaseModel, prompt: &[u32], cases: &Value) {
    for case in cases.as_array().unwrap() {
        let number = |name: &str| case["settings"][name].as_f64().unwrap();
        let settings = GenerateSettings {
            temperature: number("temperature"),
            top_p: number("top_p"),
            top_k: number("top_k") as usize,
            repetition_penalty: number("repetition_penalty"),
            ..GenerateSettings::default()
        };
        let logits = Generator::new(base, None).unwrap().next_logits(prompt).unwrap();
        let found = Sampler::new(&settings, prompt).candidates(logits);
        assert_eq!(found.len() as u64, case["kept"].as_u64().unwrap(), "{settings:?}");
        assert!((found.iter().map(|(_, probability)| probability).sum::<f64>() - 1.0).abs() < 1e-9);
        for pair in case["top"].as_array().unwrap() {
            let (id, expected) = (pair[0].as_u64().unwrap(), pair[1].as_f64().unwrap());
            let found = found.iter().find(|(found, _)| u64::from(*found) == id).unwrap().1;
            assert!(
                (found - expected).abs() < 1e-5,
                "{settings:?} token {id}: {found} instead of {expected}"
            );
        }
    }
}

/// Fed in uneven runs, then partly forgotten and fed again.
fn cached_logits(base: &BaseModel, adapter: Option<&Adapter>, sequence: &[u32]) {
    let whole = base.logits(adapter, sequence).unwrap();
    let vocabulary = base.config().vocab_size;
    let mut generator = Generator::new(base, adapter).unwrap();
    let mut other = sequence[..20].to_vec();
    other[12] = (other[12] + 1) % u32::try_from(vocabulary).unwrap();
    let lengths = [9, 10, 11, 14, 15, 30, 31, 32, sequence.len(), 20, 21];
    for length in lengths {
        if length == 20 {
            // Another sequence in between: what it shares is kept, the rest must leave no trace.
            generator.next_logits(&other).unwrap();
        }
        let found = generator.next_logits(&sequence[..length]).unwrap();
        let worst = largest_difference(&found, &whole[(length - 1) * vocabulary..][..vocabulary]);
        assert!(worst < 1e-4, "{length} tokens: logits differ by {worst}");
    }
}

/// The tiny Chinese model: prompt, tokens, text in whole characters, the end of the turn, seeds.
#[test]
fn a_chat_model_answers_as_with_transformers() {
    let root = std::env::var_os("SHARED_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), Into::into);
    let model = root.join("models/tiny-qwen2-zh");
    if !model.join("model.safetensors").exists() {
        assert!(
            std::env::var_os("SHARED_DIR").is_none(),
            "SHARED_DIR is set, but {} is not there",
            model.display()
        );
        eprintln!("\n*** SKIPPED: no model in {}; set SHARED_DIR ***\n", model.display());
        return;
    }
    let reference = reference("tiny-qwen2-zh");
    let tokenizer = ChatTokenizer::load(&model).unwrap();
    let options = LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 };
    let base = BaseModel::load(&model, &options).unwrap();
    let question = reference["question"].as_str().unwrap().to_owned();
    let prompt = tokenizer.encode_prompt(&[Message::new(Role::User, question)]).unwrap();
    assert_eq!(prompt, tokens(&reference["prompt"]));
    greedy(&base, None, &prompt, &reference["greedy.base"], 1.0);
    processed(&base, &prompt, &reference["processed"]);
    let mut stream = TextStream::new(&tokenizer);
    let mut text = String::new();
    for token in tokens(&reference["greedy.base"]) {
        text += &stream.push(token).unwrap();
    }
    assert_eq!(text + &stream.finish().unwrap(), reference["text"].as_str().unwrap());

    let settings = GenerateSettings {
        temperature: 0.9,
        top_p: 0.95,
        seed: 11,
        max_tokens: 400,
        stop_tokens: vec![tokenizer.end_of_turn().unwrap()],
        ..GenerateSettings::default()
    };
    let mut generator = Generator::new(&base, None).unwrap();
    let mut answer = |seed| {
        let settings = GenerateSettings { seed, ..settings.clone() };
        generator.generate(&prompt, &settings, &mut |_| Control::Continue).unwrap()
    };
    let (one, again, other) = (answer(11), answer(11), answer(12));
    assert_eq!(one.tokens, again.tokens, "the same seed");
    assert_ne!(one.tokens, other.tokens, "another seed");
    assert_eq!(again.prompt_tokens_computed, 1, "the prompt was kept");
    let ended = [&one, &other].into_iter().filter(|answer| answer.finish == Finish::EndOfTurn);
    assert!(ended.count() > 0, "an answer ends by itself within 400 tokens");
    assert!(!one.tokens.contains(&settings.stop_tokens[0]));
}
