//! Broken models and data files, made from good ones.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::support::Small;

/// One way of being wrong, and a word its explanation must contain.
pub(super) struct Mistake {
    pub(super) name: &'static str,
    pub(super) says: &'static str,
    apply: fn(&Path, &mut PathBuf) -> Result<()>,
}

/// The mistakes of the issue, in its order. Each is given a copy of the model and the data file.
pub(super) const MISTAKES: &[Mistake] = &[
    Mistake { name: "no safetensors", says: "safetensors", apply: |model, _| remove(model, ".safetensors") },
    Mistake { name: "truncated safetensors", says: "model.safetensors", apply: |model, _| truncate(model) },
    Mistake { name: "no config", says: "config.json", apply: |model, _| remove(model, "config.json") },
    Mistake { name: "unsupported architecture", says: "gpt2", apply: |model, _| other_architecture(model) },
    Mistake {
        name: "no tokenizer",
        says: "tokenizer.json",
        apply: |model, _| remove(model, "tokenizer.json"),
    },
    Mistake { name: "no chat template", says: "chat template", apply: |model, _| drop_template(model) },
    Mistake { name: "an empty dataset", says: "no ", apply: |_, data| Ok(std::fs::write(data, "")?) },
    Mistake { name: "a broken line", says: "line 3", apply: |_, data| break_third_line(data) },
    Mistake {
        name: "unknown records",
        says: "line 1",
        apply: |_, data| Ok(std::fs::write(data, "{\"note\":\"x\"}\n")?),
    },
    Mistake { name: "no data file", says: "nowhere", apply: |_, data| move_away(data) },
];

/// Replaces the setup's model by a copy and breaks what the mistake breaks.
pub(super) fn apply(mistake: &Mistake, small: &mut Small) -> Result<()> {
    let copy = small.folder.path().join("model");
    std::fs::create_dir_all(&copy)?;
    for entry in std::fs::read_dir(&small.setup.model)? {
        let entry = entry?;
        std::fs::copy(entry.path(), copy.join(entry.file_name()))?;
    }
    let data = &mut small.setup.sites[0].data[0];
    let line = "{\"instruction\":\"What helps?\",\"input\":\"\",\"output\":\"Rest and water.\"}\n";
    *data = small.folder.path().join("data/mistake.jsonl");
    std::fs::write(&*data, line.repeat(4))?;
    std::fs::write(small.folder.path().join("data/good.jsonl"), line.repeat(4))?;
    (mistake.apply)(&copy, data)?;
    small.setup.model = copy;
    Ok(())
}

/// Points the setup at a good model and good data again.
pub(super) fn repair(small: &mut Small) -> Result<()> {
    small.setup.model = crate::support::demo_settings()?.model;
    small.setup.sites[0].data[0] = small.folder.path().join("data/good.jsonl");
    Ok(())
}

/// Files whose name is `ending`, or ends with it where it is an extension.
fn files(model: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(model)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if *name == *ending || (ending.starts_with('.') && name.ends_with(ending)) {
            found.push(path);
        }
    }
    anyhow::ensure!(!found.is_empty(), "the model has no {ending}");
    Ok(found)
}

fn remove(model: &Path, ending: &str) -> Result<()> {
    for path in files(model, ending)? {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

fn truncate(model: &Path) -> Result<()> {
    let path = files(model, ".safetensors")?.pop().context("a checkpoint")?;
    let file = std::fs::OpenOptions::new().write(true).open(&path)?;
    Ok(file.set_len(file.metadata()?.len() / 2)?)
}

fn edit(path: &Path, change: impl FnOnce(&mut Value)) -> Result<()> {
    let mut json: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    change(&mut json);
    Ok(std::fs::write(path, json.to_string())?)
}

fn other_architecture(model: &Path) -> Result<()> {
    edit(&model.join("config.json"), |config| {
        config["architectures"] = serde_json::json!(["GPT2LMHeadModel"]);
        config["model_type"] = serde_json::json!("gpt2");
    })
}

fn drop_template(model: &Path) -> Result<()> {
    std::fs::remove_file(model.join("chat_template.jinja")).ok();
    edit(&model.join("tokenizer_config.json"), |config| {
        if let Some(keys) = config.as_object_mut() {
            keys.remove("chat_template");
        }
    })
}

fn break_third_line(data: &Path) -> Result<()> {
    let text = std::fs::read_to_string(data)?;
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = "{\"instruction\": \"unfinished";
    Ok(std::fs::write(data, lines.join("\n"))?)
}

fn move_away(data: &mut PathBuf) -> Result<()> {
    *data = data.with_file_name("nowhere.jsonl");
    Ok(())
}
