//! Measures what a round costs the coordinator: the average of its updates and the aggregation error. Called
//! by `deploy/bench --rounds`; [`arguments::USAGE`] says how. Invariants: it runs the code that `serve` runs,
//! each row in a process of its own, so that the largest resident set is that row's; what it writes is under
//! one folder that is gone when it ends; standard output holds the table and nothing else.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its result")]

mod arguments;
mod folder;
mod row;
mod updates;

use std::process::{Command, ExitCode};

use arguments::{Arguments, Failure, parse};
use folder::Scratch;
use row::Row;

fn perform(arguments: &Arguments) -> Result<(), Failure> {
    if let Some(of) = &arguments.row {
        let row = row::measure(of)?;
        println!("{}", serde_json::json!(row));
        return Ok(());
    }
    let scratch = Scratch::create(arguments.folder.as_deref())?;
    let most = arguments.sites.iter().copied().max().unwrap_or(0);
    eprintln!("writing {most} updates of about {} MB to {}", arguments.update_mb, scratch.path().display());
    updates::write(scratch.path(), most, arguments.update_mb)?;
    println!("{}", machine());
    println!(
        "{:>6} {:>11} {:>10} {:>10} {:>10}  aggregation error",
        "sites", "update", "aggregate", "error", "peak RSS"
    );
    let mut rows = Vec::new();
    for sites in &arguments.sites {
        let row = in_a_process(scratch.path(), *sites, arguments.update_mb)?;
        println!(
            "{:>6} {:>8.1} MB {:>8.2} s {:>8.2} s {:>7.0} MB  {}",
            row.sites,
            row.update_bytes as f64 / 1e6,
            row.aggregate_s,
            row.error_s,
            row.coordinator_peak_rss_bytes as f64 / 1e6,
            row.shown_error(),
        );
        rows.push(row);
    }
    if let Some(path) = &arguments.json {
        let report = serde_json::json!({ "machine": machine(), "rounds": rows });
        let text = format!("{report:#}\n");
        std::fs::write(path, text).map_err(|error| {
            Failure::user(
                format!("cannot write {}: {error}", path.display()),
                "name another file with --json",
            )
        })?;
    }
    Ok(())
}

/// One row, by this program in a process of its own.
fn in_a_process(folder: &std::path::Path, sites: usize, update_mb: u64) -> Result<Row, Failure> {
    let failed = |what: String| Failure::ours(format!("the row of {sites} sites: {what}"));
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let arguments = ["--row", &sites.to_string(), "--update-mb", &update_mb.to_string(), "--folder"];
    let output = Command::new(program).args(arguments).arg(folder).output();
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

/// The processor and its cores.
fn machine() -> String {
    let facts = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        facts.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|of| of.1));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let build = if cfg!(debug_assertions) { "debug build" } else { "release build" };
    format!("{}, {cores} cores, {build}", name.unwrap_or("unknown processor"))
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|arguments| perform(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { code, reason, hint }) => {
            eprintln!("error: {reason}\n\nhint: {hint}");
            ExitCode::from(code)
        }
    }
}
