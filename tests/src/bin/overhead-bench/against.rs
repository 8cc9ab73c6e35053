//! A rival's row: the same number of sites and bytes, by its own processes, in the same run as ours. Called
//! by `main`, which is told the interpreter by `deploy/bench --against`. Invariants: what a rival does is in
//! `deploy/federation_baseline.py` alone; it works in a folder of its own and ends within its own deadline;
//! a rival that cannot run is an error with its own words, never a missing row.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::outcome::Outcome;

/// A rival, and the interpreter that has its packages.
#[derive(Debug)]
pub(crate) struct Rival {
    name: String,
    python: PathBuf,
}

impl Rival {
    /// Of `nvflare=PYTHON` or `flower=PYTHON`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name @ ("nvflare" | "flower"), python)) if !python.is_empty() => {
                Ok(Self { name: name.to_owned(), python: PathBuf::from(python) })
            }
            _ => Err(format!("--against: `{text}` is neither nvflare=PYTHON nor flower=PYTHON")),
        }
    }

    fn command(&self) -> Command {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
        let mut command = Command::new(&self.python);
        command.arg(repository.join("deploy/federation_baseline.py")).arg(&self.name);
        command
    }

    /// Says before anything is measured what its interpreter lacks.
    pub(crate) fn check(&self) -> Outcome<()> {
        let said = self.answer(self.command().arg("--check"))?;
        let missing: Vec<&str> =
            said["missing"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if !missing.is_empty() {
            let package = if self.name == "flower" { "\"flwr[simulation]\"" } else { "nvflare" };
            return Err(format!(
                "{} has no {}: {} -m pip install {package} (an interpreter of its own for each rival)",
                self.python.display(),
                missing.join(", "),
                self.python.display(),
            )
            .into());
        }
        Ok(())
    }

    /// The row, with how many times ours it is, beside `ours`, the row of the same size; `folder` is made.
    pub(crate) fn measure(&self, ours: &Value, rounds: u32, folder: &Path) -> Outcome<Value> {
        let number = |row: &Value, key: &str| row[key].as_f64().ok_or_else(|| format!("`{key}` is a number"));
        let bytes = ours["update_bytes"].as_u64().ok_or("`update_bytes` is a number")?;
        let mut command = self.command();
        command.arg("--folder").arg(folder).arg("--bytes").arg(bytes.to_string());
        command.arg("--rounds").arg(rounds.to_string()).arg("--sites").arg(ours["sites"].to_string());
        let said = self.answer(&mut command)?;
        let overhead = number(&said, "overhead_s")?;
        let peak = number(&said, "server_peak_rss_bytes")?;
        Ok(json!({
            "system": self.name,
            "version": said["version"],
            "sites": ours["sites"],
            "update_bytes": bytes,
            "overhead_s": overhead,
            "overheads_s": said["overheads_s"],
            "server_peak_rss_bytes": said["server_peak_rss_bytes"],
            "overhead_ratio": overhead / number(ours, "overhead_s")?,
            "memory_ratio": peak / number(ours, "coordinator_peak_rss_bytes")?,
        }))
    }

    fn answer(&self, command: &mut Command) -> Outcome<Value> {
        let ended = command.output().map_err(|error| format!("{}: {error}", self.python.display()))?;
        if !ended.status.success() {
            return Err(String::from_utf8_lossy(&ended.stderr).trim().to_owned().into());
        }
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let line = said.lines().last().ok_or("the rival's program says how it went")?;
        Ok(serde_json::from_str(line)?)
    }
}

/// The row for people, below ours.
pub(crate) fn told(row: &Value) -> String {
    let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    format!(
        "{:>6} {:>8.1} MB {:>8.3} s {:>10} {:>7.0} MB {:>6}  {} {}: {:.1} x the time, {:.1} x the memory",
        row["sites"].as_u64().unwrap_or(0),
        number("update_bytes") / 1e6,
        number("overhead_s"),
        "",
        number("server_peak_rss_bytes") / 1e6,
        "",
        row["system"].as_str().unwrap_or_default(),
        row["version"].as_str().unwrap_or_default(),
        number("overhead_ratio"),
        number("memory_ratio"),
    )
}
