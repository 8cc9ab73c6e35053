//! `site-agent plan`: what a training step will take in memory, before anything is loaded. Run by `cli`.

use std::path::{Path, PathBuf};

use model::config::published::{SHAPES, shape};
use model::plan::{Fit, MemoryPlan, PlanRequest, When, fit, plan};
use model::{Compute, Device, ModelConfig, ModelError, Recompute, WeightFormat};
use prepare::PrepareError;
use sandbox::{FileRules, Lock};
use serde_json::{Value, json};

use super::support::{model_folder, present, print_json};
use super::table;
use crate::error::SiteError;
use crate::locks::lock_command;

const EXAMPLES: &str = "\
Examples:
  site-agent plan /srv/models/qwen2.5-0.5b --cutoff-tokens 2048
  site-agent plan qwen2.5-7b --device cuda --cutoff-tokens 2048
  site-agent plan qwen2.5-1.5b --memory 16GB

MODEL is a model folder, a config.json, or the name of a published shape. Nothing but config.json is read. The numbers for the
processor are within 15 % of what was measured (common/model/README.md); those for a GPU are reckoned and marked as planned.";

/// See what training will take in memory, before anything is loaded.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Model folder, config.json, or a name such as qwen2.5-7b.
    #[arg(value_name = "MODEL")]
    model: String,
    /// Tokens of one sample.
    #[arg(long, value_name = "TOKENS", default_value_t = 512, alias = "seq")]
    cutoff_tokens: usize,
    /// LoRA rank, on all linears.
    #[arg(long, default_value_t = 16)]
    rank: usize,
    /// Samples of one pass.
    #[arg(long, value_name = "SAMPLES", default_value_t = 1, alias = "batch")]
    batch_size: usize,
    /// Precision of the matrix products.
    #[arg(long, value_parser = ["bf16", "f32"], default_value = "bf16")]
    compute: String,
    /// How the base model's linears are held.
    #[arg(long, value_parser = ["nf4", "f32"], default_value = "nf4")]
    weights: String,
    /// What a step keeps instead of computing it twice: none (keeps all), attention, full (keeps least),
    /// auto.
    #[arg(long, value_parser = ["none", "attention", "full", "auto"], default_value = "auto")]
    recompute: String,
    /// Where it runs: cpu, cuda or cuda:N.
    #[arg(long, default_value_t = Device::Cpu)]
    device: Device,
    /// Say also what longest sequence and largest batch fit this much memory: a number with its unit, such as
    /// 16GB or 24GiB.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// Go on although this lock does not hold on this machine (see `site-agent check`).
    #[arg(long, value_name = "LOCK")]
    allow_missing: Vec<Lock>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let (config, checkpoint_is_f32) = read_model(&arguments.model, &arguments.allow_missing)?;
    if arguments.cutoff_tokens > config.max_position_embeddings {
        let context = config.max_position_embeddings;
        return Err(SiteError::Data {
            sentence: format!(
                "--cutoff-tokens is {}, but the model's context has {context} tokens",
                arguments.cutoff_tokens
            ),
            hint: Some(format!(
                "a training cuts records at the context; plan with --cutoff-tokens {context} or less"
            )),
        });
    }
    let request = PlanRequest {
        checkpoint_is_f32,
        sequence_tokens: arguments.cutoff_tokens,
        batch: arguments.batch_size,
        rank: arguments.rank,
        weights: if arguments.weights == "f32" { WeightFormat::F32 } else { WeightFormat::Nf4 },
        compute: if arguments.compute == "f32" { Compute::F32 } else { Compute::Bf16 },
        device: arguments.device,
        recompute: match arguments.recompute.as_str() {
            "none" => Recompute::None,
            "attention" => Recompute::Attention,
            "full" => Recompute::Full,
            _ => Recompute::Auto,
        },
        ..PlanRequest::new(config)
    };
    let found = plan(&request).map_err(explain)?;
    let fits = arguments.memory.map(|bytes| fit(&request, bytes)).transpose().map_err(explain)?;
    if arguments.json {
        let mut value =
            serde_json::to_value(&found).map_err(|error| SiteError::Internal(error.to_string()))?;
        value["peak_phase"] = json!(found.peak_phase());
        value["fit"] = json!(fits);
        return print_json(&value);
    }
    print!("{}", describe(arguments, &request, &found));
    if let Some((fits, bytes)) = fits.zip(arguments.memory) {
        println!("{}", describe_fit(arguments, fits, bytes));
    }
    Ok(())
}

