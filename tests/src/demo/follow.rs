//! Shows how a run goes until it is published. Used by `demo`, of the run together and of that of each alone.
//! Invariant: every process has to stay alive meanwhile.
#![allow(clippy::print_stdout)] // the demo talks to the person who started it

use std::time::Duration;

use coordinator::report::progress::{Measured, Progress, SiteView, Stream, View};

use crate::consortium::Consortium;
use crate::failure::Failure;
use crate::limits::{ROUND_S_MAX, STATUS_POLL_MS_MIN};
use crate::status::RunStatus;
use crate::wait::Interrupt;

/// Shows a run until it is published.
pub(super) fn follow(
    consortium: &mut Consortium,
    run: &str,
    rounds: u32,
    interrupt: &Interrupt,
) -> Result<RunStatus, Failure> {
    let mut progress = Progress::new(Stream::Output);
    let logs = consortium.logs().to_owned();
    let within = Duration::from_secs(ROUND_S_MAX) * rounds.max(1);
    let result = crate::wait::until(
        "the end of the run",
        within,
        Duration::from_millis(STATUS_POLL_MS_MIN),
        &logs,
        interrupt,
        || {
            consortium.all_must_be_running()?;
            let status = consortium.run_status(run)?;
            progress.update(&view(&status));
            consortium.ended(run, status)
        },
    );
    progress.finish();
    println!();
    result
}

fn view(status: &RunStatus) -> View {
    let base = status.base.map(|score| Measured { round: 0, loss: score.loss, is_adopted: true });
    let newest = status.history.iter().rev().find_map(|round| {
        let (loss, is_adopted) = (round.validation?.loss, round.not_adopted.is_none());
        Some(Measured { round: round.round, loss, is_adopted })
    });
    View {
        round: status.round,
        rounds: status.rounds,
        phase: status.phase.replace('_', " "),
        measured: newest.or(base),
        sites: status
            .sites
            .iter()
            .map(|site| SiteView {
                name: site.site.clone(),
                doing: site.state.replace('_', " "),
                rests: site.state == "not_chosen",
                step: u64::from(site.step),
                steps: u64::from(site.total_steps),
                loss: site.loss,
            })
            .collect(),
    }
}
