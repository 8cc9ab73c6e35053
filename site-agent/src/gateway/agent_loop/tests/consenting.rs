//! A run that nobody agreed to, one that a signed policy agrees to, one that is declined, and a withdrawal in
//! the middle of a round.

use certs::OfficerKey;
use common::ledger::Record;

use super::*;
use crate::gateway::consent::policy_statement;
use crate::gateway::store::consent::Choice;
use crate::policy::Approval;

/// A site whose officer has decided nothing.
fn asked() -> Site {
    Site { agrees: false, ..Site::new() }
}

/// A coordinator that proposes this run.
fn proposing(terms: &RunManifest) -> (Honest, Digest) {
    let mut honest = Honest::new();
    let bytes = honest.sign(terms);
    let manifest_bytes = u32::try_from(bytes.len()).unwrap();
    let manifest = honest.put(bytes);
    honest.work = Some(Work::Proposed { run: terms.run, manifest, manifest_bytes });
    (honest, manifest)
}

fn decisions(told: &Told) -> Vec<Decision> {
    let decision = |request: &Request| match request {
        Request::Decide { decision, .. } => Some(*decision),
        _ => None,
    };
    told.arrived.iter().filter_map(decision).collect()
}

fn notes(site: &Site) -> Vec<&'static str> {
    let text = fs::read_to_string(site.folder.ledger()).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<Record>(line).unwrap());
    records.filter(Record::is_note).map(|record| record.kind.word()).collect()
}

#[test]
fn a_run_that_nobody_agreed_to_is_not_begun_whoever_hands_it_out() {
    let site = asked();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, honestly, polls(4), WITHIN);
    let only = |request: &Request| {
        matches!(request, Request::Hello { .. } | Request::Poll { .. } | Request::Fetch { .. })
    };
    assert!(told.arrived.iter().all(only), "{:?}", told.arrived);
    assert!(told.not_done().contains(&NotDone::NotAgreed));
    let proposed = told.notices.iter().filter(|notice| matches!(notice, Notice::Proposed { .. }));
    assert_eq!(proposed.count(), 1, "the person hears it once");
}

#[test]
fn a_decision_is_in_the_ledger_and_then_told_and_a_later_one_replaces_it() {
    let site = asked();
    let (honest, manifest) = proposing(&manifest(1));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    assert!(decisions(&told).is_empty() && notes(&site).is_empty());
    consent::decide(&site.folder.database(), RunId([1; 8]), manifest, Choice::Declined);
    let told = site.run(told.honest, honestly, polls(2), WITHIN);
    assert_eq!((decisions(&told), notes(&site)), (vec![Decision::Declined], vec!["refusal"]));
    consent::decide(&site.folder.database(), RunId([1; 8]), manifest, Choice::Approved);
    let told = site.run(told.honest, honestly, polls(2), WITHIN);
    assert_eq!((decisions(&told), notes(&site)), (vec![Decision::Approved], vec!["refusal", "approval"]));
    let told = site.run(told.honest, honestly, polls(2), WITHIN);
    assert!(decisions(&told).is_empty(), "told once");
}

#[test]
fn a_policy_agrees_only_where_the_officer_signed_it_and_never_outside_its_bounds() {
    let policy = PolicyConfig { approval: Approval::Auto, ..PolicyConfig::default() };
    let officer = OfficerKey::generate().unwrap();
    for (is_signed, terms, expected) in [
        (false, manifest(1), vec![]),
        (true, manifest(1), vec![Decision::Approved]),
        (
            true,
            RunManifest {
                training: TrainingSettings { learning_rate: 0.5, ..Default::default() },
                ..manifest(1)
            },
            vec![Decision::OutsidePolicy],
        ),
    ] {
        let site = Site { policy: policy.clone(), officer: Some(officer.public_key().unwrap()), ..asked() };
        if is_signed {
            let signature = officer.sign(&policy_statement(&SITE.parse().unwrap(), policy.digest())).unwrap();
            Store::open(&site.folder.database())
                .unwrap()
                .record_policy(policy.digest(), &signature, 1)
                .unwrap();
        }
        let told = site.run(proposing(&terms).0, honestly, polls(3), WITHIN);
        assert_eq!(decisions(&told), expected);
    }
}

#[test]
fn terms_without_the_coordinators_signature_or_without_this_site_are_not_considered() {
    let mut stranger = manifest(1);
    stranger.roster.members[0].key = Digest([3; 32]);
    let mut elsewhere = manifest(1);
    elsewhere.roster.members[0].name = "dermatology".parse().unwrap();
    let mut old = manifest(1);
    old.protocol = 1;
    let unsigned =
        SignedManifest { manifest: manifest(1), signature: [7; 64], launched_by: None }.to_bytes().unwrap();
    for bytes in [
        Honest::new().sign(&stranger),
        Honest::new().sign(&elsewhere),
        Honest::new().sign(&old),
        unsigned,
        b"nonsense".to_vec(),
    ] {
        let site = asked();
        let mut honest = Honest::new();
        let manifest_bytes = u32::try_from(bytes.len()).unwrap();
        let manifest = honest.put(bytes);
        honest.work = Some(Work::Proposed { run: RunId([1; 8]), manifest, manifest_bytes });
        let told = site.run(honest, honestly, polls(3), WITHIN);
        assert!(told.not_done().contains(&NotDone::TermsUnusable), "{:?}", told.not_done());
        assert!(decisions(&told).is_empty());
        assert!(!told.notices.iter().any(|notice| matches!(notice, Notice::Proposed { .. })));
    }
}

