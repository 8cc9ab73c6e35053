//! `agent.toml`: the site's own policy. Written by `join`, edited by the people at the site, never sent.
//!
//! Used by every command and by both processes. Unknown keys are refused, so that a misspelt lock is an error
//! and not a silent default.

use std::path::{Path, PathBuf};

use cli::keys::KeysConfig;
use common::limits::{CONFIG_BYTES_MAX, VALIDATION_SHARE_MAX};
use common::places;
use model::{Device, HeldWeights, Placement, Recompute};
use sandbox::Lock;
use serde::{Deserialize, Serialize};

use crate::error::SiteError;
use crate::limits::{CHECKPOINT_INTERVAL_S_MAX, TRAINING_ATTEMPTS_MAX};
use crate::policy::PolicyConfig;
use escrow::EscrowConfig;
use retention::RetentionConfig;

pub mod computed_on;
mod data_room;
pub mod escrow;
pub mod retention;

pub use self::data_room::DataRoomConfig;

/// Old names of keys that are still read, beside their new ones.
pub const RENAMED: [(&str, &str); 1] = [("training.weights", "training.base_in_memory")];

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentConfig {
    /// Folder of the base model (a Hugging Face folder: config.json, tokenizer.json, *.safetensors).
    pub model: PathBuf,
    /// Files with the site's de-identified training records (JSON lines, a JSON array, CSV or Parquet).
    pub data: Vec<PathBuf>,
    /// What is done with the records before any is trained on.
    #[serde(default)]
    pub data_room: DataRoomConfig,
    /// Which kernel locks may be missing.
    #[serde(default)]
    pub sandbox: SandboxConfig,
    /// How local training behaves; what is trained comes from the run.
    #[serde(default)]
    pub training: TrainingConfig,
    /// What the site lets out.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// What stays on the disk.
    #[serde(default)]
    pub retention: RetentionConfig,
    /// Whether the bytes of every frame are kept for the privacy officer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escrow: Option<EscrowConfig>,
    /// What opens keys that are sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysConfig>,
}

/// `[sandbox]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {
    /// Locks the agent may run without: "landlock", "seccomp", "core-dumps", "descriptors". Empty means that
    /// every lock must hold.
    #[serde(default)]
    pub allow_missing: Vec<Lock>,
}

/// `[training]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingConfig {
    /// Seconds between two checkpoints of a training in progress; after a crash at most this much is
    /// repeated.
    pub checkpoint_interval_s: u64,
    /// How often training of one round is started before the site reports it as failed.
    pub attempts_max: u32,
    /// Where to compute: "cpu", "cuda" or "cuda:N". A round's result differs between devices by rounding
    /// only.
    pub device: Device,
    /// Which activations a training step computes twice instead of keeping: "none", "attention", "full" or
    /// "auto". Memory against time; the result is the same bytes.
    pub recompute: Recompute,
    /// Share of the records that a run may measure on instead of training on them, where it asks for a share
    /// at all. The run decides whether, the site how much: a share that a coordinator could choose would tell
    /// it exact counts.
    pub validation_share: f64,
    /// How the quantised base is held in memory: "nf4", or "bf16-cache" (unpacked once: four times the
    /// memory, the same result). Its
    /// old name, `weights`, is still read; in a run file that word means the stored format.
    #[serde(alias = "weights")]
    pub base_in_memory: HeldWeights,
}

impl TrainingConfig {
    /// Where and how the base model is held.
    pub fn placement(&self) -> Placement {
        Placement { device: self.device, recompute: self.recompute, weights: self.base_in_memory }
    }
}

impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            checkpoint_interval_s: 30,
            attempts_max: 3,
            device: Device::Cpu,
            recompute: Recompute::Auto,
            validation_share: 0.1,
            base_in_memory: HeldWeights::Nf4,
        }
    }
}

