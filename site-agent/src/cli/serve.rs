//! `site-agent serve`: the model behind OpenAI's HTTP interface, for applications on this machine. Run by
//! `cli`.
//!
//! ```text
//! run: token, rules, socket, feedback file -> locks -> tables
//!      -> thread "model": documents, model, then Job by Job (`answering`)
//!      -> this thread: endpoint (HTTP) until a signal
//! ```
//!
//! Invariants: the socket and the file of feedback are opened before the locks, and nothing after but files
//! that are read and were named; rules whose own tests fail serve nothing; of questions and answers nothing
//! is written but what somebody rates, into the file that was named; what it says on standard error has
//! counts, times and names of rules and files only.

mod answering;
mod feedback;
mod listening;
mod saying;
mod tally;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use common::clock::SystemClock;
use common::places::readable;
use common::private;
use endpoint::{Endpoint, Keep, Queue, Settings, Token};
use model::Device;
use sandbox::FileRules;
use sandbox::descriptors::close_inherited;
use sandbox::gpu::GpuFiles;
use serde_json::Map;
use tokio::sync::oneshot;

use self::answering::Model;
use self::feedback::FeedbackFile;
use self::tally::Tally;
use super::talking::{CheckArguments, DocumentArguments, ModelArguments};
use crate::alone::checking::Checker;
use crate::error::SiteError;
use crate::locks::lock_server;

const EXAMPLES: &str = "\
Examples:
  Serve the model with what the consortium learnt:
    site-agent serve /srv/qwen2.5-0.5b --adapter ./adapter

  Ask it, as any application for OpenAI's interface does:
    curl -s http://127.0.0.1:8080/v1/chat/completions \\
      -H 'Content-Type: application/json' \\
      -d '{\"model\": \"adapter\",
           \"messages\": [{\"role\": \"user\", \"content\": \"什么是高血压？\"}]}'

  With a token, and with what people say of the answers kept:
    openssl rand -hex 32 > token && chmod 600 token
    site-agent serve /srv/qwen2.5-0.5b --adapter ./adapter \\
        --token-file token --feedback feedback.jsonl

  With the medical team's rules of safety for every answer:
    site-agent rules check safety/safety.toml
    site-agent serve /srv/qwen2.5-0.5b --adapter ./adapter \\
        --rules safety/safety.toml

  From the hospital's leaflets, with the sources behind each answer:
    site-agent serve /srv/qwen2.5-0.5b --adapter ./adapter \\
        --documents ./leaflets

