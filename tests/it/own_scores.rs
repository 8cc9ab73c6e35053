//! What sites say of a run's result on records of their own, with real processes: a site whose policy allows
//! it measures, one whose policy does not says so and trains all the same, the report shows both. Run by
//! `cargo test`.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use coordinator::admin::report::own_scores::Status;
use coordinator::report::Report;
use coordinator::round::said::Silence;
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Two sites, half of whose records are held back; the first one's policy lets it say.
fn consortium() -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 2, rounds: 1, records: 60, ..Wish::default() })?;
    let mut run = RunFile::read(&small.run_file)?;
    run.set("training", "validation_share", toml::Value::Float(0.5));
    let asked = toml::Table::from_iter([("score".to_owned(), toml::Value::Boolean(true))]);
    run.set("evaluation", "sites", toml::Value::Table(asked));
    run.write(&small.run_file)?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    for index in 0..2 {
        consortium.join(index)?;
        let path = consortium.sites[index].state().join("agent.toml");
        let settings = fs::read_to_string(&path)?;
        ensure!(settings.contains("own_scores = false"), "the default is to say nothing: {settings}");
        let allowed = if index == 0 { "own_scores = true" } else { "own_scores = false" };
        let settings = settings.replace("own_scores = false", allowed);
        let settings = settings.replace("\nvalidation_share = 0.1", "\nvalidation_share = 0.5");
        ensure!(settings.contains("validation_share = 0.5"), "{settings}");
        fs::write(&path, settings)?;
        consortium.sign_policy(index)?;
        consortium.start_site(index, &[])?;
    }
    Ok((small, consortium))
}

fn report(consortium: &Consortium, run: &str) -> Result<Report> {
    let text = consortium.coordinator.run(&["report", run, "--json"], COMMAND_WITHIN)?.success()?;
    Ok(serde_json::from_str(&text)?)
}

#[test]
fn a_site_that_may_says_its_own_scores_and_one_that_may_not_says_so() -> Result<()> {
    let (small, mut consortium) = consortium()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let told = wait::until("the sites' own scores", RUN_WITHIN, LOOK_EVERY, &logs, &interrupt, || {
        let told = report(&consortium, &run).ok();
        let is_told = |told: &Report| {
            let scores = told.own_scores.iter().flat_map(|it| &it.sites);
            scores.clone().count() == 2 && scores.clone().all(|it| it.status != Status::Waiting)
        };
        Ok::<_, tests::failure::Failure>(told.filter(is_told))
    })?;
    let scores = told.own_scores.as_ref().context("they were asked for")?;
    let [measured, silent] = scores.sites.as_slice() else { anyhow::bail!("{scores:?}") };
    ensure!((measured.site.as_str(), measured.status) == ("site-1", Status::Measured), "{measured:?}");
    let (base, gain) = measured.base_loss.zip(measured.gain).context("its figures")?;
    let [low, high] = measured.gain_interval.context("its interval")?;
    ensure!(base > 1.0 && low <= gain + 1e-6 && gain <= high + 1e-6 && low < high, "{measured:?}");
    ensure!(measured.records.is_some_and(|records| (20..=30).contains(&records)), "{measured:?}");
    ensure!((silent.status, silent.reason) == (Status::NotSaid, Some(Silence::NotAllowed)), "{silent:?}");
    ensure!(told.rounds[0].sites_counted == 2, "it trained all the same: {told:?}");
    pages_say_it(&small, &consortium, &run)?;
    words_at_the_site(&consortium, &run)?;
    // Once each, also after both were started anew.
    for index in 0..2 {
        consortium.sites[index].kill();
        consortium.start_site(index, &[])?;
    }
    let second = consortium.launch(&small.run_file)?;
    consortium.wait_published(&second, RUN_WITHIN)?;
    for site in &consortium.sites {
        let shown = site.run(&["ledger", "show", "--json"], COMMAND_WITHIN)?.success()?;
        let said = shown.lines().filter(|line| line.contains("\"own-scores\"") && line.contains(&run));
        ensure!(said.count() == 1, "{shown}");
        site.run(&["ledger", "verify"], COMMAND_WITHIN)?.success()?;
    }
    consortium.stop();
    ensure!(report(&consortium, &run)?.own_scores == told.own_scores, "it is in the journal");
    Ok(())
}

fn pages_say_it(small: &Small, consortium: &Consortium, run: &str) -> Result<()> {
    let page = small.folder.path().join("page.html");
    let to = page.to_str().context("a UTF-8 path")?;
    for (language, title, silence) in [
        ("en", "own held-out records", "its policy does not let it say"),
        ("zh", "自有留出记录", "其策略不允许报告"),
    ] {
        let asked = ["report", run, "--language", language];
        let table = consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()?;
        ensure!(table.contains(title) && table.contains(silence), "{table}");
        let asked = ["report", run, "--html", to, "--language", language];
        consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()?;
        let html = fs::read_to_string(&page)?;
        ensure!(html.contains(title) && html.contains(silence), "{html}");
    }
    let status = consortium.coordinator.run(&["status", run], COMMAND_WITHIN)?.success()?;
    ensure!(status.contains("own held-out records: 1 of 2 sites measured, 1 do not say"), "{status}");
    Ok(())
}

/// The officer reads before approving what would leave.
fn words_at_the_site(consortium: &Consortium, run: &str) -> Result<()> {
    for (site, words, rule) in
        [(0, "two mean losses", "said"), (1, "says only that it does not say", "not said")]
    {
        let shown = consortium.sites[site].run(&["runs", run], COMMAND_WITHIN)?.success()?;
        let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(shown.contains(words), "{shown}");
        let explained = consortium.sites[site].run(&["policy", "explain", run], COMMAND_WITHIN)?.success()?;
        let line = explained.lines().find(|line| line.contains("own_scores")).context("the rule")?;
        ensure!(line.contains(rule) && line.contains(" asked for"), "{line}");
    }
    Ok(())
}
