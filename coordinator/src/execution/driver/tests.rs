//! Whole runs through the real journal, the real aggregation and a scripted evaluation child: what is
//! published survives restarts, and an evaluation that fails never takes a run with it.

mod queue;

use std::path::Path;

use common::adapter::AdapterWriter;
use common::clock::{ManualClock, SystemClock};
use common::id::{Digest, SiteId};
use common::run::{AggregationSettings, HeldOutHashes, Roster, RunManifest, SignedManifest, TensorSpec};
use common::wire::message::PROTOCOL_VERSION;

use super::*;
use crate::evaluate::tests::scripted;
use crate::round::accuracy::Outcome;
use crate::round::missing::{Absence, Missing};
use crate::round::scheduler::tests::launched_run;
use crate::round::state::{Phase, Score};
use crate::round::vetoed::{Blame, Harm};
use crate::state_folder::StateFolder;
use crate::state_folder::blobs;

const SCORES: &str = r#"read line; echo '{"answer":"scored","scores":[{"loss":5.5,"perplexity":244.7,"token_accuracy":0.1,"supervised_tokens":9,"samples":3,"duration_ms":1}]}'"#;

fn tensors() -> Vec<TensorSpec> {
    let tensor = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
    vec![tensor("m.q_proj.lora_A.weight", [2, 30]), tensor("m.q_proj.lora_B.weight", [30, 2])]
}

fn adapter(folder: &StateFolder, value: f32) -> Digest {
    let path = folder.spool().join("made");
    let mut writer = AdapterWriter::create(&path, &tensors()).unwrap();
    writer.append(&[value; 120]).unwrap();
    writer.finish().unwrap();
    let digest = blobs::digest_of(&path).unwrap();
    blobs::adopt(folder, &path, digest).unwrap();
    digest
}

fn prepared(folder: &StateFolder) -> LaunchedRun {
    folder.create().unwrap();
    let mut launched = launched_run(2, 2, 2);
    launched.test = None;
    let spec = &launched.spec;
    let manifest = RunManifest {
        protocol: PROTOCOL_VERSION,
        run: launched.run,
        name: spec.name.clone(),
        rounds: spec.rounds,
        base_fingerprint: launched.model_fingerprint,
        adapter: spec.adapter.clone(),
        tensors: tensors(),
        adapter_bytes: 100,
        training: spec.training.clone(),
        base: spec.base,
        aggregation: AggregationSettings::default(),
        quorum: 1,
        roster: Roster::default(),
        held_out: HeldOutHashes::default(),
        overlap: None,
        suites: Vec::new(),
        own_scores: false,
        train: Default::default(),
        participation: None,
    };
    launched.manifest = blobs::put(
        folder,
        &SignedManifest { manifest, signature: [0; 64], launched_by: None }.to_bytes().unwrap(),
    )
    .unwrap();
    launched.initial = adapter(folder, 0.5);
    launched
}

struct Running {
    driver: Driver,
    runs: Runs,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn start(folder: &StateFolder, script: &str) -> Self {
        Self::start_by(folder, script, Arc::new(SystemClock))
    }

    fn start_by(folder: &StateFolder, script: &str, clock: Arc<dyn Clock>) -> Self {
        Self::start_with(folder, script, clock, Presence::new(common::net::Connections::default()))
    }

    fn start_with(folder: &StateFolder, script: &str, clock: Arc<dyn Clock>, presence: Presence) -> Self {
        let store = Arc::new(Store::open(&folder.database()).unwrap());
        let runs = Runs::replay(&store).unwrap();
        let evaluator = scripted(folder.path(), script, Duration::from_secs(1));
        let performer = Performer::new(folder.clone(), evaluator);
        let world = World { store, runs: runs.clone(), performer, presence: Arc::new(presence), clock };
        let (driver, task) = Driver::start(world);
        Self { driver, runs, task }
    }

