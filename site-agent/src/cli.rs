//! The command line: one file per verb. Parses, calls the library, prints sentences and hints, chooses the
//! exit code. Called by `main`. Invariant: exit code 1 is for what the user can put right, 2 for what we
//! must; `run` alone has 3, for a ledger that a person must look at before it is started again.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "talking to the terminal is what this module is for"
)]

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use common::{crash, private, terminal};

use crate::error::SiteError;
use crate::supervisor::FINAL_CODE;

// The standard library's macros panic when nobody reads any more (`| head`); these do not.
macro_rules! println {
    ($($words:tt)*) => { common::terminal::print(format_args!("{}\n", format_args!($($words)*))) };
}
macro_rules! print {
    ($($words:tt)*) => { common::terminal::print(format_args!($($words)*)) };
}
macro_rules! eprintln {
    () => { common::terminal::eprint(format_args!("\n")) };
    ($($words:tt)*) => { common::terminal::eprint(format_args!("{}\n", format_args!($($words)*))) };
}
macro_rules! eprint {
    ($($words:tt)*) => { common::terminal::eprint(format_args!($($words)*)) };
}

mod ask;
mod asking;
mod certificate;
mod check;
mod completions;
mod config;
pub mod consent;
mod data;
mod decide;
mod evaluate;
mod generate;
mod hidden;
mod join;
mod keys;
mod leave;
mod ledger;
mod line;
mod logs;
mod man;
mod officer_key;
mod origin;
mod plan;
mod policy;
mod prune;
mod quantise;
mod rejoin;
mod replay;
mod roster;
mod rules;
mod run;
mod runs;
mod serve;
mod set_address;
mod status;
pub(crate) mod support;
pub(crate) mod table;
mod talking;
mod train;
mod waiver;
mod witness;
mod workplace;

const LONG_ABOUT: &str = "\
The agent of one hospital in a Consilium consortium.

It trains a language-model adapter on local, de-identified records and sends the adapter, rounded counts, status messages and, unless \
switched off, blinded points for the comparison with the held-out questions. The records never leave: the process that reads them has no network, the process that has the network cannot read them, and everything that leaves is \
recorded in a ledger before it is sent.";

const EXAMPLES: &str = "\
Examples:
  Join with the invitation from the coordinator; paste it when you are asked:
    site-agent join --model /srv/qwen2.5-0.5b --data /srv/records.jsonl

  See whether this machine can keep the promises, then take part in runs:
    site-agent check
    site-agent run

  What does the coordinator propose, and do we take part?
    site-agent runs
    site-agent approve RUN --key officer.key

  Train at this site alone, without a consortium:
    site-agent train /srv/qwen2.5-0.5b --data records.jsonl --out ./adapter

  What left this hospital?
    site-agent ledger show
    site-agent ledger verify

  Ask a model, with what the consortium learnt, or let an application ask it:
    site-agent ask /srv/qwen2.5-0.5b --adapter ./adapter
    site-agent serve /srv/qwen2.5-0.5b --adapter ./adapter

  Something looks wrong:
    site-agent status
    site-agent logs --since 1h

Exit codes: 0 done; 1 something you can put right, a wrong option included;
2 a fault of this program; 3, of `run` alone, the ledger needs the privacy
officer. An error is one sentence, then a hint.";

/// The version, and whether this build is one that nobody should install.
const VERSION: &str = if crash::BUILT_IN {
    concat!(env!("CARGO_PKG_VERSION"), " (with the crash points of the tests: do not install this build)")
} else {
    env!("CARGO_PKG_VERSION")
};

#[derive(Debug, Parser)]
#[command(name = "site-agent", version = VERSION, about = "The agent of one hospital in a Consilium consortium", long_about = LONG_ABOUT, after_long_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Join(join::Arguments),
    Rejoin(rejoin::Arguments),
    Run(run::Arguments),
    Runs(runs::Arguments),
    Approve(decide::Approve),
    Decline(decide::Decline),
    Withdraw(decide::Withdraw),
    Leave(leave::Arguments),
    Roster(roster::Arguments),
    Policy(policy::Arguments),
    SetAddress(set_address::Arguments),
    Train(Box<train::Arguments>),
    Check(check::Arguments),
    Status(status::Arguments),
    Logs(logs::Arguments),
    Config(config::Arguments),
    Data(data::Arguments),
    Ledger(ledger::Arguments),
    Evaluate(evaluate::Arguments),
    Generate(generate::Arguments),
    Rules(rules::Arguments),
    Ask(ask::Arguments),
    Serve(serve::Arguments),
    Plan(plan::Arguments),
    #[command(visible_alias = "clean")]
    Prune(prune::Arguments),
    Quantise(quantise::Arguments),
    Replay(replay::Arguments),
    Keys(keys::Arguments),
    OfficerKey(officer_key::Arguments),
    Waiver(waiver::Arguments),
    Witness(witness::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    #[command(hide = true)]
    Gateway(hidden::GatewayArguments),
    #[command(hide = true)]
    Worker(hidden::WorkerArguments),
    #[command(hide = true)]
    Trainer,
    #[command(hide = true)]
    Probe(hidden::ProbeArguments),
}

