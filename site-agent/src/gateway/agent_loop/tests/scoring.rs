//! What leaves of a run's result on this site's own records, and what a coordinator or a worker that says
//! what it likes cannot bring about.

use common::wire::numbers::LossMilli;
use common::wire::own_scores::{Measured, NoScores, OwnScores};

use super::*;
use crate::gateway::store::Update;

/// Half a nat better than the base.
fn scores() -> OwnScores {
    OwnScores::Measured(Measured::of(25, 5.0, 4.5, [0.25, 0.75]))
}

/// What the worker answers; a liar's interval is beyond its gain.
pub(super) fn answer(key: RoundKey, is_liar: bool, say: &dyn Fn(FromWorker)) {
    let odd =
        OwnScores::Measured(Measured { base: LossMilli::of(4.0), ..Measured::of(25, 5.0, 4.5, [0.4, 0.6]) });
    say(FromWorker::Data { key, root: Digest([5; 32]) });
    say(FromWorker::Scored { key, said: if is_liar { odd } else { scores() } });
}

fn terms(own_scores: bool) -> RunManifest {
    let training = TrainingSettings { validation_share: 0.1, ..TrainingSettings::default() };
    RunManifest { own_scores, training, ..manifest(11) }
}

/// A coordinator that asks of a run with these terms, without end.
fn asking(terms: &RunManifest) -> Honest {
    let mut honest = Honest::new();
    let bytes = honest.sign(terms);
    let manifest_bytes = u32::try_from(bytes.len()).unwrap();
    let manifest = honest.put(bytes);
    let adapter = adapter(terms, 0.5);
    let adapter_bytes = adapter.len() as u64;
    let adapter = honest.put(adapter);
    honest.work = Some(Work::Measure { run: terms.run, manifest, manifest_bytes, adapter, adapter_bytes });
    honest
}

fn allowing() -> Site {
    let mut site = Site::new();
    site.policy.own_scores = true;
    counted(&site);
    site
}

/// Notes an update of this site that the coordinator counted in the run.
fn counted(site: &Site) {
    let (key, digest) = (key(11, 1), Digest([6; 32]));
    let update =
        Update { key, digest, bytes: 1, records: 100, tokens: 1, loss: 5.0, receipt: None, declined: false };
    let mut store = Store::open(&site.folder.database()).unwrap();
    store.record_update(&update, 1).unwrap();
    let body = ReceiptBody {
        site: Digest([1; 32]),
        key,
        digest,
        bytes: 1,
        first_sequence: 0,
        last_sequence: 0,
        received_bytes: 0,
        running_hash: Digest([0; 32]),
    };
    store.record_receipt(key, &Receipt { body, signature: [1; 64] }, 2).unwrap();
}

#[test]
fn nothing_is_measured_or_said_of_a_run_in_which_no_update_of_this_site_was_counted() {
    let mut site = Site::new();
    site.policy.own_scores = true;
    let told = site.run(asking(&terms(true)), honestly, polls(3), WITHIN);
    assert_eq!((said(&told), told.not_done(), fetched(&told)), (vec![], vec![], 0));
}

fn said(told: &Told) -> Vec<OwnScores> {
    let said = |request: &Request| match request {
        Request::OwnScores { said, .. } => Some(*said),
        _ => None,
    };
    told.arrived.iter().filter_map(said).collect()
}

fn fetched(told: &Told) -> usize {
    told.count(|request| matches!(request, Request::Fetch { .. }))
}

#[test]
fn a_run_that_is_over_is_measured_once_and_answered_alike_ever_after() {
    let site = allowing();
    let told = site.run(asking(&terms(true)), honestly, polls(4), WITHIN);
    let first = said(&told);
    assert!(first.len() >= 2 && first.iter().all(|it| *it == scores()), "{first:?}");
    assert_eq!(fetched(&told), 2, "the terms and the adapter, once");
    let measured = told.notices.iter().filter(|notice| matches!(notice, Notice::Measuring { .. })).count();
    assert_eq!(measured, 1);
    // Another adapter, in another life, gets the same answer; and no round of that run is trained any more.
    let mut honest = asking(&terms(true));
    let other = adapter(&terms(true), 0.25);
    let digest = honest.put(other);
    let Some(Work::Measure { adapter, .. }) = &mut honest.work else { unreachable!() };
    *adapter = digest;
    let told = site.run(honest, honestly, polls(3), WITHIN);
    assert!(said(&told).iter().all(|it| *it == scores()) && fetched(&told) == 0, "{:?}", told.arrived);
    let mut honest = Honest::new();
    honest.assign(key(11, 2), &terms(true));
    let told = site.run(honest, honestly, polls(3), WITHIN);
    let failures = told.failures();
    assert!(
        !failures.is_empty() && failures.iter().all(|it| *it == TrainFailure::NotAllowed),
        "{failures:?}"
    );
    assert_eq!(fetched(&told), 0);
}

#[test]
fn a_site_whose_policy_says_no_says_only_that_and_fetches_no_adapter() {
    let site = Site::new();
    counted(&site);
    let told = site.run(asking(&terms(true)), honestly, polls(3), WITHIN);
    let said = said(&told);
    assert!(!said.is_empty() && said.iter().all(|it| *it == OwnScores::NotMeasured(NoScores::NotAllowed)));
    assert_eq!(fetched(&told), 1, "the terms");
}

#[test]
fn nothing_is_said_of_a_run_that_does_not_ask_or_was_not_agreed_to_or_is_over_here() {
    let site = allowing();
    let told = site.run(asking(&terms(false)), honestly, polls(3), WITHIN);
    assert_eq!((said(&told), told.not_done()[0]), (vec![], NotDone::TermsUnusable));
    let site = Site { agrees: false, ..allowing() };
    let told = site.run(asking(&terms(true)), honestly, polls(3), WITHIN);
    assert_eq!((said(&told), told.not_done()[0], fetched(&told)), (vec![], NotDone::NotAgreed, 0));
    let site = allowing();
    let mut finished = asking(&terms(true));
    let asked = finished.work.clone();
    finished.work = Some(Work::Finished { run: terms(true).run });
    let Some(Work::Measure { manifest, .. }) = asked else { unreachable!() };
    consent::decide_and_tell(&site.folder.database(), terms(true).run, manifest);
    let mut store = Store::open(&site.folder.database()).unwrap();
    store.agree(terms(true).run, manifest, 1).unwrap();
    let told = site.run(finished, honestly, polls(2), WITHIN);
    let mut asking_late = told.honest;
    asking_late.work = asked;
    let told = site.run(asking_late, honestly, polls(3), WITHIN);
    assert_eq!((said(&told), told.not_done()), (vec![], vec![]), "an honest coordinator asks so, too");
}

#[test]
fn a_crafted_adapter_is_not_measured_and_numbers_that_no_site_says_do_not_leave() {
    let mut site = allowing();
    site.policy.update_norm_max = 1e-3;
    let told = site.run(asking(&terms(true)), honestly, polls(2), WITHIN);
    assert_eq!(said(&told)[0], OwnScores::NotMeasured(NoScores::NotAllowed));
    assert!(!told.notices.iter().any(|notice| matches!(notice, Notice::Measuring { .. })));
    let site = Site { liar: true, ..allowing() };
    let told = site.run(asking(&terms(true)), honestly, polls(2), WITHIN);
    assert_eq!(
        said(&told)[0],
        OwnScores::NotMeasured(NoScores::Failed),
        "after a bounded number of attempts"
    );
}