    /// Gone without a word, as after SIGKILL; only what is on disk stays.
    async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    async fn until(&self, run: RunId, reached: impl Fn(&RunState) -> bool) -> Arc<RunState> {
        let mut changes = self.runs.subscribe();
        let wait = async {
            loop {
                if let Some(state) = self.runs.find(run).filter(|state| reached(state)) {
                    return state;
                }
                changes.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.unwrap()
    }

    async fn deliver(&self, folder: &StateFolder, run: RunId, round: u32, index: u32) -> Option<Admission> {
        let site: SiteId = format!("site-{index}").parse().unwrap();
        let digest = adapter(folder, round as f32 + index as f32 / 8.0);
        let event = Event::UpdateStored {
            round: Round(round),
            site,
            digest,
            bytes: 1,
            records: 100 * u64::from(index + 1),
        };
        self.driver.submit(run, event).await.unwrap()
    }
}

fn open_round(number: u32) -> impl Fn(&RunState) -> bool {
    move |state| state.is_open() && state.current().is_some_and(|record| record.round == Round(number))
}

async fn undisturbed(path: &Path) -> Digest {
    let folder = StateFolder::at(path);
    let launched = prepared(&folder);
    let run = launched.run;
    let running = Running::start(&folder, SCORES);
    running.driver.launch(launched).await.unwrap();
    for round in 1..=2 {
        running.until(run, open_round(round)).await;
        for index in 0..2 {
            assert_eq!(running.deliver(&folder, run, round, index).await, Some(Admission::Welcome));
        }
    }
    let state = running.until(run, RunState::is_over).await;
    assert_eq!(state.phase, Phase::Finished);
    assert_eq!(state.rounds[0].score.as_ref().and_then(Score::metrics).unwrap().loss, 5.5);
    running.kill().await;
    state.model()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_killed_between_any_two_steps_publishes_the_same_bytes() {
    let first = tempfile::tempdir().unwrap();
    let expected = undisturbed(first.path()).await;
    let second = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(second.path());
    let launched = prepared(&folder);
    let run = launched.run;
    let mut running = Running::start(&folder, SCORES);
    running.driver.launch(launched).await.unwrap();
    for round in 1..=2 {
        // Sites in the other order, each twice, and a kill after every step.
        for index in [1, 0] {
            running.kill().await;
            running = Running::start(&folder, SCORES);
            running.until(run, open_round(round)).await;
            assert_eq!(running.deliver(&folder, run, round, index).await, Some(Admission::Welcome));
            running.kill().await;
            running = Running::start(&folder, SCORES);
            assert_eq!(running.deliver(&folder, run, round, index).await, Some(Admission::Known));
        }
    }
    let state = running.until(run, RunState::is_over).await;
    assert_eq!((state.model(), &state.phase), (expected, &Phase::Finished));
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_published_unevaluated_when_the_evaluation_hangs() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    let mut launched = prepared(&folder);
    launched.spec.rounds = 1;
    let run = launched.run;
    let running = Running::start(&folder, "exec sleep 60");
    running.driver.launch(launched.clone()).await.unwrap();
    let again = running.driver.launch(LaunchedRun { run: RunId([9; 8]), ..launched }).await;
    assert!(matches!(again, Err(Error::RunInProgress(_))));
    running.until(run, open_round(1)).await;
    for index in 0..2 {
        running.deliver(&folder, run, 1, index).await;
    }
    let state = running.until(run, RunState::is_over).await;
    assert_eq!(state.phase, Phase::Finished);
    assert!(state.rounds[0].published_at.is_some());
    assert!(
        matches!(&state.rounds[0].score, Some(Score::Unevaluated { reason }) if reason.contains("after 1 s"))
    );
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_update_ends_the_run_with_a_reason() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    let launched = prepared(&folder);
    let run = launched.run;
    let running = Running::start(&folder, SCORES);
    running.driver.launch(launched).await.unwrap();
    running.until(run, open_round(1)).await;
    running.deliver(&folder, run, 1, 0).await;
    std::fs::write(folder.blob(adapter(&folder, 1.0)), b"bit rot").unwrap();
    running.deliver(&folder, run, 1, 1).await;
    let state = running.until(run, RunState::is_over).await;
    assert!(crate::admin::report::failure_text(&state.phase).unwrap().contains("does not have its digest"));
    running.kill().await;
}

/// The machine's clock is set two hours ahead, and back: no deadline moves, and after a restart the round has
/// its full time again.
#[tokio::test(flavor = "multi_thread")]
async fn a_jump_of_the_clock_fails_no_run() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    let launched = prepared(&folder);
    let (run, deadline_ms) = (launched.run, launched.spec.quorum.deadline_s * 1000);
    let wall = Arc::new(ManualClock::at(Timestamp(1_000_000_000)));
    let running = Running::start_by(&folder, SCORES, Arc::clone(&wall) as Arc<dyn Clock>);
    running.driver.launch(launched).await.unwrap();
    running.until(run, open_round(1)).await;
    wall.advance_ms(2 * 3_600_000);
    running.driver.submit(run, Event::Tick).await.unwrap();
    assert_eq!(running.deliver(&folder, run, 1, 0).await, Some(Admission::Welcome), "still open");
    running.kill().await;

    let ahead = Running::start_by(&folder, SCORES, Arc::clone(&wall) as Arc<dyn Clock>);
    let state = ahead.until(run, |state| state.updated_at > Timestamp(1_000_000_000 + 3_600_000)).await;
    assert!(state.is_open() && state.next_deadline() >= Some(wall.now().plus_ms(deadline_ms)));
    ahead.kill().await;

    // Set right again, two hours back: time in the run goes on from where it was, and does not stand still.
    let right = Arc::new(ManualClock::at(Timestamp(1_000_000_000)));
    let back = Running::start_by(&folder, SCORES, right);
    let before = state.updated_at;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(back.driver.now() > before);
    let deadline = back.runs.find(run).unwrap().next_deadline().unwrap();
    assert!(deadline <= back.driver.now().plus_ms(deadline_ms), "not two hours more");
    assert_eq!(back.deliver(&folder, run, 1, 1).await, Some(Admission::Welcome));
    back.until(run, open_round(2)).await;
    back.kill().await;
}

/// While nothing ran here, a site that had not sent was paused, and one whose update is in was revoked. Each
/// of the two would close the round; what the revoked one sent must be out of it by then.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_was_revoked_while_we_were_down_does_not_count() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    let mut launched = prepared(&folder);
    launched.sites.push("site-2".parse().unwrap());
    launched.spec.quorum.sites = 1;
    launched.spec.quorum.grace_s = Some(60);
    let run = launched.run;
    let running = Running::start(&folder, SCORES);
    running.driver.launch(launched).await.unwrap();
    running.until(run, open_round(1)).await;
    for index in [1, 2] {
        running.deliver(&folder, run, 1, index).await;
    }
    running.kill().await;
    let store = Arc::new(Store::open(&folder.database()).unwrap());
    for index in 0..3_u8 {
        let site: SiteId = format!("site-{index}").parse().unwrap();
        store
            .invite(&site, &certs::JoinToken::from_bytes([index; 32]).hash(), Timestamp(1), Timestamp(0))
            .unwrap();
    }
    store.pause(&"site-0".parse().unwrap(), Timestamp(2)).unwrap();
    store.revoke(&"site-2".parse().unwrap(), crate::store::Leaving::Operator, Timestamp(2)).unwrap();
    let again = Running::start(&folder, SCORES);
    crate::execution::catch_up::catch_up(&store, &again.runs, &again.driver).await.unwrap();
    let state = again.until(run, |state| state.rounds[0].published_at.is_some()).await;
    let counted: Vec<_> = state.rounds[0].updates.keys().map(ToString::to_string).collect();
    assert_eq!(counted, ["site-1"]);
    again.kill().await;
}

/// Site 2 of three never said hello: the round does not wait for it once its quorum is in.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_never_said_hello_does_not_hold_a_round() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    let mut launched = prepared(&folder);
    launched.sites.push("site-2".parse().unwrap());
    launched.spec.quorum.grace_s = Some(60);
    let run = launched.run;
    let running = Running::start(&folder, SCORES);
    let token = certs::JoinToken::from_bytes([1; 32]).hash();
    let store = Store::open(&folder.database()).unwrap();
    store.invite(&"site-2".parse().unwrap(), &token, Timestamp(1), Timestamp(0)).unwrap();
    running.driver.launch(launched).await.unwrap();
    running.until(run, open_round(1)).await;
    for index in 0..2 {
        running.deliver(&folder, run, 1, index).await;
    }
    let state = running.until(run, open_round(2)).await;
    let missing = &state.rounds[0].missing;
    let expected = Missing::Absent(Absence::NeverConnected);
    assert_eq!(missing.get(&"site-2".parse().unwrap()), Some(&expected));
    running.kill().await;
}

