//! A site's ledger beside what arrived at the coordinator, with real processes: both sides agree after a run,
//! and a ledger whose owner rewrote it, chain and all, is found out record by record, by both verifiers. Run
//! by `cargo test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use common::id::Digest;
use common::ledger::{Kind, Record, line_digest};
use serde_json::Value;
use tests::consortium::Consortium;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, repository};

mod stalled;

/// What each of the two verifiers says: exit code, standard output, standard error.
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn site(consortium: &Consortium, file: &str) -> Result<Said> {
    let finished = consortium.sites[0].run(&["ledger", "reconcile", file, "--json"], COMMAND_WITHIN)?;
    Ok(Said { code: finished.code(), stdout: finished.stdout, stderr: finished.stderr })
}

/// `None` where there is no Python 3.
fn python(ledger: &Path, file: &str) -> Option<Said> {
    let program = repository().join("deploy/verify_ledger.py");
    let asked =
        Command::new("python3").arg(program).arg(ledger).args(["--arrivals", file, "--json"]).output();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    asked.ok().map(|output| Said {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    })
}

/// A ledger as its owner would forge it: numbered and chained anew.
pub(crate) fn forged(lines: &str, change: impl FnOnce(&mut Vec<Record>)) -> Result<String> {
    let mut records: Vec<Record> =
        lines.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>()?;
    change(&mut records);
    let (mut text, mut previous) = (String::new(), Digest([0; 32]));
    for (number, record) in records.iter_mut().enumerate() {
        (record.sequence, record.previous) = (number as u64, previous.to_string());
        let line = record.to_line()?;
        previous = line_digest(&line);
        text += &String::from_utf8(line)?;
        text.push('\n');
    }
    Ok(text)
}

/// Lists that are spelled in another way, or changed: neither verifier takes one.
fn odd_lists_are_refused(consortium: &Consortium, genuine: &str, changed: &str) -> Result<()> {
    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    let list = fs::read_to_string(genuine)?;
    fs::write(changed, list.replacen("\"kind\":\"poll\"", "\"kind\":\"fetch\"", 1))?;
    let odd = site(consortium, changed)?;
    ensure!(odd.code == Some(1) && odd.stderr.contains("not signed by the coordinator"), "{}", odd.stderr);
    let unspelled: [(&str, &str); 6] = [
        ("\"kind\":\"poll\"", "\"kind\":\"fetch\""),
        ("\"frames\":", "\"frames\": "),
        ("\"site\":\"site-1\"", "\"site\":\"site-1\\nsigned\""),
        ("\"length\":", "\"more\":1,\"length\":"),
        ("{\"signature\"", "{\"sequence\":1,\"signature\""),
        ("\"taken\":{\"size\":", "\"taken\":{\"size\":0"),
    ];
    for (from, to) in unspelled {
        assert_ne!(list, list.replacen(from, to, 1), "{from}");
        fs::write(changed, list.replacen(from, to, 1))?;
        ensure!(site(consortium, changed)?.code == Some(1), "{to}");
        // 1: forged, its signature does not hold; 2: no such list.
        let expected = Some(if from.contains("poll") { 1 } else { 2 });
        if let Some(said) = python(&ledger, changed) {
            ensure!(
                said.code == expected,
                "the second verifier says {:?} of {to}: {}",
                said.code,
                said.stderr
            );
        }
    }
    Ok(())
}

