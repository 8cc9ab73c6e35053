//! A request for an answer, read strictly. Called by `server`. Invariant: a field that is not supported is
//! refused by its name, unless its value asks for nothing (`harmless`).

use serde_json::Value;

use super::fields::Fields;
use super::turn::Turn;
use super::{harmless, messages};
use crate::error::EndpointError;
use crate::limits::{ANSWER_TOKENS_MAX, STOP_BYTES_MAX, STOPS_MAX, TEMPERATURE_MAX, TEMPERATURE_MIN};

/// What is asked for. `None` leaves it to the server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Question {
    /// The name of the model that is asked.
    pub model: String,
    /// The last one is a person's.
    pub turns: Vec<Turn>,
    /// 0, or from [`TEMPERATURE_MIN`] to [`TEMPERATURE_MAX`].
    pub temperature: Option<f64>,
    /// Above 0, at most 1.
    pub top_p: Option<f64>,
    /// 1 to [`ANSWER_TOKENS_MAX`].
    pub max_tokens: Option<usize>,
    /// The same one gives the same choices.
    pub seed: Option<u64>,
    /// Texts that end the answer, none empty.
    pub stop: Vec<String>,
    /// Send the answer as it is made.
    pub stream: bool,
    /// Send what it cost at the end of the stream.
    pub include_usage: bool,
}

/// Reads the body of a request.
///
/// # Errors
/// `Invalid` with the field and what it must be.
pub fn read(body: Value) -> Result<Question, EndpointError> {
    let mut fields = Fields::of(body, "")?;
    let model = fields.text("model")?.ok_or_else(|| fields.wrong("model", "must be the model's name"))?;
    let turns = messages::read(fields.take("messages"))?;
    let temperature = fields.number("temperature")?;
    if temperature.is_some_and(|value| !(0.0..=TEMPERATURE_MAX).contains(&value)) {
        return Err(fields.wrong("temperature", "must be from 0 to 2"));
    }
    // So little is meant as the most likely token.
    let temperature = temperature.map(|value| if value < TEMPERATURE_MIN { 0.0 } else { value });
    let top_p = fields.number("top_p")?;
    if top_p.is_some_and(|value| value <= 0.0 || value > 1.0) {
        return Err(fields.wrong("top_p", "must be above 0 and at most 1"));
    }
    let max_tokens = max_tokens(&mut fields)?;
    let seed = seed(&mut fields)?;
    let stop = stop(&mut fields)?;
    let stream = fields.switch("stream")?;
    let include_usage = include_usage(&mut fields, stream)?;
    harmless::take(&mut fields)?;
    fields.done()?;
    Ok(Question { model, turns, temperature, top_p, max_tokens, seed, stop, stream, include_usage })
}

/// `max_completion_tokens`, or `max_tokens` as it was called before.
fn max_tokens(fields: &mut Fields) -> Result<Option<usize>, EndpointError> {
    let old = fields.count("max_tokens", ANSWER_TOKENS_MAX)?;
    let new = fields.count("max_completion_tokens", ANSWER_TOKENS_MAX)?;
    match (old, new) {
        (Some(old), Some(new)) if old != new => {
            Err(fields.wrong("max_completion_tokens", "and max_tokens must not differ"))
        }
        _ => Ok(new.or(old)),
    }
}

fn seed(fields: &mut Fields) -> Result<Option<u64>, EndpointError> {
    let Some(value) = fields.take("seed") else { return Ok(None) };
    // OpenAI's is a signed number; each of them is a seed of its own.
    let seed = value.as_u64().or_else(|| value.as_i64().map(i64::cast_unsigned));
    seed.map(Some).ok_or_else(|| fields.wrong("seed", "must be a whole number of 64 bits"))
}

fn stop(fields: &mut Fields) -> Result<Vec<String>, EndpointError> {
    let must =
        format!("must be a text or a list of at most {STOPS_MAX}, each of 1 to {STOP_BYTES_MAX} bytes");
    let texts = match fields.take("stop") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    };
    let is_good = |text: &String| (1..=STOP_BYTES_MAX).contains(&text.len());
    let read = |text: Value| match text {
        Value::String(text) if is_good(&text) => Some(text),
        _ => None,
    };
    let count = texts.len();
    let stops: Vec<String> = texts.into_iter().filter_map(read).collect();
    if stops.len() == count && count <= STOPS_MAX { Ok(stops) } else { Err(fields.wrong("stop", &must)) }
}

fn include_usage(fields: &mut Fields, stream: bool) -> Result<bool, EndpointError> {
    let Some(value) = fields.take("stream_options") else { return Ok(false) };
    if !stream {
        return Err(fields.wrong("stream_options", "is for stream: true only"));
    }
    let mut options = Fields::of(value, "stream_options.")?;
    let include_usage = options.switch("include_usage")?;
    // Blanks against guessing lengths on a wire; nothing here is on a wire.
    options.switch("include_obfuscation")?;
    options.done()?;
    Ok(include_usage)
}

#[cfg(test)]
mod tests;
