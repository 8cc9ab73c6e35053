//! `coordinator release new`: makes a draft, or brings its facts up to date. Called by `release`. Invariants:
//! what people wrote is never touched; files of the program change only where what they say has changed.

use std::path::PathBuf;

use common::clock::{Clock as _, SystemClock};
use common::language::Language;
use serde_json::json;

use super::{looking, shown};
use crate::cli::evaluate::absolute;
use crate::cli::{offline, output};
use crate::error::Result;
use crate::export::release::draft::{self, Draft, Evidence};
use crate::export::release::fields::FIELDS;
use crate::export::release::gates::gates;
use crate::state_folder::StateFolder;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    /// The folder of the draft: made where there is none, brought up to date where there is one
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The folder of the review by people [default: that of an earlier `new`]
    #[arg(long, value_name = "DIR")]
    review: Option<PathBuf>,
    /// What patients said, as for `coordinator review report` [default: as --review]
    #[arg(long, value_name = "FILE")]
    questionnaire: Option<PathBuf>,
    /// What was counted in use, as for `coordinator review report` [default: as --review]
    #[arg(long, value_name = "FILE")]
    utility: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let (store, runs) = offline::open_runs(folder)?;
    let run = runs.choose(Some(&arguments.run))?.launched.run;
    drop((store, runs));
    let before = arguments.out.exists().then(|| Evidence::read(&arguments.out).ok()).flatten();
    let before = before.filter(|before| before.run == run);
    let path = |now: &Option<PathBuf>, then: fn(&Evidence) -> &Option<PathBuf>| match now {
        Some(path) => absolute(path).map(Some),
        None => Ok(before.as_ref().and_then(|before| then(before).clone())),
    };
    let evidence = Evidence {
        run,
        review: path(&arguments.review, |it| &it.review)?,
        questionnaire: path(&arguments.questionnaire, |it| &it.questionnaire)?,
        utility: path(&arguments.utility, |it| &it.utility)?,
    };
    let collected = looking::collected(folder, &evidence, SystemClock.now())?;
    let changed = draft::write(&arguments.out, &evidence, &collected)?;
    let draft = Draft::open(&arguments.out)?;
    let gates = gates(&draft.facts, &draft.evaluation, Language::En);
    let missing: Vec<&str> = draft.fields.missing().map(|field| field.key).collect();
    let document = json!({
        "run": run.to_string(),
        "adapter": draft.facts.adapter.sha256.to_string(),
        "path": arguments.out.display().to_string(),
        "facts_changed": changed,
        "gates": shown::gates_json(&gates),
        "missing_fields": missing,
        "signatures": draft.signatures.len(),
    });
    if arguments.json {
        return output::print_json(&document);
    }
    shown::gates(&gates)?;
    let out = arguments.out.display();
    eprintln!("wrote {out}: {} of {} fields are needed and have no answer yet", missing.len(), FIELDS.len());
    if changed && !draft.signatures.is_empty() {
        eprintln!("what the program knows has changed: the signatures that are there are void");
    }
    eprintln!("answer them in {out}/fields.toml; `coordinator release status {out}` shows what is missing");
    Ok(())
}
