//! Some of the sites train each round, in turns: who rests has no work and is not missing, everybody has a
//! turn, and what is published is what an undisturbed twin with the same seed publishes, whoever was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::run_file::RunFile;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

const ROUNDS: u32 = 4;
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Where the coordinator dies, one after the other. The first two are before and after the row that chooses.
const DEATHS: [&str; 4] = [
    "sites-chosen-before-journal",
    "sites-chosen-after-journal",
    "update-stored-after-journal",
    "round-published-before-journal",
];

/// Three sites, of which two train each round.
fn small() -> Result<Small> {
    let small = Small::new(&Wish { sites: 3, records: 8, rounds: ROUNDS, ..Wish::default() })?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_integer("quorum", "sites", 2);
    file.set_integer("quorum", "deadline_s", 3600);
    file.set_integer("participation", "sites_per_round", 2);
    // What the server remembers depends on who was in which round.
    file.set("aggregation", "server_optimizer", "yogi".into());
    file.write(&small.run_file)?;
    Ok(small)
}

#[test]
fn sites_take_turns_and_kills_change_neither_who_nor_the_bytes() -> Result<()> {
    let calm = small()?;
    let mut consortium = calm.start()?;
    refused(&consortium, &calm)?;
    let run = consortium.launch(&calm.run_file)?;
    let seen = resting(&consortium, &run)?;
    ensure!(seen == [1, 2].into(), "one of three rests in each round, and status says so: {seen:?}");
    consortium.wait_published(&run, RUN_WITHIN)?;
    let expected = status(&consortium, &run)?;
    consortium.stop();
    turns(&expected)?;

    let disturbed = small()?;
    let mut consortium = disturbed.start()?;
    let run = disturb(&mut consortium, &disturbed)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let found = status(&consortium, &run)?;
    let words = consortium.coordinator.run(&["status", &run], COMMAND_WITHIN)?.success()?;
    ensure!(words.contains("2 of its 3 sites train each round") && words.contains("not chosen"), "{words}");
    ensure!(words.lines().all(|line| line.chars().count() <= 80), "{words}");
    consortium.stop();
    let chosen = |status: &Value| status["history"].as_array().map(|of| of.iter().map(chosen_in).collect());
    let [there, here]: [Option<Vec<_>>; 2] = [chosen(&expected), chosen(&found)];
    ensure!(there == here, "twins of one seed choose the same sites: {there:?}, {here:?}");
    ensure!(expected["adapter"] == found["adapter"], "the disturbed run published other bytes");
    Ok(())
}

/// Runs with the coordinator killed at each of `DEATHS`, then in a round, and a site killed as well.
fn disturb(consortium: &mut Consortium, small: &Small) -> Result<String> {
    let [first, ..] = DEATHS;
    consortium.coordinator.kill();
    consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", first)])?;
    let run = consortium.launch(&small.run_file)?;
    let deadline = Instant::now() + RUN_WITHIN;
    for next in DEATHS.iter().skip(1).map(Some).chain([None]) {
        while consortium.coordinator.is_running()? {
            ensure!(Instant::now() < deadline, "a crash point was not reached");
            std::thread::sleep(LOOK_EVERY);
        }
        let armed: Vec<(&str, &str)> = next.iter().map(|point| ("CONSILIUM_CRASH_AT", **point)).collect();
        match consortium.start_coordinator(&armed) {
            // Work that was in progress is taken up before anybody is listened to.
            Ok(()) | Err(Failure::Died { .. }) => {}
            Err(other) => return Err(other.into()),
        }
    }
    consortium.sites[0].kill();
    consortium.coordinator.kill();
    consortium.start_coordinator(&[])?;
    consortium.start_site(0, &[])?;
    Ok(run)
}

/// A quorum that no round could reach, and more sites than there are, are refused before anything is made.
fn refused(consortium: &Consortium, small: &Small) -> Result<()> {
    for (key, quorum, each) in [("quorum.sites", 3, 2), ("participation.sites_per_round", 2, 4)] {
        let mut file = RunFile::read(&small.run_file)?;
        file.set_integer("quorum", "sites", quorum);
        file.set_integer("participation", "sites_per_round", each);
        let path = small.folder.path().join("refused.toml");
        file.write(&path)?;
        let found = consortium.coordinator.run(&["launch", &path.to_string_lossy()], COMMAND_WITHIN)?;
        ensure!(found.code() == Some(1) && found.stderr.contains(key), "{key}: {found:?}");
    }
    Ok(())
}

/// How many sites were seen resting, over the looks at the open rounds, and how many were not.
fn resting(consortium: &Consortium, run: &str) -> Result<BTreeSet<usize>> {
    let deadline = Instant::now() + RUN_WITHIN;
    loop {
        ensure!(Instant::now() < deadline, "no round was seen with somebody training it");
        let status = status(consortium, run)?;
        let sites = status["sites"].as_array().context("sites")?;
        let rests = sites.iter().filter(|site| site["state"] == "not_chosen").count();
        let trains =
            sites.iter().filter(|site| site["state"] == "training" || site["state"] == "sent").count();
        if rests > 0 && trains == 2 {
            return Ok([rests, trains].into());
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Every round has two updates of the sites that were chosen, nobody is missing, and turns come round.
fn turns(status: &Value) -> Result<()> {
    let rounds = status["history"].as_array().context("rounds")?;
    ensure!(rounds.len() == ROUNDS as usize, "{status}");
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for round in rounds {
        ensure!(round["updates"] == round["chosen"] && chosen_in(round).len() == 2, "{round}");
        ensure!(round["missing"].as_object().is_some_and(serde_json::Map::is_empty), "{round}");
        chosen_in(round).into_iter().for_each(|site| *times.entry(site).or_default() += 1);
    }
    let counts: Vec<u32> = times.values().copied().collect();
    ensure!(counts.len() == 3 && counts.iter().all(|count| (2..=3).contains(count)), "{times:?}");
    for site in status["sites"].as_array().context("sites")? {
        let chosen = times.get(site["site"].as_str().context("a name")?).context("it was chosen")?;
        ensure!(site["counted_rounds"] == *chosen && site["closed_rounds"] == *chosen, "{site}");
    }
    Ok(())
}

fn chosen_in(round: &Value) -> Vec<String> {
    let names = round["chosen"].as_array().into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

fn status(consortium: &Consortium, run: &str) -> Result<Value> {
    let text = consortium.coordinator.run(&["status", run, "--json"], COMMAND_WITHIN)?.success()?;
    Ok(serde_json::from_str(&text)?)
}
