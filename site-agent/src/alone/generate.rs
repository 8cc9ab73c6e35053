//! Text from a local model, behind the worker's locks: what is typed here is as private as a record.
//!
//! Called by `site-agent generate`, `ask` and `serve`. Invariants: the locks are taken before the model or
//! the adapter is read; nothing is written to disk; no error carries a prompt or an answer.

use std::path::{Path, PathBuf};

use common::places::readable;
use model::chat::ChatTokenizer;
use model::generate::{GenerateSettings, Generated, GenerationDefaults, Generator, TextStream};
use model::{Adapter, BaseModel, Control, Device, LoadOptions, Message, ModelError, Placement, Role};
use prepare::PrepareError;
use sandbox::gpu::GpuFiles;
use sandbox::process::interrupted;
use sandbox::{FileRules, Lock};

use crate::error::SiteError;
use crate::locks::lock_command;

/// What the person asked for; `None` leaves it to the model's `generation_config.json`.
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    pub temperature: Option<f64>,
    pub top_p: Option<f64>,
    pub top_k: Option<usize>,
    pub repetition_penalty: Option<f64>,
    pub max_tokens: Option<usize>,
    pub seed: u64,
}

/// A model that is ready to answer.
pub struct Talker {
    base: BaseModel,
    adapter: Option<Adapter>,
    tokenizer: ChatTokenizer,
    defaults: GenerationDefaults,
    settings: GenerateSettings,
    system: Option<String>,
}

/// A conversation with a [`Talker`]; what was computed of it is kept.
pub struct Conversation<'a> {
    talker: &'a Talker,
    generator: Generator<'a>,
    messages: Vec<Message>,
}

/// Takes the worker's locks: no network, and of the files only the model, the adapter, `more` and what the
/// device needs.
///
/// # Errors
/// `Data` when one does not hold and `allow_missing` does not name it.
pub fn lock(
    model: &Path,
    adapter: Option<&Path>,
    more: Vec<PathBuf>,
    device: Device,
    allow_missing: &[Lock],
) -> Result<(), SiteError> {
    let read = [Some(model), adapter].into_iter().flatten().flat_map(readable).chain(more).collect();
    let rules = FileRules { read, write: Vec::new(), gpu: GpuFiles::needed(device != Device::Cpu) };
    lock_command(&rules, allow_missing)
}

impl Talker {
    /// Loads the model, and the adapter in PEFT's layout.
    ///
    /// # Errors
    /// `Data` with what the model crate says of the folders or the wishes.
    pub fn load(
        model: &Path,
        adapter: Option<&Path>,
        options: &LoadOptions,
        placement: Placement,
        system: Option<String>,
        wishes: &Wishes,
    ) -> Result<Self, SiteError> {
        let tokenizer = ChatTokenizer::load(model).map_err(explain)?;
        let defaults = GenerationDefaults::read(model).map_err(explain)?;
        let settings = settings(&defaults, &tokenizer, wishes);
        settings.validate().map_err(explain)?;
        let base = BaseModel::load_on(model, options, placement).map_err(explain)?;
        let adapter =
            adapter.map(|folder| model::load_peft(folder, base.config())).transpose().map_err(explain)?;
        Ok(Self { base, adapter, tokenizer, defaults, settings, system })
    }

    /// A conversation that begins.
    ///
    /// # Errors
    /// `Data` when the adapter does not fit.
    pub fn conversation(&self) -> Result<Conversation<'_>, SiteError> {
        let generator = self.generator()?;
        let mut conversation = Conversation { talker: self, generator, messages: Vec::new() };
        conversation.begin_again();
        Ok(conversation)
    }

    /// What [`Self::say`] computes with.
    ///
    /// # Errors
    /// `Data` when the adapter does not fit.
    pub fn generator(&self) -> Result<Generator<'_>, SiteError> {
        Generator::new(&self.base, self.adapter.as_ref()).map_err(explain)
    }

    /// The settings for a question with wishes of its own.
    #[must_use]
    pub fn settings(&self, wishes: &Wishes) -> GenerateSettings {
        settings(&self.defaults, &self.tokenizer, wishes)
    }

    /// The tokens that ask for the next answer; this talker's own instructions go before where there are
    /// none.
    ///
    /// # Errors
    /// What the tokenizer or the chat template says of the conversation.
    pub fn prompt(&self, mut messages: Vec<Message>) -> Result<Vec<u32>, ModelError> {
        let has_system = messages.first().is_some_and(|first| first.role == Role::System);
        if let Some(system) = self.system.as_ref().filter(|_| !has_system) {
            messages.insert(0, Message::new(Role::System, system.clone()));
        }
        self.tokenizer.encode_prompt(&messages)
    }

    /// Whether a text holds none of the model's special tokens.
    #[must_use]
    pub fn is_plain(&self, text: &str) -> bool {
        self.tokenizer.refuse_special(&[text.to_owned()], "a text").is_ok()
    }

    /// Whether so many tokens leave room for an answer: for its longest, or half of the context.
    #[must_use]
    pub fn leaves_room(&self, prompt_tokens: usize, max_tokens: usize) -> bool {
        let context = self.context_tokens();
        prompt_tokens + max_tokens.min(context / 2) <= context
    }

    /// The most tokens that question and answer may have together.
    #[must_use]
    pub fn context_tokens(&self) -> usize {
        self.base.config().max_position_embeddings
    }

    /// Makes an answer; `show` gets its text as it comes, in whole characters, perhaps none, and may end it.
    ///
    /// # Errors
    /// As [`Generator::generate`], and what the tokenizer says of the answer's tokens.
    pub fn say(
        &self,
        generator: &mut Generator<'_>,
        prompt: &[u32],
        settings: &GenerateSettings,
        show: &mut dyn FnMut(&str) -> Control,
    ) -> Result<(Generated, String), ModelError> {
        let mut stream = TextStream::new(&self.tokenizer);
        let (mut text, mut fault) = (String::new(), None);
        let mut give = |part: Result<String, ModelError>| match part {
            Ok(part) => {
                text.push_str(&part);
                show(&part)
            }
            Err(error) => {
                fault = Some(error);
                Control::Stop
            }
        };
        let generated = generator.generate(prompt, settings, &mut |token| give(stream.push(token)))?;
        give(stream.finish());
        match fault {
            None => Ok((generated, text)),
            Some(error) => Err(error),
        }
    }
}

