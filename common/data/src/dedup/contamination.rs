//! The n-gram rule for held-out sets: a record that shares a long run with a held-out one is contaminated, 13 words
//! (Brown et al. 2020, appendix C) or 30 characters of Chinese. Finds a copied passage in texts that are otherwise
//! different. Off by default: a form that all records share would flag them all.

use std::collections::HashSet;

use super::minhash::mix;
use super::normalise::{Script, Tokens};

/// Words in a shared run.
pub const WORDS: usize = 13;
/// Characters in a shared run.
pub const CHARACTERS: usize = 30;

/// All runs of some held-out texts; 8 bytes each, about as many as the texts have tokens.
#[derive(Debug, Default)]
pub struct Runs(HashSet<u64>);

impl Runs {
    /// Adds a held-out text; one shorter than a run adds nothing.
    pub fn add(&mut self, text: &str) {
        let tokens = Tokens::of(text);
        self.0.extend(tokens.tokens.windows(length(tokens.script)).map(fold));
    }

    /// Whether a text shares a run with any that was added.
    #[must_use]
    pub fn meets(&self, text: &str) -> bool {
        let tokens = Tokens::of(text);
        tokens.tokens.windows(length(tokens.script)).any(|run| self.0.contains(&fold(run)))
    }
}

fn length(script: Script) -> usize {
    match script {
        Script::Characters => CHARACTERS,
        Script::Words => WORDS,
    }
}

fn fold(run: &[u64]) -> u64 {
    run.iter().fold(run.len() as u64, |hash, token| mix(hash ^ token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn han(from: u32, count: u32) -> String {
        (0..count).filter_map(|offset| char::from_u32(0x4E00 + from + offset)).collect()
    }

    #[test]
    fn a_run_of_the_full_length_counts_and_a_shorter_one_does_not() {
        let mut runs = Runs::default();
        runs.add(&han(0, 100));
        assert!(runs.meets(&format!("{}，{}", han(5000, 40), han(50, 30))));
        assert!(!runs.meets(&format!("{}{}", han(5000, 40), han(50, 29))));
        let words: Vec<String> = (0..20).map(|number| format!("word{number}")).collect();
        runs.add(&words.join(" "));
        assert!(runs.meets(&format!("see {} here", words[3..16].join(", "))));
        assert!(!runs.meets(&format!("see {} here", words[3..15].join(", "))));
        assert!(!runs.meets("头痛"));
    }
}
