//! Metrics of a training as JSON lines: one row a step, one row an evaluation. Numbers only, never text of a
//! record.
//!
//! Called by the worker, for federated rounds and for `site-agent train`. They stay at the site. Invariant:
//! after a resume every step stands in the file once: what was written after the checkpoint is dropped,
//! because it is done again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::time::Instant;

use common::durable;
use model::StepReport;
use model::evaluate::Evaluation;
use serde::{Deserialize, Serialize};

/// One optimiser step.
#[derive(Debug, Serialize)]
struct StepRow {
    step: u64,
    total_steps: u64,
    loss: f64,
    /// Mean divergence from the base model, where it is penalised.
    #[serde(skip_serializing_if = "Option::is_none")]
    kl: Option<f64>,
    gradient_norm: f64,
    learning_rate: f64,
    tokens: u64,
    supervised_tokens: u64,
    tokens_per_s: f64,
    elapsed_s: f64,
}

/// One evaluation; step 0 is the adapter before training.
#[derive(Debug, Serialize)]
struct EvaluationRow {
    step: u64,
    eval_loss: f64,
    eval_perplexity: f64,
    eval_token_accuracy: f64,
    eval_supervised_tokens: u64,
    eval_is_best: bool,
    elapsed_s: f64,
}

/// What a resumed training needs of an earlier row.
#[derive(Debug, Deserialize)]
struct Earlier {
    step: u64,
    elapsed_s: f64,
}

/// An open metrics file.
#[derive(Debug)]
pub(crate) struct Metrics {
    file: File,
    started: Instant,
    /// Seconds that earlier processes trained.
    elapsed_before_s: f64,
}

impl Metrics {
    /// Opens or creates the file for a training that begins after `resumed_from` steps; later rows are
    /// dropped.
    pub(crate) fn open(path: &Path, resumed_from: u64) -> io::Result<Self> {
        let mut kept = Vec::new();
        let mut elapsed_before_s = 0.0;
        // At the very beginning there is nothing to keep, not even the evaluation before the first step.
        if resumed_from > 0 && path.exists() {
            for line in BufReader::new(File::open(path)?).lines() {
                // The last line of a killed process may be torn; it is no row.
                let line = line?;
                let Ok(row) = serde_json::from_str::<Earlier>(&line) else { continue };
                if row.step <= resumed_from {
                    elapsed_before_s = row.elapsed_s;
                    kept.extend_from_slice(line.as_bytes());
                    kept.push(b'\n');
                }
            }
        }
        durable::write(path, &kept, durable::ORDINARY)?;
        let file = OpenOptions::new().append(true).open(path)?;
        Ok(Self { file, started: Instant::now(), elapsed_before_s })
    }

    /// Appends a step, and the evaluation that followed it.
    pub(crate) fn step(&mut self, report: &StepReport) -> io::Result<()> {
        let row = StepRow {
            step: report.step,
            total_steps: report.total_steps,
            loss: report.loss,
            kl: report.divergence,
            gradient_norm: report.gradient_norm,
            learning_rate: report.learning_rate,
            tokens: report.tokens,
            supervised_tokens: report.supervised_tokens,
            tokens_per_s: report.tokens as f64 * 1000.0 / report.elapsed_ms.max(1) as f64,
            elapsed_s: self.elapsed_s(),
        };
        self.append(&row)?;
        match report.evaluation {
            None => Ok(()),
            Some(evaluation) => self.evaluation(report.step, &evaluation.measured, evaluation.is_best),
        }
    }

    /// Appends an evaluation.
    pub(crate) fn evaluation(&mut self, step: u64, measured: &Evaluation, is_best: bool) -> io::Result<()> {
        let row = EvaluationRow {
            step,
            eval_loss: measured.loss,
            eval_perplexity: measured.perplexity,
            eval_token_accuracy: measured.token_accuracy,
            eval_supervised_tokens: measured.supervised_tokens,
            eval_is_best: is_best,
            elapsed_s: self.elapsed_s(),
        };
        self.append(&row)
    }

    /// Seconds of training, those before a resume included.
    pub(crate) fn elapsed_s(&self) -> f64 {
        self.elapsed_before_s + self.started.elapsed().as_secs_f64()
    }

    /// One write a row: a reader never sees half of one, unless the machine dies.
    fn append(&mut self, row: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(row)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

/// Removes metrics files beyond the newest so many, so that a site that takes part for years keeps its disk.
pub(crate) fn keep_newest(folder: &Path, most: usize) -> io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        files.push((entry.metadata()?.modified()?, entry.path()));
    }
    files.sort();
    let surplus = files.len().saturating_sub(most);
    files.into_iter().take(surplus).try_for_each(|(_, path)| fs::remove_file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(step: u64) -> StepReport {
        StepReport {
            step,
            total_steps: 4,
            loss: 2.5,
            divergence: None,
            gradient_norm: 0.5,
            learning_rate: 1e-3,
            tokens: 100,
            supervised_tokens: 60,
            elapsed_ms: 50,
            evaluation: None,
        }
    }

    fn steps(path: &Path) -> Vec<u64> {
        let rows = fs::read_to_string(path).unwrap();
        rows.lines().map(|row| serde_json::from_str::<Earlier>(row).unwrap().step).collect()
    }

    #[test]
    fn a_resumed_training_writes_every_step_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut metrics = Metrics::open(&path, 0).unwrap();
        for step in 1..=3 {
            metrics.step(&report(step)).unwrap();
        }
        // The process dies in the middle of a row; the checkpoint was made after step 2.
        metrics.file.write_all(b"{\"step\": 4, \"los").unwrap();
        let mut metrics = Metrics::open(&path, 2).unwrap();
        assert_eq!(steps(&path), [1, 2]);
        metrics.step(&report(3)).unwrap();
        metrics.step(&report(4)).unwrap();
        assert_eq!(steps(&path), [1, 2, 3, 4]);
        let row: serde_json::Value =
            serde_json::from_str(fs::read_to_string(&path).unwrap().lines().next().unwrap()).unwrap();
        assert_eq!((&row["tokens_per_s"], row.get("kl")), (&serde_json::json!(2000.0), None));
        Metrics::open(&path, 0).unwrap();
        assert_eq!(steps(&path), [0_u64; 0], "from the beginning: everything is done again");
    }

    #[test]
    fn only_the_newest_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        for index in 0..5 {
            fs::write(folder.path().join(format!("{index}.jsonl")), "x").unwrap();
        }
        keep_newest(folder.path(), 3).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
        keep_newest(folder.path(), 3).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
