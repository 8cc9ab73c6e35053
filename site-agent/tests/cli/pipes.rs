//! A reader that goes away (`| head`) is no error and no panic; a full disk behind `>` is one, with a
//! sentence. And the state folder by its environment variable.

use std::fs::OpenOptions;
use std::process::{Output, Stdio};

use crate::support::{Site, program, words};

/// The program with the state folder in its environment and its output to `out`.
fn run(site: &Site, arguments: &[&str], out: Stdio, err: Stdio) -> Output {
    let mut command = program();
    // `data check` writes its page into the present folder.
    command
        .args(arguments)
        .env("CONSILIUM_STATE", site.folder.root())
        .current_dir(site.data.parent().unwrap());
    command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().unwrap().wait_with_output().unwrap()
}

fn nobody_reads() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let site = Site::new();
    let data = site.data.to_str().unwrap();
    for verb in [
        &["--help"][..],
        &["plan", "--help"],
        &["check", "--offline"],
        &["check", "--json"],
        &["ledger", "show", "--json"],
        &["data", "check", data],
        &["data", "check", data, "--json"],
    ] {
        let good = run(&site, verb, Stdio::null(), Stdio::piped());
        let output = run(&site, verb, nobody_reads(), Stdio::piped());
        let said = words(&output);
        assert!(!said.contains("panicked") && !said.contains("internal error"), "{verb:?}: {said}");
        assert_eq!(output.status.code(), good.status.code(), "{verb:?}: {said}");
        // Nor is one of standard error.
        let output = run(&site, verb, Stdio::null(), nobody_reads());
        assert_eq!(output.status.code(), good.status.code(), "{verb:?}");
    }
}

#[test]
fn a_full_disk_behind_standard_output_is_told() {
    let site = Site::new();
    let data = site.data.to_str().unwrap();
    for verb in
        [&["check", "--json", "--offline"][..], &["check", "--offline"], &["data", "check", data, "--json"]]
    {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = run(&site, verb, full.into(), Stdio::piped());
        let said = words(&output);
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {said}");
        assert!(said.contains("standard output") && said.contains("No space left"), "{verb:?}: {said}");
    }
}

#[test]
fn the_state_folder_may_stand_in_the_environment() {
    let site = Site::new();
    let output = run(&site, &["check", "--offline"], Stdio::piped(), Stdio::piped());
    assert!(output.status.success(), "{}", words(&output));
    // What the command line says wins.
    let arguments = ["check", "--offline", "--state", "/nowhere/at/all"];
    let output = run(&site, &arguments, Stdio::piped(), Stdio::piped());
    assert!(words(&output).contains("no site in /nowhere/at/all"), "{}", words(&output));
    let mut command = program();
    command.args(["status"]).env("CONSILIUM_STATE", "").current_dir("/");
    assert!(words(&command.output().unwrap()).contains("no site in /site-state"));
}
