//! The repository's own rules, checked on every file: size, header, `unsafe`, who may name quinn,
//! and that every test SECURITY.md relies on exists. A rule without a test is a wish.

mod source;

use source::{SourceFile, repository, rust_files};
use std::path::Path;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const ARCHITECTURE_LINES_MAX: usize = 200;
/// The only folders whose files may contain `unsafe`.
const UNSAFE_FOLDERS: [&str; 2] = ["common/model/src/kernels", "site-agent/src/sandbox"];

/// Fails with every offender, not just the first.
fn nobody(rule: &str, offenders: Vec<String>) {
    assert!(offenders.is_empty(), "{rule}:\n  {}", offenders.join("\n  "));
}

fn offenders(check: impl Fn(&SourceFile) -> Vec<String>) -> Vec<String> {
    let files = rust_files();
    assert!(files.len() > 50, "only {} source files were found; is the search broken?", files.len());
    files.iter().flat_map(check).collect()
}

#[test]
fn files_are_short() {
    nobody(
        "a file holds one idea in at most 500 lines",
        offenders(|file| {
            let lines = file.text.lines().count();
            (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", file.name)).into_iter().collect()
        }),
    );
}

#[test]
fn functions_are_short() {
    nobody(
        "a function is shorter than 70 lines",
        offenders(|file| {
            let long = file.functions().into_iter().filter(|function| function.lines >= FUNCTION_LINES_MAX);
            long.map(|function| format!("{}:{}: {} lines", file.name, function.line, function.lines))
                .collect()
        }),
    );
}

#[test]
fn files_say_what_they_are_for() {
    nobody(
        "a file starts with //!",
        offenders(|file| (!file.text.starts_with("//!")).then(|| file.name.clone()).into_iter().collect()),
    );
}

#[test]
fn unsafe_stays_in_its_two_folders() {
    nobody(
        "unsafe code is allowed in the CPU kernels and the sandbox only",
        offenders(|file| {
            if UNSAFE_FOLDERS.iter().any(|folder| file.name.starts_with(folder)) {
                return Vec::new();
            }
            file.lines_with_word("unsafe")
        }),
    );
}

#[test]
fn nothing_is_left_to_be_written() {
    nobody(
        "no stubs",
        offenders(|file| {
            ["todo", "unimplemented"]
                .iter()
                .flat_map(|name| file.lines_with_word(&format!("{name}!")))
                .collect()
        }),
    );
}

#[test]
fn modules_are_files_named_after_themselves() {
    nobody(
        "a module is foo.rs, not a folder with a nameless file",
        offenders(|file| file.name.ends_with("/mod.rs").then(|| file.name.clone()).into_iter().collect()),
    );
}

#[test]
fn only_the_net_module_names_quinn() {
    let in_code = offenders(|file| {
        if file.name.starts_with("common/src/net") { Vec::new() } else { file.lines_with_word("quinn::") }
    });
    nobody("all traffic goes through common/src/net", in_code);
    for manifest in ["certs", "common/data", "common/model", "coordinator", "site-agent", "tests"] {
        let path = repository().join(manifest).join("Cargo.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("quinn"), "{} depends on quinn", path.display());
    }
}

#[test]
fn the_architecture_fits_in_one_reading() {
    let text = std::fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let lines = text.lines().count();
    assert!(lines <= ARCHITECTURE_LINES_MAX, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn every_test_that_security_relies_on_exists() {
    let text = std::fs::read_to_string(repository().join("SECURITY.md")).unwrap();
    let named: Vec<(&str, &str)> =
        text.split('`').skip(1).step_by(2).filter_map(|code| code.split_once(".rs::")).collect();
    assert!(named.len() >= 10, "SECURITY.md names only {} tests", named.len());
    let missing =
        named.iter().filter(|(file, test)| !is_a_test(&repository().join(format!("{file}.rs")), test));
    nobody(
        "SECURITY.md names tests that exist",
        missing.map(|(file, test)| format!("{file}.rs::{test}")).collect(),
    );
}

/// Whether the file holds a function of this name with a test attribute above it.
fn is_a_test(path: &Path, name: &str) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let defined = |line: &str| line.contains(&format!("fn {name}("));
    lines.iter().enumerate().any(|(index, line)| {
        let above = &lines[index.saturating_sub(4)..index];
        // proptest! puts the attribute above as well; ignored tests do not count as proof.
        defined(line)
            && above.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
            && !above.iter().any(|line| line.trim_start_matches("#[").starts_with("ignore"))
    })
}

#[test]
fn sample_run_files_are_valid() {
    let folder = repository().join("deploy/runs");
    let mut checked = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let spec: common::run::RunSpec =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        spec.validate().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        checked += 1;
    }
    assert!(checked >= 2, "deploy/runs holds {checked} run files");
}

#[test]
fn sample_configurations_are_valid_and_show_every_key() {
    let folder = repository().join("deploy/config");
    let coordinator = coordinator::state_folder::config::Config::read(&folder.join("coordinator.toml")).unwrap();
    let agent = site_agent::config::AgentConfig::load(&folder.join("agent.toml")).unwrap();
    // What the program would write for these values has no key that the sample lacks.
    for (name, written) in [
        ("coordinator.toml", toml::to_string(&coordinator).unwrap()),
        ("agent.toml", toml::to_string(&agent).unwrap()),
    ] {
        let sample = std::fs::read_to_string(folder.join(name)).unwrap();
        let keys = |text: &str| -> Vec<String> {
            let keys = text.lines().filter_map(|line| line.split_once(" = ")).map(|(key, _)| key.to_owned());
            keys.filter(|key| !key.starts_with('#')).collect()
        };
        let missing: Vec<String> =
            keys(&written).into_iter().filter(|key| !keys(&sample).contains(key)).collect();
        nobody(&format!("{name} shows every key"), missing);
    }
}
