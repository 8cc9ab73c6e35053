//! A rated answer as a record of the data room: turns as OpenAI writes them, with what the record says of its
//! origin (`common/data/FORMATS.md`). Called by `server`.
//!
//! Invariants: a machine wrote the answer, and nobody has reviewed the record: it says so whatever the
//! client says, and until a person writes a reviewer's name into the file the data room refuses it. What was
//! rated down without a correction, or rated up though it was cut or made from sources that the record does
//! not have, is never learnt, whoever reviews it, because its loss switch is off; of the turns before only
//! the last answer is learnt.

use serde_json::{Value, json};

use super::given::Giving;
use super::said::{Feedback, Rating};
use crate::chat::turn::{Speaker, Turn};
use crate::error::EndpointError;
use crate::job::Finish;
use crate::limits::{RECORD_BYTES_MAX, RECORD_CHARACTERS_MAX, RECORD_TURNS_MAX};

/// A name for nobody, in the place where the reviewer's belongs. The data room counts it as not reviewed.
const NOBODY: &str = "pending";

/// The record as a line; `day` is written `2026-11-30`.
///
/// # Errors
/// `Invalid` where the data room would refuse it whoever reviews it.
pub(crate) fn line(giving: &Giving, feedback: &Feedback, day: &str) -> Result<String, EndpointError> {
    can_be_a_record(giving, feedback)?;
    let line = record(giving, feedback, day).to_string();
    if line.len() > RECORD_BYTES_MAX {
        return Err(never("is longer than a record may be"));
    }
    Ok(line)
}

/// The data room's own rules for turns (`common/data/src/validate.rs`).
fn can_be_a_record(giving: &Giving, feedback: &Feedback) -> Result<(), EndpointError> {
    let turns = match giving.turns.as_slice() {
        [first, rest @ ..] if first.speaker == Speaker::System => rest,
        all => all,
    };
    let in_turn = |(index, turn): (usize, &Turn)| {
        turn.speaker == if index % 2 == 0 { Speaker::User } else { Speaker::Assistant }
    };
    // The answer is the assistant's, so that a user's turn is the last one before it.
    if turns.len() % 2 == 0 || !turns.iter().enumerate().all(in_turn) {
        return Err(never("is in a conversation where user and assistant do not take turns"));
    }
    let answer = feedback.correction.as_ref().unwrap_or(&giving.answer);
    if answer.trim().is_empty() {
        return Err(never("is empty: rate it down and give a correction"));
    }
    let texts = giving.turns.iter().map(|turn| &turn.text).chain([answer]);
    let characters: usize = texts.map(|text| text.chars().count()).sum();
    if giving.turns.len() >= RECORD_TURNS_MAX || characters > RECORD_CHARACTERS_MAX {
        return Err(never("is in a conversation that is longer than a record may be"));
    }
    Ok(())
}

fn never(why: &str) -> EndpointError {
    EndpointError::field("id", format!("this answer can be no record to learn from: it {why}"))
}

fn record(giving: &Giving, feedback: &Feedback, day: &str) -> Value {
    let mut messages: Vec<Value> = giving.turns.iter().map(turn).collect();
    let learnt = feedback.correction.as_ref().unwrap_or(&giving.answer);
    let is_whole = giving.finish == Finish::Stop && !giving.has_sources;
    let is_learnt = feedback.correction.is_some() || (feedback.rating == Rating::Up && is_whole);
    messages.push(json!({"role": "assistant", "content": learnt, "weight": u8::from(is_learnt)}));
    let mut record = json!({
        "messages": messages,
        "source": format!("feedback on {}", giving.head.model),
        "last_update": day,
        "ai_made": true,
        "reviewed_by": NOBODY,
        "rating": feedback.rating,
    });
    if giving.has_sources {
        record["has_sources"] = true.into();
    }
    let more = [
        ("comment", feedback.comment.as_ref()),
        ("answer_given", feedback.correction.as_ref().map(|_| &giving.answer)),
        // A claim: who asks and rates is not who reviews. No name that the data room reads.
        ("reviewer_said", feedback.reviewed_by.as_ref()),
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
        Giving { head, turns, answer: "请休息。".into(), finish: Finish::Stop, has_sources: false }
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
        assert_eq!((&better["reviewed_by"], &better["ai_made"]), (&"pending".into(), &true.into()));
        assert_eq!(better["reviewer_said"], "Dr. Li", "a claim alone");
    }

    #[test]
    fn what_was_cut_is_not_learnt_as_if_it_were_whole() {
        for finish in [Finish::Length, Finish::StopText] {
            let cut = Giving { finish, ..giving() };
            let up = record(&cut, &feedback(Rating::Up), "2026-11-30");
            assert_eq!(up["messages"][3]["weight"], 0, "{finish:?}");
            let better = Feedback { correction: Some("好。".into()), ..feedback(Rating::Down) };
            assert_eq!(record(&cut, &better, "2026-11-30")["messages"][3]["weight"], 1);
        }
        // Nor what was made from sources that the record does not have.
        let sourced = Giving { has_sources: true, ..giving() };
        let up = record(&sourced, &feedback(Rating::Up), "2026-11-30");
        assert_eq!((&up["messages"][3]["weight"], &up["has_sources"]), (&json!(0), &json!(true)));
    }

    #[test]
    fn what_the_data_room_would_always_refuse_is_refused_at_once() {
        let up = feedback(Rating::Up);
        let is_taken = |giving: &Giving, said: &Feedback| match line(giving, said, "2026-11-30") {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.status(), 400, "{error}");
                false
            }
        };
        assert!(is_taken(&giving(), &up));
        let mut twice = giving();
        twice.turns.remove(1);
        assert!(!is_taken(&twice, &up));
        let mut begun = giving();
        begun.turns.remove(0);
        assert!(!is_taken(&begun, &up));
        begun.turns[0].speaker = Speaker::System;
        assert!(is_taken(&begun, &up));
        let empty = Giving { answer: " \n".into(), ..giving() };
        assert!(!is_taken(&empty, &up) && !is_taken(&empty, &feedback(Rating::Down)));
        let better = Feedback { correction: Some("好。".into()), ..feedback(Rating::Down) };
        assert!(is_taken(&empty, &better));
        let long = Giving { answer: "a".repeat(RECORD_CHARACTERS_MAX), ..giving() };
        assert!(!is_taken(&long, &up));
        let mut many = giving();
        let pair = [many.turns[0].clone(), many.turns[1].clone()];
        while many.turns.len() < RECORD_TURNS_MAX {
            many.turns.splice(0..0, pair.clone());
        }
        assert!(!is_taken(&many, &up));
        many.turns.drain(..2);
        assert!(is_taken(&many, &up));
    }
}
