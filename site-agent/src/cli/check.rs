//! `site-agent check`: does this machine keep the promises? Tries, and shows what it tried. Run by `cli`.

use std::time::Instant;

use common::clock::{Clock as _, SystemClock};
use sandbox::Lock;
use sandbox::probe::ProbeReport;
use sandbox::probe::attempt::Outcome;
use serde_json::json;

use super::certificate::Validity;
use super::line::Line;
use super::support::{Keyed, print_json};
use super::{leave, policy, table};
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::gateway::identity::{Identity, Papers};
use crate::gateway::keys::sealing;
use crate::gateway::revocations::Revocations;
use crate::gateway::store::Store;
use crate::gateway::store::memory::Said;
use crate::paths::StateFolder;
use crate::preflight::{self, Locks};

mod attack;

pub(super) use attack::hostile;

const EXAMPLES: &str = "\
Examples:
  site-agent check
  site-agent check --json
  site-agent check --attack

Exit code 0: everything that must hold does, and (without --offline) the coordinator accepts this site. 1: something does not, and the output \
says what: it was revoked, has expired, is not known there, or nobody answers. While the agent runs, this is what it was \
told last. With --attack: 0, every attack that is promised to be stopped was stopped, or is accepted in agent.toml; 1, one was \
not, or could not be tried.";

/// Columns of a line of what was tried.
const COLUMNS: usize = 78;

/// See whether this machine keeps the promises.
///
/// Starts a child in each sandbox and has it try what must be impossible: open the records from the process
/// with the network, make a socket of every family in the process with the records, and so on. Then reads the
/// data, loads the model, and greets the coordinator as the agent does: a few frames that are in the
/// ledger.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: Keyed,
    /// Print every attempt and its result as JSON; the same is tried.
    #[arg(long)]
    json: bool,
    /// Do not try to reach the coordinator.
    #[arg(long)]
    offline: bool,
    /// Start a hostile worker behind the locks instead, and have it try to get out.
    ///
    /// A line for each attack says what stopped it, that nothing did, or why nothing can.
    #[arg(long, conflicts_with = "offline")]
    attack: bool,
    /// The same attacks without the locks, to see that the suite can fail.
    #[arg(long, hide = true, requires = "attack")]
    unlocked: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    let config = AgentConfig::load(&folder.config())?;
    leave::must_be_member(&folder)?;
    for warning in AgentConfig::old_words(&folder.config()) {
        eprintln!("warning: {warning}");
    }
    if arguments.attack {
        return attack::run(&folder, &config, !arguments.unlocked, arguments.json);
    }
    let warnings = [preflight::disk_warning(&folder, &config), policy::warning_of(&folder, &config.policy)];
    for warning in warnings.into_iter().flatten() {
        eprintln!("warning: {warning}");
    }
    if let Ok(papers) = Papers::load(&folder.identity())
        && let Some(warning) = Validity::of(&papers.certificate_der)?.warning(SystemClock.now().0)
    {
        eprintln!("warning: {warning}");
    }
    let locks = preflight::try_locks(&folder)?;
    let sealing = sealing(&folder);
    if !arguments.json {
        print!("{}", describe(&locks, &config));
        println!("private keys: {}", sealing.words());
        let found = examine(&folder, &config, &locks, arguments.offline)?;
        if let Some(greeting) = found.coordinator {
            println!("coordinator: {}", greeting.words());
        }
        println!("revocation list: {}", revocation_list(&folder)?);
        return Ok(());
    }
    let found = examine(&folder, &config, &locks, arguments.offline);
    let (records, coordinator) = match &found {
        Ok(Found { records, coordinator }) => (Some(records), coordinator.as_ref().map(Greeting::document)),
        Err(_) => (None, None),
    };
    print_json(&json!({
        "locks_unmet": locks.unmet(&config.sandbox.allow_missing),
        "allow_missing": config.sandbox.allow_missing,
        "reached": { "gateway": locks.gateway.reached(), "worker": locks.worker.reached() },
        "gateway": locks.gateway,
        "worker": locks.worker,
        "keys_sealed": sealing.is_all(),
        "records": records,
        "coordinator": coordinator,
        "revocation_list": revocation_list(&folder)?,
        "error": found.as_ref().err().map(ToString::to_string),
    }))?;
    found.map(|_| ())
}

/// What everything but the locks came to.
struct Found {
    /// Usable records.
    records: u64,
    /// Unless nobody was asked.
    coordinator: Option<Greeting>,
}

/// The coordinator's good word, and how we have it.
struct Greeting {
    address: String,
    /// How long it took to ask, unless the running agent was told at this time.
    asked: Result<u128, u64>,
}

impl Greeting {
    fn words(&self) -> String {
        let Self { address, asked } = self;
        match asked {
            Ok(took_ms) => format!("{address} accepts this site (asked, {took_ms} ms)"),
            Err(at_ms) => {
                let (said, when) = (Said::Welcome.words(), table::utc(*at_ms));
                format!("{address} {said} (told to the running agent, {when})")
            }
        }
    }

