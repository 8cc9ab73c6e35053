//! Each of the demo's hospitals alone, and one that has the records of all, beside the run in which they
//! trained together. Called by `demo`, which hosts every site and may copy their records: they are made up,
//! or its caller's. Invariant: each trains as many passes as all rounds together had, with the same
//! settings; a run file that counts in steps is refused, for the pool would pass over its records fewer
//! times.
#![allow(clippy::print_stdout)] // the demo talks to the person who started it

use toml::Value;

use super::arguments::DemoSettings;
use crate::consortium::{Consortium, SiteSetup};
use crate::failure::Failure;
use crate::run_file::RunFile;
use crate::wait::Interrupt;

/// The site that has the records of all.
const POOLED: &str = "all-records";

/// Joins that site, and trains each of them alone.
///
/// # Errors
/// What the coordinator refuses, or the failure of a process.
pub(super) fn train(
    consortium: &mut Consortium,
    settings: &DemoSettings,
    together: &str,
    interrupt: &Interrupt,
) -> Result<(), Failure> {
    let data = settings.sites.iter().flat_map(|site| site.data.clone()).collect();
    let index = consortium.add(SiteSetup { name: POOLED.to_owned(), data })?;
    consortium.allow_alone(index)?;
    consortium.start_site(index, &[])?;
    println!("{POOLED}: joined with the records of all; now each trains alone\n");
    let path = settings.out.join("alone.toml");
    alone(settings, together, index + 1).write(&path)?;
    let run = consortium.launch(&path)?;
    super::follow::follow(consortium, &run, settings.rounds, interrupt)?;
    Ok(())
}

/// The run file of them alone: what is about averages is left out, and the work is that of all rounds.
fn alone(settings: &DemoSettings, together: &str, sites: usize) -> RunFile {
    let mut run = settings.run_file.clone();
    for section in ["aggregation", "evaluation", "sites"] {
        run.remove("", section);
    }
    if settings.is_test_for_the_run_alone {
        run.remove("", "test");
    }
    run.remove("training", "proximal_mu");
    for (key, value) in
        [("name", "each alone"), ("train", "alone"), ("compare_with", together), ("pooled", POOLED)]
    {
        run.set("", key, Value::String(value.to_owned()));
    }
    run.set_integer("", "rounds", 1);
    run.set_integer("quorum", "sites", sites as i64);
    let rounds = i64::from(settings.rounds);
    match run.get("training", "epochs") {
        Some(Value::Float(epochs)) => {
            run.set("training", "epochs", Value::Float(epochs * f64::from(settings.rounds)));
        }
        Some(Value::Integer(epochs)) => run.set_integer("training", "epochs", epochs * rounds),
        _ => run.set_integer("training", "epochs", rounds),
    }
    run
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::Parser as _;
    use common::run::{LocalWork, RunSpec};

    use super::super::arguments::Arguments;
    use super::*;

    #[test]
    fn each_alone_trains_as_much_as_all_rounds_and_nothing_is_left_that_is_about_averages() {
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for (name, expected) in [("demo", "3 epochs"), ("medqa-zh-best", "3 epochs")] {
            let arguments = Arguments::parse_from(["demo", "--baselines"]);
            let mut settings = DemoSettings::resolve(&arguments, repository, repository).unwrap();
            let file = repository.join(format!("deploy/runs/{name}.toml"));
            settings.run_file = RunFile::read(&file).unwrap();
            settings.run_file.set("training", "proximal_mu", Value::Float(0.1));
            settings.rounds = settings.run_file.integer("rounds").unwrap() as u32;
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("alone.toml");
            alone(&settings, "5f0c", 5).write(&path).unwrap();
            let spec: RunSpec = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let mut spec = RunSpec { validation: Some("v".into()), ..spec };
            assert_eq!(spec.validate(), Ok(()), "{name}");
            assert_eq!(LocalWork::to_string(&spec.training.work()), expected);
            spec.pooled = None;
            assert_eq!((spec.validate(), spec.quorum.sites, spec.rounds), (Ok(()), 5, 1));
        }
    }
}
