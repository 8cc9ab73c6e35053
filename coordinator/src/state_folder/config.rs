//! `coordinator.toml`: what the operator may change. Used by `cli::init`, which writes it, and by `serve`,
//! `invite` and `check`, which read it; `execution::launch` reads run files with the same helpers. Invariant:
//! unknown keys are refused, so that a typing error is not silently a default.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use cli::keys::KeysConfig;
use common::limits::CONFIG_BYTES_MAX;
use common::toml_text;
use model::{Device, ModelError, bounded};
use sandbox::Lock;
use serde::{Deserialize, Serialize};

use super::StateFolder;
use crate::error::{Error, Result};
use crate::evaluate::ChildSettings;
use crate::limits::{CERTIFICATE_DAYS_MAX, DISK_FREE_MIB_MAX, EVALUATION_S_MAX, RETENTION_ROUNDS_MAX};
use crate::round::retention::Rule;

/// The coordinator's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The consortium's name, for people.
    pub name: String,
    /// Where sites reach the coordinator: `HOST:PORT` (UDP), or several with commas between.
    pub address: String,
    /// Where sites enrol: `HOST:PORT` (UDP), or several with commas between.
    pub join_address: String,
    /// The local address `serve` listens on for run traffic.
    pub listen: SocketAddr,
    /// The local address `serve` listens on for enrolment.
    pub listen_join: SocketAddr,
    /// Life of a site's certificate in days.
    #[serde(default = "default_certificate_days")]
    pub certificate_days: u32,
    /// An evaluation that takes longer is stopped, in seconds.
    #[serde(default = "default_evaluation_timeout_s")]
    pub evaluation_timeout_s: u64,
    /// Where to evaluate: `cpu`, `cuda` or `cuda:N`.
    #[serde(default)]
    pub evaluation_device: Device,
    /// The locks of the processes that read model folders and held-out files.
    #[serde(default)]
    pub sandbox: SandboxConfig,
    /// What stays on the disk.
    #[serde(default)]
    pub retention: RetentionConfig,
    /// What opens keys that are sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<KeysConfig>,
}

/// `[retention]`: how much of earlier rounds stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// Sites' updates stay for the newest so many published rounds of each run.
    pub update_rounds: usize,
    /// Published adapters stay for the newest so many rounds of each run; the first and the best always do.
    pub adapter_rounds: usize,
    /// With less room on the disk, in MiB, `check` and `serve` warn.
    pub disk_free_mib_min: u64,
}

impl Default for RetentionConfig {
    fn default() -> Self {
        Self { update_rounds: 2, adapter_rounds: 50, disk_free_mib_min: 1024 }
    }
}

impl RetentionConfig {
    /// As the rounds take it.
    pub fn rule(&self) -> Rule {
        Rule { update_rounds: self.update_rounds, adapter_rounds: self.adapter_rounds }
    }

    fn validate(&self) -> std::result::Result<(), String> {
        for (name, rounds) in [("update_rounds", self.update_rounds), ("adapter_rounds", self.adapter_rounds)]
        {
            if rounds > RETENTION_ROUNDS_MAX {
                return Err(format!("retention.{name} must be at most {RETENTION_ROUNDS_MAX}"));
            }
        }
        if self.disk_free_mib_min > DISK_FREE_MIB_MAX {
            return Err(format!("retention.disk_free_mib_min must be at most {DISK_FREE_MIB_MAX} (1 TiB)"));
        }
        Ok(())
    }
}

/// `[sandbox]`: the same as in a site's agent.toml.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxConfig {
    /// Locks that may be missing. Empty means that all must hold.
    #[serde(default)]
    pub allow_missing: Vec<Lock>,
}

fn default_certificate_days() -> u32 {
    30
}

fn default_evaluation_timeout_s() -> u64 {
    6 * 3600
}

