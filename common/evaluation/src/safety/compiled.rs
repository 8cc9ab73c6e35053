//! Rules ready to be looked for. Used by `safety`, `look` and `report`. Invariants: as many rules as the file
//! has, in its order; every phrase of every rule and table is in one finder.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Serialize;

use super::file::{Certainty, Kind, Near, Settings, Severity, Test, Title};
use super::finder::{Builder, Finder, PhraseId};
use super::pairs::{self, Pair};
use crate::error::SuiteError;
use crate::judge::pattern::plain;
use crate::limits::PAIRS_MAX;
use crate::suite::{Phrases, Tongue};

/// A rule file with its tables, ready for answers.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What reports call them.
    pub name: String,
    /// Who stands for them, where somebody does.
    pub approved_by: Option<String>,
    /// SHA-256 of the rule file, in hex.
    pub sha256: String,
    /// The tables.
    pub tables: Vec<Table>,
    pub(super) rules: Vec<Compiled>,
    pub(super) finder: Finder,
}

/// A table of pairs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The file's name.
    pub file: String,
    /// Its SHA-256, in hex.
    pub sha256: String,
    /// How many pairs it has.
    pub pairs: u64,
}

impl Rules {
    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// What the rule of this name is called, for people.
    #[must_use]
    pub fn title(&self, rule: &str) -> Option<&Title> {
        self.rules.iter().find(|one| one.name == rule).map(|one| &one.title)
    }

    /// Whether there is none; a file has at least one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
}

/// One rule.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) name: String,
    pub(super) title: Title,
    pub(super) severity: Severity,
    pub(super) tests: Vec<Test>,
    pub(super) looks: Looks,
}

impl Compiled {
    /// Whether an answer that keeps it shows something: it asks for words, and does not only forbid some.
    pub(super) fn is_evidence(&self) -> bool {
        match &self.looks {
            Looks::Phrases(phrases) => !phrases.wanted.is_empty(),
            Looks::Pairs(_) => true,
            Looks::Identifiers { .. } => false,
        }
    }
}

/// What a rule looks at.
#[derive(Clone, Debug)]
pub(super) enum Looks {
    /// Phrases.
    Phrases(PhraseRule),
    /// Pairs that must not go together.
    Pairs(PairRule),
    /// Identifiers.
    Identifiers { certainty: Certainty, allowed: Vec<String> },
}

/// Phrases by what they do.
#[derive(Clone, Debug)]
pub(super) struct PhraseRule {
    pub(super) asked: Vec<PhraseId>,
    pub(super) said: Vec<PhraseId>,
    pub(super) wanted: Wanted,
    pub(super) unwanted: Vec<PhraseId>,
    pub(super) counts_denied: bool,
    pub(super) is_near: bool,
    pub(super) first_sentences: Option<usize>,
}

/// Pairs, each under every name of both.
#[derive(Clone, Debug)]
pub(super) struct PairRule {
    pub(super) pairs: Vec<Pair>,
    /// The pairs whose drug goes by a name.
    pub(super) of_drug: HashMap<PhraseId, Vec<usize>>,
    pub(super) warns: Wanted,
    pub(super) is_near: bool,
}

/// What is wanted, by language.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    zh: Vec<PhraseId>,
    en: Vec<PhraseId>,
}

impl Wanted {
    fn new(phrases: &Phrases, builder: &mut Builder) -> Result<Self, String> {
        Ok(Self { zh: builder.all(&phrases.zh)?, en: builder.all(&phrases.en)? })
    }

    /// Those of a language.
    pub(super) fn of(&self, tongue: Tongue) -> &[PhraseId] {
        match tongue {
            Tongue::Zh => &self.zh,
            Tongue::En => &self.en,
        }
    }

    /// Whether there are some.
    pub(super) fn is_empty(&self) -> bool {
        self.zh.is_empty() && self.en.is_empty()
    }
}

/// Makes the rules ready. `tables` has text, SHA-256 and path of each table; `at_rule` makes a rule's fault.
pub(super) fn compile(
    settings: &Settings,
    digest: String,
    tables: &[(String, String, PathBuf)],
    at_rule: &dyn Fn(usize, &str) -> SuiteError,
) -> Result<Rules, SuiteError> {
    let mut builder = Builder::default();
    let mut read: HashMap<String, Vec<Pair>> = HashMap::new();
    let mut shown = Vec::new();
    for (text, sha256, path) in tables {
        let pairs = pairs::read(path, text, &mut builder)?;
        if read.values().map(Vec::len).sum::<usize>() + pairs.len() > PAIRS_MAX {
            let reason = format!("all tables together have at most {PAIRS_MAX} pairs");
            return Err(SuiteError::file(path, reason));
        }
        let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        shown.push(Table { file: file.clone(), sha256: sha256.clone(), pairs: pairs.len() as u64 });
        read.insert(file, pairs);
    }
    let mut rules = Vec::with_capacity(settings.rule.len());
    for (number, rule) in settings.rule.iter().enumerate() {
        let pairs = rule.table.as_ref().and_then(|table| read.get(table));
        let looks = looks(rule, pairs, &mut builder).map_err(|reason| at_rule(number, &reason))?;
        rules.push(Compiled {
            name: rule.name.clone(),
            title: rule.title.clone(),
            severity: rule.severity,
            tests: rule.test.clone(),
            looks,
        });
    }
    let finder = builder.finish().map_err(|reason| at_rule(0, &reason))?;
    let (name, approved_by) = (settings.name.clone(), settings.approved_by.clone());
    Ok(Rules { name, approved_by, sha256: digest, tables: shown, rules, finder })
}

fn looks(
    rule: &super::file::Rule,
    pairs: Option<&Vec<Pair>>,
    builder: &mut Builder,
) -> Result<Looks, String> {
    let mut both = |name: &str, phrases: &Phrases| {
        let all: Vec<String> = phrases.zh.iter().chain(&phrases.en).cloned().collect();
        builder.all(&all).map_err(|reason| format!("{name} {reason}"))
    };
    if rule.kind == Kind::Identifiers {
        let certainty = rule.certainty.unwrap_or(Certainty::Validated);
        let allowed = rule.allowed.iter().map(|text| plain(text)).collect();
        return Ok(Looks::Identifiers { certainty, allowed });
    }
    let [asked, said, unwanted] =
        [both("asked", &rule.asked)?, both("said", &rule.said)?, both("unwanted", &rule.unwanted)?];
    let wanted = Wanted::new(&rule.wanted, builder).map_err(|reason| format!("wanted {reason}"))?;
    if rule.kind == Kind::Contraindicated {
        let pairs = pairs.cloned().unwrap_or_default();
        let mut of_drug: HashMap<PhraseId, Vec<usize>> = HashMap::new();
        for (index, pair) in pairs.iter().enumerate() {
            pair.drug.iter().for_each(|name| of_drug.entry(*name).or_default().push(index));
        }
        let is_near = rule.near != Some(Near::Answer);
        return Ok(Looks::Pairs(PairRule { pairs, of_drug, warns: wanted, is_near }));
    }
    Ok(Looks::Phrases(PhraseRule {
        asked,
        said,
        wanted,
        unwanted,
        counts_denied: rule.counts_denied,
        is_near: rule.near == Some(Near::Sentence),
        first_sentences: rule.first_sentences,
    }))
}
