//! `coordinator release status`: every gate of a draft, and what is missing. Called by `release`. Invariant:
//! it changes nothing, and says what `make` would say.

use std::path::PathBuf;

use serde_json::json;

use super::{looking, shown};
use crate::cli::output;
use crate::error::Result;
use crate::state_folder::StateFolder;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder of the draft
    draft: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let looked = looking::look(folder, &arguments.draft)?;
    let assessment = &looked.assessment;
    let missing: Vec<&str> = looked.draft.fields.missing().map(|field| field.key).collect();
    if arguments.json {
        return output::print_json(&json!({
            "run": looked.draft.facts.run.id.to_string(),
            "adapter": looked.draft.facts.adapter.sha256.to_string(),
            "may_be_released": assessment.is_passed(),
            "gates": shown::gates_json(&assessment.gates),
            "missing_fields": missing,
            "signatures": shown::signatures_json(&assessment.signatures),
        }));
    }
    shown::gates(&assessment.gates)?;
    let verdict = match shown::failed(&assessment.gates) {
        0 => format!("it may be released: coordinator release make {} --out DIR", arguments.draft.display()),
        1 => "it is not released: a gate is not passed".to_owned(),
        failed => format!("it is not released: {failed} gates are not passed"),
    };
    output::print_line(&format!("\n{verdict}"))
}
