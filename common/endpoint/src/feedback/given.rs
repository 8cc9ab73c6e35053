//! The newest answers, for as long as they may be rated. Used by `server`. Invariant: at most
//! [`GIVEN_MAX`](crate::limits::GIVEN_MAX) of them, in memory only; where no feedback is kept, none.

use std::collections::VecDeque;

use crate::chat::answer::Head;
use crate::chat::turn::Turn;
use crate::error::EndpointError;
use crate::job::Finish;
use crate::limits::GIVEN_MAX;

/// A question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Giving {
    pub(crate) head: Head,
    /// What the model was asked with, the server's own instructions first where they were used.
    pub(crate) turns: Vec<Turn>,
    pub(crate) answer: String,
    pub(crate) finish: Finish,
    /// The model was asked with texts that are not among the turns.
    pub(crate) has_sources: bool,
}

/// The newest answers, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Given {
    newest: VecDeque<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It may be rated.
    Given(Box<Giving>),
    /// It was.
    Rated,
    /// Nobody saw it, so that nobody can rate it.
    Withheld,
}

impl Given {
    /// Remembers an answer, and forgets the oldest.
    pub(crate) fn add(&mut self, giving: Giving) {
        self.remember(giving.head.id.clone(), State::Given(Box::new(giving)));
    }

    /// Remembers that an answer was withheld.
    pub(crate) fn withheld(&mut self, id: String) {
        self.remember(id, State::Withheld);
    }

    fn remember(&mut self, id: String, state: State) {
        if self.newest.len() == GIVEN_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(Entry { id, state });
    }

    /// Gives out an answer so that it is rated with `keep`; it stays where that fails.
    ///
    /// # Errors
    /// `UnknownAnswer`, `AlreadyRated`, `AnswerWithheld`, and what `keep` says.
    pub(crate) fn rate(
        &mut self,
        id: &str,
        keep: impl FnOnce(&Giving) -> Result<(), EndpointError>,
    ) -> Result<(), EndpointError> {
        let entry =
            self.newest.iter_mut().find(|entry| entry.id == id).ok_or(EndpointError::UnknownAnswer)?;
        match &entry.state {
            State::Given(giving) => keep(giving)?,
            State::Rated => return Err(EndpointError::AlreadyRated),
            State::Withheld => return Err(EndpointError::AnswerWithheld),
        }
        entry.state = State::Rated;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_rated_once_and_the_oldest_are_forgotten() {
        let mut given = Given::default();
        for number in 0..=GIVEN_MAX {
            let head = Head { id: number.to_string(), created_s: 0, model: "m".into() };
            let answer = number.to_string();
            let (finish, has_sources) = (Finish::Stop, false);
            given.add(Giving { head, turns: Vec::new(), answer, finish, has_sources });
        }
        assert_eq!(given.rate("0", |_| Ok(())), Err(EndpointError::UnknownAnswer));
        let full = given.rate("1", |_| Err(EndpointError::FeedbackFull));
        assert_eq!(full, Err(EndpointError::FeedbackFull));
        let mut seen = String::new();
        given
            .rate("1", |giving| {
                seen.clone_from(&giving.answer);
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, "1", "what could not be kept can be rated again");
        assert_eq!(given.rate("1", |_| Ok(())), Err(EndpointError::AlreadyRated));
        given.withheld("x".into());
        assert_eq!(given.rate("x", |_| panic!("nothing to keep")), Err(EndpointError::AnswerWithheld));
        assert_eq!(given.rate("1", |_| Ok(())), Err(EndpointError::UnknownAnswer), "it is one of the newest");
    }
}
