//! Private keys sealed by a passphrase, with real processes: a run between a coordinator and a site whose
//! keys are sealed, a renewal and another authority that stay sealed, what is refused, and a death in the
//! middle of sealing. Run by `cargo test`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use certs::sealed;
use tests::consortium::Consortium;
use tests::consortium::member::Member;
use tests::process::Finished;
use tests::wait::{self, Interrupt};

use crate::renewal::age;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

const WORD: &str = "correct horse battery staple";

/// A file with a passphrase, for its owner alone.
fn word(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, format!("{text}\n"))?;
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(path)
}

fn joined(rounds: u32) -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 2, records: 8, rounds, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    consortium.join(1)?;
    Ok((small, consortium))
}

fn run_with(member: &Member, arguments: &[&str], file: &Path) -> Result<Finished> {
    let file = file.to_string_lossy();
    Ok(member.run(&[arguments, &["--passphrase-file", &file]].concat(), COMMAND_WITHIN)?)
}

/// A person's mistake, in these words, with a hint.
fn refused(finished: &Finished, words: &str) {
    let said = &finished.stderr;
    assert!(finished.code() == Some(1) && said.contains(words) && said.contains("hint:"), "{finished:?}");
}

fn is_sealed(path: &Path) -> Result<bool> {
    Ok(sealed::is_sealed(&fs::read_to_string(path)?))
}

fn until(consortium: &Consortium, what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let is_so = || Ok(is_so().then_some(()));
    Ok(wait::until(what, Duration::from_secs(60), Duration::from_millis(100), &logs, &interrupt, is_so)?)
}

#[test]
fn a_run_goes_on_with_sealed_keys_on_both_sides_and_new_keys_are_sealed() -> Result<()> {
    let (small, mut consortium) = joined(1)?;
    let file = word(small.folder.path(), "word", WORD)?;
    let text = file.to_string_lossy().into_owned();
    age(&consortium, 0, 21)?;
    refused(&run_with(&consortium.coordinator, &["keys", "seal"], &file)?, "running");
    consortium.coordinator.stop();
    run_with(&consortium.coordinator, &["keys", "seal"], &file)?.success()?;
    run_with(&consortium.sites[0], &["keys", "seal"], &file)?.success()?;
    let (ca, identity) =
        (consortium.coordinator.state().join("ca"), consortium.sites[0].state().join("identity"));
    let sealed_at_rest = ["ca.key.pem", "receipt.key", "server.key.pem"].map(|name| ca.join(name));
    let of_site = ["key.pem", "ledger.key"].map(|name| identity.join(name));
    for path in sealed_at_rest.iter().chain(&of_site) {
        ensure!(is_sealed(path)?, "{}", path.display());
    }
    consortium.start_coordinator_with(&["--passphrase-file", &text], &[])?;
    consortium.sites[0].start(&["run", "--passphrase-file", &text], &[])?;
    consortium.start_site(1, &[])?;
    let run = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    ensure!(status.history[0].updates == ["site-1", "site-2"], "{:?}", status.history);
    // It was time to renew: the new key is sealed, too, and its certificate is there to be read.
    let renewed = identity.join("renewed/identity.pem");
    until(&consortium, "the renewal", || renewed.exists())?;
    ensure!(is_sealed(&renewed)? && fs::read_to_string(&renewed)?.contains("BEGIN CERTIFICATE"));
    ensure!(!fs::read_to_string(&renewed)?.contains("PRIVATE KEY"));
    // The gateway alone was told: no argument and no environment holds the passphrase.
    for process in processes()? {
        ensure!(!process.contains(WORD), "{process}");
    }
    // What needs no key needs no passphrase.
    let said = consortium.sites[0].run(&["status"], COMMAND_WITHIN)?.success()?;
    ensure!(said.contains("sealed by a passphrase"), "{said}");
    refused(&consortium.sites[0].run(&["ledger", "checkpoint"], COMMAND_WITHIN)?, "none was given");
    let note = run_with(&consortium.sites[0], &["ledger", "checkpoint"], &file)?.success()?;
    ensure!(note.starts_with("consilium/"), "{note}");
    // A gateway that dies is told again.
    consortium.sites[0].kill();
    consortium.sites[0].start(&["run", "--passphrase-file", &text], &[])?;
    // Another authority while `serve` runs: its key is sealed as the one before.
    consortium.coordinator.run(&["authority", "roll", "--yes"], COMMAND_WITHIN)?.success()?;
    for path in &sealed_at_rest {
        ensure!(is_sealed(path)?, "{}", path.display());
    }
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.stop();
    let checked = run_with(&consortium.coordinator, &["check"], &file)?.success()?;
    ensure!(checked.contains("sealed by a passphrase"), "{checked}");
    Ok(())
}

