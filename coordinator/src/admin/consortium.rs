//! What is known of every site: who is there, since when not, until when its certificate holds, how it takes
//! part. Used by `admin::server` for `coordinator sites`, and by `cli::sites` where no `serve` runs.
//! Invariants: a field is only ever added; whether a site is connected is said only by who sees the
//! connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use certs::PeerCertificate;
use common::clock::Timestamp;
use common::id::SiteId;
use common::wire::message::LedgerHead;
use serde::{Deserialize, Serialize};

use super::report::reason::Reason;
use super::report::rfc3339;
use crate::error::Result;
use crate::execution::runs::Runs;
use crate::limits::CLOCK_AHEAD_S_MAX;
use crate::round::missing::Missing;
use crate::round::state::RunState;
use crate::store::presence::Condition;
use crate::store::{SiteRow, SiteStatus, Store};

/// One site, as `coordinator sites --json` shows it. Times are RFC 3339 in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteFacts {
    /// Its name.
    pub site: String,
    /// `invited`, `active`, `paused` or `revoked`.
    pub status: String,
    /// When it joined last.
    pub joined: Option<String>,
    /// How often it joined again in place of an older installation (`invite --readmit`).
    pub readmissions: u32,
    /// When it did last.
    pub readmitted: Option<String>,
    /// Since when it is paused.
    pub paused: Option<String>,
    /// Whether it has a connection now; not known while no `serve` runs.
    pub connected: Option<bool>,
    /// When its last message was taken.
    pub last_seen: Option<String>,
    /// When its certificate ends.
    pub certificate_ends: Option<String>,
    /// Version of its site agent.
    pub version: Option<String>,
    /// How far its clock was ahead of ours when it connected.
    pub clock_ahead_s: Option<i64>,
    /// Whether its disk has less room left than its own settings want.
    pub disk_low: Option<bool>,
    /// The newest run in which it takes part.
    pub run: Option<String>,
    /// In how many rounds of that run it counts.
    pub counted_rounds: u32,
    /// Of how many that were closed, of those that it was chosen for.
    pub closed_rounds: u32,
    /// In how many of them its own policy did not allow the run.
    pub policy_refusals: u32,
    /// Why it did not count the last time.
    pub last_missing: Option<Missed>,
    /// Frames that arrived of it; from the accepted ledger on.
    pub frames: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// h = SHA-256(h || SHA-256(frame)) over them.
    pub running_hash: Option<String>,
    /// What it announced last of its ledger, proved to extend what it announced before.
    pub ledger: Option<Head>,
    /// The ledger it has now, where that is another one.
    pub ledger_refused: Option<Head>,
    /// The number that two frames had, where it is refused for that.
    #[serde(default)]
    pub ledger_repeated: Option<u64>,
    /// What the operator should do something about, a sentence each.
    pub problems: Vec<String>,
}

/// A round in which a site did not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Which.
    pub round: u32,
    /// Why, as words and codes.
    pub reason: Reason,
    /// Why, as a sentence.
    pub text: String,
}

/// Size and root of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Records.
    pub size: u64,
    /// RFC 6962 tree hash over them.
    pub root: String,
}

impl From<LedgerHead> for Head {
    fn from(head: LedgerHead) -> Self {
        Self { size: head.size, root: head.root.to_string() }
    }
}

/// All sites, by name. `connected` is who has a connection now, where that is known.
///
/// # Errors
/// The database cannot be read.
pub fn facts(
    store: &Store,
    runs: &Runs,
    connected: Option<&BTreeSet<SiteId>>,
    now: Timestamp,
) -> Result<Vec<SiteFacts>> {
    let runs = runs.all();
    let mut newest: BTreeMap<&SiteId, &Arc<RunState>> = BTreeMap::new();
    for state in runs.iter().filter(|state| state.has_begun()) {
        newest.extend(state.launched.sites.iter().map(|site| (site, state)));
    }
    let rows = store.sites()?;
    let one = |row: &SiteRow| site(store, row, newest.get(&row.name).copied(), connected, now);
    rows.iter().map(one).collect()
}

fn site(
    store: &Store,
    row: &SiteRow,
    state: Option<&Arc<RunState>>,
    connected: Option<&BTreeSet<SiteId>>,
    now: Timestamp,
) -> Result<SiteFacts> {
    let totals = store.frame_totals(&row.name)?;
    let condition = store.condition(&row.name)?;
    let certificate = store.newest_certificate(&row.name)?.filter(|_| row.status == SiteStatus::Active);
    let certificate = certificate.map(|found| Validity::of(&found));
    let refused = store.ledger_question(&row.name)?.filter(|open| open.is_refused);
    let (readmissions, readmitted) = store.readmissions(&row.name)?;
    let part = state.map(|state| part(state, &row.name)).unwrap_or_default();
    let is_paused = row.status == SiteStatus::Active && row.paused_at.is_some();
    Ok(SiteFacts {
        site: row.name.to_string(),
        status: if is_paused { "paused" } else { row.status.word() }.to_owned(),
        joined: row.joined_at.map(rfc3339),
        readmissions,
        readmitted: readmitted.map(rfc3339),
        paused: row.paused_at.map(rfc3339),
        connected: connected.map(|connected| connected.contains(&row.name)),
        last_seen: row.seen_at.map(rfc3339),
        certificate_ends: certificate.map(|validity| rfc3339(validity.end)),
        version: condition.map(|condition| condition.version.map(|part| part.to_string()).join(".")),
        clock_ahead_s: condition.map(|condition| condition.clock_ahead_s),
        disk_low: condition.map(|condition| condition.disk_low),
        run: state.map(|state| state.launched.run.to_string()),
        counted_rounds: part.counted,
        closed_rounds: part.closed,
        policy_refusals: part.refusals,
        last_missing: part.last,
        frames: totals.map_or(0, |totals| totals.frames),
        bytes: totals.map_or(0, |totals| totals.bytes),
        running_hash: totals.map(|totals| totals.running_hash.to_string()),
        ledger: store.ledger_head(&row.name)?.map(Head::from),
        ledger_refused: refused.map(|open| open.found.into()),
        ledger_repeated: refused.and_then(|open| open.repeated),
        problems: problems(row, certificate, condition, now),
    })
}

