//! Connections, and what is at which path. Called by `site-agent serve` with a socket that listens.
//!
//! Invariants: one request a connection, so that every bound of a connection is one of a request; so many
//! connections at once; nothing is logged here. When it is told to stop it takes no more connections, lets
//! the answer under way go on for a moment, and ends.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::clock::Clock;
use data_encoding::BASE32_NOPAD;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::chat::answer::{self, Head};
use crate::chat::request::{self, Question};
use crate::chat::turn::{Speaker, Turn};
use crate::error::EndpointError;
use crate::feedback::{self, Given, Giving, Keep};
use crate::guard::{self, Token};
use crate::job::{End, Finish, Told};
use crate::limits::{
    CONNECTION_MS_MAX, CONNECTIONS_MAX, HEADER_BYTES_MAX, HEADER_MS_MAX, HEADERS_MAX, STOP_MS_MAX,
};
use crate::queue::Queue;
use crate::read;
use crate::reply::{self, Reply, Streaming};

/// What the endpoint is started with.
pub struct Settings {
    /// The name by which the model is asked.
    pub name: String,
    /// What clients must show, if anything.
    pub token: Option<Token>,
    /// Who keeps feedback, if it is wanted.
    pub keep: Option<Box<dyn Keep>>,
    /// Instructions that the model's side puts before conversations that begin without any; feedback has
    /// them, too.
    pub system: Option<String>,
    /// Fields of our own that the list of models has for this one: what is in force for its answers.
    pub more: Map<String, Value>,
    /// An answer of ours that comes back in a conversation, without its note, where there are notes.
    pub without_note: Option<fn(&str) -> &str>,
    /// Where the time is read.
    pub clock: Arc<dyn Clock>,
}

/// One model's endpoint.
pub struct Endpoint {
    name: String,
    token: Option<Token>,
    clock: Arc<dyn Clock>,
    created_s: i64,
    queue: Arc<Queue>,
    system: Option<Turn>,
    more: Map<String, Value>,
    without_note: Option<fn(&str) -> &str>,
    /// Answers that may be rated and who keeps the ratings; `None` where no feedback is wanted.
    rated: Option<Mutex<(Given, Box<dyn Keep>)>>,
}

impl Endpoint {
    /// An endpoint before this queue.
    #[must_use]
    pub fn new(settings: Settings, queue: Arc<Queue>) -> Arc<Self> {
        let Settings { name, token, keep, system, more, without_note, clock } = settings;
        let created_s = clock.now().unix_s();
        let rated = keep.map(|keep| Mutex::new((Given::default(), keep)));
        let system = system.map(|text| Turn { speaker: Speaker::System, text });
        Arc::new(Self { name, token, clock, created_s, queue, system, more, without_note, rated })
    }

    /// The answer to one request.
    async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Response<Reply> {
        self.route(request).await.unwrap_or_else(|error| reply::error(&error))
    }

