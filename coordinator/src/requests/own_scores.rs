//! A site's scores of a run's result on its own held-out records: handed out as work, taken once. Pure.
//! Called by `rules` and `work`. Invariants: only the model of a run that is over is asked about, and only of
//! a site whose terms say so; the numbers are checked again with the site's own bounds.

use common::clock::Timestamp;
use common::id::SiteId;
use common::wire::message::{Refusal, Work};
use common::wire::own_scores::OwnScores;

use crate::round::event::Event;
use crate::round::own_scores;
use crate::round::said::Said;
use crate::round::state::RunState;

/// The question, of a site that is asked now.
pub(super) fn asked(state: &RunState, site: &SiteId, now: Timestamp) -> Option<Work> {
    let launched = &state.launched;
    own_scores::waits_for(state, site, now).then(|| Work::Measure {
        run: launched.run,
        manifest: launched.manifest,
        manifest_bytes: u32::try_from(launched.manifest_bytes).unwrap_or(u32::MAX),
        adapter: state.model(),
        adapter_bytes: launched.adapter_bytes,
    })
}

/// What a site said, to be journalled; nothing where it is known.
///
/// # Errors
/// It is no site of such a run, its numbers are none that a site may say, it has said something else before,
/// or nobody is asked any more.
pub(super) fn scored(
    state: Option<&RunState>,
    site: &SiteId,
    said: OwnScores,
    now: Timestamp,
) -> Result<Option<Event>, Refusal> {
    let state = state.filter(|state| own_scores::takes_part(state, site)).ok_or(Refusal::Unknown)?;
    if !said.is_canonical() {
        return Err(Refusal::BadRequest);
    }
    let said = Said::from(said);
    match state.own_scores.get(site) {
        Some(known) if *known == said => Ok(None),
        Some(_) => Err(Refusal::Conflict),
        None if own_scores::waits_for(state, site, now) => {
            Ok(Some(Event::SiteScored { site: site.clone(), said }))
        }
        None => Err(Refusal::RoundClosed),
    }
}

#[cfg(test)]
mod tests {
    use common::wire::codec;
    use common::wire::own_scores::NoScores;

    use super::*;
    use crate::round::own_scores::tests::{finished, said};
    use crate::round::scheduler::step;

    const NOW: Timestamp = Timestamp(2);

    #[test]
    fn a_site_is_handed_the_runs_model_until_its_word_is_in() {
        let (state, site) = (finished(), "site-0".parse().unwrap());
        let work = asked(&state, &site, NOW).unwrap();
        assert!(matches!(work, Work::Measure { adapter, .. } if adapter == state.model()), "{work:?}");
        assert_eq!(asked(&state, &"stranger".parse().unwrap(), NOW), None);
        let event = scored(Some(&state), &site, said(0.7), NOW).unwrap().unwrap();
        let state = step(state, &event, NOW).0;
        assert_eq!(asked(&state, &site, NOW), None);
        assert_eq!(scored(Some(&state), &site, said(0.7), NOW), Ok(None), "said again: a lost answer");
        assert_eq!(scored(Some(&state), &site, said(0.8), NOW), Err(Refusal::Conflict));
    }

    #[test]
    fn what_is_late_strange_or_absurd_is_refused_by_its_own_code() {
        let (state, site) = (finished(), "site-0".parse().unwrap());
        let late = Timestamp(60_001);
        assert_eq!(scored(Some(&state), &site, said(0.7), late), Err(Refusal::RoundClosed));
        assert_eq!(scored(None, &site, said(0.7), NOW), Err(Refusal::Unknown));
        let stranger = "stranger".parse().unwrap();
        assert_eq!(scored(Some(&state), &stranger, said(0.7), NOW), Err(Refusal::Unknown));
        let mut bytes = codec::encode(&said(0.7)).unwrap();
        bytes[1] = 19;
        let few: OwnScores = codec::decode(&bytes).unwrap();
        assert_eq!(scored(Some(&state), &site, few, NOW), Err(Refusal::BadRequest));
        let silent = OwnScores::NotMeasured(NoScores::NotAllowed);
        assert!(scored(Some(&state), &site, silent, NOW).unwrap().is_some());
    }
}
