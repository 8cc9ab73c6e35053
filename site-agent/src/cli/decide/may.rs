//! What may be decided about a run that stands so, and what has left of it. Used by `cli::decide`. Pure.
//! Invariant: a withdrawal is final, and nothing is decided about a run that is over.

use common::id::RunId;

use crate::cli::consent::request::Wish;
use crate::cli::consent::standing::Standing;
use crate::error::SiteError;
use crate::gateway::consent::Consent;
use crate::gateway::store::Update;
use crate::gateway::store::consent::Choice;

/// What has left of a run, by the coordinator's receipts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Rounds whose update was acknowledged.
    pub(super) rounds: Vec<u32>,
    /// Bytes of these updates.
    pub(super) bytes: u64,
    /// Rounds whose update was made and not acknowledged: some of it may have left.
    pub(super) open: Vec<u32>,
}

impl Sent {
    pub(super) fn of(updates: &[Update], run: RunId) -> Self {
        let mut sent = Self::default();
        for update in updates.iter().filter(|update| update.key.run == run) {
            if update.receipt.is_some() {
                sent.rounds.push(update.key.round.0);
                sent.bytes += update.bytes;
            } else {
                sent.open.push(update.key.round.0);
            }
        }
        sent
    }
}

/// Whether this can be decided now.
///
/// # Errors
/// `Data`, with what stands against it and the next step.
pub(super) fn may(wish: Wish, standing: &Standing, sent: &Sent) -> Result<(), SiteError> {
    let run = standing.run.run;
    let refuse = |sentence: &str, hint: &str| {
        Err(SiteError::Data { sentence: format!("run {run} {sentence}"), hint: Some(hint.into()) })
    };
    if standing.run.is_over && standing.consent != Consent::Withdrawn {
        return refuse(
            "is over",
            "nothing more of it leaves; `site-agent runs` lists what waits for a decision",
        );
    }
    match (wish, standing.consent) {
        (_, Consent::Withdrawn) => {
            refuse("was withdrawn from, which is final", "the coordinator can propose another run")
        }
        (Wish::Approve, Consent::Approved(terms)) if terms == standing.run.manifest => {
            refuse("is approved already", "`site-agent withdraw` leaves it")
        }
        (Wish::Approve, _) => Ok(()),
        (Wish::Decline, Consent::Declined) => refuse("is declined already", "nothing of it leaves this site"),
        (Wish::Decline, Consent::Approved(_)) => {
            refuse("is approved", "to leave it, for good, use `site-agent withdraw`")
        }
        (Wish::Decline, _) => Ok(()),
        (Wish::Withdraw, Consent::Approved(_)) => Ok(()),
        (Wish::Withdraw, _) => {
            // An approval that holds no longer may have let something out.
            let had = standing.decisions.iter().any(|(decision, _)| decision.choice == Choice::Approved);
            if had || *sent != Sent::default() {
                return Ok(());
            }
            refuse("was never approved here", "to say no to it, use `site-agent decline`")
        }
    }
}

#[cfg(test)]
mod tests {
    use common::id::{Digest, Round};
    use common::wire::message::{Receipt, ReceiptBody, RoundKey};

    use super::*;
    use crate::cli::consent::standing::Author;
    use crate::gateway::store::consent::{ProposedRun, RunDecision};

    const RUN: RunId = RunId([1; 8]);
    const TERMS: Digest = Digest([2; 32]);

    fn standing(consent: Consent, is_over: bool) -> Standing {
        let run = ProposedRun { run: RUN, manifest: TERMS, first_ms: 5, is_over };
        Standing { run, consent, decisions: Vec::new() }
    }

    #[test]
    fn what_can_be_decided_depends_on_what_was() {
        let all = [
            Consent::Open,
            Consent::Approved(TERMS),
            Consent::Approved(Digest([3; 32])),
            Consent::Declined,
            Consent::OutsidePolicy,
            Consent::Withdrawn,
        ];
        let allowed =
            |wish| all.map(|consent| may(wish, &standing(consent, false), &Sent::default()).is_ok());
        assert_eq!(allowed(Wish::Approve), [true, false, true, true, true, false]);
        assert_eq!(allowed(Wish::Decline), [true, false, false, false, true, false]);
        assert_eq!(allowed(Wish::Withdraw), [false, true, true, false, false, false]);
        for wish in [Wish::Approve, Wish::Decline, Wish::Withdraw] {
            for consent in all {
                let error = may(wish, &standing(consent, true), &Sent::default()).unwrap_err();
                let expected = if consent == Consent::Withdrawn { "final" } else { "is over" };
                assert!(error.to_string().contains(expected) && error.hint().is_some());
            }
        }
    }

    #[test]
    fn an_approval_that_holds_no_longer_can_be_withdrawn() {
        let mut open = standing(Consent::Open, false);
        open.decisions.push((RunDecision::new(RUN, TERMS, Choice::Approved), Author::Nobody));
        assert!(may(Wish::Withdraw, &open, &Sent::default()).is_ok());
        let sent = Sent { open: vec![1], ..Sent::default() };
        assert!(may(Wish::Withdraw, &standing(Consent::Open, false), &sent).is_ok());
    }

    #[test]
    fn what_was_sent_is_counted_by_run_and_by_receipt() {
        let body = ReceiptBody {
            site: TERMS,
            key: RoundKey { run: RUN, round: Round(1) },
            digest: TERMS,
            bytes: 10,
            first_sequence: 0,
            last_sequence: 1,
            received_bytes: 20,
            running_hash: TERMS,
        };
        let update = |run, round, has_receipt: bool| Update {
            key: RoundKey { run, round: Round(round) },
            digest: TERMS,
            bytes: 10,
            records: 1,
            tokens: 1,
            loss: 0.0,
            receipt: has_receipt.then_some(Receipt { body, signature: [0; 64] }),
            declined: false,
        };
        let updates = [
            update(RUN, 1, true),
            update(RunId([9; 8]), 1, true),
            update(RUN, 2, true),
            update(RUN, 3, false),
        ];
        let sent = Sent::of(&updates, RUN);
        assert_eq!(sent, Sent { rounds: vec![1, 2], bytes: 20, open: vec![3] });
        let words = sent.words();
        assert!(
            words.contains("2 updates") && words.contains("20 bytes") && words.contains("round 3"),
            "{words}"
        );
        assert!(words.contains("cannot be called back") && !words.contains("frames at all"));
    }
}