Paths: POST /v1/chat/completions (also with \"stream\": true), GET /v1/models, GET /healthz, POST /v1/feedback. Questions are \
answered one by one; 16 may wait. Ctrl-C, SIGTERM or the end of the terminal ends it. Every user and program of this machine can connect: where others work on \
it, use --token-file.

With --rules an answer is sent when it is whole and checked, streamed or not; a client that streams gets a comment after every 15 s \
of silence. The rules see the answer and what the user turns say. A withheld answer ends with finish_reason content_filter, and cannot be rated; the field consilium.rules names the rules that an answer breaks, \
and GET /v1/models says which rules are in force.

With --documents the passages that fit the last question stand before it; consilium.sources of the answer names them, and consilium.unknown_citations \
the first ten numbers in it, of one or two digits, that are none. The same stands behind the text; only the fields are the program's word, because a \
model can write such a list itself.

Feedback (\"id\" is that of the answer; the last three may be left out):
    {\"id\": \"chatcmpl-...\", \"rating\": \"down\", \"comment\": \"...\",
     \"correction\": \"...\", \"reviewed_by\": \"...\"}

One line a rating, as `site-agent data check` reads it. Its reviewed_by is `pending`, whatever the client says (that stands in reviewer_said), and the data \
room refuses it so: a person of yours reviews it and puts their name into the file. An answer rated down without a correction, or cut, or made from documents, is never learnt.";

/// Let applications on this machine ask the model.
///
/// OpenAI's HTTP interface on an address of this machine alone, to try a model before a server such as vLLM
/// is set up. Runs behind the worker's locks: it answers on its one socket, can connect to nobody, and can
/// open no file but the model, the adapter, what the rules name and the documents. Nothing of what is asked
/// or answered is stored or logged, unless --feedback is given: then what somebody rated.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Address and port, of this machine alone; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The name by which applications ask for it [default: the adapter's folder, or the model's].
    #[arg(long)]
    name: Option<String>,
    /// A file whose first line clients must show as a bearer token; only you may be able to read it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Append what people say of answers to this file, question and answer with it.
    #[arg(long, value_name = "FILE.jsonl")]
    feedback: Option<PathBuf>,
    #[command(flatten)]
    check: CheckArguments,
    #[command(flatten)]
    documents: DocumentArguments,
    /// Instructions for conversations that begin without any.
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// Longest answer in tokens where a request does not say, at most 4096.
    #[arg(long, value_name = "COUNT", default_value_t = 512)]
    max_tokens: usize,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let (folder, adapter) = arguments.model.folders()?;
    let name = listening::name(arguments.name.as_deref(), adapter.as_deref().unwrap_or(&folder))?;
    let max_tokens = listening::max_tokens(arguments.max_tokens)?;
    let token = arguments.token_file.as_deref().map(token).transpose()?;
    let (rules, tables) = arguments.check.file()?;
    let documents = arguments.documents.wanted()?;
    // From here on nothing is open that we have not opened ourselves.
    let closed = close_inherited();
    let listener = listening::listen(arguments.listen)?;
    let address = listener.local_addr().map_err(|error| SiteError::Internal(error.to_string()))?;
    let keep = arguments.feedback.as_deref().map(FeedbackFile::open).transpose()?;
    let device = arguments.model.device;
    let read = [Some(&folder), adapter.as_ref()].into_iter().flatten().flat_map(|place| readable(place));
    let gpu = GpuFiles::needed(device != Device::Cpu);
    let of_documents = documents.iter().map(|wanted| wanted.folder.clone());
    let read = read.chain(tables).chain(of_documents).collect();
    let files = FileRules { read, write: Vec::new(), gpu };
    lock_server(closed, &files, &arguments.model.allow_missing)?;
    let checker = rules.as_ref().map(Checker::open).transpose()?;
    saying::say(&format!("listening on http://{address}/v1 as {name}; reading the model"));
    let mut more = Map::new();
    if let Some(checker) = &checker {
        more.insert("rules".to_owned(), checker.document());
        saying::say(&checker.describe());
    }
    let (queue, jobs) = Queue::new();
    let keep = keep.map(|keep| Box::new(keep) as Box<dyn Keep>);
    let system = arguments.system.clone();
    let clock = Arc::new(SystemClock);
    let without_note = documents.is_some().then_some(retrieval::without_note as fn(&str) -> &str);
    let settings = Settings { name, token, keep, system: system.clone(), more, without_note, clock };
    let endpoint = Endpoint::new(settings, Arc::clone(&queue));
    let (tally, is_checked) = (Arc::new(Tally::default()), checker.is_some());
    let (counted, options) = (Arc::clone(&tally), arguments.model.options());
    let model =
        Model { folder, adapter, options, device, system, max_tokens, checker, documents, tally: counted };
    let (ended, end) = oneshot::channel();
    let body = move || {
        // Nobody hears it where the endpoint has ended before.
        let _ = ended.send(answering::run(&model, &queue, jobs));
    };
    thread::Builder::new()
        .name("model".into())
        .spawn(body)
        .map_err(|source| SiteError::Internal(format!("cannot start a thread: {source}")))?;
    let served = listening::serve(listener, endpoint, end);
    if is_checked {
        saying::say(&tally.words());
    }
    served
}

/// The first line of a file that nobody else may read.
fn token(path: &Path) -> Result<Token, SiteError> {
    let hint = "make one: openssl rand -hex 32 > token && chmod 600 token";
    let refused = |error: private::PrivateError| match error {
        private::PrivateError::Io { path, source } => SiteError::io(&path, source),
        refused @ private::PrivateError::Refused { .. } => SiteError::data(&refused.to_string(), hint),
    };
    let bytes = private::read_file(path, 2 * endpoint::limits::TOKEN_BYTES_MAX as u64).map_err(refused)?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let (min, max) = (endpoint::limits::TOKEN_BYTES_MIN, endpoint::limits::TOKEN_BYTES_MAX);
    let sentence = format!("{} has no token of {min} to {max} letters, digits and signs", path.display());
    Token::new(text).ok_or_else(|| SiteError::data(&sentence, hint))
}
