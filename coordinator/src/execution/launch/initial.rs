//! What round 1 of a new run starts from: a fresh adapter, the last published one of another run, or an
//! adapter folder. Called by `launch`. Invariants: it has the shape and the scale that the run file asks for;
//! of a run it is known that the base model is the same, of a folder as far as the folder says.

use std::path::{Path, PathBuf};

use common::adapter::{AdapterError, AdapterReader};
use common::id::Digest;
use common::limits::{ADAPTER_BYTES_MAX, AGGREGATE_NORM_MAX, CONFIG_BYTES_MAX};
use common::run::{AdapterSettings, TensorSpec};
use serde::Deserialize;

use crate::error::{Error, Result};
use crate::execution::runs::Runs;
use crate::export::provenance::Provenance;
use crate::round::launched::Origin;
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, blobs};

/// Where the first adapter comes from.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Start {
    /// The adapter file; `None`: a fresh adapter is made.
    pub(super) file: Option<PathBuf>,
    /// The base model it belongs to, as far as that is known.
    pub(super) fingerprint: Option<Digest>,
    /// The run it comes from.
    pub(super) origin: Option<Origin>,
    /// What the operator should know.
    pub(super) note: Option<String>,
}

/// Finds what a run file's `initial` means: a folder (relative to `beside`), else a run.
///
/// # Errors
/// It is neither, the run has published nothing, or adapter and run file do not have the same settings.
pub(super) fn find(
    folder: &StateFolder,
    runs: &Runs,
    text: &str,
    beside: &Path,
    wanted: &AdapterSettings,
) -> Result<Start> {
    let path = beside.join(text);
    if path.is_dir() {
        return of_folder(&path, wanted);
    }
    let state = runs.choose(Some(text)).map_err(|_| Error::Argument {
        message: format!("the run file's `initial`, {text:?}, is neither a run nor an adapter folder"),
        hint: "`coordinator runs` lists the runs; a folder is relative to the run file".into(),
    })?;
    of_run(folder, &state, wanted)
}

/// The last published adapter of a run.
///
/// # Errors
/// It has published nothing, the stored adapter is damaged, or its settings are not those of the new run.
pub(super) fn of_run(folder: &StateFolder, state: &RunState, wanted: &AdapterSettings) -> Result<Start> {
    let rounds = state.published();
    if rounds == 0 {
        return Err(Error::NothingPublished(state.launched.run.to_string()));
    }
    let settings = &state.launched.spec.adapter;
    let shape = Shape {
        r: settings.rank,
        lora_alpha: settings.alpha,
        use_rslora: settings.use_rslora,
        target_modules: settings.target_modules.names(),
    };
    shape.must_be(wanted)?;
    let file = folder.blob(state.model());
    if blobs::digest_of(&file)? != state.model() {
        return Err(Error::Internal(format!("the stored adapter {} is damaged", state.model().short())));
    }
    Ok(Start {
        file: Some(file),
        fingerprint: Some(state.launched.model_fingerprint),
        origin: Some(Origin { run: state.launched.run, rounds }),
        note: None,
    })
}

fn of_folder(path: &Path, wanted: &AdapterSettings) -> Result<Start> {
    let (config, file) = (path.join("adapter_config.json"), path.join("adapter_model.safetensors"));
    let bytes = match std::fs::metadata(&file) {
        Ok(facts) if facts.is_file() => facts.len(),
        _ => return Err(Error::Missing { what: "adapter file", path: file }),
    };
    if bytes > ADAPTER_BYTES_MAX {
        let reason = format!("it has {bytes} bytes; at most {ADAPTER_BYTES_MAX} are read");
        return Err(Error::Config { path: file, reason });
    }
    let length = std::fs::metadata(&config).map_err(Error::io("read", &config))?.len();
    let refuse = |reason: String| Error::Config { path: config.clone(), reason };
    if length > CONFIG_BYTES_MAX {
        return Err(refuse(format!("it has {length} bytes; at most {CONFIG_BYTES_MAX} are read")));
    }
    let text = std::fs::read(&config).map_err(Error::io("read", &config))?;
    let shape: Shape = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
    shape.must_be(wanted)?;
    let known = Provenance::read(path)?;
    let note = known.is_none().then(|| {
        format!("{} does not say which base model it belongs to; only its shape was checked", path.display())
    });
    Ok(Start { file: Some(file), fingerprint: known.map(|known| known.base_fingerprint), origin: None, note })
}

/// Checks the first adapter's values with the bounds that sites hold an average to.
///
/// # Errors
/// It has other tensors, values that are no numbers, or a norm that sites would refuse.
pub(super) fn check_values(path: &Path, tensors: &[TensorSpec]) -> Result<()> {
    let refuse = |error: AdapterError| Error::Argument {
        message: format!("the initial adapter cannot be used: {error}"),
        hint: "start from another adapter, or from a fresh one".into(),
    };
    let summary =
        AdapterReader::open(path, tensors).and_then(|reader| reader.check_values()).map_err(refuse)?;
    summary.check_norm(AGGREGATE_NORM_MAX).map_err(refuse)
}

/// What decides the meaning of an adapter's tensors, as PEFT writes it.
#[derive(Debug, Deserialize)]
struct Shape {
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    target_modules: Vec<String>,
}

impl Shape {
    fn must_be(&self, wanted: &AdapterSettings) -> Result<()> {
        let sorted = |names: &[String]| {
            let mut names = names.to_vec();
            names.sort();
            names.join(", ")
        };
        let pairs = [
            ("rank", self.r.to_string(), wanted.rank.to_string()),
            ("alpha", self.lora_alpha.to_string(), wanted.alpha.to_string()),
            ("use_rslora", self.use_rslora.to_string(), wanted.use_rslora.to_string()),
            ("target_modules", sorted(&self.target_modules), sorted(&wanted.target_modules.names())),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(config: &str) -> (tempfile::TempDir, Result<Start>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("adapter_config.json"), config).unwrap();
        std::fs::write(folder.path().join("adapter_model.safetensors"), b"x").unwrap();
        let start = of_folder(folder.path(), &AdapterSettings::default());
        (folder, start)
    }

    const GOOD: &str = r#"{"r": 16, "lora_alpha": 32, "peft_type": "LORA", "target_modules":
        ["up_proj", "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "down_proj"]}"#;

    #[test]
    fn a_folder_must_have_the_settings_of_the_run_file() {
        let (_folder, start) = written(GOOD);
        let start = start.unwrap();
        assert!(start.note.unwrap().contains("only its shape"), "nothing says whose it is");
        for (text, key) in [
            (GOOD.replace("16", "8"), "rank"),
            (GOOD.replace("32", "64"), "alpha"),
            (GOOD.replace("\"up_proj\", ", ""), "target_modules"),
            (GOOD.replace("\"r\"", "\"use_rslora\": true, \"r\""), "use_rslora"),
        ] {
            let error = written(&text).1.unwrap_err();
            assert!(error.to_string().contains(&format!("adapter.{key}")), "{error}");
        }
        assert!(written("{").1.is_err());
        let empty = tempfile::tempdir().unwrap();
        assert!(matches!(
            of_folder(empty.path(), &AdapterSettings::default()),
            Err(Error::Missing { what: "adapter file", .. })
        ));
    }
}
