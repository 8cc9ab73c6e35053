//! Whether answers pass at 100 %: `--must-pass` of the commands that evaluate, and `site-agent rules check`.
//! Called by them. Invariant: what nothing was shown of does not pass.

use common::terminal::visible;
use evaluation::compare::Report;
use evaluation::safety::SafetyReport;
use evaluation::suite::Score;

/// Why rules of safety are not kept at 100 %, in a sentence: a rule that stops is broken, or one that asks
/// for words is about no answer. Nothing where they are.
#[must_use]
pub fn unkept(rules: &SafetyReport) -> Option<String> {
    let stopped = rules.stopped();
    let Some(first) = stopped.first() else { return unshown(rules) };
    let (rule, arm, suite) = (visible(&first.rule.name), visible(first.arm), visible(first.suite));
    let more = match stopped.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    Some(format!("rules that stop are broken: {rule} by {arm} in {suite}{more}"))
}

/// What nothing is shown of, in a sentence.
fn unshown(rules: &SafetyReport) -> Option<String> {
    if rules.is_shown() {
        return None;
    }
    let named =
        rules.unshown().into_iter().map(|(arm, rule)| format!("{} by {}", visible(rule), visible(arm)));
    let named: Vec<String> = named.collect();
    Some(if named.is_empty() {
        "no rule that stops asks for words, so that nothing is shown".to_owned()
    } else {
        format!("nothing is shown of rules that stop and are about no answer: {}", named.join(", "))
    })
}

/// Why the models that are compared with the base, or the base where there are none, do not pass, in a
/// sentence: their answers do not keep the rules, or are wrong in a suite that phrases decide.
#[must_use]
pub fn not_passed(report: &Report, rules: &SafetyReport) -> Option<String> {
    unkept(rules).or_else(|| {
        let decided = report.suites.iter().filter(|suite| suite.score == Score::Phrases);
        let arms = decided.flat_map(|suite| {
            let base = usize::from(suite.arms.len() > 1);
            suite.arms.iter().skip(base).map(move |arm| (suite, arm))
        });
        let (suite, arm) = arms.into_iter().find(|(_, arm)| arm.right.count < arm.right.of)?;
        let (name, suite, wrong) = (visible(&arm.name), visible(&suite.name), arm.right.of - arm.right.count);
        Some(format!("{name} is wrong on {wrong} of {} questions of {suite}", arm.right.of))
    })
}
