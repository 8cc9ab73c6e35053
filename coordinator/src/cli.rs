//! The command line: one file per subcommand. Called by `main.rs`. Invariants: data goes to stdout,
//! everything else to stderr; an error is one sentence, an empty line and a hint; exit code 1 is the
//! caller's mistake, 2 is ours.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the command line")]

// The standard library's macros panic when nobody reads any more (`| head`); these do not. What goes to
/// standard output passes `cli::output`.
macro_rules! eprintln {
    () => { common::terminal::eprint(format_args!("\n")) };
    ($($words:tt)*) => { common::terminal::eprint(format_args!("{}\n", format_args!($($words)*))) };
}
macro_rules! eprint {
    ($($words:tt)*) => { common::terminal::eprint(format_args!($($words)*)) };
}

mod acts;
mod authority;
mod baselines;
mod check;
mod completions;
mod config;
mod context;
mod crl;
mod door;
mod enrol;
mod evaluate;
mod export;
mod extend;
mod follow;
mod init;
mod invitations;
mod invite;
mod keys;
mod launch;
mod ledger;
mod logs;
mod man;
mod offline;
mod operators;
mod output;
mod own_scores;
mod prune;
mod release;
mod report;
mod resume;
mod review;
mod revoke;
mod roster;
mod runs;
mod serve;
mod simulate;
mod sites;
mod sites_table;
mod status;
mod stop;
mod verify_release;
mod watch;
mod witness;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use common::crash;
use common::private::process::{Umask, close_umask, forbid_core_files};

use self::door::Place;
use self::output::start_log;
use crate::error::{Error, Result};
use crate::evaluate::{ChildSettings, child};
use crate::state_folder::StateFolder;

const MANUAL: &str = "\
The coordinator of a consortium of hospitals that fine-tune one language model
together. It schedules rounds, averages adapter updates, evaluates the result
on held-out data and publishes an adapter. It never sees a record: sites send
adapter updates, rounded counts, status messages and, unless switched off,
blinded points for the comparison with the held-out questions.

A first run, on the coordinator's machine:
  coordinator init --address coordinator.example.org:4600
  coordinator serve &
  coordinator invite cardiology      # send the line that it prints to them
  coordinator simulate --run RUN.toml      # what it will take
  coordinator launch RUN.toml --follow
  coordinator report RUN --html report.html
  coordinator export RUN --format peft --out ./adapter

The state folder (--state, or the environment variable CONSILIUM_STATE, or
./coordinator-state) holds everything: keys, database, adapters. Back it up as
a whole.

From another machine, an operator or auditor takes an invitation of
`coordinator operators invite` with `coordinator enrol`, and adds --context NAME
to the same commands.

Exit codes: 0 done; 1 something you can put right, a wrong option included;
2 a fault of this program. An error is one sentence, then a hint.";

/// The version, and whether this build is one that nobody should install.
const VERSION: &str = if crash::BUILT_IN {
    concat!(env!("CARGO_PKG_VERSION"), " (with the crash points of the tests: do not install this build)")
} else {
    env!("CARGO_PKG_VERSION")
};

#[derive(Parser)]
#[command(name = "coordinator", version = VERSION, about = "The coordinator of a consortium of hospitals", long_about = MANUAL)]
struct Arguments {
    /// The coordinator's state folder [default: $CONSILIUM_STATE, or ./coordinator-state]
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Ask a coordinator on another machine (see `coordinator context`)
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "state")]
    context: Option<String>,
    /// A file with the passphrase of sealed keys, which only you can read
    /// [default: the credential that coordinator.toml names, or the terminal]
    #[arg(long, global = true, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Init(init::Arguments),
    Invite(invite::Arguments),
    Invitations(invitations::Arguments),
    Operators(operators::Arguments),
    Enrol(enrol::Arguments),
    Context(context::Arguments),
    Serve(serve::Arguments),
    Simulate(simulate::Arguments),
    Launch(launch::Arguments),
    Status(status::Arguments),
    Watch(watch::Arguments),
    Runs(runs::Arguments),
    Sites(sites::Arguments),
    Ledger(ledger::Arguments),
    Roster(roster::Arguments),
    Stop(stop::Arguments),
    Extend(extend::Arguments),
    Resume(resume::Arguments),
    Evaluate(evaluate::Arguments),
    Review(review::Arguments),
    Revoke(revoke::Arguments),
    Authority(authority::Arguments),
    Crl(crl::Arguments),
    Keys(keys::Arguments),
    Report(report::Arguments),
    Export(export::Arguments),
    Release(release::Arguments),
    VerifyRelease(verify_release::Arguments),
    Acts(acts::Arguments),
    Witness(witness::Arguments),
    Prune(prune::Arguments),
    Check(check::Arguments),
    Logs(logs::Arguments),
    Config(config::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    /// Tries the locks of the processes that evaluate; started by `check`
    #[command(hide = true)]
    Probe,
    /// Does one evaluation job from stdin; started by `serve`
    #[command(hide = true)]
    EvaluateChild {
        #[arg(long)]
        device: model::Device,
        #[arg(long)]
        gpu_cache: PathBuf,
        #[arg(long)]
        allow_missing: Vec<sandbox::Lock>,
    },
}

