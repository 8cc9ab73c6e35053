//! What comes from the other side of a line, or from a file that another program wrote, as any bytes: frames,
//! terms, certificates, invitations, ledgers, their signed heads and proofs. Called by `targets/messages`
//! and, on stable Rust, by `tests/it/mutated.rs`. Invariants checked: no panic; a message, a receipt, terms,
//! a head or a proof that are read are written again as the same bytes, so that none has two spellings; what
//! is refused is refused with a sentence.

use certs::{Invitation, LedgerKey, Note, PeerCertificate, RequestedKey};
use common::ledger::{self, Arrivals, ArrivalsWriter, Checkpoint, InclusionProof};
use common::run::SignedManifest;
use common::wire::join::{JoinRequest, JoinResponse};
use common::wire::message::{Envelope, Receipt, Response};
use common::wire::{codec, frame};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads some bytes, and says whether they were what they pretend to be.
pub type Target = fn(&[u8]) -> bool;

/// Every kind of bytes, by its name, which is also that of the folder of its seeds.
pub const TARGETS: [(&str, Target); 13] = [
    ("envelope", message::<Envelope>),
    ("response", message::<Response>),
    ("join_request", message::<JoinRequest>),
    ("join_response", message::<JoinResponse>),
    ("receipt", receipt),
    ("manifest", manifest),
    ("certificate_request", certificate_request),
    ("certificate", certificate),
    ("invitation", invitation),
    ("ledger", egress_ledger),
    ("arrivals", arrivals),
    ("checkpoint", checkpoint),
    ("proof", proof),
];

/// The key under the heads of the seeds; no site has it.
pub const LEDGER_KEY: &str = "consilium-ledger-key IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=";
/// The ledger of the seeds.
pub const LEDGER_NAME: &str = "consilium/abababababababab/cardiology";

/// The body of a frame. Returns whether it was one.
fn message<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> bool {
    match frame::from_body::<T>(bytes) {
        Ok(found) => {
            let written = frame::to_bytes(&found);
            let body = written.as_ref().map(|written| &written[frame::PREFIX_BYTES..]);
            assert_eq!(body, Ok(bytes), "a second spelling");
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn receipt(bytes: &[u8]) -> bool {
    match codec::decode::<Receipt>(bytes) {
        Ok(found) => {
            assert_eq!(codec::encode(&found).as_deref(), Ok(bytes), "a second spelling");
            assert!(found.body.signed_bytes().len() > 100);
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn manifest(bytes: &[u8]) -> bool {
    match SignedManifest::from_bytes(bytes) {
        Ok(found) => {
            assert_eq!(found.to_bytes().as_deref(), Ok(bytes), "a second spelling");
            assert_eq!(found.manifest.roster.code().len(), 35);
            // Nobody's signature comes out of this; what reads the certificate must not panic.
            if let (Some(by), Ok(statement)) = (&found.launched_by, found.manifest.launch_statement()) {
                assert!(certs::launch::signed_by(&by.certificate_der, &statement, &by.signature).is_err());
            }
            // Bounds are asked for before anything is done with it.
            found.manifest.validate().map_or_else(|error| is_a_sentence(&error), |()| true)
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn certificate_request(bytes: &[u8]) -> bool {
    match RequestedKey::from_csr(bytes) {
        Ok(key) => {
            assert_ne!(key.pin().as_bytes(), &[0; 32]);
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn certificate(bytes: &[u8]) -> bool {
    match PeerCertificate::from_der(bytes) {
        Ok(found) => {
            // Of a site, of the coordinator, or of nobody we know: it is asked, and never a panic.
            let _ = found.site();
            let _ = certs::profile::renewal_late(found.not_before, found.not_after);
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn invitation(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    match Invitation::parse(&text) {
        Ok(found) => {
            let line = found.to_line();
            let again = Invitation::parse(&line).map(|again| (again.site, again.pin));
            assert_eq!(again, Ok((found.site, found.pin)), "a second spelling");
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn egress_ledger(bytes: &[u8]) -> bool {
    let mut records = 0_u64;
    match ledger::verify(bytes, |record| {
        assert_eq!(record.sequence, records);
        records += 1;
    }) {
        Ok(summary) => {
            assert_eq!(summary.records, records);
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn arrivals(bytes: &[u8]) -> bool {
    match Arrivals::read(bytes) {
        Ok(found) => {
            let written = written(&found);
            assert_eq!(written.as_deref().ok(), Some(bytes), "a second spelling");
            // Of any ledger: nothing of a list makes the comparison panic.
            let beside = ledger::reconcile(&[], &found);
            assert!(beside.faults.len() >= found.frames.len());
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn written(arrivals: &Arrivals) -> Result<Vec<u8>, ledger::ArrivalsError> {
    let mut writer = ArrivalsWriter::begin(Vec::new(), &arrivals.heading)?;
    for frame in &arrivals.frames {
        writer.frame(frame)?;
    }
    writer.finish(&arrivals.signature)
}

/// The head in a note that the key of the seeds signed.
fn head(bytes: &[u8]) -> Result<Checkpoint, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let key = LedgerKey::from_text(LEDGER_KEY).and_then(|key| key.verifier(LEDGER_NAME));
    let key = key.map_err(|error| words(&error))?;
    let note = Note::parse(bytes).map_err(|error| words(&error))?;
    let text = note.verify(&key).map_err(|error| words(&error))?;
    let found = Checkpoint::parse(text).map_err(|error| words(&error))?;
    assert_eq!(found.to_string(), text, "a second spelling");
    Ok(found)
}

fn checkpoint(bytes: &[u8]) -> bool {
    // Nobody signed anything but the seeds.
    head(bytes).map_or_else(|error| is_a_sentence(&error), |found| found.head.size == 4)
}

fn proof(bytes: &[u8]) -> bool {
    let found = match InclusionProof::parse(bytes) {
        Ok(found) => found,
        Err(error) => return is_a_sentence(&error),
    };
    assert_eq!(found.to_text().as_bytes(), bytes, "a second spelling");
    match head(found.note.as_bytes()).map(|head| found.holds(&head.head)) {
        Ok(Ok(record)) => {
            assert_eq!(record.sequence, found.index);
            true
        }
        Ok(Err(error)) => is_a_sentence(&error),
        Err(error) => is_a_sentence(&error),
    }
}

fn is_a_sentence(error: &dyn std::fmt::Display) -> bool {
    assert!(!error.to_string().trim().is_empty());
    false
}