impl AgentConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// `NotJoined` when there is no file; `Config` when it does not parse or makes no sense.
    pub fn load(path: &Path) -> Result<Self, SiteError> {
        let metadata = match std::fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(SiteError::NotJoined { folder: path.parent().unwrap_or(path).to_path_buf() });
            }
            Err(source) => return Err(SiteError::unreadable(path, source)),
        };
        if metadata.len() > CONFIG_BYTES_MAX {
            return Err(SiteError::config(path, "it is larger than 256 KiB"));
        }
        let text = std::fs::read_to_string(path).map_err(|source| SiteError::unreadable(path, source))?;
        let mut config = Self::parse(path, &text)?;
        // A folder that is not there is said by whoever opens it.
        config.model = places::model(&config.model).unwrap_or(config.model);
        Ok(config)
    }

    /// Reads and checks the text of the file, which is at this path for what is said of it.
    ///
    /// # Errors
    /// `Config` when it does not parse or makes no sense.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SiteError> {
        let config: Self = toml::from_str(text).map_err(|error| SiteError::toml(path, text, &error))?;
        config.validate().map_err(|reason| SiteError::config(path, reason))?;
        Ok(config)
    }

    /// What the file says in words that have changed, one sentence each; nothing where it cannot be read.
    #[must_use]
    pub fn old_words(path: &Path) -> Vec<String> {
        let table = std::fs::read_to_string(path).ok().and_then(|text| text.parse::<toml::Table>().ok());
        let training = table.as_ref().and_then(|table| table.get("training")).and_then(toml::Value::as_table);
        let is_old = training.is_some_and(|training| training.contains_key("weights"));
        let sentence = format!(
            "{}: `training.weights` is now called `training.base_in_memory`; please rename it",
            path.display()
        );
        is_old.then_some(sentence).into_iter().collect()
    }

    /// What the worker may read besides the model: the data files and their mapping.
    #[must_use]
    pub fn data_files(&self) -> Vec<PathBuf> {
        self.data.iter().chain(&self.data_room.mapping).cloned().collect()
    }

    fn validate(&self) -> Result<(), String> {
        self.keys.as_ref().map_or(Ok(()), KeysConfig::validate)?;
        self.validate_numbers().map_err(str::to_owned)
    }

    fn validate_numbers(&self) -> Result<(), &'static str> {
        if self.data.is_empty() {
            return Err("`data` names no file");
        }
        self.data_room.validate()?;
        if !(1..=CHECKPOINT_INTERVAL_S_MAX).contains(&self.training.checkpoint_interval_s) {
            return Err("`training.checkpoint_interval_s` must be between 1 and 3600");
        }
        if !(1..=TRAINING_ATTEMPTS_MAX).contains(&self.training.attempts_max) {
            return Err("`training.attempts_max` must be between 1 and 100");
        }
        if !(0.0..=VALIDATION_SHARE_MAX).contains(&self.training.validation_share) {
            return Err("`training.validation_share` must be between 0 and 0.5");
        }
        self.policy.validate()?;
        self.retention.validate()?;
        self.escrow.as_ref().map_or(Ok(()), EscrowConfig::validate)
    }

    /// The file as `join` writes it: every setting with its meaning beside it.
    ///
    /// # Errors
    /// When a path is not valid UTF-8 and so cannot be written in TOML.
    pub fn to_commented_toml(&self) -> Result<String, SiteError> {
        let quote = |path: &Path| {
            path.to_str()
                .map(|text| toml::Value::String(text.to_owned()).to_string())
                .ok_or_else(|| SiteError::config(path, "the path is not valid UTF-8"))
        };
        let data = self.data.iter().map(|path| quote(path)).collect::<Result<Vec<_>, _>>()?.join(",\n  ");
        let mapping = self.data_room.mapping.as_deref().map(quote).transpose()?;
        let locks = self
            .sandbox
            .allow_missing
            .iter()
            .map(|lock| format!("\"{lock}\""))
            .collect::<Vec<_>>()
            .join(", ");
        Ok(format!(
            "# The policy of this site. It stays here; `site-agent check` shows what it means on this machine.\n\n\
             # Folder of the base model.\nmodel = {}\n\n\
             # Files with de-identified training records (Alpaca or ShareGPT).\ndata = [\n  {data}\n]\n\n\
             {}\
             [sandbox]\n\
             # Locks the agent may run without: \"landlock\", \"seccomp\", \"core-dumps\", \"descriptors\".\n\
             # Empty: all must hold.\n\
             allow_missing = [{locks}]\n\n\
             [training]\n\
             # Seconds between two checkpoints; after a crash at most this much is repeated.\n\
             checkpoint_interval_s = {}\n\
             # How often training of one round is started before it is reported as failed.\n\
             attempts_max = {}\n\
             # Where to compute: \"cpu\", \"cuda\" or \"cuda:N\" (needs a program built with CUDA; opens NVIDIA's\n\
             # device files to the worker, see SECURITY.md).\n\
             device = \"{}\"\n\
             # What a step computes twice to save memory: \"none\", \"attention\", \"full\", or \"auto\".\n\
             recompute = \"{}\"\n\
             # Share of the records to measure on, in runs that ask sites to measure (at most 0.5).\n\
             validation_share = {:?}\n\
             # The quantised base in memory: \"nf4\", or \"bf16-cache\" (four times as large, faster on a GPU).\n\
             base_in_memory = \"{}\"\n\n\
             {}{}{}{}",
            quote(&self.model)?,
            self.data_room.to_commented_toml(mapping.as_deref()),
            self.training.checkpoint_interval_s,
            self.training.attempts_max,
            self.training.device,
            self.training.recompute,
            self.training.validation_share,
            self.training.base_in_memory,
            self.policy.to_commented_toml(),
            self.retention.to_commented_toml(),
            EscrowConfig::to_commented_toml(self.escrow.as_ref()),
            keys(self.keys.as_ref()),
        ))
    }
}

