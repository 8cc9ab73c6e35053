//! Rounds end when they should, and no work is lost: sites that are off, paused or excluded hold nobody up, a
//! run goes on where one ended, and the test set stays closed until it can be measured.

use std::ops::BitXorAssign as _;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, copy_folder};

#[test]
fn sites_that_are_off_paused_or_excluded_hold_no_round_and_are_named() -> Result<()> {
    let small = Small::new(&Wish { sites: 3, rounds: 1, ..Wish::default() })?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_integer("quorum", "sites", 1);
    // Far longer than this test may take: whoever waits for the deadline fails.
    file.set_integer("quorum", "deadline_s", 7200);
    file.set_integer("quorum", "grace_s", 3600);
    file.write(&small.run_file)?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    (0..3).try_for_each(|index| consortium.join(index))?;
    consortium.start_site(0, &[])?;
    command(&consortium, &["sites", "pause", "site-2"])?;

    let run = consortium.launch(&small.run_file)?;
    let status = over(&consortium, &run)?;
    let missing = &status["history"][0]["missing"];
    ensure!(missing["site-2"]["word"] == "paused" && missing["site-3"]["word"] == "undecided", "{missing}");
    let words = command(&consortium, &["status", &run])?;
    ensure!(
        words.contains("site site-3 does not count in round 1: it has not decided about the run"),
        "{words}"
    );
    ensure!(words.contains("site site-2 does not count in round 1: the operator paused it"), "{words}");
    let logged = std::fs::read_to_string(consortium.logs().join("coordinator.stderr"))?;
    ensure!(logged.contains("does not count: it has not decided about the run"), "the log names it, too");

    consortium.start_site(1, &[])?;
    command(&consortium, &["sites", "resume", "site-2"])?;
    let refused = consortium.coordinator.run(&["sites", "exclude", "site-1"], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("no run is going"), "{refused:?}");
    let run = consortium.launch(&small.run_file)?;
    command(&consortium, &["sites", "exclude", "site-1"])?;
    let status = over(&consortium, &run)?;
    let round = &status["history"][0];
    ensure!(round["updates"] == serde_json::json!(["site-2"]), "{round}");
    ensure!(round["missing"]["site-1"]["word"] == "excluded", "{round}");

    let sites = json(&consortium, &["sites", "--json"])?;
    let site = |name: &str| sites.as_array().and_then(|rows| rows.iter().find(|row| row["site"] == name));
    let second = site("site-2").context("a site that joined")?;
    ensure!(second["connected"] == true && second["counted_rounds"] == 1, "{second}");
    ensure!(second["version"] == env!("CARGO_PKG_VERSION"), "{second}");
    ensure!(second["clock_ahead_s"].as_i64().is_some_and(|seconds| seconds.abs() <= 60), "{second}");
    let third = site("site-3").context("a site that joined")?;
    ensure!(third["connected"] == false && third["last_seen"].is_null(), "{third}");
    ensure!(third["last_missing"]["text"] == "it has not decided about the run", "{third}");
    consortium.stop();
    let down = command(&consortium, &["sites"])?;
    ensure!(down.contains(" s ago") && down.lines().all(|line| line.chars().count() <= 80), "{down}");
    Ok(())
}

