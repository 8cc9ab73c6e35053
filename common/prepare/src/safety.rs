//! Rules of safety with the data room's screen, which `evaluation` does not know. Called by the commands that
//! evaluate and by `site-agent rules`. Invariant: rules whose own tests fail are not used.

use data::screen::{self, Screen};
use evaluation::safety::{Certainty, Identifier, RuleFile, Rules, Tested, tested};
use evaluation::suite::SuiteFile;
use model::ModelError;

use crate::error::PrepareError;

/// The identifiers in a text: the data room's screen.
#[must_use]
pub fn identifiers(text: &str) -> Vec<Identifier> {
    let found = Screen::default().text(0, text);
    let identifier = |finding: &screen::Finding| Identifier {
        span: finding.start..finding.end,
        kind: finding.kind.name(),
        certainty: match finding.certainty {
            screen::Certainty::Validated => Certainty::Validated,
            screen::Certainty::Contextual => Certainty::Contextual,
        },
    };
    found.iter().map(identifier).collect()
}

/// The rules of a file that keeps its own tests.
///
/// # Errors
/// `Suite` with the line of a rule or of a table that cannot be used; `Rules` where a test fails.
pub fn opened(file: &RuleFile) -> Result<Rules, PrepareError> {
    let rules = file.open()?;
    let Tested { tests, failed } = tested(&rules, &identifiers);
    match failed.first() {
        None => Ok(rules),
        Some(first) => Err(PrepareError::Rules {
            path: file.path().to_path_buf(),
            failed: failed.len(),
            tests,
            first: format!("test {} of {}", first.test, first.rule),
        }),
    }
}

/// Refuses rules that no suite has an answer for, before a model is asked.
///
/// # Errors
/// `Model` where every suite has options to choose from.
pub fn must_act(suites: &[SuiteFile]) -> Result<(), PrepareError> {
    if suites.iter().any(|suite| suite.settings().score.is_words()) {
        return Ok(());
    }
    let reason = "no suite has answers in words, which are all that they are about".to_owned();
    Err(ModelError::Setting { name: "rules", reason }.into())
}

#[cfg(test)]
mod tests {
    use evaluation::safety::START;

    use super::*;

    #[test]
    fn the_start_keeps_its_own_tests() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in START {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let path = folder.path().join(START[0].0);
        let rules = opened(&RuleFile::read(&path).unwrap()).unwrap();
        assert_eq!((rules.len(), tested(&rules, &identifiers).failed.len()), (9, 0));
        // A phrase that somebody took out is noticed.
        let broken = START[0].1.replace("\"硝酸甘油\", ", "");
        std::fs::write(&path, broken).unwrap();
        let error = opened(&RuleFile::read(&path).unwrap()).unwrap_err();
        assert!(error.to_string().contains("first test 2 of emergency-no-medicine"), "{error}");
        assert!(error.is_user_error() && error.hint().is_some());
    }

    #[test]
    fn an_identifier_has_the_screens_name_and_place() {
        let text = "请致电13812345678。";
        let found = identifiers(text);
        assert_eq!(
            (found.len(), found[0].kind, &text[found[0].span.clone()]),
            (1, "mobile-phone", "13812345678")
        );
        assert_eq!(found[0].certainty, Certainty::Validated);
    }
}
