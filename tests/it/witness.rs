//! Two histories, with real commands: a coordinator whose log of acts, and a hospital whose ledger, was put
//! back from an older copy and goes on in another way. The witness cosigns one history and keeps both heads;
//! who asks for its cosignature sees it. Run by `cargo test`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use certs::{LedgerKey, VerifierKey};
use common::ledger::{AddCheckpoint, Checkpoint, Prover, Tree};
use common::wire::message::LedgerHead;
use serde_json::Value;
use tests::binaries::Binaries;
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::wait::{self, Interrupt};

use crate::operators::{Machine, waiting};
use crate::reconcile::forged;
use crate::support::{COMMAND_WITHIN, Small, TinyDisk, Wish, copy_folder, repository};

const WITHIN: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);

fn place(small: &Small, name: &str) -> String {
    small.folder.path().join(name).to_string_lossy().into_owned()
}

#[test]
fn a_log_of_acts_that_was_put_back_and_goes_on_otherwise_is_refused_and_kept() -> Result<()> {
    let (small, mut consortium) = waiting()?;
    let home = |name: &str| small.folder.path().join(name);
    let anna = Machine::enrolled(&consortium, home("anna"), "anna", "auditor")?;
    let witness = Machine::enrolled(&consortium, home("wit"), "hospital-b", "witness")?;
    let key = witness.json(&["witness", "init", "hospital-b"])?["verifier_key"]
        .as_str()
        .context("a key")?
        .to_owned();
    reads_heads_and_nothing_else(&small, &witness)?;
    witness.refused(&["acts", "cosign"], "this witness knows no log called")?;
    let first = witness.json(&["acts", "cosign", "--first"])?;
    let acts = consortium.coordinator.state().join("acts");
    let older = small.folder.path().join("older");
    copy_folder(&acts, &older)?;
    consortium.coordinator.run(&["sites", "pause", "site-1"], COMMAND_WITHIN)?.success()?;
    let (cosigned, out) = (place(&small, "acts.cosigned"), "--out");
    let second = witness.json(&["acts", "cosign", out, &cosigned])?;
    let sizes = (first["size"].as_u64().context("a size")?, second["size"].as_u64().context("a size")?);
    ensure!(sizes.1 == sizes.0 + 2, "{sizes:?}");
    let keep = ["acts", "head", "--cosigned", &cosigned, "--witness", &key];
    consortium.coordinator.run(&keep, COMMAND_WITHIN)?.success()?;
    let verified = anna.json(&["acts", "verify", "--witness", &key, "--witness-age-max-h", "1"])?;
    ensure!(verified["witnesses"][0]["size"] == sizes.1, "{verified}");

    // The machine is put back, and another history begun: as long as the first, then longer.
    let kept = fs::read(acts.join("cosigned.json"))?;
    consortium.coordinator.stop();
    fs::remove_dir_all(&acts)?;
    copy_folder(&older, &acts)?;
    consortium.start_coordinator(&[])?;
    witness.refused(&["acts", "cosign"], "this witness has cosigned one of")?;
    let invite = |name: &str| {
        let asked = ["operators", "invite", name, "--role", "auditor"];
        consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()
    };
    invite("bert")?;
    witness.refused(&["acts", "cosign"], "has two histories")?;
    invite("carl")?;
    witness.refused(&["acts", "cosign"], "nothing shows that the head of")?;
    let shown = witness.json(&["witness", "show"])?;
    ensure!(shown["logs"][0]["size"] == sizes.1, "{shown}");
    let evidence = shown["evidence"].as_array().context("evidence")?;
    ensure!(evidence.len() == 2, "{shown}");
    both_heads_are_signed(Path::new(evidence[0].as_str().context("a folder")?), &shown)?;

    // Somebody who saw nothing before: the log alone is intact, its witness says that it is another one.
    let dora = Machine::enrolled(&consortium, home("dora"), "dora", "auditor")?;
    ensure!(dora.json(&["acts", "verify"])?["intact"] == true);
    let asked = ["acts", "verify", "--witness", &key];
    dora.refused(&asked, "no head that fits was cosigned by hospital-b")?;
    dora.refused(&[&asked[..], &["--checkpoint", &cosigned]].concat(), "cannot be trusted")?;
    let path = acts.join("cosigned.json");
    fs::write(&path, &kept)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    dora.refused(&asked, "cannot be trusted")?;
    let said = consortium.coordinator.run(&keep, COMMAND_WITHIN)?;
    ensure!(said.code() == Some(1) && said.stderr.contains("cannot be trusted"), "{}", said.stderr);
    Ok(())
}

