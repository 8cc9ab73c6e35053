//! `coordinator evaluate`: measure the test set of a run that ended without. Called by `cli`. Invariant: a
//! test set that was measured stays closed.

use std::path::PathBuf;

use serde_json::json;

use super::{follow, output};
use crate::admin::client::Door;
use crate::admin::message::Command;
use crate::error::{Error, Result};

const MANUAL: &str = "\
Measure the final model of a run on its test set, where that was not possible
at the end of the run, such as because the base model's folder had moved. The
model must be the run's base model and the file the one that the run was
launched with; both are checked before the test set is opened. A test set that
was measured is not opened again. Both models then answer the sample questions
for `coordinator report`.

Waits for the result and prints it. Ctrl-C stops waiting, not the measuring.

Examples:
  coordinator evaluate 5f0c
  coordinator evaluate 5f0c --model /models/qwen --test /held-out/test.jsonl";

/// Measure the test set of a run that ended without
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    /// Where the base model is now [default: where it was]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Where the test file is now [default: where it was]
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let command = Command::Evaluate {
        run: arguments.run.clone(),
        model: follow::absolute(door, arguments.model.as_deref(), "model folder")?,
        test: follow::absolute(door, arguments.test.as_deref(), "test file")?,
    };
    let last = follow::to_the_end(door, &follow::start(door, &command)?.0)?;
    if last.test.federated.is_some() {
        return output::tell(arguments.json, &json!({ "run": last.run, "test": last.test }), || {});
    }
    let message = last.warnings.last().cloned().unwrap_or_else(|| "the test set was not measured".to_owned());
    Err(Error::Argument {
        message,
        hint:
            "name the run's own base model with --model, and the file that it was launched with with --test"
                .into(),
    })
}