/// The publisher's settings with the person's on top. A wish that only acts on sampling asks for sampling.
fn settings(defaults: &GenerationDefaults, tokenizer: &ChatTokenizer, wishes: &Wishes) -> GenerateSettings {
    let sample = wishes.temperature.is_some() || wishes.top_p.is_some() || wishes.top_k.is_some();
    let mut settings = defaults.settings(sample);
    settings.temperature = wishes.temperature.unwrap_or(settings.temperature);
    settings.top_p = wishes.top_p.unwrap_or(settings.top_p);
    settings.top_k = wishes.top_k.unwrap_or(settings.top_k);
    settings.repetition_penalty = wishes.repetition_penalty.unwrap_or(settings.repetition_penalty);
    settings.max_tokens = wishes.max_tokens.unwrap_or(settings.max_tokens);
    settings.seed = wishes.seed;
    // A template without an end-of-turn token leaves the end to the ids of generation_config.json.
    settings.stop_tokens.extend(tokenizer.end_of_turn().ok());
    settings
}

impl Conversation<'_> {
    /// Forgets all turns.
    pub fn begin_again(&mut self) {
        let system = self.talker.system.clone();
        self.messages = system.map(|content| Message::new(Role::System, content)).into_iter().collect();
    }

    /// Answers; `show` gets the text as it comes, in whole characters. A turn that fails is as if it was not
    /// asked.
    ///
    /// # Errors
    /// `Data` when the prompt cannot be used or is too long with the turns before it.
    pub fn answer(&mut self, prompt: &str, show: &mut dyn FnMut(&str)) -> Result<Generated, SiteError> {
        let turns = self.messages.len();
        self.messages.push(Message::new(Role::User, prompt));
        let answered = self.generate(show);
        match answered {
            Ok((generated, text)) => {
                self.messages.push(Message::new(Role::Assistant, text));
                Ok(generated)
            }
            Err(error) => {
                self.messages.truncate(turns);
                Err(explain(error))
            }
        }
    }

    /// All that the user said, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<&str> {
        let users = self.messages.iter().filter(|message| message.role == Role::User);
        users.map(|message| message.content.as_str()).collect()
    }

    /// Says what stands in the place of the last question and its answer, so that the next one goes on from
    /// what was asked and shown.
    pub fn amend(&mut self, question: &str, answer: &str) {
        if let [.., asked, answered] = self.messages.as_mut_slice() {
            question.clone_into(&mut asked.content);
            answer.clone_into(&mut answered.content);
        }
    }

    /// Whether a prompt has room behind the turns before it, and its answer.
    #[must_use]
    pub fn has_room(&self, prompt: &str) -> bool {
        let next = Message::new(Role::User, prompt);
        let messages: Vec<Message> = self.messages.iter().cloned().chain([next]).collect();
        let tokens = self.talker.tokenizer.encode_prompt(&messages);
        tokens.is_ok_and(|tokens| self.talker.leaves_room(tokens.len(), self.talker.settings.max_tokens))
    }

    /// Who answers.
    #[must_use]
    pub const fn talker(&self) -> &Talker {
        self.talker
    }

    fn generate(&mut self, show: &mut dyn FnMut(&str)) -> Result<(Generated, String), ModelError> {
        let talker = self.talker;
        let prompt = talker.tokenizer.encode_prompt(&self.messages)?;
        talker.say(&mut self.generator, &prompt, &talker.settings, &mut |part| {
            show(part);
            if interrupted() { Control::Stop } else { Control::Continue }
        })
    }
}

/// The engine's error; a hint about run files would not fit this command.
fn explain(error: ModelError) -> SiteError {
    let hint = match &error {
        ModelError::Setting { name: "prompt", .. } => "shorten the prompt, or begin a new conversation",
        ModelError::Setting { .. } => "see `site-agent generate --help`",
        _ => return PrepareError::from(error).into(),
    };
    SiteError::Data { sentence: error.to_string(), hint: Some(hint.to_owned()) }
}