/// What `OFFLINE_MS_MIN` is in the next test.
const PATIENCE_MS: u64 = 2_000;

/// A site that is away for less than a minute is waited for; one that is away longer costs its own update,
/// not the round and not the next one.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_goes_offline_costs_no_round() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    let mut launched = prepared(&folder);
    let away: SiteId = "site-2".parse().unwrap();
    launched.sites.push(away.clone());
    launched.spec.rounds = 3;
    (launched.spec.quorum.deadline_s, launched.spec.quorum.grace_s) = (600, Some(300));
    let run = launched.run;
    let presence = Presence::patient(common::net::Connections::default(), PATIENCE_MS);
    let running = Running::start_with(&folder, SCORES, Arc::new(SystemClock), presence);
    let store = Store::open(&folder.database()).unwrap();
    let token = certs::JoinToken::from_bytes([1; 32]).hash();
    store.invite(&away, &token, Timestamp(1), Timestamp(0)).unwrap();
    let hello =
        crate::store::ReceivedFrame { sequence: 1, kind: "hello", bytes: 1, sha256: Digest::of(b"h") };
    store.record_frame(&away, &hello, Timestamp(1)).unwrap().unwrap();
    running.driver.launch(launched).await.unwrap();
    running.until(run, open_round(1)).await;
    for index in 0..2 {
        running.deliver(&folder, run, 1, index).await;
    }
    // Nobody has a connection here; within the patience that ends nothing.
    tokio::time::sleep(Duration::from_millis(PATIENCE_MS / 4)).await;
    assert!(running.runs.find(run).unwrap().is_open(), "it has its time to come back");
    assert_eq!(running.deliver(&folder, run, 1, 2).await, Some(Admission::Welcome));
    running.until(run, open_round(2)).await;
    let started = std::time::Instant::now();
    for index in 0..2 {
        running.deliver(&folder, run, 2, index).await;
    }
    running.until(run, open_round(3)).await;
    assert!(started.elapsed() < Duration::from_secs(20), "not the grace period, and not the deadline");
    for index in [2, 1, 0] {
        running.deliver(&folder, run, 3, index).await;
    }
    let state = running.until(run, RunState::is_over).await;
    assert_eq!(state.phase, Phase::Finished);
    let counted: Vec<usize> = state.rounds.iter().map(|record| record.updates.len()).collect();
    assert_eq!(counted, [3, 2, 3]);
    assert_eq!(state.rounds[1].missing.get(&away), Some(&Missing::Absent(Absence::Offline)));
    running.kill().await;
}

