//! `site-agent train`: QLoRA fine-tuning at one site, without a consortium.
//!
//! This process parses, has `alone::control` start the locked child that does the work, and shows its
//! progress. It opens no record itself. Run by the command line.

use std::path::PathBuf;

use common::run::{Batching, TrainingSettings};
use data::limits::FOLDS_MAX;
use data::split::SchemeChoice;
use model::Device;
use sandbox::Lock;

use super::origin::Origin;
use super::support::{absolute, model_folder, record_file, record_files, require_folder};
use crate::alone::control::{End, Show, follow};
use crate::alone::job::{TrainJob, TrainingReport};
use crate::alone::out::{OutState, folds_begun, state_of};
use crate::error::SiteError;
use display::Display;

mod display;
mod folds;
mod memory;
mod settings;

const EXAMPLES: &str = "\
Examples:
  site-agent train /srv/qwen2.5-0.5b --data records.jsonl --out ./adapter \\
      --validation-share 0.1 --evaluate-every-steps 50 \\
      --early-stopping-patience 3

  The settings of a federated run at this site alone, for comparison:
    site-agent train MODEL --data records.jsonl --validation held-out.jsonl \\
        --config deploy/runs/medqa-zh.toml --epochs 3 --out ./alone

  How good it would be on records it has not seen, where they are too few to
  hold some out: five trainings, each measured on the fifth it did not see:
    site-agent train MODEL --data records.jsonl --folds 5 --out ./folds

  Go on after Ctrl-C, a crash or a power cut: the same command with --resume.

What is in the output folder:
  adapter_model.safetensors, adapter_config.json
                       the adapter; PEFT and vLLM load the folder
  metrics.jsonl        one line a step: step, loss, gradient_norm,
                       learning_rate, tokens, tokens_per_s, elapsed_s; one a
                       measurement: eval_loss, ...
  training.json        what was asked for
  training.checkpoint  while training lasts; with it --resume gives the same
                       bytes as a run that was never interrupted
  cross-validation.json
                       with --folds, instead of an adapter: every fold before
                       and after its training, and all of them together

The records are read behind the same locks as in a federated run: no network, and no files
but those named here. Nothing is sent anywhere.";

/// Examples, and the file for `--config` with every key and its default.
fn manual() -> String {
    let defaults: String = settings::DEFAULTS.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "{EXAMPLES}\n\nThe file for --config, with every key and its default. The names are those of a run file, and a run \
         file works\nas it is. What each does is said above, with the flag of the same name.\n\n{defaults}"
    )
}

/// Fine-tune an adapter on this machine, without a consortium.
///
/// QLoRA on the records of one site: the base model is held in 4 bits and stays as it is; a small adapter is
/// trained and written as a PEFT folder. Safe to interrupt at any moment.
#[derive(Debug, clap::Args)]
#[command(after_long_help = manual())]
pub(super) struct Arguments {
    /// Folder of the base model: config.json, tokenizer.json, *.safetensors.
    model: PathBuf,
    /// Files with de-identified records: JSON lines, a JSON array, CSV or Parquet (see `site-agent data
    /// check`).
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    data: Vec<PathBuf>,
    /// Folder for the result; absent or empty, unless --resume is given.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Settings, as TOML.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Records to measure the training on, which are not trained on.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    validation: Vec<PathBuf>,
    /// Cross-validation instead of one training: a number of folds, leave-one-out, or auto (leave-one-out
    /// below 100 records, 5 folds below 500). Each fold is measured by an adapter that was trained on all the
    /// others; a patient's records stay together. Makes no adapter.
    #[arg(long, value_name = "FOLDS", num_args = 0..=1, default_missing_value = "auto", value_parser = scheme_of,
          conflicts_with_all = ["validation", "validation_share", "mix", "base_name"])]
    folds: Option<SchemeChoice>,
    /// What is done about identifiers: block (a record with a confirmed one is not trained on), mask
    /// (placeholders) or report.
    #[arg(long, value_name = "MODE", default_value = "block")]
    screen: data::screen::Mode,
    /// Mix the data files in these proportions, one whole number a file: --mix 60,40.
    #[arg(long, value_name = "WEIGHTS", value_delimiter = ',', conflicts_with = "validation")]
    mix: Option<Vec<u32>>,
    /// A column mapping (TOML), for files that follow no known format.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// PEFT folder to start from, with its own rank and alpha, instead of a new adapter.
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Go on with the training that was begun in the output folder.
    #[arg(long)]
    resume: bool,
    /// Seconds between two checkpoints; 0 makes one after every step.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3600))]
    checkpoint_interval_s: u64,
    /// Where to compute: cpu, cuda or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: Device,
    /// What adapter_config.json names as the base model [default: the model folder].
    #[arg(long, value_name = "NAME")]
    base_name: Option<String>,
    /// Train although this lock does not hold on this machine (see `site-agent check`).
    #[arg(long, value_name = "LOCK")]
    allow_missing: Vec<Lock>,
    #[command(flatten)]
    origin: Origin,
    #[command(flatten)]
    settings: settings::Flags,
}