/// The command line's description, for completions, manual pages and the tests of the help.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs the program: 0 done, 1 something the user can put right, 2 something we must; 3 of `run`: the ledger
/// needs the privacy officer.
#[must_use]
pub fn main() -> ExitCode {
    // First of all: nothing that is written here is for others, and no key or record ends in a core file.
    let umask = private::process::close_umask();
    if let Err(source) = private::process::forbid_core_files() {
        return fail(&SiteError::Internal(format!("core files cannot be switched off: {source}")));
    }
    // clap would print it.
    if let Err(error) = join::refuse_in_arguments(std::env::args_os()) {
        return fail(&error);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help to stdout and mistakes to stderr; a mistake in the arguments is a 1.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS };
        }
    };
    // What others start again and again, unless it says that this does not help.
    let is_kept = matches!(arguments.command, Command::Run(_) | Command::Gateway(_));
    let result = match arguments.command {
        Command::Join(arguments) => join::run(&arguments),
        Command::Rejoin(arguments) => rejoin::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Runs(arguments) => runs::run(&arguments),
        Command::Approve(arguments) => decide::approve(&arguments),
        Command::Decline(arguments) => decide::decline(&arguments),
        Command::Withdraw(arguments) => decide::withdraw(&arguments),
        Command::Leave(arguments) => leave::run(&arguments),
        Command::Roster(arguments) => roster::run(&arguments),
        Command::Policy(arguments) => policy::run(&arguments),
        Command::SetAddress(arguments) => set_address::run(&arguments),
        Command::Train(arguments) => train::run(*arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Status(arguments) => status::run(&arguments),
        Command::Logs(arguments) => logs::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Data(arguments) => data::run(&arguments),
        Command::Ledger(arguments) => ledger::run(&arguments),
        Command::Evaluate(arguments) => evaluate::run(&arguments),
        Command::Generate(arguments) => generate::run(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Ask(arguments) => ask::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Prune(arguments) => prune::run(&arguments),
        Command::Quantise(arguments) => {
            // A published model in fewer bits: who may read it is the person's choice.
            umask.restore();
            quantise::run(&arguments)
        }
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Keys(arguments) => keys::run(&arguments),
        Command::OfficerKey(arguments) => officer_key::run(&arguments),
        Command::Waiver(arguments) => waiver::run(&arguments),
        Command::Witness(arguments) => witness::run(&arguments),
        Command::Completions(arguments) => completions::run(command(), &arguments),
        Command::Man(arguments) => {
            // For everybody on the machine to read.
            umask.restore();
            man::run(command(), &arguments)
        }
        Command::Gateway(arguments) => hidden::gateway(&arguments),
        Command::Worker(arguments) => hidden::worker(&arguments),
        Command::Trainer => hidden::trainer(),
        Command::Probe(arguments) => hidden::probe(&arguments),
    };
    let written = || terminal::finish().map_err(|source| SiteError::io(Path::new("standard output"), source));
    match result.and_then(|()| written()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_kept && error.is_final() => {
            fail(&error);
            ExitCode::from(FINAL_CODE)
        }
        Err(error) => fail(&error),
    }
}

fn fail(error: &SiteError) -> ExitCode {
    if !matches!(error, SiteError::Validation { .. }) {
        eprintln!("error: {error}");
        if let Some(hint) = error.hint() {
            eprintln!("\nhint: {hint}");
        }
    }
    ExitCode::from(if error.is_user_error() { 1 } else { 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_prune_removes_is_also_cleaned() {
        for verb in ["prune", "clean"] {
            let parsed = Arguments::try_parse_from(["site-agent", verb, "--dry-run"]).unwrap();
            assert!(matches!(parsed.command, Command::Prune(_)), "{verb}");
        }
        assert!(Arguments::command().render_long_help().to_string().contains("clean"));
    }

    #[test]
    fn every_visible_verb_explains_itself() {
        for verb in Arguments::command().get_subcommands().filter(|verb| !verb.is_hide_set()) {
            assert!(verb.get_about().is_some(), "{} has no description", verb.get_name());
            let help = verb.clone().render_long_help().to_string();
            assert!(help.contains("Example"), "{} has no example", verb.get_name());
        }
    }
}
