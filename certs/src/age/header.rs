//! The header of an age file: a stanza for each recipient, and a code over all of it. Used by `age`.
//! Invariant: of one header there is one spelling; every other is refused.

use aws_lc_rs::hmac;
use data_encoding::BASE64_NOPAD;

use crate::limits::AGE_HEADER_BYTES_MAX;

const FIRST_LINE: &str = "age-encryption.org/v1";
/// Characters of a full line of a stanza's body.
const COLUMNS: usize = 64;
/// A recipient type that must be alone.
pub(super) const PASSPHRASE: &str = "scrypt";

/// What one recipient needs.
#[derive(Debug)]
pub(super) struct Stanza {
    arguments: Vec<String>,
    body: Vec<u8>,
}

/// A header as it was read: nothing of it is believed before its code holds.
#[derive(Debug)]
pub(super) struct Header<'a> {
    pub(super) stanzas: Vec<Stanza>,
    /// The bytes that the code is over.
    covered: &'a [u8],
    code: Vec<u8>,
    /// What follows the header.
    pub(super) payload: &'a [u8],
}

impl Stanza {
    pub(super) fn of(arguments: &[&str], body: Vec<u8>) -> Self {
        Self { arguments: arguments.iter().map(|word| (*word).to_owned()).collect(), body }
    }

    pub(super) fn kind(&self) -> Option<&str> {
        self.arguments.first().map(String::as_str)
    }

    /// The other side's public key, and the sealed key of the file.
    pub(super) fn x25519(&self) -> Option<([u8; 32], &[u8])> {
        let [_, share] = &self.arguments[..] else { return None };
        let share = BASE64_NOPAD.decode(share.as_bytes()).ok()?.try_into().ok()?;
        (self.body.len() == 32).then_some((share, &self.body))
    }

    /// Of a passphrase: the salt, log2 of the work factor as it is written, and the sealed key of the file.
    pub(super) fn scrypt(&self) -> Option<([u8; 16], &str, &[u8])> {
        let [_, salt, log_n] = &self.arguments[..] else { return None };
        let salt = BASE64_NOPAD.decode(salt.as_bytes()).ok()?.try_into().ok()?;
        (self.body.len() == 32).then_some((salt, log_n, &self.body))
    }
}

/// A header with its code.
pub(super) fn write(stanza: &Stanza, key: &[u8; 32]) -> Vec<u8> {
    let mut text = format!("{FIRST_LINE}\n-> {}\n", stanza.arguments.join(" "));
    let body = BASE64_NOPAD.encode(&stanza.body);
    // The last line is shorter than the others, and empty where they take all.
    for at in (0..=body.len()).step_by(COLUMNS) {
        text += body.get(at..body.len().min(at + COLUMNS)).unwrap_or_default();
        text.push('\n');
    }
    text += "---";
    let code = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    text += &format!(" {}\n", BASE64_NOPAD.encode(code.as_ref()));
    text.into_bytes()
}

impl<'a> Header<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Option<Self> {
        let mut at = 0;
        let mut next = || {
            let rest = file.get(at..AGE_HEADER_BYTES_MAX.min(file.len()))?;
            let length = rest.iter().position(|byte| *byte == b'\n')?;
            let (begin, line) = (at, rest.get(..length)?);
            at += length + 1;
            Some((begin, std::str::from_utf8(line).ok()?))
        };
        if next()?.1 != FIRST_LINE {
            return None;
        }
        let mut stanzas: Vec<Stanza> = Vec::new();
        loop {
            let (begin, line) = next()?;
            if let Some(code) = line.strip_prefix("--- ") {
                let code = BASE64_NOPAD.decode(code.as_bytes()).ok().filter(|code| code.len() == 32)?;
                let is_mixed =
                    stanzas.len() > 1 && stanzas.iter().any(|stanza| stanza.kind() == Some(PASSPHRASE));
                let covered = file.get(..begin + 3)?;
                let header = Self { stanzas, covered, code, payload: file.get(at..)? };
                return (!is_mixed && !header.stanzas.is_empty()).then_some(header);
            }
            let arguments: Vec<String> = line.strip_prefix("-> ")?.split(' ').map(str::to_owned).collect();
            let is_word =
                |word: &String| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
            if !arguments.iter().all(is_word) {
                return None;
            }
            let mut body = Vec::new();
            loop {
                let (_, line) = next()?;
                body.extend(BASE64_NOPAD.decode(line.as_bytes()).ok()?);
                match line.len() {
                    COLUMNS => {}
                    0..COLUMNS => break,
                    _ => return None,
                }
            }
            stanzas.push(Stanza { arguments, body });
        }
    }

    /// Whether the code is the one under this key.
    pub(super) fn has_code(&self, key: &[u8; 32]) -> bool {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), self.covered, &self.code).is_ok()
    }
}
