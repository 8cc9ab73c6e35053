//! What lists show, and `--json` prints: runs, invitations, a roster, what arrived from a site. Used by
//! `books`, which makes them, and by the subcommands of `cli`, here and from afar. Invariant: a field is only
//! ever added.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::ledger::{Arrived, Heading};
use common::run::{Member, Roster};
use serde::{Deserialize, Serialize};

use super::consortium::Head;
use super::report::{failure_text, rfc3339};
use crate::round::state::{RunState, Score};
use crate::store::InvitationRow;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    /// Its id.
    pub run: String,
    /// Its name.
    pub name: String,
    /// When (RFC 3339, UTC).
    pub launched: String,
    /// When, if it is over.
    pub ended: Option<String>,
    /// From launch to end, or until now.
    pub duration_s: u64,
    /// As in `status --json`.
    pub phase: String,
    /// That it will have.
    pub rounds: u32,
    /// That were published.
    pub published: usize,
    /// On the validation set, after the newest published round.
    pub validation_loss: Option<f64>,
    /// On the test set, which is opened after the last round.
    pub test_loss: Option<f64>,
    /// Why it failed.
    pub failure: Option<String>,
}

impl RunRow {
    /// Of a run, at `now`.
    pub(super) fn of(state: &RunState, now: Timestamp) -> Self {
        let ended = state.ended_at;
        let loss =
            |score: &Option<Score>| score.as_ref().and_then(Score::metrics).map(|metrics| metrics.loss);
        let mut published = state.rounds.iter().filter(|record| record.published_at.is_some());
        Self {
            run: state.launched.run.to_string(),
            name: state.launched.spec.name.clone(),
            launched: state.launched_at.rfc3339(),
            ended: ended.map(Timestamp::rfc3339),
            duration_s: if state.has_begun() {
                ended.unwrap_or(now).since_ms(state.began_at()) / 1000
            } else {
                0
            },
            phase: state.phase.word().to_owned(),
            rounds: state.launched.spec.rounds,
            published: published.clone().count(),
            validation_loss: published.next_back().and_then(|record| loss(&record.score)),
            test_loss: loss(&state.test.federated),
            failure: failure_text(&state.phase),
        }
    }
}

/// Who takes part in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterFacts {
    /// The run; none where no run has a roster yet.
    pub run: Option<String>,
    /// The digits to compare.
    pub code: String,
    /// Names and keys.
    pub members: Vec<Member>,
}

impl RosterFacts {
    /// Of a roster.
    pub(super) fn of(run: Option<String>, roster: Roster) -> Self {
        Self { run, code: roster.code(), members: roster.members }
    }
}

/// One invitation of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvitationFacts {
    /// For whom.
    pub site: String,
    /// `open`, `used` or `expired`.
    pub state: String,
    /// When (RFC 3339, UTC).
    pub made: String,
    /// Until when.
    pub expires: String,
}

impl InvitationFacts {
    /// Of a row, at `now`.
    pub(super) fn of(row: &InvitationRow, now: Timestamp) -> Self {
        Self {
            site: row.site.to_string(),
            state: state(row, now).to_owned(),
            made: rfc3339(row.made_at),
            expires: rfc3339(row.expires_at),
        }
    }
}

fn state(invitation: &InvitationRow, now: Timestamp) -> &'static str {
    match invitation {
        InvitationRow { is_used: true, .. } => "used",
        InvitationRow { expires_at, .. } if now >= *expires_at => "expired",
        InvitationRow { .. } => "open",
    }
}

/// What arrived from a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// The site.
    pub site: SiteId,
    /// What signs lists of it.
    pub receipt_key: Digest,
    /// Its ledger that was taken last.
    pub taken: Option<Head>,
    /// Number of the first frame.
    pub first_sequence: Option<u64>,
    /// Number of the last one.
    pub last_sequence: Option<u64>,
    /// How many.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// By kind.
    pub kinds: BTreeMap<String, Sum>,
    /// The file that was written.
    pub out: Option<String>,
}

/// Of some frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// How many.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Arrivals {
    /// Sums of these frames.
    pub(crate) fn of(heading: &Heading, frames: &[Arrived]) -> Self {
        let (mut kinds, mut all) = (BTreeMap::new(), Sum::default());
        for frame in frames {
            let kind: &mut Sum = kinds.entry(frame.kind.word().to_owned()).or_default();
            for sum in [&mut all, kind] {
                sum.frames += 1;
                sum.bytes = sum.bytes.saturating_add(frame.length);
            }
        }
        Self {
            site: heading.site.clone(),
            receipt_key: heading.receipt_key,
            taken: heading.taken.map(Head::from),
            first_sequence: frames.first().map(|frame| frame.sequence),
            last_sequence: frames.last().map(|frame| frame.sequence),
            frames: all.frames,
            bytes: all.bytes,
            kinds,
            out: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_is_open_until_it_is_used_or_expires() {
        let invitation = |is_used| InvitationRow {
            site: "a".parse().unwrap(),
            made_at: Timestamp(1_000),
            expires_at: Timestamp(5_000),
            is_used,
        };
        assert_eq!(state(&invitation(false), Timestamp(4_999)), "open");
        assert_eq!(state(&invitation(false), Timestamp(5_000)), "expired");
        assert_eq!(state(&invitation(true), Timestamp(9_000)), "used");
        assert_eq!(rfc3339(Timestamp(1_000)), "1970-01-01T00:00:01Z");
    }
}
