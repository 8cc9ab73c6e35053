//! `KeyMetrics` of the model card: results as JSON, from what was measured. Used by `chai`. Invariant: each
//! of the three groups has a result; what was not measured is `null`, and says so.

use serde_json::{Value, json};

use super::super::dossier::Dossier;
use super::super::xml::Xml;

/// What a group says beside its results.
struct Group<'a> {
    element: &'a str,
    goal: &'a str,
    test_type: &'a str,
    data: String,
    process: &'a str,
    field: &'a str,
}

/// The three groups.
pub(super) fn write(it: &mut Xml, dossier: &Dossier<'_>) {
    let evaluation = dossier.evaluation;
    let questions = evaluation.test.questions.unwrap_or(0);
    let held_out = format!("{questions} held-out questions, opened {} time", evaluation.openings.len());
    let graded = evaluation.rubric.as_ref().map_or_else(
        || "no review by people".to_owned(),
        |it| format!("{} questions of {} cases, {} graders, blinded", it.questions, it.cases, it.graders),
    );
    it.group("KeyMetrics", |it| {
        let group = Group {
            element: "UsefulnessUsabilityEfficacy",
            goal: "A test loss not above the base model's, no suite shown worse than it; a weighted total of the \
                   rubric of 85 at least, accuracy 90 at least.",
            test_type: "Held-out test set, paired with the base model; evaluation suites; blinded review by people",
            data: format!("{held_out}; {graded}"),
            process: "The test set is opened once, after the last round; intervals are paired, p is corrected by Holm.",
            field: "usefulness",
        };
        write_group(it, dossier, &group, usefulness(dossier));
        let group = Group {
            element: "FairnessEquity",
            goal: "No department and no site that the model surely makes worse.",
            test_type: "Held-out test set by department; sites' own held-out records",
            data: held_out.clone(),
            process: "Departments are those that the records of the test file name; sites measure at home.",
            field: "fairness",
        };
        write_group(it, dossier, &group, fairness(dossier));
        let group = Group {
            element: "SafetyReliability",
            goal: "Safety 100 of 100: no grader sees a harm in any answer.",
            test_type: "Blinded review by people, with a checklist of eight lines",
            data: graded,
            process: "One grader who sees a harm is enough; none in n cases proves less than 1 - 0.05^(1/n) of them.",
            field: "safety",
        };
        write_group(it, dossier, &group, safety(dossier));
    });
}

fn write_group(it: &mut Xml, dossier: &Dossier<'_>, group: &Group<'_>, results: Vec<(String, Value)>) {
    it.group(group.element, |it| {
        it.text("MetricGoal", group.goal);
        it.group("Results", |it| {
            for (label, value) in results {
                it.group("MetricResult", |it| {
                    it.text("Label", &label);
                    it.text("ValueJson", &value.to_string());
                });
            }
        });
        it.text("Interpretation", dossier.answer(group.field));
        it.text("TestType", group.test_type);
        it.text("TestingDataDescription", &group.data);
        it.text("ValidationProcessAndJustification", group.process);
    });
}

fn usefulness(dossier: &Dossier<'_>) -> Vec<(String, Value)> {
    let evaluation = dossier.evaluation;
    let mut all = vec![(
        "Test loss, nats per token".to_owned(),
        json!({
            "base": evaluation.base.test_loss,
            "released": evaluation.released.test_loss,
            "change": evaluation.test.change,
            "interval_95": evaluation.test.change_interval,
            "questions": evaluation.test.questions,
        }),
    )];
    for suite in &evaluation.suites {
        let value = suite.figures.as_ref().map(|figures| {
            json!({
                "items": figures.items,
                "base": figures.base.share,
                "released": figures.federated.share,
                "difference": figures.difference,
                "interval_95": figures.interval,
                "p_holm": suite.corrected_p,
                "majority": figures.majority,
                "records_sha256": suite.records,
            })
        });
        all.push((format!("Suite {}", suite.name), value.unwrap_or(Value::Null)));
    }
    if let Some(rubric) = &evaluation.rubric {
        let total = json!({ "total": rubric.rubric().total(), "interval_95": rubric.total_interval });
        all.push(("Rubric, total of 100".to_owned(), total));
        for one in &rubric.dimensions {
            let value = json!({ "points": one.points, "interval_95": one.interval, "n": one.of });
            all.push((format!("Rubric, {}", one.dimension.key()), value));
        }
    }
    all
}

fn fairness(dossier: &Dossier<'_>) -> Vec<(String, Value)> {
    let departments = dossier.evaluation.departments.iter().map(|it| {
        let value = json!({
            "questions": it.questions, "base_loss": it.base_loss, "loss": it.loss, "interval_95": it.change_interval,
        });
        (format!("Department {}", it.name.as_deref().unwrap_or("others")), value)
    });
    let mut all: Vec<(String, Value)> = departments.collect();
    // Names of sites stay in evaluation.json.
    let sites = dossier.evaluation.own_scores.iter().flat_map(|scores| &scores.sites);
    let gains: Vec<Value> =
        sites.map(|site| json!({ "gain": site.gain, "interval_95": site.gain_interval })).collect();
    let value = if gains.is_empty() { Value::Null } else { Value::Array(gains) };
    all.push(("Sites' own held-out records, gain in nats per token".to_owned(), value));
    all
}

fn safety(dossier: &Dossier<'_>) -> Vec<(String, Value)> {
    let Some(rubric) = &dossier.evaluation.rubric else {
        return vec![("Harm".to_owned(), Value::Null)];
    };
    let agreement = rubric.agreement.iter().find(|it| it.dimension == evaluation::review::Dimension::Safety);
    vec![
        (
            "Cases with a harm".to_owned(),
            json!({ "cases": rubric.harmful_cases, "of": rubric.safety_cases, "below_95": rubric.harm_below }),
        ),
        (
            "Agreement of graders on safety".to_owned(),
            agreement.map_or(Value::Null, |it| json!({ "gwet_ac1": it.gwet, "kappa": it.kappa })),
        ),
    ]
}