/// What a witness' certificate is good for.
fn reads_heads_and_nothing_else(small: &Small, witness: &Machine) -> Result<()> {
    for words in ["roster", "acts head", "acts prove --from 0"] {
        witness.says(&words.split(' ').collect::<Vec<_>>())?;
    }
    for words in ["status", "runs", "sites", "acts show", "acts verify", "ledger site-1", "operators list"] {
        witness
            .refused(&words.split(' ').collect::<Vec<_>>(), "a witness reads heads, proofs and rosters")?;
    }
    witness.refused(&["launch", &small.run_file.to_string_lossy()], "is for operators")?;
    witness.refused(&["revoke", "site-1", "--yes"], "is for operators")
}

/// Anybody with the log's key sees that it signed both.
fn both_heads_are_signed(evidence: &Path, shown: &Value) -> Result<()> {
    let key = VerifierKey::parse(shown["logs"][0]["verifier_keys"][0].as_str().context("a key")?)?;
    let request = AddCheckpoint::parse(&fs::read(evidence.join("shown"))?)?;
    for note in [fs::read(evidence.join("cosigned"))?, request.note.into_bytes()] {
        certs::Note::parse(&note)?.verify(&key)?;
    }
    Ok(())
}

/// A program without a state folder.
fn run(program: &Path, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let output = Command::new(program).args(arguments).env_remove("CONSILIUM_STATE").output()?;
    let text = [output.stdout, output.stderr].concat();
    Ok((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

fn says(program: &Path, arguments: &[&str]) -> Result<String> {
    let (code, text) = run(program, arguments)?;
    ensure!(code == Some(0), "{arguments:?}: {code:?} {text}");
    Ok(text)
}

fn site(consortium: &Consortium, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let finished = consortium.sites[0].run(arguments, COMMAND_WITHIN)?;
    Ok((finished.code(), format!("{}{}", finished.stdout, finished.stderr)))
}

/// Runs the agent until its ledger has at least so many records.
fn goes_on(consortium: &mut Consortium, ledger: &Path, records: usize) -> Result<()> {
    consortium.start_site(0, &[])?;
    wait::until("the ledger's records", WITHIN, PAUSE, &PathBuf::new(), &Interrupt::default(), || {
        let text = fs::read_to_string(ledger).unwrap_or_default();
        Ok::<_, Failure>((text.lines().count() >= records).then_some(()))
    })?;
    consortium.sites[0].stop();
    Ok(())
}

fn records(ledger: &Path) -> Result<usize> {
    Ok(fs::read_to_string(ledger)?.lines().count())
}

/// A request for another history, as a hospital makes it that signs whatever it likes.
fn by_hand(state: &Path, text: &str, old: u64) -> Result<AddCheckpoint> {
    let key = LedgerKey::from_text(&fs::read_to_string(state.join("identity/ledger.key"))?)?;
    let name = site_agent::gateway::heads::name(&state.join("identity"))?;
    let size = text.lines().count() as u64;
    let (mut prover, mut tree) = (Prover::new(old, size), Tree::default());
    for line in text.lines() {
        prover.line(line.as_bytes());
        tree.append(line.as_bytes());
    }
    let head = LedgerHead { size, root: tree.root() };
    let note = key.sign(&name, &Checkpoint { name: name.clone(), head }.to_string())?;
    Ok(AddCheckpoint { old, hashes: prover.proof(), note })
}

#[test]
fn a_ledger_with_two_histories_is_refused_and_who_asks_for_the_witness_sees_it() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, rounds: 1, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let state = consortium.sites[0].state().to_path_buf();
    let ledger = state.join("ledger/ledger.log");
    goes_on(&mut consortium, &ledger, 3)?;
    let program = Binaries::find()?.site_agent;
    let (folder, request, first, second) =
        (place(&small, "wit"), place(&small, "request"), place(&small, "first"), place(&small, "second"));
    let made: Value =
        serde_json::from_str(&says(&program, &["witness", "init", "b", "--folder", &folder, "--json"])?)?;
    let witness = made["verifier_key"].as_str().context("a key")?.to_owned();
    let (_, key) = site(&consortium, &["ledger", "checkpoint", "--key"])?;
    let (key, folder) = (key.trim().to_owned(), ["--folder", &folder]);
    site(&consortium, &["ledger", "prove", "--from", "0", "--out", &request])?;
    let cosign =
        |out: &str| run(&program, &[&["witness", "cosign", &request, "--out", out][..], &folder].concat());
    let unknown = cosign(&first)?;
    ensure!(unknown.0 == Some(1) && unknown.1.contains("knows no log"), "{}", unknown.1);
    says(&program, &[&["witness", "trust", &key][..], &folder].concat())?;
    ensure!(cosign(&first)?.0 == Some(0));
    let old = records(&ledger)? as u64;
    goes_on(&mut consortium, &ledger, usize::try_from(old)? + 2)?;
    site(&consortium, &["ledger", "prove", "--from", &old.to_string(), "--out", &request, "--replace"])?;
    let done = cosign(&second)?;
    ensure!(done.0 == Some(0), "{}", done.1);
    let genuine = fs::read_to_string(&ledger)?;
    let size = genuine.lines().count();
    both_take(&consortium, &ledger, (&second, &key, &witness), size)?;

    // As long, then longer, with other records behind what was cosigned first.
    let other = |more: usize| {
        forged(&genuine, |records| {
            records[size - 1].sha256 = "7".repeat(64);
            let last = records[size - 1].clone();
            records.extend(std::iter::repeat_n(last, more));
        })
    };
    for (more, why) in [(0, "has two histories"), (3, "nothing shows that the head of")] {
        let other = by_hand(&state, &other(more)?, size as u64)?;
        fs::write(&request, other.to_text())?;
        let refused = cosign(&place(&small, "none"))?;
        ensure!(refused.0 == Some(1) && refused.1.contains(why), "{}", refused.1);
    }
    fs::write(&request, by_hand(&state, &other(3)?, old)?.to_text())?;
    ensure!(cosign(&place(&small, "none"))?.1.contains(&format!("ask for a proof with --from {size}")));
    let shown: Value =
        serde_json::from_str(&says(&program, &[&["witness", "show", "--json"][..], &folder].concat())?)?;
    let evidence = shown["evidence"].as_array().context("evidence")?;
    ensure!(evidence.len() == 2, "{shown}");
    both_heads_are_signed(Path::new(evidence[0].as_str().context("a folder")?), &shown)?;
    another_history_is_seen(&consortium, &ledger, &other(0)?, (&first, &second, &key, &witness))?;
    a_full_disk_signs_nothing(&small, &program, &request, &key, &by_hand(&state, &genuine, 0)?)
}

/// Both verifiers and the report go by what the witness cosigned.
fn both_take(
    consortium: &Consortium,
    ledger: &Path,
    (second, key, witness): (&str, &str, &str),
    size: usize,
) -> Result<()> {
    let none = site(consortium, &["ledger", "verify", "--witness", witness])?;
    ensure!(none.0 == Some(1) && none.1.contains("there is none of this key"), "{}", none.1);
    let kept = site(consortium, &["ledger", "checkpoint", "--cosigned", second, "--witness", witness])?;
    ensure!(kept.0 == Some(0) && kept.1.contains(&format!("the first {size} records")), "{}", kept.1);
    let taken = site(consortium, &["ledger", "verify", "--witness", witness])?;
    ensure!(taken.0 == Some(0) && taken.1.contains("were cosigned by b on"), "{}", taken.1);
    let report = site(consortium, &["ledger", "report", "--json"])?;
    let report: Value = serde_json::from_str(&report.1)?;
    let found = &report["ledger"]["witnesses"][0];
    ensure!(found["records"] == size && found["fits"] == true && found["verifier_key"] == witness, "{found}");
    if let Some((code, text)) = python(ledger, &["--checkpoint", second, "--key", key, "--witness", witness])
    {
        ensure!(
            code == Some(0) && text.contains(&format!("its first {size} records were cosigned by b")),
            "{text}"
        );
    }
    Ok(())
}

fn python(ledger: &Path, arguments: &[&str]) -> Option<(Option<i32>, String)> {
    let program = repository().join("deploy/verify_ledger.py");
    let Ok(output) = Command::new("python3").arg(program).arg(ledger).args(arguments).output() else {
        eprintln!("SKIPPED the second verifier, deploy/verify_ledger.py: no python3 here");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

/// The forged ledger fits the head that was cosigned first, and not what the witness cosigned last.
fn another_history_is_seen(
    consortium: &Consortium,
    ledger: &Path,
    other: &str,
    (first, second, key, witness): (&str, &str, &str, &str),
) -> Result<()> {
    let genuine = fs::read(ledger)?;
    fs::write(ledger, other)?;
    // Chain and first head fit: without the witness nothing is seen but by who kept the second head.
    if let Some((code, text)) = python(ledger, &["--checkpoint", first, "--key", key]) {
        ensure!(code == Some(0), "{text}");
    }
    let asked = ["--checkpoint", second, "--key", key, "--witness", witness];
    if let Some((code, text)) = python(ledger, &asked) {
        ensure!(code == Some(1) && text.contains("not intact"), "{text}");
    }
    let said = site(consortium, &["ledger", "verify", "--witness", witness])?;
    ensure!(said.0 == Some(1) && said.1.contains("does not contain its earlier checkpoint"), "{}", said.1);
    let report = site(consortium, &["ledger", "report", "--json"])?;
    let report: Value = serde_json::from_str(&report.1)?;
    ensure!(report["ledger"]["witnesses"][0]["fits"] == false, "{report}");
    fs::write(ledger, genuine)?;
    Ok(())
}

/// Room for the key, none for the memory: nothing is signed; with room it goes on.
fn a_full_disk_signs_nothing(
    small: &Small,
    program: &Path,
    request: &str,
    key: &str,
    genuine: &AddCheckpoint,
) -> Result<()> {
    let disk = small.folder.path().join("disk");
    fs::create_dir(&disk)?;
    let Some(_mounted) = TinyDisk::mount(&disk, "64k") else {
        eprintln!("SKIPPED the full disk of a witness: this machine mounts nothing");
        return Ok(());
    };
    let folder = disk.join("wit");
    let folder = ["--folder", folder.to_str().context("a path")?];
    says(program, &[&["witness", "init", "c"][..], &folder].concat())?;
    says(program, &[&["witness", "trust", key][..], &folder].concat())?;
    fs::write(request, genuine.to_text())?;
    let filler = disk.join("filler");
    // Whatever is left, to the last page.
    let _ = fs::write(&filler, vec![0; 1 << 20]);
    let cosign = [&["witness", "cosign", request][..], &folder].concat();
    let (code, text) = run(program, &cosign)?;
    ensure!(
        code == Some(1) && text.contains("No space left") && !text.contains('\u{2014}'),
        "{code:?} {text}"
    );
    let shown = says(program, &[&["witness", "show"][..], &folder].concat())?;
    ensure!(shown.contains("nothing cosigned yet"), "{shown}");
    fs::remove_file(filler)?;
    says(program, &cosign)?;
    Ok(())
}
