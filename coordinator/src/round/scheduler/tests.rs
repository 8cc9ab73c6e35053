//! The scheduler by example, then by simulation: random order, duplicates, late and conflicting
//! updates, failures, revocations and a crash after every event. A failing simulation prints its seed.

use common::run::RunSpec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::super::decision::SiteDecision;
use super::super::launched::PinnedFile;
use super::super::state::Metrics;
use super::*;

fn site(index: usize) -> SiteId {
    format!("site-{index}").parse().unwrap()
}

pub(crate) fn launched_run(sites: usize, quorum: usize, rounds: u32) -> LaunchedRun {
    let text = format!(
        "name = \"t\"\nrounds = {rounds}\n[quorum]\nsites = {quorum}\ndeadline_s = 60\n[training]\nepochs = 1\n"
    );
    let spec: RunSpec = toml::from_str(&text).unwrap();
    let pinned = |text: &str| Some(PinnedFile { path: text.into(), digest: Digest::of(text.as_bytes()) });
    LaunchedRun {
        run: common::id::RunId([7; 8]),
        spec,
        model: "model".into(),
        model_fingerprint: Digest::of(b"base"),
        sites: (0..sites).map(site).collect(),
        validation: pinned("validation"),
        test: pinned("test"),
        manifest: Digest::of(b"manifest"),
        manifest_bytes: 8,
        initial: Digest::of(b"initial"),
        adapter_bytes: 7,
        overlap: None,
        suites: Vec::new(),
        origin: None,
        beside: None,
        test_openings_before: 0,
        needs_approval: false,
        sent_before: Default::default(),
        queued: None,
    }
}

pub(crate) fn measured(loss: f64) -> Score {
    let perplexity = loss.exp();
    Score::Measured(Metrics {
        loss,
        perplexity,
        token_accuracy: 0.5,
        supervised_tokens: 9,
        samples: 3,
        duration_ms: 1,
        paired: None,
    })
}

/// A round was averaged into this, and nothing else is known of it.
pub(crate) fn aggregated(round: Round, digest: Digest) -> Event {
    Event::Aggregated {
        round,
        digest,
        aggregation_error: None,
        duration_ms: 1,
        outliers: vec![],
        server_state: None,
    }
}

fn update(round: u32, index: usize, text: &str) -> Event {
    let digest = Digest::of(format!("{round}/{index}/{text}").as_bytes());
    Event::UpdateStored {
        round: Round(round),
        site: site(index),
        digest,
        bytes: 1,
        records: 100 + index as u64,
    }
}

/// Applies `event` at `at` and returns the answers and effects.
fn advance(state: &mut RunState, event: Event, at: u64) -> Vec<Effect> {
    let (next, effects) = step(state.clone(), &event, Timestamp(at));
    *state = next;
    effects
}

/// What a driver would answer to an effect: the aggregate is a hash of its inputs.
fn perform(effect: &Effect) -> Option<Event> {
    match effect {
        Effect::ScoreBase => Some(Event::BaseScored { score: measured(6.0), initial: None }),
        Effect::Aggregate { round, inputs } => {
            let text: String = inputs
                .iter()
                .map(|(site, update)| format!("{site}{}{};", update.digest, update.records))
                .collect();
            let digest = Digest::of(text.as_bytes());
            Some(Event::Aggregated {
                round: *round,
                digest,
                aggregation_error: None,
                duration_ms: 2,
                outliers: vec![],
                server_state: None,
            })
        }
        Effect::Score { round, .. } => Some(Event::Scored { round: *round, score: measured(5.0) }),
        Effect::Publish { round, .. } => Some(Event::RoundPublished { round: *round }),
        Effect::OpenTest => Some(Event::TestOpened { file: Digest::of(b"test"), attempt: 0 }),
        Effect::ScoreTest { .. } => {
            Some(Event::TestScored { base: measured(6.0), federated: measured(5.0), attempt: 0 })
        }
        Effect::MeasureAlone { site, set, .. } => {
            Some(Event::AloneMeasured { site: site.clone(), set: *set, outcome: alone::tests::outcome(5.0) })
        }
        // Nobody is chosen in these runs: `participation::tests` has those.
        Effect::ChooseSites { .. } => None,
        Effect::Announce { .. } | Effect::Finish | Effect::Answer(_) => None,
    }
}

