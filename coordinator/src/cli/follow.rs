//! Starting something that `serve` works at, and watching it. Used by `launch`, `resume`, `evaluate` and
//! `watch`. Invariant: the run goes on whether or not anybody watches.

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use common::progress::{COLUMNS, wrapped};
use common::run::RunManifest;
use common::terminal::visible;
use serde_json::json;

use super::{output, status};
use crate::admin::client::{self, Door};
use crate::admin::message::{Answer, Command};
use crate::admin::report::RunReport;
use crate::admin::report::sites::SiteReport;
use crate::admin::signing::Wanted;
use crate::error::{Error, Result};
use crate::limits::{WATCH_GONE_MS_MAX, WATCH_RETRY_MS_MIN};
use crate::report::progress::{Measured, Progress, SiteView, Stream, View};

/// What is shown of a run that starts.
pub(super) struct Shown {
    /// Its progress, until it is over.
    pub(super) follow: bool,
    /// Its id in a document for programs.
    pub(super) as_json: bool,
}

/// Starts a run and prints its id; follows it if that is wished.
///
/// # Errors
/// It cannot be started; followed, it failed.
pub(super) fn started(door: &Door, command: &Command, wanted: Wanted<'_>, shown: &Shown) -> Result<()> {
    let (run, notes) = start(door, command, wanted)?;
    if shown.as_json {
        output::print_json(&json!({ "run": run, "notes": notes }))?;
    } else {
        output::print_line(&run)?;
    }
    if shown.follow { to_the_end(door, &run).map(|_| ()) } else { Ok(()) }
}

/// Starts it; says what the operator should know, and what they signed. Returns the run's id and what it
/// said.
pub(super) fn start(door: &Door, command: &Command, wanted: Wanted<'_>) -> Result<(String, Vec<String>)> {
    let (answer, signed) = client::launch(door, command, wanted)?;
    let Answer::Launched { run, mut notes } = answer else {
        return Err(Error::Internal("the coordinator answered something else".into()));
    };
    if let (Some(terms), Door::There(context)) = (signed, door) {
        if terms.run.to_string() != run {
            return Err(Error::OtherRun { signed: terms.run.to_string(), launched: client::run_id(&run) });
        }
        notes.push(in_words(&terms, &context.holder));
    }
    for note in &notes {
        let note = format!("note: {note}");
        // A log keeps it on one line, where it can be searched for.
        let columns = if std::io::stderr().is_terminal() { COLUMNS } else { usize::MAX };
        wrapped(&note, columns).iter().for_each(|line| eprintln!("{line}"));
    }
    Ok((run, notes))
}

/// What was signed, as far as the run file cannot say it.
fn in_words(terms: &RunManifest, holder: &str) -> String {
    let members = terms.roster.members.len();
    format!(
        "signed as {holder}: {} over {} rounds, base model {}, {members} {} with the code {} (`coordinator roster`)",
        visible(&terms.name),
        terms.rounds,
        terms.base_fingerprint.short(),
        if members == 1 { "member" } else { "members" },
        terms.roster.code(),
    )
}

/// A path as `serve`, which has another working folder, finds it; of a coordinator elsewhere it must be
/// whole.
pub(super) fn absolute(door: &Door, path: Option<&Path>, what: &'static str) -> Result<Option<PathBuf>> {
    if let (Door::There(_), Some(path)) = (door, path)
        && !path.is_absolute()
    {
        return Err(Error::Argument {
            message: format!("{} is not a whole path", path.display()),
            hint: format!("the {what} is one of the coordinator's machine: begin it with `/`"),
        });
    }
    let missing = |path: &Path| Error::Missing { what, path: path.to_path_buf() };
    path.map(|path| std::path::absolute(path).map_err(|_| missing(path))).transpose()
}

/// Shows progress until the run is over, then its table. Returns the last report.
///
/// # Errors
/// The run failed, or the coordinator went away for good.
pub(super) fn to_the_end(door: &Door, run: &str) -> Result<RunReport> {
    let progress = RefCell::new(Progress::new(Stream::Error));
    let show = |report: &RunReport| {
        progress.borrow_mut().update(&view(report));
        Ok(())
    };
    let last = survive(door, run, show, |gone| progress.borrow().note(gone));
    progress.borrow().finish();
    let last = last?;
    eprint!("{}", status::table(&last));
    let Some(reason) = &last.failure else { return Ok(last) };
    let is_published = last.history.iter().any(|round| round.published.is_some());
    let hint = if is_published {
        format!(
            "the last published model stands, and `coordinator resume {}` goes on from it; see the log of \
             `coordinator serve`",
            last.run
        )
    } else {
        "see the log of `coordinator serve`, and launch the run file again".to_owned()
    };
    Err(Error::Remote {
        message: format!("run {} failed: {reason}", last.run),
        hint: Some(hint),
        user: !Error::text_is_ours(reason),
    })
}

/// Watches, also over a restart of `serve`: each report that differs from the one before goes to `show`, and
/// what there is to say of the coordinator to `note`.
///
/// # Errors
/// What `show` says, the coordinator went away for good, or it knows no such run.
pub(super) fn survive(
    door: &Door,
    run: &str,
    mut show: impl FnMut(&RunReport) -> Result<()>,
    note: impl Fn(&str),
) -> Result<RunReport> {
    let mut gone: Option<Instant> = None;
    let mut shown: Option<RunReport> = None;
    loop {
        let watched = client::watch(door, run, |report| {
            gone = None;
            if shown.as_ref() != Some(report) {
                shown = Some(report.clone());
                show(report)?;
            }
            Ok(())
        });
        match watched {
            // Only what was there can come back.
            Err(error @ (Error::NotRunning(_) | Error::NotAnswering(_) | Error::NotReached { .. }))
                if shown.is_some() =>
            {
                if gone.is_some_and(|since| since.elapsed() > Duration::from_millis(WATCH_GONE_MS_MAX)) {
                    return Err(error);
                }
            }
            other => return other,
        }
        gone.get_or_insert_with(|| {
            note("the coordinator went away; waiting for it to come back (Ctrl-C ends the watching)");
            Instant::now()
        });
        thread::sleep(Duration::from_millis(WATCH_RETRY_MS_MIN));
    }
}

fn view(report: &RunReport) -> View {
    let newest = report.history.iter().rev().find_map(|round| {
        let (loss, is_adopted) = (round.validation?.loss, round.not_adopted.is_none());
        Some(Measured { round: round.round, loss, is_adopted })
    });
    let base = |loss| Measured { round: 0, loss, is_adopted: true };
    View {
        round: report.round,
        rounds: report.rounds,
        phase: report.phase.replace('_', " "),
        measured: newest.or_else(|| Some(base(report.base?.loss))),
        sites: report.sites.iter().map(site_view).collect(),
    }
}

fn site_view(site: &SiteReport) -> SiteView {
    SiteView {
        name: site.site.clone(),
        doing: site.state.replace('_', " "),
        rests: site.state == "not_chosen",
        step: u64::from(site.step),
        steps: u64::from(site.total_steps),
        loss: site.loss,
    }
}
