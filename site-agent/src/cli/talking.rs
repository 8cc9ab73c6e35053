//! The options of the commands that ask a model: which one, and how it chooses its words. Used by `generate`,
//! `ask` and `serve`.

use std::path::PathBuf;

use evaluation::safety::RuleFile;
use model::{Compute, Device, LoadOptions, WeightFormat};
use retrieval::limits::SOURCES_MAX;
use sandbox::Lock;

use super::support::{absolute, model_folder, record_file, require_folder};
use crate::alone::documents::Wanted;
use crate::alone::evaluate::of_suite;
use crate::alone::generate::{Talker, Wishes, lock};
use crate::error::SiteError;

/// A model, perhaps with an adapter, and how it is held.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ModelArguments {
    /// Folder of the base model (Hugging Face layout, with tokenizer and chat template).
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Folder of an adapter in PEFT's layout, as `coordinator export --format peft` writes it.
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// How the base model's linears are held: nf4 (a seventh of the memory) or f32.
    #[arg(long, value_parser = ["nf4", "f32"], default_value = "nf4")]
    weights: String,
    /// Precision of the matrix products.
    #[arg(long, value_parser = ["bf16", "f32"], default_value = "bf16")]
    compute: String,
    /// Where to compute: cpu, cuda or cuda:N.
    #[arg(long, default_value_t = Device::Cpu)]
    pub(super) device: Device,
    /// Go on without this lock: landlock, seccomp, core-dumps or descriptors; may be repeated.
    #[arg(long = "allow-missing", value_name = "LOCK")]
    pub(super) allow_missing: Vec<Lock>,
}

impl ModelArguments {
    /// The folders of the model and of the adapter, as a lock names them.
    pub(super) fn folders(&self) -> Result<(PathBuf, Option<PathBuf>), SiteError> {
        Ok((model_folder(&self.model)?, self.adapter.as_deref().map(model_folder).transpose()?))
    }

    /// Takes the locks, under which `more` can be read, too.
    pub(super) fn lock(&self, more: Vec<PathBuf>) -> Result<Locked<'_>, SiteError> {
        let (folder, adapter) = self.folders()?;
        lock(&folder, adapter.as_deref(), more, self.device, &self.allow_missing)?;
        Ok(Locked { arguments: self, folder, adapter })
    }

    pub(super) fn options(&self) -> LoadOptions {
        LoadOptions {
            weights: if self.weights == "f32" { WeightFormat::F32 } else { WeightFormat::Nf4 },
            compute: if self.compute == "f32" { Compute::F32 } else { Compute::Bf16 },
        }
    }
}

/// A model that is read behind the locks, which were taken for these folders.
pub(super) struct Locked<'a> {
    arguments: &'a ModelArguments,
    folder: PathBuf,
    adapter: Option<PathBuf>,
}

impl Locked<'_> {
    /// Loads the model.
    pub(super) fn load(&self, choice: &ChoiceArguments, system: Option<String>) -> Result<Talker, SiteError> {
        let Self { arguments, folder, adapter } = self;
        let (placement, wishes) = (arguments.device.into(), choice.wishes());
        Talker::load(folder, adapter.as_deref(), &arguments.options(), placement, system, &wishes)
    }
}

/// What answers are checked by.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct CheckArguments {
    /// Check each whole answer by these rules of safety before it is shown (`site-agent rules --help`).
    ///
    /// An answer that breaks a rule of severity `stop` is withheld: a sentence that names the rule stands in
    /// its place. One that breaks a rule of severity `warn` is shown, and said to.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
}

impl CheckArguments {
    /// The rule file, before the locks, with the files that it names: they are read behind them.
    pub(super) fn file(&self) -> Result<(Option<RuleFile>, Vec<PathBuf>), SiteError> {
        let Some(path) = &self.rules else { return Ok((None, Vec::new())) };
        let file = RuleFile::read(&absolute(path)?).map_err(of_suite)?;
        let tables = file.tables().iter().map(|table| record_file(table)).collect::<Result<_, _>>()?;
        Ok((Some(file), tables))
    }
}

/// What answers are made from.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct DocumentArguments {
    /// Answer from the documents of this folder (.txt and .md), and name the sources.
    ///
    /// The passages that fit the question best (BM25) stand before it in the prompt; behind the answer stand
    /// the sources that it cites, and those that it does not; with --rules without a name or a heading with
    /// which it would break a rule that stops. The folder is read once, at the start.
    #[arg(long, value_name = "DIR")]
    documents: Option<PathBuf>,
    /// Passages before a question at most, from 1 to 10; fewer where the model's context is full.
    #[arg(long, value_name = "COUNT", default_value_t = 3, requires = "documents")]
    passages: usize,
}

impl DocumentArguments {
    /// The folder, before the locks: it is read behind them.
    pub(super) fn wanted(&self) -> Result<Option<Wanted>, SiteError> {
        if !(1..=SOURCES_MAX).contains(&self.passages) {
            let sentence = format!("--passages is {}; it must be from 1 to {SOURCES_MAX}", self.passages);
            return Err(SiteError::data(&sentence, "3 is enough for most questions"));
        }
        let Some(folder) = &self.documents else { return Ok(None) };
        require_folder(folder, "--documents takes a folder with text files")?;
        let folder = folder.canonicalize().map_err(|source| SiteError::io(folder, source))?;
        Ok(Some(Wanted { folder, most: self.passages }))
    }
}

/// How words are chosen.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct ChoiceArguments {
    /// 0 takes the most likely token; higher is more varied.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    temperature: Option<f64>,
    /// Choose among the most likely tokens that together have this probability.
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// Choose among this many most likely tokens; 0 for all.
    #[arg(long, value_name = "COUNT")]
    top_k: Option<usize>,
    /// Above 1 makes tokens less likely that have occurred already.
    #[arg(long, value_name = "FACTOR", allow_negative_numbers = true)]
    repetition_penalty: Option<f64>,
    /// Longest answer in tokens.
    #[arg(long, value_name = "COUNT", default_value_t = 512)]
    max_tokens: usize,
    /// The same seed gives the same choices.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl ChoiceArguments {
    pub(super) fn wishes(&self) -> Wishes {
        Wishes {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            repetition_penalty: self.repetition_penalty,
            max_tokens: Some(self.max_tokens),
            seed: self.seed,
        }
    }
}