#[test]
fn a_run_goes_through_its_phases_and_opens_the_test_set_once() {
    let (mut state, effects) = launch(launched_run(2, 2, 1), Timestamp(0));
    assert_eq!(effects, [Effect::ScoreBase]);
    assert_eq!(
        advance(&mut state, Event::BaseScored { score: measured(6.0), initial: None }, 1),
        [Effect::Announce { round: Round(1) }]
    );
    assert_eq!(state.work_for(&site(0)).unwrap().from, Digest::of(b"initial"));
    advance(&mut state, Event::SiteReady { round: Round(1), site: site(0) }, 2);
    assert_eq!(state.phase, Phase::Collecting);
    assert_eq!(advance(&mut state, update(1, 1, "u"), 3), [Effect::Answer(Admission::Welcome)]);
    assert!(state.work_for(&site(1)).is_none(), "a site that delivered has no work");
    let effects = advance(&mut state, update(1, 0, "u"), 4);
    assert!(
        matches!(&effects[1], Effect::Aggregate { inputs, .. } if inputs[0].0 == site(0) && inputs[1].0 == site(1))
    );
    let digest = Digest::of(b"aggregate");
    let aggregated = Event::Aggregated {
        round: Round(1),
        digest,
        aggregation_error: None,
        duration_ms: 1,
        outliers: vec![],
        server_state: None,
    };
    assert_eq!(advance(&mut state, aggregated, 5), [Effect::Score { round: Round(1), adapter: digest }]);
    let effects = advance(&mut state, Event::Scored { round: Round(1), score: measured(5.0) }, 6);
    assert_eq!(effects, [Effect::Publish { round: Round(1), adapter: digest }]);
    assert_eq!(advance(&mut state, Event::RoundPublished { round: Round(1) }, 7), [Effect::OpenTest]);
    let effects = advance(&mut state, Event::TestOpened { file: Digest::of(b"test"), attempt: 0 }, 8);
    assert_eq!(effects, [Effect::ScoreTest { adapter: digest }]);
    assert!(
        advance(&mut state, Event::TestOpened { file: Digest::of(b"test"), attempt: 0 }, 9).is_empty(),
        "opened once"
    );
    let effects = advance(
        &mut state,
        Event::TestScored { base: measured(6.0), federated: measured(5.0), attempt: 0 },
        10,
    );
    assert_eq!(
        (effects, &state.phase, state.test.openings.len()),
        (vec![Effect::Finish], &Phase::Finished, 1)
    );
}

#[test]
fn late_repeated_and_different_updates_get_their_own_answers() {
    let (mut state, _) = launch(launched_run(3, 2, 2), Timestamp(0));
    advance(&mut state, Event::BaseScored { score: measured(6.0), initial: None }, 1);
    assert_eq!(advance(&mut state, update(1, 0, "u"), 2), [Effect::Answer(Admission::Welcome)]);
    let before = state.clone();
    assert_eq!(advance(&mut state, update(1, 0, "u"), 3), [Effect::Answer(Admission::Known)]);
    assert_eq!(advance(&mut state, update(2, 0, "u"), 3), [Effect::Answer(Admission::RoundClosed)]);
    assert_eq!(state, before, "neither belongs in the journal");
    assert_eq!(advance(&mut state, update(1, 0, "other"), 4), [Effect::Answer(Admission::Conflict)]);
    assert_eq!(state.conflicts.len(), 1);
    advance(&mut state, update(1, 0, "other"), 5);
    assert_eq!(state.conflicts.len(), 1, "the same refusal is recorded once");
    advance(&mut state, update(1, 1, "u"), 6);
    assert_eq!(state.phase, Phase::Collecting, "the third site may still deliver");
    advance(&mut state, Event::Tick, 60_001);
    assert_eq!(state.phase, Phase::Aggregating, "the deadline closes a round with a quorum");
    assert_eq!(advance(&mut state, update(1, 2, "u"), 60_002), [Effect::Answer(Admission::RoundClosed)]);
    assert_eq!(advance(&mut state, update(1, 1, "u"), 60_003), [Effect::Answer(Admission::Known)]);
    let stranger = Event::UpdateStored {
        round: Round(1),
        site: "x".parse().unwrap(),
        digest: Digest::of(b""),
        bytes: 1,
        records: 1,
    };
    assert_eq!(advance(&mut state, stranger, 60_004), [Effect::Answer(Admission::RoundClosed)]);
}

