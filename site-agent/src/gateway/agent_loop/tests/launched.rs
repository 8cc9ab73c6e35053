//! Terms that an operator signed too: one of this consortium, one of another, and one whose signature does
//! not hold.

use certs::crl::{self, Reason, Revoked};
use certs::role::Member as Holder;
use certs::{CertificateAuthority, IdentityKey, RequestedKey, Role, TlsIdentity, csr};
use common::run::LaunchSignature;

use super::renewing::{DAY, certified, now, serial};
use super::*;
use crate::policy::PolicyRule;

fn operator(authority: &CertificateAuthority, name: &str) -> TlsIdentity {
    let key = IdentityKey::generate().unwrap();
    let asked = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
    let holder = Holder { role: Role::Operator, name };
    let issued = authority.issue_member(holder, &asked, &serial(7), now(), DAY).unwrap();
    TlsIdentity::new(&issued.der, &key).unwrap()
}

/// The operator's signature under these terms, with their certificate.
fn signature(operator: &TlsIdentity, terms: &RunManifest) -> LaunchSignature {
    LaunchSignature {
        certificate_der: operator.certificate_der().to_vec(),
        signature: operator.sign_launch(&terms.launch_statement().unwrap()).unwrap(),
    }
}

/// What a site hears of a run that is proposed so.
fn proposed(site: &Site, launched_by: Option<LaunchSignature>) -> Told {
    proposed_with(site, launched_by, honestly)
}

fn proposed_with(
    site: &Site,
    launched_by: Option<LaunchSignature>,
    odd: impl FnMut(&mut Honest, &Request) -> Option<Answer> + Send + 'static,
) -> Told {
    let (terms, mut honest) = (manifest(1), Honest::new());
    let signature = honest.receipts.sign(&terms.statement().unwrap()).unwrap();
    let bytes = SignedManifest { manifest: terms, signature, launched_by }.to_bytes().unwrap();
    let manifest_bytes = u32::try_from(bytes.len()).unwrap();
    let manifest = honest.put(bytes);
    honest.work = Some(Work::Proposed { run: RunId([1; 8]), manifest, manifest_bytes });
    site.run(honest, odd, polls(3), WITHIN)
}

fn was_shown(told: &Told) -> bool {
    told.notices.iter().any(|notice| matches!(notice, Notice::Proposed { .. }))
}

fn refused_by(told: &Told) -> Vec<PolicyRule> {
    let rule = |notice: &Notice| match notice {
        Notice::OutsidePolicy { rule, .. } => Some(*rule),
        _ => None,
    };
    told.notices.iter().filter_map(rule).collect()
}

#[test]
fn only_an_operator_for_whom_the_consortium_vouches_is_believed() {
    let (site, authority) = certified(1);
    let site = Site { agrees: false, ..site };
    let otto = operator(&authority, "otto");
    let elsewhere = CertificateAuthority::create("test", &serial(9), now() - 100 * DAY).unwrap();
    let mut changed = manifest(1);
    changed.rounds += 1;
    let forged = LaunchSignature {
        signature: signature(&operator(&authority, "otto"), &manifest(1)).signature,
        ..signature(&otto, &manifest(1))
    };
    for bad in [
        signature(&operator(&elsewhere, "otto"), &manifest(1)),
        signature(&otto, &changed),
        forged,
        LaunchSignature { certificate_der: vec![0x30; 400], ..signature(&otto, &manifest(1)) },
    ] {
        let told = proposed(&site, Some(bad));
        assert!(told.not_done().contains(&NotDone::TermsUnusable), "{:?}", told.not_done());
        assert!(!was_shown(&told));
    }
    // The certificate ends a day later; what was heard of in time stays.
    let signed = signature(&otto, &manifest(1));
    let told = proposed(&site, Some(signed.clone()));
    assert!(was_shown(&told) && told.not_done().is_empty(), "{:?}", told.not_done());
    let later = Site { clock_ms: site.clock_ms + 3 * 86_400_000, ..site };
    let told = proposed(&later, Some(signed));
    assert!(was_shown(&told) && told.not_done().is_empty(), "{:?}", told.not_done());
    // One who comes later with a certificate that has ended is not believed.
    let fresh = Site { agrees: false, clock_ms: later.clock_ms, ..certified(1).0 };
    let told = proposed(&Site { renewal: later.renewal, ..fresh }, Some(signature(&otto, &manifest(1))));
    assert!(told.not_done().contains(&NotDone::TermsUnusable), "{:?}", told.not_done());
}

