//! Two hundred rounds leave a bounded number of files, whatever other runs share with them.

use common::clock::Timestamp;
use common::id::RunId;

use super::super::accuracy::Outcome;
use super::*;
use crate::round::scheduler::tests::launched_run;
use crate::round::state::{Aggregate, Phase};
use crate::round::vetoed::{Harm, Veto};

const RULE: Rule = Rule { update_rounds: 2, adapter_rounds: 3 };

/// What may go.
fn surplus(states: &[&RunState], rule: Rule) -> BTreeSet<Digest> {
    named(states).difference(&needed(states, rule)).copied().collect()
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// A round as the journal has it.
fn round(run: u8, number: u32, loss: f64, is_published: bool) -> RoundRecord {
    let from = if number == 1 { "initial".to_owned() } else { format!("{run} adapter {}", number - 1) };
    let update = |site: &str| serde_json::json!({ "digest": digest(&format!("{run} {site} {number}")), "bytes": 9, "records": 100 });
    let score = serde_json::json!({ "measured": {
        "loss": loss, "perplexity": 1.0, "token_accuracy": 0.5, "supervised_tokens": 9, "samples": 9, "duration_ms": 1
    } });
    serde_json::from_value(serde_json::json!({
        "round": number,
        "from": digest(&from),
        "announced_at": 1,
        "deadline": 9,
        "taken": {},
        "updates": { "a": update("a"), "b": update("b") },
        "failed": {},
        "closed_at": is_published.then_some(2),
        "aggregate": is_published.then(|| serde_json::json!({
            "digest": digest(&format!("{run} adapter {number}")), "aggregation_error": 0.1, "duration_ms": 1
        })),
        "score": is_published.then_some(score),
        "published_at": is_published.then_some(3),
        "aggregation_error": is_published.then(|| serde_json::json!({ "not_computed": { "reason": "" } })),
    }))
    .unwrap()
}

/// A run of so many published rounds, of which the seventh is the best, and one that is open.
fn run(number: u8, rounds: u32) -> RunState {
    let mut launched = launched_run(2, 2, rounds + 1);
    launched.run = RunId([number; 8]);
    launched.initial = digest("initial");
    let mut state = RunState::launched(launched, Timestamp(1));
    for at in 1..=rounds {
        state.rounds.push(round(number, at, if at == 7 { 1.0 } else { 2.0 }, true));
    }
    state.rounds.push(round(number, rounds + 1, 0.0, false));
    state
}

#[test]
fn of_two_hundred_rounds_the_newest_and_the_best_stay() {
    let state = run(1, 200);
    let needed = needed(&[&state], RULE);
    let surplus = surplus(&[&state], RULE);
    assert!(needed.is_disjoint(&surplus));
    for kept in ["initial", "1 adapter 200", "1 adapter 199", "1 adapter 198", "1 adapter 197", "1 adapter 7"]
    {
        assert!(needed.contains(&digest(kept)) && !surplus.contains(&digest(kept)), "{kept}");
    }
    for kept in ["1 a 201", "1 b 201", "1 a 200", "1 b 199"] {
        assert!(needed.contains(&digest(kept)), "{kept}");
    }
    for gone in ["1 a 198", "1 b 1", "1 adapter 196", "1 adapter 1"] {
        assert!(surplus.contains(&digest(gone)), "{gone}");
    }
    assert_eq!(surplus.len(), 2 * 198 + 195, "updates of 198 rounds, and 195 adapters");
}

#[test]
fn what_the_servers_optimiser_remembers_stays_for_the_next_round_alone() {
    let mut state = run(1, 5);
    let kept = |round: u32| ServerState {
        first: digest(&format!("m {round}")),
        second: Some(digest(&format!("v {round}"))),
    };
    let remember = |record: &mut RoundRecord| {
        let server_state = Some(kept(record.round.0));
        let digest = digest(&format!("1 adapter {}", record.round));
        record.aggregate = Some(Aggregate { digest, duration_ms: 0, server_state });
    };
    state.rounds.iter_mut().take(5).for_each(remember);
    assert_eq!(state.server_state(), Some(kept(5)));
    let gone = |state: &RunState, round: u32| {
        let surplus = surplus(&[state], RULE);
        let gone: Vec<bool> = kept(round).digests().map(|digest| surplus.contains(&digest)).collect();
        assert_eq!(gone[0], gone[1]);
        gone[0]
    };
    assert_eq!((gone(&state, 4), gone(&state, 5)), (true, false));
    // Averaged, and not published: a crash now needs both, the one to be the last and the one before it.
    state.rounds.iter_mut().for_each(remember);
    assert_eq!(state.server_state(), Some(kept(5)));
    assert_eq!((gone(&state, 4), gone(&state, 5), gone(&state, 6)), (true, false, false));
    state.rounds[5].published_at = Some(Timestamp(3));
    assert_eq!((gone(&state, 5), gone(&state, 6)), (true, false));
    state.phase = Phase::Finished;
    assert!(gone(&state, 6), "a new run begins without it");
}

#[test]
fn updates_stay_until_their_error_is_known() {
    let mut state = run(1, 9);
    state.rounds[4].aggregation_error = None;
    let gone = surplus(&[&state], RULE);
    assert!(gone.contains(&digest("1 a 4")) && gone.contains(&digest("1 a 6")));
    assert!(!gone.contains(&digest("1 a 5")) && !gone.contains(&digest("1 b 5")));
    state.rounds[4].aggregation_error = Some(Outcome::exact(0.1));
    assert!(surplus(&[&state], RULE).contains(&digest("1 a 5")));
}

#[test]
fn a_round_that_was_not_adopted_leaves_nothing_once_its_harm_is_known() {
    let mut state = run(1, 9);
    state.rounds[4].published_at = None;
    let veto = |harm| Some(Veto { at: Timestamp(3), best_loss: Some(1.0), increase_max: 0.5, harm });
    state.rounds[4].vetoed = veto(None);
    let files = ["1 a 5", "1 b 5", "1 adapter 4", "1 adapter 5"];
    let gone = |state: &RunState| {
        let surplus = surplus(&[state], RULE);
        files.map(|file| surplus.contains(&digest(file)))
    };
    assert_eq!(gone(&state), [false, false, false, true], "updates, and what they are compared with");
    state.rounds[4].vetoed = veto(Some(Harm::NotMeasured { reason: String::new() }));
    assert_eq!(gone(&state), [true; 4]);
}

#[test]
fn what_another_run_needs_stays() {
    let (old, young) = (run(1, 10), run(1, 2));
    // The same run launched again: the same bytes, and the young one still needs its first rounds.
    let gone = surplus(&[&old, &young], RULE);
    for kept in ["1 a 1", "1 a 2", "1 a 3", "1 adapter 1", "1 adapter 2"] {
        assert!(!gone.contains(&digest(kept)), "{kept}");
    }
    assert!(gone.contains(&digest("1 a 4")));
}
