//! The records of the release demo, its questions with their truths, and its run file. Called by
//! `release_demo`. Invariant: of the same seed the same records; no question occurs twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use toml::Value;

use super::arguments::Settings;
use crate::consortium::SiteSetup;
use crate::demo::arguments::DemoSettings;
use crate::failure::Failure;
use crate::run_file::RunFile;
use crate::synthetic::facts::{self, Fact};
use crate::synthetic::records::{self, Library, Plan};
use crate::synthetic::sampler::Sampler;
use crate::synthetic::wording::Kind;

/// 1,200 records of one question at two hospitals, 800 conversations at the third. Each has most of its own
/// department, and some of the others'.
const PLAN: Plan = Plan {
    sites: &[
        ("cardiology", &[("cardiology", 400), ("neurology", 150), ("gastroenterology", 150)]),
        ("neurology", &[("neurology", 300), ("cardiology", 100), ("gastroenterology", 100)]),
        ("gastroenterology", &[("gastroenterology", 500), ("cardiology", 150), ("neurology", 150)]),
    ],
    held_out: 67,
    pretraining: 0,
};
/// Questions in validation, and as many in the test.
const QUESTIONS: usize = 200;

/// A question that is graded.
pub(super) struct Question {
    /// What is asked for.
    pub(super) kind: Kind,
    /// What a right answer names.
    pub(super) truth: String,
}

/// What was made.
pub(super) struct Data {
    folder: PathBuf,
    /// The suite of the test's questions.
    pub(super) suite: PathBuf,
    /// By their text.
    pub(super) questions: BTreeMap<String, Question>,
    /// All facts there are: an answer may name that of another condition.
    pub(super) facts: Vec<Fact>,
    records: usize,
}

impl Data {
    /// Makes and writes all of it.
    pub(super) fn make(settings: &Settings, repository: &Path) -> Result<Self, Failure> {
        let failed = |error: Box<dyn std::error::Error>| Failure::output("release-demo", error);
        let facts = facts::read(&repository.join("deploy/demo-data/facts.tsv")).map_err(failed)?;
        let mut library = records::make(&facts, &PLAN, &mut Sampler::new(settings.seed)).map_err(failed)?;
        library.validation.truncate(QUESTIONS);
        library.test.truncate(QUESTIONS);
        let folder = settings.out.join("data");
        std::fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
        library.write(&folder).map_err(failed)?;
        let suite = folder.join("questions.toml");
        let write =
            |path: &Path, text: &str| std::fs::write(path, text).map_err(Failure::file("write", path));
        write(&suite, SUITE)?;
        write(&suite.with_extension("jsonl"), &asked(&library))?;
        let questions = library.test.iter().flat_map(|record| &record.exchanges).map(|exchange| {
            let (kind, truth) = (exchange.kind, exchange.truth.clone());
            (exchange.question(), Question { kind, truth })
        });
        let records = library.sites.iter().map(|site| site.records.len()).sum();
        Ok(Self { folder, suite, questions: questions.collect(), facts, records })
    }

    /// What was made, in words.
    pub(super) fn summary(&self) -> String {
        let of =
            |departments: &[(&str, usize)]| -> usize { departments.iter().map(|(_, count)| count).sum() };
        let sites: Vec<String> =
            PLAN.sites.iter().map(|(name, departments)| format!("{name} {}", of(departments))).collect();
        format!(
            "{} records at three hospitals ({}),\n{QUESTIONS} questions for validation, {} for the test\n",
            self.records,
            sites.join(", "),
            self.questions.len()
        )
    }

    /// The demo with these records. The test file is opened by the run alone: what stands beside it is
    /// measured on the validation file, or the release would not have a test set that was opened once.
    /// Adapter and schedule are such that the hospitals' facts are learnt (validation loss 5.3 to 0.06).
    pub(super) fn demo_settings(
        &self,
        settings: &Settings,
        repository: &Path,
    ) -> Result<DemoSettings, Failure> {
        let mut run = RunFile::read(&repository.join("deploy/runs/demo.toml"))?;
        run.set("", "name", "release-demo".into());
        run.set_integer("", "rounds", i64::from(settings.rounds));
        run.set_path("validation", &self.folder.join("validation.jsonl"))?;
        run.set_path("test", &self.folder.join("test.jsonl"))?;
        run.set_integer("quorum", "sites", PLAN.sites.len() as i64);
        // A busy machine may take long; nobody else waits.
        run.set_integer("quorum", "deadline_s", 7_200);
        run.set_integer("adapter", "rank", 32);
        run.set("adapter", "alpha", 64.0.into());
        run.set("training", "schedule", "linear".into());
        run.set("training", "schedule_over", "run".into());
        run.set("aggregation", "server_optimizer", "momentum".into());
        run.set("aggregation", "server_momentum", 0.5.into());
        let suite = self.suite.display().to_string();
        run.set("evaluation", "suites", Value::Array(vec![suite.into()]));
        run.set("evaluation", "forgetting", true.into());
        let site = |name: &str| {
            let end = if name == records::CONVERSES { "sharegpt.json" } else { "alpaca.jsonl" };
            let data = vec![self.folder.join("sites").join(format!("{name}.{end}"))];
            SiteSetup { name: name.to_owned(), data }
        };
        let model = run
            .path("model")
            .ok_or_else(|| Failure::output("release-demo", "the demo's run file has no model"))?;
        Ok(DemoSettings {
            run_file: run,
            model,
            sites: PLAN.sites.iter().map(|(name, _)| site(name)).collect(),
            dealt: Vec::new(),
            rounds: settings.rounds,
            baselines: true,
            is_test_for_the_run_alone: true,
            out: settings.out.clone(),
        })
    }
}

/// The suite that base and result answer in words.
const SUITE: &str = "\
# 200 held-out questions of the release demo: right is an answer that names what the fact says. Synthetic.
name = \"held-out-questions\"
layout = \"items\"
records = \"questions.jsonl\"
prompt = \"bare\"
chat = true
answer_tokens = 96
licence = \"synthetic, Apache-2.0\"
";

fn asked(library: &Library) -> String {
    let exchanges =
        library.test.iter().flat_map(|record| record.exchanges.iter().map(move |it| (record, it)));
    let row = |(number, (record, exchange)): (
        usize,
        (&records::Record, &crate::synthetic::wording::Exchange),
    )| {
        let id = format!("q-{number:03}");
        let row = json!({
            "id": id, "group": record.department, "question": exchange.question(), "wanted": [exchange.truth],
        });
        format!("{row}\n")
    };
    exchanges.enumerate().map(row).collect()
}
