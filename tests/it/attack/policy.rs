//! A coordinator that asks for trainings from which single records can be read: each site refuses by rule,
//! whatever its run file says, and nothing that was trained leaves. Run by `cargo test`.

use std::time::Duration;

use anyhow::Result;
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::support::{Small, Wish};

/// What the site says on standard error once it has refused.
fn words_of_refusal(consortium: &mut Consortium) -> Result<String> {
    let logs = consortium.logs().to_owned();
    let words = wait::until(
        "the site's refusal",
        Duration::from_secs(60),
        Duration::from_millis(50),
        &logs,
        &Interrupt::default(),
        || {
            let words = consortium.sites[0].stderr_since_start();
            let refuses = ["cannot take part", "does not allow it"].iter().any(|word| words.contains(word));
            Ok::<_, tests::failure::Failure>(refuses.then_some(words))
        },
    )?;
    Ok(words)
}

/// Frames of one kind in the site's ledger.
fn frames(consortium: &Consortium, kind: &str) -> Result<usize> {
    let ledger = std::fs::read_to_string(consortium.sites[0].state().join("ledger/ledger.log"))?;
    let field = format!("\"kind\":\"{kind}\"");
    Ok(ledger.lines().filter(|line| line.contains(&field)).count())
}

fn refused(small: &Small, rule: &str) -> Result<()> {
    let mut consortium = small.start()?;
    consortium.launch(&small.run_file)?;
    let words = words_of_refusal(&mut consortium)?;
    assert!(words.contains(rule), "{words}");
    for kind in ["offer", "chunk", "progress", "ready"] {
        assert_eq!(frames(&consortium, kind)?, 0, "{kind} left the site");
    }
    consortium.sites[0].must_be_running()?;
    consortium.stop();
    Ok(())
}

#[test]
fn a_learning_rate_that_turns_training_into_reading_is_refused_by_the_site() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut run = RunFile::read(&small.run_file)?;
    run.set("training", "learning_rate", toml::Value::Float(0.5));
    run.write(&small.run_file)?;
    refused(&small, "learning_rate_max")
}

#[test]
fn an_update_of_few_records_is_refused_by_a_site_with_the_default_policy() -> Result<()> {
    // Two, because a run of one member is refused before anything is counted.
    let mut small = Small::new(&Wish { sites: 2, rounds: 1, ..Wish::default() })?;
    small.setup.small_sites = false;
    refused(&small, "records_min")
}
