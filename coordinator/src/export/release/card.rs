//! The README.md of a release: the export's own card, with its front matter for a hub, then what people wrote
//! and which gates were passed. Called by `made`. Invariants: the front matter stays what the export made,
//! with the licence that was signed where it had none; it names no site.

use std::fmt::Write as _;

use super::dossier::Dossier;
use super::gates::{Gate, State};
use crate::export::card::{FOLDER_NAME, NOT_JUDGED};

/// Sections of the card: a heading, and the fields below it.
const SECTIONS: [(&str, &[&str]); 5] = [
    ("Use", &["summary", "intended_use", "users", "population", "how_to_use", "out_of_scope"]),
    ("Warnings", &["risks", "biases", "risk_level", "generated_label"]),
    ("Data", &["data_source", "data_selection", "data_cleaning", "representativeness", "knowledge_cutoff"]),
    ("What the measurements mean", &["usefulness", "fairness", "safety", "external_validation"]),
    (
        "After the release",
        &["monitoring", "maintenance", "fault_correction", "developer", "contact", "licence"],
    ),
];

/// The card of the release, from that of the exported adapter.
pub(super) fn render(exported: &str, dossier: &Dossier<'_>) -> String {
    let mut card = with_licence(&of_release(exported), dossier.answer("licence"));
    if !card.ends_with('\n') {
        card.push('\n');
    }
    let _ = write!(
        card,
        "\n# Release: {} {}\n\nReleased on {}: none of the gates below failed. `coordinator verify-release DIR` with \
         the consortium's key checks this folder; `dossier.en.html` and `dossier.zh.html` have the checklists, \
         `model-card.xml` is the CHAI Applied Model Card.\n",
        line(dossier.answer("model_name")),
        line(dossier.answer("release_version")),
        dossier.day(),
    );
    for (heading, keys) in SECTIONS {
        let _ = write!(card, "\n## {heading}\n");
        for field in keys.iter().filter_map(|key| super::fields::field(key)) {
            let _ = write!(card, "\n**{}.** {}\n", field.title.en, dossier.answer(field.key));
        }
    }
    card.push_str("\n## Gates\n\n| gate | | |\n|---|---|---|\n");
    for gate in dossier.gates {
        let state = match gate.state {
            State::Passed => "passed",
            State::Failed => "failed",
            State::NotApplicable => "not applicable",
        };
        // The approvals name sites only where one is missing, and then there is no release; who gave no
        // figure is in evaluation.json.
        let _ = writeln!(card, "| {} | {state} | {} |", gate.title, line(says(gate)).replace('|', "\\|"));
    }
    card
}

/// What a gate says, without the names of sites.
fn says(gate: &Gate) -> &str {
    gate.says.split_once("; silent: ").filter(|_| gate.gate == "sites").map_or(&gate.says, |(says, _)| says)
}

/// The card of the export without what is not true of a release.
fn of_release(exported: &str) -> String {
    let judged = "People graded other answers, as the gates below say; this is no clinical validation.";
    exported.replacen(NOT_JUDGED, judged, 1).replacen(FOLDER_NAME, "", 1)
}

fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The front matter with a licence: a hub asks for one.
fn with_licence(exported: &str, licence: &str) -> String {
    let licence = licence.to_ascii_lowercase();
    let is_plain = licence.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte));
    let Some((front, body)) = exported.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n"))
    else {
        return exported.to_owned();
    };
    if front.lines().any(|line| line.starts_with("license:")) || !is_plain {
        return exported.to_owned();
    }
    format!("---\nlicense: {licence}\n{front}\n---\n{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_export_says_of_itself_is_not_said_of_a_release() {
        let card = of_release(&format!("# y\n\n{FOLDER_NAME}Loss. {NOT_JUDGED}\n"));
        assert!(!card.contains("No answer was judged") && !card.contains("--base-name"), "{card}");
        assert!(card.contains("no clinical validation"), "{card}");
    }

    #[test]
    fn a_card_gets_the_licence_that_it_lacks_and_no_second_one() {
        let card = "---\nbase_model: \"x\"\n---\n\n# y\n";
        assert_eq!(
            with_licence(card, "Apache-2.0"),
            "---\nlicense: apache-2.0\nbase_model: \"x\"\n---\n\n# y\n"
        );
        assert_eq!(with_licence(card, "as agreed: see below"), card);
        let licensed = "---\nlicense: mit\n---\n";
        assert_eq!(with_licence(licensed, "apache-2.0"), licensed);
    }
}
