//! A rule file's own tests. Called by everything that opens one: rules whose tests fail are not used.
//! Invariant: a test is looked at as an answer is, by the same code and the same screen.

use serde::Serialize;

use super::compiled::Rules;
use super::file::Expected;
use super::look::{Exchange, Outcome, Screen, look};
use crate::suite::Tongue;

/// What came of the tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// How many there are.
    pub tests: u64,
    /// Those that failed.
    pub failed: Vec<FailedTest>,
}

/// A test of which something else came than its author says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedTest {
    /// The rule.
    pub rule: String,
    /// Which of its tests, counted from 1.
    pub test: u64,
    /// What its author says.
    pub expected: Expected,
    /// What came of it.
    pub found: Expected,
}

/// Runs every test of every rule.
#[must_use]
pub fn tested(rules: &Rules, screen: Screen<'_>) -> Tested {
    let (mut tests, mut failed) = (0, Vec::new());
    for (place, rule) in rules.rules.iter().enumerate() {
        for (number, test) in (1..).zip(&rule.tests) {
            tests += 1;
            let tongue = test.language.unwrap_or_else(|| Tongue::of(&test.question));
            let exchange = Exchange { question: &test.question, answer: &test.answer, tongue };
            let found = match look(rules, exchange, screen).get(place) {
                Some(Outcome::Held) => Expected::Held,
                Some(Outcome::Broken(_)) => Expected::Broken,
                Some(Outcome::NotApplied) | None => Expected::NotApplied,
            };
            if found != test.expect {
                failed.push(FailedTest {
                    rule: rule.name.clone(),
                    test: number,
                    expected: test.expect,
                    found,
                });
            }
        }
    }
    Tested { tests, failed }
}
