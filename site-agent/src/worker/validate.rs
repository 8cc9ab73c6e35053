//! What a site has, before it joins or runs: the data is read and the model loaded behind the worker's locks,
//! and the person at the terminal is told. Called by the hidden `worker --validate`, which `join`, `run`
//! and `check` start.
//!
//! Invariant: what is wrong with a record is shown at this terminal and goes no further.

use model::chat::ChatTokenizer;
use model::{BaseModel, Compute, LoadOptions, WeightFormat};
use prepare::{PrepareError, records};

use super::room;
use crate::error::SiteError;
use crate::limits::CUTOFF_TOKENS_MAX;
use crate::paths::StateFolder;
use crate::{locks, waiver};

/// To the terminal of the person at the site; nothing of this goes to the gateway. As the standard library's,
/// but without a panic where nobody reads.
macro_rules! eprintln {
    ($($words:tt)*) => { common::terminal::eprint(format_args!("{}\n", format_args!($($words)*))) };
}

/// Reads the data and loads the model behind the worker's locks, and tells the person at the terminal what is
/// there.
///
/// Returns the number of usable records.
///
/// # Errors
/// `Data` with file and line, or what the model crate says of the model folder.
pub fn validate(folder: &StateFolder) -> Result<u64, SiteError> {
    let config = locks::worker(folder)?;
    let admitted = room::admit(&config, waiver::in_force(folder)?).map_err(PrepareError::from)?;
    for line in admitted.left_out(|_| false) {
        eprintln!("{line}");
    }
    eprintln!("{}", admitted.held_back());
    if let Some(line) = admitted.outdated(config.data_room.years_max, waiver::today().year) {
        eprintln!("{line}");
    }
    let tokenizer = ChatTokenizer::load(&config.model).map_err(PrepareError::from)?;
    let documents = records::documents(&admitted.records);
    let prepared = tokenizer.prepare_documents(&documents, CUTOFF_TOKENS_MAX).map_err(PrepareError::from)?;
    // The smaller format: what a run will ask for is not known yet, and every tensor is read either way.
    let options = LoadOptions { weights: WeightFormat::Nf4, compute: Compute::Bf16 };
    BaseModel::load_on(&config.model, &options, config.training.placement()).map_err(PrepareError::from)?;
    eprintln!(
        "data: {} records, {} tokens; model: {} on {}",
        prepared.samples.len(),
        prepared.report.tokens,
        config.model.display(),
        config.training.device
    );
    Ok(prepared.samples.len() as u64)
}
