//! Writes an export in its format, with its card. Called by `export`, behind its locks. Invariant: the card
//! says of rounding what was measured while the files were written, and of their loss what they gave when
//! they were read back.

use std::path::Path;

use model::error::Result;
use model::{Adapter, FurtherFile, GgufFacts, GgufSource, ModelError};

use super::card::{self, Rounded, Subject};
use super::format::{Format, GgufType};
use super::provenance::{self, Provenance};
use super::quality::{Asking, Quality, Written};
use super::wishes::Wishes;
use crate::round::state::RunState;

const CARD: &str = "README.md";

/// What is written, and what it is asked.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    /// The base model's folder.
    pub(super) base: &'a Path,
    /// The adapter over it.
    pub(super) adapter: &'a Adapter,
    /// What the written model is asked, where its weights are rounded.
    pub(super) asking: Option<&'a Asking>,
}

/// Writes the folder; what the written model lost, or why that is not known, where its weights are rounded.
///
/// # Errors
/// What the model crate says of base, adapter and folder; what was written cannot be read back.
pub(super) fn write(
    state: &RunState,
    wishes: &Wishes<'_>,
    source: Source<'_>,
    show: &mut dyn FnMut(u64, u64),
) -> Result<Option<Quality>> {
    let Wishes { format, out, base_name, .. } = *wishes;
    let Source { base, adapter, asking } = source;
    let licence = card::licence_of(base);
    let card = |rounded: Option<Rounded>, quality: Option<&Quality>| {
        let licence = licence.as_deref();
        let subject = Subject { format, base_folder: base, base_name, licence, rounded, quality };
        (CARD, card::render(state, subject).into_bytes())
    };
    let mut known = None;
    // The model is whole, and has no name yet.
    let mut measured = |rounded: Option<Rounded>, written: Written<'_>| -> Result<Vec<FurtherFile>> {
        known = asking.map(|asking| asking.ask(base, adapter, written, show)).transpose()?;
        Ok(vec![card(rounded, known.as_ref())])
    };
    let gguf = GgufSource { model_folder: base, adapter, name: &state.launched.spec.name };
    match format {
        Format::Peft => {
            let name = base_name.map_or_else(|| base.display().to_string(), str::to_owned);
            let files = [card(None, None), (provenance::FILE, provenance(state)?)];
            let files = files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
            model::save_peft_with(adapter, out, &name, &files)?;
        }
        Format::Merged => {
            model::export_merged_with(base, adapter, out, |folder| measured(None, Written::Dense(folder)))?;
        }
        Format::GgufAdapter => model::export_gguf_adapter(gguf, out, &[card(None, None)])?,
        Format::Gguf => {
            let (kind, to) = match wishes.gguf_type.unwrap_or(GgufType::F16) {
                GgufType::F16 => (model::GgufType::F16, "f16"),
                GgufType::Q8_0 => (model::GgufType::Q8_0, "Q8_0"),
            };
            model::export_gguf(gguf, kind, out, |folder, facts| {
                let GgufFacts { difference, is_normalised } = *facts;
                let rounded = Rounded { to, difference, is_normalised };
                measured(Some(rounded), Written::Gguf(&folder.join(model::export::gguf::MODEL)))
            })?;
        }
        Format::Nf4 => {
            model::quantise_merged(base, adapter, out, |folder, difference| {
                let rounded = Rounded { to: "NF4", difference: *difference, is_normalised: false };
                measured(Some(rounded), Written::Nf4(folder))
            })?;
        }
    }
    Ok(known)
}

/// The adapter's origin, for a run that starts from the folder.
fn provenance(state: &RunState) -> Result<Vec<u8>> {
    let provenance = Provenance {
        run: state.launched.run,
        adapter: state.model(),
        base_fingerprint: state.launched.model_fingerprint,
    };
    provenance.to_bytes().map_err(|error| ModelError::Internal { reason: error.to_string() })
}
