//! Evaluation suites asked of a base model and of adapters beside it: prompts as tokens, likelihoods or
//! generated answers, and what these are by the suite's rule. Called by the commands that evaluate, at a site
//! and at the coordinator.
//!
//! Invariants: every item has one outcome, in the order of the file; an item's outcome does not depend on the
//! one before; no error carries a word of an item.

use std::path::{Path, PathBuf};

use evaluation::compare::{Arm, Measured};
use evaluation::judge::{self, Outcome};
use evaluation::prompt::{self, continuations};
use evaluation::suite::Score;
use evaluation::{Item, Suite};
use model::generate::{GenerateSettings, GenerationDefaults, Generator};
use model::{Adapter, BaseModel, ChatTokenizer, Control, Likelihoods, Message, ModelError, Role};

use crate::error::PrepareError;

/// What the base is called.
pub const BASE: &str = "base";

/// How far an evaluation is.
pub struct Progress<'a> {
    /// The model that is asked.
    pub model: &'a str,
    /// The suite.
    pub suite: &'a str,
    /// Questions asked, over all models and suites.
    pub done: u64,
    /// Of how many.
    pub total: u64,
}

/// A base model, ready to be asked.
pub struct Asked<'a> {
    base: &'a BaseModel,
    tokenizer: ChatTokenizer,
    defaults: GenerationDefaults,
}

impl<'a> Asked<'a> {
    /// The model, with the tokenizer and the generation settings of its folder.
    ///
    /// # Errors
    /// `Model` when these cannot be read.
    pub fn new(base: &'a BaseModel, folder: &Path) -> Result<Self, PrepareError> {
        let (tokenizer, defaults) = (ChatTokenizer::load(folder)?, GenerationDefaults::read(folder)?);
        Ok(Self { base, tokenizer, defaults })
    }

