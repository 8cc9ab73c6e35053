//! A base model with its tokenizer: prompts as text, and the likeliest tokens behind them. Used by the other
//! files of `suite`. Invariant: never sampled, so that every model is asked alike and a second run says the
//! same.

use std::path::Path;

use evaluation::{Item, Suite, prompt};
use model::generate::{GenerateSettings, GenerationDefaults, Generator};
use model::{BaseModel, ChatTokenizer, Control, Message, ModelError, Role};

/// What every adapter is asked with.
pub(super) struct Teller<'a> {
    pub(super) base: &'a BaseModel,
    pub(super) tokenizer: ChatTokenizer,
    defaults: GenerationDefaults,
}

impl<'a> Teller<'a> {
    /// The model, with the tokenizer and the generation settings of its folder.
    pub(super) fn new(base: &'a BaseModel, folder: &Path) -> Result<Self, ModelError> {
        let (tokenizer, defaults) = (ChatTokenizer::load(folder)?, GenerationDefaults::read(folder)?);
        Ok(Self { base, tokenizer, defaults })
    }

    /// What the model says behind a prompt, and whether the prompt lost its beginning to make room for it.
    pub(super) fn generated(
        &self,
        generator: &mut Generator<'_>,
        settings: &GenerateSettings,
        prompt: &str,
    ) -> Result<(String, bool), ModelError> {
        let tokens = self.tokenizer.encode_as_it_is(prompt)?;
        let longest = self.base.config().max_position_embeddings;
        // Room for the answer; what has no room is the beginning.
        let kept = tokens.len().min(longest.saturating_sub(settings.max_tokens).max(1));
        let from = tokens.len() - kept;
        generator.forget();
        let said = generator.generate(&tokens[from..], settings, &mut |_| Control::Continue)?;
        Ok((self.tokenizer.decode(&said.tokens)?, from > 0))
    }

    /// How an answer of this suite is generated.
    pub(super) fn generation(&self, suite: &Suite) -> GenerateSettings {
        let mut settings = generation(&self.defaults, suite.settings.answer_tokens);
        settings.stop_tokens.extend(self.tokenizer.end_of_turn().ok());
        settings
    }

    /// The prompt as text: bare, or as a user's turn with the header of the answer.
    pub(super) fn prompt(&self, suite: &Suite, item: &Item, first: usize) -> Result<String, ModelError> {
        let words = prompt::asked(suite, item, first);
        let texts = [words, suite.settings.description.clone().unwrap_or_default()];
        self.tokenizer.refuse_special(&texts, "a question")?;
        let [words, description] = texts;
        if !suite.settings.chat {
            return Ok(words);
        }
        let system = (!description.is_empty()).then(|| Message::new(Role::System, description));
        let turns: Vec<Message> = system.into_iter().chain([Message::new(Role::User, words)]).collect();
        self.tokenizer.render(&turns, true)
    }
}

/// How answers are generated: always the likeliest token, also where the model's folder asks for sampling, so
/// that both models are asked alike and a second run says the same.
fn generation(defaults: &GenerationDefaults, max_tokens: usize) -> GenerateSettings {
    GenerateSettings { temperature: 0.0, max_tokens, ..defaults.settings(false) }
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
