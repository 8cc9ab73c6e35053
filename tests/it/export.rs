//! What a run publishes loads elsewhere: the PEFT folder has exactly the tensors PEFT expects, and
//! the merged folder is a model that scores as base and adapter do together.

use std::path::Path;

use anyhow::{Context as _, Result};
use model::LoraSettings;
use safetensors::{Dtype, SafeTensors};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, copy_folder};

#[test]
fn the_published_adapter_is_a_peft_adapter_and_merges_into_a_model() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    let folder = |name: &str| small.folder.path().join(name);
    for format in ["peft", "merged"] {
        let to = folder(format);
        let to = to.to_str().context("a UTF-8 path")?;
        consortium.coordinator.run(&["export", &run, "--format", format, to], COMMAND_WITHIN)?.success()?;
    }
    the_folder_is_for_others(&consortium, &run, small.folder.path())?;
    consortium.stop();
    let blob = consortium.coordinator.state().join("blobs").join(&status.adapter);
    let settings = check_peft(&folder("peft"), &small.setup.model, &blob)?;
    check_merged(&small, &folder("peft"), &folder("merged"), &settings)
}

#[test]
fn a_run_whose_base_model_has_moved_is_exported_from_where_it_is_now() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let folder = |name: &str| small.folder.path().join(name);
    copy_folder(&small.setup.model, &folder("model"))?;
    let mut run_file = tests::run_file::RunFile::read(&small.run_file)?;
    run_file.set_path("model", &folder("model"))?;
    run_file.write(&small.run_file)?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.stop();
    std::fs::rename(folder("model"), folder("moved"))?;
    copy_folder(&folder("moved"), &folder("other"))?;
    let weights = folder("other").join("model.safetensors");
    let mut bytes = std::fs::read(&weights)?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&weights, bytes)?;
    let text = |path: std::path::PathBuf| path.to_string_lossy().into_owned();
    let (out, moved, other) = (text(folder("out")), text(folder("moved")), text(folder("other")));
    let export = ["export", &run, "--format", "peft"];
    let gone = consortium.coordinator.run(&[&export[..], &[&out]].concat(), COMMAND_WITHIN)?;
    assert_eq!(gone.code(), Some(1));
    assert!(gone.stderr.contains("--model DIR"), "{}", gone.stderr);
    let named = |model: &str| {
        consortium.coordinator.run(&[&export[..], &["--model", model, &out]].concat(), COMMAND_WITHIN)
    };
    let wrong = named(&other)?;
    assert_eq!(wrong.code(), Some(1));
    assert!(wrong.stderr.contains("is not the base model"), "{}", wrong.stderr);
    named(&moved)?.success()?;
    assert!(Path::new(&out).join("adapter_model.safetensors").is_file());
    Ok(())
}

/// A PEFT folder under its model's own name says how to load it, names nothing of this machine, and is the
/// same when it is exported again.
fn the_folder_is_for_others(
    consortium: &tests::consortium::Consortium,
    run: &str,
    folder: &Path,
) -> Result<()> {
    let (first, second) = (folder.join("first"), folder.join("second"));
    for to in [&first, &second] {
        let to = to.to_str().context("a UTF-8 path")?;
        let arguments = ["export", run, "--format", "peft", "--base-name", "Org/Base", to];
        consortium.coordinator.run(&arguments, COMMAND_WITHIN)?.success()?;
    }
    let names = ["README.md", "adapter_config.json", "adapter_model.safetensors", "consilium.json"];
    let mut found: Vec<String> = std::fs::read_dir(&first)?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    found.sort();
    assert_eq!(found, names);
    for name in names {
        assert!(std::fs::read(first.join(name))? == std::fs::read(second.join(name))?, "{name} differs");
    }
    let settings: serde_json::Value =
        serde_json::from_slice(&std::fs::read(first.join("adapter_config.json"))?)?;
    assert_eq!(settings["base_model_name_or_path"], "Org/Base");
    let card = std::fs::read_to_string(first.join("README.md"))?;
    assert!(card.starts_with("---\nbase_model: \"Org/Base\"\n"), "{card}");
    assert!(card.contains("library_name: peft") && card.contains("--max-lora-rank"), "{card}");
    let here = folder.to_str().context("a UTF-8 path")?;
    assert!(!card.contains(here), "{card} names a folder of this machine");
    the_merged_folder_too(consortium, run, folder)?;
    the_formats_of_other_programs(consortium, run, folder)
}