#[test]
fn a_site_may_insist_on_an_operator() {
    let insisting = || {
        let (site, authority) = certified(1);
        let policy = PolicyConfig { operators: vec!["otto".parse().unwrap()], ..site.policy.clone() };
        (Site { agrees: false, policy, ..site }, authority)
    };
    let (site, authority) = insisting();
    let told = proposed(&site, Some(signature(&operator(&authority, "otto"), &manifest(1))));
    assert!(was_shown(&told) && refused_by(&told).is_empty());
    let (site, authority) = insisting();
    let told = proposed(&site, Some(signature(&operator(&authority, "anna"), &manifest(1))));
    assert_eq!((was_shown(&told), refused_by(&told)), (false, vec![PolicyRule::Operators]));
    let (site, _) = insisting();
    assert_eq!(refused_by(&proposed(&site, None)), [PolicyRule::Operators]);
}

/// Answers the question for a list with one that has these entries.
fn listing(
    authority: &CertificateAuthority,
    number: u64,
    entries: &[Revoked],
) -> impl FnMut(&mut Honest, &Request) -> Option<Answer> + Send + 'static {
    let list = crl::sign(authority, number, entries, now()).unwrap();
    move |_, request| match request {
        Request::Revocations { .. } => {
            let length = u32::try_from(list.len()).unwrap();
            Some(Answer { response: Response::Revocations { length }, payload: list.clone() })
        }
        _ => None,
    }
}

/// The operator's certificate, as a coordinator lists it.
fn revoked(operator: &TlsIdentity, reason: Reason) -> Revoked {
    Revoked { serial: serial(7), key: operator.pin().unwrap(), since: now(), reason }
}

fn asking_about_lists() -> (Site, Arc<CertificateAuthority>) {
    let (site, authority) = certified(1);
    let authority_der = Some(authority.certificate_der().to_vec());
    (Site { agrees: false, authority_der, ..site }, authority)
}

#[test]
fn an_operator_who_was_revoked_launches_nothing() {
    for (reason, is_refused) in [
        (Some(Reason::KeyCompromise), true),
        (Some(Reason::Withdrawn), true),
        // Who enrolled again: the certificate before is listed, and its holder as good as before.
        (Some(Reason::Superseded), false),
        (None, false),
    ] {
        let (site, authority) = asking_about_lists();
        let otto = operator(&authority, "otto");
        let entries: Vec<Revoked> = reason.map(|reason| revoked(&otto, reason)).into_iter().collect();
        let odd = listing(&authority, 7, &entries);
        let told = proposed_with(&site, Some(signature(&otto, &manifest(1))), odd);
        assert_eq!(was_shown(&told), !is_refused, "{reason:?}: {:?}", told.not_done());
        let broken: &[PolicyRule] = if is_refused { &[PolicyRule::OperatorRevoked] } else { &[] };
        assert_eq!(refused_by(&told), broken, "{reason:?}");
    }
}

#[test]
fn a_run_that_was_shown_is_refused_once_its_operator_is_revoked() {
    let (site, authority) = asking_about_lists();
    let otto = operator(&authority, "otto");
    let signed = signature(&otto, &manifest(1));
    let told = proposed_with(&site, Some(signed.clone()), listing(&authority, 7, &[]));
    assert!(was_shown(&told) && refused_by(&told).is_empty(), "{:?}", told.not_done());
    let list = listing(&authority, 8, &[revoked(&otto, Reason::Withdrawn)]);
    let told = proposed_with(&site, Some(signed), list);
    assert_eq!((was_shown(&told), refused_by(&told)), (false, vec![PolicyRule::OperatorRevoked]));
}
