//! Sample questions: which records of a held-out file they are, and what base and final model answer. Called
//! by `child`. Invariants: the choice is a function of the records, not of their order in the file, so the
//! same file gives the same questions in every run; answers are greedy; it ends in bounded time with what is
//! answered.

use std::time::{Duration, Instant};

use common::id::Digest;
use model::chat::{ChatTokenizer, Document, Message, Role};
use model::generate::{Finish, GenerateSettings, GenerationDefaults, Generator, TextStream};
use model::{Adapter, BaseModel, Control, ModelError};
use prepare::held_out::HeldOutRecord;

use super::details::{Said, SampleQuestion, beginning};
use crate::limits::{
    DEPARTMENT_CHARS_MAX, SAMPLE_CHARS_MAX, SAMPLE_PROMPT_TOKENS_MAX, SAMPLE_TOKENS_MAX, SAMPLE_TRIES_MAX,
    SAMPLES_S_MAX,
};

/// A question as the models are asked.
#[derive(Debug)]
pub struct Question<'a> {
    department: Option<&'a str>,
    asked: &'a [Message],
    reference: &'a str,
    prompt: Vec<u32>,
}

/// Chooses at most `wanted` questions: those with the lowest hashes that the template takes and that are
/// short enough.
///
/// # Errors
/// The template costs too much.
pub fn choose<'a>(
    records: &'a [HeldOutRecord],
    tokenizer: &ChatTokenizer,
    wanted: usize,
) -> Result<Vec<Question<'a>>, ModelError> {
    let mut chosen = Vec::with_capacity(wanted);
    for asked in ranked(records).into_iter().take(SAMPLE_TRIES_MAX) {
        if chosen.len() == wanted {
            break;
        }
        match tokenizer.encode_prompt(asked.messages) {
            Ok(prompt) if prompt.len() <= SAMPLE_PROMPT_TOKENS_MAX => chosen.push(Question {
                department: asked.department,
                asked: asked.messages,
                reference: asked.reference,
                prompt,
            }),
            Err(error @ ModelError::TemplateSpent { .. }) => return Err(error),
            // Too long, or refused as in the measurement: the next one.
            _ => {}
        }
    }
    Ok(chosen)
}

/// A record that can be asked: everything before its first answer that is learnt.
struct Asked<'a> {
    department: Option<&'a str>,
    messages: &'a [Message],
    reference: &'a str,
}

/// What can be asked, in the order of its hashes.
fn ranked(records: &[HeldOutRecord]) -> Vec<Asked<'_>> {
    let mut candidates: Vec<(Digest, Asked<'_>)> =
        records.iter().filter_map(asked).map(|asked| (hash(&asked), asked)).collect();
    candidates.sort_by_key(|(hash, _)| *hash);
    // Two alike would be one question twice.
    candidates.dedup_by_key(|(hash, _)| *hash);
    candidates.into_iter().map(|(_, asked)| asked).collect()
}

fn asked(record: &HeldOutRecord) -> Option<Asked<'_>> {
    let Document::Conversation(messages) = &record.document else { return None };
    let at = messages.iter().position(|message| message.role == Role::Assistant && message.is_learnt)?;
    let (messages, rest) = messages.split_at_checked(at)?;
    let reference = rest.first()?.content.as_str();
    let has_question = messages.iter().any(|message| message.role == Role::User);
    has_question.then_some(Asked { department: record.department.as_deref(), messages, reference })
}