#[test]
fn a_run_chooses_its_sites_and_goes_on_where_another_ended() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, rounds: 3, ..Wish::default() })?;
    let mut file = RunFile::read(&small.run_file)?;
    let names = |names: &[&str]| toml::Value::from(names.iter().map(ToString::to_string).collect::<Vec<_>>());
    file.set_integer("quorum", "sites", 1);
    file.set("sites", "names", names(&["site-1", "site-9"]));
    file.write(&small.run_file)?;
    let mut consortium = small.start()?;
    let path = small.run_file.to_string_lossy().into_owned();
    let refused = consortium.coordinator.run(&["launch", &path], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("site-9"), "{refused:?}");

    file.set("sites", "names", names(&["site-1"]));
    file.set("training", "schedule_over", toml::Value::String("run".to_owned()));
    file.write(&small.run_file)?;
    let run = consortium.launch(&small.run_file)?;
    until(&consortium, &run, |status| status["history"][0]["published"].is_string())?;
    command(&consortium, &["stop", &run])?;
    let stopped = over(&consortium, &run)?;
    ensure!(
        stopped["phase"] == "failed" && stopped["sites"].as_array().map(Vec::len) == Some(1),
        "{stopped}"
    );
    let published = stopped["history"].as_array().context("rounds")?.iter();
    let published = published.filter(|round| round["published"].is_string()).count();
    let words = "stopped by the coordinator's operator";
    told(&mut consortium, words)?;

    let next = command(&consortium, &["resume", &run[..6]])?.trim().to_owned();
    let heard = small.folder.path().join("watch.stderr");
    let listening = || std::fs::read_to_string(&heard).unwrap_or_default();
    let mut command_line = consortium.coordinator.command(&["watch", &next]);
    let mut watch = command_line.stderr(std::fs::File::create(&heard)?).spawn()?;
    until(&consortium, &next, |_| listening().contains("round 1 of"))?;
    // The watcher goes on over a crash of the coordinator.
    consortium.coordinator.kill();
    consortium.start_coordinator(&[])?;
    let resumed = over(&consortium, &next)?;
    ensure!(watch.wait()?.success(), "the watcher ended before the run: {}", listening());
    ensure!(listening().contains("the coordinator went away"), "it was not watching: {}", listening());
    ensure!(resumed["phase"] == "finished" && resumed["origin"] == run.as_str(), "{resumed}");
    let left = 3 - u64::try_from(published)?;
    ensure!(resumed["rounds"] == left, "{} rounds were published: {resumed}", published);
    // Its learning rate goes on where that of the other one was.
    let report: Value = serde_json::from_str(&command(&consortium, &["report", &next, "--json"])?)?;
    let before = &report["provenance"]["settings"]["training.schedule_rounds_before"];
    ensure!(*before == published, "{before} of {published} rounds");
    let refused = consortium.coordinator.run(&["resume", &next], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("has gone through all"), "{refused:?}");

    // With settings of its own a run may start from another one's result, and from its exported folder.
    let folder = small.folder.path().join("exported");
    command(&consortium, &["export", &next, "--format", "peft", &folder.to_string_lossy()])?;
    for initial in [next.clone(), folder.to_string_lossy().into_owned()] {
        file.set("", "initial", toml::Value::from(initial));
        file.set_integer("", "rounds", 1);
        file.write(&small.run_file)?;
        let last = consortium.launch(&small.run_file)?;
        let status = over(&consortium, &last)?;
        ensure!(status["phase"] == "finished", "{status}");
        ensure!(loss(&status["base"])? > loss(&status["history"][0]["validation"])?, "{status}");
        // What it started from is better than the base model by more than one round of a fresh adapter.
        let gained = loss(&resumed["history"][0]["validation"])? - loss(&status["history"][0]["validation"])?;
        ensure!(gained > 0.0, "a round from the published adapter lost {gained}");
    }
    // An option that changes what the numbers mean is refused, not passed over.
    let config = folder.join("adapter_config.json");
    let text = std::fs::read_to_string(&config)?;
    std::fs::write(&config, text.replace("\"alpha_pattern\": {}", "\"alpha_pattern\": {\"q_proj\": 4}"))?;
    let refused = consortium.coordinator.run(&["launch", &path], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("alpha_pattern"), "{refused:?}");
    std::fs::write(&config, text)?;
    file.set_integer("adapter", "rank", 8);
    file.write(&small.run_file)?;
    let refused = consortium.coordinator.run(&["launch", &path], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("adapter.rank"), "{refused:?}");
    consortium.stop();
    Ok(())
}

