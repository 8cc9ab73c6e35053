//! The published vectors, and what this writes itself.

use data_encoding::{BASE64, HEXLOWER};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;

/// Of C2SP's CCTV, `age/testdata`: those with an X25519 identity and no armor, content uncompressed; a line
/// each: name, what is expected, SHA-256 of the content, identity, file in base64.
const VECTORS: &str = include_str!("vectors.txt");

#[test]
fn published_files_open_or_are_refused_as_they_must() {
    let (mut opened, mut refused) = (0, 0);
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let [name, expected, content, identity, file] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let identity = AgeIdentity::parse(identity).unwrap();
        let found = open(&identity, &BASE64.decode(file.as_bytes()).unwrap());
        match expected {
            "success" => {
                let hash = HEXLOWER.encode(&Sha256::digest(found.unwrap().as_slice()));
                assert_eq!(hash, content, "{name}");
                opened += 1;
            }
            _ => {
                assert!(matches!(found, Err(CertError::Age { .. })), "{name} is {expected}");
                refused += 1;
            }
        }
    }
    assert!(opened >= 5 && refused >= 20, "{opened} {refused}");
}

/// As age 1.2 and rage 0.12 have it.
#[test]
fn keys_are_written_as_other_programs_write_them() {
    let text = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
    let identity = AgeIdentity::parse(&format!("# created\n\n{text}\n")).unwrap();
    assert_eq!(identity.to_text().trim(), text);
    let recipient = identity.recipient().unwrap();
    let public = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    assert_eq!(recipient.to_string(), public);
    assert_eq!(AgeRecipient::parse(public).unwrap(), recipient);
    let upper = public.to_uppercase();
    for odd in ["", "age1", text, &public[..61], &public.replace('q', "p"), &upper, "age1q\u{e9}"] {
        assert_eq!(AgeRecipient::parse(odd).unwrap_err(), CertError::AgeKey, "{odd}");
    }
    for odd in ["", public, &text.to_lowercase(), &format!("{text}\n{text}"), &text[..70]] {
        assert!(AgeIdentity::parse(odd).is_err(), "{odd}");
    }
    assert!(!format!("{identity:?}").contains("GFPYY"));
}

#[test]
fn nobody_else_opens_it_and_no_byte_may_change() {
    let identity = AgeIdentity::generate().unwrap();
    let sealed = seal(&identity.recipient().unwrap(), b"a frame").unwrap();
    assert_eq!(open(&identity, &sealed).unwrap().as_slice(), b"a frame");
    let other = open(&AgeIdentity::generate().unwrap(), &sealed).unwrap_err();
    assert!(other.to_string().contains("another key"), "{other}");
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(open(&identity, &changed).is_err(), "byte {at}");
        assert!(open(&identity, &sealed[..at]).is_err(), "{at} bytes");
    }
}

/// Every X25519 share of small order gives a key of zeros.
#[test]
fn a_recipient_of_small_order_is_refused() {
    assert_eq!(seal(&AgeRecipient([0; 32]), b"").unwrap_err(), CertError::AgeKey);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn what_is_sealed_opens(length in prop_oneof![0_usize..300, 65_530_usize..65_545, Just(131_072_usize), Just(1 << 20)]) {
        let identity = AgeIdentity::generate().unwrap();
        let plain: Vec<u8> = (0..length).map(|at| at as u8).collect();
        let sealed = seal(&identity.recipient().unwrap(), &plain).unwrap();
        let opened = open(&identity, &sealed).unwrap();
        prop_assert_eq!(opened.as_slice(), plain.as_slice());
    }

    #[test]
    fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        let identity = AgeIdentity::generate().unwrap();
        let _ = (open(&identity, &bytes), AgeRecipient::parse(&text), AgeIdentity::parse(&text));
        let file = [b"age-encryption.org/v1\n-> X25519 ".as_slice(), &bytes].concat();
        prop_assert!(open(&identity, &file).is_err());
    }
}
