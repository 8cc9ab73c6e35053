//! `site-agent check --attack`: a hostile worker behind this machine's locks, and forged files and words
//! before the gateway's own checks. Every attack is tried, and a line says what stopped it, that nothing
//! did, or why nothing can. Run by `check`.
//!
//! ```text
//! field (a state folder of its own, a stand-in for the gateway)
//!   -> hostile (a child: the worker's locks, then `sandbox::attack`)            the kernel's locks
//!   -> hostile (the same without them: what this machine refuses by itself)
//!   -> forge -> update, planted (a hostile worker exchanges files meanwhile)    `gateway::protect`, points
//!   -> speech (a hostile worker talks without end)                              pipe, words, log, progress
//!   -> rows
//! ```
//!
//! Invariants: nothing of the site's state is written, and no record is read; a suite takes seconds, at most
//! 20 MiB of disk (two files of a log, one of 4 MiB, forged updates of 128 KiB), and leaves nothing behind
//! (killed, it leaves its folder until the next one);
//! each line is what was tried now, on this machine.

use sandbox::attack::{Barrier, Promise, Tried};
use sandbox::{Lock, LockReport};
use serde_json::json;

use crate::cli::support::print_json;
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::paths::StateFolder;
use field::{Field, Found};
use forge::Forge;
use hostile::{KEYS_OF_GATEWAY, keys_opened};
use row::{Row, Verdict};

mod field;
mod forge;
pub(in crate::cli) mod hostile;
mod planted;
mod row;
mod speech;
mod update;

/// Columns of the result.
const COLUMNS: usize = 80;
/// Of these, for what was tried.
const ATTACK_COLUMNS: usize = 50;

/// In the order in which they are shown.
const GROUPS: [&str; 8] =
    ["network", "files", "processes", "kernel", "exchange", "the update", "what the worker says", "itself"];

/// Tries everything and prints it.
///
/// # Errors
/// `Data` when something that is promised to be stopped was not, or could not be tried; `Filtered`,
/// `Internal`, `Io` when the suite itself cannot run.
pub(super) fn run(
    site: &StateFolder,
    config: &AgentConfig,
    is_locked: bool,
    as_json: bool,
) -> Result<(), SiteError> {
    let (locks, rows) = try_all(site, config, is_locked)?;
    let judged = judge(&rows);
    if as_json {
        print_json(&json!({
            "attacks": rows,
            "is_locked": is_locked,
            "locks": locks,
            "not_stopped": count(&rows, Verdict::NotStopped),
            "proved": rows.iter().filter(|row| row.is_proof()).count(),
            "stopped_without_locks_too": stopped_without_too(&rows),
            "error": judged.as_ref().err().map(ToString::to_string),
        }))?;
    } else {
        if !is_locked {
            println!("without the locks, to see that the suite can fail\n");
        }
        print!("{}", describe(&rows));
    }
    judged
}

fn try_all(
    site: &StateFolder,
    config: &AgentConfig,
    is_locked: bool,
) -> Result<(Vec<LockReport>, Vec<Row>), SiteError> {
    let field = Field::make(site, config, is_locked)?;
    let Found { locks, mut tried, gateway } = field.try_locks(site, config, is_locked)?;
    // The same without the locks: what this machine refuses to everybody here proves nothing of them. Where
    // that cannot be tried, the lines say so, and none counts as a proof.
    let control = if is_locked { untold(field.try_locks(site, config, false)) } else { None };
    let mut controls = control.map(|found| found.tried).unwrap_or_default();
    if is_locked {
        controls.push(gateway_keys(u32::from(keys_opened(field.folder()))));
    }
    tried.push(gateway_keys(gateway));
    let row = |tried: Tried| {
        let control = controls.iter().find(|one| one.group == tried.group && one.what == tried.what).cloned();
        Row::of(tried, &locks, &config.sandbox.allow_missing).beside(control.as_ref())
    };
    let mut rows: Vec<Row> = tried.into_iter().map(row).collect();
    let forge = Forge::new(field.folder(), &config.policy);
    rows.extend(planted::try_all(&field, &forge)?);
    rows.extend(update::try_all(&forge));
    rows.extend(speech::try_all(&field)?);
    Ok((locks, rows))
}

/// What became of the attacks without the locks; the reason is printed where that could not be tried.
fn untold(control: Result<Found, SiteError>) -> Option<Found> {
    control.inspect_err(|error| eprintln!("warning: not tried without the locks: {error}")).ok()
}

/// The gateway, taken over by what came from the network, opens the keys that it needs no more: so many of
/// them.
fn gateway_keys(opened: u32) -> Tried {
    let through = if opened == 0 { Vec::new() } else { vec![format!("{opened} of {KEYS_OF_GATEWAY} files")] };
    Tried {
        group: "files".to_owned(),
        what: "be the gateway, and open the key of ledger heads or of joining".to_owned(),
        promise: Promise::Stopped(Lock::Landlock),
        tries: KEYS_OF_GATEWAY,
        not_asked: 0,
        came_through: opened,
        stopped_by: if opened == KEYS_OF_GATEWAY { Vec::new() } else { vec![Barrier::Lock(Lock::Landlock)] },
        through,
        note: None,
    }
}

