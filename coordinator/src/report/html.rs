//! A run's report for physicians and steering committees, in one file without any external resource.
//!
//! Called by `cli::report` and by the demo. Reads a `Report` and nothing else. It must still open from an
//! archive in ten years, print on paper, and follow the reader's light or dark setting; hence no script and
//! no web font. Every text that comes from outside goes through [`escape`]. What a physician needs stands
//! first (`lead`, what changed in `suites`), then the measurements (`quality`, `suites`, `samples`), then
//! what left and where the model comes from (`origin`).

mod baselines;
mod curve;
mod lead;
mod origin;
mod own_scores;
mod page;
mod quality;
mod samples;
mod suites;

use common::language::Language;
use common::page::{STYLE, escape, unbroken};

use super::document::Report;
use super::words as w;
use page::Page;

/// The complete document.
pub fn render(report: &Report, language: Language) -> String {
    let page = Page { report, language };
    let body = [
        lead::header(&page),
        lead::figures(&page),
        suites::changed(&page),
        lead::meaning(&page),
        quality::charts(&page),
        quality::table(&page),
        baselines::table(&page),
        suites::suites(&page),
        suites::forgotten(&page),
        own_scores::table(&page),
        samples::departments(&page),
        samples::questions(&page),
        origin::sites(&page),
        origin::warnings(&page),
        origin::limits(&page),
        origin::check_it_yourself(&page),
        origin::provenance(&page),
        origin::settings(&page),
    ]
    .concat();
    let body = unbroken(&body);
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}: {}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<main>\n{body}</main>\n</body>\n</html>\n",
        language.code(),
        escape(&report.run.name),
        page.word(w::PAGE),
    )
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    const BOTH: [Language; 2] = [Language::En, Language::Zh];

    #[test]
    fn names_cannot_inject_markup() {
        for language in BOTH {
            let mut report = example::report();
            report.run.failure = Some("<b>x</b>".to_owned());
            report.run.phase = "failed".to_owned();
            report.warnings = vec!["site <i> & co".to_owned()];
            let html = render(&report, language);
            assert!(!html.contains("<script>") && html.contains("a&lt;script&gt;"));
            assert!(html.contains("medqa &lt;zh&gt; &amp; friends") && !html.contains("<b>x"));
            assert!(html.contains("site &lt;i&gt; &amp; co"));
            assert!(html.contains("Smoking &lt;i&gt;is&lt;/i&gt;") && !html.contains("<i>"));
        }
    }

    #[test]
    fn a_page_of_each_site_alone_claims_no_model_of_all() {
        for (language, title) in BOTH.into_iter().zip(["each hospital alone", "各医院单独训练与共同训练"])
        {
            let html = render(&example::alone(), language);
            assert!(html.contains(title) && html.contains("a&lt;script&gt;") && !html.contains("<script>"));
            assert_eq!(html.matches("<svg").count() + html.matches("<dl class=\"figures").count(), 0);
            assert!(render(&example::report(), language).contains(title));
        }
        let html = render(&example::alone(), Language::En);
        for never in ["Published adapter", "Server optimiser", "Held-out quality"] {
            assert!(!html.contains(never), "{never}");
        }
    }

    #[test]
    fn the_file_needs_nothing_from_outside() {
        for language in BOTH {
            let html = render(&example::report(), language);
            for outside in ["http://", "https://", "src=", "@import", "url(", "<link"] {
                assert!(!html.contains(outside), "{outside}");
            }
        }
    }

    #[test]
    fn what_a_physician_needs_comes_first() {
        let html = render(&example::report(), Language::En);
        let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} is missing in {html}"));
        assert!(at("On 60 test questions") < at("How it learnt"));
        assert!(at("11.9\u{a0}% lower") < at("from -14.9\u{a0}% to -9.0\u{a0}%"));
        assert!(at("1,900 scored tokens") < at("How surprised".to_lowercase().as_str()));
        assert!(html.contains("training.seed") && html.contains("0.0312"));
        assert_eq!(html.matches("<svg").count(), 2);
        assert_eq!(html.matches("<circle").count(), 6);
        // Four tiles, so that no row has a hole.
        assert_eq!(html.matches("<dl class=\"figures four\">").count(), 1);
        assert_eq!(html.matches("<dd>").count() - html.matches("</dt><dd>").count(), 0);
        let chinese = render(&example::report(), Language::Zh);
        assert!(chinese.contains("60 道测试题") && chinese.contains("lang=\"zh-CN\""));
        assert!(!chinese.contains("lower") && !chinese.contains("Hospitals"));
    }

    #[test]
    fn what_changed_stands_before_what_the_numbers_mean_and_suites_have_a_table() {
        for (language, words) in [
            (
                Language::En,
                ["What got better", "What the numbers mean", "Evaluation suites", "What was forgotten"],
            ),
            (Language::Zh, ["哪些变好", "这些数字的含义", "评测题集", "遗忘了什么"]),
        ] {
            let html = render(&example::report(), language);
            let at = words.map(|word| html.find(&format!("<h2>{word}")).unwrap_or_else(|| panic!("{word}")));
            assert!(at.is_sorted(), "{at:?}");
            assert!(html.contains("exam &lt;b&gt;") && html.contains("急诊转诊"));
            let html = render(&example::going(), language);
            assert!(words.iter().all(|word| *word == words[1] || !html.contains(&format!("<h2>{word}"))));
        }
    }

    #[test]
    fn a_run_that_measured_nothing_yet_has_a_page() {
        for language in BOTH {
            let html = render(&example::going(), language);
            assert_eq!(html.matches("<svg").count(), 0);
            assert!(!html.contains("NaN") && !html.contains(">null<"));
        }
        let html = render(&example::going(), Language::En);
        assert!(html.contains("round 1 of 2") && html.contains("There is no measurement on a test set"));
    }

    #[test]
    fn what_is_not_known_is_not_claimed() {
        let mut report = example::report();
        assert!(render(&report, Language::En).contains("left out of their training what was too close"));
        report.provenance.overlap = false;
        report.base = crate::report::Held::default();
        report.sites[1].weight = None;
        let html = render(&report, Language::En);
        assert!(html.contains("was not checked") && !html.contains("left out of their training"));
        assert!(html.contains("1 hospital trained") && !html.contains("class=\"base\""), "{html}");
    }

    #[test]
    fn a_look_into_the_held_out_set_says_that_it_is_one() {
        let mut report = example::report();
        for (language, words) in BOTH.into_iter().zip(["text of the consortium's test set", "测试集的原文"])
        {
            let html = render(&report, language).replace("&#39;", "'");
            assert!(html.contains(words) && html.contains("心血管科"), "{html}");
        }
        assert!(render(&report, Language::En).contains("<small>(cut)</small>"));
        report.samples = None;
        report.departments.clear();
        let html = render(&report, Language::En);
        assert!(!html.contains("Sample questions") && !html.contains("By department"));
    }

    #[test]
    fn an_interval_that_does_not_exist_is_said_not_to() {
        let mut report = example::report();
        report.test.change_interval = None;
        report.test.paired = None;
        assert!(render(&report, Language::En).contains("did not keep how the test questions compare"));
        let mut report = example::report();
        report.test.change_interval = Some([-0.1, 0.02]);
        assert!(render(&report, Language::En).contains("it may be chance"));
    }
}