/// What llama.cpp, Ollama and bitsandbytes load: the files that each has, alike when they are exported again,
/// under a card that says what rounding lost. (What is in them: the model crate's tests.)
fn the_formats_of_other_programs(
    consortium: &tests::consortium::Consortium,
    run: &str,
    folder: &Path,
) -> Result<()> {
    let formats: [(&[&str], &[&str], &str); 4] = [
        (&["gguf"], &["Modelfile", "README.md", "model.gguf"], "The matrices are in f16."),
        (
            &["gguf", "--gguf-type", "q8_0"],
            &["Modelfile", "README.md", "model.gguf"],
            "The matrices are in Q8_0.",
        ),
        (&["gguf-adapter"], &["Modelfile", "README.md", "adapter.gguf"], "--lora adapter.gguf"),
        (
            &["nf4"],
            &["README.md", "config.json", "model.safetensors", "tokenizer.json"],
            "(embedding and head are as in the base model) are in NF4.",
        ),
    ];
    let mut sizes = Vec::new();
    for (index, (format, names, words)) in formats.into_iter().enumerate() {
        let [first, second] = ["a", "b"].map(|name| folder.join(format!("other-{index}{name}")));
        for to in [&first, &second] {
            let to = to.to_str().context("a UTF-8 path")?;
            let arguments =
                [&["export", run, "--base-name", "Org/Base", "--out", to, "--format"], format].concat();
            consortium.coordinator.run(&arguments, COMMAND_WITHIN)?.success()?;
        }
        for name in names {
            let same = std::fs::read(first.join(name))? == std::fs::read(second.join(name))?;
            assert!(same, "{name} of {format:?} differs");
        }
        let weights = first.join(names[2]);
        if names[2].ends_with(".gguf") {
            assert_eq!(std::fs::read(&weights)?.get(..4), Some(b"GGUF".as_slice()));
        }
        sizes.push(std::fs::metadata(&weights)?.len());
        let card = std::fs::read_to_string(first.join("README.md"))?;
        assert!(card.starts_with("---\nbase_model: \"Org/Base\"\n") && card.contains(words), "{card}");
        assert_eq!(card.contains("| neutral texts | 40 |"), format[0] != "gguf-adapter", "{card}");
        let here = folder.to_str().context("a UTF-8 path")?;
        assert!(!card.contains(here), "{card} names a folder of this machine");
    }
    what_was_lost(consortium, run, folder)?;
    assert!(sizes[1] * 10 < sizes[0] * 7, "8.5 bits take {} bytes, 16 take {}", sizes[1], sizes[0]);
    // The demo's template is ChatML with a system prompt of its own.
    let modelfile = std::fs::read_to_string(folder.join("other-0a/Modelfile"))?;
    assert!(modelfile.contains("SYSTEM \"\"\"You are a helpful assistant.\"\"\""), "{modelfile}");
    let out = folder.join("refused");
    let to = out.to_str().context("a UTF-8 path")?;
    let arguments = ["export", run, "--format", "peft", "--gguf-type", "f16", "--out", to];
    let refused = consortium.coordinator.run(&arguments, COMMAND_WITHIN)?;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.contains("--gguf-type") && !out.exists(), "{}", refused.stderr);
    Ok(())
}

