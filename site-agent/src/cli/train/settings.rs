//! The settings of `site-agent train`: defaults, over them a TOML file, over it the flags. Names are the run
//! file's. Used by `cli::train`.
//!
//! Invariant: a key that is not known is an error, in the file as on the command line.

use std::path::Path;

use common::limits::CONFIG_BYTES_MAX;
use common::run::{Batching, Compute, Epochs, RunError, Schedule, TargetModules, WeightFormat};
use common::toml_text;
use serde::de::DeserializeOwned;

use crate::alone::job::LocalSettings;
use crate::error::SiteError;

/// Sections and keys of a run file that mean nothing to one site.
const OF_A_RUN: [&str; 15] = [
    "name",
    "rounds",
    "model",
    "validation",
    "test",
    "initial",
    "train",
    "compare_with",
    "pooled",
    "approval",
    "quorum",
    "sites",
    "aggregation",
    "overlap",
    "evaluation",
];

/// The file that says nothing but defaults; shown by `--help`.
pub(super) const DEFAULTS: &str = "\
[adapter]
rank = 16
alpha = 32.0
use_rslora = false
dropout = 0.0
target_modules = \"all-linear\"
[training]
epochs = 1
batch_size = 8
gradient_accumulation = 1
batching = \"shuffled\"
cutoff_tokens = 1024
learning_rate = 2e-4
schedule = \"cosine\"
schedule_cycles = 1
decay_steps = 0
decay_ratio = 0.1
warmup_steps = 0
warmup_ratio = 0.0
weight_decay = 0.0
beta1 = 0.9
beta2 = 0.999
epsilon = 1e-8
max_gradient_norm = 1.0
kl_weight = 0.0
proximal_mu = 0.0
neftune_alpha = 0.0
validation_share = 0.0
evaluate_every_steps = 0
early_stopping_patience = 0
early_stopping_min_delta = 0.0
keep_best = true
seed = 7
[base]
weights = \"nf4\"
compute = \"bf16\"
";

/// One flag for each setting.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Settings (each replaces the one of --config)")]
pub(super) struct Flags {
    /// Passes over the records: a whole number or a fraction such as 0.25.
    #[arg(long, value_name = "N")]
    epochs: Option<Epochs>,
    /// Optimiser steps, instead of --epochs.
    #[arg(long, value_name = "N", conflicts_with = "epochs")]
    steps: Option<u64>,
    /// Records (or packs) per forward pass.
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Forward passes per optimiser step.
    #[arg(long, value_name = "N")]
    gradient_accumulation: Option<usize>,
    /// Which records share a forward pass: shuffled, by-length or packed (packs of --cutoff-tokens, best
    /// fit).
    #[arg(long, value_name = "HOW", value_parser = word::<Batching>)]
    batching: Option<Batching>,
    /// Records are cut after this many tokens.
    #[arg(long, value_name = "TOKENS")]
    cutoff_tokens: Option<usize>,
    /// Peak learning rate.
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// constant, linear, cosine, cosine-with-restarts or wsd (warm-up, stable, decay).
    #[arg(long, value_name = "NAME", value_parser = word::<Schedule>)]
    schedule: Option<Schedule>,
    /// Half cosines of cosine-with-restarts.
    #[arg(long, value_name = "N")]
    schedule_cycles: Option<u32>,
    /// Optimiser steps of the decay of wsd; 0 takes --decay-ratio.
    #[arg(long, value_name = "STEPS")]
    decay_steps: Option<u64>,
    /// Share of all steps over which wsd decays.
    #[arg(long, value_name = "SHARE")]
    decay_ratio: Option<f64>,
    /// Optimiser steps of linear warm-up; 0 takes --warmup-ratio.
    #[arg(long, value_name = "STEPS")]
    warmup_steps: Option<u64>,
    /// Share of all steps that are warm-up.
    #[arg(long, value_name = "SHARE")]
    warmup_ratio: Option<f64>,
    /// Decoupled weight decay of AdamW.
    #[arg(long, value_name = "DECAY")]
    weight_decay: Option<f64>,
    /// Decay of AdamW's first moment.
    #[arg(long, value_name = "BETA")]
    beta1: Option<f64>,
    /// Decay of AdamW's second moment.
    #[arg(long, value_name = "BETA")]
    beta2: Option<f64>,
    /// Added to the root of AdamW's second moment.
    #[arg(long, value_name = "NUMBER")]
    epsilon: Option<f64>,
    /// The gradient's global norm is clipped to this.
    #[arg(long, value_name = "NORM")]
    max_gradient_norm: Option<f64>,
    /// Penalty for leaving the base model's distribution: weight of KL(base || model) per supervised token.
    #[arg(long, value_name = "WEIGHT")]
    kl_weight: Option<f64>,
    /// FedProx: how strongly the adapter is pulled back to the one that the training begins with.
    #[arg(long, value_name = "MU")]
    proximal_mu: Option<f64>,
    /// NEFTune: strength of the noise on the embeddings (5 is usual).
    #[arg(long, value_name = "ALPHA")]
    neftune_alpha: Option<f64>,
    /// Share of the records that is held out to measure the training.
    #[arg(long, value_name = "SHARE")]
    validation_share: Option<f64>,
    /// Optimiser steps between two measurements; 0 measures after each epoch.
    #[arg(long, value_name = "STEPS")]
    evaluate_every_steps: Option<u64>,
    /// Measurements in a row without an improvement after which training ends; 0 never ends it.
    #[arg(long, value_name = "N")]
    early_stopping_patience: Option<u64>,
    /// What the loss must fall below the best one to be an improvement.
    #[arg(long, value_name = "NATS")]
    early_stopping_min_delta: Option<f64>,
    /// Whether the result is the adapter with the lowest held-out loss (true) or the last one (false).
    #[arg(long, value_name = "BOOL")]
    keep_best: Option<bool>,
    /// Seed of the adapter's start, the order of records, the held-out share, dropout and noise.
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// LoRA rank.
    #[arg(long, value_name = "RANK", conflicts_with = "adapter")]
    rank: Option<usize>,
    /// LoRA alpha.
    #[arg(long, value_name = "ALPHA", conflicts_with = "adapter")]
    alpha: Option<f64>,
    /// Rank-stabilised LoRA: scale by alpha / sqrt(rank), and say so in adapter_config.json.
    #[arg(long, value_name = "BOOL", conflicts_with = "adapter")]
    use_rslora: Option<bool>,
    /// LoRA dropout.
    #[arg(long, value_name = "SHARE", conflicts_with = "adapter")]
    dropout: Option<f64>,
    /// all-linear, or names such as q_proj,v_proj.
    #[arg(long, value_name = "NAMES", value_parser = modules, conflicts_with = "adapter")]
    target_modules: Option<TargetModules>,
    /// How the base's linears are held: nf4 or f32.
    #[arg(long, value_name = "FORMAT", value_parser = word::<WeightFormat>)]
    weights: Option<WeightFormat>,
    /// Arithmetic of matrix products: bf16 or f32.
    #[arg(long, value_name = "TYPE", value_parser = word::<Compute>)]
    compute: Option<Compute>,
}

