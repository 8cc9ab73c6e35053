//! `site-agent quantise`: write a model as transformers saves it with bitsandbytes. Run by `cli`.

use std::path::{Path, PathBuf};

use common::places::readable;
use model::nf4::CodeRule;
use prepare::PrepareError;
use sandbox::{FileRules, Lock};

use super::plan::size;
use super::support::{absolute, model_folder, print_json};
use crate::error::SiteError;
use crate::locks::lock_command;

const EXAMPLES: &str = "\
Examples:
  site-agent quantise /srv/models/qwen2.5-7b --out /srv/models/qwen2.5-7b-nf4

  Load it in Python, without quantising again:
    python3 -c 'from transformers import AutoModelForCausalLM as M
    M.from_pretrained(\"/srv/models/qwen2.5-7b-nf4\")'

The linears of all layers become 4-bit NF4 with double-quantised scales; embedding, head, norms and biases stay as they are.
One tensor is in memory at a time. `join --model` takes the new folder as well as the original; both give the same base.";

/// Write a model folder in bitsandbytes' 4-bit NF4 layout.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Folder of the original model (Hugging Face layout, f32, bf16 or f16).
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// The folder to create; it appears when it is complete, or not at all.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// As --out; how it was written before.
    #[arg(hide = true, conflicts_with = "out")]
    old_out: Option<PathBuf>,
    /// Which of bitsandbytes' two ways of rounding the scales: as on a GPU (cuda, what this program itself
    /// uses) or as without one (cpu). About one scale in 600 differs.
    #[arg(long, value_parser = ["cuda", "cpu"], default_value = "cuda")]
    rounding: String,
    /// Go on although this lock does not hold on this machine (see `site-agent check`).
    #[arg(long, value_name = "LOCK")]
    allow_missing: Vec<Lock>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let (model, out) = (model_folder(&arguments.model)?, absolute(named(arguments)?)?);
    lock_to(&model, &out, &arguments.allow_missing)?;
    let rule = if arguments.rounding == "cpu" { CodeRule::Cpu } else { CodeRule::Cuda };
    let done = model::quantise_checkpoint(&model, &out, rule).map_err(PrepareError::from)?;
    if arguments.json {
        let value = serde_json::to_value(&done).map_err(|error| SiteError::Internal(error.to_string()))?;
        return print_json(&value);
    }
    eprintln!(
        "wrote {}: {} linears in NF4, {} instead of {}",
        out.display(),
        done.linears,
        size(done.bytes_after),
        size(done.bytes_before)
    );
    Ok(())
}

fn named(arguments: &Arguments) -> Result<&Path, SiteError> {
    arguments.out.as_deref().or(arguments.old_out.as_deref()).ok_or_else(|| SiteError::Data {
        sentence: "no folder was named for the new model".into(),
        hint: Some("add --out DIR".into()),
    })
}

/// Takes the worker's locks: reads the model, writes where the new folder will be, no network.
fn lock_to(model: &Path, out: &Path, allow_missing: &[Lock]) -> Result<(), SiteError> {
    // The new folder is made beside its final name and renamed.
    let parent = out.parent().unwrap_or(out);
    std::fs::create_dir_all(parent).map_err(SiteError::at(parent))?;
    let rules = FileRules { read: readable(model), write: vec![parent.to_path_buf()], gpu: None };
    lock_command(&rules, allow_missing)
}
