//! The thread that has the model: takes question after question and says the answers. Called by `serve`.
//!
//! Invariants: each question is answered as if it were the first, to the last bit, so that an answer depends
//! on the request alone and tells nobody what others asked; where there are rules nothing of an answer leaves
//! before the whole of it, as its client would get it, is checked; no error that a client sees holds a path,
//! and no line that is logged holds a text.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use endpoint::chat::request::Question;
use endpoint::chat::turn::{Speaker, Turn};
use endpoint::job::Usage;
use endpoint::limits::PROMPT_TOKENS_MAX;
use endpoint::{EndpointError, Finish, Go, Job, Queue, Say};
use model::generate::{Finish as Ended, Generated, Generator};
use model::{Control, Device, LoadOptions, Message, ModelError, Role};
use retrieval::Sources;
use serde_json::{Map, json};
use tokio::sync::mpsc;

use super::super::asking::names;
use super::tally::Tally;
use crate::alone::checking::{Broken, Checker, Verdict};
use crate::alone::documents::{Documents, Wanted, cited, fields};
use crate::alone::generate::{Talker, Wishes};
use crate::error::SiteError;

/// What is loaded, and how.
pub(super) struct Model {
    pub(super) folder: PathBuf,
    pub(super) adapter: Option<PathBuf>,
    pub(super) options: LoadOptions,
    pub(super) device: Device,
    pub(super) system: Option<String>,
    /// Longest answer where a request does not say.
    pub(super) max_tokens: usize,
    /// What answers are checked by.
    pub(super) checker: Option<Checker>,
    /// What they are made from.
    pub(super) documents: Option<Wanted>,
    /// What came of the checks.
    pub(super) tally: Arc<Tally>,
}

/// Reads the documents, loads the model, opens the queue, and answers until nobody asks any more.
///
/// # Errors
/// `Data` with what is wrong with the documents, the model or the adapter.
pub(super) fn run(model: &Model, queue: &Arc<Queue>, mut jobs: mpsc::Receiver<Job>) -> Result<(), SiteError> {
    let started = Instant::now();
    let documents = model.documents.as_ref().map(read).transpose()?;
    let wishes = Wishes { max_tokens: Some(model.max_tokens), ..Wishes::default() };
    let (adapter, placement) = (model.adapter.as_deref(), model.device.into());
    let talker =
        Talker::load(&model.folder, adapter, &model.options, placement, model.system.clone(), &wishes)?;
    let (generator, documents) = (talker.generator()?, documents.as_ref());
    let mut answerer = Answerer { generator, talker: &talker, model, documents };
    let more = documents.map(|documents| ("documents".to_owned(), documents.document()));
    queue.open(Map::from_iter(more));
    super::saying::say(&format!("ready after {:.1} s", started.elapsed().as_secs_f64()));
    while let Some(job) = jobs.blocking_recv() {
        answerer.answer(job);
    }
    Ok(())
}

/// The documents; says so, because it takes half a minute for many.
fn read(wanted: &Wanted) -> Result<Documents, SiteError> {
    super::saying::say("reading the documents");
    let documents = Documents::open(wanted)?;
    documents.describe().iter().for_each(|line| super::saying::say(line));
    Ok(documents)
}

struct Answerer<'a> {
    talker: &'a Talker,
    generator: Generator<'a>,
    model: &'a Model,
    documents: Option<&'a Documents>,
}

