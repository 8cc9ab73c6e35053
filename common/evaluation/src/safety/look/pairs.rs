//! Two drugs, or a drug and a condition, that must not go together. Used by `look`. A pair is there where
//! both are named in question and answer together. The answer keeps the rule where a sentence that names one
//! of them warns, or denies the drug; where it names neither, where any of its sentences warns.
//!
//! Invariant: the time grows with the names that were found, not with the table.

use std::collections::BTreeSet;

use crate::safety::compiled::{PairRule, Rules};
use crate::safety::finder::{Found, PhraseId};
use crate::safety::pairs::Pair;
use crate::safety::phrase::Stand;
use crate::safety::said::{Broken, Said, Why, places};

/// What breaks the rule; nothing where no pair is there.
pub(super) fn look(rule: &PairRule, said: &Said<'_>, rules: &Rules) -> Option<Broken> {
    let drugs = said.question.keys().chain(said.found.keys());
    let candidates: BTreeSet<usize> =
        drugs.filter_map(|id| rule.of_drug.get(id)).flatten().copied().collect();
    let pairs = candidates.into_iter().map(|index| &rule.pairs[index]);
    let there: Vec<(&Pair, [PhraseId; 2])> = pairs
        .filter_map(|pair| {
            Some((pair, [named(said, &pair.drug, true)?, named(said, &pair.with, pair.is_drug)?]))
        })
        .collect();
    if there.is_empty() {
        return None;
    }
    let warnings = places(&said.found, rule.warns.of(said.tongue), false);
    let broken = there.into_iter().filter_map(|(pair, names)| {
        let at = unwarned(rule, pair, said, &warnings)?;
        let [drug, with] = names.map(|id| rules.finder.written(id).to_owned());
        let (reason, source) = (pair.reason.clone(), pair.source.clone());
        Some((Why::Contraindicated { drug, with, reason, source }, at))
    });
    Some(broken.collect())
}

/// The name by which one of these is there. What the question denies is not, nor a condition that the answer
/// denies; a drug that the answer denies is, and warned of.
fn named(said: &Said<'_>, names: &[PhraseId], is_drug: bool) -> Option<PhraseId> {
    let is_there = |id: &&PhraseId| {
        !places(&said.question, &[**id], false).is_empty()
            || !places(&said.found, &[**id], is_drug).is_empty()
    };
    names.iter().find(is_there).copied()
}

/// A sentence of the answer in which the pair is not warned of; nothing where the answer warns of it.
fn unwarned(rule: &PairRule, pair: &Pair, said: &Said<'_>, warnings: &[usize]) -> Option<usize> {
    let both: Vec<PhraseId> = pair.drug.iter().chain(&pair.with).copied().collect();
    let naming = places(&said.found, &both, true);
    let drugs: Vec<PhraseId> = if pair.is_drug { both } else { pair.drug.clone() };
    let is_denied = drugs.iter().any(|id| only_denied(&said.found, *id));
    let is_near = rule.is_near && !naming.is_empty();
    let is_warned = warnings.iter().any(|at| !is_near || naming.contains(at));
    (!is_warned && !is_denied).then(|| naming.first().copied().unwrap_or(0))
}

/// Whether a name stands in the answer, and never without a denial.
fn only_denied(found: &Found, id: PhraseId) -> bool {
    found.get(&id).is_some_and(|stands| stands.iter().all(|(_, stand)| *stand == Stand::Denied))
}