fn count(rows: &[Row], result: Verdict) -> usize {
    rows.iter().filter(|row| row.result == result).count()
}

/// Stopped, and refused without the locks, too.
fn stopped_without_too(rows: &[Row]) -> usize {
    let is_refused = |row: &&Row| row.without_locks == Some(row::Without::Refused);
    rows.iter().filter(|row| row.result == Verdict::Stopped).filter(is_refused).count()
}

fn judge(rows: &[Row]) -> Result<(), SiteError> {
    let (not_stopped, not_tried) = (count(rows, Verdict::NotStopped), count(rows, Verdict::NotTried));
    if not_stopped > 0 {
        let sentence =
            format!("{not_stopped} of {} attacks are promised to be stopped, and were not", rows.len());
        return Err(SiteError::data(
            &sentence,
            "`site-agent check --offline` says which lock does not hold on this machine; if all hold, report it",
        ));
    }
    if not_tried > 0 {
        let sentence = format!("{not_tried} of {} attacks could not be tried on this machine", rows.len());
        return Err(SiteError::data(
            &sentence,
            "the lines `not tried` say why; what was not tried is not shown",
        ));
    }
    Ok(())
}

fn describe(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut groups: Vec<&str> = rows.iter().map(|row| row.group.as_str()).collect();
    groups.sort_by_key(|group| GROUPS.iter().position(|known| known == group));
    groups.dedup();
    for group in groups {
        text.push_str(&format!("{group}\n"));
        for row in rows.iter().filter(|row| row.group == group) {
            text.push_str(&line(row));
        }
        text.push('\n');
    }
    let counts = [
        (Verdict::Stopped, "stopped"),
        (Verdict::NotStopped, "NOT STOPPED"),
        (Verdict::Accepted, "not stopped, accepted in agent.toml"),
        (Verdict::CannotBeStopped, "cannot be stopped, with the reason"),
        (Verdict::NotTried, "not tried"),
    ];
    let counts = counts.map(|(verdict, words)| (count(rows, verdict), words));
    let counts: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    text.push_str(&format!("{} attacks: {}\n", rows.len(), counts.join("; ")));
    let alone = stopped_without_too(rows);
    if alone > 0 {
        let words = format!(
            "{alone} of those that are stopped prove nothing of the locks: this machine, or the beginning of every \
             process of this program, refuses them without, too"
        );
        text.push_str(&(wrapped(&words, COLUMNS).join("\n") + "\n"));
    }
    text
}

fn line(row: &Row) -> String {
    let attack = wrapped(&row.attack, ATTACK_COLUMNS - 3);
    let verdict = wrapped(&row.verdict(), COLUMNS - ATTACK_COLUMNS);
    let mut text = String::new();
    for index in 0..attack.len().max(verdict.len()) {
        let part = |lines: &[String]| lines.get(index).cloned().unwrap_or_default();
        let whole = format!("  {:<width$}{}", part(&attack), part(&verdict), width = ATTACK_COLUMNS - 2);
        text.push_str(whole.trim_end());
        text.push('\n');
    }
    let is_admitted = row.result == Verdict::CannotBeStopped;
    let through = row.let_through.iter().filter(|_| !is_admitted);
    let through = through.map(|way| format!("let through: {way}"));
    for more in row.note.iter().cloned().chain(through) {
        for part in wrapped(&common::terminal::visible(&more), COLUMNS - 6) {
            text.push_str(&format!("      {part}\n"));
        }
    }
    text
}

/// Lines of at most so many columns, as far as words allow.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_keeps_its_columns_and_its_reason() {
        let ways = vec![(
            "a way".to_owned(),
            row::Came::Through("it was taken by somebody who should not ".repeat(4)),
        )];
        let row = Row::checked("files", &"open what is closed ".repeat(5), row::GATEWAY, ways);
        let text = line(&row.noted("because"));
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(
            text.contains("NOT STOPPED") && text.contains("because") && text.contains("let through"),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_stopped_or_not_tried_is_an_error() {
        use row::Came;
        let row = |came: Came| Row::checked("a", "b", row::GATEWAY, vec![("c".into(), came)]);
        assert!(judge(&[row(Came::Stopped)]).is_ok());
        assert!(judge(&[row(Came::Stopped), row(Came::Through("d".into()))]).is_err());
        assert!(judge(&[row(Came::NotTried("d".into()))]).is_err());
        assert!(judge(&[Row::checked("a", "b", row::GATEWAY, Vec::new())]).is_err());
        assert!(judge(&[Row::admitted("a", "b")]).is_ok());
    }
}
