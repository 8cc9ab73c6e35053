//! The one question before what cannot be undone. Used by every subcommand of both programs that takes
//! something away for good. Invariant: only the whole expected answer goes on; a `y` is typed too easily.

use std::io::{self, BufRead, IsTerminal as _, Read as _};

use common::terminal;

use crate::limits::ANSWER_BYTES_MAX;

/// `--yes`, in every command that asks.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Yes {
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The sentence before the answer.
    pub text: &'a str,
    /// The answer that goes on: `yes`, or the name of what is about to end.
    pub expected: &'a str,
    /// Whether `--yes` is needed where nobody can be asked. Not for what an operator's scripts do: there the
    /// command itself is the decision.
    pub needs_yes: bool,
}

/// Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Unconfirmed {
    /// There is no terminal.
    #[error("nobody can be asked here")]
    NobodyToAsk,
    /// Another answer was given.
    #[error("nothing was changed")]
    Declined {
        /// What would have gone on.
        expected: String,
    },
    /// Standard input cannot be read.
    #[error("standard input cannot be read: {0}")]
    Input(#[source] io::Error),
}

impl Unconfirmed {
    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            Self::NobodyToAsk => "add --yes if you have decided".into(),
            Self::Declined { expected } => {
                format!("answer `{expected}` in full when asked, or add --yes")
            }
            Self::Input(_) => "add --yes if you have decided".into(),
        }
    }
}

impl Yes {
    /// Asks at a terminal; goes on where it was answered already.
    ///
    /// # Errors
    /// Another answer than the expected one; nobody to ask where somebody must be.
    pub fn or_ask(self, question: &Question<'_>) -> Result<(), Unconfirmed> {
        if self.yes {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            return if question.needs_yes { Err(Unconfirmed::NobodyToAsk) } else { Ok(()) };
        }
        let Question { text, expected, .. } = question;
        terminal::eprint(format_args!("{text}; type {expected} to go on: "));
        answered(&mut io::stdin().lock(), expected)
    }
}

fn answered(input: &mut impl BufRead, expected: &str) -> Result<(), Unconfirmed> {
    let mut line = String::new();
    input.take(ANSWER_BYTES_MAX).read_line(&mut line).map_err(Unconfirmed::Input)?;
    if line.trim() == expected {
        return Ok(());
    }
    Err(Unconfirmed::Declined { expected: expected.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_answer_goes_on() {
        answered(&mut &b"cardiology\n"[..], "cardiology").unwrap();
        answered(&mut &b" yes \n"[..], "yes").unwrap();
        for no in ["", "y\n", "yes\n", "cardio\n", "cardiology-2\n", "Cardiology\n"] {
            let error = answered(&mut no.as_bytes(), "cardiology").unwrap_err();
            assert!(error.hint().contains("`cardiology`"), "{no}");
        }
        let long = [b"yes".as_slice(), &[b' '; 1000]].concat();
        answered(&mut long.as_slice(), "yes").unwrap();
    }

    #[test]
    fn where_nobody_can_be_asked_the_question_says_what_counts() {
        // The tests' standard input may be a terminal; then these would wait for it.
        if io::stdin().is_terminal() {
            return;
        }
        let question = |needs_yes| Question { text: "gone for good", expected: "yes", needs_yes };
        Yes { yes: false }.or_ask(&question(false)).unwrap();
        Yes { yes: true }.or_ask(&question(true)).unwrap();
        let error = Yes { yes: false }.or_ask(&question(true)).unwrap_err();
        assert!(matches!(error, Unconfirmed::NobodyToAsk) && error.hint().contains("--yes"));
    }
}
