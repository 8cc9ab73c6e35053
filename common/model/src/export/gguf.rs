//! GGUF files, as llama.cpp and Ollama load them: an adapter by itself, or a model with its adapter merged
//! in, its tokenizer and its chat template. Called by the coordinator's export.
//!
//! Invariants: one tensor is in memory at a time; the folder appears as a whole or not at all; the bytes are
//! a function of base, adapter, name and type; what cannot be written truly is refused in words.

mod blocks;
mod format;
mod modelfile;
mod names;
mod parameters;
mod reader;
mod vocabulary;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use self::format::{Described, TensorType, Value};
use self::names::Planned;
use super::{Difference, FurtherFile, files, merge};
use crate::adapter::{Adapter, LoraPair};
use crate::chat::{ChatTokenizer, Vocabulary};
use crate::checkpoint::CheckpointReader;
use crate::config::{LinearKind, ModelConfig};
use crate::error::{ModelError, Result};
use crate::staging::StagedFolder;

pub use self::modelfile::MODEL;
pub(crate) use self::reader::GgufFile;

/// How the matrices of a merged model are written; vectors are f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GgufType {
    /// 16-bit floats.
    F16,
    /// Blocks of 32 signed bytes with an f16 scale: 8.5 bits a weight.
    Q8_0,
}

/// What is exported.
#[derive(Debug, Clone, Copy)]
pub struct GgufSource<'a> {
    /// The base model's folder.
    pub model_folder: &'a Path,
    /// The adapter over it.
    pub adapter: &'a Adapter,
    /// `general.name` of the file.
    pub name: &'a str,
}

/// What is known of a merged file when its weights are written.
#[derive(Debug, Clone, Copy)]
pub struct GgufFacts {
    /// Between the exact sums and the matrices as they are written.
    pub difference: Difference,
    /// Whether the tokenizer brings texts into Unicode's form NFC first, which llama.cpp does not.
    pub is_normalised: bool,
}

/// Writes `adapter.gguf` (f32, exact) and a Modelfile to `out_folder` (absent or empty). Of the base model
/// only `config.json` is read.
///
/// # Errors
/// [`ModelError::Io`] when `out_folder` is taken or the disk is full (nothing is left behind),
/// [`ModelError::Adapter`] when the adapter does not fit the model, [`ModelError::Unsupported`] for a rotary
/// embedding that llama.cpp does not compute.
pub fn export_gguf_adapter(source: GgufSource<'_>, out_folder: &Path, further: &[FurtherFile]) -> Result<()> {
    let GgufSource { model_folder, adapter, name } = source;
    let config = ModelConfig::from_dir(model_folder)?;
    // Refuses what the base model's own file would be refused for.
    parameters::of_shape(&config)?;
    merge::targets(&config, adapter)?;
    let mut metadata = parameters::general(&config, "adapter", name, FILE_F32);
    metadata.push(("adapter.type".to_owned(), Value::Text("lora".to_owned())));
    // llama.cpp divides by the rank, which is not what rsLoRA divides by.
    let alpha = adapter.scaling() * adapter.settings().rank as f32;
    metadata.push(("adapter.lora.alpha".to_owned(), Value::F32(alpha)));
    let mut tensors = Vec::new();
    let mut matrices: Vec<(&LoraPair, Option<LinearKind>)> = Vec::new();
    for (layer, kind, pair) in adapter.pairs() {
        let name = names::linear(layer, kind);
        let described = |matrix: char, shape: [usize; 2]| Described {
            name: format!("{name}.weight.lora_{matrix}"),
            shape: shape.to_vec(),
            kind: TensorType::F32,
        };
        tensors.push(described('a', [pair.rank, pair.in_features]));
        matrices.push((pair, None));
        tensors.push(described('b', [pair.out_features, pair.rank]));
        matrices.push((pair, Some(kind)));
    }
    let staged = StagedFolder::create(out_folder)?;
    format::write(&staged.path(modelfile::ADAPTER), &metadata, &tensors, |index| {
        let values = match matrices[index] {
            (pair, None) => pair.a.clone(),
            (pair, Some(kind)) => match names::interleaved_heads(&config, kind) {
                Some(heads) => blocks::interleave(&pair.b, heads, pair.rank),
                None => pair.b.clone(),
            },
        };
        blocks::encode(&tensors[index].name, &values, TensorType::F32, &mut Difference::default())
    })?;
    finish(&staged, &modelfile::of_adapter(), further)?;
    staged.commit()
}