/// One word of an enum, with the known ones in the message.
fn word<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|error| error.to_string())
}

fn modules(text: &str) -> Result<TargetModules, String> {
    Ok(match text {
        "all-linear" => TargetModules::default(),
        names => TargetModules::Named(names.split(',').map(|name| name.trim().to_owned()).collect()),
    })
}

impl Flags {
    fn apply(self, settings: &mut LocalSettings) {
        /// Each flag that was given replaces the field of the same name.
        macro_rules! replace {
            ($section:ident: $($field:ident)*) => {
                $(if let Some(value) = self.$field { settings.$section.$field = value; })*
            };
        }
        // One of the two says how long: a flag replaces whichever the file gives.
        if self.epochs.is_some() || self.steps.is_some() {
            (settings.training.epochs, settings.training.steps) = (self.epochs, self.steps);
        }
        replace!(training: batch_size gradient_accumulation batching cutoff_tokens learning_rate schedule);
        replace!(training: schedule_cycles decay_steps decay_ratio warmup_steps warmup_ratio weight_decay beta1);
        replace!(training: beta2 epsilon max_gradient_norm kl_weight proximal_mu neftune_alpha);
        replace!(training: validation_share seed);
        replace!(training: evaluate_every_steps early_stopping_patience early_stopping_min_delta keep_best);
        replace!(adapter: rank alpha use_rslora dropout target_modules);
        replace!(base: weights compute);
    }
}

/// The settings, checked.
///
/// # Errors
/// `Io` or `Config` for the file; `Data` for a value outside its bounds, by its name.
pub(super) fn settings(
    config: Option<&Path>,
    flags: Flags,
    has_validation: bool,
) -> Result<LocalSettings, SiteError> {
    let mut settings = config.map_or_else(|| Ok(LocalSettings::default()), read)?;
    flags.apply(&mut settings);
    let checked = settings.adapter.validate().and_then(|()| settings.training.validate());
    checked.map_err(|error| bad(&error))?;
    let training = &settings.training;
    if training.schedule_rounds_before > 0 {
        return Err(SiteError::Data {
            sentence: "training.schedule_rounds_before counts rounds of a run, and a training alone has none"
                .into(),
            hint: Some("leave it out".into()),
        });
    }
    let is_measured = has_validation || training.validation_share > 0.0;
    if !is_measured && (training.early_stopping_patience > 0 || training.evaluate_every_steps > 0) {
        return Err(SiteError::Data {
            sentence: "there is nothing to measure on, so training can be neither measured nor stopped early"
                .into(),
            hint: Some("add --validation FILE, or hold records out with --validation-share 0.1".into()),
        });
    }
    Ok(settings)
}