/// Arguments and environment of every process of ours.
fn processes() -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        for file in ["cmdline", "environ"] {
            if let Ok(bytes) = fs::read(entry.path().join(file)) {
                found.push(String::from_utf8_lossy(&bytes).into_owned());
            }
        }
    }
    Ok(found)
}

#[test]
fn what_does_not_open_the_keys_is_said_and_nothing_falls_back_to_a_plain_key() -> Result<()> {
    let (small, mut consortium) = joined(1)?;
    let folder = small.folder.path();
    let (file, wrong) = (word(folder, "word", WORD)?, word(folder, "wrong", "quite another one")?);
    consortium.coordinator.stop();
    let short = word(folder, "short", "short")?;
    let sides = [
        (&consortium.coordinator, "ca/server.key.pem", "serve"),
        (&consortium.sites[0], "identity/key.pem", "run"),
    ];
    for (member, key, start) in sides {
        refused(&run_with(member, &["keys", "seal"], &short)?, "at least 12");
        run_with(member, &["keys", "seal"], &file)?.success()?;
        refused(&member.run(&[start], COMMAND_WITHIN)?, "none was given");
        refused(&run_with(member, &[start], &wrong)?, "not the one");
        fs::set_permissions(&wrong, Permissions::from_mode(0o640))?;
        refused(&run_with(member, &[start], &wrong)?, "other users");
        fs::set_permissions(&wrong, Permissions::from_mode(0o600))?;
        refused(&run_with(member, &[start], &folder.join("nothing"))?, "cannot be used");
        let path = member.state().join(key);
        let whole = fs::read_to_string(&path)?;
        fs::write(&path, &whole[..whole.len() / 2])?;
        refused(&run_with(member, &[start], &file)?, "damaged");
        ensure!(fs::read_to_string(&path)?.len() == whole.len() / 2, "and nothing was made in its place");
        // Its work factor is one of a machine that somebody wants to bring down.
        fs::write(&path, hostile(&whole)?)?;
        refused(&run_with(member, &[start], &file)?, "2^22");
        fs::write(&path, &whole)?;
    }
    credentials(&consortium, folder)
}

/// The same header with another work factor.
fn hostile(armored: &str) -> Result<String> {
    let lines: Vec<&str> = armored.lines().collect();
    let body = data_encoding::BASE64.decode(lines[1..lines.len() - 1].concat().as_bytes())?;
    let at = body.windows(4).position(|four| four == b" 16\n").context("a work factor")?;
    let changed = [&body[..at], b" 22\n", &body[at + 4..]].concat();
    let text = data_encoding::BASE64.encode(&changed);
    let lines =
        text.as_bytes().chunks(64).map(std::str::from_utf8).collect::<Result<Vec<_>, _>>()?.join("\n");
    Ok(format!("-----BEGIN AGE ENCRYPTED FILE-----\n{lines}\n-----END AGE ENCRYPTED FILE-----\n"))
}

