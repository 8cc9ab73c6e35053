//! Which texts of a record are compared, and the keys made of them. Called by the room and by the overlap
//! with the consortium's held-out set. Invariants: two records are copies only if everything that is trained
//! on is the same, turn by turn, instructions and loss switches included; questions are likened without the
//! instructions for the whole conversation (system turns), which are the same in every record of a file.

use sha2::{Digest as _, Sha256};

use super::minhash::{BANDS, band_keys, minhash};
use super::normalise::normalise;
use super::shingle::Shingles;
use crate::record::{Body, Record, Role, Turn};

/// A record's question and answer, as they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// The question: the turns of user and tools, in order; a plain text as a whole.
    pub question: String,
    /// The answer that the model learns: the assistant's turns, in order.
    pub answer: String,
    /// What else tells two records apart that ask and answer alike: instructions, where one turn ends, which
    /// answers are not learnt. Empty for one question and one answer.
    pub shape: String,
}

impl Texts {
    /// The texts of a record.
    #[must_use]
    pub fn of(record: &Record) -> Self {
        let mut texts = Self::default();
        match &record.body {
            Body::Text(parts) => texts.question = record.text_of(parts),
            Body::Conversation(turns) => {
                texts.shape = shape(record, turns);
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

/// See [`Texts::shape`]. Normalised texts hold no line feed and no `/`.
fn shape(record: &Record, turns: &[Turn]) -> String {
    let mut shape = String::new();
    let is_plain = matches!(turns, [ask, reply]
        if ask.role == Role::User && reply.role == Role::Assistant && reply.is_learnt);
    for turn in turns.iter().filter(|_| !is_plain) {
        shape.push_str(match turn.role {
            Role::System => "/s",
            Role::User => "/u",
            Role::Tool => "/t",
            Role::Assistant if turn.is_learnt => "/a",
            Role::Assistant => "/n",
        });
        shape.push_str(&normalise(&record.text_of(&turn.parts)));
    }
    shape
}

/// All keys of one record. Two records with an equal key of the same kind ask the same, are the same, or are
/// candidates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    /// SHA-256 of the normalised question.
    pub question: [u8; 32],
    /// SHA-256 of the normalised question and answer, and of the record's shape.
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
/// answer; where the record has more than these, another line feed and its shape.
#[must_use]
pub fn record_hash(texts: &Texts) -> [u8; 32] {
    let mut hash = Sha256::new()
        .chain_update(normalise(&texts.question))
        .chain_update(b"\n")
        .chain_update(normalise(&texts.answer));
    if !texts.shape.is_empty() {
        hash.update(b"\n");
        hash.update(&texts.shape);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Field, Format, Part, Place};

    fn record(turns: &[(Role, &str)]) -> Record {
        let fields = turns.iter().map(|(_, text)| Field { path: "f".into(), text: (*text).into() }).collect();
        let body = turns.iter().enumerate();
        let body = body.map(|(index, (role, _))| Turn::new(*role, vec![Part::Field(index)]));
        Record {
            place: Place { file: 0, line: 1 },
            format: Format::Messages,
            fields,
            body: Body::Conversation(body.collect()),
            patient: None,
            date: None,
            stratum: None,
            provenance: Default::default(),
        }
    }

    #[test]
    fn copies_are_alike_in_all_that_is_trained_on_and_questions_without_the_instructions() {
        let plain = record(&[(Role::User, "头痛怎么办？"), (Role::Assistant, "多休息。")]);
        let with_system =
            record(&[(Role::System, "你是医生"), (Role::User, "头痛 怎么办"), (Role::Assistant, "多休息")]);
        let (a, b) = (Texts::of(&plain), Texts::of(&with_system));
        assert_eq!((a.question.as_str(), a.answer.as_str()), ("头痛怎么办？", "多休息。"));
        let (likened, with_system) = (features(&a).unwrap(), features(&b).unwrap());
        assert_eq!((likened.question, likened.bands), (with_system.question, with_system.bands));
        assert_ne!(likened.record, with_system.record, "other instructions are another record");
        let turns = |texts: [&str; 4]| {
            let roles = [Role::User, Role::Assistant, Role::User, Role::Assistant];
            record(&roles.into_iter().zip(texts).collect::<Vec<_>>())
        };
        let two = turns(["头痛怎么办", "休息", "多久", "三天"]);
        let key = |record: &Record| features(&Texts::of(record)).unwrap().record;
        assert_eq!(key(&two), key(&turns(["头痛怎么办？", "休息", "多久？", "三天"])));
        assert_ne!(key(&two), key(&turns(["头痛", "休息", "怎么办多久", "三天"])));
        let mut switched = two.clone();
        if let Body::Conversation(turns) = &mut switched.body {
            turns[1].is_learnt = false;
        }
        assert_ne!(key(&two), key(&switched), "another answer is learnt");
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
        assert_eq!(features(&Texts { question: "……".into(), answer: "好".into(), ..Texts::default() }), None);
    }
}