/// Of a site's certificate.
#[derive(Debug, Clone, Copy)]
struct Validity {
    end: Timestamp,
    /// From when on its agent is late with the next one.
    late: Timestamp,
}

impl Validity {
    fn of(certificate: &PeerCertificate) -> Self {
        let late = certs::profile::renewal_late(certificate.not_before, certificate.not_after);
        Self { end: certificate.not_after.into(), late: late.into() }
    }
}

/// How a site took part in a run.
#[derive(Default)]
struct Part {
    counted: u32,
    closed: u32,
    refusals: u32,
    last: Option<Missed>,
}

fn part(state: &RunState, site: &SiteId) -> Part {
    let mut part = Part::default();
    for record in &state.rounds {
        let is_closed = record.closed_at.is_some() && record.is_chosen(site);
        part.closed += u32::from(is_closed);
        part.counted += u32::from(is_closed && record.updates.contains_key(site));
        part.refusals += u32::from(record.failed.get(site).is_some_and(|code| code == "not_allowed"));
        let of_now = || record.failed.get(site).cloned().map(Missing::Failed);
        if let Some(why) = record.missing.get(site).cloned().or_else(of_now) {
            let (reason, text) = (Reason::from(&why), why.to_string());
            part.last = Some(Missed { round: record.round.0, reason, text });
        }
    }
    part
}

fn problems(
    row: &SiteRow,
    certificate: Option<Validity>,
    condition: Option<Condition>,
    now: Timestamp,
) -> Vec<String> {
    let mut problems = Vec::new();
    if row.status != SiteStatus::Active {
        return problems;
    }
    let name = &row.name;
    match certificate {
        Some(Validity { end, .. }) if end <= now => problems.push(format!(
            "its certificate has ended; `coordinator invite {name} --readmit` lets it in again"
        )),
        Some(Validity { end, late }) if late <= now => {
            let days = end.since_ms(now) / 86_400_000;
            let left = match days {
                0 => "in less than a day".to_owned(),
                1 => "in a day".to_owned(),
                days => format!("in {days} days"),
            };
            problems.push(format!(
                "its certificate ends {left}, and its agent has not renewed it: it must run and reach us before then"
            ));
        }
        _ => {}
    }
    if let Some(condition) = condition {
        if condition.clock_ahead_s.unsigned_abs() > CLOCK_AHEAD_S_MAX {
            let word = if condition.clock_ahead_s > 0 { "ahead of" } else { "behind" };
            let seconds = condition.clock_ahead_s.unsigned_abs();
            problems.push(format!(
                "its clock is {seconds} s {word} ours; one of the two is wrong, and a wrong one breaks certificates"
            ));
        }
        if condition.disk_low {
            problems.push("its disk is nearly full; ask the hospital to make room".to_owned());
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: SiteStatus) -> SiteRow {
        SiteRow {
            name: "a".parse().unwrap(),
            status,
            joined_at: Some(Timestamp(0)),
            seen_at: None,
            paused_at: None,
        }
    }

    #[test]
    fn a_certificate_is_warned_of_when_its_agent_is_late_with_the_next() {
        const DAY: u64 = 86_400_000;
        let validity = Validity { end: Timestamp(30 * DAY), late: Timestamp(21 * DAY) };
        let at = |status, now| problems(&row(status), Some(validity), None, Timestamp(now)).join("; ");
        assert_eq!(at(SiteStatus::Active, 21 * DAY - 1), "");
        assert!(at(SiteStatus::Active, 21 * DAY).contains("ends in 9 days"));
        assert!(at(SiteStatus::Active, 29 * DAY).contains("ends in a day"));
        assert!(at(SiteStatus::Active, 30 * DAY - 1).contains("ends in less than a day"));
        assert!(at(SiteStatus::Active, 30 * DAY).contains("has ended"));
        assert_eq!(at(SiteStatus::Revoked, 30 * DAY), "", "it is out anyway");
    }

    #[test]
    fn a_wrong_clock_and_a_full_disk_are_named() {
        let condition = |clock_ahead_s, disk_low| Condition { version: [1, 2, 3], clock_ahead_s, disk_low };
        let of = |condition| problems(&row(SiteStatus::Active), None, Some(condition), Timestamp(0));
        let most = i64::try_from(CLOCK_AHEAD_S_MAX).unwrap();
        assert!(of(condition(most, false)).is_empty() && of(condition(-most, false)).is_empty());
        assert!(of(condition(most + 1, false))[0].contains("ahead of ours"));
        assert!(of(condition(-most - 1, false))[0].contains("behind ours"));
        assert!(of(condition(0, true))[0].contains("disk"));
    }
}
