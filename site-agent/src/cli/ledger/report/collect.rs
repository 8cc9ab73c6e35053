//! Gathers what the officer's report says, from the ledger, the database and this machine. Called by
//! `report`.
//!
//! Invariants: what is known beside the ledger is read before it, and decisions after it, because a running
//! agent writes in this order; a ledger that does not hold is reported as far as it does.

mod books;
mod locks;
mod runs;
mod sent;
mod site;

use common::clock::{Clock as _, SystemClock};
use common::id::RunId;

use self::books::Books;
use self::sent::Sent;
use super::facts::{Facts, Newest, Sum};
use crate::cli::consent::known::Known;
use crate::cli::ledger::wire::Meters;
use crate::cli::table;
use crate::error::SiteError;
use crate::gateway::store::{FACT_LEFT_MS, FACT_LEFT_TOLD};
use crate::limits::{REPORT_ROUNDS_MAX, REPORT_ROUNDS_OF_ONE_MAX, REPORT_RUNS_MAX};

/// All of it, or what concerns the run that is asked for.
///
/// # Errors
/// `Data` where there is no such run; `Store`, `Io`, `Config`.
pub(super) fn gather(known: &Known, asked: Option<&str>) -> Result<Facts, SiteError> {
    let meters = Meters::read(&known.store)?;
    let books = Books::open(&known.folder)?;
    let sent = Sent::of(&books.records);
    let mut listed = runs::list(known, &sent)?;
    let asked = asked.map(|text| runs::choose(&listed, text)).transpose()?;
    let (most, rounds) = match asked {
        Some(_) => (1, REPORT_ROUNDS_OF_ONE_MAX),
        None => (REPORT_RUNS_MAX, REPORT_ROUNDS_MAX),
    };
    if let Some(run) = asked {
        listed.retain(|one| one.run == run);
    }
    let Newest { shown, left_out } = Newest::last_of(listed, most);
    let left = known.store.fact(FACT_LEFT_MS)?;
    let shown = shown
        .iter()
        .rev()
        .map(|one| {
            let run = runs::facts(known, one, &sent, &books, rounds)?;
            Ok(if left.is_some() { run.left() } else { run })
        })
        .collect::<Result<Vec<_>, SiteError>>()?;
    let runs = Newest { shown, left_out };
    let in_shown = runs.shown.iter().fold(sent.beside.sum(), |sum, run| sum.plus(run.frames, run.bytes));
    let all = sent.all.sum();
    // Of one run nothing is said of the others.
    let earlier_runs = match asked {
        Some(_) => Sum::default(),
        None => Sum { frames: all.frames - in_shown.frames, bytes: all.bytes - in_shown.bytes },
    };
    let mut ledger = books.facts(known)?;
    let wire = ledger.broken.is_none().then(|| meters.compare(&books.records, false));
    (ledger.frames, ledger.update_bytes) = (all.frames, sent.all.update_bytes());
    let papers = site::papers(known)?;
    Ok(Facts {
        site: known.coordinator.site.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        written: table::utc(SystemClock.now().0),
        run: asked.map(|run: RunId| run.to_string()),
        left: left.map(table::utc),
        left_told: known.store.fact(FACT_LEFT_TOLD)? == Some(1),
        ledger,
        wire,
        runs,
        earlier_runs,
        beside_runs: sent.beside.rows(),
        recipient: site::recipient(&papers, &sent)?,
        certificate: site::certificate(known, &papers)?,
        officer: known.judge.officer().map(|key| key.to_text().trim_end().to_owned()),
        policy: site::policy(known, &books.records)?,
        waiver: site::waiver(known, &books.records)?,
        locks: locks::try_them(known),
        replays: runs::replays(known, asked)?,
    })
}