#[test]
fn without_a_quorum_the_deadline_fails_the_round_and_a_restart_extends_it() {
    let (mut state, _) = launch(launched_run(2, 2, 1), Timestamp(0));
    advance(&mut state, Event::BaseScored { score: measured(6.0), initial: None }, 0);
    advance(&mut state, update(1, 0, "u"), 1);
    assert_eq!(state.next_deadline(), Some(Timestamp(60_000)));
    advance(&mut state, Event::Tick, 59_999);
    advance(&mut state, Event::Restarted, 59_999);
    assert_eq!(state.next_deadline(), Some(Timestamp(119_999)));
    assert_eq!(advance(&mut state, Event::Tick, 120_000), [Effect::Finish]);
    assert_eq!(state.phase, Phase::Failed(Failure::QuorumNotMet { updates: 1, needed: 2 }));
    assert_eq!(state.model(), Digest::of(b"initial"), "the last published model stands");
}

#[test]
fn nobody_waits_for_a_failed_or_revoked_site() {
    let (mut state, _) = launch(launched_run(3, 1, 1), Timestamp(0));
    advance(&mut state, Event::BaseScored { score: measured(6.0), initial: None }, 0);
    advance(&mut state, update(1, 0, "u"), 1);
    advance(&mut state, update(1, 1, "u"), 1);
    advance(&mut state, Event::SiteRevoked { site: site(0) }, 2);
    assert_eq!(state.current().unwrap().updates.len(), 1, "an update of a revoked site is taken out");
    let failed = Event::SiteFailed { round: Round(1), site: site(2), code: "out_of_memory".into() };
    let effects = advance(&mut state, failed, 3);
    assert!(
        matches!(&effects[0], Effect::Aggregate { inputs, .. } if inputs.len() == 1 && inputs[0].0 == site(1))
    );

    let (mut state, _) = launch(launched_run(2, 2, 1), Timestamp(0));
    advance(&mut state, Event::BaseScored { score: measured(6.0), initial: None }, 0);
    advance(&mut state, Event::SiteRevoked { site: site(0) }, 1);
    assert_eq!(state.phase, Phase::Failed(Failure::QuorumNotMet { updates: 0, needed: 2 }));
}

/// The attack: two thousand journal rows in four seconds by alternating failure codes.
#[test]
fn a_site_that_fails_again_and_again_does_not_grow_the_journal() {
    let (mut state, _) = launch(launched_run(2, 2, 1), Timestamp(0));
    advance(&mut state, Event::BaseScored { score: measured(6.0), initial: None }, 0);
    let mut rows = 0;
    for turn in 0..2_000 {
        let code = ["out_of_memory", "no_records"][turn % 2].to_owned();
        let before = state.clone();
        advance(&mut state, Event::SiteFailed { round: Round(1), site: site(0), code }, 1);
        rows += u32::from(state != before);
    }
    assert_eq!(rows, FAILURES_PER_ROUND_MAX);
    assert_eq!(
        advance(&mut state, update(1, 0, "u"), 2),
        [Effect::Answer(Admission::Welcome)],
        "it may recover"
    );
}

