//! A published cosignature first, and the example of the specification; then what is none, and every byte
//! changed. Run by `cargo test`.

use proptest::prelude::*;

use super::*;
use crate::ledger_key::LedgerKey;
use crate::limits::NOTE_SIGNATURES_MAX;
use crate::witness_key::WitnessKey;

/// A head of a public log of Certificate Transparency, as the witness `navigli` of the public network
/// cosigned it on 2026-08-02; the witness' key as that network publishes it.
const LOG_TEXT: &str = "coachandhorses2026h1.staging.certificate.transparency.goog\n185550722\n\
    YXAM0VmnrfvLaBCOOYSJhCaE5F10oGBOo+hkbDa1kng=\n";
const NAVIGLI: &str =
    "witness.navigli.sunlight.geomys.org+a3e00fe2+BNy/co4C1Hn1p+INwJrfUlgz7W55dSZReusH/GhUhJ/G";
const NAVIGLI_LINE: &str = "\u{2014} witness.navigli.sunlight.geomys.org \
    o+AP4gAAAABqb7DzNrGFRJnQ9vrJ8xpnwZytnr/ZYczDIsvwvouiSjwOjn7a72ccxBk+lKnZ7dKqkYKER1s/KxLTaVwQD7lJZTC/CQ==\n";
const NAVIGLI_TIME: u64 = 1_785_704_691;

/// The example of C2SP tlog-cosignature, whose keys are not published: its form and its time.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
    \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
    \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

const LOG: &str = "consilium/0000000000000000/cardiology";
const TEXT: &str = "consilium/0000000000000000/cardiology\n7\nAAAA\n";

fn navigli() -> WitnessVerifier {
    WitnessVerifier::parse(NAVIGLI).unwrap()
}

fn read(text: &str) -> Note {
    Note::parse(text.as_bytes()).unwrap()
}

struct Parties {
    log: LedgerKey,
    witness: WitnessKey,
}

impl Parties {
    fn new() -> Self {
        Self { log: LedgerKey::generate().unwrap(), witness: WitnessKey::generate("hospital-b").unwrap() }
    }

    fn signed(&self) -> Note {
        read(&self.log.sign(LOG, TEXT).unwrap())
    }

    fn cosigned(&self, at_s: u64) -> Note {
        self.witness.cosign(self.signed(), &self.log.verifier(LOG).unwrap(), at_s).unwrap()
    }
}

#[test]
fn a_published_cosignature_holds_and_says_when() {
    let note = read(&format!("{LOG_TEXT}\n{NAVIGLI_LINE}"));
    assert_eq!(note.cosigned_at(&navigli()), Ok(NAVIGLI_TIME));
    assert_eq!(navigli().to_text(), NAVIGLI);
    assert_eq!(read(EXAMPLE).to_text(), EXAMPLE);
    let line = &read(EXAMPLE).signatures[1];
    assert_eq!(line.signature.len(), BYTES);
    assert_eq!(u64::from_be_bytes(*line.signature.first_chunk().unwrap()), 1_679_315_147);
    assert_eq!(message(1_679_315_147, "a\n"), b"cosignature/v1\ntime 1679315147\na\n");
}

