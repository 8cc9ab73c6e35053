//! What a site's request is answered, as far as the state of its run says. Pure: no database, no file, no
//! clock. Called by `handler`, `work` and `update`, which read and write around it, and by the simulator
//! (`tests/simulation`), which does so in memory. Invariants: a refusal is a code; what is granted and
//! belongs in the journal is returned as its event.

use std::sync::Arc;

use common::clock::Timestamp;
use common::id::{Digest, Round, SiteId};
use common::limits::RECORDS_MAX;
use common::wire::message::{Decision, ReceiptBody, Refusal, RoundKey, RunEnd, TrainFailure, Work};
use common::wire::numbers::{LossMilli, RoundedCount};

use super::own_scores;
use super::told::Told;
use crate::round::effect::Admission;
use crate::round::event::Event;
use crate::round::own_scores as round_scores;
use crate::round::state::{Failure, Phase, RoundRecord, RunState};
use crate::store::{FrameTotals, Offer};

/// What a site should do now, of the run that is going, the newest one that ended with it, and the newest of
/// those that asks it something. `None`: nothing yet.
pub fn work(
    active: Option<&RunState>,
    ended: impl FnOnce() -> [Option<Arc<RunState>>; 2],
    site: &SiteId,
    told: &Told,
    now: Timestamp,
) -> Option<Work> {
    if let Some(state) = active {
        let launched = &state.launched;
        if let Some(record) = state.work_for(site) {
            return Some(Work::Train {
                key: RoundKey { run: launched.run, round: record.round },
                manifest: launched.manifest,
                manifest_bytes: u32::try_from(launched.manifest_bytes).unwrap_or(u32::MAX),
                adapter: record.from,
                adapter_bytes: launched.adapter_bytes,
            });
        }
        if let Some(work) = proposal(state, site)
            && told.proposal_is_new(site, launched.run)
        {
            return Some(work);
        }
        // A site of a run that goes on is told of its end first, as before.
        if state.has_agreed(site) && launched.sites.contains(site) {
            return None;
        }
    }
    let [newest, asking] = ended();
    let is_same = newest.as_ref().zip(asking.as_ref()).is_some_and(|(a, b)| a.launched.run == b.launched.run);
    // The end of a newer run is told before an older one asks; the same one asks first.
    if let Some(work) = newest.filter(|_| !is_same).and_then(|state| end(&state, site, told)) {
        return Some(work);
    }
    own_scores::asked(asking?.as_ref(), site, now)
}

/// That a run is over, told once.
fn end(state: &RunState, site: &SiteId, told: &Told) -> Option<Work> {
    let run = state.launched.run;
    let work = match &state.phase {
        Phase::Failed(Failure::Stopped) => Work::Ended { run, end: RunEnd::Stopped },
        Phase::Failed(_) => Work::Ended { run, end: RunEnd::Failed },
        _ => Work::Finished { run },
    };
    told.first_time(site, run).then_some(work)
}

/// The run, where it waits for this site's decision.
pub fn proposal(state: &RunState, site: &SiteId) -> Option<Work> {
    let launched = &state.launched;
    state.is_proposed_to(site).then(|| Work::Proposed {
        run: launched.run,
        manifest: launched.manifest,
        manifest_bytes: u32::try_from(launched.manifest_bytes).unwrap_or(u32::MAX),
    })
}

/// Whether a site may read this file of a run: the manifest when it is asked about the run, and once it has
/// agreed the models published to it and the held-out set's pseudorandom values; of a run that is over,
/// as long as the site is asked how it does on its own records, the result.
pub fn may_fetch(state: &RunState, site: &SiteId, digest: Digest, now: Timestamp) -> bool {
    let takes_part =
        state.has_begun() && state.launched.sites.contains(site) && !state.revoked.contains(site);
    let published = |record: &RoundRecord| record.from == digest;
    let set = state.launched.overlap.map(|terms| terms.set);
    let is_manifest = state.launched.manifest == digest;
    let is_result = || round_scores::waits_for(state, site, now) && state.model() == digest;
    let is_handed = || set == Some(digest) || state.rounds.iter().any(published) || is_result();
    takes_part && (is_manifest || (state.has_agreed(site) && is_handed()))
}