/// Copies a run's journal without what was said of its aggregation errors: as if we had been killed before.
fn forget_errors(from: &StateFolder, to: &StateFolder) {
    let (before, after) = (Store::open(&from.database()).unwrap(), Store::open(&to.database()).unwrap());
    for row in before.journal().unwrap().into_iter().filter(|row| row.kind != "aggregation_error_found") {
        after.append(row.run, row.round, &row.kind, row.at, &row.body).unwrap();
    }
}

fn errors_of(state: &RunState) -> Vec<Option<Outcome>> {
    state.rounds.iter().map(|record| record.aggregation_error.clone()).collect()
}

/// A run that is over has its errors computed after a restart, the same to the last bit; where the updates
/// are gone meanwhile, it says so, once.
#[tokio::test(flavor = "multi_thread")]
async fn an_aggregation_error_that_was_cut_short_is_computed_after_a_restart() {
    let first = tempfile::tempdir().unwrap();
    undisturbed(first.path()).await;
    let folder = StateFolder::at(first.path());
    let running = Running::start(&folder, SCORES);
    let run = running.runs.all()[0].launched.run;
    let is_known = |state: &RunState| state.rounds.iter().all(|record| record.aggregation_error.is_some());
    let expected = running.until(run, is_known).await;
    assert!(matches!(&expected.rounds[0].aggregation_error, Some(Outcome::Found { .. })));
    running.kill().await;

    for are_gone in [false, true] {
        let second = tempfile::tempdir().unwrap();
        let copy = StateFolder::at(second.path());
        copy.create().unwrap();
        for entry in std::fs::read_dir(folder.blobs()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, copy.blobs().join(path.file_name().unwrap())).unwrap();
        }
        if are_gone {
            let gone = expected.rounds[1].updates.values().next().unwrap().digest;
            std::fs::remove_file(copy.blob(gone)).unwrap();
        }
        forget_errors(&folder, &copy);
        let running = Running::start(&copy, SCORES);
        let state = running.until(run, is_known).await;
        assert_eq!((&state.phase, state.ended_at), (&Phase::Finished, expected.ended_at));
        let values = |outcomes: Vec<Option<Outcome>>| {
            let value = |outcome: Option<Outcome>| match outcome.unwrap() {
                Outcome::Found { error, .. } => Ok(error),
                Outcome::NotComputed { reason } => Err(reason),
            };
            outcomes.into_iter().map(value).collect::<Vec<_>>()
        };
        let (found, wanted) = (values(errors_of(&state)), values(errors_of(&expected)));
        assert_eq!(found[0], wanted[0]);
        if are_gone {
            assert!(
                found[1].as_ref().is_err_and(|reason| reason.contains("not there any more")),
                "{found:?}"
            );
        } else {
            assert_eq!(found[1], wanted[1]);
        }
        running.kill().await;
        // What was said once is not tried again.
        let again = Running::start(&copy, SCORES);
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(errors_of(&again.runs.find(run).unwrap()), errors_of(&state));
        again.kill().await;
    }
}