/// A message about a run file's key is about a flag here.
fn bad(error: &RunError) -> SiteError {
    match error {
        RunError::OutOfBounds { key, value, expected } => {
            let flag = key.rsplit('.').next().unwrap_or(key).replace('_', "-");
            SiteError::Data {
                sentence: format!("{key} is {value}, but must be {expected}"),
                hint: Some(format!("correct it in the file, or with --{flag}")),
            }
        }
        RunError::Syntax(reason) => SiteError::Data { sentence: reason.clone(), hint: None },
    }
}

fn read(path: &Path) -> Result<LocalSettings, SiteError> {
    let wrong = |reason: String| SiteError::Data {
        sentence: format!("{} is not usable: {}", path.display(), reason.trim_end()),
        hint: Some(
            "the sections are [adapter], [training] and [base]; `site-agent train --help` names the keys"
                .into(),
        ),
    };
    let metadata = std::fs::metadata(path).map_err(|source| SiteError::io(path, source))?;
    if metadata.len() > CONFIG_BYTES_MAX {
        return Err(wrong("it is larger than 256 KiB".into()));
    }
    let text = std::fs::read_to_string(path).map_err(|source| SiteError::io(path, source))?;
    let mut table: toml::Table = toml::from_str(&text).map_err(|error| wrong(explained(&text, &error)))?;
    // A run file is welcome: the same training at one site, for comparison.
    table.retain(|key, _| !OF_A_RUN.contains(&key));
    table.try_into().map_err(|error: toml::de::Error| wrong(explained("", &error)))
}

fn explained(text: &str, error: &toml::de::Error) -> String {
    toml_text::reason(text, error.message(), error.span())
}

#[cfg(test)]
mod tests {
    use common::run::LocalWork;

    use super::*;

    fn with(text: &str, flags: Flags, has_validation: bool) -> Result<LocalSettings, SiteError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.toml");
        std::fs::write(&path, text).unwrap();
        settings(Some(&path), flags, has_validation)
    }

    #[test]
    fn flags_go_before_the_file_and_the_file_before_the_defaults() {
        let flags =
            Flags { epochs: Some(Epochs::whole(3)), schedule: Some(Schedule::Wsd), ..Flags::default() };
        let text = "[training]\nepochs = 2\nbatch_size = 4\n[adapter]\nrank = 8\n[base]\ncompute = 'f32'";
        let settings = with(text, flags, false).unwrap();
        assert_eq!((settings.training.epochs, settings.training.batch_size), (Some(Epochs::whole(3)), 4));
        let steps = with(text, Flags { steps: Some(20), ..Flags::default() }, false).unwrap();
        assert_eq!(steps.training.work(), LocalWork::Steps(20));
        assert_eq!((settings.training.schedule, settings.adapter.rank), (Schedule::Wsd, 8));
        assert_eq!((settings.base.compute, settings.base.weights), (Compute::F32, WeightFormat::Nf4));
        assert_eq!(settings.training.seed, LocalSettings::default().training.seed);
    }

    #[test]
    fn the_manual_shows_every_key_with_its_default() {
        let shown: LocalSettings = toml::from_str(DEFAULTS).unwrap();
        assert_eq!(shown, LocalSettings::default());
        let keys = |text: &str| -> Vec<String> {
            let table: toml::Table = toml::from_str(text).unwrap();
            table.values().flat_map(|section| section.as_table().unwrap().keys().cloned()).collect()
        };
        // Left out of what is written while it is 0.
        let mut all = LocalSettings::default();
        all.training.proximal_mu = 0.5;
        assert_eq!(keys(DEFAULTS), keys(&toml::to_string(&all).unwrap()));
    }

    #[test]
    fn the_run_files_we_ship_are_settings_too() {
        for name in ["demo.toml", "demo-alone.toml", "medqa-zh.toml", "medqa-zh-best.toml"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/runs").join(name);
            settings(Some(&path), Flags::default(), false).unwrap();
        }
    }

    #[test]
    fn what_is_not_known_or_out_of_bounds_is_named() {
        let sentence = |text: &str| with(text, Flags::default(), false).unwrap_err().to_string();
        assert!(sentence("[training]\nepoch = 2").contains("epoch"));
        assert!(sentence("[trainig]\nepochs = 2").contains("trainig"));
        assert!(sentence("[training]\nepochs = 0.5\nsteps = 20").contains("training.steps is 20"));
        assert!(sentence("[training]\nkl_weight = -1.0").starts_with("training.kl_weight is -1"));
        assert!(sentence("[training]\nearly_stopping_patience = 2").contains("nothing to measure"));
        assert!(with("[training]\nearly_stopping_patience = 2", Flags::default(), true).is_ok());
        assert!(with("[training]\nvalidation_share = 0.1", Flags::default(), false).is_ok());
        assert!(word::<Schedule>("cosin").unwrap_err().contains("cosine-with-restarts"));
        assert_eq!(modules("all-linear").unwrap(), TargetModules::default());
    }
}
