//! `coordinator launch`: start a run, and watch it with `--follow`. Called by `cli`. Invariant: the run
//! goes on whether or not anybody watches.

use std::path::PathBuf;

use super::{output, status};
use crate::admin::client;
use crate::admin::message::{Answer, Command};
use crate::admin::report::{RunReport, SiteReport};
use crate::error::{Error, Result};
use crate::progress::{Progress, SiteView, Stream, View};
use crate::state_folder::StateFolder;

const MANUAL: &str = "\
Start a run as a run file describes it and print the run's id. The run file is
checked, the base model is loaded once to fingerprint it, and the held-out
files are checked and pinned by hash; then every site that has joined takes
part. One run goes at a time.

With --follow, show progress until the run is over: a bar per site on a
terminal, plain lines elsewhere. Ctrl-C stops watching, not the run.

A run file (paths are relative to it):
  name = \"medqa\"
  rounds = 3
  model = \"../models/qwen\"
  validation = \"validation.jsonl\"
  test = \"test.jsonl\"
  [quorum]
  sites = 4
  deadline_s = 3600
  [adapter]
  rank = 16
  alpha = 32.0
  [training]
  epochs = 1
  batch_size = 8
  learning_rate = 2e-3
  schedule = \"constant\"
  [overlap]
  enabled = true        # the default: each site leaves out records that are too
                        # close to the held-out ones; neither side shows a text

Example:
  coordinator launch RUN.toml --follow";

/// Start a run
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run file
    run_file: PathBuf,
    /// Show progress until the run is over
    #[arg(long)]
    follow: bool,
}

pub(super) fn run(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    let missing = |_| Error::Missing { what: "run file", path: arguments.run_file.clone() };
    let run_file = arguments.run_file.canonicalize().map_err(missing)?;
    let Answer::Launched { run } = client::ask(folder, &Command::Launch { run_file })? else {
        return Err(Error::Internal("the coordinator answered something else".into()));
    };
    output::print_line(&run)?;
    if !arguments.follow {
        return Ok(());
    }
    let mut progress = Progress::new(Stream::Error);
    let last = client::watch(folder, &run, |report| progress.update(&view(report)));
    progress.finish();
    let last = last?;
    eprint!("{}", status::table(&last));
    match last.failure {
        None => Ok(()),
        Some(reason) => Err(Error::Remote {
            message: format!("run {run} failed: {reason}"),
            hint: Some("the last published model stands; see the log of `coordinator serve`".into()),
            user: !Error::text_is_ours(&reason),
        }),
    }
}

fn view(report: &RunReport) -> View {
    let newest = report.history.iter().rev().find_map(|round| Some((round.round, round.validation?.loss)));
    View {
        round: report.round,
        rounds: report.rounds,
        phase: report.phase.replace('_', " "),
        measured: newest.or_else(|| Some((0, report.base?.loss))),
        sites: report.sites.iter().map(site_view).collect(),
    }
}

fn site_view(site: &SiteReport) -> SiteView {
    SiteView {
        name: site.site.clone(),
        doing: site.state.replace('_', " "),
        step: u64::from(site.step),
        steps: u64::from(site.total_steps),
        loss: site.loss,
    }
}