/// A credential of systemd, which the settings name.
fn credentials(consortium: &Consortium, folder: &Path) -> Result<()> {
    let place = folder.join("credentials");
    fs::create_dir(&place)?;
    let environment = [("CREDENTIALS_DIRECTORY", place.to_str().unwrap_or_default())];
    for (member, settings, verb) in [
        (&consortium.coordinator, "coordinator.toml", &["check"][..]),
        (&consortium.sites[0], "agent.toml", &["ledger", "checkpoint"]),
    ] {
        let settings = member.state().join(settings);
        let text = fs::read_to_string(&settings)?;
        fs::write(&settings, format!("{text}\n[keys]\ncredential = \"consilium-keys\"\n"))?;
        refused(&member.run(verb, COMMAND_WITHIN)?, "no credential consilium-keys");
        refused(&member.run_with(verb, &environment, COMMAND_WITHIN)?, "no credential consilium-keys");
        let credential = word(&place, "consilium-keys", WORD)?;
        member.run_with(verb, &environment, COMMAND_WITHIN)?.success()?;
        fs::set_permissions(&credential, Permissions::from_mode(0o440))?;
        refused(&member.run_with(verb, &environment, COMMAND_WITHIN)?, "other users");
        fs::remove_file(&credential)?;
    }
    Ok(())
}

#[test]
fn whatever_dies_while_keys_are_sealed_each_is_readable_and_the_same_command_goes_on() -> Result<()> {
    let (small, mut consortium) = joined(1)?;
    let folder = small.folder.path();
    let (file, new) = (word(folder, "word", WORD)?, word(folder, "new", "another horse entirely")?);
    let (file, new) = (file.to_string_lossy().into_owned(), new.to_string_lossy().into_owned());
    consortium.coordinator.stop();
    for (member, keys) in [
        (&consortium.coordinator, vec!["ca/server.key.pem", "ca/receipt.key", "ca/ca.key.pem"]),
        (&consortium.sites[0], vec!["identity/ledger.key", "identity/key.pem"]),
    ] {
        let texts = || {
            keys.iter().map(|key| fs::read_to_string(member.state().join(key)).unwrap()).collect::<Vec<_>>()
        };
        let before = texts();
        let plain = |passphrases: &[&str]| -> Vec<String> {
            let open = |text: String| {
                if !sealed::is_sealed(&text) {
                    return text;
                }
                let opened = passphrases.iter().find_map(|word| sealed::open(&text, word).ok());
                opened.unwrap().to_string()
            };
            texts().into_iter().map(open).collect()
        };
        for (verb, words) in [
            (vec!["keys", "seal", "--passphrase-file", &file], vec![WORD]),
            (
                vec!["keys", "passphrase", "--passphrase-file", &file, "--new-passphrase-file", &new],
                vec![WORD, "another horse entirely"],
            ),
            (vec!["keys", "unseal", "--passphrase-file", &new], vec!["another horse entirely"]),
        ] {
            let died =
                member.run_with(&verb, &[("CONSILIUM_CRASH_AT", "key-file-changed")], COMMAND_WITHIN)?;
            ensure!(died.code() != Some(0) && died.stderr.contains("crash point"), "{died:?}");
            ensure!(plain(&words) == before, "{verb:?}: each is readable, and the same key");
            member.run(&verb, COMMAND_WITHIN)?.success()?;
            ensure!(plain(&words[words.len() - 1..]) == before, "{verb:?}");
        }
        ensure!(texts() == before, "byte for byte");
    }
    people(&consortium, &file)
}

/// The keys of an officer and of an operator, each on a machine of their own.
fn people(consortium: &Consortium, file: &str) -> Result<()> {
    let site = &consortium.sites[0];
    let key = consortium.officer_key(0);
    let key = key.to_str().unwrap_or_default();
    site.run_without_state(&["keys", "seal", key, "--passphrase-file", file], COMMAND_WITHIN)?.success()?;
    ensure!(is_sealed(Path::new(key))?);
    let sign = ["policy", "sign", "--yes", "--key", key];
    refused(&site.run(&sign, COMMAND_WITHIN)?, "none was given");
    site.run(&[&sign[..], &["--passphrase-file", file]].concat(), COMMAND_WITHIN)?.success()?;
    Ok(())
}