impl Answerer<'_> {
    /// One question.
    fn answer(&mut self, job: Job) {
        let Job { question, mut say } = job;
        // Its client went away while it waited.
        if say.go() == Go::Stop {
            return;
        }
        let sources = self.documents.map(|documents| self.found(documents, &question));
        let prompt = match self.prompt(turns(&question, sources.as_ref())) {
            Ok(prompt) => prompt,
            Err(error) => return say.fail(error),
        };
        let settings = match wishes(&question, self.model.max_tokens) {
            Ok(wishes) => self.talker.settings(&wishes),
            Err(error) => return say.fail(error),
        };
        if sources.as_ref().is_some_and(|sources| !sources.given.is_empty()) {
            say.has_sources();
        }
        if self.model.checker.is_some() {
            say.hold();
        }
        say.begin();
        self.generator.forget();
        let said =
            self.talker.say(&mut self.generator, &prompt, &settings, &mut |part| match say.text(part) {
                Go::On => Control::Continue,
                Go::Stop => Control::Stop,
            });
        match said {
            Ok((generated, _)) => {
                let usage = Usage { prompt_tokens: prompt.len(), completion_tokens: generated.tokens.len() };
                // Nobody gets a stump, so that nothing of it is checked or counted.
                if say.is_given_up() {
                    tell(&generated, usage, "given up", &[]);
                    return say.end(usage, finish(generated.finish));
                }
                let verdict = self.check(&question, &mut say);
                let is_withheld = verdict.as_ref().is_some_and(Verdict::is_withheld);
                if let Some(sources) = sources.as_ref().filter(|_| !is_withheld) {
                    self.cite(sources, &question, &mut say);
                }
                let broken = verdict.as_ref().map_or(&[][..], Verdict::broken);
                tell(&generated, usage, if is_withheld { "withheld" } else { "answered" }, broken);
                say.end(usage, finish(generated.finish));
            }
            Err(error) => say.fail(fault(&error)),
        }
    }

    /// Gives or withholds an answer that was held.
    fn check(&self, question: &Question, say: &mut Say) -> Option<Verdict> {
        let checker = self.model.checker.as_ref()?;
        let verdict = checker.verdict(&asked(question), say.held());
        match &verdict {
            Verdict::Shown(_) => say.give(),
            Verdict::Withheld(_, sentence) => say.withhold(sentence),
        }
        say.add("rules", json!(verdict.broken()));
        self.model.tally.count(&verdict);
        Some(verdict)
    }

    /// The sources behind an answer, as a text and as fields.
    fn cite(&self, sources: &Sources<'_>, question: &Question, say: &mut Say) {
        let cited = cited(sources, say.said(), &asked(question), self.model.checker.as_ref());
        say.note(&cited.note);
        fields(&cited).into_iter().for_each(|(name, value)| say.add(name, value));
    }

    /// The passages for the last turn.
    fn found<'d>(&self, documents: &'d Documents, question: &Question) -> Sources<'d> {
        let max_tokens = question.max_tokens.unwrap_or(self.model.max_tokens);
        let last = question.turns.last().map_or("", |turn| turn.text.as_str());
        let is_plain = |text: &str| self.talker.is_plain(text);
        let has_room = |prompt: &str| {
            let tokens = self.talker.prompt(with_last(question, prompt)).map(|tokens| tokens.len());
            tokens.is_ok_and(|tokens| {
                tokens <= PROMPT_TOKENS_MAX && self.talker.leaves_room(tokens, max_tokens)
            })
        };
        documents.sources(last, &retrieval::Model { is_plain: &is_plain, has_room: &has_room })
    }

    fn prompt(&self, messages: Vec<Message>) -> Result<Vec<u32>, EndpointError> {
        let prompt = self.talker.prompt(messages).map_err(|error| fault(&error))?;
        // Room for one token of the answer.
        let max = PROMPT_TOKENS_MAX.min(self.talker.context_tokens().saturating_sub(1));
        if prompt.len() > max {
            return Err(EndpointError::PromptTooLong { tokens: prompt.len(), max });
        }
        Ok(prompt)
    }
}

/// What the model is asked with: the last turn with its sources, where there are some.
fn turns(question: &Question, sources: Option<&Sources<'_>>) -> Vec<Message> {
    match sources {
        Some(sources) => with_last(question, &sources.prompt),
        None => question.turns.iter().map(message).collect(),
    }
}

fn with_last(question: &Question, prompt: &str) -> Vec<Message> {
    let mut messages: Vec<Message> = question.turns.iter().map(message).collect();
    if let Some(last) = messages.last_mut() {
        prompt.clone_into(&mut last.content);
    }
    messages
}

/// All that the user said, the question last.
fn asked(question: &Question) -> Vec<&str> {
    let users = question.turns.iter().filter(|turn| turn.speaker == Speaker::User);
    users.map(|turn| turn.text.as_str()).collect()
}

fn message(turn: &Turn) -> Message {
    let role = match turn.speaker {
        Speaker::System => Role::System,
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
    };
    Message::new(role, turn.text.clone())
}

/// What the question wishes. Without a seed a new one is drawn: who asks again for another answer gets one,
/// unless the most likely token is taken anyway.
fn wishes(question: &Question, max_tokens: usize) -> Result<Wishes, EndpointError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|_| EndpointError::Model)?;
    Ok(Wishes {
        temperature: question.temperature,
        top_p: question.top_p,
        max_tokens: Some(question.max_tokens.unwrap_or(max_tokens)),
        seed: question.seed.unwrap_or_else(|| u64::from_le_bytes(random)),
        ..Wishes::default()
    })
}

fn finish(ended: Ended) -> Finish {
    match ended {
        Ended::EndOfTurn | Ended::Stopped => Finish::Stop,
        Ended::MaxTokens | Ended::ContextFull => Finish::Length,
    }
}

/// What the client is told of the engine's error: what they can mend in its own words, of the rest that it
/// was ours.
fn fault(error: &ModelError) -> EndpointError {
    match error {
        ModelError::Template { .. }
        | ModelError::TemplateSpent { .. }
        | ModelError::SpecialToken { .. }
        | ModelError::Setting { .. } => {
            EndpointError::Invalid { param: Some("messages".into()), sentence: error.to_string() }
        }
        _ => {
            super::saying::say(&format!("a question could not be answered: {error}"));
            EndpointError::Model
        }
    }
}

fn tell(generated: &Generated, usage: Usage, word: &str, broken: &[Broken]) {
    let breaks = if broken.is_empty() { String::new() } else { format!("; breaks: {}", names(broken)) };
    super::saying::say(&format!(
        "{word}: {} tokens at {:.1} tokens/s; prompt: {} tokens in {:.2} s{breaks}",
        usage.completion_tokens,
        generated.tokens_per_s(),
        usage.prompt_tokens,
        generated.prompt_ms as f64 / 1e3,
    ));
}
