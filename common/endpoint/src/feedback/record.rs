//! A rated answer as a record of the data room: turns as OpenAI writes them, with what the record says of its
//! origin (`common/data/FORMATS.md`). Called by `server`.
//!
//! Invariants: a machine wrote the answer, and the record says so: until a person is named as its reviewer
//! the data room refuses it; what was rated down without a correction is never learnt, whoever reviews it,
//! because its loss switch is off; of the turns before only the last answer is learnt.

use serde_json::{Value, json};

use super::given::Giving;
use super::said::{Feedback, Rating};
use crate::chat::turn::{Speaker, Turn};

/// A name for nobody, in the place where the reviewer's belongs.
const NOBODY: &str = "pending";

/// The record; `day` is written `2026-11-30`.
pub(crate) fn record(giving: &Giving, feedback: &Feedback, day: &str) -> Value {
    let mut messages: Vec<Value> = giving.turns.iter().map(turn).collect();
    let learnt = feedback.correction.as_ref().unwrap_or(&giving.answer);
    let is_learnt = feedback.rating == Rating::Up || feedback.correction.is_some();
    messages.push(json!({"role": "assistant", "content": learnt, "weight": u8::from(is_learnt)}));
    let mut record = json!({
        "messages": messages,
        "source": format!("feedback on {}", giving.head.model),
        "last_update": day,
        "ai_made": true,
        "reviewed_by": feedback.reviewed_by.as_deref().unwrap_or(NOBODY),
        "rating": feedback.rating,
    });
    let more = [
        ("comment", feedback.comment.as_ref()),
        ("answer_given", feedback.correction.as_ref().map(|_| &giving.answer)),
    ];
    for (name, text) in more {
        if let Some(text) = text {
            record[name] = text.as_str().into();
        }
    }
    record
}

fn turn(turn: &Turn) -> Value {
    let mut value = json!({"role": turn.speaker, "content": turn.text});
    if turn.speaker == Speaker::Assistant {
        value["weight"] = 0.into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::answer::Head;

    fn giving() -> Giving {
        let turn = |speaker, text: &str| Turn { speaker, text: text.into() };
        let turns = vec![
            turn(Speaker::User, "头痛怎么办？"),
            turn(Speaker::Assistant, "多久了？"),
            turn(Speaker::User, "两天。"),
        ];
        let head = Head { id: "chatcmpl-1".into(), created_s: 0, model: "m".into() };
        Giving { head, turns, answer: "请休息。".into() }
    }

    fn feedback(rating: Rating) -> Feedback {
        Feedback { id: "chatcmpl-1".into(), rating, comment: None, correction: None, reviewed_by: None }
    }

    #[test]
    fn only_what_is_good_or_corrected_is_learnt_and_nobody_has_reviewed_it_yet() {
        let up = record(&giving(), &feedback(Rating::Up), "2026-11-30");
        let expected = json!({
            "messages": [
                {"role": "user", "content": "头痛怎么办？"},
                {"role": "assistant", "content": "多久了？", "weight": 0},
                {"role": "user", "content": "两天。"},
                {"role": "assistant", "content": "请休息。", "weight": 1},
            ],
            "source": "feedback on m", "last_update": "2026-11-30", "ai_made": true,
            "reviewed_by": "pending", "rating": "up",
        });
        assert_eq!(up, expected);
        let down = record(&giving(), &feedback(Rating::Down), "2026-11-30");
        assert_eq!((down["messages"][3]["weight"].as_u64(), &down["rating"]), (Some(0), &"down".into()));
        let better = Feedback {
            correction: Some("请尽快就医。".into()),
            comment: Some("遗漏".into()),
            reviewed_by: Some("Dr. Li".into()),
            ..feedback(Rating::Down)
        };
        let better = record(&giving(), &better, "2026-11-30");
        assert_eq!(
            better["messages"][3],
            json!({"role": "assistant", "content": "请尽快就医。", "weight": 1})
        );
        assert_eq!((&better["answer_given"], &better["comment"]), (&"请休息。".into(), &"遗漏".into()));
        assert_eq!((&better["reviewed_by"], &better["ai_made"]), (&"Dr. Li".into(), &true.into()));
    }
}
