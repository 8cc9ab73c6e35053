//! Starting something that `serve` works at, and watching it. Used by `launch`, `resume`, `evaluate` and
//! `watch`. Invariant: the run goes on whether or not anybody watches.

use std::thread;
use std::time::{Duration, Instant};

use super::{output, status};
use crate::admin::client;
use crate::admin::message::{Answer, Command};
use crate::admin::report::RunReport;
use crate::admin::report::sites::SiteReport;
use crate::error::{Error, Result};
use crate::limits::{WATCH_GONE_MS_MAX, WATCH_RETRY_MS_MIN};
use crate::progress::{Progress, SiteView, Stream, View};
use crate::state_folder::StateFolder;

/// Starts a run and prints its id; follows it if that is wished.
///
/// # Errors
/// It cannot be started; followed, it failed.
pub(super) fn started(folder: &StateFolder, command: &Command, is_followed: bool) -> Result<()> {
    let run = start(folder, command)?;
    output::print_line(&run)?;
    if is_followed { to_the_end(folder, &run) } else { Ok(()) }
}

/// Starts it; says what the operator should know. Returns the run's id.
pub(super) fn start(folder: &StateFolder, command: &Command) -> Result<String> {
    let Answer::Launched { run, notes } = client::ask(folder, command)? else {
        return Err(Error::Internal("the coordinator answered something else".into()));
    };
    for note in notes {
        eprintln!("note: {note}");
    }
    Ok(run)
}

/// Shows progress until the run is over, then its table.
///
/// # Errors
/// The run failed, or the coordinator went away for good.
pub(super) fn to_the_end(folder: &StateFolder, run: &str) -> Result<()> {
    let mut progress = Progress::new(Stream::Error);
    let last = survive(folder, run, &mut progress);
    progress.finish();
    let last = last?;
    eprint!("{}", status::table(&last));
    match last.failure {
        None => Ok(()),
        Some(reason) => Err(Error::Remote {
            message: format!("run {} failed: {reason}", last.run),
            hint: Some(format!(
                "the last published model stands, and `coordinator resume {}` goes on from it; \
                 see the log of `coordinator serve`",
                last.run
            )),
            user: !Error::text_is_ours(&reason),
        }),
    }
}

/// Watches, also over a restart of `serve`.
fn survive(folder: &StateFolder, run: &str, progress: &mut Progress) -> Result<RunReport> {
    let mut gone: Option<Instant> = None;
    let mut seen = false;
    loop {
        let watched = client::watch(folder, run, |report| {
            (seen, gone) = (true, None);
            progress.update(&view(report));
        });
        match watched {
            // Only what was there can come back.
            Err(Error::NotRunning(_) | Error::NotAnswering(_)) if seen => {}
            other => return other,
        }
        let since = *gone.get_or_insert_with(|| {
            progress
                .note("the coordinator went away; waiting for it to come back (Ctrl-C ends the watching)");
            Instant::now()
        });
        if since.elapsed() > Duration::from_millis(WATCH_GONE_MS_MAX) {
            return Err(Error::NotRunning(folder.path().to_path_buf()));
        }
        thread::sleep(Duration::from_millis(WATCH_RETRY_MS_MIN));
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