/// The command line's description, for completions, manual pages and the tests of the help.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Parses, runs, reports.
pub fn main() -> ExitCode {
    // First of all: nothing that is written here is for others, and no key ends in a core file.
    let umask = close_umask();
    if let Err(source) = forbid_core_files() {
        return fail(&Error::Internal(format!("core files cannot be switched off: {source}")));
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help to stdout and mistakes to stderr; a mistake in the arguments is a 1.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(1) } else { ExitCode::SUCCESS };
        }
    };
    match run(arguments, umask).and_then(|()| output::finish()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    eprintln!("error: {error}");
    if let Some(hint) = error.hint() {
        eprintln!("\nhint: {hint}");
    }
    ExitCode::from(if error.is_user_error() { 1 } else { 2 })
}

fn evaluate_child(settings: &ChildSettings) -> Result<()> {
    start_log(None);
    child::serve_stdin(settings).map_err(|error| Error::Internal(error.to_string()))
}

fn run(arguments: Arguments, umask: Umask) -> Result<()> {
    let place = Place {
        state: arguments.state,
        context: arguments.context,
        passphrase_file: arguments.passphrase_file,
    };
    match arguments.verb {
        Verb::Init(arguments) => init::run(&StateFolder::at(&place.path()?), &arguments),
        Verb::Probe => check::probe(&place.folder()?),
        Verb::EvaluateChild { device, gpu_cache, allow_missing } => {
            evaluate_child(&ChildSettings { device, allow_missing, gpu_cache })
        }
        Verb::Invitations(arguments) => invitations::run(&place.door()?, &arguments),
        Verb::Operators(arguments) => operators::run(&place.door()?, &arguments),
        Verb::Enrol(arguments) => enrol::run(&arguments),
        Verb::Context(arguments) => context::run(&arguments),
        Verb::Acts(arguments) => acts::run(&place.door()?, &arguments, &place.of_a_person()),
        Verb::Witness(arguments) => witness::run(&arguments, &place.of_a_person()),
        Verb::Invite(arguments) => invite::run(&place.door()?, &arguments),
        Verb::Serve(arguments) => {
            let folder = place.folder()?;
            crash::arm(folder.path());
            serve::run(folder, &arguments)
        }
        Verb::Simulate(arguments) => simulate::run(&arguments),
        Verb::Launch(arguments) => launch::run(&place.door()?, &arguments),
        Verb::Status(arguments) => status::run(&place.door()?, &arguments),
        Verb::Watch(arguments) => watch::run(&place.door()?, &arguments),
        Verb::Resume(arguments) => resume::run(&place.door()?, &arguments),
        Verb::Evaluate(arguments) => evaluate::run(&place.door()?, &arguments),
        Verb::Review(arguments) => review::run(&place, &arguments),
        Verb::Runs(arguments) => runs::run(&place.door()?, &arguments),
        Verb::Sites(arguments) => sites::run(&place.door()?, &arguments),
        Verb::Ledger(arguments) => ledger::run(&place.door()?, &arguments),
        Verb::Roster(arguments) => roster::run(&place.door()?, &arguments),
        Verb::Stop(arguments) => stop::run(&place.door()?, &arguments),
        Verb::Extend(arguments) => extend::run(&place.door()?, &arguments),
        Verb::Revoke(arguments) => revoke::run(&place.door()?, &arguments),
        Verb::Authority(arguments) => authority::run(&place.folder()?, &arguments),
        Verb::Crl(arguments) => {
            // An exported list is for others to read.
            if arguments.is_for_others() {
                umask.restore();
            }
            crl::run(&place.door()?, &arguments)
        }
        Verb::Keys(arguments) => keys::run(&place, &arguments),
        Verb::Report(arguments) => {
            // The page is for others to read, as an export is.
            umask.restore();
            report::run(&place.door()?, &arguments)
        }
        Verb::Export(arguments) => {
            // What is published is taken out to be read: by whom is the operator's choice.
            umask.restore();
            export::run(&place.folder()?, &arguments)
        }
        Verb::Release(arguments) => {
            // A release is for others to read; its draft, whose modes are its own, is not.
            umask.restore();
            release::run(&place, &arguments)
        }
        Verb::VerifyRelease(arguments) => verify_release::run(&arguments),
        Verb::Prune(arguments) => prune::run(&place.folder()?, &arguments),
        Verb::Logs(arguments) => logs::run(&place.folder()?, &arguments),
        Verb::Config(arguments) => config::run(&place.folder()?, place.source(), &arguments),
        Verb::Completions(arguments) => completions::run(command(), &arguments),
        Verb::Man(arguments) => {
            umask.restore();
            man::run(command(), &arguments)
        }
        Verb::Check(arguments) => check::run(&place.folder()?, &arguments),
    }
}
