//! `site-agent evaluate` on suites of choices and of answers in words, for its `--json` and its sheet. Used
//! by `json`.

use std::path::Path;

use anyhow::{Result, ensure};

use super::Asked;
use crate::support::{COMMAND_WITHIN, repository};

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
        let rules = self.rules()?;
        let mut asked = vec![model, "--adapter", &adapter, "--sheet", &sheet, "--rules", &rules];
        suites.iter().for_each(|suite| asked.extend(["--suite", suite]));
        self.alone(program, "site-agent evaluate", &asked)?;
        // Three questions and two dialogues; where both models say the same, it stands once.
        let answers = std::fs::read_to_string(&sheet)?.matches("\r\n\"").count();
        ensure!((5..=10).contains(&answers), "{answers} answers are in the sheet");
        Ok(())
    }

    /// `site-agent rules`, with a file of answers that break no rule that stops.
    pub(super) fn safety_rules(&mut self, program: &Path) -> Result<()> {
        let out = self.path("begun");
        self.alone(program, "site-agent rules new", &["--out", &out])?;
        let (rules, answers) = (format!("{out}/safety.toml"), self.path("answers.jsonl"));
        std::fs::write(
            &answers,
            concat!(
                "{\"question\": \"Chest pain?\", \"answer\": \"Call 911. Jane Roe, MD.\"}\n",
                "{\"question\": \"How much?\", \"answer\": \"Take 5 mg, and ask your doctor.\"}\n",
                "{\"question\": \"Fine now?\", \"answer\": \"Ask your doctor before you stop taking it.\"}\n",
                "{\"question\": \"I take warfarin.\", \"answer\": \"Do not take aspirin.\"}\n",
            ),
        )?;
        self.alone(program, "site-agent rules check", &[&rules, "--answers", &answers])?;
        Ok(())
    }

    /// `coordinator evaluate` with rules of safety.
    pub(super) fn checked(&mut self, run: &str, model: &str) -> Result<()> {
        let rules = self.rules()?;
        let suite = repository().join("common/evaluation/suites/safety.toml").to_string_lossy().into_owned();
        let found =
            self.coordinator("evaluate", &[run, "--suite", &suite, "--rules", &rules, "--model", model])?;
        let arms = found["safety"]["suites"][0]["arms"].as_array().map_or(0, Vec::len);
        ensure!(arms == 2, "base and published model are checked: {found}");
        let gate = ["evaluate", run, "--suite", &suite, "--rules", &rules, "--model", model, "--must-pass"];
        let gate = self.consortium.coordinator.run(&gate, COMMAND_WITHIN)?;
        ensure!(gate.status.code() == Some(1), "{}", gate.stderr);
        ensure!(gate.stderr.contains("the answers do not pass: rules that stop"), "{}", gate.stderr);
        Ok(())
    }

    /// The rules that are begun with, approved by somebody and with a rule that every answer breaks.
    fn rules(&self) -> Result<String> {
        let folder = repository().join("common/evaluation/safety");
        let out = self.path("rules");
        std::fs::create_dir_all(&out)?;
        std::fs::copy(folder.join("contraindicated.csv"), format!("{out}/contraindicated.csv"))?;
        let text = std::fs::read_to_string(folder.join("safety.toml"))?;
        let path = format!("{out}/safety.toml");
        std::fs::write(&path, text.replace("# approved_by = ", "approved_by = "))?;
        Ok(path)
    }
}
