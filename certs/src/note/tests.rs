//! Published notes first: the example of the C2SP specification and those of Go's own tests; then every byte
//! of a note changed.

use super::*;
use crate::ledger_key::LedgerKey;

/// The example of C2SP signed-note.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo \
    Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// Of the tests of golang.org/x/mod/sumdb/note: two keys, a text, and a signature of each.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SEED: &str = "gQoUAtUUbI2E8kQzMPVAgOv5juF9nHT2JS/F1ccoMXM=";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n";
const PETER_LINE: &str = "\u{2014} PeterNeumann \
    x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE: &str = "\u{2014} EnochRoot \
    rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn key(text: &str) -> VerifierKey {
    VerifierKey::parse(text).unwrap()
}

fn note(text: &str) -> Note {
    Note::parse(text.as_bytes()).unwrap()
}

#[test]
fn published_notes_verify_and_keys_are_written_as_they_were() {
    assert_eq!(note(EXAMPLE).verify(&key(EXAMPLE_KEY)).unwrap(), "This is an example message.\n");
    let both = format!("{TEXT}\n{PETER_LINE}{ENOCH_LINE}");
    for text in [PETER, ENOCH, EXAMPLE_KEY] {
        assert_eq!(key(text).to_text(), text);
    }
    assert_eq!(note(&both).verify(&key(PETER)).unwrap(), TEXT);
    assert_eq!(note(&both).verify(&key(ENOCH)).unwrap(), TEXT);
    assert_eq!(note(&both).verify(&key(EXAMPLE_KEY)), Err(CertError::NoteSignature));
}

/// Ed25519 is deterministic, so that our note of Go's text and key is Go's note.
#[test]
fn a_note_is_signed_as_go_signs_it() {
    let text = format!("PeterNeumann\n{TEXT}");
    let seed = LedgerKey::from_text(&format!("consilium-ledger-key {PETER_SEED}")).unwrap();
    assert_eq!(seed.verifier("PeterNeumann").unwrap(), key(PETER));
    assert_eq!(seed.sign_unchecked(TEXT), {
        let line = PETER_LINE.trim_end().rsplit(' ').next().unwrap();
        BASE64.decode(line.as_bytes()).unwrap().split_off(4)
    });
    let signed = seed.sign("PeterNeumann", &text).unwrap();
    assert_eq!(note(&signed).verify(&key(PETER)).unwrap(), text);
}

/// White space of ASCII is forgiven, as the second verifier does, and no other.
#[test]
fn a_key_is_read_from_a_line_with_blanks_around_it() {
    assert_eq!(key(&format!(" \t{PETER}\r\n\x0c")), key(PETER));
    for blank in ["\x0b", "\u{a0}", "\u{85}", "\u{3000}", "\x1c"] {
        assert!(VerifierKey::parse(&format!("{PETER}{blank}")).is_err(), "{blank:?}");
    }
}

/// The eight points of small order, and what else decodes to them: a signature of zeros would hold.
#[test]
fn a_key_of_small_order_is_none() {
    for y in SMALL_ORDER {
        for sign in [0, 0x80] {
            let mut public: [u8; 32] = HEXLOWER.decode(y.as_bytes()).unwrap().try_into().unwrap();
            public[31] |= sign;
            assert_eq!(VerifierKey::new("a", public), Err(CertError::VerifierKey), "{y}, {sign}");
        }
    }
    let mut public = [0; 32];
    public[0] = 2;
    assert!(VerifierKey::new("a", public).is_ok());
}

/// As Go's own test mangles a key.
#[test]
fn no_part_of_a_key_and_no_changed_key_is_a_key() {
    for start in 0..=PETER.len() {
        for end in start..=PETER.len() {
            let is_whole = start == 0 && end == PETER.len();
            assert_eq!(VerifierKey::parse(&PETER[start..end]).is_ok(), is_whole, "{start}..{end}");
        }
    }
    for at in 0..PETER.len() {
        let mut bytes = PETER.as_bytes().to_vec();
        bytes[at] += 1;
        assert!(VerifierKey::parse(std::str::from_utf8(&bytes).unwrap()).is_err(), "byte {at}");
    }
    // A key of the wrong length, and one of an unknown kind, with ids that fit.
    for text in [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert!(VerifierKey::parse(text).is_err(), "{text}");
    }
}

#[test]
fn a_note_with_any_byte_changed_is_refused() {
    let good = format!("{TEXT}\n{PETER_LINE}");
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let taken = Note::parse(&bytes).is_ok_and(|note| note.verify(&key(PETER)).is_ok());
            assert!(!taken, "byte {at}, bit {bit}");
        }
        let cut = Note::parse(&good.as_bytes()[..at]);
        assert!(cut.is_err_and(|error| matches!(error, CertError::Note { .. })), "cut at {at}");
    }
}

#[test]
fn odd_notes_are_refused_and_lines_of_strangers_are_not_looked_at() {
    let stranger = "\u{2014} witness.example/w AAAAAAAB\n";
    let with = |lines: &str| format!("{TEXT}\n{lines}");
    assert!(note(&with(&format!("{stranger}{PETER_LINE}"))).verify(&key(PETER)).is_ok());
    // A second signature of the same key that does not hold.
    let broken = PETER_LINE.replace("x08go/Z", "x08go/Y");
    assert!(note(&with(&format!("{PETER_LINE}{broken}"))).verify(&key(PETER)).is_err());
    for odd in [
        with(""),
        with(&format!("{PETER_LINE}\n")),
        with(PETER_LINE.trim_end()),
        with(&PETER_LINE.replace('\u{2014}', "-")),
        with(&PETER_LINE.replace('\u{2014}', "\u{2014} ")),
        with(&PETER_LINE.replace("PeterNeumann", "Peter+Neumann")),
        with(&PETER_LINE.replace("PeterNeumann", "Peter\u{2003}Neumann")),
        with(&PETER_LINE.replace("JnAM=", "JnAN=")),
        with(&PETER_LINE.replace("JnAM=", "JnAM")),
        // The key's id and the signature, each a text of its own: the same bytes.
        with(&format!("\u{2014} PeterNeumann x08goA=={}\n", {
            let line = PETER_LINE.trim_end().rsplit(' ').next().unwrap();
            BASE64.encode(&BASE64.decode(line.as_bytes()).unwrap()[4..])
        })),
        with("\u{2014} PeterNeumann x08goA==\n"),
        with(&PETER_LINE.repeat(NOTE_SIGNATURES_MAX + 1)),
        format!("{}{}", "x".repeat(NOTE_BYTES_MAX), with(PETER_LINE)),
        with(PETER_LINE).replace("your problem is", "your\rproblem is"),
        TEXT.to_owned(),
        String::new(),
    ] {
        assert!(matches!(Note::parse(odd.as_bytes()), Err(CertError::Note { .. })), "{odd}");
    }
    assert!(Note::parse(b"\xff\n\n").is_err());
}