#[test]
fn both_sides_agree_and_a_ledger_that_was_forged_afterwards_is_named_record_by_record() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.sites[0].stop();
    let path = |name: &str| small.folder.path().join(name).to_string_lossy().into_owned();
    let (ours, theirs) = (path("site-1.arrivals"), path("site-2.arrivals"));
    for (name, file) in [("site-1", &ours), ("site-2", &theirs)] {
        consortium.coordinator.run(&["ledger", name, "--out", file], COMMAND_WITHIN)?.success()?;
    }
    let summed = consortium.coordinator.run(&["ledger", "site-1", "--json"], COMMAND_WITHIN)?.success()?;
    let summed: Value = serde_json::from_str(&summed)?;

    let agreed = site(&consortium, &ours)?;
    ensure!(agreed.code == Some(0), "{}", agreed.stderr);
    let document: Value = serde_json::from_str(&agreed.stdout)?;
    assert_eq!(document["same"]["frames"], summed["frames"]);
    assert_eq!(document["same"]["bytes"], summed["bytes"]);
    assert_eq!(document["faults"]["count"], 0);
    assert!(summed["kinds"]["chunk"]["frames"].as_u64() >= Some(1), "{summed}");
    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    if let Some(said) = python(&ledger, &ours) {
        ensure!(said.code == Some(0), "{}", said.stderr);
        let python: Value = serde_json::from_str(&said.stdout)?;
        assert_eq!(python["arrivals"]["same"], summed["frames"]);
        assert_eq!(python["arrivals"]["receipt_key"], summed["receipt_key"]);
    }

    // Another site's list, and one that somebody changed.
    let other = site(&consortium, &theirs)?;
    ensure!(other.code == Some(1) && other.stderr.contains("of another site"), "{}", other.stderr);
    odd_lists_are_refused(&consortium, &ours, &path("changed"))?;

    let genuine = fs::read_to_string(&ledger)?;
    let chunk = genuine.lines().position(|line| line.contains("\"kind\":\"chunk\"")).context("a chunk")?;
    let hides_bytes = |records: &mut Vec<Record>| {
        records[chunk].sha256 = Digest([7; 32]).to_string();
        records[chunk].length -= 1;
    };
    let hides_record = |records: &mut Vec<Record>| {
        records.truncate(chunk);
    };
    let is_one_altered = |faults: &[String]| {
        faults[0].starts_with(&format!("record {chunk}: ")) && faults[0].contains("other bytes")
    };
    let is_extra = |faults: &[String]| {
        faults[0].starts_with(&format!("record {chunk}: ")) && faults[0].contains("no such record")
    };
    type Forge<'a> = &'a dyn Fn(&mut Vec<Record>);
    type Named<'a> = &'a dyn Fn(&[String]) -> bool;
    let cases: [(Forge<'_>, Named<'_>); 2] = [(&hides_bytes, &is_one_altered), (&hides_record, &is_extra)];
    for (forge, is_named) in cases {
        fs::write(&ledger, forged(&genuine, forge)?)?;
        let found = site(&consortium, &ours)?;
        ensure!(found.code == Some(1), "{}{}", found.stdout, found.stderr);
        let document: Value = serde_json::from_str(&found.stdout)?;
        let faults: Vec<String> = serde_json::from_value(document["faults"]["first"].clone())?;
        assert!(is_named(&faults), "{faults:?}");
        if let Some(said) = python(&ledger, &ours) {
            let named = format!("record {chunk}: ");
            ensure!(said.code == Some(1) && said.stderr.contains(&named), "{}", said.stderr);
        }
    }
    fs::write(&ledger, &genuine)?;
    consortium.stop();
    Ok(())
}

/// A note cannot have arrived; and every kind of frame in the file is one of the ledger's words.
#[test]
fn the_list_has_the_kinds_of_the_ledger_and_no_notes() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let file: PathBuf = small.folder.path().join("list");
    let out = file.to_str().context("a UTF-8 path")?;
    consortium.coordinator.run(&["ledger", "site-1", "--out", out], COMMAND_WITHIN)?.success()?;
    let list = common::ledger::Arrivals::read(fs::read(&file)?.as_slice())?;
    assert!(list.frames.iter().all(|frame| frame.kind.is_counted()));
    assert!(list.frames.iter().any(|frame| frame.kind == Kind::Offer));
    let unknown = consortium.coordinator.run(&["ledger", "nobody"], COMMAND_WITHIN)?;
    ensure!(unknown.code() == Some(1) && unknown.stderr.contains("nobody"), "{}", unknown.stderr);
    Ok(())
}