#[test]
fn after_a_withdrawal_nothing_of_the_run_follows() {
    let mut site = Site::new();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let database = site.folder.database();
    // Somebody withdraws while the second piece of the update is under way.
    let withdraws = move |honest: &mut Honest, request: &Request| {
        if let (Request::Chunk { offset: 1_048_576, .. }, Some(Work::Train { key, manifest, .. })) =
            (request, &honest.work)
        {
            consent::decide(&database, key.run, *manifest, Choice::Withdrawn);
        }
        None
    };
    let told = site.run(honest, withdraws, polls(4), WITHIN);
    let at =
        told.arrived.iter().position(|request| matches!(request, Request::Chunk { offset: 1_048_576, .. }));
    let after = &told.arrived[at.unwrap() + 1..];
    let of_run = |request: &&Request| {
        !matches!(request, Request::Hello { .. } | Request::Poll { .. } | Request::Fetch { .. })
    };
    let of_run: Vec<_> = after.iter().filter(of_run).collect();
    // Said again to a coordinator that goes on handing the run out.
    let is_no = |request: &&Request| matches!(request, Request::Decide { decision: Decision::Withdrawn, .. });
    assert!(!of_run.is_empty() && of_run.iter().all(is_no), "{of_run:?}");
    assert!(notes(&site).contains(&"withdrawal") && told.honest.acknowledged.is_empty());
    assert!(fs::read_dir(site.folder.outbox()).unwrap().next().is_none(), "what was not sent is removed");
    // A coordinator that lost it, and hands the run out or proposes it, hears it again and nothing else.
    let handed = told.honest.work.clone().unwrap();
    let Work::Train { key, manifest, manifest_bytes, .. } = handed.clone() else { panic!("{handed:?}") };
    let mut honest = told.honest;
    for work in [handed, Work::Proposed { run: key.run, manifest, manifest_bytes }] {
        honest.work = Some(work);
        site.agrees = false;
        let told = site.run(honest, honestly, polls(3), WITHIN);
        assert!(!decisions(&told).is_empty(), "{:?}", told.arrived);
        assert!(decisions(&told).iter().all(|decision| *decision == Decision::Withdrawn));
        let of_run = |request: &&Request| {
            !matches!(request, Request::Hello { .. } | Request::Poll { .. } | Request::Decide { .. })
        };
        assert_eq!(told.arrived.iter().find(of_run), None);
        honest = told.honest;
    }
}

/// The worker says something every moment; the look for a withdrawal comes all the same.
#[test]
fn a_withdrawal_ends_a_training_however_much_the_worker_says() {
    let site = Site { endless: true, ..Site::new() };
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let database = site.folder.database();
    let withdraws = move |honest: &mut Honest, request: &Request| {
        if let (Request::Ready { key, .. }, Some(Work::Train { manifest, .. })) = (request, &honest.work) {
            consent::decide(&database, key.run, *manifest, Choice::Withdrawn);
        }
        None
    };
    let withdrawn = |arrived: &[Request]| {
        arrived.iter().any(|request| matches!(request, Request::Decide { decision: Decision::Withdrawn, .. }))
    };
    let told = site.run(honest, withdraws, withdrawn, Duration::from_secs(10));
    assert_eq!(decisions(&told), [Decision::Withdrawn]);
    assert!(told.not_done().contains(&NotDone::NotAgreed));
}

#[test]
fn a_coordinator_that_could_not_note_a_decision_or_lost_it_hears_it_again() {
    let site = asked();
    let (honest, manifest) = proposing(&manifest(1));
    consent::decide(&site.folder.database(), RunId([1; 8]), manifest, Choice::Approved);
    let (lost, mut refusals) = (honest.work.clone().unwrap(), 2);
    let full = move |_: &mut Honest, request: &Request| match request {
        Request::Decide { .. } if refusals > 0 => {
            refusals -= 1;
            plain(Response::Refused(Refusal::Internal))
        }
        _ => None,
    };
    let told = site.run(honest, full, polls(4), WITHIN);
    assert!(decisions(&told).len() >= 3, "{:?}", decisions(&told));
    let mut honest = told.honest;
    honest.work = Some(lost);
    let told = site.run(honest, honestly, polls(2), WITHIN);
    assert_eq!(decisions(&told)[0], Decision::Approved, "asked again, it says so again");
    assert_eq!(notes(&site), ["approval"], "in the ledger once");
}

#[test]
fn a_coordinator_that_proposes_without_end_is_not_followed() {
    let site = asked();
    let mut store = Store::open(&site.folder.database()).unwrap();
    for number in 0..crate::limits::RUNS_A_DAY_MAX {
        let run = RunId(u64::from(number).to_le_bytes());
        store.agree(run, Digest::of(&run.0), 1000).unwrap();
    }
    drop(store);
    let (honest, digest) = proposing(&manifest(200));
    let told = site.run(honest, honestly, polls(3), WITHIN);
    assert!(told.not_done().contains(&NotDone::TooManyRuns), "{:?}", told.not_done());
    assert_eq!(told.count(|request| matches!(request, Request::Fetch { .. })), 0);
    assert!(!site.folder.inbox().join(digest.to_string()).exists());
}
