//! `coordinator export`: take the model out. Called by `cli`. Invariant: it only reads the state folder.

use std::path::PathBuf;

use cli::questions::Display;
use common::page::grouped;
use prepare::quality::Lost;
use serde_json::json;

use super::{offline, output};
use crate::error::{Error, Result};
use crate::export::{self, Format, GgufType, Measure, Outcome, Quality, Wishes};
use crate::state_folder::StateFolder;
use crate::state_folder::config::Config;

const MANUAL: &str = "\
Write the newest published adapter of a run to a folder that does not exist
yet. The folder appears when it is complete, or not at all.

  --format peft    adapter_config.json and adapter_model.safetensors: load with
                   PEFT, or serve with vLLM as a LoRA adapter over the base
                   model
  --format merged  the base model with the adapter added, in bf16: load with
                   transformers, or serve with vLLM, as it is
  --format nf4     the same in 4 bits (NF4), for transformers with bitsandbytes;
                   quantised after merging, which loses a part of the adapter
  --format gguf    the same as one file with tokenizer and chat template, for
                   llama.cpp, and a Modelfile for Ollama; --gguf-type f16, or
                   q8_0 (8.5 bits a weight)
  --format gguf-adapter
                   the adapter alone, for llama.cpp's --lora, and a Modelfile

All hold a README.md with what a hub shows: base model, licence, counts,
measurements, how to load it; those of nf4 and gguf say how far rounding went.
What merged, nf4 and gguf wrote is read back before the folder appears, and
asked beside the exact model (base and adapter in f32, nothing rounded): the
card has both losses on 40 neutral texts, with --measure FILE also on records
(30 to 2,000 of a file as a run's `validation`), the change with its interval,
the divergence of the next token, and how often the first guess is the same.
Where the memory is short (8 bytes a weight; nf4: 6; 61 GB of a 7B model) or
with --no-measure the card says so; with --measure too little is refused.
Exporting again, measured alike, gives the same bytes. What GGUF cannot hold
truly is refused: a tokenizer that is not Qwen's or Llama 3's, a value beyond
16 bits.

Example:
  coordinator export 5f0c --format peft --out ./adapter \\
      --base-name Qwen/Qwen2.5-0.5B-Instruct
  python3 -c 'from peft import AutoPeftModelForCausalLM as M
  M.from_pretrained(\"./adapter\")'

For llama.cpp or Ollama, on one machine without Python:
  coordinator export 5f0c --format gguf --gguf-type q8_0 --out ./gguf

Talk with the model with and without the adapter (no site is needed for that):
  site-agent generate /srv/models/qwen2.5-0.5b --adapter ./adapter
  site-agent generate /srv/models/qwen2.5-0.5b";

/// Write a run's model to a folder
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    /// What to write
    #[arg(long, value_enum)]
    format: Format,
    /// How the matrices of --format gguf are written; f16 where this is not given
    #[arg(long, value_enum, value_name = "TYPE")]
    gguf_type: Option<GgufType>,
    /// Name of the base model in the export, as users will load it: a hub name or a folder. The
    /// coordinator's own folder where this is not given
    #[arg(long, value_name = "NAME")]
    base_name: Option<String>,
    /// Where the base model is now, if its folder has moved since the launch; it must be the same model
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Measure the loss of the written model on the records of this file, too: 30 to 2,000
    #[arg(long, value_name = "FILE", conflicts_with = "no_measure")]
    measure: Option<PathBuf>,
    /// Do not measure the written model
    #[arg(long)]
    no_measure: bool,
    /// The folder to create
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// As --out; how it was written before
    #[arg(hide = true, conflicts_with = "out")]
    old_out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let out = arguments.out.as_deref().or(arguments.old_out.as_deref()).ok_or_else(|| Error::Argument {
        message: "no folder was named for the model".into(),
        hint: "add --out DIR".into(),
    })?;
    let config = Config::read(&folder.config())?;
    let (store, runs) = offline::open_runs(folder)?;
    let state = runs.choose(Some(&arguments.run))?;
    // The locks close every file that is open, so the database goes first.
    drop((store, runs));
    let name = arguments.base_name.as_deref();
    let wishes = Wishes {
        format: arguments.format,
        gguf_type: arguments.gguf_type,
        out,
        base_name: name,
        model: arguments.model.as_deref(),
        measure: match &arguments.measure {
            Some(file) => Measure::Records(file),
            None if arguments.no_measure => Measure::Off,
            None => Measure::Neutral,
        },
    };
    let mut display = Display::of("text");
    let quality =
        export::export(folder, &state, &wishes, &config.sandbox.allow_missing, &mut |done, total| {
            display.show(0, done, total, "measuring what rounding lost");
        });
    display.end();
    let quality = quality?;
    let document = json!({
        "run": state.launched.run.to_string(),
        "format": arguments.format,
        "path": out.display().to_string(),
        "adapter": state.model().to_string(),
        "quality": quality,
    });
    output::tell(arguments.json, &document, || {
        eprintln!("wrote {} (adapter {})", out.display(), state.model().short());
        say(quality.as_ref());
    })
}

/// What was lost in writing, for a person.
fn say(quality: Option<&Quality>) {
    match quality {
        None => {}
        Some(Quality::NotMeasured(reason)) => eprintln!("what it lost was not measured: {reason}"),
        Some(Quality::Measured { neutral, records }) => {
            say_lost("neutral texts", neutral);
            match records.as_ref().map(|records| &records.outcome) {
                None => {}
                Some(Outcome::Measured(lost)) => say_lost("records", lost),
                Some(Outcome::NotMeasured { not_measured }) => {
                    eprintln!("what it lost on the records was not measured: {not_measured}");
                }
            }
        }
    }
}

fn say_lost(set: &str, lost: &Lost) {
    eprintln!(
        "{} {set}: loss {:.4}, {:+.6} from the exact model's; same first guess {:.2} %",
        grouped(lost.texts),
        lost.written_loss,
        lost.difference,
        100.0 * lost.same_first_guess,
    );
}