    fn document(&self) -> serde_json::Value {
        let Self { address, asked } = self;
        json!({
            "address": address,
            "accepts": true,
            "asked_ms": asked.ok().map(u64::try_from).and_then(Result::ok),
            "told_at": asked.err().map(table::utc),
        })
    }
}

/// The same for people and for programs.
fn examine(
    folder: &StateFolder,
    config: &AgentConfig,
    locks: &Locks,
    is_offline: bool,
) -> Result<Found, SiteError> {
    locks.must_hold(&config.sandbox.allow_missing)?;
    let records = preflight::validate(folder)?;
    let coordinator = if is_offline { None } else { Some(greet(folder, config)?) };
    Ok(Found { records, coordinator })
}

fn describe(locks: &Locks, config: &AgentConfig) -> String {
    let mut rows = vec![["lock", "gateway", "worker", "tried"].map(str::to_owned).to_vec()];
    for lock in Lock::ALL {
        let tried =
            |report: &ProbeReport| report.attempts.iter().filter(|attempt| attempt.lock == lock).count();
        let mut note = format!("{} attempts", tried(&locks.gateway) + tried(&locks.worker));
        if !lock.is_required() {
            note.push_str(" (not required)");
        }
        if config.sandbox.allow_missing.contains(&lock) {
            note.push_str(" (allowed to be missing by agent.toml)");
        }
        rows.push(vec![
            lock.to_string(),
            state_of(&locks.gateway, lock),
            state_of(&locks.worker, lock),
            note,
        ]);
    }
    let mut text = table::render(&rows);
    for (role, report) in [("gateway", &locks.gateway), ("worker", &locks.worker)] {
        for attempt in report.attempts.iter().filter(|attempt| !attempt.refused()) {
            let what = &attempt.what;
            text.push_str(&match attempt.outcome {
                Outcome::Allowed => format!("NOT refused: the {role} could {what} ({})\n", attempt.answer),
                outcome => format!("{}, so not tried: the {role}, {what}\n", outcome.words()),
            });
        }
        for lock in report.locks.iter().filter(|lock| !lock.held) {
            text.push_str(&format!("missing in the {role}: {} ({})\n", lock.lock, lock.detail));
        }
    }
    text.push_str(&tried(locks));
    text
}

/// What was tried against each lock, in lines of a terminal's width. Files are in the JSON only: their names
/// are long.
fn tried(locks: &Locks) -> String {
    let mut text = "\nTried by one process or both, and refused unless it says so above:\n".to_owned();
    for lock in Lock::ALL.into_iter().filter(|lock| *lock != Lock::Landlock) {
        let attempts = locks.worker.attempts.iter().chain(&locks.gateway.attempts);
        let mut names: Vec<&str> = Vec::new();
        for attempt in attempts.filter(|attempt| attempt.lock == lock) {
            if !names.contains(&attempt.what.as_str()) {
                names.push(&attempt.what);
            }
        }
        let mut line = format!("{lock}:");
        for word in names.join(", ").split(' ') {
            if line.chars().count() + 1 + word.chars().count() > COLUMNS {
                text.push_str(&line);
                line = "\n ".to_owned();
            }
            line.push(' ');
            line.push_str(word);
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn state_of(report: &ProbeReport, lock: Lock) -> String {
    let is_used = report.locks.iter().any(|report| report.lock == lock);
    match (is_used, report.holds(lock)) {
        (false, _) => "-",
        (true, true) => "holds",
        (true, false) => "DOES NOT HOLD",
    }
    .to_owned()
}

/// Asks the coordinator, as the agent does at the beginning of a connection. While the agent runs, it alone
/// may write to the ledger; then what it was told last is said.
fn greet(folder: &StateFolder, config: &AgentConfig) -> Result<Greeting, SiteError> {
    let identity = Identity::load(&folder.identity(), folder.passphrase())?;
    let address = identity.coordinator.address.clone();
    let mut line = match Line::of(folder, config, &identity) {
        Err(SiteError::AlreadyRunning { .. }) => return told(&Store::open(&folder.database())?, address),
        line => line?,
    };
    let began = Instant::now();
    line.greet()?;
    Ok(Greeting { address, asked: Ok(began.elapsed().as_millis()) })
}

/// Until when the revocation list that is here is good.
fn revocation_list(folder: &StateFolder) -> Result<String, SiteError> {
    let authority_der = Papers::authority(&folder.identity())?;
    let revocations = Revocations::load(&Store::open(&folder.database())?, &authority_der)?;
    Ok(revocations.words(SystemClock.now().into()))
}

/// What the running agent was told last.
fn told(book: &Store, address: String) -> Result<Greeting, SiteError> {
    let Some((said, at_ms)) = book.said()? else {
        let reason = "the agent is running, and no coordinator has answered it so far".to_owned();
        return Err(SiteError::Connection { reason });
    };
    if said == Said::Welcome {
        return Ok(Greeting { address, asked: Err(at_ms) });
    }
    let reason = format!("{address} {} (told to the running agent, {})", said.words(), table::utc(at_ms));
    Err(SiteError::Connection { reason })
}
