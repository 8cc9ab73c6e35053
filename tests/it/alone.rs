//! Each site trained alone beside the federation, with real processes: a site whose policy does not allow it
//! sits it out, the others are measured each by itself, across a crash and once; both runs' reports show
//! base, each alone and all together, and nothing can be exported. Run by `cargo test`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use coordinator::admin::report::baselines::{Model, Row, SetReport, Status};
use coordinator::report::Report;
use coordinator::round::baseline::HeldOut;
use tests::consortium::Consortium;
use tests::dataset;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};
use toml::{Table, Value};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, demo_settings};

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// An interval needs 30.
const QUESTIONS: usize = 32;

/// Three sites, of which the first two may train alone.
fn consortium() -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 3, rounds: 2, ..Wish::default() })?;
    let demo = demo_settings()?;
    let mut run = RunFile::read(&small.run_file)?;
    for key in ["validation", "test"] {
        let from = demo.run_file.path(key).context("the demo has held-out files")?;
        dataset::take(&from, &run.path(key).context("so has the run")?, QUESTIONS)?;
    }
    run.set_integer("quorum", "sites", 2);
    run.write(&small.run_file)?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    for index in 0..3 {
        consortium.join(index)?;
        let path = consortium.sites[index].state().join("agent.toml");
        let settings = fs::read_to_string(&path)?;
        ensure!(settings.contains("\nalone = false"), "the default is to take no part: {settings}");
        if index < 2 {
            consortium.allow_alone(index)?;
        }
        consortium.start_site(index, &[])?;
    }
    Ok((small, consortium))
}

/// Beside `together`, with as many passes over the records.
fn alone_file(small: &Small, together: &str) -> Result<std::path::PathBuf> {
    let mut run = RunFile::read(&small.run_file)?;
    run.set("", "train", Value::String("alone".into()));
    run.set("", "compare_with", Value::String(together.into()));
    run.set_integer("", "rounds", 1);
    run.set_integer("training", "epochs", 2);
    run.set("", "evaluation", Value::Table(Table::new()));
    let path = small.folder.path().join("alone.toml");
    run.write(&path)?;
    Ok(path)
}

fn report(consortium: &Consortium, run: &str) -> Result<Report> {
    let text = consortium.coordinator.run(&["report", run, "--json"], COMMAND_WITHIN)?.success()?;
    Ok(serde_json::from_str(&text)?)
}

#[test]
fn each_site_alone_stands_beside_the_federation_in_both_reports() -> Result<()> {
    let (small, mut consortium) = consortium()?;
    let together = consortium.launch(&small.run_file)?;
    consortium.wait_published(&together, RUN_WITHIN)?;
    ensure!(report(&consortium, &together)?.side_by_side.is_none(), "nobody has trained alone yet");
    let file = alone_file(&small, &together)?;
    consortium.coordinator.kill();
    consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", "alone-measured-before-journal")])?;
    let run = consortium.launch(&file)?;
    for next in [Some("alone-measured-after-journal"), None] {
        let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
        wait::until("the crash", RUN_WITHIN, LOOK_EVERY, &logs, &interrupt, || {
            Ok((!consortium.coordinator.is_running()?).then_some(()))
        })?;
        let point = next.map(|point| ("CONSILIUM_CRASH_AT", point));
        consortium.start_coordinator(point.as_slice()).or_else(|error| {
            // What waits to be measured is measured before anybody is listened to.
            if next.is_some() { Ok(()) } else { Err(error) }
        })?;
    }
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    ensure!(status.test.openings.len() == 1, "opened once, over two crashes: {status:?}");
    let told = report(&consortium, &run)?;
    ensure!(told.run.alone && !told.rounds[0].published, "{told:?}");
    let shown = told.side_by_side.clone().context("its own table")?;
    ensure!(shown.together.as_deref() == Some(together.as_str()) && shown.run == run, "{shown:?}");
    ensure!(shown.work_alone == "2 epochs" && shown.work_together.is_some(), "{shown:?}");
    ensure!(shown.sets.iter().map(|it| it.set).eq([HeldOut::Validation, HeldOut::Test]), "{shown:?}");
    for set in &shown.sets {
        the_rows_fit(set)?;
    }
    let federated = report(&consortium, &together)?;
    ensure!(federated.side_by_side.as_ref() == Some(&shown), "the same table from both sides");
    let test = shown.sets.last().context("the test set")?;
    let same = |row: Option<&Row>, loss: Option<f64>| row.and_then(|row| row.loss) == loss && loss.is_some();
    ensure!(same(test.rows.first(), federated.base.test_loss), "the base: {test:?} {federated:?}");
    ensure!(same(test.rows.last(), federated.last.test_loss), "the federated one: {test:?} {federated:?}");
    pages_say_it(&small, &consortium, &run, &together)?;
    nothing_comes_of_it(&small, &consortium, &run)?;
    what_cannot_be_compared_is_refused(&small, &consortium, [&run, &together])?;
    words_at_the_sites(&consortium, &run)?;
    consortium.stop();
    ensure!(report(&consortium, &run)?.side_by_side == Some(shown), "it is in the journal");
    Ok(())
}

