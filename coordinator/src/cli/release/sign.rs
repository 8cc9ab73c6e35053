//! `coordinator release sign`: an operator signs what stands in a draft. Called by `release`. Invariants: it
//! asks no coordinator, and works on any machine that has the draft; nothing is signed while a needed field
//! is empty; what is signed is said.

use std::path::PathBuf;

use certs::Role;
use common::clock::{Clock as _, SystemClock};
use common::language::Language;
use serde_json::json;

use super::shown;
use crate::admin::client::Door;
use crate::cli::output;
use crate::error::{Error, Result};
use crate::export::release::draft::{Draft, Evidence};
use crate::export::release::gates::gates;
use crate::export::release::statement::Signature;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The folder of the draft
    draft: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let Door::There(context) = door else { return Err(without_context()) };
    if context.role != Role::Operator {
        return Err(Error::Argument {
            message: format!(
                "{} has the role {}: only an operator signs a release",
                context.holder, context.role
            ),
            hint: "ask an operator to sign it".into(),
        });
    }
    Evidence::read(&arguments.draft)?;
    let draft = Draft::open(&arguments.draft)?;
    let missing: Vec<&str> = draft.fields.missing().map(|field| field.key).collect();
    if !missing.is_empty() {
        return Err(Error::Argument {
            message: format!("{} needed fields have no answer: {}", missing.len(), missing.join(", ")),
            hint: format!("answer them in {}/fields.toml first", arguments.draft.display()),
        });
    }
    let now = SystemClock.now();
    let statement = draft.statement(now.0);
    let signature = Signature::make(statement.clone(), &context.identity)?;
    signature.signer(&context.authority, now).map_err(|why| Error::Argument {
        message: format!("this signature would not count: {why}"),
        hint: "ask for a new line of `coordinator operators invite NAME`, and give it to `coordinator enrol`"
            .into(),
    })?;
    let path = draft.keep(&context.holder, &signature)?;
    let gates = gates(&draft.facts, &draft.evaluation, Language::En);
    let document = json!({
        "signed_by": context.holder,
        "path": path.display().to_string(),
        "run": statement.run.to_string(),
        "adapter": statement.adapter.to_string(),
        "sha256": {
            "facts.json": statement.facts.to_string(),
            "evaluation.json": statement.evaluation.to_string(),
            "fields.toml": statement.fields.to_string(),
        },
        "failed_gates": shown::failed(&gates),
    });
    output::tell(arguments.json, &document, || {
        eprintln!("{} signed the release of run {}:", context.holder, statement.run);
        let files = [("adapter", statement.adapter), ("facts.json", statement.facts)];
        let files = files.into_iter().chain([("evaluation.json", statement.evaluation)]);
        for (name, digest) in files.chain([("fields.toml", statement.fields)]) {
            eprintln!("{name:<16}{digest}");
        }
        if shown::failed(&gates) > 0 {
            eprintln!("note: gates are not passed yet; once what the program knows changes, sign it again");
        }
        eprintln!("wrote {}", path.display());
    })
}

/// What is said to somebody who names no certificate to sign with.
pub(super) fn without_context() -> Error {
    Error::Argument {
        message: "a release is signed with the key of an operator's certificate, and no context is named".into(),
        hint: "name yours, as in `coordinator --context NAME release sign DIR`; `coordinator operators invite NAME` \
               and `coordinator enrol` make one"
            .into(),
    }
}