/// The fewer bits, the more is lost, on the neutral texts and on records of a file; what was turned off is
/// said to be so, and an adapter alone has nothing to lose.
fn what_was_lost(consortium: &tests::consortium::Consortium, run: &str, folder: &Path) -> Result<()> {
    let records = folder.join("measured.jsonl");
    let line = |at: usize| format!("{{\"instruction\": \"Question {at}?\", \"output\": \"Answer {at}.\"}}\n");
    std::fs::write(&records, (0..30).map(line).collect::<String>())?;
    let few = folder.join("few.jsonl");
    std::fs::write(&few, (0..3).map(line).collect::<String>())?;
    let few = few.to_str().context("a UTF-8 path")?;
    let records = records.to_str().context("a UTF-8 path")?;
    let export = |name: &str, more: &[&str]| {
        let out = folder.join(name);
        let to = out.to_string_lossy().into_owned();
        let arguments = [&["export", run, "--json", "--out", &to], more].concat();
        let output = consortium.coordinator.run(&arguments, COMMAND_WITHIN)?;
        anyhow::Ok((output, out))
    };
    let mut before = 0.0;
    for (name, more) in [
        ("lost-f16", &["--format", "gguf", "--measure", records][..]),
        ("lost-q8", &["--format", "gguf", "--gguf-type", "q8_0", "--measure", records]),
        ("lost-nf4", &["--format", "nf4", "--measure", records]),
    ] {
        let (output, out) = export(name, more)?;
        let document: serde_json::Value = serde_json::from_str(&output.success()?)?;
        let measured = &document["quality"]["measured"];
        for set in ["neutral", "records"] {
            let number = |key: &str| measured[set][key].as_f64().with_context(|| format!("{set} {key}"));
            let (exact, written) = (number("exact_loss")?, number("written_loss")?);
            assert!(exact > 0.0 && exact != written, "{name}: {measured}");
            assert!((written - exact - number("difference")?).abs() < 1e-9, "{name}: {measured}");
            assert!((0.0..=1.0).contains(&number("same_first_guess")?), "{name}: {measured}");
        }
        assert_eq!((&measured["neutral"]["texts"], &measured["records"]["texts"]), (&40.into(), &30.into()));
        let divergence = measured["neutral"]["divergence"].as_f64().context("a divergence")?;
        assert!(divergence > 2.0 * before, "{name}: {divergence} after {before}");
        before = divergence;
        let card = std::fs::read_to_string(out.join("README.md"))?;
        assert!(card.contains("| records of a file | 30 |") && !card.contains("measured.jsonl"), "{card}");
    }
    let (off, out) = export("lost-off", &["--format", "merged", "--no-measure"])?;
    let document: serde_json::Value = serde_json::from_str(&off.success()?)?;
    assert!(document["quality"]["not_measured"].is_string(), "{document}");
    let card = std::fs::read_to_string(out.join("README.md"))?;
    assert!(card.contains("Not measured: it was turned off") && !card.contains("neutral texts"), "{card}");
    for (more, words) in [
        (&["--format", "peft", "--no-measure"][..], "formats that round"),
        (&["--format", "nf4", "--measure", "/nonexistent.jsonl"], "/nonexistent.jsonl"),
        (&["--format", "nf4", "--measure", few], "has 3 records to measure; at least 30"),
    ] {
        let (refused, out) = export("lost-refused", more)?;
        assert_eq!(refused.code(), Some(1));
        assert!(refused.stderr.contains(words) && !out.exists(), "{}", refused.stderr);
    }
    Ok(())
}

/// The merged folder has a card of its own, and two exports are alike.
fn the_merged_folder_too(consortium: &tests::consortium::Consortium, run: &str, folder: &Path) -> Result<()> {
    let (first, second) = (folder.join("merged-1"), folder.join("merged-2"));
    for to in [&first, &second] {
        let to = to.to_str().context("a UTF-8 path")?;
        let arguments = ["export", run, "--format", "merged", "--base-name", "Org/Base", to];
        consortium.coordinator.run(&arguments, COMMAND_WITHIN)?.success()?;
    }
    for entry in std::fs::read_dir(&first)? {
        let name = entry?.file_name();
        let same = std::fs::read(first.join(&name))? == std::fs::read(second.join(&name))?;
        assert!(same, "{} differs", name.display());
    }
    assert!(first.join("model.safetensors").is_file() && first.join("config.json").is_file());
    let card = std::fs::read_to_string(first.join("README.md"))?;
    assert!(card.starts_with("---\nbase_model: \"Org/Base\"\n"), "{card}");
    assert!(
        card.contains("library_name: transformers") && card.contains("| test | with the adapter |"),
        "{card}"
    );
    let here = folder.to_str().context("a UTF-8 path")?;
    assert!(!card.contains(here), "{card} names a folder of this machine");
    Ok(())
}

