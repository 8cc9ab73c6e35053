//! Everything a person can get wrong, once: each mistake gets one sentence, a hint and exit code 1,
//! and leaves nothing half-written behind.

mod broken;

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use tests::consortium::Consortium;
use tests::process::{self, Finished};
use tests::wait::Interrupt;

use crate::support::{COMMAND_WITHIN, Folder, Small, TinyDisk, Wish};
use broken::Mistake;

/// One sentence, a hint, exit code 1; never a panic and never a stack of causes.
fn assert_explained(what: &str, finished: &Finished, expected: &str) {
    let words = &finished.stderr;
    assert_eq!(finished.code(), Some(1), "{what}: {words}");
    assert!(words.contains("\n\nhint: "), "{what}: no hint: {words}");
    assert!(!words.contains("panicked"), "{what}: {words}");
    let sentence = words.split("\n\nhint: ").next().unwrap_or_default();
    let sentence = sentence.lines().last().unwrap_or_default();
    assert!(sentence.to_lowercase().contains(expected), "{what}: {expected:?} is not in: {sentence}");
}

fn assert_not_joined(what: &str, state: &Path) {
    for half_written in ["identity/certificate.pem", "agent.toml", "site.db"] {
        assert!(!state.join(half_written).exists(), "{what} left {half_written}");
    }
}

#[test]
fn a_site_is_told_what_is_wrong_with_its_model_or_data() -> Result<()> {
    for mistake in broken::MISTAKES {
        let mut small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
        let what = mistake.name;
        broken::apply(mistake, &mut small)?;
        let mut consortium = Consortium::create(small.setup.clone())?;
        consortium.start_coordinator(&[])?;
        let invitation = consortium.invite("site-1", &[])?;
        let joined = consortium.try_join(0, &invitation)?;
        assert_explained(what, &joined, mistake.says);
        assert_not_joined(what, consortium.sites[0].state());
        // Nor is another invitation needed: the site has its certificate, or the first invitation is still
        // good.
        broken::repair(&mut small)?;
        let arguments =
            ["join", "--model", text(&small.setup.model), "--data", text(&small.setup.sites[0].data[0])];
        let has_certificate = joined.stderr.contains("without an invitation");
        assert_eq!(has_certificate, what != "no data file", "{what}: {}", joined.stderr);
        let input = if has_certificate { "" } else { &invitation };
        consortium.sites[0].run_with_input(&arguments, input, COMMAND_WITHIN)?.success()?;
    }
    Ok(())
}

#[test]
fn a_launch_is_told_what_is_wrong_with_its_run_file_or_data() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let consortium = small.start()?;
    let launch =
        |what: &str, expected: &str, change: &dyn Fn(&mut tests::run_file::RunFile) -> Result<()>| {
            let mut run_file = tests::run_file::RunFile::read(&small.run_file)?;
            change(&mut run_file)?;
            let path = small.folder.path().join("wrong.toml");
            run_file.write(&path)?;
            let launched = consortium.coordinator.run(&["launch", text(&path)], COMMAND_WITHIN)?;
            assert_explained(what, &launched, expected);
            anyhow::Ok(())
        };
    launch("zero rounds", "rounds", &|file| {
        file.set_integer("", "rounds", 0);
        Ok(())
    })?;
    launch("an unknown key", "rouns", &|file| {
        file.set_integer("", "rouns", 3);
        Ok(())
    })?;
    launch("a missing test set", "nowhere.jsonl", &|file| {
        Ok(file.set_path("test", Path::new("/nowhere.jsonl"))?)
    })?;
    let broken_line = small.folder.path().join("broken.jsonl");
    std::fs::write(&broken_line, "{\"instruction\":\"a\",\"output\":\"b\"}\n{\"instruction\":\n")?;
    launch("a broken line", "line 2", &|file| Ok(file.set_path("validation", &broken_line)?))?;
    let listed = consortium.coordinator.run(&["runs", "--json"], COMMAND_WITHIN)?.success()?;
    assert_eq!(tests::status::RunList::parse(&listed)?.ids().count(), 0, "a refused launch left a run");
    Ok(())
}

#[test]
fn a_wrong_invitation_is_named_as_such() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let consortium = Consortium::create(small.setup.clone())?;
    for wrong in
        ["hello", "consilium1://", "consilium1://127.0.0.1:1/site-1/short/pin", "https://example.org/a/b/c"]
    {
        let joined = consortium.try_join(0, wrong)?;
        assert_explained(wrong, &joined, "invitation");
        assert_not_joined(wrong, consortium.sites[0].state());
    }
    Ok(())
}

#[test]
fn a_busy_port_is_named() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let consortium = Consortium::create(small.setup.clone())?;
    let holder = UdpSocket::bind("127.0.0.1:0")?;
    let address = holder.local_addr()?.to_string();
    let arguments = ["serve", "--listen", &address, "--listen-join", "127.0.0.1:0"];
    let served = consortium.coordinator.run(&arguments, COMMAND_WITHIN)?;
    assert_explained("a busy port", &served, &address);
    Ok(())
}

#[test]
fn commands_without_a_state_folder_say_what_to_do_first() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let consortium = Consortium::create(small.setup.clone())?;
    for arguments in [&["run"] as &[&str], &["status"], &["check"], &["ledger", "show"]] {
        let finished = consortium.sites[0].run(arguments, COMMAND_WITHIN)?;
        assert_explained(&arguments.join(" "), &finished, "site");
    }
    let again = consortium.coordinator.run(&["init", "--address", "127.0.0.1:1"], COMMAND_WITHIN)?;
    assert_explained("a second init", &again, "already");
    let offline = consortium.coordinator.run(&["launch", text(&small.run_file)], COMMAND_WITHIN)?;
    assert_explained("launch without serve", &offline, "");
    Ok(())
}

#[test]
fn a_full_disk_is_named_and_leaves_nothing() -> Result<()> {
    let folder = Folder::new()?;
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk)?;
    let Some(_mounted) = TinyDisk::mount(&disk, "4k") else {
        eprintln!("SKIPPED a_full_disk_is_named_and_leaves_nothing: this machine may not mount a tmpfs");
        return Ok(());
    };
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    let invitation = consortium.invite("site-1", &[])?;
    let state = disk.join("state");
    std::fs::write(disk.join("ballast"), vec![0; 64 << 10]).ok();
    let run = |program: &Path, arguments: &[&str], input: &str| {
        let mut command = Command::new(program);
        command.args(arguments).arg("--state").arg(&state);
        let logs = consortium.logs();
        process::run_with_input(command, input, "full-disk", logs, COMMAND_WITHIN, &Interrupt::default())
    };
    let binaries = tests::binaries::Binaries::find()?;
    let joined = run(&binaries.site_agent, &consortium.join_arguments(0), &invitation)?;
    assert_explained("join on a full disk", &joined, "space");
    assert_not_joined("join on a full disk", &state);
    let begun = run(&binaries.coordinator, &["init", "--address", "127.0.0.1:1"], "")?;
    assert_explained("init on a full disk", &begun, "space");
    assert!(!state.join("coordinator.db").exists() && !state.join("coordinator.toml").exists());
    Ok(())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// Every mistake differs from its neighbours in what must be said about it.
#[test]
fn every_mistake_is_described_by_other_words() {
    let names: std::collections::BTreeSet<&str> =
        broken::MISTAKES.iter().map(|Mistake { name, .. }| *name).collect();
    assert_eq!(names.len(), broken::MISTAKES.len());
}