fn hash(asked: &Asked<'_>) -> Digest {
    let texts = asked.messages.iter().map(|message| message.content.as_str()).chain([asked.reference]);
    let mut bytes = b"consilium sample question".to_vec();
    for text in texts {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    Digest::of(&bytes)
}

/// Has both models answer. Those that are answered when the time is over are all.
///
/// # Errors
/// The adapter does not fit or has diverged, or a text cannot be decoded.
pub fn answer(
    questions: &[Question<'_>],
    base: &BaseModel,
    adapter: &Adapter,
    tokenizer: &ChatTokenizer,
    defaults: &GenerationDefaults,
) -> Result<Vec<SampleQuestion>, ModelError> {
    let until = Instant::now() + Duration::from_secs(SAMPLES_S_MAX);
    let mut settings = defaults.settings(false);
    (settings.temperature, settings.max_tokens) = (0.0, SAMPLE_TOKENS_MAX);
    // A template without an end-of-turn token leaves the end to the ids of generation_config.json.
    settings.stop_tokens.extend(tokenizer.end_of_turn().ok());
    let mut models = [Generator::new(base, None)?, Generator::new(base, Some(adapter))?];
    let mut answered = Vec::with_capacity(questions.len());
    for question in questions {
        let mut said = Vec::with_capacity(models.len());
        for model in &mut models {
            said.extend(say(model, &question.prompt, tokenizer, &settings, until)?);
        }
        let Ok([base, federated]) = <[Said; 2]>::try_from(said) else { break };
        let asked: Vec<&str> = question.asked.iter().map(|message| message.content.trim()).collect();
        answered.push(SampleQuestion {
            department: question.department.map(|name| beginning(name, DEPARTMENT_CHARS_MAX)),
            question: beginning(&asked.join("\n"), SAMPLE_CHARS_MAX),
            reference: beginning(question.reference, SAMPLE_CHARS_MAX),
            base,
            federated,
        });
    }
    Ok(answered)
}

/// One answer; nothing where the time is over.
fn say(
    model: &mut Generator<'_>,
    prompt: &[u32],
    tokenizer: &ChatTokenizer,
    settings: &GenerateSettings,
    until: Instant,
) -> Result<Option<Said>, ModelError> {
    if Instant::now() >= until {
        return Ok(None);
    }
    let generated = model.generate(prompt, settings, &mut |_| {
        if Instant::now() < until { Control::Continue } else { Control::Stop }
    })?;
    if generated.finish == Finish::Stopped {
        return Ok(None);
    }
    let mut stream = TextStream::new(tokenizer);
    let mut text = String::new();
    for token in &generated.tokens {
        text.push_str(&stream.push(*token)?);
    }
    text.push_str(&stream.finish()?);
    Ok(Some(Said { text: beginning(&text, SAMPLE_CHARS_MAX), ended: generated.finish == Finish::EndOfTurn }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(turns: &[(Role, &str)]) -> HeldOutRecord {
        let messages = turns.iter().map(|(role, text)| Message::new(*role, *text)).collect();
        HeldOutRecord { document: Document::Conversation(messages), department: None }
    }

    fn asked_about(question: &str) -> HeldOutRecord {
        record(&[(Role::User, question), (Role::Assistant, "an answer")])
    }

    fn order(records: &[HeldOutRecord]) -> Vec<&str> {
        ranked(records).iter().map(|asked| asked.messages[0].content.as_str()).collect()
    }

    #[test]
    fn the_choice_does_not_hang_on_the_order_of_the_file() {
        let mut records: Vec<_> = (0..20).map(|number| asked_about(&format!("question {number}"))).collect();
        let first: Vec<String> = order(&records).into_iter().map(str::to_owned).collect();
        records.reverse();
        records.push(asked_about("question 7"));
        assert_eq!(order(&records), first, "nor on a record that is there twice");
        assert_ne!(first[..3], ["question 0", "question 1", "question 2"]);
    }

    #[test]
    fn only_what_has_a_question_before_an_answer_is_asked() {
        let mut unlearnt = asked_about("switched off");
        let Document::Conversation(messages) = &mut unlearnt.document else { unreachable!() };
        messages[1].is_learnt = false;
        let text = HeldOutRecord { document: Document::Text("plain".to_owned()), department: None };
        let records = [
            text,
            unlearnt,
            record(&[(Role::Assistant, "an answer")]),
            record(&[(Role::System, "be brief"), (Role::Assistant, "an answer")]),
            record(&[
                (Role::User, "one"),
                (Role::Assistant, "a"),
                (Role::User, "two"),
                (Role::Assistant, "b"),
            ]),
        ];
        let found = ranked(&records);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].messages.len(), found[0].reference), (1, "a"));
    }
}
