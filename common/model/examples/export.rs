//! Reads a PEFT adapter and writes it in every format but NF4: as a PEFT folder, merged into its base model,
//! and as GGUF files; beside them the greedy answers of this engine. For checking what this crate reads and
//! writes against PEFT, transformers and llama.cpp themselves (see the README, "Checking an export").
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command line talks to its user

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use model::generate::{GenerateSettings, Generator};
use model::train::Control;
use model::{
    Adapter, BaseModel, ChatTokenizer, Compute, GgufSource, GgufType, LoadOptions, Message, ModelConfig,
    ModelError, Role, WeightFormat, export_gguf, export_gguf_adapter, export_merged, load_peft, save_peft,
};

/// Questions whose answers are compared, in the languages of the small model.
const QUESTIONS: [&str; 4] =
    ["你好", "高血压患者应该注意什么？", "What is hypertension?", "孩子发烧 39 度，怎么办？"];

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [model, adapter, out] = arguments.as_slice() else {
        eprintln!("usage: export MODEL_FOLDER ADAPTER_FOLDER OUT_FOLDER");
        return ExitCode::from(1);
    };
    match export(model, adapter, out) {
        Ok(()) => {
            println!("wrote {}", out.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}\n\nhint: {}", error.hint().unwrap_or_default());
            ExitCode::from(1)
        }
    }
}

fn export(model: &Path, adapter: &Path, out: &Path) -> Result<(), ModelError> {
    let read = load_peft(adapter, &ModelConfig::from_dir(model)?)?;
    save_peft(&read, &out.join("adapter"), &model.to_string_lossy())?;
    export_merged(model, &read, &out.join("merged"))?;
    let source = GgufSource { model_folder: model, adapter: &read, name: "example" };
    export_gguf_adapter(source, &out.join("gguf-adapter"), &[])?;
    if !model.join("tokenizer.json").exists() {
        println!("no tokenizer in {}: no merged GGUF files and no answers", model.display());
        return Ok(());
    }
    let base = Adapter::init(&ModelConfig::from_dir(model)?, read.settings(), 0)?;
    let base = GgufSource { adapter: &base, ..source };
    for (name, kind, source) in [
        ("gguf", GgufType::F16, source),
        ("gguf-q8_0", GgufType::Q8_0, source),
        ("gguf-base", GgufType::F16, base),
    ] {
        export_gguf(source, kind, &out.join(name), |_, facts| {
            let gap = &facts.difference;
            println!("{name}: mean |difference| {:e} of mean |weight| {:e}", gap.mean(), gap.mean_weight());
            Ok(Vec::new())
        })?;
    }
    answers(model, &read, &out.join("answers.json"))
}

/// Each question's prompt, its tokens and the greedy answer's, with the adapter, in f32.
fn answers(model: &Path, adapter: &Adapter, path: &Path) -> Result<(), ModelError> {
    let tokenizer = ChatTokenizer::load(model)?;
    let options = LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 };
    let base = BaseModel::load(model, &options)?;
    let stop_tokens = vec![tokenizer.end_of_turn()?];
    let settings = GenerateSettings { max_tokens: 48, stop_tokens, ..GenerateSettings::default() };
    let mut generator = Generator::new(&base, Some(adapter))?;
    let mut all = Vec::new();
    for question in QUESTIONS {
        let messages = [Message::new(Role::User, question)];
        let prompt = tokenizer.encode_prompt(&messages)?;
        let answer = generator.generate(&prompt, &settings, &mut |_| Control::Continue)?.tokens;
        all.push(serde_json::json!({
            "text": tokenizer.render(&messages, true)?, "prompt": prompt, "answer": answer, "question": question,
        }));
    }
    let text = serde_json::Value::from(all).to_string();
    std::fs::write(path, text).map_err(|error| ModelError::io(path, error))
}
