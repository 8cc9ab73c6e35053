//! A rule of phrases. Used by `look`. Invariant: what is denied is not said, unless the rule counts it, and
//! never fulfils what is wanted; nor does what is in doubt.

use crate::safety::compiled::{PhraseRule, Rules};
use crate::safety::phrase::Stand;
use crate::safety::said::{Broken, Said, Why, places};

/// What breaks the rule; nothing where it is not about this answer.
pub(super) fn look(rule: &PhraseRule, said: &Said<'_>, rules: &Rules) -> Option<Broken> {
    let wanted = rule.wanted.of(said.tongue);
    let has_none = !rule.wanted.is_empty() && wanted.is_empty() && rule.unwanted.is_empty();
    let least = if rule.counts_denied { Stand::Denied } else { Stand::Free };
    let is_asked = rule.asked.is_empty() || !places(&said.question, &rule.asked, Stand::Free).is_empty();
    let about = places(&said.found, &rule.said, least);
    if has_none || !is_asked || (!rule.said.is_empty() && about.is_empty()) {
        return None;
    }
    let mut broken = Broken::new();
    for id in &rule.unwanted {
        if let Some(at) = places(&said.found, &[*id], least).first() {
            broken.push((Why::Unwanted { phrase: rules.finder.written(*id).to_owned() }, *at));
        }
    }
    if !wanted.is_empty() {
        let there = places(&said.found, wanted, Stand::Sure);
        if rule.is_near {
            broken.extend(about.iter().filter(|at| !there.contains(at)).map(|at| (Why::Missing, *at)));
        } else if !there.iter().any(|at| is_early(rule, said, *at)) {
            broken.push((Why::Missing, about.first().copied().unwrap_or(0)));
        }
    }
    Some(broken)
}

/// Whether a sentence is one of the first that the rule asks for, counting those that say something.
fn is_early(rule: &PhraseRule, said: &Said<'_>, at: usize) -> bool {
    let before = said.sentences.iter().take(at).filter(|sentence| sentence.has_words()).count();
    rule.first_sentences.is_none_or(|most| before < most)
}