pub(super) fn run(arguments: Arguments) -> Result<(), SiteError> {
    let job = job(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    let result = runtime.block_on(train(&job));
    // What failed before anything was written leaves no folder behind; one with anything in it stays.
    let _ = std::fs::remove_dir(&job.out);
    result
}

fn job(arguments: Arguments) -> Result<TrainJob, SiteError> {
    let has_validation = !arguments.validation.is_empty();
    let settings = settings::settings(arguments.config.as_deref(), arguments.settings, has_validation)?;
    if arguments.folds.is_some() {
        may_fold(&settings.training)?;
    }
    let model = model_folder(&arguments.model)?;
    require_folder(&model, "name the folder that holds config.json and the *.safetensors files")?;
    let job = TrainJob {
        data: record_files(&arguments.data)?,
        validation: record_files(&arguments.validation)?,
        start: arguments.adapter.as_deref().map(model_folder).transpose()?,
        base_name: arguments.base_name.unwrap_or_else(|| model.display().to_string()),
        model,
        out: absolute(&arguments.out)?,
        resume: arguments.resume,
        checkpoint_interval_s: arguments.checkpoint_interval_s,
        allow_missing: arguments.allow_missing,
        device: arguments.device,
        screen: arguments.screen,
        provenance: arguments.origin.rules(),
        years_max: arguments.origin.years_max,
        mix: arguments.mix,
        mapping: arguments.mapping.as_deref().map(record_file).transpose()?,
        folds: arguments.folds,
        settings,
    };
    may_begin(&job)?;
    std::fs::create_dir_all(&job.out).map_err(|source| SiteError::io(&job.out, source))?;
    Ok(job)
}

/// `5`, `5-fold`, `leave-one-out` or `auto`.
fn scheme_of(text: &str) -> Result<SchemeChoice, String> {
    let scheme = text.parse().map(SchemeChoice::KFold).or_else(|_| text.parse());
    match scheme {
        Ok(SchemeChoice::KFold(count)) if !(2..=FOLDS_MAX).contains(&count) => {
            Err(format!("the number of folds must be between 2 and {FOLDS_MAX}"))
        }
        Ok(scheme @ (SchemeChoice::Auto | SchemeChoice::KFold(_) | SchemeChoice::LeaveOneOut)) => Ok(scheme),
        _ => Err("folds are a number of them, leave-one-out or auto".to_owned()),
    }
}

/// A share that is held out is measured while training lasts, and a fold decides nothing of its training.
fn may_fold(training: &TrainingSettings) -> Result<(), SiteError> {
    if training.validation_share == 0.0 {
        return Ok(());
    }
    Err(SiteError::Data {
        sentence:
            "training.validation_share measures while training lasts, and a fold is measured once behind it"
                .to_owned(),
        hint: Some("leave validation_share out; each fold is trained to its last step".into()),
    })
}

/// Whether the output folder may be used for this.
fn may_begin(job: &TrainJob) -> Result<(), SiteError> {
    let out = job.out.display();
    let state = state_of(&job.out)?;
    let begun = if state == OutState::Begun { folds_begun(&job.out) } else { job.folds };
    let (sentence, hint) = match (state, job.resume) {
        (OutState::Begun, true) if begun != job.folds => {
            let was =
                begun.map_or_else(|| "without --folds".to_owned(), |folds| format!("with --folds {folds}"));
            (
                format!("the training in {out} was begun {was}"),
                "give the same --folds, or name another folder",
            )
        }
        (OutState::Empty, false) | (OutState::Begun, true) => return Ok(()),
        (OutState::Empty, true) => (
            format!("no training was begun in {out}"),
            "leave --resume out, or name the folder of that training",
        ),
        (OutState::Begun, false) => (
            format!("a training was begun in {out}"),
            "add --resume to go on with it, or name another folder",
        ),
        (OutState::Finished, _) => (
            format!("{out} holds a finished training"),
            "name another folder; to train on, start from it with --adapter",
        ),
        (OutState::Foreign, _) => {
            (format!("{out} holds other files"), "name a folder that is absent or empty")
        }
    };
    Err(SiteError::Data { sentence, hint: Some(hint.into()) })
}

/// Follows the child and says how it ended.
async fn train(job: &TrainJob) -> Result<(), SiteError> {
    let mut shown = Shown { job, display: Display::new(), peak_bytes: None, fold: None, folds: 0 };
    let end = follow(job, &mut shown).await;
    shown.display.end();
    match end? {
        End::Finished(summary) => {
            println!("{}", display::finished(&summary, &job.out.display().to_string(), shown.peak_bytes));
            Ok(())
        }
        End::CrossValidated(together) => {
            println!("{}", folds::together(&together, &job.out.display().to_string(), shown.peak_bytes));
            Ok(())
        }
        End::Stopped { step, total_steps } => {
            let fold = shown.fold.map_or_else(String::new, |fold| format!(" of fold {fold}"));
            Err(stopped(&format!("after step {step} of {total_steps}{fold}")))
        }
        End::Killed => Err(stopped("at once")),
        End::Failed(error) => Err(error),
        End::Died => Err(SiteError::Data {
            sentence: "the training process was killed".into(),
            hint: Some(
                "was there enough memory for this model? The same command with --resume goes on from the last checkpoint"
                    .into(),
            ),
        }),
    }
}

fn stopped(when: &str) -> SiteError {
    SiteError::Data {
        sentence: format!("training was stopped {when}"),
        hint: Some("the same command with --resume goes on from there".into()),
    }
}

/// What the person sees of the child.
struct Shown<'a> {
    job: &'a TrainJob,
    display: Display,
    /// The most memory the child has had, as of its last step.
    peak_bytes: Option<u64>,
    /// The fold that is trained.
    fold: Option<u64>,
    /// How many folds there are.
    folds: u64,
}