/// One run under a seeded schedule; returns the published digests and the journal.
fn simulate(seed: u64, faults: bool) -> (Vec<Digest>, Vec<(Event, Timestamp)>) {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let (sites, rounds) = (4, 3);
    let launched = LaunchedRun { needs_approval: true, ..launched_run(sites, 2, rounds) };
    let (mut state, mut effects) = launch(launched, Timestamp(0));
    let mut journal = vec![(Event::Launched { launched: Box::new(state.launched.clone()) }, Timestamp(0))];
    let mut counted = std::collections::BTreeMap::new();
    let approved = |index| Event::SiteDecided { site: site(index), decision: SiteDecision::Approved };
    let mut inbox: Vec<Event> = (0..sites).map(approved).collect();
    for at in 1..2_000_u64 {
        inbox.extend(effects.iter().filter_map(perform));
        for effect in &effects {
            if let Effect::Announce { round } = effect {
                inbox.extend((0..sites).map(|index| update(round.0, index, "u")));
            }
            if let Effect::Aggregate { round, inputs } = effect {
                let before = counted.insert(*round, inputs.clone());
                assert!(
                    before.is_none_or(|before| before == *inputs),
                    "seed {seed}: one round, two different sets"
                );
            }
        }
        effects.clear();
        if state.is_over() {
            break;
        }
        let event = pick(&mut rng, &mut inbox, faults, sites, rounds);
        let (next, now_effects) = step(state.clone(), &event, Timestamp(at));
        if next != state {
            journal.push((event, Timestamp(at)));
        }
        state = next;
        effects = now_effects;
        let replayed = replay(journal.iter().map(|(event, at)| (event, *at))).unwrap();
        assert_eq!(replayed, state, "seed {seed}: replay(journal) differs after event {}", journal.len());
        if faults && rng.next_u32().is_multiple_of(16) {
            // A crash: everything in memory is gone; pending effects run again, sites send again.
            state = replayed;
            effects = pending(&state);
        }
    }
    assert!(state.is_over(), "seed {seed}: the run does not end; it is {:?}", state.phase);
    for record in &state.rounds {
        for (site, update) in &record.updates {
            let sent = journal
                .iter()
                .filter(|(event, _)| {
                    matches!(event,
                Event::UpdateStored { round, site: from, digest, .. }
                    if *round == record.round && from == site && *digest == update.digest)
                })
                .count();
            assert_eq!(sent, 1, "seed {seed}: an update is in the journal {sent} times");
        }
    }
    assert!(state.test.openings.len() <= 1, "seed {seed}: the test set was opened again");
    (
        state.rounds.iter().filter_map(|record| record.aggregate).map(|aggregate| aggregate.digest).collect(),
        journal,
    )
}

/// The next event: one of those under way in random order, sometimes twice, sometimes something rude.
fn pick(rng: &mut TestRng, inbox: &mut Vec<Event>, faults: bool, sites: usize, rounds: u32) -> Event {
    let below = |rng: &mut TestRng, bound: usize| rng.next_u64() as usize % bound;
    if faults && below(rng, 4) == 0 {
        let (round, index) = (1 + below(rng, rounds as usize) as u32, below(rng, sites));
        return match below(rng, 7) {
            0 => update(round, index, "different"),
            1 => update(round, index, "u"),
            2 => Event::SiteReady { round: Round(round), site: site(index) },
            3 => Event::SiteFailed { round: Round(round), site: site(index), code: "training".into() },
            4 => Event::Aggregated {
                round: Round(round),
                digest: Digest::of(b"stale"),
                aggregation_error: None,
                duration_ms: 0,
                outliers: vec![],
                server_state: None,
            },
            5 => {
                use SiteDecision::{Approved, Declined, Withdrawn};
                let decision = [Approved, Approved, Declined, Withdrawn][below(rng, 4)];
                Event::SiteDecided { site: site(index), decision }
            }
            _ => Event::Tick,
        };
    }
    if inbox.is_empty() {
        return Event::Tick;
    }
    let index = below(rng, inbox.len());
    if faults && below(rng, 5) == 0 { inbox[index].clone() } else { inbox.swap_remove(index) }
}

#[test]
fn the_published_bytes_do_not_depend_on_the_order_of_arrival() {
    let (first, _) = simulate(0, false);
    assert_eq!(first.len(), 3);
    for seed in 1..200 {
        assert_eq!(simulate(seed, false).0, first, "seed {seed}");
    }
}

#[test]
fn no_schedule_of_faults_breaks_an_invariant() {
    for seed in 0..1_500 {
        simulate(seed, true);
    }
}

proptest! {
    #[test]
    fn journal_rows_survive_json(loss in 0.0_f64..20.0, round in 1_u32..100) {
        let event = Event::Scored { round: Round(round), score: measured(loss) };
        let once: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
        let twice: Event = serde_json::from_str(&serde_json::to_string(&once).unwrap()).unwrap();
        prop_assert_eq!(once, twice);
    }
}
