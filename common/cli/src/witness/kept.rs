//! Cosigned heads beside the log that they are of: of each witness the newest, in one file. Called by
//! `site-agent ledger checkpoint --cosigned`, by its report, and by `coordinator acts head --cosigned`.
//! Invariants: nothing is kept that does not hold; a smaller head takes the place of no larger one; what is
//! read is verified again.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use certs::{VerifierKey, WitnessVerifier};
use common::durable;
use common::private::{self, PrivateError};
use serde::{Deserialize, Serialize};

use super::asked::{CosignedHead, newest};
use super::error::WitnessError;
use crate::limits::{COSIGNED_BYTES_MAX, WITNESSES_KEPT_MAX};

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    witnesses: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// The witness' verifier key.
    key: String,
    /// The cosigned head.
    note: String,
}

/// The cosigned heads of one log.
#[derive(Debug)]
pub struct CosignedHeads {
    path: PathBuf,
    written: Written,
}

impl CosignedHeads {
    /// Of this file, which need not be there.
    ///
    /// # Errors
    /// `Kept`: whoever set that file aside begins anew.
    pub fn open(path: &Path) -> Result<Self, WitnessError> {
        let bytes = match private::read_file(path, COSIGNED_BYTES_MAX) {
            Err(PrivateError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Ok(Self { path: path.to_path_buf(), written: Written::default() });
            }
            Err(error) => {
                return Err(WitnessError::Kept { path: path.to_path_buf(), reason: error.to_string() });
            }
            Ok(bytes) => bytes,
        };
        let damaged =
            |_| WitnessError::Kept { path: path.to_path_buf(), reason: "it is cut or changed".into() };
        Ok(Self { path: path.to_path_buf(), written: serde_json::from_slice(&bytes).map_err(damaged)? })
    }

    /// The notes, as they are kept; whoever gets them verifies them.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        self.written.witnesses.iter().map(|entry| entry.note.clone()).collect()
    }

    /// All of them, each verified for this log: `NotCosigned` or `Unusable` where it does not hold.
    #[must_use]
    pub fn all(&self, log: &VerifierKey) -> Vec<Result<CosignedHead, WitnessError>> {
        let one = |entry: &Entry| {
            newest(&WitnessVerifier::parse(&entry.key)?, log, std::slice::from_ref(&entry.note))
        };
        self.written.witnesses.iter().map(one).collect()
    }

    /// Keeps a head that this witness cosigned, in place of a smaller or older one of the same.
    ///
    /// # Errors
    /// It does not hold (`NotCosigned`, `Unusable`), there are too many witnesses, or `Io`.
    pub fn take(
        &mut self,
        note: &str,
        log: &VerifierKey,
        witness: &WitnessVerifier,
    ) -> Result<CosignedHead, WitnessError> {
        let found = newest(witness, log, std::slice::from_ref(&note.to_owned()))?;
        let key = witness.to_text();
        let order = |head: &CosignedHead| (head.head.size, head.at_s);
        let at = self.written.witnesses.iter().position(|entry| entry.key == key);
        if let Some(entry) = at.and_then(|at| self.written.witnesses.get_mut(at)) {
            // One that cannot be read any more gives way.
            let before = newest(witness, log, std::slice::from_ref(&entry.note));
            if before.is_ok_and(|before| order(&before) >= order(&found)) {
                return Ok(found);
            }
            note.clone_into(&mut entry.note);
        } else if self.written.witnesses.len() >= WITNESSES_KEPT_MAX {
            return Err(WitnessError::TooMany { most: WITNESSES_KEPT_MAX, what: "witnesses of this log" });
        } else {
            self.written.witnesses.push(Entry { key, note: note.to_owned() });
        }
        let text = serde_json::to_string_pretty(&self.written).unwrap_or_default() + "\n";
        durable::write(&self.path, text.as_bytes(), durable::PRIVATE)
            .map_err(WitnessError::io(&self.path))?;
        Ok(found)
    }
}
