//! Writes an export in its format, with its card. Called by `export`, behind its locks. Invariant: the card
//! says of rounding what was measured while the files were written.

use std::path::Path;

use model::error::Result;
use model::{Adapter, Difference, GgufFacts, GgufSource, ModelError};

use super::card::{self, Rounded, Subject};
use super::format::{Format, GgufType};
use super::provenance::{self, Provenance};
use super::wishes::Wishes;
use crate::round::state::RunState;

const CARD: &str = "README.md";

/// Writes the folder.
///
/// # Errors
/// What the model crate says of base, adapter and folder.
pub(super) fn write(state: &RunState, wishes: &Wishes<'_>, base: &Path, adapter: &Adapter) -> Result<()> {
    let Wishes { format, out, base_name, .. } = *wishes;
    let licence = card::licence_of(base);
    let card = |rounded: Option<Rounded>| {
        let licence = licence.as_deref();
        card::render(state, Subject { format, base_folder: base, base_name, licence, rounded }).into_bytes()
    };
    let source = GgufSource { model_folder: base, adapter, name: &state.launched.spec.name };
    match format {
        Format::Peft => {
            let name = base_name.map_or_else(|| base.display().to_string(), str::to_owned);
            let files = [(CARD, card(None)), (provenance::FILE, provenance(state)?)];
            let files = files.each_ref().map(|(name, bytes)| (*name, bytes.as_slice()));
            model::save_peft_with(adapter, out, &name, &files)
        }
        Format::Merged => model::export_merged_with(base, adapter, out, &[(CARD, &card(None))]),
        Format::GgufAdapter => model::export_gguf_adapter(source, out, &[(CARD, card(None))]),
        Format::Gguf => {
            let (kind, to) = match wishes.gguf_type.unwrap_or(GgufType::F16) {
                GgufType::F16 => (model::GgufType::F16, "f16"),
                GgufType::Q8_0 => (model::GgufType::Q8_0, "Q8_0"),
            };
            let further = |facts: &GgufFacts| {
                let GgufFacts { difference, is_normalised } = *facts;
                vec![(CARD, card(Some(Rounded { to, difference, is_normalised })))]
            };
            model::export_gguf(source, kind, out, further)
        }
        Format::Nf4 => {
            let further = |difference: &Difference| {
                let rounded = Rounded { to: "NF4", difference: *difference, is_normalised: false };
                vec![(CARD, card(Some(rounded)))]
            };
            model::quantise_merged(base, adapter, out, further).map(|_| ())
        }
    }
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
