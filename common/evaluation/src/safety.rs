//! Rules of safety: a file that a medical team edits, and what of it an answer keeps and breaks. Called by
//! the commands that evaluate, by `site-agent rules`, and for every answer by whatever shows answers to
//! people ([`check`]). The rule file is TOML with the rules and their tests; beside it may lie tables of
//! drugs and conditions that must not go together. README.md of this crate describes both.
//!
//! Invariants: pure but for [`RuleFile::read`] and [`RuleFile::open`]; the time grows with the answer, not
//! with the number of rules; nothing here looks for identifiers itself: the caller brings the screen
//! ([`Screen`]); a quoted answer has every identifier that the screen finds masked. Words are no judgement:
//! an answer can keep every rule and be wrong.

mod answers;
mod compiled;
mod denial;
mod file;
mod finder;
mod look;
mod number;
mod pairs;
mod phrase;
mod report;
mod said;
mod start;
mod tested;
mod text;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use crate::error::SuiteError;
use crate::limits::{PAIRS_BYTES_MAX, RULE_FILE_BYTES_MAX};
use crate::suite::{bounded, sha256, text as utf8};

pub use self::answers::{Answer, answers};
pub use self::compiled::{Rules, Table};
pub use self::file::{Certainty, Expected, Kind, Near, Rule, Settings, Severity, Test, Title};
pub use self::look::{Exchange, Finding, Identifier, Outcome, Screen, check, look};
pub use self::report::{
    ArmSafety, Example, RuleCount, SafetyReport, Stopped, SuiteSafety, of_answers, of_measured,
};
pub use self::said::Why;
pub use self::start::START;
pub use self::tested::{FailedTest, Tested, tested};

/// A rule file that was read; its tables were not yet.
#[derive(Clone, Debug)]
pub struct RuleFile {
    path: PathBuf,
    text: String,
    settings: Settings,
}

impl RuleFile {
    /// Reads the rules.
    ///
    /// # Errors
    /// `Io`; `At` with the line of an unknown or impossible setting.
    pub fn read(path: &Path) -> Result<Self, SuiteError> {
        Self::parse(path, &bounded(path, RULE_FILE_BYTES_MAX)?)
    }

    /// The rules in these bytes of the file at `path`.
    ///
    /// # Errors
    /// `At` with the line of an unknown or impossible setting, or of what is not UTF-8.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, SuiteError> {
        let text = utf8(path, bytes)?;
        let settings = file::parse(path, text)?;
        for (number, rule) in settings.rule.iter().enumerate() {
            let beside = rule.table.as_deref().map_or(Ok(()), |table| file::beside(path, table).map(drop));
            beside.map_err(|reason| file::of_rule(path, text, number, &reason))?;
        }
        Ok(Self { path: path.to_path_buf(), text: text.to_owned(), settings })
    }

    /// The tables that [`Self::open`] reads: all in the rule file's folder.
    #[must_use]
    pub fn tables(&self) -> Vec<PathBuf> {
        let tables = self.settings.rule.iter().filter_map(|rule| rule.table.as_deref());
        let mut paths: Vec<PathBuf> = tables.map(|table| self.path.with_file_name(table)).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// Reads the tables, and makes the rules ready.
    ///
    /// # Errors
    /// `Io`; `At` with the line of a rule or of a row that cannot be used.
    pub fn open(&self) -> Result<Rules, SuiteError> {
        self.with_tables(&|path| bounded(path, PAIRS_BYTES_MAX))
    }

    /// As [`Self::open`], with the bytes of each table.
    ///
    /// # Errors
    /// As there; those of `read`.
    pub fn with_tables(
        &self,
        read: &dyn Fn(&Path) -> Result<Vec<u8>, SuiteError>,
    ) -> Result<Rules, SuiteError> {
        let mut tables = Vec::new();
        for path in self.tables() {
            let bytes = read(&path)?;
            tables.push((utf8(&path, &bytes)?.to_owned(), sha256(&bytes), path));
        }
        let digest = sha256(self.text.as_bytes());
        let at_rule = |number: usize, reason: &str| file::of_rule(&self.path, &self.text, number, reason);
        compiled::compile(&self.settings, digest, &tables, &at_rule)
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
}
