//! The body of a response: one document, or an answer as events while it is made. Used by `server`.
//! Invariant: dropping it, as the server does when its client is gone, ends the answer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::chat::answer::Head;
use crate::chat::stream::Events;
use crate::error::EndpointError;
use crate::job::{End, Told};

/// Told the whole text of an answer when it is complete.
pub(crate) type OnEnd = Arc<dyn Fn(Head, String, &End) + Send + Sync>;

/// What is sent.
pub(crate) enum Reply {
    /// At once; nothing once it is sent.
    Whole(Option<Bytes>),
    /// As it comes.
    Events(Box<Streaming>),
}

/// An answer on its way.
pub(crate) struct Streaming {
    heard: mpsc::Receiver<Told>,
    events: Events,
    head: Head,
    text: String,
    on_end: OnEnd,
    is_begun: bool,
    is_over: bool,
}

impl Streaming {
    pub(crate) fn new(heard: mpsc::Receiver<Told>, head: Head, include_usage: bool, on_end: OnEnd) -> Self {
        let events = Events::new(head.clone(), include_usage);
        Self { heard, events, head, text: String::new(), on_end, is_begun: false, is_over: false }
    }

    /// The events for what was told; `None` where there are none.
    fn tell(&mut self, told: Option<Told>) -> Option<String> {
        match told {
            Some(Told::Began) => None,
            Some(Told::Text(part)) => {
                self.text.push_str(&part);
                Some(self.events.text(&part))
            }
            Some(Told::Held) => Some(Events::held()),
            Some(Told::Ended(end)) => {
                self.is_over = true;
                (self.on_end)(self.head.clone(), std::mem::take(&mut self.text), &end);
                Some(self.events.end(&end))
            }
            Some(Told::Failed(error)) => {
                self.is_over = true;
                Some(Events::fail(&error))
            }
            None => {
                self.is_over = true;
                Some(Events::fail(&EndpointError::Stopping))
            }
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Events(streaming) => {
                let sent = |events: String| Poll::Ready(Some(Ok(Frame::data(Bytes::from(events)))));
                if !std::mem::replace(&mut streaming.is_begun, true) {
                    return sent(streaming.events.begin());
                }
                while !streaming.is_over {
                    let Poll::Ready(told) = streaming.heard.poll_recv(context) else {
                        return Poll::Pending;
                    };
                    if let Some(events) = streaming.tell(told) {
                        return sent(events);
                    }
                }
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Events(streaming) => streaming.is_over,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Events(_) => SizeHint::default(),
        }
    }
}

/// One JSON document.
pub(crate) fn json(status: u16, document: &Value) -> Response<Reply> {
    let mut response = Response::new(Reply::Whole(Some(Bytes::from(document.to_string()))));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // What is answered is as private as a record.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// OpenAI's error object, with what HTTP says besides.
pub(crate) fn error(error: &EndpointError) -> Response<Reply> {
    let mut response = json(error.status(), &error.object());
    let headers = response.headers_mut();
    if let Some(seconds) = error.retry_after_s() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    match error {
        EndpointError::WrongMethod { allow } => {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        EndpointError::WrongToken => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

/// An answer as events.
pub(crate) fn events(streaming: Streaming) -> Response<Reply> {
    let mut response = Response::new(Reply::Events(Box::new(streaming)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