/// Measures the base as 2, and an adapter as its last number.
const LAST_NUMBER: &str = r#"read line
adapter=$(printf '%s' "$line" | sed -n 's/.*"adapters":\["\([^"]*\)".*/\1/p')
loss=2.0; [ -z "$adapter" ] || loss=$(tail -c 4 "$adapter" | od -An -tf4 | tr -d ' ')
echo "{\"answer\":\"scored\",\"scores\":[{\"loss\":$loss,\"perplexity\":1.0,\"token_accuracy\":0.1,\"supervised_tokens\":9,\"samples\":3,\"duration_ms\":1}]}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_rises_is_left_out_and_whose_fault_it_was_is_found_also_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(place.path());
    let mut launched = prepared(&folder);
    launched.spec.evaluation.loss_increase_max = Some(0.5);
    let (run, initial) = (launched.run, launched.initial);
    let running = Running::start(&folder, LAST_NUMBER);
    running.driver.launch(launched).await.unwrap();
    running.until(run, open_round(1)).await;
    let deliver = async |running: &Running, round: u32, index: u32, value: f32| {
        let site: SiteId = format!("site-{index}").parse().unwrap();
        let (digest, round) = (adapter(&folder, value), Round(round));
        let event = Event::UpdateStored { round, site, digest, bytes: 1, records: 100 };
        running.driver.submit(run, event).await.unwrap();
    };
    for (index, value) in [(0, 1.0), (1, 4.5)] {
        deliver(&running, 1, index, value).await;
    }
    let state = running.until(run, open_round(2)).await;
    assert_eq!((state.rounds[1].from, state.published()), (initial, 0), "round 2 begins where round 1 did");
    // Cut short while it is looked for; a left-over of that is in nobody's way.
    running.kill().await;
    std::fs::create_dir_all(folder.leave_one_out(run)).unwrap();
    std::fs::write(folder.leave_one_out(run).join("left-over"), "").unwrap();
    let running = Running::start(&folder, LAST_NUMBER);
    let found = |state: &RunState| state.rounds[0].vetoed.as_ref().is_some_and(|veto| veto.harm.is_some());
    let state = running.until(run, found).await;
    let veto = state.rounds[0].vetoed.as_ref().unwrap();
    assert_eq!(veto.blame(), Some(Blame::Sites(vec!["site-1".parse().unwrap()])), "{veto:?}");
    let Some(Harm::Measured { together, without, .. }) = &veto.harm else { panic!("{veto:?}") };
    assert_eq!((together.unwrap(), without.values().copied().collect::<Vec<_>>()), (2.75, vec![4.5, 1.0]));
    assert!(!folder.leave_one_out(run).exists());
    for index in 0..2 {
        deliver(&running, 2, index, 1.0).await;
    }
    let state = running.until(run, RunState::is_over).await;
    assert_eq!((&state.phase, state.model()), (&Phase::Finished, state.rounds[1].aggregate.unwrap().digest));
    running.kill().await;
}