    /// Asks the base every suite, then each adapter, which is loaded when it is its turn. `show` is called
    /// after each question. That every adapter fits and every item can be asked is found before the first
    /// one.
    ///
    /// # Errors
    /// `Suite` with the line of an item that holds the text of a special token or cannot be encoded; `Model`
    /// when an adapter cannot be loaded, does not fit or has diverged.
    pub fn all<T>(
        &self,
        suites: Vec<Suite>,
        adapters: &[(String, T)],
        load: &dyn Fn(&T) -> Result<Adapter, PrepareError>,
        show: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Vec<Measured>, PrepareError> {
        for (_, adapter) in adapters {
            Likelihoods::new(self.base, Some(&load(adapter)?))?;
        }
        suites.iter().try_for_each(|suite| self.check(suite))?;
        let items = suites.iter().map(|suite| suite.items.len() as u64).sum::<u64>();
        let total = items * (1 + adapters.len() as u64);
        let mut measured: Vec<Measured> =
            suites.into_iter().map(|suite| Measured { suite, arms: Vec::new() }).collect();
        let named = adapters.iter().map(|(name, adapter)| (name.as_str(), Some(adapter)));
        let mut done = 0;
        for (name, adapter) in [(BASE, None)].into_iter().chain(named) {
            let adapter = adapter.map(load).transpose()?;
            for Measured { suite, arms } in &mut measured {
                let outcomes = self.outcomes(adapter.as_ref(), suite, &mut || {
                    done += 1;
                    show(&Progress { model: name, suite: &suite.settings.name, done, total });
                })?;
                arms.push(Arm { name: name.to_owned(), outcomes });
            }
        }
        Ok(measured)
    }

    /// Whether every item of a suite can be asked: hours may lie before one that cannot.
    ///
    /// # Errors
    /// `Suite` with the line of an item that holds the text of a special token or cannot be encoded.
    pub fn check(&self, suite: &Suite) -> Result<(), PrepareError> {
        let ask =
            |item: &Item| self.must_be_askable(suite, item).map_err(|error| of_item(&error, suite, item));
        suite.items.iter().try_for_each(ask)
    }

    fn must_be_askable(&self, suite: &Suite, item: &Item) -> Result<(), ModelError> {
        let prompt = self.prompt(suite, item, 0)?;
        let settings = &suite.settings;
        match settings.score {
            Score::Letters | Score::Options => {
                let ways = continuations(item, settings.score, settings.chat);
                self.tokenizer.encode_continuations(&prompt, &ways).map(drop)
            }
            Score::Generated | Score::Phrases => self.tokenizer.encode_as_it_is(&prompt).map(drop),
        }
    }

    fn outcomes(
        &self,
        adapter: Option<&Adapter>,
        suite: &Suite,
        on_item: &mut dyn FnMut(),
    ) -> Result<Vec<Outcome>, PrepareError> {
        let mut asking = self.asking(adapter, suite)?;
        suite
            .items
            .iter()
            .map(|item| {
                let outcome = self.outcome(&mut asking, suite, item)?;
                on_item();
                Ok(outcome)
            })
            .collect()
    }

    fn asking<'b>(&'b self, adapter: Option<&Adapter>, suite: &Suite) -> Result<Asking<'b>, PrepareError> {
        Ok(match suite.settings.score {
            Score::Letters | Score::Options => Asking::Likelihoods(Likelihoods::new(self.base, adapter)?),
            Score::Generated | Score::Phrases => {
                let mut settings = generation(&self.defaults, suite.settings.answer_tokens);
                settings.stop_tokens.extend(self.tokenizer.end_of_turn().ok());
                Asking::Generated(Generator::new(self.base, adapter)?, settings)
            }
        })
    }

    fn outcome(&self, asking: &mut Asking<'_>, suite: &Suite, item: &Item) -> Result<Outcome, PrepareError> {
        let settings = &suite.settings;
        match asking {
            Asking::Likelihoods(likelihoods) => {
                let orders = if settings.permuted { item.options.len() } else { 1 };
                let (mut each, mut cut) = (Vec::with_capacity(orders), false);
                let ways = continuations(item, settings.score, settings.chat);
                for first in 0..orders {
                    let prompt = self.prompt(suite, item, first)?;
                    let (context, ways) = self.tokenizer.encode_continuations(&prompt, &ways)?;
                    let likely = likelihoods.score(&context, &ways)?;
                    cut |= likely.cut;
                    each.push(likely.log_likelihoods);
                }
                Ok(Outcome { cut, ..judge::by_likelihood(item, settings.score, &each) })
            }
            Asking::Generated(generator, generation) => {
                let prompt = self.prompt(suite, item, 0)?;
                let tokens = self.tokenizer.encode_as_it_is(&prompt)?;
                let longest = self.base.config().max_position_embeddings;
                // Room for the answer; what has no room is the beginning.
                let kept = tokens.len().min(longest.saturating_sub(generation.max_tokens).max(1));
                let from = tokens.len() - kept;
                generator.forget();
                let said = generator.generate(&tokens[from..], generation, &mut |_| Control::Continue)?;
                let answer = self.tokenizer.decode(&said.tokens)?;
                let outcome = match settings.score {
                    Score::Phrases => judge::by_phrases(item, &answer),
                    _ => judge::by_text(item, &answer),
                };
                Ok(Outcome { cut: from > 0, ..outcome })
            }
        }
    }

    /// The prompt as text: bare, or as a user's turn with the header of the answer.
    fn prompt(&self, suite: &Suite, item: &Item, first: usize) -> Result<String, ModelError> {
        let words = prompt::text(suite.settings.prompt, item, first);
        let texts = [words];
        self.tokenizer.refuse_special(&texts, "a question")?;
        let [words] = texts;
        if !suite.settings.chat {
            return Ok(words);
        }
        self.tokenizer.render(&[Message::new(Role::User, words)], true)
    }
}

/// What an item is asked with.
enum Asking<'a> {
    Likelihoods(Likelihoods<'a>),
    Generated(Generator<'a>, GenerateSettings),
}

/// How answers are generated: always the likeliest token, also where the model's folder asks for sampling, so
/// that both models are asked alike and a second run says the same.
fn generation(defaults: &GenerationDefaults, max_tokens: usize) -> GenerateSettings {
    GenerateSettings { temperature: 0.0, max_tokens, ..defaults.settings(false) }
}

/// An item that cannot be asked is named by its line.
fn of_item(error: &ModelError, suite: &Suite, item: &Item) -> PrepareError {
    let path = PathBuf::from(&suite.settings.records);
    PrepareError::Suite(suite.settings.layout.fault(&path, item.line, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_not_sampled_where_the_models_folder_asks_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let text = "{\"do_sample\": true, \"temperature\": 0.7, \"eos_token_id\": 3}";
        std::fs::write(folder.path().join("generation_config.json"), text).unwrap();
        let defaults = GenerationDefaults::read(folder.path()).unwrap();
        assert!(defaults.settings(false).temperature > 0.0);
        let settings = generation(&defaults, 5);
        assert_eq!((settings.temperature, settings.max_tokens, settings.stop_tokens), (0.0, 5, vec![3]));
    }
}
