//! A model behind OpenAI's HTTP interface, on this machine only: `POST /v1/chat/completions` (whole or as
//! server-sent events), `GET /v1/models`, `GET /healthz`, and a way of our own to say what an answer was
//! worth, `POST /v1/feedback`.
//!
//! Called by `site-agent serve`, which hands over a socket that listens and takes questions from a channel.
//! It is the only user of hyper, and knows neither the model nor a file: questions leave it as [`Job`]s,
//! lines of feedback by [`Keep`].
//!
//! ```text
//! connection -> guard (host, page, token) -> read (bounded) -> chat::request -> queue -> Job -> the model
//!            <- chat::answer, chat::stream  <-----------------  Told  <- stop <- Say <-'
//!            -> feedback (given) -> Keep
//! ```
//!
//! Invariants: nothing of a question or an answer is logged or stored, but what somebody rated and the caller
//! keeps; a field that is not supported is refused by name, never ignored; one question is answered at a
//! time, in the order they came; a client that goes away ends its answer at the next token of it, once its
//! prompt is read (which nothing ends); every wait has an end.

pub mod chat;
pub mod error;
pub mod feedback;
pub mod guard;
pub mod job;
pub mod limits;
mod listen;
pub mod queue;
mod read;
mod reply;
pub mod server;
mod stop;

pub use error::EndpointError;
pub use feedback::Keep;
pub use guard::Token;
pub use job::{Finish, Go, Job, Say};
pub use listen::listen;
pub use queue::Queue;
pub use server::{Endpoint, Settings, serve};
