//! A file that a passphrase opens: age's scrypt recipient, which is alone in its file. Used by `sealed`.
//! Invariant: no file has this machine compute or hold more than `AGE_LOG_N_MAX` says, and nothing is
//! computed before the header is known to be one.

use aws_lc_rs::aead::Aad;
use data_encoding::BASE64_NOPAD;
use zeroize::Zeroizing;

use super::header::{Header, PASSPHRASE, Stanza};
use super::{FILE_KEY_BYTES, content, no_nonce, random, scrypt, sealing, written};
use crate::error::CertError;
use crate::limits::AGE_LOG_N_MAX;

/// log2 of the work factor of what is written here: 64 MiB, and a fifth of a second of 2026's processors.
const LOG_N: u8 = 16;
const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";

/// Seals bytes so that the passphrase opens them.
///
/// # Errors
/// [`CertError::Randomness`]; [`CertError::WorkFactor`] where there is no memory for it.
pub(crate) fn seal(passphrase: &str, plaintext: &[u8]) -> Result<Vec<u8>, CertError> {
    let file_key = Zeroizing::new(random::<FILE_KEY_BYTES>()?);
    let salt = random::<16>()?;
    let wrap = wrap_key(passphrase, &salt, LOG_N)?;
    let mut body = file_key.to_vec();
    sealing(&wrap)?
        .seal_in_place_append_tag(no_nonce(), Aad::empty(), &mut body)
        .map_err(|_| CertError::Randomness)?;
    let stanza = Stanza::of(&[PASSPHRASE, &BASE64_NOPAD.encode(&salt), &LOG_N.to_string()], body);
    written(&stanza, &*file_key, plaintext)
}

/// Opens what was sealed with this passphrase.
///
/// # Errors
/// [`CertError::PassphraseWrong`], [`CertError::WorkFactor`], or [`CertError::Sealed`] with what is wrong.
pub(crate) fn open(passphrase: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CertError> {
    let damaged = |reason| CertError::Sealed { reason };
    let malformed = || damaged("its header is malformed");
    let header = Header::parse(sealed).ok_or_else(malformed)?;
    let [stanza] = &header.stanzas[..] else { return Err(damaged("no passphrase opens it")) };
    if stanza.kind() != Some(PASSPHRASE) {
        return Err(damaged("no passphrase opens it"));
    }
    let (salt, log_n, body) = stanza.scrypt().ok_or_else(malformed)?;
    let is_number = !log_n.starts_with('0') && log_n.bytes().all(|byte| byte.is_ascii_digit());
    let log_n = log_n.parse::<u8>().ok().filter(|_| is_number).ok_or_else(malformed)?;
    if log_n > AGE_LOG_N_MAX {
        return Err(CertError::WorkFactor { log_n });
    }
    let wrap = wrap_key(passphrase, &salt, log_n)?;
    let mut body = Zeroizing::new(body.to_vec());
    let opened = sealing(&wrap)?.open_in_place(no_nonce(), Aad::empty(), &mut body);
    let file_key = opened.map_err(|_| CertError::PassphraseWrong)?;
    content(&header, file_key, damaged)
}

fn wrap_key(passphrase: &str, salt: &[u8; 16], log_n: u8) -> Result<Zeroizing<[u8; 32]>, CertError> {
    let mut key = Zeroizing::new([0; 32]);
    let salt = [SALT_LABEL, salt].concat();
    scrypt::derive(passphrase.as_bytes(), &salt, log_n, 1, key.as_mut_slice())?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER};
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::age::{AgeIdentity, armor};

    const VECTORS: &str = include_str!("passphrase_vectors.txt");

    #[test]
    fn published_files_open_or_are_refused_as_they_must() {
        let (mut opened, mut refused) = (0, 0);
        for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
            let [name, expected, hash, keys, file] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}")
            };
            let bytes = BASE64.decode(file.as_bytes()).unwrap();
            let file = if name.starts_with("armor") {
                std::str::from_utf8(&bytes).ok().and_then(armor::decode)
            } else {
                Some(bytes)
            };
            let found: Vec<Result<_, CertError>> = file
                .iter()
                .flat_map(|file| {
                    let open_it = |key: &str| match AgeIdentity::parse(key) {
                        Ok(identity) => crate::age::open(&identity, file),
                        Err(_) => open(key, file),
                    };
                    keys.split(',').map(open_it).collect::<Vec<_>>()
                })
                .collect();
            match expected {
                "success" => {
                    let hash_of =
                        |content: &Zeroizing<Vec<u8>>| HEXLOWER.encode(&Sha256::digest(content.as_slice()));
                    assert_eq!(hash_of(found[0].as_ref().unwrap()), hash, "{name}");
                    opened += 1;
                }
                "armor-failure" => {
                    assert!(file.is_none(), "{name}");
                    refused += 1;
                }
                _ => {
                    assert!(found.iter().all(Result::is_err), "{name} is {expected}");
                    refused += 1;
                }
            }
            if name == "scrypt_work_factor_23" {
                assert_eq!(found[0].as_ref().unwrap_err(), &CertError::WorkFactor { log_n: 23 });
            }
            if name == "scrypt_no_match" {
                assert_eq!(found[0].as_ref().unwrap_err(), &CertError::PassphraseWrong);
            }
        }
        assert!(opened >= 6 && refused >= 40, "{opened} {refused}");
    }

    #[test]
    fn a_hostile_work_factor_costs_nothing() {
        let sealed = String::from_utf8(seal("correct horse", b"").unwrap()[..100].to_vec());
        // The header is text, the rest is not.
        let sealed = sealed.unwrap_or_default();
        for log_n in [19, 22, 63, 64, 255] {
            let hostile = sealed.replacen(" 16\n", &format!(" {log_n}\n"), 1);
            let stanza = hostile.lines().nth(1).unwrap_or_default().to_owned();
            let file = format!(
                "age-encryption.org/v1\n{stanza}\n{}\n--- {}\n",
                BASE64_NOPAD.encode(&[1; 32]),
                BASE64_NOPAD.encode(&[2; 32])
            );
            assert_eq!(open("x", file.as_bytes()).unwrap_err(), CertError::WorkFactor { log_n }, "{file}");
        }
    }
}