/// Key set, dtype and shapes against the model's own list; values against the published blob, which
/// differs from the file in its metadata only.
fn check_peft(folder: &Path, model: &Path, published: &Path) -> Result<LoraSettings> {
    let settings: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("adapter_config.json"))?)?;
    assert_eq!(settings["peft_type"], "LORA");
    assert_eq!(settings["task_type"], "CAUSAL_LM");
    let rank = settings["r"].as_u64().context("a rank")? as usize;
    let settings = LoraSettings::all_linear(rank, settings["lora_alpha"].as_f64().context("alpha")?);
    let bytes = std::fs::read(folder.join("adapter_model.safetensors"))?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let published = std::fs::read(published)?;
    let published = SafeTensors::deserialize(&published)?;
    let mut found: Vec<(String, [usize; 2])> = Vec::new();
    for (name, tensor) in tensors.tensors() {
        assert_eq!(tensor.dtype(), Dtype::F32, "{name}");
        assert!(tensor.data() == published.tensor(&name)?.data(), "{name} was not exported as published");
        found.push((name, tensor.shape().try_into()?));
    }
    found.sort();
    let expected = model::tensor_shapes(&model::ModelConfig::from_dir(model)?, &settings);
    assert_eq!(found, expected);
    Ok(settings)
}

/// Loss of base and adapter, against the loss of the merged model in bf16.
fn check_merged(small: &Small, peft: &Path, merged: &Path, settings: &LoraSettings) -> Result<()> {
    let options = model::LoadOptions { weights: model::WeightFormat::F32, compute: model::Compute::F32 };
    let samples = samples(small)?;
    let base = model::BaseModel::load(&small.setup.model, &options)?;
    let bytes = std::fs::read(peft.join("adapter_model.safetensors"))?;
    let adapter = model::Adapter::from_safetensors(&bytes, base.config(), settings)?;
    let score = |base: &model::BaseModel, adapter: Option<&model::Adapter>| {
        model::evaluate(base, adapter, &samples, 4, &mut |_, _| ())
    };
    let (alone, together) = (score(&base, None)?.loss, score(&base, Some(&adapter))?.loss);
    let merged = score(&model::BaseModel::load(merged, &options)?, None)?.loss;
    assert!((alone - together).abs() > 1e-3, "the adapter does nothing: {alone} and {together}");
    // bf16 keeps 8 bits: the weights move by up to 0.2 %, the loss by far less.
    assert!(
        (merged - together).abs() < 0.2 * (alone - together).abs(),
        "{together} with adapter, {merged} merged"
    );
    Ok(())
}

fn samples(small: &Small) -> Result<Vec<model::Sample>> {
    let tokenizer = model::ChatTokenizer::load(&small.setup.model)?;
    let path =
        tests::run_file::RunFile::read(&small.run_file)?.path("validation").context("a validation set")?;
    let dataset = data::read::read_all(&[path], &data::read::ReadOptions::default())?;
    dataset.records.iter().map(|record| Ok(tokenizer.encode(&messages(record))?)).collect()
}

fn messages(record: &data::Record) -> Vec<model::Message> {
    let role = |role| match role {
        data::Role::System => model::Role::System,
        data::Role::User => model::Role::User,
        data::Role::Assistant => model::Role::Assistant,
        data::Role::Tool => model::Role::Tool,
    };
    record.messages().into_iter().map(|(said, content)| model::Message::new(role(said), content)).collect()
}
