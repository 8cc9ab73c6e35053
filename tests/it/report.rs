//! `coordinator report` of a run that goes and of the same run when it is over: table, page and JSON say the
//! same, in both languages, beside a running `serve` and after it.

use std::path::Path;

use anyhow::{Context as _, Result};
use coordinator::evaluate::details::HeldOutSet;
use coordinator::report::Report;
use serde_json::Value;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

#[test]
fn every_run_has_a_report_while_it_goes_and_when_it_is_over() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    let ask = |consortium: &tests::consortium::Consortium, arguments: &[&str]| {
        let arguments: Vec<&str> = ["report", run.as_str()].iter().chain(arguments).copied().collect();
        Ok(consortium.coordinator.run(&arguments, COMMAND_WITHIN)?.success()?)
    };
    let going: Report = serde_json::from_str(&ask(&consortium, &["--json"])?)?;
    assert!(going.run.failure.is_none() && going.last.test_loss.is_none());
    let table = ask(&consortium, &["--language", "en"])?;
    let still: Report = serde_json::from_str(&ask(&consortium, &["--json"])?)?;
    // Unless the run was over meanwhile.
    if still.run.ended.is_none() {
        let words = table.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("There is no measurement on a test set"), "{table}");
    }
    consortium.wait_published(&run, RUN_WITHIN)?;
    let beside = ask(&consortium, &["--json"])?;
    let mut report: Report = serde_json::from_str(&beside)?;
    consortium.stop();
    let after: Report = serde_json::from_str(&ask(&consortium, &["--json"])?)?;
    // A living site goes on asking for work.
    for (site, after) in report.sites.iter_mut().zip(&after.sites) {
        assert!(site.frames_sent <= after.frames_sent && site.bytes_sent <= after.bytes_sent);
        (site.frames_sent, site.bytes_sent) = (after.frames_sent, after.bytes_sent);
    }
    assert_eq!(report, after);
    the_numbers_fit(&report)?;
    the_samples_fit(&report, &small.data().join("test.jsonl"))?;
    samples_can_be_left_out(&|arguments| ask(&consortium, arguments), &report)?;
    let page = small.folder.path().join("report.html");
    for (language, word) in [("en", "test questions"), ("zh", "道测试题")] {
        let table = ask(&consortium, &["--language", language])?;
        // A line may break between two words, and in Chinese anywhere.
        let glue = if language == "zh" { "" } else { " " };
        assert!(table.lines().collect::<Vec<_>>().join(glue).contains(word), "{table}");
        let to = page.to_str().context("a UTF-8 path")?;
        ask(&consortium, &["--html", to, "--lang", language])?;
        let html = std::fs::read_to_string(&page)?;
        assert!(html.contains(word) && html.contains(&report.provenance.base_fingerprint), "{html}");
        assert!(!html.contains("<script") && !html.contains("http"));
    }
    Ok(())
}

/// Departments are all of the test set, and the sample questions are three of its records.
fn the_samples_fit(report: &Report, test: &Path) -> Result<()> {
    let counted: u64 = report.departments.iter().map(|department| department.questions).sum();
    assert_eq!(Some(counted), report.test.questions);
    let tokens: u64 = report.departments.iter().map(|department| department.supervised_tokens).sum();
    assert_eq!(Some(tokens), report.test.supervised_tokens);
    let weighed = report.departments.iter().map(|of| of.loss * of.supervised_tokens as f64).sum::<f64>();
    let loss = report.last.test_loss.context("a loss")?;
    assert!((weighed / tokens as f64 - loss).abs() < 1e-9, "{weighed} of {tokens} tokens, {loss}");
    let samples = report.samples.as_ref().context("sample questions")?;
    assert_eq!((samples.set, samples.questions.len(), &samples.reason), (HeldOutSet::Test, 3, &None));
    let records = std::fs::read_to_string(test)?;
    let records: Vec<Value> = records.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let lines: Vec<usize> = samples
        .questions
        .iter()
        .map(|sample| {
            let is_it = |record: &Value| record["output"].as_str() == Some(sample.reference.as_str());
            let line = records.iter().position(is_it).context("a record of the test file")?;
            assert_eq!(sample.department.as_deref(), records[line]["department"].as_str());
            let asked = records[line]["instruction"].as_str().context("an instruction")?;
            assert!(sample.question.contains(asked), "{sample:?}");
            assert!(!sample.base.text.is_empty() || !sample.federated.text.is_empty(), "{sample:?}");
            Ok(line)
        })
        .collect::<Result<_>>()?;
    assert_ne!(lines, [0, 1, 2], "by hash, not the first ones");
    Ok(())
}

/// With the samples a report holds text of the held-out set, without them none.
fn samples_can_be_left_out(ask: &dyn Fn(&[&str]) -> Result<String>, report: &Report) -> Result<()> {
    let samples = report.samples.as_ref().context("sample questions")?;
    let reference = &samples.questions[0].reference;
    assert!(ask(&["--json"])?.contains(reference.as_str()));
    assert!(!ask(&["--json", "--without-samples"])?.contains(reference.as_str()));
    let without = ask(&["--language", "en", "--without-samples"])?;
    assert!(!without.contains("Right answer") && ask(&["--language", "en"])?.contains("Right answer"));
    assert!(without.contains("Department"), "departments are no text of records: {without}");
    Ok(())
}

fn the_numbers_fit(report: &Report) -> Result<()> {
    let (before, after) =
        (report.base.test_loss.context("a loss")?, report.last.test_loss.context("a loss")?);
    let paired = report.test.paired.context("a paired comparison")?;
    assert_eq!(Some(paired.records), report.test.questions);
    assert!((paired.change - (after / before - 1.0)).abs() < 1e-9, "{paired:?} of {before} and {after}");
    assert!(paired.standard_error > 0.0 && paired.better <= paired.records);
    assert_eq!(report.test_set_openings.len(), 1);
    assert_eq!(report.sites.len(), 2);
    assert!(report.sites.iter().all(|site| site.bytes_sent > 0 && site.weight.is_some()));
    assert!(report.provenance.settings.contains_key("training.seed"));
    assert!(report.run.ended.as_ref().is_some_and(|ended| *ended >= report.run.launched));
    Ok(())
}
