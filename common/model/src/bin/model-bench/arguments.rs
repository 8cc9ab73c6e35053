//! What `model-bench` is asked to do, and how it says what is wrong. Used by all files of the command.

use std::path::PathBuf;

use model::bench::{Asked, BenchSettings};
use model::config::published::shape;
use model::{Compute, LoadOptions, ModelConfig, ModelError, Placement, WeightFormat};

pub(crate) const USAGE: &str = "\
Usage: model-bench [--shape 0.5b|1.5b|7b] [--tokens N] [--sequences N] [--rank N] [--supervised-fraction X]
                   [--steps N] [--compute bf16|f32] [--weights nf4|f32] [--device cpu|cuda:N]
                   [--recompute none|attention|full|auto] [--hold nf4|bf16-cache]
       model-bench --products TOKENSxINPUTxOUTPUT [--device cpu|cuda:N] [--steps N]
       model-bench --against-peft PYTHON --baseline FILE [--json FILE] [--shape ..] [--tokens N] [--steps N]
                   [--evaluate letters|options]   asks questions instead of training: the answers' letters, or all
                                                  of each answer; --sequences of them at a time
       model-bench --on-request yes ...   answers each line `step` on standard input with one timed step";

/// What to do, from the command line.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    pub(crate) shape: String,
    pub(crate) options: LoadOptions,
    pub(crate) placement: Placement,
    pub(crate) products: Option<[usize; 3]>,
    pub(crate) settings: BenchSettings,
    pub(crate) on_request: bool,
    /// Asks questions, and does not train.
    pub(crate) evaluate: Option<Asked>,
    pub(crate) against_peft: Option<PathBuf>,
    pub(crate) baseline: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
}

impl Arguments {
    pub(crate) fn config(&self) -> Result<ModelConfig, Failure> {
        let name = format!("qwen2.5-{}", self.shape);
        shape(&name).ok_or_else(|| Failure {
            code: 2,
            reason: format!("{name} is not among the published shapes"),
            hint: "use another --shape".to_owned(),
        })
    }
}

/// Why the command failed: whose fault, one sentence, and a next step.
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) reason: String,
    pub(crate) hint: String,
}

impl Failure {
    /// The user can put it right.
    pub(crate) fn user(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: 1, reason: reason.into(), hint: hint.into() }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        Self {
            code: if error.is_user_error() { 1 } else { 2 },
            reason: error.to_string(),
            hint: error.hint().map(|hint| hint.to_string()).unwrap_or_default(),
        }
    }
}

pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments {
        shape: "0.5b".to_owned(),
        placement: Placement::default(),
        products: None,
        options: LoadOptions { weights: WeightFormat::Nf4, compute: Compute::Bf16 },
        settings: BenchSettings { tokens: 512, sequences: 1, rank: 16, supervised_fraction: 1.0, steps: 5 },
        on_request: false,
        evaluate: None,
        against_peft: None,
        baseline: None,
        json: None,
    };
    while let Some(option) = words.next() {
        let value = words.next().ok_or_else(|| format!("{option} needs a value"))?;
        let count = || match value.parse::<usize>() {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(format!("{option} needs a positive whole number, not {value:?}")),
        };
        match (option.as_str(), value.as_str()) {
            ("--shape", "0.5b" | "1.5b" | "7b") => parsed.shape = value,
            ("--tokens", _) if count()? < 2 => return Err("--tokens must be at least 2".to_owned()),
            ("--tokens", _) => parsed.settings.tokens = count()?,
            ("--sequences", _) => parsed.settings.sequences = count()?,
            ("--rank", _) => parsed.settings.rank = count()?,
            ("--steps", _) => parsed.settings.steps = count()?,
            ("--supervised-fraction", _) => {
                let share = value.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
                parsed.settings.supervised_fraction =
                    share.ok_or_else(|| format!("{option} must be in (0, 1], not {value:?}"))?;
            }
            ("--device", _) => {
                parsed.placement.device = value.parse().map_err(|error: ModelError| error.to_string())?;
            }
            ("--recompute", _) => {
                parsed.placement.recompute = value.parse().map_err(|error: ModelError| error.to_string())?;
            }
            ("--hold", _) => {
                parsed.placement.weights = value.parse().map_err(|error: ModelError| error.to_string())?;
            }
            ("--products", _) => parsed.products = Some(sizes(&value)?),
            ("--compute", "bf16") => parsed.options.compute = Compute::Bf16,
            ("--compute", "f32") => parsed.options.compute = Compute::F32,
            ("--weights", "nf4") => parsed.options.weights = WeightFormat::Nf4,
            ("--weights", "f32") => parsed.options.weights = WeightFormat::F32,
            ("--evaluate", "letters") => parsed.evaluate = Some(Asked::Letters),
            ("--evaluate", "options") => parsed.evaluate = Some(Asked::Options),
            ("--on-request", "yes") => parsed.on_request = true,
            ("--against-peft", _) => parsed.against_peft = Some(value.into()),
            ("--baseline", _) => parsed.baseline = Some(value.into()),
            ("--json", _) => parsed.json = Some(value.into()),
            _ => return Err(format!("unknown option {option} {value}")),
        }
    }
    if parsed.evaluate.is_some() && parsed.against_peft.is_none() && !parsed.on_request {
        return Err("--evaluate belongs to --against-peft PYTHON".to_owned());
    }
    if parsed.json.is_some() && parsed.against_peft.is_none() {
        return Err("--json belongs to --against-peft PYTHON".to_owned());
    }
    Ok(parsed)
}

/// `TOKENSxINPUTxOUTPUT`.
fn sizes(text: &str) -> Result<[usize; 3], String> {
    let wrong = || format!("--products needs three sizes like 4096x3584x18944, not {text:?}");
    let sizes = text.split('x').map(|size| size.parse::<usize>().ok().filter(|size| *size > 0));
    sizes.collect::<Option<Vec<_>>>().and_then(|sizes| sizes.try_into().ok()).ok_or_else(wrong)
}