/// Refuses a request about a round in which the site has nothing to do.
///
/// # Errors
/// [`Refusal::RoundClosed`] for a round that was, [`Refusal::Unknown`] for one that is not.
pub fn open_round(state: Option<&RunState>, site: &SiteId, key: RoundKey) -> Result<(), Refusal> {
    let state = state.ok_or(Refusal::Unknown)?;
    match state.work_for(site) {
        Some(record) if record.round == key.round => Ok(()),
        _ if state.round(key.round).is_some() || key.round == Round(0) => Err(Refusal::RoundClosed),
        _ => Err(Refusal::Unknown),
    }
}

/// The site takes part in the round with this base model and so many records.
///
/// # Errors
/// Its count is none that a site may say, or it holds another model; or as [`open_round`].
pub fn ready(
    state: Option<&RunState>,
    site: &SiteId,
    key: RoundKey,
    base_fingerprint: Digest,
    records: RoundedCount,
) -> Result<Event, Refusal> {
    open_round(state, site, key)?;
    if !records.is_canonical() || records.value() > RECORDS_MAX {
        return Err(Refusal::BadRequest);
    }
    if state.map(|state| state.launched.model_fingerprint) != Some(base_fingerprint) {
        return Err(Refusal::BaseMismatch);
    }
    Ok(Event::SiteReady { round: key.round, site: site.clone() })
}

/// What a site decided about a run. It speaks of exactly the terms that it was told of.
///
/// # Errors
/// It takes no part, speaks of other terms, or the run is over.
pub fn decided(
    state: &RunState,
    site: &SiteId,
    manifest: Digest,
    decision: Decision,
) -> Result<Event, Refusal> {
    let is_told = state.launched.sites.contains(site) && !state.is_queued();
    if !is_told || state.launched.manifest != manifest {
        return Err(Refusal::Unknown);
    }
    if state.is_over() {
        return Err(Refusal::RoundClosed);
    }
    Ok(Event::SiteDecided { site: site.clone(), decision: decision.into() })
}

/// A site gives a round up.
///
/// # Errors
/// As [`open_round`].
pub fn failed(
    state: Option<&RunState>,
    site: &SiteId,
    key: RoundKey,
    reason: TrainFailure,
) -> Result<Event, Refusal> {
    open_round(state, site, key)?;
    Ok(Event::SiteFailed { round: key.round, site: site.clone(), code: failure_code(reason).into() })
}

/// An offer whose numbers a site may say.
///
/// # Errors
/// [`Refusal::BadRequest`] for others.
pub fn offer(
    digest: Digest,
    bytes: u64,
    records: RoundedCount,
    tokens: RoundedCount,
    loss: LossMilli,
) -> Result<Offer, Refusal> {
    let canonical = records.is_canonical() && tokens.is_canonical() && loss.is_canonical();
    if !canonical || !(1..=RECORDS_MAX).contains(&records.value()) {
        return Err(Refusal::BadRequest);
    }
    let (records, tokens, loss) = (records.value(), tokens.value(), loss.nats());
    Ok(Offer { digest, bytes, records, tokens, loss })
}

/// The update of an offer is durable, or was refused for another one.
pub fn stored(site: &SiteId, key: RoundKey, offer: &Offer) -> Event {
    Event::UpdateStored {
        round: key.round,
        site: site.clone(),
        digest: offer.digest,
        bytes: offer.bytes,
        records: offer.records,
    }
}

/// Whether the scheduler's word on an update deserves a receipt.
///
/// # Errors
/// It does not.
pub fn receipted(admission: Option<Admission>) -> Result<(), Refusal> {
    match admission {
        Some(Admission::Welcome | Admission::Known) => Ok(()),
        Some(Admission::Conflict) => Err(Refusal::Conflict),
        Some(Admission::RoundClosed) => Err(Refusal::RoundClosed),
        None => Err(Refusal::Internal),
    }
}

