//! What sites say of the result on records of their own, as sentences: for whom it got better, for whom not,
//! and who does not say. Called by `changes`; its words by the page and the terminal. Pure. Invariants: a
//! site that lost is named, each in a sentence of its own; a direction is a fact of an interval.

pub mod words;

use common::language::Language;

use self::words as o;
use super::format;
use crate::admin::report::own_scores::{OwnScoresReport, SiteScores, Status};
use crate::round::said::Silence;

/// Sites that are named in one sentence; a site that lost is always named.
const NAMED: usize = 8;

/// Sentences by direction.
pub(super) struct Sentences {
    /// For whom it is surely better.
    pub(super) better: Option<String>,
    /// For whom it is surely worse: one sentence each.
    pub(super) worse: Vec<String>,
    /// For whom it is neither.
    pub(super) not_told: Option<String>,
    /// Who does not say.
    pub(super) missing: Option<String>,
}

/// All that the sites say of change.
pub(super) fn of(report: &OwnScoresReport, language: Language) -> Sentences {
    let sites = || report.sites.iter();
    let gained = |site: &&SiteScores| site.gained();
    let not_told = |site: &&SiteScores| site.status == Status::Measured && !site.gained() && !site.lost();
    let silent = sites().filter(|site| site.status != Status::Measured);
    let silent: Vec<String> =
        silent.map(|site| o::SILENT_ENTRY.with(language, &[&site.site, &silence(site, language)])).collect();
    Sentences {
        better: sentence(sites().filter(gained), language),
        worse: sites()
            .filter(|site| site.lost())
            .filter_map(|site| sentence_of_loss(site, language))
            .collect(),
        not_told: sentence(sites().filter(not_told), language),
        missing: (!silent.is_empty()).then(|| o::SILENT.with(language, &[&list(silent, language)])),
    }
}

/// Why a site's figures are not there.
pub fn silence(site: &SiteScores, language: Language) -> String {
    let word = match (site.status, site.reason) {
        (Status::Waiting | Status::Measured, _) => o::WAITING,
        (Status::NoAnswer, _) => o::NO_ANSWER,
        (Status::NotSaid, Some(Silence::NotAllowed)) => o::NOT_ALLOWED,
        (Status::NotSaid, Some(Silence::NoHeldOut)) => o::NO_HELD_OUT,
        (Status::NotSaid, Some(Silence::TooFew)) => o::TOO_FEW,
        (Status::NotSaid, Some(Silence::Failed) | None) => o::FAILED,
    };
    word.get(language).to_owned()
}

/// `+0.700`: nats per token.
pub fn signed(nats: f64) -> String {
    format!("{nats:+.3}")
}

/// The values of one site's figures: gain, interval, records.
fn values(site: &SiteScores) -> Option<[String; 4]> {
    let (gain, [low, high]) = site.gain.zip(site.gain_interval)?;
    // A loss that falls is written as everywhere in the report: below 0.
    Some([signed(-gain), signed(-high), signed(-low), format::grouped(site.records?)])
}

fn sentence<'a>(sites: impl Iterator<Item = &'a SiteScores>, language: Language) -> Option<String> {
    let entry = |site: &SiteScores| {
        let [change, low, high, records] = values(site)?;
        Some(o::ENTRY.with(language, &[&site.site, &change, &low, &high, &records]))
    };
    let entries: Vec<String> = sites.filter_map(entry).collect();
    (!entries.is_empty()).then(|| o::BETTER.with(language, &[&list(entries, language)]))
}

fn sentence_of_loss(site: &SiteScores, language: Language) -> Option<String> {
    let [change, low, high, records] = values(site)?;
    Some(o::LOST.with(language, &[&site.site, &change, &low, &high, &records]))
}

fn list(mut entries: Vec<String>, language: Language) -> String {
    let more = entries.len().saturating_sub(NAMED);
    entries.truncate(NAMED);
    let joined = entries.join(if language == Language::Zh { "；" } else { "; " });
    if more == 0 { joined } else { o::AND_MORE.with(language, &[&joined, &more]) }
}

#[cfg(test)]
mod tests {
    use super::super::{changes, example};
    use super::*;

    #[test]
    fn a_site_that_lost_is_named_in_its_own_sentence_and_the_silent_ones_are_listed() {
        let said = changes::of(&example::report(), Language::En);
        let worse: Vec<&String> = said.worse.iter().filter(|it| it.contains("NOT better for")).collect();
        assert_eq!(worse.len(), 1, "{said:?}");
        assert!(worse[0].contains("a<script>") && worse[0].contains("worse by +0.210 nats"), "{worse:?}");
        assert!(
            said.better.iter().any(|it| it.contains("cardiology -0.702 nats (-0.912 to -0.431; 78 records)"))
        );
        let silent = said.missing.iter().find(|it| it.contains("its policy does not let it say")).unwrap();
        assert!(silent.contains("oncology (did not answer in time)"), "{silent}");
        let chinese = changes::of(&example::report(), Language::Zh);
        assert!(chinese.worse.iter().any(|it| it.contains("没有变好")), "{chinese:?}");
    }

    #[test]
    fn many_sites_are_listed_up_to_a_few() {
        let mut report = example::report();
        let scores = report.own_scores.as_mut().unwrap();
        scores.sites = vec![scores.sites[0].clone(); 30];
        let said = changes::of(&report, Language::En);
        assert!(said.better.iter().any(|it| it.ends_with(", and 22 more.")), "{said:?}");
    }
}
