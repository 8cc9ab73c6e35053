//! The release demo's command line. Used by the `release-demo` binary and by `release_demo`. Invariant: what
//! is checked here is checked before the first process starts.

use std::path::{Path, PathBuf};

use clap::Parser;

use crate::failure::Failure;

/// From records to a signed release on this machine: training, grading, gates, papers, verification.
///
/// Three hospitals with 2,000 made-up records train together; each alone and one pool of all stand beside it.
/// Both models answer 200 held-out questions, three synthetic graders grade them blind, the gates decide, an
/// empty field stops the release, an operator signs, and the release verifies on another machine.
#[derive(Debug, Parser)]
#[command(name = "release-demo", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// Where everything goes. What an earlier demo left there is replaced.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Everything that is made up comes from it: records, grades, what patients said, use.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Federated rounds.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// CHAI's schema of the model card (`schema-v0.2.xsd`): with it `xmllint` has to take the card.
    #[arg(long, value_name = "FILE")]
    pub chai_schema: Option<PathBuf>,
}

const EXAMPLES: &str = "Examples:
  ./deploy/release-demo
  ./deploy/release-demo --out /tmp/release-demo --chai-schema schema-v0.2.xsd";

/// What was decided.
#[derive(Debug)]
pub struct Settings {
    pub out: PathBuf,
    pub seed: u64,
    pub rounds: u32,
    pub chai_schema: Option<PathBuf>,
}

impl Settings {
    /// Completes the arguments.
    ///
    /// # Errors
    /// [`Failure::Input`] naming the flag to change.
    pub fn resolve(arguments: &Arguments, repository: &Path) -> Result<Self, Failure> {
        let executable = std::env::current_exe().map_err(Failure::file("locate", "the running program"))?;
        // target/<profile>/release-demo -> target
        let build = executable.ancestors().nth(2).unwrap_or(repository).join("release-demo");
        let out = arguments.out.clone().unwrap_or(build);
        let out = std::path::absolute(&out).map_err(Failure::file("resolve", &out))?;
        if let Some(schema) = arguments.chai_schema.as_ref().filter(|schema| !schema.is_file()) {
            return Err(Failure::Input {
                sentence: format!("{} is no file", schema.display()),
                hint: "give --chai-schema the path of schema-v0.2.xsd, or leave it out".to_owned(),
            });
        }
        let chai_schema = match &arguments.chai_schema {
            Some(schema) => Some(std::path::absolute(schema).map_err(Failure::file("resolve", schema))?),
            None => None,
        };
        Ok(Self { out, seed: arguments.seed, rounds: arguments.rounds, chai_schema })
    }
}
