//! `site-agent evaluate` on suites of choices and of answers in words, for its `--json` and its sheet. Used
//! by `json`.

use std::path::Path;

use anyhow::{Result, ensure};

use super::Asked;
use crate::support::repository;

impl Asked {
    /// Letters, options, open answers and dialogues, with an adapter.
    pub(super) fn suites(&mut self, program: &Path, model: &str) -> Result<()> {
        let suites = repository().join("common/evaluation/suites");
        let suites = ["medqa.toml", "pubmedqa.toml", "open.toml", "dialogue.toml"]
            .map(|name| suites.join(name).to_string_lossy().into_owned());
        let adapter = self.path("exported");
        let sheets = self.path("sheets");
        std::fs::create_dir(&sheets)?;
        let sheet = format!("{sheets}/answers.csv");
        let mut asked = vec![model, "--adapter", &adapter, "--sheet", &sheet];
        suites.iter().for_each(|suite| asked.extend(["--suite", suite]));
        self.alone(program, "site-agent evaluate", &asked)?;
        // Three questions and two dialogues; where both models say the same, it stands once.
        let answers = std::fs::read_to_string(&sheet)?.matches("\r\n\"").count();
        ensure!((5..=10).contains(&answers), "{answers} answers are in the sheet");
        Ok(())
    }
}
