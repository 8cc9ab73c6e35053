//! What who verifies a log asks of its witnesses: each that is named has cosigned a head of this log. Called
//! by `coordinator acts verify` and `site-agent ledger verify`; whether the log has that head is for them to
//! compare. Invariants: a witness that is named and has not cosigned is an error; so is one line of its that
//! does not hold, whatever else there is.

use certs::{Note, VerifierKey, WitnessVerifier};
use common::clock::Timestamp;
use common::ledger::Checkpoint;
use common::wire::message::LedgerHead;

use super::error::WitnessError;
use crate::limits::{WITNESS_AHEAD_S_MAX, WITNESSES_ASKED_MAX};

/// The options.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Witnesses {
    /// A witness that must have cosigned a head of it, by its verifier key (`witness show`); may be
    /// repeated, and each must have.
    #[arg(long = "witness", value_name = "KEY")]
    witnesses: Vec<String>,
    /// With --witness: how old its cosignature may be.
    #[arg(long = "witness-age-max-h", value_name = "HOURS", requires = "witnesses", value_parser = clap::value_parser!(u64).range(1..=87_600))]
    age_max_h: Option<u64>,
}

/// A head that a witness cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignedHead {
    /// Which.
    pub witness: WitnessVerifier,
    /// Seconds since 1970.
    pub at_s: u64,
    /// Size and root.
    pub head: LedgerHead,
}

impl Witnesses {
    /// Whether any is named.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.witnesses.is_empty()
    }

    /// The keys, each once.
    ///
    /// # Errors
    /// A text that is none; too many.
    pub fn keys(&self) -> Result<Vec<WitnessVerifier>, WitnessError> {
        if self.witnesses.len() > WITNESSES_ASKED_MAX {
            return Err(WitnessError::TooMany {
                most: WITNESSES_ASKED_MAX,
                what: "witnesses that are named",
            });
        }
        let mut keys: Vec<WitnessVerifier> = Vec::new();
        for text in &self.witnesses {
            let key = WitnessVerifier::parse(text)?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    /// The newest head in `notes` that each witness cosigned.
    ///
    /// # Errors
    /// `NotCosigned`: one has not, its line does not hold, or it is older than asked for; `Unusable`: a note
    /// is not this log's.
    pub fn cosigned(
        &self,
        log: &VerifierKey,
        notes: &[String],
        now: Timestamp,
    ) -> Result<Vec<CosignedHead>, WitnessError> {
        let found: Vec<_> =
            self.keys()?.iter().map(|key| newest(key, log, notes)).collect::<Result<_, _>>()?;
        let Some(hours) = self.age_max_h else { return Ok(found) };
        let now_s = now.0 / 1_000;
        for CosignedHead { witness, at_s, .. } in &found {
            let reason = if at_s.saturating_sub(now_s) > WITNESS_AHEAD_S_MAX {
                "its cosignature is dated in the future".to_owned()
            } else if now_s.saturating_sub(*at_s) > hours.saturating_mul(3_600) {
                format!("its newest cosignature is {} hours old", (now_s - at_s) / 3_600)
            } else {
                continue;
            };
            return Err(WitnessError::NotCosigned { witness: witness.name().to_owned(), reason });
        }
        Ok(found)
    }
}

/// The largest of these heads, all of one log, that a witness cosigned; of one size the newest.
///
/// # Errors
/// `NotCosigned`, `Unusable`.
pub fn newest(
    witness: &WitnessVerifier,
    log: &VerifierKey,
    notes: &[String],
) -> Result<CosignedHead, WitnessError> {
    let mut found: Option<CosignedHead> = None;
    let mut reason = "there is none of this key".to_owned();
    for text in notes {
        let (note, head) = head_of(text, log)?;
        if !note.names(witness) {
            continue;
        }
        match note.cosigned_at(witness) {
            Ok(at_s) => {
                let this = CosignedHead { witness: witness.clone(), at_s, head };
                let order = |head: &CosignedHead| (head.head.size, head.at_s);
                if found.as_ref().is_none_or(|best| order(best) < order(&this)) {
                    found = Some(this);
                }
            }
            Err(error) => {
                reason = error.to_string();
                found = None;
                break;
            }
        }
    }
    found.ok_or_else(|| WitnessError::NotCosigned { witness: witness.name().to_owned(), reason })
}

/// The head in a note that this key signed.
pub(super) fn head_of(text: &str, log: &VerifierKey) -> Result<(Note, LedgerHead), WitnessError> {
    let unusable = |reason: String| WitnessError::Unusable { what: "a head that was kept".into(), reason };
    let note = Note::parse(text.as_bytes()).map_err(|error| unusable(error.to_string()))?;
    let checkpoint = note.verify(log).map_err(|error| unusable(error.to_string()))?;
    let checkpoint = Checkpoint::parse(checkpoint).map_err(|error| unusable(error.to_string()))?;
    if checkpoint.name != log.name() {
        return Err(unusable("it is of another log".into()));
    }
    Ok((note, checkpoint.head))
}