/// What a receipt says of an update that counts, after so many frames of its site.
pub fn receipt_body(site: &SiteId, key: RoundKey, offer: &Offer, totals: &FrameTotals) -> ReceiptBody {
    ReceiptBody {
        site: Digest::of(site.as_str().as_bytes()),
        key,
        digest: offer.digest,
        bytes: offer.bytes,
        first_sequence: totals.first_sequence,
        last_sequence: totals.last_sequence,
        received_bytes: totals.bytes,
        running_hash: totals.running_hash,
    }
}

/// The word for a failure in the journal and in what the operator sees.
pub fn failure_code(reason: TrainFailure) -> &'static str {
    match reason {
        TrainFailure::NoRecords => "no_records",
        TrainFailure::DataUnreadable => "data_unreadable",
        TrainFailure::BaseMismatch => "base_mismatch",
        TrainFailure::BaseUnreadable => "base_unreadable",
        TrainFailure::OutOfMemory => "out_of_memory",
        TrainFailure::WorkerFailed => "worker_failed",
        TrainFailure::UpdateRejected => "update_rejected",
        TrainFailure::NotAllowed => "not_allowed",
        TrainFailure::OverlapFailed => "overlap_failed",
    }
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;
    use common::limits::COUNT_MAX;

    use super::*;
    use crate::round::scheduler::{launch, step, tests::launched_run};
    use crate::round::state::Score;

    fn open() -> RunState {
        let state = launch(launched_run(2, 2, 2), Timestamp(0)).0;
        let score = Score::Unevaluated { reason: String::new() };
        step(state, &Event::BaseScored { score, initial: None }, Timestamp(1)).0
    }

    #[test]
    fn a_round_that_is_not_a_sites_to_work_on_is_refused_by_its_own_code() {
        let (state, site) = (open(), "site-0".parse().unwrap());
        let of = |round| {
            open_round(Some(&state), &site, RoundKey { run: state.launched.run, round: Round(round) })
        };
        assert_eq!([of(1), of(2), of(0)], [Ok(()), Err(Refusal::Unknown), Err(Refusal::RoundClosed)]);
        let stranger = "stranger".parse().unwrap();
        let key = RoundKey { run: state.launched.run, round: Round(1) };
        assert_eq!(open_round(Some(&state), &stranger, key), Err(Refusal::RoundClosed));
        assert_eq!(open_round(None, &site, key), Err(Refusal::Unknown));
    }

    #[test]
    fn a_site_is_ready_with_the_runs_model_and_a_count_that_it_may_say() {
        let (state, site) = (open(), "site-0".parse().unwrap());
        let key = RoundKey { run: state.launched.run, round: Round(1) };
        let of = |base: &[u8], records| {
            ready(Some(&state), &site, key, Digest::of(base), RoundedCount::of(records))
        };
        assert_eq!(of(b"base", 775), Ok(Event::SiteReady { round: Round(1), site: site.clone() }));
        assert_eq!(of(b"other", 775), Err(Refusal::BaseMismatch));
        assert_eq!(of(b"base", COUNT_MAX), Err(Refusal::BadRequest), "more than any site has");
    }

    #[test]
    fn an_offer_of_no_records_is_none_and_only_what_counts_has_a_receipt() {
        let of = |records| {
            offer(Digest::of(b"u"), 7, RoundedCount::of(records), RoundedCount::of(9), LossMilli::of(1.0))
        };
        assert_eq!(of(0), Err(Refusal::BadRequest));
        assert_eq!(of(775).map(|offer| (offer.bytes, offer.records)), Ok((7, 780)));
        assert_eq!(receipted(Some(Admission::Known)), Ok(()));
        assert_eq!(receipted(Some(Admission::Conflict)), Err(Refusal::Conflict));
        assert_eq!(receipted(None), Err(Refusal::Internal));
    }
}
