//! `coordinator release`: from a measured adapter to a signed folder. Called by `cli`. Invariants: nothing is
//! released unless every gate is passed, and no option passes one; whatever is missing is said at once.

mod looking;
mod make;
mod new;
pub(super) mod shown;
mod sign;
mod status;

use clap::Subcommand;

use super::door::Place;
use crate::error::{Error, Result};

const MANUAL: &str = "\
Release a run's model: a folder with the adapter, a model card, a dossier and
checksums, signed with the consortium's key.

`new` makes a folder, the draft. The program writes facts.json and
evaluation.json, what it knows and what was measured; people answer the fields
in fields.toml, each with a comment what it is for and which rule asks for it.
`status` shows every gate: the run, what it began with, its terms, approvals,
ledgers, the log of acts, overlap, veto, the test set (opened once, not worse),
departments, suites, general knowledge, sites, the rubric and the safety of a
review by people, the fields, the signatures. `sign` is for an operator with a certificate of their own, on
any machine: it signs the three files, and a change of them voids it. `make`
writes the release, or says what is missing and writes nothing. No gate can be
waved through; one whose data is missing fails. Before `make` signs, it compares
every number of the exported adapter with the one that the run published, and
its settings with the run's terms.

Examples:
  coordinator release new 5f0c --out draft --review review \\
      --questionnaire patients.csv --utility counts.csv
  coordinator release status draft
  coordinator --context NAME release sign draft
  coordinator release make draft --out release
  coordinator verify-release release --key KEY";

/// Release a run's model: draft, gates, signatures, a signed folder
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Make the draft of a release, or bring its facts up to date
    New(new::Arguments),
    /// Show every gate, and what is missing
    Status(status::Arguments),
    /// Sign a draft with the key of your certificate
    Sign(sign::Arguments),
    /// Write the signed release
    Make(make::Arguments),
}

pub(super) fn run(place: &Place, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Verb::New(arguments) => new::run(&place.folder()?, arguments),
        Verb::Status(arguments) => status::run(&place.folder()?, arguments),
        Verb::Sign(arguments) => match place.door() {
            // On a person's machine there is no state folder, and none is needed.
            Err(Error::NotInitialised(_)) => Err(sign::without_context()),
            door => sign::run(&door?, arguments),
        },
        Verb::Make(arguments) => make::run(&place.folder()?, arguments),
    }
}
