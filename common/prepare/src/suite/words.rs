//! Answers in words: to a question, or turn by turn in a dialogue. Used by `suite`. Invariants: the likeliest
//! tokens, bounded in number; what a model says becomes a turn of the dialogue only where it holds no special
//! token's text, which would forge one; a dialogue that cannot go on ends without an answer, which is wrong.

use evaluation::judge::Spoken;
use evaluation::prompt::continuation;
use evaluation::suite::{Score, Speaker, Turn};
use evaluation::{Item, Suite};
use model::generate::{GenerateSettings, Generator};
use model::{Likelihoods, Message, ModelError, Role};

use super::teller::Teller;

/// What stands for an answer that is not there yet, where a dialogue is tried before it is asked.
const PLACE: &str = "-";

/// What answers are generated with, and the reference's likelihood computed, where there is one.
pub(super) struct Words<'a> {
    pub(super) generator: Generator<'a>,
    pub(super) settings: GenerateSettings,
    pub(super) likelihoods: Option<Likelihoods<'a>>,
}

impl Words<'_> {
    /// Everything that the model says to an item, and whether a prompt lost its beginning.
    pub(super) fn speak(
        &mut self,
        teller: &Teller<'_>,
        suite: &Suite,
        item: &Item,
    ) -> Result<(Spoken, bool), ModelError> {
        let (mut spoken, mut cut) = (Spoken::default(), false);
        let mut dialogue = Vec::new();
        for (place, is_answered) in answered(&item.turns) {
            dialogue.extend(place.map(message));
            if !is_answered {
                continue;
            }
            let prompt = match place {
                None => teller.prompt(suite, item, 0)?,
                Some(_) => match teller.tokenizer.render(&dialogue, true) {
                    Ok(prompt) => prompt,
                    // The dialogue was tried before; what the template does not take is the model's own turn.
                    Err(_) if !spoken.answers.is_empty() => {
                        spoken.answers.push(String::new());
                        break;
                    }
                    Err(error) => return Err(error),
                },
            };
            let (answer, is_cut) = teller.generated(&mut self.generator, &self.settings, &prompt)?;
            cut |= is_cut;
            if place.is_none_or(|place| is_last(&item.turns, place))
                && let Some(likelihoods) = &mut self.likelihoods
            {
                let ways = continuation(&item.reference, suite.settings.chat);
                let (context, ways) = teller.tokenizer.encode_continuations(&prompt, &[ways])?;
                let likely = likelihoods.score(&context, &ways)?;
                spoken.reference = likely.log_likelihoods.first().copied();
            }
            let texts = [answer];
            let is_turn = teller.tokenizer.refuse_special(&texts, "an answer").is_ok();
            let [answer] = texts;
            dialogue.push(Message::new(Role::Assistant, answer.clone()));
            spoken.answers.push(answer);
            if !is_turn && place.is_some_and(|place| !is_last(&item.turns, place)) {
                spoken.answers.push(String::new());
                break;
            }
        }
        Ok((spoken, cut))
    }
}

/// The tokens that an item is asked with. Refuses one that could be asked only until its turn comes.
pub(super) fn must_be_speakable(
    teller: &Teller<'_>,
    suite: &Suite,
    item: &Item,
) -> Result<Vec<Vec<u32>>, ModelError> {
    let prompt = if item.turns.is_empty() {
        teller.prompt(suite, item, 0)?
    } else {
        let texts: Vec<String> = item.turns.iter().map(|turn| turn.content.clone()).collect();
        teller.tokenizer.refuse_special(&texts, "a dialogue")?;
        let mut dialogue = Vec::new();
        for (place, is_answered) in answered(&item.turns) {
            dialogue.extend(place.map(message));
            if is_answered && place.is_some_and(|place| !is_last(&item.turns, place)) {
                dialogue.push(Message::new(Role::Assistant, PLACE));
            }
        }
        teller.tokenizer.render(&dialogue, true)?
    };
    if suite.settings.score != Score::Open {
        return Ok(vec![teller.tokenizer.encode_as_it_is(&prompt)?]);
    }
    let way = continuation(&item.reference, suite.settings.chat);
    let (context, ways) = teller.tokenizer.encode_continuations(&prompt, &[way])?;
    let (tokens, most) = (ways.first().map_or(0, Vec::len), teller.base.config().max_position_embeddings);
    if (1..=most).contains(&tokens) {
        return Ok(std::iter::once(context).chain(ways).collect());
    }
    let reason = format!("its answer has {tokens} tokens; the model takes 1 to {most}");
    Err(ModelError::Setting { name: "question", reason })
}

/// Each turn with whether the model answers it: one of the user that no answer follows. A question is none,
/// and is answered.
fn answered(turns: &[Turn]) -> Vec<(Option<&Turn>, bool)> {
    if turns.is_empty() {
        return vec![(None, true)];
    }
    let behind = turns.iter().skip(1).map(Some).chain([None]);
    let is_user = |turn: &Turn| turn.role == Speaker::User;
    turns
        .iter()
        .zip(behind)
        .map(|(turn, next)| (Some(turn), is_user(turn) && next.is_none_or(is_user)))
        .collect()
}

fn is_last(turns: &[Turn], turn: &Turn) -> bool {
    turns.last().is_some_and(|last| std::ptr::eq(last, turn))
}

fn message(turn: &Turn) -> Message {
    let role = match turn.role {
        Speaker::System => Role::System,
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
    };
    Message::new(role, turn.content.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_of_the_user_without_an_answer_is_answered() {
        let turns = |roles: &[Speaker]| -> Vec<Turn> {
            roles.iter().map(|role| Turn { role: *role, content: "x".into() }).collect()
        };
        let of = |roles: &[Speaker]| {
            answered(&turns(roles)).iter().map(|(_, is_answered)| *is_answered).collect::<Vec<bool>>()
        };
        use Speaker::{Assistant, System, User};
        assert_eq!(of(&[]), [true]);
        assert_eq!(of(&[System, User, Assistant, User]), [false, false, false, true]);
        assert_eq!(of(&[User, User, Assistant, User, User]), [true, false, false, true, true]);
    }
}