#[test]
fn the_published_one_with_any_byte_changed_is_refused() {
    let good = format!("{LOG_TEXT}\n{NAVIGLI_LINE}");
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let taken = Note::parse(&bytes).is_ok_and(|note| note.cosigned_at(&navigli()).is_ok());
            assert!(!taken, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn a_key_of_heads_is_no_key_of_a_witness_nor_the_other_way_round() {
    let parties = Parties::new();
    let (log, witness) = (parties.log.verifier(LOG).unwrap(), parties.witness.verifier().unwrap());
    assert_eq!(WitnessVerifier::parse(&log.to_text()), Err(CertError::WitnessVerifier));
    assert_eq!(VerifierKey::parse(&witness.to_text()), Err(CertError::VerifierKey));
    // The same bytes as a key of the other kind have another id, and their signatures do not hold.
    let as_log = VerifierKey::new("hospital-b", witness.public).unwrap();
    let as_witness = WitnessVerifier::parse(&key_text(LOG, KIND, &log.public)).unwrap();
    let note = parties.cosigned(5);
    assert!(note.verify(&as_log).is_err() && note.cosigned_at(&as_witness).is_err());
    for (text, key) in [(NAVIGLI.len(), NAVIGLI), (witness.to_text().len(), &witness.to_text())] {
        assert!((0..text).all(|end| WitnessVerifier::parse(&key[..end]).is_err()), "{key}");
    }
}

#[test]
fn a_cosignature_is_of_one_witness_one_head_and_one_time() {
    let parties = Parties::new();
    let witness = parties.witness.verifier().unwrap();
    let note = parties.cosigned(1_800_000_000);
    assert_eq!(note.cosigned_at(&witness), Ok(1_800_000_000));
    assert_eq!(note.verify(&parties.log.verifier(LOG).unwrap()), Ok(TEXT));
    let text = note.to_text();
    assert_eq!(read(&text), note);
    // Another witness of the same name.
    let other = WitnessKey::generate("hospital-b").unwrap().verifier().unwrap();
    assert_eq!(note.cosigned_at(&other), Err(CertError::Cosignature { reason: "there is none of this key" }));
    // Its line under another head of the same log, and under another log's.
    let line = text.lines().last().unwrap();
    for (name, head) in [(LOG, TEXT.replace('7', "8")), ("elsewhere", TEXT.replace(LOG, "elsewhere"))] {
        let moved = format!("{}{line}\n", parties.log.sign(name, &head).unwrap());
        let refused = read(&moved).cosigned_at(&witness).unwrap_err();
        assert_eq!(refused, CertError::Cosignature { reason: "the one of this key does not hold" });
    }
    // Another time, and one that no witness may give.
    for at_s in [1_800_000_001_u64, u64::MAX] {
        let mut later = note.clone();
        later.signatures[1].signature[..8].copy_from_slice(&at_s.to_be_bytes());
        assert!(later.cosigned_at(&witness).is_err(), "{at_s}");
    }
    let log = parties.log.verifier(LOG).unwrap();
    assert!(parties.witness.cosign(parties.signed(), &log, u64::MAX).is_err());
    // A plain signature of the witness' key in place of one with a time.
    let mut plain = note.clone();
    plain.signatures[1].signature.truncate(64);
    assert!(plain.cosigned_at(&witness).is_err());
}

#[test]
fn a_witness_cosigns_what_the_log_signed_and_once() {
    let parties = Parties::new();
    let (log, other) = (parties.log.verifier(LOG).unwrap(), LedgerKey::generate().unwrap());
    let refused = parties.witness.cosign(parties.signed(), &other.verifier(LOG).unwrap(), 5);
    assert_eq!(refused, Err(CertError::NoteSignature));
    let again = parties.witness.cosign(parties.cosigned(5), &log, 9).unwrap();
    assert_eq!(again.signatures.len(), 2, "its own line is replaced");
    assert_eq!(again.cosigned_at(&parties.witness.verifier().unwrap()), Ok(9));
    let mut full = parties.signed();
    for number in 1..NOTE_SIGNATURES_MAX {
        let witness = WitnessKey::generate(&format!("w{number}")).unwrap();
        full = witness.cosign(full, &log, 5).unwrap();
    }
    assert!(matches!(parties.witness.cosign(full.clone(), &log, 5), Err(CertError::Note { .. })));
    assert!(full.to_text().len() <= NOTE_BYTES_MAX);
}

#[test]
fn a_note_that_would_be_too_long_to_be_read_again_is_not_made() {
    let parties = Parties::new();
    let log = parties.log.verifier(LOG).unwrap();
    let of = |bytes: usize| {
        let text = format!("{LOG}\n{}\n", "x".repeat(bytes));
        read(&parties.log.sign(LOG, &text).unwrap())
    };
    let bare = parties.witness.cosign(of(1), &log, 5).unwrap().to_text().len() - 1;
    let room = NOTE_BYTES_MAX - bare;
    let full = parties.witness.cosign(of(room), &log, 5).unwrap();
    assert_eq!(full.to_text().len(), NOTE_BYTES_MAX);
    assert!(matches!(parties.witness.cosign(of(room + 1), &log, 5), Err(CertError::Note { .. })));
}

#[test]
fn a_stored_key_is_the_same_and_other_texts_are_none() {
    let key = WitnessKey::generate("hospital-b").unwrap();
    let text = key.to_text().unwrap();
    assert_eq!(WitnessKey::from_text(&text).unwrap().verifier(), key.verifier());
    assert!(!format!("{key:?}").contains(text.trim()));
    for bad in [
        "",
        "consilium-witness-key",
        "consilium-witness-key a AAAA",
        &text.replace("hospital-b ", ""),
        &text.replace("hospital-b", "a+b"),
        &text.replace("witness", "ledger"),
        &format!("{} x", text.trim()),
    ] {
        assert_eq!(WitnessKey::from_text(bad).unwrap_err(), CertError::WitnessKey, "{bad}");
    }
    for name in ["", "two words", "a+b"] {
        assert_eq!(WitnessKey::generate(name).unwrap_err(), CertError::WitnessVerifier, "{name:?}");
    }
}

proptest! {
    #[test]
    fn whatever_is_cosigned_comes_out_of_its_text(at_s in 0..=i64::MAX.cast_unsigned(), head in "[a-z0-9]{1,40}") {
        let parties = Parties::new();
        let text = format!("{LOG}\n{head}\n");
        let note = read(&parties.log.sign(LOG, &text).unwrap());
        let note = parties.witness.cosign(note, &parties.log.verifier(LOG).unwrap(), at_s).unwrap();
        let found = read(&note.to_text());
        prop_assert_eq!(found.cosigned_at(&parties.witness.verifier().unwrap()), Ok(at_s));
        prop_assert_eq!(found, note);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,80}") {
        if let Ok(note) = Note::parse(&[TEXT.as_bytes(), b"\n", &bytes].concat()) {
            let _ = note.cosigned_at(&navigli());
        }
        let _ = (WitnessVerifier::parse(&text), WitnessKey::from_text(&text));
    }
}
