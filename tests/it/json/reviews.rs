//! `coordinator review` from the asking to the report, with real files: sheets are filled in, given back,
//! refused where they cannot be right, and counted. Used by `json`.

mod exchange;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::Asked;
use crate::support::{COMMAND_WITHIN, repository};

/// What a doctor fills in: two grades, eight lines that hold, no harm, and two cells that stay empty.
const FILLED: &str = ",\"5\",\"4\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"0\",\"\",\"\",\"good\"";

/// The deepest of what is made.
const PRIVATE: &str = "sheets/grader-1.argilla/.argilla/settings.json";

/// A sheet in which every A has these cells, and every B the same with a lower grade.
fn unequal(sheet: &str, cells: &str) -> String {
    let empty = ",\"\"".repeat(14);
    let lower = cells.replacen("\"5\"", "\"4\"", 1);
    let mut pieces = sheet.split(empty.as_str());
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces
        .enumerate()
        .fold(first, |text, (row, piece)| text + if row % 2 == 0 { cells } else { &lower } + piece)
}

impl Asked {
    /// A review of a run whose base model moved.
    pub(super) fn reviews(&mut self, run: &str, model: &str) -> Result<()> {
        let suite = repository().join("common/evaluation/suites/open.toml").to_string_lossy().into_owned();
        let review = self.path("review");
        let programs = "label-studio,argilla";
        let asked =
            [run, "--suite", &suite, "--graders", "2", "--out", &review, "--model", model, "--for", programs];
        let made = self.coordinator("review new", &asked)?;
        let folder = Path::new(&review);
        let seal = common::id::Digest::of(&std::fs::read(folder.join("key.json"))?).to_string();
        ensure!(made["seal"] == seal.as_str(), "the seal is the key's hash: {made}");
        for name in
            ["", "key.json", "sheets", "sheets/grader-1.csv", "sheets/grader-2.html", "grades", PRIVATE]
        {
            let mode = std::fs::metadata(folder.join(name))?.permissions().mode();
            ensure!(mode.trailing_zeros() >= 6, "{name} is its owner's alone: {mode:o}");
        }
        let sheets = [1, 2].map(|number| folder.join(format!("sheets/grader-{number}.csv")));
        let mut back = Vec::new();
        for (number, sheet) in (1..).zip(&sheets) {
            let text = std::fs::read_to_string(sheet)?;
            ensure!(text.contains(&seal) && !text.contains("round "), "{text}");
            let to = self.path(&format!("back-{number}.csv"));
            std::fs::write(&to, text.replace(&",\"\"".repeat(14), FILLED))?;
            back.push(to);
        }
        self.refuses(&["review", "import", &review, &sheets[0].to_string_lossy()], "has no grade")?;
        let wrong = self.path("wrong.csv");
        std::fs::write(&wrong, std::fs::read_to_string(&back[0])?.replacen(",\"5\"", ",\"6\"", 1))?;
        self.refuses(&["review", "import", &review, &wrong], "wrong.csv, line 2: accuracy is not 1 to 5")?;
        let first = self.coordinator("review report", &[&review])?;
        ensure!(first["missing"].as_array().is_some_and(|missing| missing.len() == 2), "{first}");
        self.coordinator("review import", &[&review, &back[0], &back[1]])?;
        self.refuses(&["review", "import", &review, &back[1]], "grader-2 gave grades before")?;
        self.coordinator("review import", &[&review, &back[1], "--replace"])?;
        let (people, used) = (self.path("patients.csv"), self.path("used.csv"));
        let rows = (0..30).map(|one| format!("p{one},tuned,5\np{one},base,4\n")).collect::<String>();
        std::fs::write(&people, format!("person,model,friendliness\n{rows}"))?;
        std::fs::write(&used, "model,asked,solved\nbase,50,40\ntuned,50,45\n")?;
        let page = self.path("review.html");
        let shown = [&review, "--questionnaire", &people, "--utility", &used, "--html", &page];
        let report = self.coordinator("review report", &shown)?;
        // 40 + 30 + 15 + 7.5 + 4.5.
        ensure!(report["passed"] == true && report["models"][1]["total"] == 97.0, "{report}");
        ensure!(report["gates"].as_array().is_some_and(|gates| gates.len() == 3), "{report}");
        ensure!(std::fs::read_to_string(&page)?.contains(&seal), "the page names the seal");
        let (places, plain) = (made["places"].as_u64(), self.coordinator("review report", &[&review])?);
        self.exchanges(&review, places.context("a number")?, &plain)?;
        // One grader sees harm, and A is graded higher than B: for the gate, and for the schema.
        let harmful = FILLED.replacen("\"1\",\"0\"", "\"0\",\"1\"", 1);
        for (cells, (sheet, to)) in [FILLED, &harmful].into_iter().zip(sheets.iter().zip(&back)) {
            std::fs::write(to, unequal(&std::fs::read_to_string(sheet)?, cells))?;
        }
        self.coordinator("review import", &[&review, &back[0], &back[1], "--replace"])?;
        let report = self.coordinator("review report", &[&review])?;
        ensure!(report["passed"] == false, "{report}");
        let harms = report["harms"].as_array().context("a list")?;
        ensure!(harms.iter().all(|harm| harm["graders"][0] == "grader-2") && harms.len() == 6, "{report}");
        self.refuses(&["review", "new", run, "--suite", &suite, "--out", &review], "is not empty")?;
        let options = suite.replace("open.toml", "medqa.toml");
        let other = self.path("other-review");
        self.refuses(&["review", "new", run, "--suite", &options, "--out", &other], "people grade words")?;
        let inside = self.consortium.coordinator.state().join("review").to_string_lossy().into_owned();
        self.refuses(&["review", "new", run, "--suite", &suite, "--out", &inside], "could change the state")?;
        ensure!(!Path::new(&inside).exists(), "nothing is left in the state folder");
        // Who changes a byte of the key: no sheet is of that review.
        let key = folder.join("key.json");
        std::fs::write(&key, std::fs::read_to_string(&key)? + "\n")?;
        self.refuses(&["review", "report", &review], "another review")
    }

    fn refuses(&self, arguments: &[&str], reason: &str) -> Result<()> {
        let said = self.consortium.coordinator.run(arguments, COMMAND_WITHIN)?;
        let words = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(said.code() == Some(1) && words.contains(reason), "{arguments:?}: {}", said.stderr);
        Ok(())
    }
}