/// Writes `model.gguf` (`W + scaling * B A`, rounded once from f32) and a Modelfile to `out_folder` (absent
/// or empty), with the files that `further` gives once the model is whole and these facts are known; it is
/// called with the place where the model is before it has its name.
///
/// # Errors
/// As [`super::export_merged`], and what `further` returns; also [`ModelError::Unsupported`] for a
/// tokenizer, a rotary embedding, a tensor or a value that the format cannot hold truly,
/// [`ModelError::Tokenizer`] and [`ModelError::Template`] for damaged files.
pub fn export_gguf(
    source: GgufSource<'_>,
    kind: GgufType,
    out_folder: &Path,
    further: impl FnOnce(&Path, &GgufFacts) -> Result<Vec<FurtherFile>>,
) -> Result<()> {
    let GgufSource { model_folder, adapter, name } = source;
    let config = ModelConfig::from_dir(model_folder)?;
    files::refuse_quantised(model_folder)?;
    let reader = CheckpointReader::open(model_folder)?;
    reader.require_tied(&config)?;
    let targets = merge::targets(&config, adapter)?;
    let plan = names::plan(&config);
    require_all(&reader, &config, &plan, model_folder)?;
    let tokenizer = ChatTokenizer::load(model_folder)?;
    let mut metadata = parameters::general(&config, "model", name, file_type(kind));
    metadata.extend(parameters::of_shape(&config)?);
    let words = Vocabulary::read(model_folder, &tokenizer, &config)?;
    let is_normalised = words.is_normalised;
    metadata.extend(vocabulary::metadata(words));
    let divisors = parameters::rope_divisors(&config);
    let tensors = describe(&plan, kind, divisors.as_deref());
    let mut difference = Difference::default();
    let staged = StagedFolder::create(out_folder)?;
    format::write(&staged.path(MODEL), &metadata, &tensors, |index| {
        let described = &tensors[index];
        // The divisors have no tensor in the checkpoint; they come last.
        let values = match plan.get(index) {
            Some(planned) => merged(&reader, planned, &targets, adapter.scaling())?,
            None => divisors.clone().unwrap_or_default(),
        };
        blocks::encode(&described.name, &values, described.kind, &mut difference)
    })?;
    files::copy_licences(model_folder, &staged)?;
    let further = further(staged.folder(), &GgufFacts { difference, is_normalised })?;
    finish(&staged, &modelfile::of_model(&tokenizer), &further)?;
    staged.commit()
}

/// What the frequencies of the rotary embedding are divided by.
const ROPE_DIVISORS: &str = "rope_freqs.weight";

/// `general.file_type` of a file whose weights are f32.
const FILE_F32: u32 = 0;

const fn file_type(kind: GgufType) -> u32 {
    match kind {
        GgufType::F16 => 1,
        GgufType::Q8_0 => 7,
    }
}

/// Modelfile and further files.
fn finish(staged: &StagedFolder, modelfile: &str, further: &[FurtherFile]) -> Result<()> {
    staged.write("Modelfile", modelfile.as_bytes())?;
    further.iter().try_for_each(|(name, bytes)| staged.write(name, bytes))
}

/// Refuses a checkpoint that lacks a tensor, or has one that would be lost.
fn require_all(
    reader: &CheckpointReader,
    config: &ModelConfig,
    plan: &[Planned],
    folder: &Path,
) -> Result<()> {
    if let Some(lost) = plan.iter().find(|planned| reader.entry(&planned.source).is_none()) {
        return Err(ModelError::MissingTensor { path: folder.to_path_buf(), name: lost.source.clone() });
    }
    let planned: std::collections::BTreeSet<&str> = plan.iter().map(|it| it.source.as_str()).collect();
    // A tied head is the embedding; older folders have the rotary frequencies, which follow from the config.
    let is_known = |name: &str| {
        planned.contains(name)
            || (config.tie_word_embeddings && name == "lm_head.weight")
            || name.ends_with(".rotary_emb.inv_freq")
    };
    match reader.names().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => Err(ModelError::Unsupported {
            what: format!("a GGUF file of a checkpoint with the tensor {name}"),
            hint: "use --format merged".to_owned(),
        }),
    }
}

/// The tensors of the file: those of the plan, then the divisors of the rotary embedding where there are any.
fn describe(plan: &[Planned], kind: GgufType, divisors: Option<&[f32]>) -> Vec<Described> {
    let kind_of = |shape: &[usize]| match (shape, kind) {
        ([_], _) => TensorType::F32,
        // As llama.cpp's converter: rows that do not split into blocks stay 16-bit.
        ([.., row], GgufType::Q8_0) if row.is_multiple_of(format::Q8_0_BLOCK) => TensorType::Q8_0,
        _ => TensorType::F16,
    };
    let planned = plan.iter().map(|planned| Described {
        name: planned.name.clone(),
        shape: planned.shape.clone(),
        kind: kind_of(&planned.shape),
    });
    let divisors = divisors.map(|divisors| Described {
        name: ROPE_DIVISORS.to_owned(),
        shape: vec![divisors.len()],
        kind: TensorType::F32,
    });
    planned.chain(divisors).collect()
}

/// A tensor of the base with its pair added, in llama.cpp's order of rows.
fn merged(
    reader: &CheckpointReader,
    planned: &Planned,
    targets: &BTreeMap<String, &LoraPair>,
    scaling: f32,
) -> Result<Vec<f32>> {
    let (mut values, _) = reader.read_f32(&planned.source, &planned.shape)?;
    if let Some(pair) = targets.get(&planned.source) {
        merge::add(&mut values, pair, scaling);
    }
    let columns = planned.shape.get(1).copied().unwrap_or(1);
    Ok(match planned.heads {
        Some(heads) => blocks::interleave(&values, heads, columns),
        None => values,
    })
}
