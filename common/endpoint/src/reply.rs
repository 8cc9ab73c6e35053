//! The body of a response: one document, or an answer as events while it is made. Used by `server`.
//! Invariants: dropping it, as the server does when its client is gone, ends the answer; what is kept as the
//! answer has no note in it; a client that streams hears something every [`SILENCE_MS_MAX`].

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Response, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep};

use crate::chat::answer::Head;
use crate::chat::stream::Events;
use crate::error::EndpointError;
use crate::job::{End, Told};
use crate::limits::SILENCE_MS_MAX;

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
    silence: Duration,
    /// Until it was silent for so long; made when it is first waited for.
    wait: Option<Pin<Box<Sleep>>>,
    is_begun: bool,
    is_over: bool,
}

impl Streaming {
    pub(crate) fn new(heard: mpsc::Receiver<Told>, head: Head, include_usage: bool, on_end: OnEnd) -> Self {
        let events = Events::new(head.clone(), include_usage);
        let (text, silence) = (String::new(), Duration::from_millis(SILENCE_MS_MAX));
        Self { heard, events, head, text, on_end, silence, wait: None, is_begun: false, is_over: false }
    }

    /// The next events; `None` at the end.
    fn poll_events(&mut self, context: &mut Context<'_>) -> Poll<Option<String>> {
        if !std::mem::replace(&mut self.is_begun, true) {
            return Poll::Ready(Some(self.events.begin()));
        }
        while !self.is_over {
            let Poll::Ready(told) = self.heard.poll_recv(context) else {
                let silence = self.silence;
                let wait = self.wait.get_or_insert_with(|| Box::pin(sleep(silence)));
                if wait.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                wait.as_mut().reset(Instant::now() + silence);
                return Poll::Ready(Some(Events::wait()));
            };
            self.wait = None;
            if let Some(events) = self.tell(told) {
                return Poll::Ready(Some(events));
            }
        }
        Poll::Ready(None)
    }

    /// The events for what was told; `None` where there are none.
    fn tell(&mut self, told: Option<Told>) -> Option<String> {
        match told {
            Some(Told::Began) => None,
            Some(Told::Text(part)) => {
                self.text.push_str(&part);
                Some(self.events.text(&part))
            }
            Some(Told::Note(note)) => Some(self.events.text(&note)),
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
                let sent = |events| Some(Ok(Frame::data(Bytes::from(events?))));
                streaming.poll_events(context).map(sent)
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use http_body_util::BodyExt as _;

    use super::*;
    use crate::job::{Finish, Usage};

    #[tokio::test]
    async fn who_streams_hears_of_a_long_silence_and_what_is_kept_has_no_note() {
        let (to, heard) = mpsc::channel(4);
        let head = Head { id: "chatcmpl-1".into(), created_s: 0, model: "m".into() };
        let kept = Arc::new(Mutex::new(String::new()));
        let keeps = Arc::clone(&kept);
        let on_end: OnEnd = Arc::new(move |_, text, _| *keeps.lock().unwrap() = text);
        let mut streaming = Streaming::new(heard, head, false, on_end);
        streaming.silence = Duration::from_millis(5);
        let mut reply = Reply::Events(Box::new(streaming));
        let mut next = async || {
            let frame = reply.frame().await.unwrap().unwrap();
            String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
        };
        assert!(next().await.contains("\"role\":\"assistant\""));
        for _ in 0..2 {
            assert_eq!(next().await, Events::wait());
        }
        let (usage, more) = (Usage::default(), serde_json::Map::new());
        let end = End { usage, finish: Finish::Stop, more, has_sources: false };
        for told in [Told::Text("Rest.".into()), Told::Note("\n\nSources:".into()), Told::Ended(end)] {
            to.try_send(told).unwrap();
        }
        assert!(next().await.contains("\"Rest.\""));
        assert!(next().await.contains("Sources:"));
        assert!(next().await.ends_with("data: [DONE]\n\n"));
        assert_eq!(*kept.lock().unwrap(), "Rest.");
    }
}
