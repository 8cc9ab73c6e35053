//! What a log hands to a witness: the body of `add-checkpoint` of C2SP tlog-witness, as a file. Its first
//! line says from which size on, the next ones are a consistency proof, then comes the signed head as a
//! note.
//!
//! Called by `site-agent ledger prove --from` and `coordinator acts prove`, which write it, and by
//! `cli::witness`, which reads it. Invariants: of one request there is one text; nothing of it is believed
//! before the note is verified and the proof holds.

use std::fmt::Write as _;

use data_encoding::BASE64;

use super::checkpoint::{decimal, unbase64};
use crate::id::Digest;
use crate::limits::{WITNESS_HASHES_MAX, WITNESS_REQUEST_BYTES_MAX};

/// Why a file is no request. A retry does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no request to a witness: it must begin with `old` and a number")]
pub struct NoRequest;

/// A head, and what shows that it extends an older one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Records of the older head; 0 where the witness knows none.
    pub old: u64,
    /// Of RFC 9162, section 2.1.4; none from 0, and from the same size.
    pub hashes: Vec<Digest>,
    /// The signed head, as the log wrote it.
    pub note: String,
}

impl AddCheckpoint {
    /// The file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.hashes {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{}", BASE64.encode(&hash.0));
        }
        text.push('\n');
        text.push_str(&self.note);
        text
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`NoRequest`] for any other bytes than [`Self::to_text`] writes.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoRequest> {
        if bytes.len() > WITNESS_REQUEST_BYTES_MAX {
            return Err(NoRequest);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NoRequest)?;
        let (proof, note) = text.split_once("\n\n").ok_or(NoRequest)?;
        let mut lines = proof.split('\n');
        let old = lines.next().and_then(|line| decimal(line.strip_prefix("old ")?)).ok_or(NoRequest)?;
        let hash = |line: &str| unbase64(line)?.try_into().ok().map(Digest);
        let hashes: Vec<Digest> = lines.map(hash).collect::<Option<_>>().ok_or(NoRequest)?;
        if hashes.len() > WITNESS_HASHES_MAX {
            return Err(NoRequest);
        }
        Ok(Self { old, hashes, note: note.to_owned() })
    }

    /// The first line of the note: which log it says that it is of.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.note.split('\n').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of C2SP tlog-witness, with one of its two signatures.
    const EXAMPLE: &str = "old 20852014\n\
        PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\
        jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n\
        5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n\
        /6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\
        \n\
        example.com/behind-the-sofa\n\
        20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
        \n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let request = AddCheckpoint::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!((request.old, request.hashes.len()), (20_852_014, 4));
        assert_eq!(request.origin(), "example.com/behind-the-sofa");
        assert_eq!(request.to_text(), EXAMPLE);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        let long = EXAMPLE.replace(
            "old 20852014\n",
            &("old 20852014\n".to_owned()
                + &"PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n".repeat(WITNESS_HASHES_MAX)),
        );
        for odd in [
            "",
            "old 1",
            "old 1\n",
            &EXAMPLE.replace("old 2", "old 02"),
            &EXAMPLE.replace("old ", "old"),
            &EXAMPLE.replace("old 20852014", "old -1"),
            &EXAMPLE.replace("old 20852014", "old 18446744073709551616"),
            &EXAMPLE.replace("PlRN", "PlR"),
            &EXAMPLE.replace("PlRNCrwH", ""),
            &EXAMPLE.replace('\n', "\r\n"),
            &long,
            &"x".repeat(WITNESS_REQUEST_BYTES_MAX + 1),
        ] {
            assert_eq!(AddCheckpoint::parse(odd.as_bytes()), Err(NoRequest), "{odd}");
        }
    }

    proptest! {
        #[test]
        fn a_request_comes_out_as_it_went_in(
            old in any::<u64>(),
            hashes in proptest::collection::vec(any::<[u8; 32]>(), 0..=WITNESS_HASHES_MAX),
            note in "[ -~\n]{0,80}",
        ) {
            let request = AddCheckpoint { old, hashes: hashes.into_iter().map(Digest).collect(), note };
            prop_assert_eq!(AddCheckpoint::parse(request.to_text().as_bytes()), Ok(request));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(request) = AddCheckpoint::parse(&bytes) {
                prop_assert_eq!(request.to_text().into_bytes(), bytes);
            }
        }
    }
}