fn the_rows_fit(set: &SetReport) -> Result<()> {
    ensure!(set.questions == Some(QUESTIONS as u64) && set.supervised_tokens > Some(100), "{set:?}");
    let alone: Vec<&Row> = set.alone().collect();
    let names = alone.iter().map(|row| &row.model);
    ensure!(names.eq(&["site-1", "site-2"].map(|it| Model::Alone(it.to_owned()))), "who allows it: {set:?}");
    let [first, second] = alone.as_slice() else { anyhow::bail!("{set:?}") };
    ensure!(first.loss != second.loss, "each has its own: {set:?}");
    for row in alone {
        let [low, high] = row.together_change_interval.context("an interval")?;
        let change = row.together_change.context("a difference")?;
        ensure!(row.status == Status::Measured && low < change && change < high, "{row:?}");
        ensure!(row.change_interval.is_some() && row.records.is_some_and(|it| it > 0), "{row:?}");
    }
    let rounds = set.rows.iter().filter(|row| matches!(row.model, Model::Round(_))).count();
    ensure!(rounds == if set.set == HeldOut::Validation { 2 } else { 0 }, "{set:?}");
    let last = set.rows.last().context("rows")?;
    ensure!(
        last.model == Model::Together && last.loss.is_some() && last.change_interval.is_some(),
        "{last:?}"
    );
    Ok(())
}

fn pages_say_it(small: &Small, consortium: &Consortium, run: &str, together: &str) -> Result<()> {
    let page = small.folder.path().join("page.html");
    let to = page.to_str().context("a UTF-8 path")?;
    for (language, title, site) in
        [("en", "each hospital alone", "site-1 alone"), ("zh", "各医院单独训练", "site-1 单独")]
    {
        for run in [run, together] {
            let asked = ["report", run, "--language", language];
            let table = consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()?;
            ensure!(table.contains(title) && table.contains(site), "{table}");
            let asked = ["report", run, "--html", to, "--language", language];
            consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()?;
            let html = fs::read_to_string(&page)?;
            ensure!(html.contains(title) && html.contains(site), "{html}");
        }
    }
    let status = consortium.coordinator.run(&["status", run], COMMAND_WITHIN)?.success()?;
    ensure!(status.contains("each site trains alone: 2 of 2 measured on the validation set"), "{status}");
    Ok(())
}

/// What a refused command says.
fn refused(consortium: &Consortium, arguments: &[&str], words: &str) -> Result<()> {
    let said = consortium.coordinator.run(arguments, COMMAND_WITHIN)?.success();
    let said = said.err().context("it was taken")?.to_string();
    ensure!(said.contains(words), "{said}");
    Ok(())
}

/// It gives no model and goes on nowhere.
fn nothing_comes_of_it(small: &Small, consortium: &Consortium, run: &str) -> Result<()> {
    let out = small.folder.path().join("out");
    let out = out.to_str().context("a UTF-8 path")?;
    for arguments in
        [vec!["export", run, "--format", "peft", "--out", out], vec!["resume", run], vec!["evaluate", run]]
    {
        refused(consortium, &arguments, "each site trained alone")?;
    }
    Ok(())
}

fn what_cannot_be_compared_is_refused(
    small: &Small,
    consortium: &Consortium,
    [alone, together]: [&str; 2],
) -> Result<()> {
    let path = small.folder.path().join("wrong.toml");
    let launch = |file: &RunFile, words: &str| -> Result<()> {
        file.write(&path)?;
        refused(consortium, &["launch", path.to_str().context("a UTF-8 path")?], words)
    };
    launch(&RunFile::read(&alone_file(small, alone)?)?, "each site trained alone, too")?;
    let mut file = RunFile::read(&alone_file(small, together)?)?;
    file.set_integer("adapter", "rank", 4);
    launch(&file, "an adapter of other settings")?;
    let mut file = RunFile::read(&alone_file(small, together)?)?;
    let other = small.data().join("other.jsonl");
    dataset::take(&file.path("test").context("it has one")?, &other, QUESTIONS / 2)?;
    file.set_path("test", &other)?;
    launch(&file, "other held-out files")?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set("", "train", Value::String("alone".into()));
    launch(&file, "train = \"alone\"")
}

/// What the officer reads, and what the policy says.
fn words_at_the_sites(consortium: &Consortium, run: &str) -> Result<()> {
    for (index, rule) in [(0, "yes"), (2, "NO")] {
        let site = &consortium.sites[index];
        // Outside the policy is a verdict: it is printed, and the exit code says so too.
        let explained = site.run(&["policy", "explain", run], COMMAND_WITHIN)?.stdout;
        let line = explained.lines().find(|line| line.starts_with("alone "));
        ensure!(line.is_some_and(|line| line.trim_end().ends_with(rule)), "{explained}");
        let shown = site.run(&["ledger", "show", "--json"], COMMAND_WITHIN)?.success()?;
        let is_update = |line: &&str| line.contains("\"commit\"") && line.contains(run);
        let updates = shown.lines().filter(is_update).count();
        ensure!((updates > 0) == (index == 0), "site {index}: {shown}");
        site.run(&["ledger", "verify"], COMMAND_WITHIN)?.success()?;
    }
    let shown = consortium.sites[0].run(&["runs", run], COMMAND_WITHIN)?.success()?;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(shown.contains("nothing is averaged"), "{shown}");
    Ok(())
}
