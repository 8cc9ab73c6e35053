//! A waiver holds for its dataset, its officer and its time, and for nothing else. The signature here is a
//! keyed hash; the real one is tested in `certs` and on the command line.

use sha2::{Digest as _, Sha256};

use super::*;

const OFFICER: [u8; 32] = [7; 32];

fn sign(message: &[u8]) -> Vec<u8> {
    Sha256::new().chain_update(b"secret").chain_update(message).finalize().to_vec()
}

fn verify(message: &[u8], signature: &[u8]) -> bool {
    sign(message) == signature
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn records() -> Vec<[u8; 32]> {
    (0..5u8).map(|number| [number; 32]).collect()
}

fn accepted(record: u8) -> AcceptedFinding {
    AcceptedFinding { record: hex(&[record; 32]), field: 1, start: 3, end: 9, kind: Kind::MobilePhone }
}

fn signed() -> SignedWaiver {
    let terms = WaiverTerms {
        kinds: [Kind::Date].into(),
        findings: [accepted(2)].into(),
        reason: "Public holidays only.",
        issued: "2026-11-25",
        expires: "2027-05-01",
    };
    let waiver = Waiver::new(&dataset_digest(&records()), terms, &OFFICER).unwrap();
    let signature = text(&sign(&waiver.message().unwrap()));
    SignedWaiver { waiver, signature }
}

const TODAY: Date = Date { year: 2027, month: 5, day: 1 };

#[test]
fn it_accepts_what_it_names_and_nothing_else() {
    let read = SignedWaiver::from_bytes(&signed().to_bytes().unwrap()).unwrap();
    let accepted = read.verify(&OFFICER, TODAY, &verify).unwrap();
    accepted.require_dataset(&dataset_digest(&records())).unwrap();
    let phone = Finding::new(Kind::MobilePhone, 1, 3, 9);
    assert!(accepted.accepts(&[2; 32], &phone));
    assert!(!accepted.accepts(&[3; 32], &phone));
    assert!(!accepted.accepts(&[2; 32], &Finding::new(Kind::MobilePhone, 1, 3, 10)));
    assert!(!accepted.accepts(&[2; 32], &Finding::new(Kind::BankCard, 1, 3, 9)));
    assert!(accepted.accepts(&[9; 32], &Finding::new(Kind::Date, 0, 0, 4)));
}

#[test]
fn another_dataset_is_refused_and_the_order_of_records_does_not_matter() {
    let accepted = signed().verify(&OFFICER, TODAY, &verify).unwrap();
    let mut turned = records();
    turned.reverse();
    accepted.require_dataset(&dataset_digest(&turned)).unwrap();
    turned.pop();
    let error = accepted.require_dataset(&dataset_digest(&turned)).unwrap_err();
    assert_eq!(error, WaiverError::OtherDataset);
    assert!(error.to_string().contains("another dataset"));
}

#[test]
fn an_expired_one_is_refused_on_the_day_after_its_last() {
    let tomorrow = Date { year: 2027, month: 5, day: 2 };
    let error = signed().verify(&OFFICER, tomorrow, &verify).unwrap_err();
    assert_eq!(error.to_string(), "the waiver expired: 2027-05-01 was its last day");
}

#[test]
fn another_key_and_any_alteration_are_refused() {
    assert_eq!(signed().verify(&[8; 32], TODAY, &verify), Err(WaiverError::OtherKey));
    let alter = |change: &dyn Fn(&mut SignedWaiver)| {
        let mut altered = signed();
        change(&mut altered);
        altered.verify(&OFFICER, TODAY, &verify)
    };
    assert!(alter(&|_| ()).is_ok());
    assert_eq!(
        alter(&|signed| {
            signed.waiver.kinds.insert(Kind::CitizenId);
        }),
        Err(WaiverError::Altered)
    );
    assert_eq!(
        alter(&|signed| {
            signed.waiver.findings.insert(accepted(3));
        }),
        Err(WaiverError::Altered)
    );
    assert_eq!(alter(&|signed| signed.waiver.expires = "2037-05-01".to_owned()), Err(WaiverError::Altered));
    assert_eq!(alter(&|signed| signed.waiver.dataset = hex(&[1; 32])), Err(WaiverError::Altered));
    assert_eq!(alter(&|signed| signed.waiver.reason.push('!')), Err(WaiverError::Altered));
    assert_eq!(alter(&|signed| signed.signature.truncate(10)), Err(WaiverError::Altered));
    assert_eq!(alter(&|signed| signed.signature = "é".repeat(64)), Err(WaiverError::Altered));
}

#[test]
fn what_is_no_waiver_is_refused() {
    for bytes in [&b""[..], b"{}", b"{\"waiver\":1,\"signature\":\"\"}", &[0xff; 8]] {
        assert!(matches!(SignedWaiver::from_bytes(bytes), Err(WaiverError::Format(_))));
    }
    let other = String::from_utf8(signed().to_bytes().unwrap()).unwrap();
    assert!(SignedWaiver::from_bytes(other.replace("\"version\": 1", "\"version\": 2").as_bytes()).is_err());
    assert!(SignedWaiver::from_bytes(other.replace("\"reason\"", "\"raeson\"").as_bytes()).is_err());
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let make = |kinds: &[Kind], reason: &str, days: (&str, &str)| {
        let kinds = kinds.iter().copied().collect();
        let terms = WaiverTerms { kinds, findings: BTreeSet::new(), reason, issued: days.0, expires: days.1 };
        Waiver::new(&[0; 32], terms, &OFFICER)
    };
    assert!(make(&[Kind::Date], "why", ("2026-11-25", "2026-11-25")).is_ok());
    assert!(make(&[], "why", ("2026-11-25", "2026-11-25")).is_err());
    assert!(make(&[Kind::Date], " ", ("2026-11-25", "2026-11-25")).is_err());
    assert!(make(&[Kind::Date], &"w".repeat(501), ("2026-11-25", "2026-11-25")).is_err());
    assert!(make(&[Kind::Date], "why", ("2026-11-25", "2026-11-24")).is_err());
    for wrong in ["2026-02-29", "2026-1-01", "tomorrow", "2026/11/25", "+026-11-25", ""] {
        assert!(make(&[Kind::Date], "why", ("2020-01-01", wrong)).is_err(), "{wrong}");
    }
}
