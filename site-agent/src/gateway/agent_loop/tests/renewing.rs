//! A certificate that is renewed while the agent runs, by a coordinator that answers, loses its answer, or
//! lies.

use std::time::{Duration as Length, SystemTime};

use certs::{CertificateAuthority, IdentityKey, PeerCertificate, RequestedKey, SerialNumber, csr};

use super::*;
use crate::gateway::renewal;

pub(super) const DAY: Length = Length::from_secs(86_400);
/// Twenty-one of thirty days are over.
const NOW_MS: u64 = 1_800_000_000_000;

pub(super) fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Length::from_millis(NOW_MS)
}

pub(super) fn serial(number: u8) -> SerialNumber {
    SerialNumber::from_random([number; 16])
}

/// A site whose certificate is so many days old, and the authority that made it.
pub(super) fn certified(age_days: u32) -> (Site, Arc<CertificateAuthority>) {
    let authority = CertificateAuthority::create("test", &serial(1), now() - 100 * DAY).unwrap();
    let key = IdentityKey::generate().unwrap();
    let requested = RequestedKey::from_csr(&csr::create(&key).unwrap()).unwrap();
    let issued =
        authority.issue_site(SITE, &requested, &serial(2), now() - age_days * DAY, 30 * DAY).unwrap();
    let mut site = Site { clock_ms: NOW_MS, ..Site::new() };
    let (folder, ca) = (site.folder.identity(), authority.certificate_der().to_vec());
    site.renewal = Some(Box::new(move || {
        let tls = renewal::load(&folder, &Default::default()).unwrap().map(|renewed| renewed.tls);
        let tls = tls.unwrap_or_else(|| TlsIdentity::new(&issued.der, &key).unwrap());
        Renewal::new(&folder, &SITE.parse().unwrap(), &tls, &ca).unwrap()
    }));
    (site, Arc::new(authority))
}

/// Certifies the key that was asked for, for a site of this name.
fn certify(authority: &CertificateAuthority, request: &[u8], name: &str, days: u32) -> Option<Answer> {
    let key = RequestedKey::from_csr(request).unwrap();
    let payload = authority.issue_site(name, &key, &serial(3), now(), days * DAY).unwrap().der;
    Some(Answer { response: Response::Renewed { length: payload.len() as u32 }, payload })
}

fn requests(told: &Told) -> usize {
    told.arrived.iter().filter(|request| matches!(request, Request::Renew { .. })).count()
}

/// The key in use, where there was a renewal.
fn in_use(site: &Site) -> Option<PeerCertificate> {
    renewal::load(&site.folder.identity(), &Default::default())
        .unwrap()
        .map(|renewed| renewed.tls.peer().unwrap())
}

#[test]
fn a_certificate_is_renewed_after_two_thirds_of_its_life_and_a_run_goes_on_with_its_launch() {
    let (young, authority) = certified(19);
    let told = young.run(Honest::new(), honestly, polls(3), WITHIN);
    assert_eq!((requests(&told), in_use(&young)), (0, None));
    drop(authority);

    let (site, authority) = certified(21);
    let mut honest = Honest::new();
    // Its roster has the key of the launch.
    honest.assign(key(1, 1), &manifest(1));
    let answers = move |honest: &mut Honest, request: &Request| match request {
        Request::Renew { .. } => certify(&authority, &honest.payload, SITE, 30),
        _ => None,
    };
    let told = site.run(honest, answers, polls(3), WITHIN);
    assert_eq!((requests(&told), told.honest.acknowledged.clone()), (1, vec![key(1, 1)]));
    assert!(told.notices.contains(&Notice::CertificateRenewed));
    let renewed = in_use(&site).unwrap();
    assert!(renewed.not_after >= now() + 29 * DAY && renewed.is_of(SITE));
    let hellos = told.arrived.iter().filter(|request| matches!(request, Request::Hello { .. })).count();
    assert_eq!(hellos, 2, "the next question comes with the new certificate");
    let store = Store::open(&site.folder.database()).unwrap();
    assert!(store.is_own_key(OWN_KEY).unwrap(), "a run of before goes on");
    assert!(store.is_own_key(Digest(*renewed.key.as_bytes())).unwrap(), "and the next one has the new key");
    let left: Vec<_> =
        fs::read_dir(site.folder.renewed()).unwrap().flatten().map(|at| at.file_name()).collect();
    assert_eq!(left, ["identity.pem"]);

    let told = site.run(Honest::new(), honestly, polls(2), WITHIN);
    assert_eq!(requests(&told), 0, "another life of the process has the new one");
}

