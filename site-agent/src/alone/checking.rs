//! Each answer by the rules of safety, before anybody sees it. Called by `ask` and `serve`.
//!
//! Invariants: the rules keep their own tests, or there is no checker; an answer that breaks a rule that
//! stops is never shown, and of what is said in its place no word is the model's; what the rules are about
//! is the question with all that the user said before it, in the language of the question.

mod words;

use common::language::Language;
use common::terminal::visible;
use evaluation::safety::{Exchange, Finding, RuleFile, Rules, Severity, check};
use evaluation::suite::Tongue;
use prepare::safety::{identifiers, opened};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::SiteError;

/// Rules that answers are checked by.
#[derive(Debug)]
pub struct Checker {
    rules: Rules,
}

/// A rule that an answer breaks, without a word of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// Its name in the file.
    pub rule: String,
    /// What it says, in the language of the question.
    pub title: String,
    /// What that means.
    pub severity: Severity,
}

/// What becomes of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is shown; a person should look at it where it breaks rules.
    Shown(Vec<Broken>),
    /// It is not: it breaks these rules, one of which stops. The text is shown in its place.
    Withheld(Vec<Broken>, String),
}

impl Verdict {
    /// Whether another text is shown.
    #[must_use]
    pub const fn is_withheld(&self) -> bool {
        matches!(self, Self::Withheld(..))
    }

    /// The rules that are broken.
    #[must_use]
    pub fn broken(&self) -> &[Broken] {
        match self {
            Self::Shown(broken) | Self::Withheld(broken, _) => broken,
        }
    }
}

impl Checker {
    /// Reads the tables, and runs the tests that stand in the file.
    ///
    /// # Errors
    /// What is wrong with a rule or a table; that a test fails.
    pub fn open(file: &RuleFile) -> Result<Self, SiteError> {
        Ok(Self { rules: opened(file)? })
    }

    /// What becomes of an answer. `asked` has all that the user said, the question last; none is empty.
    #[must_use]
    pub fn verdict(&self, asked: &[&str], answer: &str) -> Verdict {
        let tongue = Tongue::of(asked.last().copied().unwrap_or_default());
        let question = asked.join("\n");
        let exchange = Exchange { question: &question, answer, tongue };
        let broken = self.broken(&check(&self.rules, exchange, &identifiers), tongue);
        let stops: Vec<&Broken> = broken.iter().filter(|one| one.severity == Severity::Stop).collect();
        if stops.is_empty() {
            return Verdict::Shown(broken);
        }
        let language = language(tongue);
        let titles: Vec<String> = stops.iter().map(|one| words::RULE.with(language, &[&one.title])).collect();
        let sentence = words::WITHHELD.with(language, &[&titles.join(words::AND.get(language))]);
        Verdict::Withheld(broken, sentence)
    }

    fn broken(&self, findings: &[Finding], tongue: Tongue) -> Vec<Broken> {
        let mut broken: Vec<Broken> = Vec::new();
        for finding in findings {
            if broken.last().is_some_and(|last| last.rule == finding.rule) {
                continue;
            }
            let title = self.rules.title(&finding.rule).map(|title| match tongue {
                Tongue::Zh => title.zh.clone(),
                Tongue::En => title.en.clone(),
            });
            let (rule, severity) = (finding.rule.clone(), finding.severity);
            broken.push(Broken { title: title.unwrap_or_else(|| rule.clone()), rule, severity });
        }
        broken
    }

    /// Which rules are in force, for programs.
    #[must_use]
    pub fn document(&self) -> Value {
        let Rules { name, approved_by, sha256, .. } = &self.rules;
        json!({"name": name, "rules": self.rules.len(), "sha256": sha256, "approved_by": approved_by})
    }

    /// The same for a person, in one line.
    #[must_use]
    pub fn describe(&self) -> String {
        let Rules { name, approved_by, sha256, .. } = &self.rules;
        let who = approved_by.as_deref().map_or_else(
            || "approved by nobody: a medical team has to go through them".to_owned(),
            |who| format!("approved by {}", visible(who)),
        );
        let (name, count) = (visible(name), self.rules.len());
        format!(
            "rules of safety: {name}, {count} rules, sha256 {}, {who}",
            sha256.get(..16).unwrap_or(sha256)
        )
    }
}

/// The language of a question.
pub(crate) fn language(tongue: Tongue) -> Language {
    match tongue {
        Tongue::Zh => Language::Zh,
        Tongue::En => Language::En,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const RULES: &str = r##"
name = "ours"
[[rule]]
name = "dose"
title = { zh = "剂量须提示咨询医生", en = "No dose without asking a doctor" }
severity = "stop"
said.en = ["#mg"]
said.zh = ["#毫克"]
wanted.en = ["ask your doctor"]
wanted.zh = ["咨询医生"]
test = [
  { question = "q", answer = "5 mg", expect = "broken" },
  { question = "q", answer = "no", expect = "not-applied" },
]
[[rule]]
name = "tone"
title = { zh = "语气", en = "Tone" }
severity = "warn"
unwanted.en = ["silly"]
test = [
  { question = "q", answer = "silly", expect = "broken" },
  { question = "q", answer = "no", expect = "held" },
]
"##;

    fn checker(text: &str) -> Result<Checker, SiteError> {
        Checker::open(&RuleFile::parse(Path::new("rules.toml"), text.as_bytes()).unwrap())
    }

    #[test]
    fn what_breaks_a_rule_that_stops_is_withheld_in_the_language_of_the_question() {
        let checker = checker(RULES).unwrap();
        let shown = checker.verdict(&["How much?"], "Take 5 mg, and ask your doctor.");
        assert_eq!(shown, Verdict::Shown(Vec::new()));
        let Verdict::Shown(warned) = checker.verdict(&["How much?"], "A silly question.") else { panic!() };
        assert_eq!((warned.len(), warned[0].rule.as_str(), warned[0].title.as_str()), (1, "tone", "Tone"));
        let answer = "Silly: take 5 mg. Or 10 mg.";
        let Verdict::Withheld(broken, sentence) = checker.verdict(&["How much?"], answer) else { panic!() };
        assert_eq!(broken.iter().map(|one| one.rule.as_str()).collect::<Vec<_>>(), ["dose", "tone"]);
        assert!(sentence.contains("“No dose without asking a doctor”") && !sentence.contains("Tone"));
        assert!(sentence.contains("ask a doctor") && !sentence.contains("mg"), "{sentence}");
        let chinese = checker.verdict(&["How much?", "吃多少？"], "5毫克。");
        let Verdict::Withheld(_, sentence) = chinese else { panic!() };
        assert!(sentence.contains("“剂量须提示咨询医生”") && sentence.contains("请咨询医生"), "{sentence}");
    }

    #[test]
    fn rules_that_break_their_own_tests_check_nothing_and_nobody_s_are_said_to_be_so() {
        let error = checker(&RULES.replace("\"5 mg\"", "\"5 g\"")).unwrap_err();
        assert!(error.is_user_error() && error.hint().unwrap().contains("rules check"), "{error}");
        let nobodys = checker(RULES).unwrap();
        assert!(
            nobodys.describe().contains("ours, 2 rules, sha256 ")
                && nobodys.document()["approved_by"].is_null()
        );
        assert!(nobodys.describe().contains("approved by nobody"));
        let theirs = checker(&format!("approved_by = \"Dr. Li\"\n{RULES}")).unwrap();
        assert!(
            theirs.describe().ends_with("approved by Dr. Li") && theirs.document()["approved_by"] == "Dr. Li"
        );
    }
}
