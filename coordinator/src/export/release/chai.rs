//! `model-card.xml`: the Applied Model Card of the Coalition for Health AI, v0.2. Called by `made`. Source:
//! the XSD of https://mc.chai.org/v0.2/schema.xsd; texts are Markdown, the bibliography BibTeX. Invariant:
//! every element that the schema needs is there, in its order.

mod metrics;

use super::dossier::Dossier;
use super::xml::Xml;

const ROOT: &str = "AppliedModelCard";
const NAMESPACE: &str = "xmlns=\"https://mc.chai.org/v0.2/schema.xsd\"";

/// The document.
pub(super) fn render(dossier: &Dossier<'_>) -> String {
    let mut xml = Xml::begin(ROOT, NAMESPACE);
    let it = &mut xml;
    it.group("BasicInfo", |it| {
        it.text("ModelName", dossier.answer("model_name"));
        it.text("ModelDeveloper", dossier.answer("developer"));
        it.text("DeveloperContact", dossier.answer("contact"));
    });
    it.group("ReleaseInfo", |it| {
        it.text("ReleaseStage", dossier.answer("release_stage"));
        it.text("ReleaseDate", &dossier.day());
        it.text("ReleaseVersion", dossier.answer("release_version"));
        it.text("GlobalAvailability", dossier.answer("availability"));
        optional(it, "RegulatoryApproval", dossier, "regulatory_approval");
    });
    it.group("ModelSummary", |it| {
        it.text("Summary", dossier.answer("summary"));
        it.group("Keywords", |it| {
            let words = dossier.fields.get("keywords").unwrap_or_default();
            for word in words.split([',', '，']).map(str::trim).filter(|word| !word.is_empty()) {
                it.text("Keyword", word);
            }
        });
    });
    it.group("UsesAndDirections", |it| {
        it.text("IntendedUseAndWorkflow", dossier.answer("intended_use"));
        it.text("PrimaryIntendedUsers", dossier.answer("users"));
        it.text("HowToUse", dossier.answer("how_to_use"));
        it.text("TargetedPatientPopulation", dossier.answer("population"));
        it.text("CautionedOutOfScopeSettings", dossier.answer("out_of_scope"));
    });
    it.group("Warnings", |it| {
        it.text("KnownRisksAndLimitations", dossier.answer("risks"));
        it.text("KnownBiasesOrEthicalConsiderations", dossier.answer("biases"));
        it.text("ClinicalRiskLevel", dossier.answer("risk_level"));
    });
    trust(it, dossier);
    metrics::write(it, dossier);
    it.group("Resources", |it| {
        it.text("EvaluationReferences", "`evaluation.json` and `facts.json` of this release.");
        optional(it, "ClinicalTrial", dossier, "registration");
        it.text("PeerReviewedPublications", dossier.answer("publications"));
        it.text("PatientConsentOrDisclosure", dossier.answer("patient_consent"));
    });
    it.text("Bibliography", dossier.fields.get("bibliography").unwrap_or_default());
    xml.end(ROOT)
}

fn trust(it: &mut Xml, dossier: &Dossier<'_>) {
    let facts = dossier.facts;
    let model = format!(
        "LoRA adapter of rank {} and alpha {} ({} bytes, SHA-256 `{}`) over a decoder, trained by {} sites together \
         in {} published rounds; the records stayed at the sites.",
        facts.adapter.rank,
        facts.adapter.alpha,
        facts.adapter.bytes,
        facts.adapter.sha256,
        facts.contributors().count(),
        facts.run.published,
    );
    let base = format!(
        "{}{}, licence {}, fingerprint `{}`",
        facts.base.name,
        facts.base.revision.as_deref().map(|it| format!(", revision {it}")).unwrap_or_default(),
        facts.base.licence.as_deref().unwrap_or("not stated by its card"),
        facts.base.fingerprint,
    );
    it.group("TrustIngredients", |it| {
        it.group("AISystemFacts", |it| {
            it.text("OutcomesAndOutputs", dossier.answer("outputs"));
            it.text("ModelType", &model);
            it.text("FoundationModels", &base);
            it.text("InputDataSource", dossier.answer("data_source"));
            it.text("OutputAndInputDataTypes", dossier.answer("inputs"));
            it.text("DevelopmentDataCharacterization", dossier.answer("representativeness"));
            it.text("BiasMitigationApproaches", dossier.answer("bias_mitigation"));
            it.text("OngoingMaintenance", dossier.answer("maintenance"));
            optional(it, "Security", dossier, "security");
            it.text("Transparency", dossier.answer("generated_label"));
        });
        it.group("TransparencyInformation", |it| {
            it.text("FundingSource", dossier.answer("funding"));
            optional(it, "ThirdPartyInformation", dossier, "third_party");
            it.text("StakeholdersConsulted", dossier.answer("stakeholders"));
        });
    });
}

fn optional(it: &mut Xml, element: &str, dossier: &Dossier<'_>, key: &str) {
    if let Some(answer) = dossier.fields.get(key) {
        it.text(element, answer);
    }
}

#[cfg(test)]
mod tests;