impl Config {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// What is wrong, in one sentence: an address is not `HOST:PORT`, or a number is out of its range.
    pub fn validate(&self) -> std::result::Result<(), String> {
        certs::invitation::check_addresses(&self.address).map_err(|error| format!("address: {error}"))?;
        certs::invitation::check_addresses(&self.join_address)
            .map_err(|error| format!("join_address: {error}"))?;
        if !(1..=CERTIFICATE_DAYS_MAX).contains(&self.certificate_days) {
            let days = self.certificate_days;
            return Err(format!("certificate_days is {days}, but must be 1 to {CERTIFICATE_DAYS_MAX}"));
        }
        if !(1..=EVALUATION_S_MAX).contains(&self.evaluation_timeout_s) {
            return Err(format!("evaluation_timeout_s must be 1 to {EVALUATION_S_MAX} (a week)"));
        }
        self.keys.as_ref().map_or(Ok(()), KeysConfig::validate)?;
        self.retention.validate()
    }

    /// What one evaluation may take.
    pub fn evaluation_timeout(&self) -> Duration {
        Duration::from_secs(self.evaluation_timeout_s)
    }

    /// Life of a site's certificate.
    pub fn certificate_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.certificate_days) * 86_400)
    }

    /// What the processes that evaluate are told.
    pub fn children(&self, folder: &StateFolder) -> ChildSettings {
        ChildSettings {
            device: self.evaluation_device,
            allow_missing: self.sandbox.allow_missing.clone(),
            gpu_cache: folder.gpu_cache(),
        }
    }

    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// The file cannot be read, is longer than [`CONFIG_BYTES_MAX`], is no TOML, or [`Self::validate`]
    /// refuses it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = read_bounded(path)?;
        let config: Self =
            toml::from_str(&text).map_err(|error| config_error(path, &toml_reason(&text, &error)))?;
        config.validate().map_err(|reason| config_error(path, &reason))?;
        Ok(config)
    }

    /// The file's text.
    ///
    /// # Errors
    /// None that an operator can cause ([`Error::Internal`]).
    pub fn to_text(&self) -> Result<String> {
        let body = toml::to_string(self).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(format!("# The coordinator's configuration; restart `coordinator serve` after a change.\n{body}"))
    }
}

/// Reads a small text file, refusing one that is not small.
///
/// # Errors
/// The file cannot be read, is no regular file, is not UTF-8, or is longer than [`CONFIG_BYTES_MAX`].
pub fn read_bounded(path: &Path) -> Result<String> {
    let bytes = bounded::read(path, CONFIG_BYTES_MAX).map_err(|error| match error {
        ModelError::Io { source, .. } => Error::Io { action: "read", path: path.to_path_buf(), source },
        ModelError::Config { reason, .. } => config_error(path, &reason),
        other => Error::Internal(other.to_string()),
    })?;
    String::from_utf8(bytes).map_err(|_| config_error(path, "it is not UTF-8 text"))
}

/// What is wrong with a TOML text, in one line: where, what, and what was expected.
pub fn toml_reason(text: &str, error: &toml::de::Error) -> String {
    toml_text::reason(text, error.message(), error.span())
}

fn config_error(path: &Path, reason: &str) -> Error {
    Error::Config { path: path.to_path_buf(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"c\"\naddress = \"h:1\"\njoin_address = \"h:2\"\nlisten = \"0.0.0.0:1\"\nlisten_join = \"0.0.0.0:2\"\n";

    fn read(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coordinator.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    #[test]
    fn what_is_written_is_read_and_mistakes_are_named() {
        let config = read(GOOD).unwrap();
        assert_eq!(read(&config.to_text().unwrap()).unwrap(), config);
        for (text, word) in [
            (format!("{GOOD}certificate_day = 3\n"), "certificate_day"),
            (format!("{GOOD}certificate_days = 0\n"), "1 to 397"),
            (GOOD.replace("h:1", "h"), "address"),
            (GOOD.replace("0.0.0.0:1", "here"), "listen"),
            ("name = ".to_owned(), "line 1"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.to_string().contains(word) && error.is_user_error(), "{error}");
            assert!(!error.to_string().contains('\n'));
        }
    }

    /// A pipe would be waited for, and has no length that says so.
    #[test]
    fn what_is_no_file_is_refused_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        for path in [pipe.as_path(), Path::new("/dev/zero"), folder.path()] {
            let error = read_bounded(path).unwrap_err();
            assert!(error.to_string().contains("no regular file") && error.is_user_error(), "{error}");
        }
    }
}
