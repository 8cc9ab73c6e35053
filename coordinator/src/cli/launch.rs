//! `coordinator launch`: start a run, and watch it with `--follow`. Called by `cli`. Invariant: the run
//! goes on whether or not anybody watches.

use std::path::PathBuf;

use super::follow;
use crate::admin::client::Door;
use crate::admin::message::Command;
use crate::admin::signing::Wanted;
use crate::error::{Error, Result};
use crate::execution;
use crate::state_folder::config::read_bounded;

const MANUAL: &str = "\
Start a run as a run file describes it and print the run's id. The run file is
checked, the base model is loaded once to fingerprint it, and the held-out
files are checked and pinned by hash; then every site that has joined is
asked, or those that [sites] names. One run goes at a time: with --queue it
waits for its turn, in which operators take turns too, and begins when no run
is going and what those before it left to measure is measured. `coordinator
runs` lists it as queued, `coordinator stop RUN` takes it out. Its terms, its
members and its files are those of now; sites hear of it when it begins.

The run is proposed first: each site's privacy officer, or a policy that the
officer signed, agrees to its signed manifest or declines it. It begins when
all have answered, or approval.grace_s after a quorum has agreed, and fails at
approval.deadline_s without one. A site that agrees later takes part from then
on; one that withdraws is handed nothing more (`coordinator status` shows who
has said what, `coordinator roster` the code that officers compare).

A round closes when every site that takes part has sent its update. With the
updates of a quorum it waits grace_s seconds for the others, and not for sites
that have been offline for a minute, never connected, failed, or were paused
or excluded (`coordinator sites`). At deadline_s it closes with a quorum, or
the run fails without one. Members who are a quorum and send at once leave the
others grace_s and no more: ask for more sites than could act together, or let
grace_s be deadline_s.

With --follow, show progress until the run is over: a bar per site on a
terminal, plain lines elsewhere. Ctrl-C stops watching, not the run.

A run file (paths are relative to it):
  name = \"medqa\"
  rounds = 3
  model = \"../models/qwen\"
  validation = \"validation.jsonl\"
  test = \"test.jsonl\"
  # initial = \"5f0c\"    # start from this run's adapter, or an adapter folder
  [quorum]
  sites = 4             # updates that a round needs
  deadline_s = 3600
  # grace_s = 360       # the default: a tenth of the deadline, at most 600
  # [approval]
  # deadline_s = 604800 # the default: a week for the sites' officers to decide
  # grace_s = 600       # the default: for the others, once a quorum has agreed
  # [sites]
  # names = [\"cardiology\", \"oncology\", \"surgery\", \"urology\"]
  [adapter]
  rank = 16
  alpha = 32.0
  [training]
  epochs = 1            # passes in a round; 0.25: four rounds are a pass
  # steps = 20          # instead of epochs: optimiser steps in a round
  batch_size = 8
  learning_rate = 2e-3
  schedule = \"constant\"
  # schedule_over = \"run\" # one decay over all rounds, not one in each
  # [aggregation]
  # robust = \"clip\"     # also none (default), median, trimmed-mean
  # server_optimizer = \"momentum\"  # also none (default), adam, yogi, adagrad
  # server_momentum = 0.5
  [overlap]
  enabled = true        # the default: each site leaves out records that are too
                        # close to the held-out ones; neither side shows a text
  [evaluation]
  sample_questions = 3  # the default, 0 to 10: held-out questions that base and
                        # final model answer for `coordinator report`
  loss_increase_max = 0.5 # the default: a round whose validation loss is
                        # further above the best one is not adopted

With --context the text of the run file is sent; its paths are those of the
coordinator's machine, and whole. Before the sites hear of the run its terms
come back, are compared with the run file, and are signed with the key of the
context; sites show their officers who that was (`site-agent runs RUN`).

Example:
  coordinator launch RUN.toml --follow";

/// Start a run
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run file
    run_file: PathBuf,
    /// Wait for its turn where another run is going
    #[arg(long)]
    queue: bool,
    /// Show progress until the run is over
    #[arg(long)]
    follow: bool,
    /// Print JSON: the run's id and what there is to know of it
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    let missing = |_| Error::Missing { what: "run file", path: arguments.run_file.clone() };
    let run_file = arguments.run_file.canonicalize().map_err(missing)?;
    let shown = follow::Shown { follow: arguments.follow, as_json: arguments.json };
    if let Door::Here(_) = door {
        return follow::started(
            door,
            &Command::Launch { run_file, queue: arguments.queue },
            Wanted::Nothing,
            &shown,
        );
    }
    // The text travels; the server reads it as any other, and what it makes of it is compared with this.
    let text = read_bounded(&run_file)?;
    let spec = execution::launch::spec_of_text(&text)?;
    let command = Command::LaunchText { text, queue: arguments.queue };
    follow::started(door, &command, Wanted::RunFile(&spec), &shown)
}
