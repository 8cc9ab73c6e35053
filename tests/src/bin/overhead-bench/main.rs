//! Measures what a round costs outside training and evaluation, from the last update that is ready to the
//! next global adapter at every site: two sites and a coordinator as real processes, for each size of an
//! adapter. Called by `deploy/bench --rounds`; [`USAGE`] says how. Invariants: everything is under one folder
//! that is gone when it ends; standard output holds the table and nothing else.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its result")]

mod against;
mod model;
mod outcome;
mod row;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};
use tests::consortium::{Setup, SiteSetup};
use tests::dataset;
use tests::run_file::RunFile;
use tests::wait::Interrupt;

use crate::against::Rival;
use crate::outcome::Outcome;

const USAGE: &str = "\
overhead-bench [--update-mb LIST] [--sites N] [--rounds N] [--folder DIR]
               [--against RIVAL=PYTHON] [--json FILE]
  --update-mb LIST  sizes of an adapter in MB, a row each (default 1,16,64)
  --sites N         sites, each a real agent (default 2)
  --rounds N        rounds that are measured; one more is run (default 5)
  --folder DIR      where everything is while it runs
  --against R=PYTHON  run the same by a rival, nvflare or flower, after each of
                    our rows, in this interpreter; may be given for both
  --json FILE       add the rows to `rounds` in this file, and those of rivals
                    to `against`";

struct Arguments {
    sizes: Vec<u64>,
    sites: usize,
    rounds: u32,
    folder: PathBuf,
    rivals: Vec<Rival>,
    json: Option<PathBuf>,
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        sizes: vec![1, 16, 64],
        sites: 2,
        rounds: 6,
        folder: std::env::temp_dir(),
        rivals: Vec::new(),
        json: None,
    };
    while let Some(option) = given.next() {
        let value = given.next().ok_or_else(|| format!("{option} needs a value"))?;
        let number = |text: &str, most: u64| match text.parse::<u64>() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(format!("{option}: `{text}` is not between 1 and {most}")),
        };
        match option.as_str() {
            "--update-mb" => {
                arguments.sizes = value.split(',').map(|size| number(size, 64)).collect::<Result<_, _>>()?;
            }
            "--sites" => arguments.sites = number(&value, 16)? as usize,
            "--rounds" => arguments.rounds = number(&value, 100)? as u32 + 1,
            "--folder" => arguments.folder = PathBuf::from(value),
            "--against" => arguments.rivals.push(Rival::parse(&value)?),
            "--json" => arguments.json = Some(PathBuf::from(value)),
            _ => return Err(format!("unknown option {option}")),
        }
    }
    // A site keeps replays of 2 GiB, and what a replay needs stays: two adapters a round.
    let most_mb = arguments.sizes.iter().max().map_or(0, |size| 2 * size * u64::from(arguments.rounds));
    if most_mb > 2048 {
        return Err("so many rounds of such a size are tidied away before they are measured".to_owned());
    }
    Ok(arguments)
}

fn perform(arguments: &Arguments) -> Outcome<()> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or_else(|| Path::new("."));
    let demo = repository.join("deploy/demo-data");
    let scratch = tempfile::Builder::new().prefix("consilium-overhead-").tempdir_in(&arguments.folder)?;
    let base = scratch.path().join("model");
    model::write(&base, &demo.join("model"))?;
    for rival in &arguments.rivals {
        rival.check()?;
    }
    println!(
        "{:>6} {:>11} {:>10} {:>10} {:>10} {:>6}",
        "sites", "update", "overhead", "aggregate", "peak RSS", "wire"
    );
    let (mut rows, mut theirs) = (Vec::new(), Vec::new());
    for size in &arguments.sizes {
        let root = scratch.path().join(size.to_string());
        let row = row::measure(
            setup(arguments, &root, &base, &demo)?,
            &run_file(arguments, &base, *size)?,
            arguments.rounds,
        )?;
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
        println!(
            "{:>6} {:>8.1} MB {:>8.3} s {:>8.3} s {:>7.0} MB {:>6.3}",
            arguments.sites,
            number("update_bytes") / 1e6,
            number("overhead_s"),
            number("aggregate_s"),
            number("coordinator_peak_rss_bytes") / 1e6,
            number("wire_ratio"),
        );
        std::fs::remove_dir_all(&root)?;
        for rival in &arguments.rivals {
            let beside = rival.measure(&row, arguments.rounds, &scratch.path().join("rival"))?;
            println!("{}", against::told(&beside));
            theirs.push(beside);
        }
        rows.push(row);
    }
    arguments.json.as_ref().map_or(Ok(()), |path| write(path, rows, theirs))
}

/// Adds the rows to what the first table left in the file.
fn write(path: &Path, mut rows: Vec<Value>, theirs: Vec<Value>) -> Outcome<()> {
    let mut report: Value = match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)?,
        Err(_) => json!({ "rounds": [] }),
    };
    report["rounds"].as_array_mut().ok_or("`rounds` is a list")?.append(&mut rows);
    if !theirs.is_empty() {
        report["against"] = Value::Array(theirs);
    }
    std::fs::write(path, format!("{report:#}\n"))?;
    Ok(())
}

/// Each site has a few of the demo's records.
fn setup(arguments: &Arguments, root: &Path, base: &Path, demo: &Path) -> Outcome<Setup> {
    std::fs::create_dir_all(root)?;
    let mut sources: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(demo.join("sites"))? {
        sources.push(entry?.path());
    }
    sources.sort();
    let mut sites = Vec::new();
    for (index, source) in (0..arguments.sites).zip(sources.iter().cycle()) {
        let data =
            root.join(format!("records-{index}")).with_extension(source.extension().unwrap_or_default());
        dataset::take(source, &data, 8)?;
        sites.push(SiteSetup { name: format!("site-{index}"), data: vec![data] });
    }
    Ok(Setup {
        root: root.join("parties"),
        model: base.to_path_buf(),
        sites,
        small_sites: true,
        relayed: false,
        address: Ipv4Addr::LOCALHOST,
        interrupt: Interrupt::default(),
    })
}

/// A step a round, and nothing held out: nothing is evaluated or compared.
fn run_file(arguments: &Arguments, base: &Path, size: u64) -> Outcome<RunFile> {
    let text = format!(
        "name = \"overhead\"\nrounds = {}\nmodel = {:?}\n[quorum]\nsites = {}\ndeadline_s = 900\n\
         [adapter]\nrank = {}\n[training]\nsteps = 1\nbatch_size = 1\ncutoff_tokens = 64\nlearning_rate = 1e-5\n",
        arguments.rounds,
        base,
        arguments.sites,
        model::rank_of(size),
    );
    let path = base.with_file_name("wanted.toml");
    std::fs::write(&path, text)?;
    Ok(RunFile::read(&path)?)
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("error: {reason}\n\nhint: {USAGE}");
            return ExitCode::from(1);
        }
    };
    match perform(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "error: {error}\n\nhint: the folders of --folder have room for thirty adapters of each size"
            );
            ExitCode::from(2)
        }
    }
}