/// The shape, and whether the checkpoint is in f32.
fn read_model(model: &str, allow_missing: &[Lock]) -> Result<(ModelConfig, bool), SiteError> {
    let path = Path::new(model);
    if let (false, Some(config)) = (path.exists(), shape(model)) {
        return Ok((config, false));
    }
    if !path.exists() {
        let names: Vec<&str> = SHAPES.iter().map(|shape| shape.name).collect();
        return Err(SiteError::Data {
            sentence: format!("{model} is neither a folder, a config.json, nor a known name"),
            hint: Some(format!("check the path; known names: {}", names.join(", "))),
        });
    }
    let file: PathBuf =
        if path.is_dir() { model_folder(path)?.join("config.json") } else { path.to_path_buf() };
    let file = present(&file)?;
    // It may come from anywhere, as the rest of a model folder.
    lock_command(&FileRules { read: vec![file.clone()], write: Vec::new(), gpu: None }, allow_missing)?;
    let text = model::bounded::read(&file, model::limits::JSON_BYTES_MAX).map_err(explain)?;
    let config = ModelConfig::from_json(&text, &file).map_err(explain)?;
    // Checked by the line above to be JSON; the type of the tensors is under either of two names.
    let value: Value = serde_json::from_slice(&text).unwrap_or_default();
    let dtype = value.get("dtype").or_else(|| value.get("torch_dtype")).and_then(Value::as_str);
    Ok((config, dtype == Some("float32")))
}

/// The engine's error; a hint about run files would not fit this command.
fn explain(error: ModelError) -> SiteError {
    if let ModelError::Setting { .. } = error {
        let hint = Some("see `site-agent plan --help`".to_owned());
        return SiteError::Data { sentence: error.to_string(), hint };
    }
    PrepareError::from(error).into()
}

/// `1.21 GB`, `3.4 MB`.
pub(super) fn size(bytes: u64) -> String {
    if bytes >= 1_000_000_000 {
        format!("{:.2} GB", bytes as f64 / 1e9)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}

fn describe(arguments: &Arguments, request: &PlanRequest, found: &MemoryPlan) -> String {
    let mut text = format!(
        "{}: {:.2} billion parameters, {} layers; {} linears, {} products, on {}\n",
        arguments.model,
        found.base_parameters as f64 / 1e9,
        found.layers,
        arguments.weights,
        arguments.compute,
        arguments.device,
    );
    text += &format!(
        "{} x {} tokens; LoRA rank {} on all linears, {:.1} million parameters\n\n",
        arguments.batch_size,
        arguments.cutoff_tokens,
        arguments.rank,
        found.adapter_parameters as f64 / 1e6
    );
    let phase = found.peak_phase();
    let mut rows = vec![["part", "size", "when"].map(str::to_owned).to_vec()];
    for part in found.parts.iter().filter(|part| part.bytes > 0) {
        let counts = part.when == When::Always
            || part.when == phase
            || (part.when == When::Pass && phase != When::BetweenSteps);
        let when = match part.when {
            When::Always => "always",
            When::Pass => "in a step",
            When::LossHead => "in a step, at the loss head",
            When::Layer => "in a step, at one layer",
            When::BetweenSteps => "between steps",
        };
        let when = if counts { when.to_owned() } else { format!("{when}; not at the peak") };
        rows.push(vec![part.name.to_owned(), size(part.bytes), when]);
    }
    let note = if found.measured { "" } else { "planned, not measured on a GPU" };
    rows.push(vec!["peak".to_owned(), size(found.peak_bytes), note.to_owned()]);
    text += &table::render(&rows);
    let (kept, layers) = (found.layers_kept, found.layers);
    text += &match request.recompute {
        Recompute::Attention => {
            format!("\nActivations: keeps {kept} of {layers} layers; attention is computed twice.\n")
        }
        _ if kept == layers => {
            format!("\nActivations: keeps {kept} of {layers} layers; nothing is computed twice.\n")
        }
        Recompute::Auto => format!(
            "\nActivations: keeps {kept} of {layers} layers within {}; the others are computed twice.\n",
            size(request.activation_budget_bytes as u64)
        ),
        _ => format!("\nActivations: keeps {kept} of {layers} layers; the others are computed twice.\n"),
    };
    text
}

fn describe_fit(arguments: &Arguments, fits: Fit, memory: u64) -> String {
    let at_most = |count: usize, what: String| match count {
        0 => format!("nothing fits {what}"),
        count => format!("{count} {what}"),
    };
    format!(
        "In {}: this {}. At most {}; at most {}.",
        size(memory),
        if fits.fits { "fits" } else { "does not fit" },
        at_most(fits.sequence_tokens, format!("tokens a sample with {} a pass", arguments.batch_size)),
        at_most(fits.batch, format!("samples a pass of {} tokens", arguments.cutoff_tokens)),
    )
}

/// `16GB`, `24GiB`, `800MB`; a unit must be there, because nobody who writes 24 means bytes.
fn parse_size(text: &str) -> Result<u64, String> {
    let refused = || "write a number with its unit, such as 16GB, 24GiB or 800MB".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
    let number: f64 = digits.parse().map_err(|_| refused())?;
    let unit: f64 = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "b" => 1.0,
        "mb" | "m" => 1e6,
        "gb" | "g" => 1e9,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        _ => return Err(refused()),
    };
    let bytes = number * unit;
    if (1.0..1e18).contains(&bytes) { Ok(bytes as u64) } else { Err(refused()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units() {
        for (text, bytes) in
            [("16GB", 16_000_000_000), ("1.5 GiB", 1_610_612_736), ("800mb", 800_000_000), ("7B", 7)]
        {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "7", "24", "GB", "-1GB", "1TBx", "nan", "0", "1e30GB", "16 пB"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
