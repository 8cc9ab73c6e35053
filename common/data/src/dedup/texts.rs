//! Which texts of a record are compared, and the keys made of them. Called by the room and by the overlap
//! with the consortium's held-out set. Invariant: instructions for the whole conversation (system turns) are
//! not compared; they are the same in every record of a file and would make all of them alike.

use sha2::{Digest as _, Sha256};

use super::minhash::{BANDS, band_keys, minhash};
use super::normalise::normalise;
use super::shingle::Shingles;
use crate::record::{Body, Record, Role};

/// A record's question and answer, as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// The question: the turns of user and tools, in order; a plain text as a whole.
    pub question: String,
    /// The answer that the model learns: the assistant's turns, in order.
    pub answer: String,
}

impl Texts {
    /// The texts of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let mut texts = Self::default();
        match &record.body {
            Body::Text(parts) => texts.question = record.text_of(parts),
            Body::Conversation(turns) => {
                for turn in turns {
                    let side = match turn.role {
                        Role::System => continue,
                        Role::User | Role::Tool => &mut texts.question,
                        Role::Assistant => &mut texts.answer,
                    };
                    if !side.is_empty() {
                        side.push('\n');
                    }
                    side.push_str(&record.text_of(&turn.parts));
                }
            }
        }
        texts
    }
}

/// All keys of one record. Two records with an equal key of the same kind ask the same, are the same, or are
/// candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// SHA-256 of the normalised question.
    pub question: [u8; 32],
    /// SHA-256 of the normalised question and answer.
    pub record: [u8; 32],
    /// The keys of the question's 16 bands.
    pub bands: [u64; BANDS],
}

/// The keys of a record; `None` when its question has neither letter nor digit, so that there is nothing to
/// compare.
#[must_use]
pub fn features(texts: &Texts) -> Option<Features> {
    let bands = band_keys(&minhash(&Shingles::of(&texts.question))?);
    Some(Features { question: question_hash(&texts.question), record: record_hash(texts), bands })
}

/// SHA-256 of the normalised question.
#[must_use]
pub fn question_hash(question: &str) -> [u8; 32] {
    Sha256::digest(normalise(question)).into()
}

/// SHA-256 of the normalised question, a line feed (which no normalised text holds), and the normalised
/// answer.
#[must_use]
pub fn record_hash(texts: &Texts) -> [u8; 32] {
    Sha256::new()
        .chain_update(normalise(&texts.question))
        .chain_update(b"\n")
        .chain_update(normalise(&texts.answer))
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Field, Format, Part, Place, Turn};

    fn record(turns: &[(Role, &str)]) -> Record {
        let fields = turns.iter().map(|(_, text)| Field { path: "f".into(), text: (*text).into() }).collect();
        let body = turns.iter().enumerate();
        let body = body.map(|(index, (role, _))| Turn { role: *role, parts: vec![Part::Field(index)] });
        Record {
            place: Place { file: 0, line: 1 },
            format: Format::Messages,
            fields,
            body: Body::Conversation(body.collect()),
            patient: None,
            date: None,
            stratum: None,
        }
    }

    #[test]
    fn system_turns_are_not_compared_and_sides_are_kept_apart() {
        let plain = record(&[(Role::User, "头痛怎么办？"), (Role::Assistant, "多休息。")]);
        let with_system =
            record(&[(Role::System, "你是医生"), (Role::User, "头痛 怎么办"), (Role::Assistant, "多休息")]);
        let (a, b) = (Texts::of(&plain), Texts::of(&with_system));
        assert_eq!((a.question.as_str(), a.answer.as_str()), ("头痛怎么办？", "多休息。"));
        assert_eq!(features(&a), features(&b));
        let other_answer = record(&[(Role::User, "头痛怎么办？"), (Role::Assistant, "去看医生。")]);
        let c = features(&Texts::of(&other_answer)).unwrap();
        let a = features(&a).unwrap();
        assert_eq!(a.question, c.question);
        assert_ne!(a.record, c.record);
        // Moving the border between question and answer is another record.
        let moved = record(&[(Role::User, "头痛怎么办多"), (Role::Assistant, "休息")]);
        assert_ne!(features(&Texts::of(&moved)).unwrap().record, a.record);
    }

    #[test]
    fn a_record_of_punctuation_has_no_keys() {
        assert_eq!(features(&Texts { question: "……".into(), answer: "好".into() }), None);
    }
}
