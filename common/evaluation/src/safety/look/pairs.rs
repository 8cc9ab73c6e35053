//! Two drugs, or a drug and a condition, that must not go together. Used by `look`. A pair is there where
//! both are named in question and answer together. What the question does not have of the two is what the
//! answer is to warn of; where it has both or none, that is each. The answer keeps the rule where every
//! sentence that names such a one without denying it warns, and at least one does; or where it denies all
//! names of such a drug; where it names none, where any of its sentences warns.
//!
//! Invariant: the time grows with the names that were found, not with the table.

use std::collections::BTreeSet;

use crate::safety::compiled::{PairRule, Rules};
use crate::safety::finder::PhraseId;
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
    let warnings = places(&said.found, rule.warns.of(said.tongue), Stand::Sure);
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
    let least = if is_drug { Stand::Denied } else { Stand::Free };
    let is_there = |id: &&PhraseId| {
        !places(&said.question, &[**id], Stand::Free).is_empty()
            || !places(&said.found, &[**id], least).is_empty()
    };
    names.iter().find(is_there).copied()
}

/// A sentence of the answer in which the pair is not warned of; nothing where the answer warns of it.
fn unwarned(rule: &PairRule, pair: &Pair, said: &Said<'_>, warnings: &[usize]) -> Option<usize> {
    let partners = [(&pair.drug, true), (&pair.with, pair.is_drug)];
    let is_asked = |names: &[PhraseId]| !places(&said.question, names, Stand::Free).is_empty();
    let asked = partners.iter().filter(|(names, _)| is_asked(names)).count();
    let offending: Vec<(&Vec<PhraseId>, bool)> =
        partners.into_iter().filter(|(names, _)| asked != 1 || !is_asked(names)).collect();
    if offending.iter().any(|(names, is_drug)| *is_drug && only_denied(said, names)) {
        return None;
    }
    let names: Vec<PhraseId> = offending.iter().flat_map(|(names, _)| names.iter().copied()).collect();
    let naming = places(&said.found, &names, Stand::Denied);
    if !rule.is_near || naming.is_empty() {
        return warnings.is_empty().then(|| naming.first().copied().unwrap_or(0));
    }
    let free = places(&said.found, &names, Stand::Free);
    let bare = free.into_iter().find(|at| !warnings.contains(at));
    let is_warned = naming.iter().any(|at| warnings.contains(at));
    bare.or_else(|| (!is_warned).then(|| naming[0]))
}

/// Whether a name of these stands in the answer, and none of them without a denial.
fn only_denied(said: &Said<'_>, names: &[PhraseId]) -> bool {
    places(&said.found, names, Stand::Free).is_empty()
        && !places(&said.found, names, Stand::Denied).is_empty()
}