#[test]
fn the_test_set_stays_closed_until_model_and_file_are_there() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let (model, moved) = (small.folder.path().join("model"), small.folder.path().join("moved"));
    copy_folder(&small.setup.model, &model)?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_path("model", &model)?;
    file.write(&small.run_file)?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    std::fs::rename(&model, &moved)?;
    let status = over(&consortium, &run)?;
    ensure!(status["phase"] == "finished" && status["test"]["openings"] == serde_json::json!([]), "{status}");
    let words = command(&consortium, &["status", &run])?;
    ensure!(words.contains("the final model on the test set is not evaluated"), "{words}");

    let refused = consortium.coordinator.run(&["evaluate", &run], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("model folder"), "{refused:?}");
    let other = small.folder.path().join("other-model");
    copy_folder(&moved, &other)?;
    let weights = other.join("model.safetensors");
    let mut bytes = std::fs::read(&weights)?;
    bytes.last_mut().context("weights")?.bitxor_assign(1);
    std::fs::write(&weights, bytes)?;
    let wrong = ["evaluate", &run, "--model", &other.to_string_lossy()];
    let refused = consortium.coordinator.run(&wrong, RUN_WITHIN)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("not the base model"), "{refused:?}");
    let status = json(&consortium, &["status", &run, "--json"])?;
    ensure!(status["test"]["openings"] == serde_json::json!([]), "{status}");
    let result =
        consortium.coordinator.run(&["evaluate", &run, "--model", &moved.to_string_lossy()], RUN_WITHIN)?;
    ensure!(result.code() == Some(0) && result.stderr.contains("final, test"), "{result:?}");
    let status = json(&consortium, &["status", &run, "--json"])?;
    ensure!(loss(&status["test"]["federated"])? < loss(&status["test"]["base"])?, "{status}");
    ensure!(status["test"]["openings"].as_array().map(Vec::len) == Some(1), "{status}");
    let again = consortium
        .coordinator
        .run(&["evaluate", &run, "--model", &moved.to_string_lossy()], COMMAND_WITHIN)?;
    ensure!(again.code() == Some(1) && again.stderr.contains("measured once"), "{again:?}");

    // The next run on the same test file says that it is not new.
    file.set_path("model", &moved)?;
    file.write(&small.run_file)?;
    let launched =
        consortium.coordinator.run(&["launch", &small.run_file.to_string_lossy()], COMMAND_WITHIN)?;
    ensure!(launched.stderr.contains("the test file was opened once before"), "{launched:?}");

    // A coordinator that stands still hangs no command.
    let id = i32::try_from(consortium.coordinator.process().context("it runs")?.id())?;
    let signal = |word: &str| std::process::Command::new("kill").args([word, &id.to_string()]).status();
    ensure!(signal("-STOP")?.success());
    let begun = std::time::Instant::now();
    let stuck = consortium.coordinator.run(&["status"], COMMAND_WITHIN);
    ensure!(signal("-CONT")?.success());
    let stuck = stuck?;
    ensure!(stuck.code() == Some(1) && stuck.stderr.contains("does not answer"), "{stuck:?}");
    ensure!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    consortium.stop();
    Ok(())
}

fn command(consortium: &Consortium, arguments: &[&str]) -> Result<String> {
    Ok(consortium.coordinator.run(arguments, COMMAND_WITHIN)?.success()?)
}

fn json(consortium: &Consortium, arguments: &[&str]) -> Result<Value> {
    Ok(serde_json::from_str(&command(consortium, arguments)?)?)
}

fn loss(score: &Value) -> Result<f64> {
    score["loss"].as_f64().with_context(|| format!("a measurement: {score}"))
}

/// Waits until the run is over, whoever runs. Returns its status.
fn over(consortium: &Consortium, run: &str) -> Result<Value> {
    until(consortium, run, |status| status["phase"] == "finished" || status["phase"] == "failed")
}

fn until(consortium: &Consortium, run: &str, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
    let (logs, interrupt) = (consortium.logs(), Interrupt::default());
    let status = || {
        let text = consortium.coordinator.run(&["status", run, "--json"], COMMAND_WITHIN)?.success()?;
        let status: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok::<_, Failure>(is_so(&status).then_some(status))
    };
    Ok(wait::until("the run", RUN_WITHIN, Duration::from_millis(150), logs, &interrupt, status)?)
}

/// Waits until the first site says this.
fn told(consortium: &mut Consortium, words: &str) -> Result<()> {
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let site = &consortium.sites[0];
    let said = || Ok::<_, Failure>(site.stderr_since_start().contains(words).then_some(()));
    Ok(wait::until(
        "the site's word",
        Duration::from_secs(30),
        Duration::from_millis(100),
        &logs,
        &interrupt,
        said,
    )?)
}
