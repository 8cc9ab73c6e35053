//! What somebody signed, sealed or wrote long ago and a program reads later, as any bytes: revocation lists,
//! lines of the log of acts, age files, suites of an evaluation, files of safety
//! rules, sheets that graders give back in any form. Called by `targets/kept` and, on stable
//! Rust, by `tests/it/mutated.rs`. Invariants: no panic; a list and a line that are read have one spelling;
//! what is refused is refused with a sentence. Behind its signature only the authority's own lists are read,
//! so that changed ones end there; odd lists that an authority signed are in `certs/src/crl/tests.rs`.

use std::path::Path;
use std::sync::OnceLock;

use certs::{AgeIdentity, RevocationList, age, tls};
use coordinator::admin::acts::{self, State};
use evaluation::review::{Key, KeyGrader, KeyItem, Subject, import, kept, plan};
use evaluation::safety::RuleFile;
use evaluation::suite::SuiteFile;

/// Reads some bytes, and says whether they were what they pretend to be.
pub type Target = fn(&[u8]) -> bool;

/// Every kind of bytes, by its name, which is also that of the folder of its seeds.
pub const TARGETS: [(&str, Target); 6] = [
    ("revocations", revocations),
    ("acts", log_of_acts),
    ("age", sealed),
    ("suite", suite),
    ("rules", rules),
    ("sheet", sheet),
];

/// The authority of the seeds; its key was thrown away.
pub const AUTHORITY: &str = include_str!("authority.pem");
/// Who opens the age files of the seeds; no site has it.
pub const AGE_IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

fn revocations(bytes: &[u8]) -> bool {
    let Ok(authority) = tls::certificate_from_pem(AUTHORITY) else { return false };
    match RevocationList::verify(bytes, &authority) {
        Ok(list) => {
            assert_eq!(list.der(), bytes, "a second spelling");
            let again = RevocationList::verify_pem(&list.pem(), &authority);
            assert_eq!(again.as_ref(), Ok(&list));
            assert!(list.next_update() > list.this_update());
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn log_of_acts(bytes: &[u8]) -> bool {
    let mut written = Vec::new();
    let read = acts::read(&mut &*bytes, State::default(), &[], |record| {
        written.extend_from_slice(&record.to_line());
        written.push(b'\n');
    });
    assert!(bytes.starts_with(&written), "a second spelling");
    match read {
        Ok(Ok(reading)) => {
            assert_eq!(reading.is_torn, written.len() < bytes.len());
            true
        }
        Ok(Err(damage)) => is_a_sentence(&damage),
        Err(error) => is_a_sentence(&error),
    }
}

fn sealed(bytes: &[u8]) -> bool {
    let Ok(identity) = AgeIdentity::parse(AGE_IDENTITY) else { return false };
    match age::open(&identity, bytes) {
        Ok(opened) => {
            assert!(opened.len() < bytes.len(), "a header, a nonce and a tag are not in it");
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn suite(bytes: &[u8]) -> bool {
    match SuiteFile::parse(Path::new("folder/suite.toml"), bytes) {
        Ok(file) => {
            assert_eq!(file.records().parent(), Some(Path::new("folder")), "records lie beside the suite");
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

/// The rules, with their tables' text as the file itself.
fn rules(bytes: &[u8]) -> bool {
    let read = RuleFile::parse(Path::new("folder/rules.toml"), bytes);
    match read.and_then(|file| file.with_tables(&|_| Ok(bytes.to_vec()))) {
        Ok(rules) => {
            assert!(!rules.is_empty());
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

/// The review that the sheets are of: its key and its seal.
pub fn review() -> &'static (Key, String) {
    static REVIEW: OnceLock<(Key, String)> = OnceLock::new();
    REVIEW.get_or_init(|| {
        let item = |number: usize| KeyItem {
            name: format!("item-{number}"),
            case: None,
            question: format!("胸痛怎么办？ {number}"),
            answers: ["=call 120", "wait"].map(str::to_owned),
        };
        let key = Key {
            review: 1,
            nonce: "00".repeat(32),
            of: Subject {
                run: "0707070707070707".to_owned(),
                suite: "questions".to_owned(),
                records_sha256: "11".repeat(32),
                adapter: "22".repeat(32),
                models: ["base", "round 2"].map(str::to_owned),
            },
            items: (0..2).map(item).collect(),
            graders: vec![KeyGrader { name: "grader-1".to_owned(), places: plan(2, 1, [3; 32]).remove(0) }],
        };
        let bytes = key.to_bytes().unwrap_or_default();
        Key::parse(Path::new("key.json"), &bytes)
            .unwrap_or_else(|error| panic!("the key of the seeds: {error}"))
    })
}

/// What comes back from a grader, in any form: what is read of it is read again from what is kept.
fn sheet(bytes: &[u8]) -> bool {
    let (key, seal) = review();
    match import(Path::new("sheet"), bytes, key, seal) {
        Ok(given) => {
            if !given.grades.is_empty() {
                let text = kept(&given, key, seal).unwrap_or_default();
                assert_eq!(import(Path::new("kept"), text.as_bytes(), key, seal), Ok(given));
            }
            true
        }
        Err(error) => is_a_sentence(&error),
    }
}

fn is_a_sentence(error: &dyn std::fmt::Display) -> bool {
    assert!(!error.to_string().trim().is_empty());
    false
}
