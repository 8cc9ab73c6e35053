//! Where the model comes from, and who took part. Used by `page`. Invariant: everything here is of
//! `facts.json`.

use common::page::grouped;

use super::Page;
use super::words as w;

impl Page<'_> {
    pub(super) fn origin(self) -> String {
        let facts = self.dossier.facts;
        let (run, base, adapter) = (&facts.run, &facts.base, &facts.adapter);
        let none = || "-".to_owned();
        let revision = base.revision.as_deref().map(|it| format!(" @ {it}")).unwrap_or_default();
        let shape =
            w::SHAPE_IS.with(self.language, &[&adapter.rank, &adapter.alpha, &adapter.targets.join(", ")]);
        let pairs = [
            (w::RUN, format!("{} ({}), {}", run.name, run.id, run.launched)),
            (w::TERMS, run.terms.to_string()),
            (w::MEMBERS, run.members_code.clone()),
            (w::BASE, format!("{}{revision}", base.name)),
            (w::FINGERPRINT, base.fingerprint.to_string()),
            (w::BASE_LICENCE, base.licence.clone().unwrap_or_else(none)),
            (w::ADAPTER, adapter.sha256.to_string()),
            (w::SHAPE, shape),
            (w::ROUNDS, format!("{} / {}", run.published, run.rounds)),
            (w::VALIDATION, facts.held_out.validation.map_or_else(none, |it| it.to_string())),
            (w::TEST, facts.held_out.test.map_or_else(none, |it| it.to_string())),
            (w::PRIVACY, self.language_of(w::PRIVACY_IS)),
            (w::PROGRAM, format!("Consilium {}", facts.program.version)),
            (w::PARTS, facts.program.parts_sha256.to_string()),
        ];
        let settings = facts.settings.iter().map(|(key, value)| (key.clone(), value.to_string()));
        let pairs = pairs.map(|(name, value)| (self.language_of(name), value));
        let pairs: Vec<(String, String)> = pairs.into_iter().chain(settings).collect();
        self.section(&self.word(w::ORIGIN), Some(w::ORIGIN_LEAD), &Self::pairs(&pairs))
    }

    pub(super) fn sites(self) -> String {
        let facts = self.dossier.facts;
        let head = [w::SITE, w::DECISION, w::SINCE, w::COUNTS, w::RECORDS, w::LEDGER];
        let head = head.map(|text| self.language_of(text)).to_vec();
        let row = |(site, approval): (&common::id::SiteId, &super::super::facts::Approval)| {
            let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            let counted =
                facts.rounds.iter().filter(|it| it.published && it.updates.contains_key(site)).count();
            let records =
                facts.released().and_then(|round| round.updates.get(site)).map(|it| grouped(it.records));
            let ledger = facts.standing.ledgers.get(site).and_then(|ledger| ledger.root);
            vec![
                site.to_string(),
                dash(approval.decision.clone()),
                dash(approval.since.clone()),
                counted.to_string(),
                dash(records),
                dash(ledger.map(|root| root.short())),
            ]
        };
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(facts.approvals.iter().map(row)).collect();
        self.section(&self.word(w::SITES), None, &Self::table(&rows))
    }

    pub(super) fn unknown(self) -> String {
        let unknown = self.dossier.facts.unknown.iter();
        let pairs: Vec<(String, String)> =
            unknown.map(|(what, place)| (what.replace('_', " "), place.clone())).collect();
        self.section(&self.word(w::NOT_KNOWN), None, &Self::pairs(&pairs))
    }
}
