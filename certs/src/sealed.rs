//! A private key's text, sealed by a passphrase: an age file in its armor, which any age program opens, too.
//! Called by whoever reads or writes a key file, at the coordinator, at a site and at a person's. Invariants:
//! the first line says that it is sealed; what a passphrase does not open is never taken for a plain key.

use zeroize::Zeroizing;

use crate::age::{armor, passphrase};
use crate::error::CertError;
use crate::limits::SEALED_BYTES_MAX;

/// Whether a key's text is sealed, or says that it is.
#[must_use]
pub fn is_sealed(text: &str) -> bool {
    text.trim_start().starts_with(armor::BEGIN)
}

/// Seals the text of a key.
///
/// # Errors
/// [`CertError::Sealed`] for one that is sealed already; [`CertError::Randomness`];
/// [`CertError::WorkFactor`] where there is not the memory for it.
pub fn seal(text: &str, passphrase: &str) -> Result<String, CertError> {
    if is_sealed(text) {
        return Err(CertError::Sealed { reason: "it is sealed already" });
    }
    Ok(armor::encode(&passphrase::seal(passphrase, text.as_bytes())?))
}

/// The text of a key that was sealed, wiped when dropped.
///
/// # Errors
/// [`CertError::PassphraseWrong`]; [`CertError::WorkFactor`]; [`CertError::Sealed`] with what is wrong.
pub fn open(text: &str, passphrase: &str) -> Result<Zeroizing<String>, CertError> {
    let damaged = |reason| CertError::Sealed { reason };
    if text.len() > SEALED_BYTES_MAX {
        return Err(damaged("it is longer than a key is"));
    }
    let file = armor::decode(text).ok_or_else(|| damaged("its lines are not whole"))?;
    let bytes = passphrase::open(passphrase, &file)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| damaged("it holds no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The key at the beginning of a text, plain or sealed, and what stands behind it: certificates, where a file
/// holds both.
#[must_use]
pub fn split(text: &str) -> (&str, &str) {
    let ends = [armor::END, "-----END PRIVATE KEY-----"];
    let end = ends.iter().filter_map(|end| text.find(end).map(|at| at + end.len())).min();
    let end = end.map_or(text.len(), |end| end + usize::from(text[end..].starts_with('\n')));
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::IdentityKey;

    #[test]
    fn a_key_is_opened_by_its_passphrase_and_no_byte_may_change() {
        let key = IdentityKey::generate().unwrap().to_pem();
        let sealed = seal(&key, "correct horse").unwrap();
        assert!(is_sealed(&sealed) && !is_sealed(&key));
        assert_eq!(open(&sealed, "correct horse").unwrap().as_str(), key.as_str());
        for wrong in ["", "correct", "correct horse "] {
            assert_eq!(open(&sealed, wrong).unwrap_err(), CertError::PassphraseWrong, "{wrong:?}");
        }
        assert!(matches!(seal(&sealed, "x"), Err(CertError::Sealed { .. })), "twice");
        // Before the passphrase is even tried.
        for at in (0..sealed.len() - 1).step_by(7).chain([sealed.len() - 2]) {
            let cut = open(&sealed[..at], "correct horse");
            assert!(matches!(cut, Err(CertError::Sealed { .. })), "{at} bytes: {cut:?}");
        }
        let certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for first in [sealed.as_str(), key.as_str()] {
            assert_eq!(split(&format!("{first}{certificate}")), (first, certificate));
            assert_eq!(split(first), (first, ""));
        }
        assert_eq!(split("nothing"), ("nothing", ""));
    }

    #[test]
    fn a_changed_byte_opens_nothing() {
        let sealed = seal("a key", "correct horse").unwrap();
        let mut changed = sealed.clone().into_bytes();
        for at in [40, 120, 200, sealed.len() - 45] {
            let before = changed[at];
            changed[at] = if before == b'A' { b'B' } else { b'A' };
            let text = std::str::from_utf8(&changed).unwrap();
            assert!(open(text, "correct horse").is_err(), "byte {at}");
            changed[at] = before;
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,200}", body in "[A-Za-z0-9+/=\n]{0,200}") {
            prop_assert!(open(&text, "x").is_err());
            let armored = format!("{}\n{body}\n{}\n", armor::BEGIN, armor::END);
            prop_assert!(open(&armored, "x").is_err());
            let _ = (split(&text), split(&armored));
        }
    }
}
