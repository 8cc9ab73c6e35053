//! Takes a run's published model out: as a PEFT adapter folder, merged into the base as a Hugging Face
//! folder, or as a GGUF file. Called by `cli::export`. Invariants: the target folder appears whole or not at
//! all; the base model's files are opened behind the worker's locks.

mod card;
mod format;
mod memory;
pub mod provenance;
mod quality;
pub mod release;
mod wishes;
mod writing;

use std::path::Path;

use common::id::Digest;
use common::places::{self, readable};
use model::{Adapter, BaseModel, Device, ModelConfig};
use prepare::{PrepareError, settings};
use sandbox::{FileRules, Lock};

use self::quality::Asking;
use self::writing::Source;
use crate::error::{Error, Result};
use crate::evaluate::locks;
use crate::round::alone;
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, blobs};

pub use self::format::{Format, GgufType};
pub use self::quality::{OfRecords, Outcome, Quality};
pub use self::wishes::{Measure, Wishes};

/// Writes the newest published adapter of a run, and says what of it was measured; the same run, name and
/// measurements give the same bytes. `show(done, total)` is called after each text that is measured.
///
/// # Errors
/// No round is published, `out` exists, a lock does not hold, the adapter or the base model cannot be read, a
/// model folder that was named is not the run's base model, the format cannot hold the model, what was
/// named to be measured cannot be, what was written cannot be read back, or `out` cannot be written.
pub fn export(
    folder: &StateFolder,
    state: &RunState,
    wishes: &Wishes<'_>,
    allow_missing: &[Lock],
    show: &mut dyn FnMut(u64, u64),
) -> Result<Option<Quality>> {
    let Wishes { out, base_name, model, .. } = *wishes;
    if wishes.gguf_type.is_some() && wishes.format != Format::Gguf {
        return Err(Error::Argument {
            message: "--gguf-type is of --format gguf alone".into(),
            hint: "leave it out: an adapter is written as it is".into(),
        });
    }
    if !wishes.format.rounds() && wishes.measure != Measure::Neutral {
        return Err(Error::Argument {
            message: "--measure and --no-measure are of formats that round: merged, nf4 and gguf".into(),
            hint: "leave it out: an adapter is written as it is".into(),
        });
    }
    let digest = state.model();
    if alone::is_alone(state) {
        return Err(Error::TrainedAlone(state.launched.run.to_string()));
    }
    if !state.rounds.iter().any(|record| record.published_at.is_some()) {
        return Err(Error::NothingPublished(state.launched.run.to_string()));
    }
    if let Some(name) = base_name {
        card::check_name(name)?;
    }
    if out.exists() {
        let message = format!("{} already exists", out.display());
        return Err(Error::Argument { message, hint: "name a folder that does not exist yet".into() });
    }
    let path = folder.blob(digest);
    if blobs::digest_of(&path)? != digest {
        return Err(Error::Internal(format!("the stored adapter {} is damaged", digest.short())));
    }
    let named =
        model.map(|path| places::model(path).map_err(Error::io("open the folder", path))).transpose()?;
    let base = named.as_ref().unwrap_or(&state.launched.model);
    match (base.is_dir(), &named) {
        (true, _) => {}
        (false, Some(named)) => {
            return Err(Error::Missing { what: "model folder", path: named.clone() });
        }
        (false, None) => return Err(Error::BaseMoved(base.clone())),
    }
    let into = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let into = std::fs::canonicalize(into).map_err(Error::io("open the folder", into))?;
    let measured = match wishes.measure {
        Measure::Records(file) => Some(places::file(file).map_err(Error::io("open", file))?),
        Measure::Neutral | Measure::Off => None,
    };
    let read = readable(base).into_iter().chain([path.clone()]).chain(measured.clone()).collect();
    let rules = FileRules { read, write: vec![into], gpu: None };
    locks::lock(&rules, allow_missing)?;
    if named.is_some() {
        must_be_the_base(state, base)?;
    }
    let config = ModelConfig::from_dir(base).map_err(PrepareError::from)?;
    let bytes = std::fs::read(&path).map_err(Error::io("read", &path))?;
    let lora = settings::lora(&state.launched.spec.adapter);
    let adapter = Adapter::from_safetensors(&bytes, &config, &lora).map_err(PrepareError::from)?;
    let asking = match wishes.format.rounds() {
        false => None,
        true => {
            let cutoff_tokens = state.launched.spec.training.cutoff_tokens;
            Some(Asking::prepare(wishes.measure, measured.as_ref(), base, wishes.format, cutoff_tokens)?)
        }
    };
    let source = Source { base, adapter: &adapter, asking: asking.as_ref() };
    writing::write(state, wishes, source, show).map_err(|error| PrepareError::from(error).into())
}

/// Another folder has to hold the model that the run was trained on.
fn must_be_the_base(state: &RunState, folder: &Path) -> Result<()> {
    let options = settings::load_options(&state.launched.spec.base);
    let base = BaseModel::load_on(folder, &options, Device::Cpu).map_err(PrepareError::from)?;
    if Digest(base.fingerprint()) == state.launched.model_fingerprint {
        return Ok(());
    }
    Err(Error::Argument {
        message: format!("{} is not the base model that the run was trained on", folder.display()),
        hint: format!("`coordinator report` says which it was: {}", state.launched.model_fingerprint),
    })
}
