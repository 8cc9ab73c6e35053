//! What somebody says of an answer, read strictly. Used by `server` and `record`. Invariant: a correction is
//! of an answer that was rated down; a reviewer is of what is to be learnt.

use serde_json::Value;

use crate::chat::fields::Fields;
use crate::error::EndpointError;
use crate::limits::{COMMENT_BYTES_MAX, CORRECTION_BYTES_MAX, REVIEWER_BYTES_MAX};

/// Which way the thumb points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Rating {
    Up,
    Down,
}

/// What somebody says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Feedback {
    /// The answer's id.
    pub(crate) id: String,
    pub(crate) rating: Rating,
    pub(crate) comment: Option<String>,
    /// What should have been answered.
    pub(crate) correction: Option<String>,
    /// Who is said to have reviewed what is to be learnt: a claim of the client's.
    pub(crate) reviewed_by: Option<String>,
}

/// Reads the body of a request.
///
/// # Errors
/// `Invalid` with the field and what it must be.
pub(crate) fn read(body: Value) -> Result<Feedback, EndpointError> {
    let mut fields = Fields::of(body, "")?;
    let id = fields.text("id")?.ok_or_else(|| fields.wrong("id", "must be the id of an answer"))?;
    let rating = match fields.text("rating")?.as_deref() {
        Some("up") => Rating::Up,
        Some("down") => Rating::Down,
        _ => return Err(fields.wrong("rating", "must be up or down")),
    };
    let comment = text(&mut fields, "comment", COMMENT_BYTES_MAX)?;
    let correction = text(&mut fields, "correction", CORRECTION_BYTES_MAX)?;
    let reviewed_by = text(&mut fields, "reviewed_by", REVIEWER_BYTES_MAX)?;
    if correction.is_some() && rating == Rating::Up {
        return Err(fields.wrong("correction", "is for answers that are rated down"));
    }
    if reviewed_by.is_some() && rating == Rating::Down && correction.is_none() {
        return Err(fields.wrong("reviewed_by", "is for what is to be learnt: rate up, or give a correction"));
    }
    fields.done()?;
    Ok(Feedback { id, rating, comment, correction, reviewed_by })
}

/// A text that is not empty and not too long.
fn text(fields: &mut Fields, name: &str, max: usize) -> Result<Option<String>, EndpointError> {
    let text = fields.text(name)?;
    match &text {
        Some(text) if text.trim().is_empty() || text.len() > max => {
            Err(fields.wrong(name, &format!("must have 1 to {max} bytes")))
        }
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn feedback_is_read_strictly() {
        let good = json!({"id": "chatcmpl-1", "rating": "down", "comment": "太长", "correction": "请休息。",
            "reviewed_by": "Dr. Li"});
        let read_good = read(good).unwrap();
        assert_eq!((read_good.rating, read_good.correction.as_deref()), (Rating::Down, Some("请休息。")));
        for (bad, param) in [
            (json!({"rating": "up"}), "id"),
            (json!({"id": "x", "rating": "good"}), "rating"),
            (json!({"id": "x", "rating": "up", "comment": " "}), "comment"),
            (json!({"id": "x", "rating": "up", "comment": "x".repeat(COMMENT_BYTES_MAX + 1)}), "comment"),
            (json!({"id": "x", "rating": "up", "correction": "y"}), "correction"),
            (json!({"id": "x", "rating": "down", "reviewed_by": "y"}), "reviewed_by"),
            (json!({"id": "x", "rating": "up", "stars": 5}), "stars"),
        ] {
            match read(bad.clone()) {
                Err(EndpointError::Invalid { param: Some(found), .. }) => assert_eq!(found, param, "{bad}"),
                other => panic!("{bad}: {other:?}"),
            }
        }
    }
}
