//! `[evaluation]` of a run file with real processes: suites are pinned and named in the terms, asked
//! after the last round, not half-shown and asked again after a crash; one that changed costs no run. Run by
//! `cargo test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use coordinator::report::Report;
use coordinator::report::suites::Status;
use serde_json::Value;
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, copy_folder, repository};

const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A run of one site and one round that asks two suites and what was forgotten; their folder.
fn with_suites() -> Result<(Small, PathBuf)> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let suites = small.data().join("suites");
    copy_folder(&repository().join("common/evaluation/suites"), &suites)?;
    let mut run = RunFile::read(&small.run_file)?;
    let named = ["medqa.toml", "medmcqa.toml"].map(|name| suites.join(name).display().to_string());
    run.set("evaluation", "suites", named.to_vec().into());
    run.set("evaluation", "forgetting", true.into());
    run.write(&small.run_file)?;
    Ok((small, suites))
}

fn report(consortium: &Consortium, run: &str) -> Result<Report> {
    let text = consortium.coordinator.run(&["report", run, "--json"], COMMAND_WITHIN)?.success()?;
    Ok(serde_json::from_str(&text)?)
}

fn is_settled(report: &Report) -> bool {
    let forgetting = report.forgetting.iter().map(|it| it.status);
    report.suites.iter().map(|it| it.status).chain(forgetting).all(|status| status != Status::Waiting)
}

#[test]
fn suites_are_asked_after_the_last_round_and_again_after_a_crash() -> Result<()> {
    let (small, suites) = with_suites()?;
    let mut consortium = small.start()?;
    consortium.coordinator.kill();
    consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", "suite-measured-before-journal")])?;
    let run = consortium.launch(&small.run_file)?;
    terms_name_them(&consortium, &run, &suites)?;
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    wait::until("the crash", RUN_WITHIN, LOOK_EVERY, &logs, &interrupt, || {
        Ok((!consortium.coordinator.is_running()?).then_some(()))
    })?;
    let half = report(&consortium, &run)?;
    ensure!(half.run.ended.is_some() && half.last.test_loss.is_some(), "the run was over: {half:?}");
    for suite in &half.suites {
        ensure!(suite.status == Status::Waiting && suite.figures.is_none(), "{suite:?}");
    }
    // What was asked is not asked again: it is there until the journal has the outcome.
    let kept = consortium.coordinator.state().join(format!("spool/suite-{run}-0.resume"));
    ensure!(fs::metadata(&kept)?.len() > 55, "no answer behind its head");
    // Meanwhile somebody corrects a question.
    let records = suites.join("medmcqa.jsonl");
    fs::write(&records, fs::read_to_string(&records)?.replacen("\"cop\":", "\"cop\" :", 1))?;
    consortium.start_coordinator(&[])?;
    let settled = wait::until("the suites", RUN_WITHIN, LOOK_EVERY, &logs, &interrupt, || {
        // Nothing a test can do about a report that cannot be read but look again.
        Ok(report(&consortium, &run).ok().filter(is_settled))
    })?;
    ensure!(!kept.exists(), "it goes with the outcome");
    the_figures_fit(&consortium, &run, &settled, &suites.join("medqa.toml"))?;
    pages_say_it(&consortium, &run, small.folder.path())?;
    let status = consortium.coordinator.run(&["status", &run, "--json"], COMMAND_WITHIN)?.success()?;
    let status: Value = serde_json::from_str(&status)?;
    let warned = status["warnings"].to_string();
    ensure!(warned.contains("medmcqa-form was not asked") && warned.contains("--suite"), "{warned}");
    ensure!(status["phase"] == "finished", "a suite that failed costs no run: {status}");
    consortium.stop();
    let again = report(&consortium, &run)?;
    ensure!(again.suites == settled.suites && again.forgetting == settled.forgetting, "{again:?}");
    Ok(())
}

/// The terms that a site gets have each suite's name and the hashes of both files.
fn terms_name_them(consortium: &Consortium, run: &str, suites: &Path) -> Result<()> {
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let shown = wait::until("the terms", RUN_WITHIN, LOOK_EVERY, &logs, &interrupt, || {
        let shown = consortium.sites[0].run(&["runs", run], COMMAND_WITHIN)?;
        Ok(shown.success().ok())
    })?;
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(words.contains("measured on 2 suites of questions: medqa-form, medmcqa-form"), "{shown}");
    for name in ["medqa.toml", "medqa.jsonl", "medmcqa.toml", "medmcqa.jsonl"] {
        let digest = common::id::Digest::of(&fs::read(suites.join(name))?).to_string();
        ensure!(words.contains(&digest), "{name} {digest}: {shown}");
    }
    Ok(())
}

