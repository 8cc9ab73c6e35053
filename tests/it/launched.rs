//! Whose hand launched a run: an operator elsewhere signs its terms, sites show who that was, and a site may
//! insist on it. Run by `cargo test`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use coordinator::admin::client::{Door, ask};
use coordinator::admin::message::{Answer, Command};
use serde_json::Value;
use tests::consortium::Consortium;
use tests::wait::{self, Interrupt};

use crate::operators::Machine;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

#[test]
fn a_site_takes_the_runs_of_the_operators_that_it_names_and_says_whose_they_are() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let home = |name: &str| small.folder.path().join(name);
    let otto = Machine::enrolled(&consortium, home("otto"), "otto", "operator")?;
    let path = consortium.sites[0].state().join("agent.toml");
    let written = std::fs::read_to_string(&path)?;
    ensure!(written.contains("operators = []"), "{written}");
    let insists = |operators: &str| written.replace("operators = []", &format!("operators = [{operators}]"));
    std::fs::write(&path, insists("\"otto\""))?;
    consortium.sign_policy(0)?;
    consortium.start_site(0, &[])?;

    // Launched on the coordinator's own machine: nobody has signed it but the coordinator.
    let by_nobody = consortium.launch(&small.run_file)?;
    until(&consortium, &by_nobody, |status| status["sites"][0]["state"] == "outside_policy")?;
    let shown = of_site(&consortium, &["runs", &by_nobody, "--json"])?;
    ensure!(shown["launched_by"].is_null(), "{shown}");
    ensure!(shown["refused_by"][0].as_str().is_some_and(|rule| rule.contains("(operators)")), "{shown}");
    let words = consortium.sites[0].run(&["runs", &by_nobody], COMMAND_WITHIN)?.success()?;
    ensure!(words.contains("nobody signed but it"), "{words}");
    let explained = consortium.sites[0].run(&["policy", "explain", &by_nobody], COMMAND_WITHIN)?;
    ensure!(
        explained.code() == Some(1) && explained.stdout.contains("the coordinator alone"),
        "{explained:?}"
    );
    // Nobody is left who could agree to it.
    until(&consortium, &by_nobody, |status| status["phase"] == "failed")?;

    let run = signed_launch(&otto, &small.run_file)?;
    let shown = of_site(&consortium, &["runs", &run, "--json"])?;
    let key = otto.json(&["context", "list"])?[0]["key"].clone();
    ensure!(key.is_string() && shown["launched_by"]["key"] == key, "{shown} {key}");
    ensure!(
        shown["launched_by"]["name"] == "otto" && shown["refused_by"] == serde_json::json!([]),
        "{shown}"
    );
    consortium.wait_published(&run, RUN_WITHIN)?;
    // By the key itself, and then by another one.
    consortium.sites[0].stop();
    let key = key.as_str().context("a text")?;
    let holds = |consortium: &Consortium, operators: &str| -> Result<Value> {
        std::fs::write(&path, insists(operators))?;
        let explained = consortium.sites[0].run(&["policy", "explain", &run, "--json"], COMMAND_WITHIN)?;
        Ok(serde_json::from_str::<Value>(&explained.stdout)?["holds"].clone())
    };
    ensure!(holds(&consortium, &format!("\"{key}\""))? == true);
    ensure!(holds(&consortium, &format!("\"{}\"", "ab".repeat(32)))? == false);
    let refused = consortium.sites[0].run(&["policy", "show"], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(0), "{refused:?}");
    std::fs::write(&path, insists("\"Otto Hahn\""))?;
    let refused = consortium.sites[0].run(&["policy", "show"], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("64 hexadecimal digits"), "{refused:?}");
    consortium.stop();
    Ok(())
}

#[test]
fn what_an_operator_elsewhere_does_not_sign_is_not_launched() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, rounds: 1, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let otto = Machine::enrolled(&consortium, small.folder.path().join("otto"), "otto", "operator")?;
    let there = Door::There(Box::new(otto.contexts()?.get("main", &Default::default())?));
    let text = std::fs::read_to_string(&small.run_file)?;
    // Takes what it is to sign for the answer, and goes.
    let asked = ask(&there, &Command::LaunchText { text, queue: false })?;
    ensure!(
        matches!(&asked, Answer::Sign { manifest, .. } if manifest.starts_with("{\"protocol\":")),
        "{asked:?}"
    );
    let (within, pause) = (COMMAND_WITHIN, Duration::from_millis(100));
    wait::until("the act's end", within, pause, consortium.logs(), &Interrupt::default(), || {
        let acts = otto.json(&["acts", "show"]).unwrap_or_default();
        let failed = acts.as_array().is_some_and(|acts| {
            acts.iter().any(|act| act["verb"] == "launch" && act["step"] == "failed" && act["who"] == "otto")
        });
        Ok::<_, tests::failure::Failure>(failed.then_some(()))
    })?;
    ensure!(otto.json(&["runs"])?.as_array().is_some_and(Vec::is_empty), "nothing was launched");
    signed_launch(&otto, &small.run_file)?;
    consortium.stop();
    Ok(())
}

/// Launches from the operator's machine, which says what it signed. Returns the run.
fn signed_launch(otto: &Machine, run_file: &Path) -> Result<String> {
    let output = otto.run(&["launch", run_file.to_str().context("a path")?])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success() && said.contains("signed as otto: "), "{said}");
    let run = String::from_utf8(output.stdout)?.trim().to_owned();
    let code = otto.json(&["roster"])?["code"].clone();
    // Wrapped at 80 columns, so that the code's words may stand in two lines.
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let code = one_line(code.as_str().context("a code")?);
    ensure!(one_line(&said).contains(&code), "{code} {said}");
    Ok(run)
}

/// What the site says of a run, once it has heard of it.
fn of_site(consortium: &Consortium, arguments: &[&str]) -> Result<Value> {
    let (within, pause) = (COMMAND_WITHIN, Duration::from_millis(100));
    let said = wait::until("the proposal", within, pause, consortium.logs(), &Interrupt::default(), || {
        Ok::<_, tests::failure::Failure>(consortium.sites[0].run(arguments, COMMAND_WITHIN)?.success().ok())
    })?;
    Ok(serde_json::from_str(&said)?)
}

fn until(consortium: &Consortium, run: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
    let (within, pause) = (RUN_WITHIN, Duration::from_millis(100));
    wait::until("the decision", within, pause, consortium.logs(), &Interrupt::default(), || {
        let status = consortium.coordinator.run(&["status", run, "--json"], COMMAND_WITHIN)?.success()?;
        let status: Value = serde_json::from_str(&status).unwrap_or_default();
        Ok::<_, tests::failure::Failure>(is_so(&status).then_some(()))
    })?;
    Ok(())
}
