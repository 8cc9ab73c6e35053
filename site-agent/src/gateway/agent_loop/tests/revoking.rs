//! The revocation list in the real loop: asked for first, gone by, and without one that holds nothing leaves.

use std::time::{Duration as Length, SystemTime};

use certs::crl::{self, LIFETIME, Reason, Revoked};
use certs::{CertificateAuthority, SerialNumber, SpkiPin};

use super::*;
use crate::gateway::store::memory::Said;

const NOW_MS: u64 = 1_800_000_000_000;

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Length::from_millis(NOW_MS)
}

/// A site that goes by this authority, and the authority.
fn listening() -> (Site, Arc<CertificateAuthority>) {
    let serial = SerialNumber::from_random([1; 16]);
    let authority = Arc::new(CertificateAuthority::create("test", &serial, now()).unwrap());
    let site =
        Site { clock_ms: NOW_MS, authority_der: Some(authority.certificate_der().to_vec()), ..Site::new() };
    (site, authority)
}

fn list(
    authority: &CertificateAuthority,
    number: u64,
    revoked: &[Revoked],
    at: SystemTime,
) -> Option<Answer> {
    let payload = crl::sign(authority, number, revoked, at).unwrap();
    Some(Answer { response: Response::Revocations { length: payload.len() as u32 }, payload })
}

fn kinds(told: &Told) -> Vec<&'static str> {
    told.arrived.iter().map(|request| common::ledger::Kind::of(request).word()).collect()
}

#[test]
fn a_list_is_asked_for_before_anything_else_and_remembered() {
    let (site, authority) = listening();
    let answers = move |_: &mut Honest, request: &Request| match request {
        Request::Revocations { known: 0 } => list(&authority, 7, &[], now()),
        Request::Revocations { .. } => plain(Response::Noted),
        _ => None,
    };
    let answers = || answers.clone();
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, answers(), polls(2), WITHIN);
    assert_eq!(kinds(&told)[..2], ["hello", "revocations"]);
    assert_eq!(told.honest.acknowledged, vec![key(1, 1)], "a run goes on as ever");
    let store = Store::open(&site.folder.database()).unwrap();
    assert_eq!(store.revocations().unwrap().map(|(number, _)| number), Some(7));
    let told = site.run(Honest::new(), answers(), polls(2), WITHIN);
    assert_eq!(told.arrived[1], Request::Revocations { known: 7 });
}

#[test]
fn without_a_list_that_holds_no_frame_leaves_but_the_question() {
    type Lie = Box<dyn Fn(&CertificateAuthority) -> Option<Answer> + Send>;
    let stranger = CertificateAuthority::create("test", &SerialNumber::from_random([9; 16]), now()).unwrap();
    let lies: [Lie; 6] = [
        Box::new(|_| plain(Response::Noted)),
        Box::new(|_| plain(Response::Refused(Refusal::Unknown))),
        Box::new(|authority| list(authority, 7, &[], now() - 2 * LIFETIME)),
        Box::new(|authority| list(authority, 7, &[], now() + LIFETIME)),
        Box::new(move |_| list(&stranger, 7, &[], now())),
        Box::new(|_| Some(Answer { response: Response::Revocations { length: 3 }, payload: vec![1, 2, 3] })),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let (site, authority) = listening();
        let withholds = move |_: &mut Honest, request: &Request| match request {
            Request::Revocations { .. } => lie(&authority),
            _ => None,
        };
        let asked = |arrived: &[Request]| {
            arrived.iter().filter(|request| matches!(request, Request::Revocations { .. })).count() >= 2
        };
        let told = site.run(Honest::new(), withholds, asked, WITHIN);
        assert!(
            kinds(&told).iter().all(|kind| ["hello", "revocations"].contains(kind)),
            "{number}: {:?}",
            told.arrived
        );
        assert!(
            told.notices.iter().any(|notice| matches!(notice, Notice::RevocationsMissing { .. })),
            "{number}: {:?}",
            told.notices
        );
        let store = Store::open(&site.folder.database()).unwrap();
        assert_eq!(store.said().unwrap().map(|(said, _)| said), Some(Said::NoRevocations), "{number}");
    }
}

#[test]
fn a_run_with_a_member_who_was_revoked_is_refused_and_one_that_goes_on_goes_on() {
    let member = |reason| Revoked {
        serial: SerialNumber::from_random([2; 16]),
        // As the roster of the tests' runs has it.
        key: SpkiPin::from_bytes([2; 32]),
        since: now(),
        reason,
    };
    for (reason, agrees_before, is_refused) in [
        (Reason::Withdrawn, false, true),
        (Reason::Superseded, false, false),
        (Reason::Withdrawn, true, false),
    ] {
        let (mut site, authority) = listening();
        site.agrees = agrees_before;
        let answers = move |_: &mut Honest, request: &Request| match request {
            Request::Revocations { .. } => list(&authority, 7, &[member(reason)], now()),
            _ => None,
        };
        let mut honest = Honest::new();
        // As if it were proposed, where nobody agreed to it.
        honest.assign(key(1, 1), &manifest(1));
        let told = site.run(honest, answers, polls(3), WITHIN);
        let outside =
            Notice::OutsidePolicy { run: RunId([1; 8]), rule: crate::policy::PolicyRule::MemberRevoked };
        assert_eq!(
            told.notices.contains(&outside),
            is_refused,
            "{reason:?} {agrees_before}: {:?}",
            told.notices
        );
        assert_eq!(told.honest.acknowledged.len(), usize::from(agrees_before), "{reason:?}");
    }
}