#[test]
fn an_answer_that_is_lost_is_asked_for_again_with_the_same_key_and_seldom() {
    let (site, authority) = certified(29);
    let keys = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&keys);
    let loses = move |honest: &mut Honest, request: &Request| match request {
        Request::Renew { .. } => {
            seen.lock().unwrap().push(RequestedKey::from_csr(&honest.payload).unwrap().pin());
            plain(Response::Refused(Refusal::Internal))
        }
        _ => None,
    };
    let told = site.run(Honest::new(), loses, polls(5), WITHIN);
    assert_eq!((requests(&told), in_use(&site)), (1, None), "an hour lies between two attempts");
    let seen = Arc::clone(&keys);
    let answers = move |honest: &mut Honest, request: &Request| match request {
        Request::Renew { .. } => {
            seen.lock().unwrap().push(RequestedKey::from_csr(&honest.payload).unwrap().pin());
            certify(&authority, &honest.payload, SITE, 30)
        }
        _ => None,
    };
    site.run(Honest::new(), answers, polls(2), WITHIN);
    let keys = keys.lock().unwrap();
    assert!(keys.len() == 2 && keys[0] == keys[1], "{keys:?}");
    assert_eq!(in_use(&site).unwrap().key, keys[0]);
}

#[test]
fn a_key_that_is_not_certified_again_is_replaced() {
    let (site, _) = certified(29);
    let keys = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..2 {
        let seen = Arc::clone(&keys);
        let refuses = move |honest: &mut Honest, request: &Request| match request {
            Request::Renew { .. } => {
                seen.lock().unwrap().push(RequestedKey::from_csr(&honest.payload).unwrap().pin());
                plain(Response::Refused(Refusal::Conflict))
            }
            _ => None,
        };
        site.run(Honest::new(), refuses, polls(2), WITHIN);
    }
    let keys = keys.lock().unwrap();
    assert!(keys.len() == 2 && keys[0] != keys[1], "{keys:?}");
}

#[test]
fn a_certificate_of_another_name_key_or_authority_is_not_taken() {
    let stranger = CertificateAuthority::create("test", &serial(9), now() - DAY).unwrap();
    let other_key = csr::create(&IdentityKey::generate().unwrap()).unwrap();
    type Lie = Box<dyn Fn(&CertificateAuthority, &[u8]) -> Option<Answer> + Send>;
    let lies: [Lie; 5] = [
        Box::new(|authority, request| certify(authority, request, "neurology", 30)),
        Box::new(move |authority, _| certify(authority, &other_key, SITE, 30)),
        Box::new(move |_, request| certify(&stranger, request, SITE, 30)),
        Box::new(|_, _| Some(Answer { response: Response::Renewed { length: 3 }, payload: vec![1, 2, 3] })),
        Box::new(|_, _| plain(Response::Noted)),
    ];
    for (number, lie) in lies.into_iter().enumerate() {
        let (site, authority) = certified(25);
        let answers = move |honest: &mut Honest, request: &Request| match request {
            Request::Renew { .. } => lie(&authority, &honest.payload),
            _ => None,
        };
        let told = site.run(Honest::new(), answers, polls(3), WITHIN);
        assert_eq!((requests(&told), in_use(&site)), (1, None), "lie {number}");
        assert!(!told.notices.contains(&Notice::CertificateRenewed), "lie {number}");
    }
}
