//! Compares the engine on a device with reference folders and prints a table. Run on a new machine, by
//! `deploy/gpu-check` and by people; [`USAGE`] says how. Invariant: exit 0 means that every comparison was
//! made and passed.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command prints its result")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use model::conformance::{Comparison, check_folder};
use model::{BaseModel, Compute, ModelError, Placement};

const USAGE: &str = "\
Usage: model-check [--device cpu|cuda:N] [--compute f32|bf16|both] [--recompute none|attention|full|auto]
                   [--hold nf4|bf16-cache] [--json FILE] [FOLDER ...]

A FOLDER is one that make_golden.py wrote (it has golden.safetensors), or holds such folders. Without one, the folder in
GOLDEN_DIR. Exit 0: all comparisons passed; 1: one did not, or something is missing.";

#[derive(Debug, Default)]
struct Arguments {
    placement: Placement,
    f32: bool,
    bf16: bool,
    json: Option<PathBuf>,
    folders: Vec<PathBuf>,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut parsed = Arguments { f32: true, bf16: true, ..Default::default() };
    while let Some(word) = words.next() {
        if word == "--help" || word == "-h" {
            return Err("this is the help".to_owned());
        }
        if !word.starts_with('-') {
            parsed.folders.push(word.into());
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let wrong = |error: ModelError| error.to_string();
        match (word.as_str(), value.as_str()) {
            ("--device", _) => parsed.placement.device = value.parse().map_err(wrong)?,
            ("--recompute", _) => parsed.placement.recompute = value.parse().map_err(wrong)?,
            ("--hold", _) => parsed.placement.weights = value.parse().map_err(wrong)?,
            ("--compute", "f32") => parsed.bf16 = false,
            ("--compute", "bf16") => parsed.f32 = false,
            ("--compute", "both") => {}
            ("--json", _) => parsed.json = Some(value.into()),
            _ => return Err(format!("unknown option {word} {value}")),
        }
    }
    Ok(parsed)
}

/// The reference folders among those named and what they hold, sorted.
fn reference_folders(named: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let named = match (named, std::env::var_os("GOLDEN_DIR")) {
        ([], Some(folder)) => vec![PathBuf::from(folder)],
        ([], None) => return Err("no folder is named and GOLDEN_DIR is not set".to_owned()),
        (named, _) => named.to_vec(),
    };
    let is_one = |path: &Path| path.join("golden.safetensors").is_file();
    let mut found = Vec::new();
    for folder in named {
        if is_one(&folder) {
            found.push(folder);
            continue;
        }
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let before = found.len();
        found.extend(entries.flatten().map(|entry| entry.path()).filter(|path| is_one(path)));
        if found.len() == before {
            return Err(format!("{} holds no folder with golden.safetensors", folder.display()));
        }
    }
    found.sort();
    Ok(found)
}

fn compare(arguments: &Arguments, folders: &[PathBuf]) -> Result<Vec<Comparison>, ModelError> {
    arguments.placement.device.require_usable()?;
    let mut all = Vec::new();
    println!("{:<14} {:<36} {:>12} {:>10}", "folder", "compared", "difference", "allowed");
    for compute in [(arguments.f32, Compute::F32), (arguments.bf16, Compute::Bf16)] {
        let (true, compute) = compute else { continue };
        for folder in folders {
            // The cache is for bf16 arithmetic; under f32 the packed weights are compared.
            let placement = match compute {
                Compute::F32 => Placement { weights: Default::default(), ..arguments.placement },
                Compute::Bf16 => arguments.placement,
            };
            let load = |path: &Path, options: &_| BaseModel::load_on(path, options, placement);
            check_folder(folder, compute, &load, &mut |comparison| {
                let verdict = if comparison.passed() { "ok" } else { "FAILED" };
                let Comparison { folder, what, difference, tolerance } = &comparison;
                println!("{folder:<14} {what:<36} {difference:>12.2e} {tolerance:>10.0e} {verdict}");
                all.push(comparison);
            })?;
        }
    }
    Ok(all)
}

fn main() -> ExitCode {
    let failure = |reason: &str, hint: &str| {
        eprintln!("error: {reason}\n\nhint: {hint}");
        ExitCode::from(1)
    };
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(reason) => return failure(&reason, USAGE),
    };
    let folders = match reference_folders(&arguments.folders) {
        Ok(folders) => folders,
        Err(reason) => return failure(&reason, USAGE),
    };
    let all = match compare(&arguments, &folders) {
        Ok(all) => all,
        Err(error) => {
            eprintln!("error: {error}\n\nhint: {}", error.hint().unwrap_or_default());
            return ExitCode::from(if error.is_user_error() { 1 } else { 2 });
        }
    };
    if let Some(path) = &arguments.json {
        let text =
            serde_json::json!({ "device": arguments.placement.device, "comparisons": all }).to_string();
        if let Err(error) = std::fs::write(path, text + "\n") {
            return failure(&format!("cannot write {}: {error}", path.display()), "name another file");
        }
    }
    let failed = all.iter().filter(|comparison| !comparison.passed()).count();
    println!("{} comparisons on {}, {failed} failed", all.len(), arguments.placement.device);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) }
}
