//! Signed heads of a ledger, with real processes: what was taken away after a run fits the ledger ever after,
//! and names what was cut or rewritten, also where the database went with it; both verifiers say the same.
//! Run by `cargo test`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::id::Digest;
use serde_json::Value;
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::wait::{self, Interrupt};

use crate::reconcile::forged;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, repository};

/// What a verifier says: exit code, and its words on both channels.
type Said = (Option<i32>, String);

fn site(consortium: &Consortium, arguments: &[&str]) -> Result<Said> {
    let finished = consortium.sites[0].run(arguments, COMMAND_WITHIN)?;
    Ok((finished.code(), format!("{}{}", finished.stdout, finished.stderr)))
}

/// `None` where there is no Python 3.
fn python(arguments: &[&str]) -> Option<Said> {
    let program = repository().join("deploy/verify_ledger.py");
    let Ok(output) = Command::new("python3").arg(program).args(arguments).output() else {
        eprintln!("SKIPPED the second verifier, deploy/verify_ledger.py: no python3 here");
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.code(), String::from_utf8_lossy(&text).into_owned()))
}

/// Both verifiers end with this code and say these words.
fn both_say(consortium: &Consortium, earlier: &[&str], code: i32, words: &str) -> Result<()> {
    let ours = site(consortium, &[&["ledger", "verify"], earlier].concat())?;
    ensure!(ours.0 == Some(code) && ours.1.contains(words), "{words}: {ours:?}");
    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    let ledger = ledger.to_str().context("a UTF-8 path")?;
    if let Some(theirs) = python(&[&[ledger], earlier].concat()) {
        ensure!(theirs.0 == Some(code) && theirs.1.contains(words), "{words}: {theirs:?}");
    }
    Ok(())
}

/// The head that a checkpoint's JSON says.
fn checkpoint(consortium: &Consortium, file: &str) -> Result<(usize, String)> {
    let document = site(consortium, &["ledger", "checkpoint", "--out", file, "--json"])?;
    ensure!(document.0 == Some(0), "{}", document.1);
    let document: Value = serde_json::from_str(&document.1)?;
    let size = document["size"].as_u64().context("a size")?;
    Ok((usize::try_from(size)?, document["verifier_key"].as_str().context("a key")?.to_owned()))
}

#[test]
fn a_head_that_was_taken_away_names_what_was_cut_or_rewritten_later() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let path = |name: &str| small.folder.path().join(name).to_string_lossy().into_owned();
    let (first, second, proof) = (path("first"), path("second"), path("412.tlog-proof"));
    let (early, key) = checkpoint(&consortium, &first)?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.sites[0].stop();
    let (late, same_key) = checkpoint(&consortium, &second)?;
    ensure!(same_key == key && early < late, "{early}, {late}");
    let said = site(&consortium, &["ledger", "checkpoint", "--key"])?;
    assert_eq!(said, (Some(0), format!("{key}\n")));
    let again = site(&consortium, &["ledger", "checkpoint", "--out", &second])?;
    ensure!(again.0 == Some(1) && again.1.contains("exists already"), "{}", again.1);

    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    let genuine = fs::read_to_string(&ledger)?;
    let chunk = genuine.lines().position(|line| line.contains("\"kind\":\"chunk\"")).context("a chunk")?;
    ensure!((early..late).contains(&chunk), "the chunk {chunk} is between {early} and {late}");
    let made = site(&consortium, &["ledger", "prove", &chunk.to_string(), "--out", &proof])?;
    ensure!(made.0 == Some(0), "{}", made.1);
    let absent = site(&consortium, &["ledger", "prove", &late.to_string()])?;
    ensure!(absent.0 == Some(1) && absent.1.contains("none has the number"), "{}", absent.1);
    let heads = ["--checkpoint", &first, "--checkpoint", &second, "--key", &key];
    both_say(
        &consortium,
        &[&heads[..], &["--proof", &proof]].concat(),
        0,
        "checkpoints 2 and proofs 1: all fit",
    )?;
    // Without the ledger, as somebody else has it.
    if let Some(alone) = python(&["--proof", &proof, "--key", &key]) {
        let line = genuine.lines().nth(chunk).context("a line")?;
        ensure!(alone.0 == Some(0) && alone.1.starts_with(line), "{alone:?}");
    }

    under_an_earlier_head(&consortium, (&first, &second), early, &key)?;
    what_cannot_be_read_says_nothing_of_the_ledger(&consortium, &first, &key)?;
    rewritten(&consortium, &ledger, &genuine, (early, late), chunk, &heads)?;
    let other_key = a_site_that_joined_before_gets_a_key(&mut consortium, &key)?;
    // The new key did not sign what was taken away; the one on paper did.
    let by_own = site(&consortium, &["ledger", "verify", "--checkpoint", &second])?;
    ensure!(by_own.0 == Some(1) && by_own.1.contains("no signature of this key"), "{}", by_own.1);
    both_say(&consortium, &heads, 0, "all fit")?;
    assert_ne!(key, other_key);
    consortium.stop();
    Ok(())
}

