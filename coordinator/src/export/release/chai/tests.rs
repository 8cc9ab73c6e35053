//! Tests of the model card: the order of the schema, what is optional, and `xmllint` where it is asked for.

use common::clock::Timestamp;
use common::language::Language;

use super::super::dossier::Dossier;
use super::super::fields::{Fields, tests::answered};
use super::super::gates::gates;
use super::super::gates::tests::{evaluation, facts};
use super::*;

/// The schema's elements in their order, with `?` where one may be missing: a copy of its structure.
const SCHEMA: &str = "\
BasicInfo ModelName ModelDeveloper DeveloperContact \
ReleaseInfo ReleaseStage ReleaseDate ReleaseVersion GlobalAvailability EHRCompatibility? RegulatoryApproval? \
ModelSummary Summary Keywords Keyword? Keyword? \
UsesAndDirections IntendedUseAndWorkflow PrimaryIntendedUsers HowToUse TargetedPatientPopulation \
CautionedOutOfScopeSettings \
Warnings KnownRisksAndLimitations KnownBiasesOrEthicalConsiderations ClinicalRiskLevel \
TrustIngredients AISystemFacts OutcomesAndOutputs ModelType FoundationModels? InputDataSource \
OutputAndInputDataTypes DevelopmentDataCharacterization BiasMitigationApproaches OngoingMaintenance Security? \
Transparency? TransparencyInformation FundingSource ThirdPartyInformation? StakeholdersConsulted \
KeyMetrics UsefulnessUsabilityEfficacy M FairnessEquity M SafetyReliability M \
Resources EvaluationReferences? ClinicalTrial? PeerReviewedPublications ReimbursementStatus? \
PatientConsentOrDisclosure Bibliography";
const METRICS: &str = "MetricGoal Results R Interpretation TestType TestingDataDescription \
                       ValidationProcessAndJustification";

fn card(fields: &Fields) -> String {
    let (facts, evaluation) = (facts(), evaluation());
    let gates = gates(&facts, &evaluation, Language::En);
    let made = Timestamp(1_800_000_000_000);
    render(&Dossier { facts: &facts, evaluation: &evaluation, fields, gates: &gates, signers: &[], made })
}

/// Names of the elements, in the order in which they begin, without the root.
fn elements(xml: &str) -> Vec<&str> {
    let begins = xml.split('<').skip(1).filter(|tag| !tag.starts_with(['/', '?']));
    begins.filter_map(|tag| tag.split(['>', ' ']).next()).skip(1).collect()
}

#[test]
fn every_element_of_the_schema_stands_in_its_order() {
    let fields = Fields::parse(&answered()).unwrap();
    let xml = card(&fields);
    let mut found = elements(&xml).into_iter().peekable();
    let words = SCHEMA.replace(" M ", &format!(" {METRICS} "));
    for word in words.split_whitespace() {
        if word == "R" {
            let mut results = 0;
            while found.next_if_eq(&"MetricResult").is_some() {
                assert_eq!([found.next(), found.next()], [Some("Label"), Some("ValueJson")]);
                results += 1;
            }
            assert!(results > 0, "a group has a result");
            continue;
        }
        let (name, is_optional) = (word.trim_end_matches('?'), word.ends_with('?'));
        assert!(
            found.next_if_eq(&name).is_some() || is_optional,
            "{name} is missing before {:?}",
            found.peek()
        );
    }
    assert_eq!(found.next(), None);
    assert!(
        xml.contains("An answer about risks &amp; &lt;more&gt;.") && xml.contains("<ReleaseDate>2027-01-15")
    );
    assert!(!xml.contains("\"points\":null"));
}

#[test]
fn optional_answers_stand_where_they_were_given() {
    let text = answered()
        .replace("keywords = \"\"", "keywords = \"heart, 心\"")
        .replace("third_party = \"\"", "third_party = \"None is needed beside the base.\"");
    let xml = card(&Fields::parse(&text).unwrap());
    assert!(xml.contains("<Keyword>heart</Keyword>") && xml.contains("<Keyword>心</Keyword>"));
    assert!(xml.contains("<ThirdPartyInformation>None is needed"));
    assert!(!card(&Fields::parse(&answered()).unwrap()).contains("ThirdPartyInformation"));
}

/// With `XSD_CHAI` naming the schema and `xmllint` there: it is asked, too.
#[test]
fn xmllint_takes_the_card() {
    let Some(schema) = std::env::var_os("XSD_CHAI") else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("card.xml");
    std::fs::write(&path, card(&Fields::parse(&answered()).unwrap())).unwrap();
    let mut command = std::process::Command::new("xmllint");
    let ended = command.args(["--noout", "--nonet", "--schema"]).arg(schema).arg(&path).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
