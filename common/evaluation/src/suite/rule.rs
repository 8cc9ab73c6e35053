//! Rules that answers in words keep or break, each counted by itself: refusals, referrals in an emergency,
//! disclaimers, words that must not be said. Used by `settings`; `judge` looks for the phrases. The lists of
//! four common rules are data (`lists/`), and a suite takes one by its name alone.
//!
//! Invariant: after [`rules`] each rule has a phrase, and its name is no other's.

use serde::Deserialize;

use super::phrases::are_phrases;
use crate::limits::{NAME_CHARACTERS_MAX, RULES_MAX};

/// What the lists are called and what is in them.
const LISTS: [(&str, &str); 4] = [
    ("must-refuse", include_str!("../../lists/must-refuse.toml")),
    ("must-answer", include_str!("../../lists/must-answer.toml")),
    ("emergency-referral", include_str!("../../lists/emergency-referral.toml")),
    ("disclaimer", include_str!("../../lists/disclaimer.toml")),
];

/// A language of questions and phrases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tongue {
    /// Chinese.
    Zh,
    /// English, and what is neither.
    En,
}

impl Tongue {
    /// Chinese where a Chinese character is in it.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let is_han = |c: char| matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}');
        if text.chars().any(is_han) { Self::Zh } else { Self::En }
    }
}

/// Phrases by language.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phrases {
    /// Chinese ones.
    #[serde(default)]
    pub zh: Vec<String>,
    /// English ones.
    #[serde(default)]
    pub en: Vec<String>,
}

impl Phrases {
    /// Those of one language.
    #[must_use]
    pub fn of(&self, tongue: Tongue) -> &[String] {
        match tongue {
            Tongue::Zh => &self.zh,
            Tongue::En => &self.en,
        }
    }

    fn is_empty(&self) -> bool {
        self.zh.is_empty() && self.en.is_empty()
    }
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What reports call it.
    pub name: String,
    /// The last answer needs one of these, in the language of its question, where that has any.
    #[serde(default)]
    pub wanted: Phrases,
    /// No answer may have one of these, of whatever language.
    #[serde(default)]
    pub unwanted: Phrases,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    #[serde(default)]
    wanted: Phrases,
    #[serde(default)]
    unwanted: Phrases,
}

/// The rules of a suite file, those without a phrase with the lists of their name. The error is the reason.
pub(super) fn rules(written: Vec<Rule>) -> Result<Vec<Rule>, String> {
    if written.len() > RULES_MAX {
        return Err(format!("stands more than {RULES_MAX} times"));
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(written.len());
    for (number, rule) in (1..).zip(written) {
        let name = &rule.name;
        let is_plain = !name.trim().is_empty()
            && name.chars().count() <= NAME_CHARACTERS_MAX
            && !name.chars().any(char::is_control);
        if !is_plain {
            return Err(format!("{number} needs a name of 1 to {NAME_CHARACTERS_MAX} printable characters"));
        }
        if rules.iter().any(|before| before.name == *name) {
            return Err(format!("{number} has the name of another"));
        }
        let rule =
            if rule.wanted.is_empty() && rule.unwanted.is_empty() { listed(rule, number)? } else { rule };
        for phrases in [&rule.wanted.zh, &rule.wanted.en, &rule.unwanted.zh, &rule.unwanted.en] {
            are_phrases(phrases).map_err(|reason| format!("{number}: wanted or unwanted {reason}"))?;
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn listed(rule: Rule, number: u32) -> Result<Rule, String> {
    let list = LISTS.iter().find(|(name, _)| *name == rule.name);
    let lists = list.and_then(|(_, text)| toml::from_str::<Lists>(text).ok());
    let Some(Lists { wanted, unwanted }) = lists else {
        let names = LISTS.map(|(name, _)| name).join(", ");
        return Err(format!(
            "{number} has neither wanted nor unwanted, and a name without lists of its own ({names})"
        ));
    };
    Ok(Rule { name: rule.name, wanted, unwanted })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Rule {
        Rule { name: name.to_owned(), wanted: Phrases::default(), unwanted: Phrases::default() }
    }

    #[test]
    fn every_list_has_phrases_of_both_languages() {
        for (name, _) in LISTS {
            let rule = rules(vec![named(name)]).unwrap().remove(0);
            let lists = if rule.wanted.is_empty() { &rule.unwanted } else { &rule.wanted };
            assert!(lists.zh.len() > 5 && lists.en.len() > 5, "{name}");
            assert_ne!(rule.wanted.is_empty(), rule.unwanted.is_empty(), "{name}");
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        assert!(rules(vec![named("mine")]).unwrap_err().contains("must-refuse, must-answer"));
        assert!(
            rules(vec![named("disclaimer"), named("disclaimer")]).unwrap_err().contains("2 has the name")
        );
        assert!(rules(vec![named("\u{7}")]).unwrap_err().contains("1 needs a name"));
        assert!(rules(vec![named("disclaimer"); 17]).unwrap_err().contains("more than 16"));
        let blank = Rule { wanted: Phrases { zh: vec!["a**b".to_owned()], en: vec![] }, ..named("a") };
        assert!(rules(vec![blank]).unwrap_err().contains("1: wanted or unwanted has up to 256"));
    }

    #[test]
    fn the_language_is_that_of_the_characters() {
        assert_eq!((Tongue::of("ECG 怎么看"), Tongue::of("What is an ECG?")), (Tongue::Zh, Tongue::En));
    }
}