/// What is in the report is what the command says by hand; the other suite was refused by its hash.
fn the_figures_fit(consortium: &Consortium, run: &str, settled: &Report, medqa: &Path) -> Result<()> {
    let [measured, changed] = settled.suites.as_slice() else { anyhow::bail!("{:?}", settled.suites) };
    ensure!((measured.name.as_str(), measured.status) == ("medqa-form", Status::Measured), "{measured:?}");
    let reason = changed.reason.as_deref().unwrap_or_default();
    ensure!(changed.status == Status::NotMeasured && reason.contains("changed since"), "{changed:?}");
    let figures = measured.figures.as_ref().context("figures")?;
    ensure!((figures.items, figures.base.of, figures.federated.of) == (4, 4, 4), "{figures:?}");
    ensure!(measured.corrected_p == Some(figures.p), "one suite is left: {measured:?}");
    let forgotten = settled.forgetting.as_ref().and_then(|it| it.figures.as_ref()).context("forgetting")?;
    ensure!((forgotten.general.items, forgotten.texts) == (120, 40), "{forgotten:?}");
    ensure!(forgotten.divergence > 0.0 && forgotten.positions > 400, "a trained model moved: {forgotten:?}");
    let [low, high] = forgotten.divergence_interval;
    ensure!(low <= forgotten.divergence && forgotten.divergence <= high, "{forgotten:?}");
    let path = medqa.to_string_lossy();
    let by_hand = ["evaluate", run, "--suite", &path, "--json"];
    let by_hand = consortium.coordinator.run(&by_hand, RUN_WITHIN)?.success()?;
    let by_hand: Value = serde_json::from_str(&by_hand)?;
    let pair = &by_hand["suites"][0]["comparisons"][0];
    ensure!(pair["difference"].as_f64() == Some(figures.difference), "{pair} {figures:?}");
    ensure!(by_hand["suites"][0]["arms"][0]["right"]["count"] == figures.base.count, "{by_hand}");
    Ok(())
}

fn pages_say_it(consortium: &Consortium, run: &str, folder: &Path) -> Result<()> {
    let page = folder.join("page.html");
    let to = page.to_str().context("a UTF-8 path")?;
    for (language, title, forgotten) in
        [("en", "What got better", "KL divergence"), ("zh", "哪些变好", "KL 散度")]
    {
        let asked = ["report", run, "--language", language];
        let table = consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()?;
        ensure!(table.contains(title) && table.contains("medqa-form"), "{table}");
        let asked = ["report", run, "--html", to, "--language", language];
        consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()?;
        let html = fs::read_to_string(&page)?;
        ensure!(html.contains(title) && html.contains("medqa-form") && html.contains(forgotten), "{html}");
    }
    Ok(())
}

#[test]
fn a_suite_that_cannot_be_asked_is_refused_at_the_launch() -> Result<()> {
    let (small, suites) = with_suites()?;
    let consortium = small.start()?;
    let records = suites.join("medmcqa.jsonl");
    let good = fs::read_to_string(&records)?;
    let refused = |word: &str| -> Result<()> {
        let file = small.run_file.to_string_lossy();
        let launched = consortium.coordinator.run(&["launch", &file], COMMAND_WITHIN)?;
        let said = format!("{}{}", launched.stdout, launched.stderr);
        ensure!(launched.code() == Some(1) && said.contains(word), "{word}: {said}");
        Ok(())
    };
    fs::write(&records, good.replacen("\"cop\": ", "\"cop\": 9", 1))?;
    refused("medmcqa.jsonl, line 1")?;
    fs::remove_file(&records)?;
    refused("medmcqa.jsonl")?;
    fs::remove_file(suites.join("medmcqa.toml"))?;
    refused("medmcqa.toml")?;
    let runs = consortium.coordinator.run(&["runs", "--json"], COMMAND_WITHIN)?.success()?;
    ensure!(!runs.contains("\"run\":"), "nothing was launched: {runs}");
    Ok(())
}