    async fn route(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Reply>, EndpointError> {
        guard::place(request.uri(), request.headers())?;
        let path = request.uri().path().to_owned();
        let path = path.as_str();
        let allow = match path {
            "/healthz" | "/v1/models" => "GET",
            "/v1/chat/completions" | "/v1/feedback" => "POST",
            _ if path.starts_with("/v1/models/") => "GET",
            _ => return Err(EndpointError::NoSuchPath),
        };
        if request.method() != if allow == "GET" { Method::GET } else { Method::POST } {
            return Err(EndpointError::WrongMethod { allow });
        }
        if path == "/healthz" {
            return Ok(self.health());
        }
        guard::token(self.token.as_ref(), request.headers())?;
        if let Some(name) = path.strip_prefix("/v1/models/") {
            self.must_have(name)?;
            return Ok(reply::json(200, &answer::model(&self.name, self.created_s, &self.more())));
        }
        if path == "/v1/models" {
            return Ok(reply::json(200, &answer::models(&self.name, self.created_s, &self.more())));
        }
        guard::json(request.headers())?;
        let is_feedback = path == "/v1/feedback";
        let body = read::body(request.into_body()).await?;
        if is_feedback { self.rate(feedback::read(body)?) } else { self.chat(request::read(body)?).await }
    }

    fn health(&self) -> Response<Reply> {
        let (status, word) = if self.queue.is_open() { (200, "ready") } else { (503, "loading") };
        reply::json(status, &json!({"status": word}))
    }

    /// What the list of models has of our own.
    fn more(&self) -> Map<String, Value> {
        let ready = self.queue.more().into_iter().flatten();
        self.more.iter().chain(ready).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn must_have(&self, model: &str) -> Result<(), EndpointError> {
        let is_here = model == self.name;
        is_here.then_some(()).ok_or_else(|| EndpointError::UnknownModel { served: self.name.clone() })
    }

    async fn chat(self: Arc<Self>, mut question: Question) -> Result<Response<Reply>, EndpointError> {
        self.must_have(&question.model)?;
        if let Some(without_note) = self.without_note {
            let ours = question.turns.iter_mut().filter(|turn| turn.speaker == Speaker::Assistant);
            ours.for_each(|turn| turn.text = without_note(&turn.text).to_owned());
        }
        let (stream, include_usage) = (question.stream, question.include_usage);
        let turns = if self.rated.is_some() { self.turns(&question) } else { Vec::new() };
        let mut heard = self.queue.ask(question).await?;
        // Until the prompt is known to be good, an error has a status of its own.
        match heard.recv().await {
            Some(Told::Began) => {}
            Some(Told::Failed(error)) => return Err(error),
            _ => return Err(EndpointError::Stopping),
        }
        let head = Head { id: new_id()?, created_s: self.clock.now().unix_s(), model: self.name.clone() };
        if stream {
            let this = Arc::clone(&self);
            let on_end = Arc::new(move |head, answer, end: &End| this.gave(head, &turns, answer, end));
            return Ok(reply::events(Streaming::new(heard, head, include_usage, on_end)));
        }
        let (text, note, end) = whole(&mut heard).await?;
        let document = answer::completion(&head, &format!("{text}{note}"), &end);
        self.gave(head, &turns, text, &end);
        Ok(reply::json(200, &document))
    }

    /// What the model is asked with.
    fn turns(&self, question: &Question) -> Vec<Turn> {
        let begins = question.turns.first().is_some_and(|first| first.speaker == Speaker::System);
        let system = self.system.iter().filter(|_| !begins);
        system.chain(&question.turns).cloned().collect()
    }

    /// Remembers an answer, where it may be rated; of one that was withheld the id alone.
    fn gave(&self, head: Head, turns: &[Turn], answer: String, end: &End) {
        let Some(rated) = &self.rated else { return };
        let given = &mut rated.lock().unwrap_or_else(PoisonError::into_inner).0;
        if end.finish == Finish::Withheld {
            return given.withheld(head.id);
        }
        let (finish, has_sources) = (end.finish, end.has_sources);
        given.add(Giving { head, turns: turns.to_vec(), answer, finish, has_sources });
    }

    fn rate(&self, said: feedback::Feedback) -> Result<Response<Reply>, EndpointError> {
        let rated = self.rated.as_ref().ok_or(EndpointError::KeepsNoFeedback)?;
        let time = self.clock.now().rfc3339();
        let day = time.split('T').next().unwrap_or_default();
        let mut rated = rated.lock().unwrap_or_else(PoisonError::into_inner);
        let (given, keep) = &mut *rated;
        given.rate(&said.id, |giving| keep.keep(&feedback::line(giving, &said, day)?))?;
        Ok(reply::json(200, &json!({"id": said.id, "object": "feedback", "kept": true})))
    }
}

/// A whole answer, when it is complete, and the note behind it.
async fn whole(heard: &mut mpsc::Receiver<Told>) -> Result<(String, String, End), EndpointError> {
    let (mut text, mut note) = (String::new(), String::new());
    loop {
        match heard.recv().await {
            Some(Told::Text(part)) => text.push_str(&part),
            Some(Told::Note(part)) => note.push_str(&part),
            Some(Told::Ended(end)) => return Ok((text, note, end)),
            Some(Told::Failed(error)) => return Err(error),
            Some(Told::Began) => {}
            None => return Err(EndpointError::Stopping),
        }
    }
}

/// The id of an answer: who does not know it cannot rate it.
fn new_id() -> Result<String, EndpointError> {
    let mut random = [0; 15];
    getrandom::fill(&mut random).map_err(|_| EndpointError::Model)?;
    Ok(format!("chatcmpl-{}", BASE32_NOPAD.encode(&random).to_ascii_lowercase()))
}

/// Takes connections until `stop` is true, and then for a moment lets those that are there end.
///
/// # Errors
/// `Socket` when no connection can be taken any more.
pub async fn serve(
    listener: TcpListener,
    endpoint: Arc<Endpoint>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), EndpointError> {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let failed = loop {
        let taken = async {
            let place = Arc::clone(&room).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            taken = taken => taken,
            _ = stop.wait_for(|stop| *stop) => break None,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok((stream, _)) => {
                let (endpoint, stop) = (Arc::clone(&endpoint), stop.clone());
                connections.spawn(async move {
                    connection(stream, endpoint, stop).await;
                    drop(place);
                });
            }
            // A client that was gone before it was accepted, or no descriptor or memory left for the moment.
            Err(error) if is_passing(&error) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => break Some(EndpointError::Socket(error.to_string())),
        }
    };
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(Duration::from_millis(STOP_MS_MAX), ended).await;
    failed.map_or(Ok(()), Err)
}

fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, WouldBlock};
    const FOR_NOW: [i32; 5] = [12, 23, 24, 71, 105]; // ENOMEM, ENFILE, EMFILE, EPROTO, ENOBUFS
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | WouldBlock)
        || error.raw_os_error().is_some_and(|code| FOR_NOW.contains(&code))
}

/// One connection: one request.
async fn connection(stream: TcpStream, endpoint: Arc<Endpoint>, mut stop: watch::Receiver<bool>) {
    let service = service_fn(move |request| {
        let endpoint = Arc::clone(&endpoint);
        async move { Ok::<_, Infallible>(endpoint.answer(request).await) }
    });
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEADER_BYTES_MAX)
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(HEADER_MS_MAX))
        .serve_connection(TokioIo::new(stream), service);
    let mut served = std::pin::pin!(served);
    let within = async {
        tokio::select! {
            result = served.as_mut() => return drop(result),
            _ = stop.wait_for(|stop| *stop) => served.as_mut().graceful_shutdown(),
        }
        // What goes wrong with a connection is its client's to see.
        let _ = served.await;
    };
    let _ = timeout(Duration::from_millis(CONNECTION_MS_MAX), within).await;
}

#[cfg(test)]
mod tests;
