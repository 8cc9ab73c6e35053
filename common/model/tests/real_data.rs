//! The whole path on real records: dataset file, chat template, tokenizer, model, loss, against transformers.
//!
//! Needs `models/tiny-qwen2-zh` and `data/medqa-zh` in the folder `SHARED_DIR`, else in `../shared` beside
//! the repository; where they are missing, that is said loudly.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test helpers; a skipped test says so")]

use std::path::{Path, PathBuf};

use model::{BaseModel, ChatTokenizer, Compute, Evaluation, LoadOptions, Sample, WeightFormat, evaluate};

fn shared() -> Option<PathBuf> {
    let root = std::env::var_os("SHARED_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    if root.join("models/tiny-qwen2-zh/config.json").exists() && root.join("data/medqa-zh").is_dir() {
        return Some(root);
    }
    assert!(
        std::env::var_os("SHARED_DIR").is_none(),
        "SHARED_DIR is set, but {} is incomplete",
        root.display()
    );
    eprintln!("\n*** SKIPPED: no model and records in {}; set SHARED_DIR ***\n", root.display());
    None
}

/// The consortium's test set as the chat template renders it.
fn test_set(root: &Path) -> Vec<Sample> {
    let tokenizer = ChatTokenizer::load(&root.join("models/tiny-qwen2-zh")).unwrap();
    let path = root.join("data/medqa-zh/consortium-test.alpaca.jsonl");
    let dataset = data::read::read_all(&[path], &data::read::ReadOptions::default()).unwrap();
    assert_eq!((dataset.records.len(), dataset.refused.len()), (317, 0));
    let encode = |record: &data::Record| {
        // Alpaca records: a question and its answer.
        let roles = [model::Role::User, model::Role::Assistant];
        let messages = record.messages().into_iter().zip(roles);
        let messages: Vec<_> =
            messages.map(|((_, content), role)| model::Message::new(role, content)).collect();
        let mut sample = tokenizer.encode(&messages).unwrap();
        sample.truncate(384);
        sample
    };
    dataset.records.iter().map(encode).collect()
}

fn measure(root: &Path, samples: &[Sample], weights: WeightFormat, compute: Compute) -> Evaluation {
    let base =
        BaseModel::load(&root.join("models/tiny-qwen2-zh"), &LoadOptions { weights, compute }).unwrap();
    evaluate(&base, None, samples, 8, &mut |_, _| {}).unwrap()
}

#[test]
fn base_model_has_the_loss_that_transformers_measures() {
    let Some(root) = shared() else { return };
    let samples = test_set(&root);
    // transformers in f32: 5.8699 nats, 13.05 %.
    let exact = measure(&root, &samples, WeightFormat::F32, Compute::F32);
    assert!((exact.loss - 5.8699).abs() < 2e-4, "{exact:?}");
    assert!((exact.token_accuracy - 0.1305).abs() < 2e-4, "{exact:?}");
    // NF4 moves it by 0.2 %, bf16 arithmetic by less.
    let quantised = measure(&root, &samples, WeightFormat::Nf4, Compute::Bf16);
    assert!((quantised.loss / exact.loss - 1.0).abs() < 0.005, "{quantised:?}");
}
