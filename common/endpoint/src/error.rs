//! Why a request is not answered: one sentence, as OpenAI's error object, with its status. Used by every file
//! of the crate; `server` sends it. Invariant: no variant holds text of a question or an answer.

use serde_json::{Value, json};

use crate::limits::{BODY_BYTES_MAX, LOADING_RETRY_S_MIN, RETRY_S_MIN, WAITING_MAX};

/// One enum for the crate. [`Self::is_retryable`] says where asking again helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// A field that cannot be used, or a body that is no request.
    #[error("{sentence}")]
    Invalid { param: Option<String>, sentence: String },
    /// More tokens than the model takes.
    #[error("the prompt has {tokens} tokens; this model takes at most {max}")]
    PromptTooLong { tokens: usize, max: usize },
    #[error("the body of a request has at most {BODY_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the body of the request did not come in time")]
    TooSlow,
    #[error("send the body as Content-Type: application/json")]
    MediaType,
    #[error("the header Authorization: Bearer TOKEN with this server's token is needed")]
    WrongToken,
    #[error("this server answers to the names of this machine only: localhost, 127.0.0.1, [::1]")]
    ForeignHost,
    #[error("this server answers to programs, not to pages in a browser (the header Origin was sent)")]
    WebPage,
    #[error("there is no model of this name here; this server has `{served}`")]
    UnknownModel { served: String },
    #[error("there is nothing at this path; see GET /v1/models")]
    NoSuchPath,
    #[error("this path takes {allow} only")]
    WrongMethod { allow: &'static str },
    #[error("the model is being read; ask again in a moment")]
    Loading,
    #[error("{WAITING_MAX} questions wait already; ask again in a moment")]
    Full,
    #[error("those before this question took too long; ask again")]
    WaitedTooLong,
    #[error("the answer took too long and was ended")]
    TookTooLong,
    #[error("the server is being stopped")]
    Stopping,
    #[error("this server keeps no feedback; it was started without --feedback")]
    KeepsNoFeedback,
    #[error("this server gave no such answer, or too long ago")]
    UnknownAnswer,
    #[error("this answer was rated already")]
    AlreadyRated,
    #[error("this answer was withheld: nobody saw it, and nobody can rate it")]
    AnswerWithheld,
    #[error("the file of feedback is full")]
    FeedbackFull,
    #[error("the feedback could not be written")]
    FeedbackNotWritten,
    #[error("the model could not answer; the server's own words say why")]
    Model,
    /// The socket.
    #[error("cannot take connections: {0}")]
    Socket(String),
}

impl EndpointError {
    /// A field that cannot be used.
    #[must_use]
    pub fn field(param: &str, sentence: impl Into<String>) -> Self {
        Self::Invalid { param: Some(param.to_owned()), sentence: sentence.into() }
    }

    /// Of HTTP (RFC 9110).
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid { .. } | Self::PromptTooLong { .. } => 400,
            Self::WrongToken => 401,
            Self::ForeignHost | Self::WebPage => 403,
            Self::UnknownModel { .. } | Self::NoSuchPath | Self::KeepsNoFeedback | Self::UnknownAnswer => 404,
            Self::WrongMethod { .. } => 405,
            Self::TooSlow => 408,
            Self::AlreadyRated | Self::AnswerWithheld => 409,
            Self::TooLarge => 413,
            Self::MediaType => 415,
            Self::Full => 429,
            Self::Model | Self::FeedbackNotWritten | Self::Socket(_) => 500,
            Self::Loading | Self::WaitedTooLong | Self::Stopping => 503,
            Self::TookTooLong => 504,
            Self::FeedbackFull => 507,
        }
    }

    /// Whether asking again may help without anybody changing anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full | Self::Loading | Self::WaitedTooLong | Self::TooSlow)
    }

    /// After how many seconds, where the server can say.
    #[must_use]
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Full | Self::WaitedTooLong => Some(RETRY_S_MIN),
            Self::Loading => Some(LOADING_RETRY_S_MIN),
            _ => None,
        }
    }

    /// A word for programs, where OpenAI has one or ours is needed.
    fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::PromptTooLong { .. } => "context_length_exceeded",
            Self::WrongToken => "invalid_api_key",
            Self::UnknownModel { .. } => "model_not_found",
            Self::Full => "queue_full",
            Self::Loading => "model_loading",
            Self::WaitedTooLong | Self::TookTooLong | Self::TooSlow => "timeout",
            Self::ForeignHost => "foreign_host",
            Self::WebPage => "web_page",
            Self::UnknownAnswer => "answer_not_found",
            Self::AlreadyRated => "already_rated",
            Self::AnswerWithheld => "answer_withheld",
            _ => return None,
        })
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid { param, .. } => param.as_deref(),
            Self::PromptTooLong { .. } => Some("messages"),
            Self::UnknownModel { .. } => Some("model"),
            _ => None,
        }
    }

    /// OpenAI's error object.
    #[must_use]
    pub fn object(&self) -> Value {
        let kind = match self.status() {
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        json!({"error": {
            "message": self.to_string(),
            "type": kind,
            "param": self.param(),
            "code": self.code(),
        }})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_openais_object_and_says_where_to_look() {
        let error = EndpointError::field("n", "n must be 1");
        let expected = json!({"error": {
            "message": "n must be 1", "type": "invalid_request_error", "param": "n", "code": null,
        }});
        assert_eq!((error.status(), error.object()), (400, expected));
        assert!(!error.is_retryable());
        let full = EndpointError::Full;
        assert_eq!((full.status(), full.object()["error"]["type"].as_str()), (429, Some("rate_limit_error")));
        assert!(full.is_retryable() && full.retry_after_s().is_some());
        assert_eq!(EndpointError::Model.object()["error"]["type"], "server_error");
    }
}