impl Show for Shown<'_> {
    fn stopping(&mut self) {
        self.display.line("stopping after this step, with a checkpoint (Ctrl-C again: at once)");
    }

    fn report(&mut self, report: &TrainingReport, process_id: Option<u32>) {
        let training = &self.job.settings.training;
        match report {
            TrainingReport::Prepared(prepared) => {
                self.display.prepared(prepared, training.cutoff_tokens, self.job.folds.is_some());
            }
            TrainingReport::Folded { folds, done, without_answer } => {
                self.folds = *folds;
                self.display.line(&folds::begun(*folds, *done, *without_answer));
            }
            TrainingReport::Fold { number, training, held_out } => {
                self.fold = Some(*number);
                self.display.line(&folds::begins(*number, self.folds, *training, *held_out));
            }
            TrainingReport::FoldMeasured(result) => {
                self.display.end();
                self.display.line(&folds::measured(result, self.folds));
                if let Some(left) = folds::left(result, self.folds) {
                    self.display.line(&left);
                }
            }
            TrainingReport::Ready { total_steps, passes, resumed_from, parameters, rank, alpha } => {
                let parameters = display::thousands(*parameters);
                if self.fold.is_none_or(|fold| fold == 1) {
                    self.display
                        .line(&format!("adapter: rank {rank}, alpha {alpha}, {parameters} parameters"));
                }
                let packed = if training.batching == Batching::Packed { "packed " } else { "" };
                let (steps, passes) = (display::thousands(*total_steps), display::thousands(*passes));
                self.display.line(&format!("steps: {steps} ({passes} {packed}forward passes an epoch)"));
                if *resumed_from > 0 {
                    self.display.line(&format!("resumed after step {resumed_from}"));
                } else if self.job.resume && self.fold.is_none() {
                    self.display.line("there is no checkpoint yet: training starts at the beginning");
                }
                self.display.ready(*total_steps, *resumed_from);
            }
            TrainingReport::Baseline(measured) => self.display.baseline(measured),
            TrainingReport::Step(report) => {
                let memory = process_id.and_then(memory::of);
                self.peak_bytes = memory.map(|memory| memory.peak_bytes).or(self.peak_bytes);
                self.display.step(report, memory.map(|memory| memory.resident_bytes));
            }
            TrainingReport::Warning(words) => self.display.line(&format!("warning: {words}")),
            TrainingReport::Finished(_)
            | TrainingReport::CrossValidated(_)
            | TrainingReport::Stopped { .. }
            | TrainingReport::Failed { .. } => {}
        }
    }
}
