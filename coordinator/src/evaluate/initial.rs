//! What a run begins with when it is not a fresh adapter: whether it means what the run file says. Called by
//! `child`, and by `execution::launch` for an adapter of this coordinator. Invariants: rank, scale and
//! modules are the run file's; a PEFT option that changes the arithmetic and is not computed here is refused;
//! where the base model is known, it is this one.

use std::path::Path;

use common::id::Digest;
use model::{Adapter, BaseModel, LoraSettings};
use prepare::PrepareError;

use crate::error::{Error, Result};
use crate::export::provenance::Provenance;

/// The adapter of a PEFT folder.
///
/// # Errors
/// The folder cannot be read, is not of these settings, or says that it belongs to another base model.
pub(super) fn of_folder(folder: &Path, base: &BaseModel, wanted: &LoraSettings) -> Result<Adapter> {
    let adapter = model::load_peft(folder, base.config()).map_err(PrepareError::from)?;
    must_mean(adapter.settings(), wanted)?;
    if let Some(known) = Provenance::read(folder)? {
        must_be_base(folder, base, known.base_fingerprint)?;
    }
    Ok(adapter)
}

/// Whether this is the base model that something belongs to.
///
/// # Errors
/// It is another one.
pub(super) fn must_be_base(named: &Path, base: &BaseModel, expected: Digest) -> Result<()> {
    let found = Digest(base.fingerprint());
    if found == expected {
        return Ok(());
    }
    Err(Error::Argument {
        message: format!(
            "{}: the base model is {}, but {} is wanted",
            named.display(),
            found.short(),
            expected.short()
        ),
        hint: "name the model folder that it was trained on, and hold it in the same way ([base])".into(),
    })
}

/// Whether an adapter of these settings is one of the wanted ones; dropout changes no adapter.
///
/// # Errors
/// The first setting that differs, as the run file calls it.
pub fn must_mean(found: &LoraSettings, wanted: &LoraSettings) -> Result<()> {
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort();
        names.join(", ")
    };
    let pairs = [
        ("rank", found.rank.to_string(), wanted.rank.to_string()),
        ("alpha", found.alpha.to_string(), wanted.alpha.to_string()),
        ("use_rslora", found.use_rslora.to_string(), wanted.use_rslora.to_string()),
        ("target_modules", sorted(&found.target_modules), sorted(&wanted.target_modules)),
    ];
    match pairs.into_iter().find(|(_, found, wanted)| found != wanted) {
        None => Ok(()),
        Some((key, found, wanted)) => Err(Error::Argument {
            message: format!(
                "the initial adapter has {key} {found}, but the run file's `adapter.{key}` is {wanted}"
            ),
            hint: "put the adapter's own settings under [adapter] in the run file".into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_must_have_the_settings_of_the_run_file() {
        let wanted = LoraSettings::all_linear(16, 32.0);
        let mut found = wanted.clone();
        found.target_modules.reverse();
        found.dropout = 0.5;
        assert!(must_mean(&found, &wanted).is_ok(), "neither order nor dropout is in an adapter");
        let changed = |key: &str| {
            let mut found = wanted.clone();
            match key {
                "rank" => found.rank = 8,
                "alpha" => found.alpha = 64.0,
                "use_rslora" => found.use_rslora = true,
                _ => found.target_modules.truncate(3),
            }
            found
        };
        for key in ["rank", "alpha", "use_rslora", "target_modules"] {
            let error = must_mean(&changed(key), &wanted).unwrap_err();
            assert!(
                error.to_string().contains(&format!("adapter.{key}")) && error.is_user_error(),
                "{error}"
            );
        }
    }
}