/// A proof under the head that was taken away, which whoever has that head can tell from one signed later.
fn under_an_earlier_head(
    consortium: &Consortium,
    (first, second): (&str, &str),
    early: usize,
    key: &str,
) -> Result<()> {
    let last = (early - 1).to_string();
    let (tied, untied) = (format!("{first}.tied"), format!("{first}.untied"));
    let made = site(consortium, &["ledger", "prove", &last, "--checkpoint", first, "--out", &tied])?;
    ensure!(made.0 == Some(0) && made.1.contains(&format!("record {last} of {early}")), "{}", made.1);
    ensure!(fs::read_to_string(&tied)?.ends_with(&fs::read_to_string(first)?), "the head is that file's");
    let made = site(consortium, &["ledger", "prove", &last, "--out", &untied])?;
    ensure!(made.0 == Some(0), "{}", made.1);
    let beyond = site(consortium, &["ledger", "prove", &early.to_string(), "--checkpoint", first])?;
    ensure!(beyond.0 == Some(1) && beyond.1.contains("none has the number"), "{}", beyond.1);
    both_say(consortium, &["--proof", &tied, "--checkpoint", second, "--key", key], 0, "all fit")?;
    let alone = |proof: &str| python(&["--proof", proof, "--checkpoint", first, "--key", key]);
    if let (Some(tied), Some(untied)) = (alone(&tied), alone(&untied)) {
        ensure!(tied.0 == Some(0) && tied.1.contains("one of those that were taken away"), "{tied:?}");
        ensure!(untied.0 == Some(2) && untied.1.contains("those that were taken away are of"), "{untied:?}");
    }
    Ok(())
}

/// A file that is not there, a key that is none and a key that nothing needs are no fault of the ledger's.
fn what_cannot_be_read_says_nothing_of_the_ledger(
    consortium: &Consortium,
    first: &str,
    key: &str,
) -> Result<()> {
    let (ledger, absent) = (consortium.sites[0].state().join("ledger/ledger.log"), format!("{first}.absent"));
    let forged = format!("{first}.forged");
    fs::write(&forged, fs::read_to_string(first)?.replacen("\n", "x\n", 1))?;
    for (earlier, code) in [
        (&["--checkpoint", &absent, "--key", key][..], 2),
        (&["--checkpoint", first, "--key", "nobody"], 2),
        (&["--checkpoint", &forged, "--key", key], 1),
        (&["--proof", first, "--key", key], 2),
        (&["--key", key], 2),
    ] {
        let ours =
            consortium.sites[0].run(&[&["ledger", "verify", "--json"], earlier].concat(), COMMAND_WITHIN)?;
        ensure!(ours.code().is_some_and(|code| code != 0), "{earlier:?}");
        ensure!(ours.stdout.is_empty(), "{earlier:?}: {}", ours.stdout);
        let with_ledger = [&[ledger.to_str().context("a UTF-8 path")?], earlier].concat();
        for arguments in [&with_ledger[..], earlier] {
            let is_usage = arguments.len() == earlier.len() && !earlier.contains(&"--proof");
            let Some(theirs) = python(arguments) else { break };
            ensure!(theirs.0 == Some(if is_usage { 2 } else { code }), "{arguments:?}: {theirs:?}");
            ensure!(!theirs.1.contains("not intact"), "{theirs:?}");
        }
    }
    Ok(())
}

/// Forgeries with a good chain, and without the database that knows better.
fn rewritten(
    consortium: &Consortium,
    ledger: &Path,
    genuine: &str,
    (early, late): (usize, usize),
    chunk: usize,
    heads: &[&str],
) -> Result<()> {
    let database = consortium.sites[0].state().join("site.db");
    let aside = database.with_extension("aside");
    fs::rename(&database, &aside)?;
    fs::write(ledger, forged(genuine, |records| records[chunk].sha256 = Digest([7; 32]).to_string())?)?;
    both_say(consortium, &[], 0, "the ledger is intact")?;
    let named = format!(
        "has what was signed over {early} records and not what was signed over {late}: it was changed"
    );
    both_say(consortium, heads, 1, &named)?;
    let document =
        consortium.sites[0].run(&[&["ledger", "verify", "--json"], heads].concat(), COMMAND_WITHIN)?;
    let document: Value = serde_json::from_str(&document.stdout)?;
    let reason = document["reasons"][0].as_str().unwrap_or_default();
    ensure!(document["verified"] == false && reason.contains(&named), "{document}");
    // A record left out: in front of the first head, so that this one names it.
    fs::write(ledger, forged(genuine, |records| drop(records.remove(0)))?)?;
    both_say(consortium, heads, 1, &format!("has not what was signed over {early} records"))?;
    fs::write(ledger, forged(genuine, |records| records.truncate(chunk))?)?;
    both_say(consortium, heads, 1, &format!("records {chunk} to {} are not there", late - 1))?;
    fs::write(ledger, genuine)?;
    fs::rename(&aside, &database)?;
    // With the database no head is signed of a ledger that lacks what it knows.
    fs::write(ledger, forged(genuine, |records| records.truncate(chunk))?)?;
    let refused = site(consortium, &["ledger", "checkpoint"])?;
    ensure!(refused.0 == Some(1) && refused.1.contains("behind what is known"), "{}", refused.1);
    fs::write(ledger, genuine)?;
    Ok(())
}

/// The key is made when the agent starts, for its owner alone, and the agent says so. Returns its verifier.
fn a_site_that_joined_before_gets_a_key(consortium: &mut Consortium, key: &str) -> Result<String> {
    let file = consortium.sites[0].state().join("identity/ledger.key");
    fs::remove_file(&file)?;
    let none = site(consortium, &["ledger", "checkpoint"])?;
    ensure!(none.0 == Some(1) && none.1.contains("no key for the heads"), "{}", none.1);
    consortium.start_site(0, &[])?;
    let (within, pause) = (COMMAND_WITHIN, Duration::from_millis(50));
    wait::until("the key", within, pause, consortium.logs(), &Interrupt::default(), || {
        Ok::<_, Failure>(file.exists().then_some(()))
    })?;
    consortium.sites[0].stop();
    assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
    let made = site(consortium, &["ledger", "checkpoint", "--key"])?;
    ensure!(made.0 == Some(0) && made.1.trim_end() != key, "{}", made.1);
    Ok(made.1.trim_end().to_owned())
}
