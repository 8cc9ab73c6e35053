//! Tests of the dossier's page.

use common::clock::Timestamp;

use super::super::fields::{Fields, tests::answered};
use super::super::gates::gates;
use super::super::gates::tests::{evaluation, facts};
use super::super::statement::Signer;
use super::*;

fn page(language: Language) -> String {
    let (facts, evaluation) = (facts(), evaluation());
    let fields = Fields::parse(&answered()).unwrap();
    let gates = gates(&facts, &evaluation, Language::En);
    let made = Timestamp(1_800_000_000_000);
    let signer = Signer { name: "anna".to_owned(), certificate_der: Vec::new(), at: made };
    let signers = [signer];
    render(
        &Dossier {
            facts: &facts,
            evaluation: &evaluation,
            fields: &fields,
            gates: &gates,
            signers: &signers,
            made,
        },
        language,
    )
}

#[test]
fn the_page_has_every_part_in_both_languages_and_needs_nothing_from_outside() {
    for (language, parts) in [
        (
            Language::En,
            [
                "Gates",
                "What people answered",
                "Where the model comes from",
                "TRIPOD-LLM",
                "People&#39;s grades",
            ],
        ),
        (Language::Zh, ["发布门槛", "人工填写内容", "模型来源", "欧盟《人工智能法》附件四", "人工评分"]),
    ] {
        let html = page(language);
        for part in parts {
            assert!(html.contains(&format!("<h2>{part}")), "{part}");
        }
        for outside in ["http://", "https://", "src=", "<script", "<link", "@import"] {
            assert!(!html.contains(outside), "{outside}");
        }
        assert!(
            html.contains("An answer about risks &amp; &lt;more&gt;.") && html.contains("heart &lt;run&gt;")
        );
        assert!(html.contains("anna") && html.contains("1.49\u{a0}%") && html.contains("92.50"));
    }
    assert!(!page(Language::Zh).contains("answered"), "no English words of ours");
}