/// `[keys]`, as `join` writes it.
fn keys(keys: Option<&KeysConfig>) -> String {
    let (mark, name) = keys.map_or(("# ", "consilium-keys"), |keys| ("", keys.credential.as_str()));
    format!(
        "\n# The credential of systemd with the passphrase of the site's keys, where `site-agent keys seal` has\n\
         # sealed them.\n{mark}[keys]\n{mark}credential = \"{name}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use data::ProvenanceField;
    use data::dedup::DuplicatePolicy;
    use data::screen::Mode;
    use data::split::SchemeChoice;

    use super::*;

    fn sample() -> AgentConfig {
        AgentConfig {
            model: "/srv/models/qwen \"quoted\"".into(),
            data: vec!["/srv/a.jsonl".into(), "/srv/心血管.jsonl".into()],
            data_room: DataRoomConfig {
                screen: Mode::Mask,
                duplicates: DuplicatePolicy::Keep,
                split: SchemeChoice::Holdout([60, 20, 20]),
                split_by_time: false,
                ai_made_needs_review: false,
                provenance_required: vec![ProvenanceField::Source, ProvenanceField::LastUpdate],
                years_max: Some(5),
                mapping: Some("/srv/mapping.toml".into()),
                ..DataRoomConfig::default()
            },
            sandbox: SandboxConfig { allow_missing: vec![Lock::Landlock] },
            training: TrainingConfig::default(),
            policy: PolicyConfig::default(),
            retention: RetentionConfig { disk_free_mib_min: 7, replay_days: 8, replay_mib_max: 9 },
            escrow: Some(EscrowConfig {
                recipient: "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj".into(),
                keep_days: 11,
                mib_max: 12,
            }),
            keys: Some(KeysConfig { credential: "consilium-keys".into() }),
        }
    }

    #[test]
    fn the_written_file_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, sample().to_commented_toml().unwrap()).unwrap();
        assert_eq!(AgentConfig::load(&path).unwrap(), sample());
    }

    #[test]
    fn the_old_name_of_a_key_is_accepted_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        std::fs::write(&path, "model='m'\ndata=['d']\n[training]\nweights='bf16-cache'").unwrap();
        let config = AgentConfig::load(&path).unwrap();
        assert_eq!(config.training.base_in_memory, HeldWeights::Bf16Cache);
        let warnings = AgentConfig::old_words(&path);
        assert!(warnings.len() == 1 && warnings[0].contains("base_in_memory"), "{warnings:?}");
        std::fs::write(&path, sample().to_commented_toml().unwrap()).unwrap();
        assert_eq!(AgentConfig::old_words(&path), [] as [&str; 0]);
        let both = "model='m'\ndata=['d']\n[training]\nweights='nf4'\nbase_in_memory='nf4'";
        std::fs::write(&path, both).unwrap();
        assert!(matches!(AgentConfig::load(&path), Err(SiteError::Config { .. })), "one of them is wrong");
    }

    #[test]
    fn the_shipped_sample_parses_and_says_the_defaults() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/config/agent.toml");
        let config = AgentConfig::load(&sample).unwrap();
        assert_eq!((config.sandbox, config.training), (SandboxConfig::default(), TrainingConfig::default()));
        assert_eq!(config.policy, PolicyConfig::default());
        assert_eq!(config.data_room, DataRoomConfig::default());
    }

    #[test]
    fn a_misspelt_key_and_a_misspelt_lock_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        for text in [
            "model='m'\ndata=['d']\n[sandbox]\nallow_mising=[]",
            "model='m'\ndata=['d']\n[sandbox]\nallow_missing=['landlok']",
            "model='m'\ndata=[]",
            "model='m'\ndata=['d']\n[data_room]\nscreen='blok'",
            "model='m'\ndata=['d']\n[data_room]\nsplit='80/10/20'",
            "model='m'\ndata=['d']\n[data_room]\nsplit='half'",
            "model='m'\ndata=['d']\n[data_room]\nprovenance_required=['author']",
            "model='m'\ndata=['d']\n[data_room]\nyears_max=201",
            "model='m'\ndata=['d']\n[training]\ncheckpoint_interval_s=0",
            "model='m'\ndata=['d']\n[training]\ndevice='gpu'",
            "model='m'\ndata=['d']\n[policy]\nupdate_norm_max=nan",
            "model='m'\ndata=['d']\n[policy]\nupdate_mantissa_bits=0",
            "model='m'\ndata=['d']\n[policy]\nupdate_mantissa_bits=24",
            "model='m'\ndata=['d']\n[policy]\nbytes_per_day_max=0",
            "model='m'\ndata=['d']\n[policy]\nmethods=['fedprox']",
            "model='m'\ndata=['d']\n[policy]\nprivacy_required='yes'",
        ] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(AgentConfig::load(&path), Err(SiteError::Config { .. })), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_told_with_line_key_and_what_was_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.toml");
        for (section, words) in [
            (
                "[sandbox]\nallow_mising=[]",
                "line 4, `allow_mising=[]`: there is no key `allow_mising` here; did you mean `allow_missing`?",
            ),
            ("[sandbox]\nallow_missing=['landlok']", "did you mean `landlock`?"),
            ("[training]\nvalidation_share='half'", "`validation_share` is \"half\", but must be a number"),
            ("[training]\nattempts_max=-1", "`attempts_max` is `-1`, but must be a whole number"),
            ("[policy]\nmethods=['fedadm']", "did you mean `fedadam`?"),
            ("[policy]\nhours='8-20'", "hours are written as \"20:00-06:00 +08:00\""),
            ("[policy]\noverlap=1", "`overlap` is `1`, but must be true or false"),
            ("[data_room]\nscreen=3", "line 4"),
            ("[polcy]\n", "did you mean `policy`?"),
        ] {
            std::fs::write(&path, format!("model='m'\ndata=['d']\n{section}\n")).unwrap();
            let error = AgentConfig::load(&path).unwrap_err().to_string();
            assert!(error.contains(words), "{section}: {error}");
            for word in ["f64", "u32", "untagged", "struct", "\n", "variant"] {
                assert!(!error.contains(word), "{section}: {error}");
            }
        }
        std::fs::write(&path, "data=['d']\n").unwrap();
        let error = AgentConfig::load(&path).unwrap_err().to_string();
        assert!(error.contains("the key `model` is missing"), "{error}");
    }

    #[test]
    fn a_folder_without_a_file_says_that_the_site_has_not_joined() {
        let folder = tempfile::tempdir().unwrap();
        let error = AgentConfig::load(&folder.path().join("agent.toml")).unwrap_err();
        assert!(matches!(error, SiteError::NotJoined { .. }));
    }
}
