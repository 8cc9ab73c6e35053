//! `ledger show` and `ledger verify` beside the independent verifier in Python, on good and on forged
//! ledgers.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::id::{Digest, Round, RunId};
use common::ledger::Kind;
use site_agent::gateway::ledger::{Frame, LedgerWriter};

use crate::support::{Site, words};

fn fill(site: &Site, records: u64) {
    fill_from(site, records, 6);
}

/// Records whose frames are `more` bytes longer than the shortest of their kind.
fn fill_from(site: &Site, records: u64, more: u64) {
    let (mut ledger, _) = LedgerWriter::open(&site.folder.ledger()).unwrap();
    let kinds = [
        (Kind::Join, 300),
        (Kind::Hello, 40),
        (Kind::Data, 0),
        (Kind::Poll, 7),
        (Kind::Offer, 51),
        (Kind::Chunk, 5000),
        (Kind::Commit, 47),
    ];
    for number in 0..records {
        let (kind, shortest) = kinds[usize::try_from(number).unwrap() % kinds.len()];
        let is_of_run = matches!(kind, Kind::Offer | Kind::Data | Kind::Chunk | Kind::Commit);
        let run = is_of_run.then_some(RunId([7; 8]));
        let round = run.map(|_| Round(1));
        let length = if kind == Kind::Data { 0 } else { shortest + more };
        let frame = Frame { kind, run, round, length, digest: Digest::of(&number.to_le_bytes()) };
        ledger.append(1_800_000_000_000 + number, &Digest::of(b"ca"), &frame).unwrap();
    }
}

/// `None` where there is no Python 3.
fn python(arguments: &[&str], ledger: &Path) -> Option<Output> {
    let verifier = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/verify_ledger.py");
    match Command::new("python3").arg(verifier).args(arguments).arg(ledger).output() {
        Ok(output) => Some(output),
        Err(error) => {
            println!("SKIPPED: python3 cannot be started: {error}");
            None
        }
    }
}

#[test]
fn both_verifiers_print_the_same_root_and_totals() {
    // Sizes around the powers of two, where Merkle trees go wrong.
    for records in [0, 1, 2, 3, 4, 5, 7, 8, 9, 23] {
        let site = Site::new();
        fill(&site, records);
        let ours = site.run(&["ledger", "verify"]);
        assert!(ours.status.success(), "{}", words(&ours));
        let value: serde_json::Value =
            serde_json::from_slice(&site.run(&["ledger", "verify", "--json"]).stdout).unwrap();
        assert_eq!(value["records"], records);
        let Some(theirs) = python(&[], &site.folder.ledger()) else { return };
        assert_eq!(String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&theirs.stdout));
        let theirs = python(&["--json"], &site.folder.ledger()).unwrap();
        assert_eq!(value, serde_json::from_slice::<serde_json::Value>(&theirs.stdout).unwrap());
    }
}

#[test]
fn both_verifiers_refuse_the_same_forgeries() {
    let site = Site::new();
    fill(&site, 5);
    let path = site.folder.ledger();
    let genuine = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = genuine.lines().collect();
    let joined = |lines: &[&str]| lines.iter().flat_map(|line| [line, "\n"]).collect::<String>();
    let forgeries = [
        ("a length", genuine.replacen("\"length\":13", "\"length\":11", 1)),
        ("a note with bytes", genuine.replacen("\"length\":0", "\"length\":9", 1)),
        ("a digest", genuine.replacen("\"sha256\":\"", "\"sha256\":\"f", 1)),
        ("a line removed", joined(&[lines[0], lines[1], lines[3], lines[4]])),
        ("two lines swapped", joined(&[lines[0], lines[2], lines[1], lines[3], lines[4]])),
        ("a line repeated", joined(&[lines[0], lines[0], lines[1]])),
        ("a blank", genuine.replacen(",\"peer\"", ", \"peer\"", 1)),
        ("another field", genuine.replacen("{\"sequence\"", "{\"note\":1,\"sequence\"", 1)),
        ("a kind", genuine.replacen("\"kind\":\"hello\"", "\"kind\":\"letter\"", 1)),
        ("not JSON", genuine.replacen('{', "[", 1)),
    ];
    for (what, forged) in forgeries {
        assert_ne!(forged, genuine, "{what}");
        fs::write(&path, forged).unwrap();
        let ours = site.run(&["ledger", "verify"]);
        assert_eq!(ours.status.code(), Some(1), "{what}: {}", words(&ours));
        assert!(words(&ours).contains("hint:"), "{what}");
        let Some(theirs) = python(&[], &path) else { continue };
        assert_eq!(theirs.status.code(), Some(1), "{what}: {}", words(&theirs));
    }
}

#[test]
fn a_rewritten_ledger_is_found_by_a_root_written_down_before() {
    let site = Site::new();
    fill(&site, 4);
    let Some(before) = python(&["--json"], &site.folder.ledger()) else { return };
    let before: serde_json::Value = serde_json::from_slice(&before.stdout).unwrap();
    let root = before["root"].as_str().unwrap().to_owned();
    fill(&site, 3);
    let arguments = ["--root", root.as_str(), "--size", "4"];
    assert!(python(&arguments, &site.folder.ledger()).unwrap().status.success());
    fs::remove_file(site.folder.ledger()).unwrap();
    fill_from(&site, 7, 7);
    let forgery = python(&[], &site.folder.ledger()).unwrap();
    assert!(forgery.status.success(), "the forgery is consistent in itself");
    assert_eq!(python(&arguments, &site.folder.ledger()).unwrap().status.code(), Some(1));
}

#[test]
fn an_incomplete_last_line_is_mentioned_and_not_counted() {
    let site = Site::new();
    fill(&site, 3);
    let path = site.folder.ledger();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
    let ours = site.run(&["ledger", "verify"]);
    assert!(ours.status.success() && words(&ours).contains("incomplete"), "{}", words(&ours));
    if let Some(theirs) = python(&[], &path) {
        assert_eq!(String::from_utf8_lossy(&ours.stdout), String::from_utf8_lossy(&theirs.stdout));
    }
}

#[test]
fn show_fits_a_terminal_and_gives_the_file_back_as_json() {
    let site = Site::new();
    fill(&site, 6);
    let table = String::from_utf8(site.run(&["ledger", "show"]).stdout).unwrap();
    assert_eq!(table.lines().count(), 7);
    assert!(table.lines().all(|line| line.len() <= 80), "{table}");
    let json = String::from_utf8(site.run(&["ledger", "show", "--json"]).stdout).unwrap();
    assert_eq!(json, fs::read_to_string(site.folder.ledger()).unwrap());
    let last = String::from_utf8(site.run(&["ledger", "show", "--json", "--last", "2"]).stdout).unwrap();
    assert_eq!(last.lines().count(), 2);
}
