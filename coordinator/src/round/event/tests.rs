//! Journal rows as they were always written: they are read, written again under the same names, and replay.

use common::clock::Timestamp;

use super::super::scheduler;
use super::super::state::{Failure, Phase};
use super::*;

/// A journal of before `Event::SiteReady`, `Event::EffectFailed` and [`LaunchedRun`] had these names: the
/// `kind` column and the body of each row.
const JOURNAL: [(&str, &str); 4] = [
    ("launched", LAUNCHED),
    (
        "base_scored",
        r#"{"event":"base_scored","score":{"unevaluated":{"reason":"the run has no validation file"}}}"#,
    ),
    ("taken", r#"{"event":"taken","round":1,"site":"site-0"}"#),
    ("broken", r#"{"event":"broken","reason":"internal fault: x"}"#),
];

/// The body of a launch, as the version before wrote it.
const LAUNCHED: &str = include_str!("old_launched.json");

#[test]
fn an_old_journal_replays_and_is_written_under_the_same_names() {
    let mut events = Vec::new();
    for (index, (kind, body)) in JOURNAL.into_iter().enumerate() {
        let event: Event = serde_json::from_str(body).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let written = serde_json::to_string(&event).unwrap();
        // A run file may say more in a later version; what it said before stays where it was.
        let expected = if kind == "launched" { r#"{"event":"launched","plan":{"run":"# } else { body };
        assert!(event.kind() == kind && written.starts_with(expected), "{kind}: {written}");
        events.push((event, Timestamp(index as u64)));
    }
    let replay =
        |rows: usize| scheduler::replay(events.iter().take(rows).map(|(event, at)| (event, *at))).unwrap();
    assert_eq!(replay(1).phase, Phase::MeasuringBase);
    assert_eq!(replay(2).phase, Phase::Announced);
    let state = replay(3);
    assert_eq!(state.phase, Phase::Collecting);
    assert_eq!(state.rounds[0].ready.get(&"site-0".parse().unwrap()), Some(&Timestamp(2)));
    assert_eq!(replay(4).phase, Phase::Failed(Failure::EffectFailed("internal fault: x".into())));
}

#[test]
fn an_average_without_a_servers_optimiser_is_written_as_before() {
    let digest = Digest::of(b"x");
    let body = format!(
        r#"{{"event":"aggregated","round":1,"digest":"{digest}","aggregation_error":0.5,"duration_ms":7}}"#
    );
    let event: Event = serde_json::from_str(&body).unwrap();
    assert_eq!(serde_json::to_string(&event).unwrap(), body);
    let with = body.replace("7}", &format!(r#"7,"server_state":{{"first":"{digest}"}}}}"#));
    let event: Event = serde_json::from_str(&with).unwrap();
    assert!(matches!(event, Event::Aggregated { server_state: Some(state), .. } if state.first == digest));
    assert_eq!(serde_json::to_string(&event).unwrap(), with);
}

#[test]
fn states_and_phases_keep_their_written_names() {
    for (phase, written) in [
        (Phase::MeasuringBase, r#""idle""#),
        (Phase::Publishing, r#""published""#),
        (Phase::Failed(Failure::EffectFailed("x".into())), r#"{"failed":{"broken":"x"}}"#),
    ] {
        assert_eq!(serde_json::to_string(&phase).unwrap(), written);
        assert_eq!(serde_json::from_str::<Phase>(written).unwrap(), phase);
    }
    let Event::Launched { launched } = serde_json::from_str(LAUNCHED).unwrap() else { panic!("no launch") };
    let (mut state, _) = scheduler::launch(*launched, Timestamp(0));
    let site = "site-0".parse().unwrap();
    for event in [
        Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None },
        Event::SiteReady { round: Round(1), site },
    ] {
        state = scheduler::step(state, &event, Timestamp(1)).0;
    }
    let written = serde_json::to_value(&state).unwrap();
    assert!(written["plan"]["run"].is_string() && written["rounds"][0]["taken"]["site-0"] == 1, "{written}");
}
