//! What structure answers have to have. Used by `settings`; `judge` checks it. Invariant: a form has just the
//! settings that act on it.

use serde::Deserialize;

use super::score::{Fault, Score};
use crate::schema::Schema;

/// A structure, as a suite file names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Form {
    Json,
    Soap,
}

/// What an answer has to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Structure {
    /// JSON that follows a schema.
    Json(Box<Schema>),
    /// A note of the four sections subjective, objective, assessment, plan.
    Soap,
}

/// The structure that the settings ask for.
pub(super) fn structure(
    score: Score,
    form: Option<Form>,
    schema: Option<&str>,
) -> Result<Option<Structure>, Fault> {
    let refuse = |key, reason: &str| Err((key, reason.to_owned()));
    match (score == Score::Structured, form, schema) {
        (true, Some(Form::Soap), None) => Ok(Some(Structure::Soap)),
        (true, Some(Form::Json), Some(schema)) => Schema::parse(schema)
            .map(|schema| Some(Structure::Json(Box::new(schema))))
            .map_err(|reason| ("schema", reason)),
        (true, Some(Form::Json), None) => refuse("form", "is \"json\", which needs a schema"),
        (true, Some(Form::Soap), Some(_)) => refuse("schema", "acts with form = \"json\" only"),
        (true, None, _) => refuse("score", "is \"structured\", which needs form = \"json\" or \"soap\""),
        (false, Some(_), _) => refuse("form", "acts with score = \"structured\" only"),
        (false, None, Some(_)) => refuse("schema", "acts with score = \"structured\" only"),
        (false, None, None) => Ok(None),
    }
}
