//! A neighbour on the machine: another user who reads command lines and files, and plants folders. And a
//! coordinator that sends a site elsewhere. Run by `cargo test`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::binaries::Binaries;
use tests::consortium::Consortium;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, Folder, Small, Wish};

/// A coordinator that serves, and one site that has not joined.
fn unjoined() -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    Ok((small, consortium))
}

/// The part of an invitation that is the secret.
fn token(invitation: &str) -> &str {
    invitation.split('/').nth(4).unwrap_or_default()
}

#[test]
fn no_command_line_shows_a_token() -> Result<()> {
    let (_small, consortium) = unjoined()?;
    let invitation = consortium.invite("site-1", &[])?;
    let arguments = consortium.join_arguments(0);
    // As an argument, wherever it stands, it is refused, unused, and not printed once more.
    for place in ["join", "--data", "--state"] {
        let mut with_token = arguments.clone();
        let at = with_token.iter().position(|word| *word == place).map_or(with_token.len(), |at| at + 1);
        with_token.insert(at, &invitation);
        let refused = consortium.sites[0].run(&with_token, COMMAND_WITHIN)?;
        assert_eq!(refused.code(), Some(1), "{place}: {}", refused.stderr);
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(!said.contains(token(&invitation)), "{place}: it is printed: {said}");
        assert!(said.contains("command line") && said.contains("\nhint: "), "{place}: {said}");
    }
    // While it waits for the line, its command line is there for everybody to read.
    let mut command = consortium.sites[0].command(&arguments);
    let (reader, writer) = std::io::pipe()?;
    let mut child = command.stdin(reader).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    std::thread::sleep(Duration::from_millis(300));
    let shown = fs::read(format!("/proc/{}/cmdline", child.id()))?;
    assert!(String::from_utf8_lossy(&shown).contains("--model"), "the process is not there");
    assert!(!String::from_utf8_lossy(&shown).contains(token(&invitation)));
    std::io::Write::write_all(&mut &writer, format!("{invitation}\n").as_bytes())?;
    drop(writer);
    assert!(child.wait()?.success(), "the token that nobody saw is still good");
    Ok(())
}

#[test]
fn a_new_invitation_withdraws_the_one_that_was_seen() -> Result<()> {
    let (_small, consortium) = unjoined()?;
    let seen = consortium.invite("site-1", &[])?;
    let fresh = consortium.invite("site-1", &[])?;
    let refused = consortium.try_join(0, &seen)?;
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("does not know this invitation"), "{}", refused.stderr);
    consortium.join_with(0, &fresh)?;
    assert_eq!(consortium.site_list()?.joined().len(), 1);
    Ok(())
}

#[test]
fn an_invitation_in_a_file_must_be_its_owners_alone() -> Result<()> {
    let (small, consortium) = unjoined()?;
    let file = small.folder.path().join("invitation");
    fs::write(&file, consortium.invite("site-1", &[])?)?;
    let path = file.to_string_lossy().into_owned();
    let mut arguments = consortium.join_arguments(0);
    arguments.splice(1..1, ["--invitation-file", &path]);
    for (mode, code) in [(0o644, 1), (0o640, 1), (0o600, 0)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
        let joined = consortium.sites[0].run(&arguments, COMMAND_WITHIN)?;
        assert_eq!(joined.code(), Some(code), "{mode:o}: {}", joined.stderr);
        assert!(code == 0 || joined.stderr.contains("other users"), "{mode:o}: {}", joined.stderr);
    }
    Ok(())
}

#[test]
fn the_coordinator_is_asked_before_the_data_is_read_and_the_certificate_stays() -> Result<()> {
    let (small, consortium) = unjoined()?;
    let data = &small.setup.sites[0].data[0];
    let good = fs::read(data)?;
    fs::write(data, "{\"instruction\": \n")?;
    let refused = consortium.try_join(0, &consortium.invite("site-1", &[])?)?;
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    assert_eq!(consortium.site_list()?.joined().len(), 1, "the invitation is still open to others");
    fs::write(data, good)?;
    // The same command, and nothing on its standard input.
    consortium.sites[0].run(&consortium.join_arguments(0), COMMAND_WITHIN)?.success()?;
    assert!(consortium.sites[0].state().join("agent.toml").exists());
    assert_eq!(consortium.site_list()?.joined().len(), 1);
    Ok(())
}

#[test]
fn a_planted_folder_is_not_built_in() -> Result<()> {
    let (small, consortium) = unjoined()?;
    let invitation = consortium.invite("site-1", &[])?;
    let joining = PathBuf::from(format!("{}.joining", consortium.sites[0].state().display()));
    let elsewhere = small.folder.path().join("elsewhere");
    fs::create_dir(&elsewhere)?;
    let refused = |what: &str, says: &str| -> Result<()> {
        let finished = consortium.try_join(0, &invitation)?;
        assert_eq!(finished.code(), Some(1), "{what}: {}", finished.stderr);
        assert!(finished.stderr.contains(says), "{what}: {}", finished.stderr);
        assert!(finished.stderr.contains("\nhint: "), "{what}: {}", finished.stderr);
        assert!(!joining.join("identity/key.pem").exists(), "{what}: a key was put into it");
        Ok(())
    };
    symlink(&elsewhere, &joining)?;
    refused("a link", "is a link")?;
    assert_eq!(fs::read_dir(&elsewhere)?.count(), 0, "the link was followed");
    fs::remove_file(&joining)?;

    fs::create_dir(&joining)?;
    fs::set_permissions(&joining, fs::Permissions::from_mode(0o777))?;
    refused("open to all", "may be opened by other users")?;
    fs::set_permissions(&joining, fs::Permissions::from_mode(0o700))?;
    fs::write(joining.join("old"), "somebody's")?;
    refused("older contents", "was not made by")?;
    fs::write(joining.join("joining"), "/srv/another-site")?;
    refused("made for another site", "was not made by")?;
    fs::remove_file(joining.join("joining"))?;
    fs::remove_file(joining.join("old"))?;
    // Only root can give it away.
    if std::os::unix::fs::chown(&joining, Some(65_534), None).is_ok() {
        refused("somebody else's", "belongs to another user")?;
        std::os::unix::fs::chown(&joining, Some(fs::metadata(small.folder.path())?.uid()), None)?;
    }
    consortium.try_join(0, &invitation)?.success()?;
    Ok(())
}

#[test]
fn a_state_folder_is_not_made_where_others_may_write() -> Result<()> {
    let folder = Folder::new()?;
    let shared = folder.path().join("shared");
    fs::create_dir(&shared)?;
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o777))?;
    let output = Command::new(Binaries::find()?.coordinator)
        .args(["init", "--address", "127.0.0.1:1", "--state"])
        .arg(shared.join("state"))
        .output()?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("may be written by other users") && words.contains("\nhint: "), "{words}");
    assert_eq!(fs::read_dir(&shared)?.count(), 0);
    Ok(())
}

#[test]
fn nothing_that_is_written_is_for_others() -> Result<()> {
    let folder = Folder::new()?;
    let binaries = Binaries::find()?;
    let settings = crate::support::demo_settings()?;
    let data = folder.path().join("data.jsonl");
    let line = "{\"instruction\":\"What helps?\",\"input\":\"\",\"output\":\"Rest and water.\"}\n";
    fs::write(&data, line.repeat(4))?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let run = |program: &Path, arguments: String| -> Result<()> {
        // The most generous shell there is.
        let script = format!("umask 000; exec {} {arguments}", program.display());
        let output = Command::new("sh").args(["-c", &script]).output()?;
        ensure!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    run(&binaries.coordinator, format!("init --address 127.0.0.1:1 --state {}", path("coordinator")))?;
    run(&binaries.coordinator, format!("invite site-1 --state {}", path("coordinator")))?;
    let (model, records) = (settings.model.display().to_string(), data.display().to_string());
    let quick = "--screen report --epochs 1 --batch-size 4 --cutoff-tokens 256";
    run(&binaries.site_agent, format!("train {model} --data {records} {quick} --out {}", path("out")))?;
    run(&binaries.site_agent, format!("data check {records} --screen report --out {}", path("report"))).ok();
    let (mut open, mut files) = (Vec::new(), 0);
    let mut folders: Vec<PathBuf> =
        ["coordinator", "out", "report"].map(|name| folder.path().join(name)).into();
    while let Some(at) = folders.pop() {
        let facts = fs::symlink_metadata(&at)?;
        files += 1;
        if facts.mode() & 0o077 != 0 {
            open.push(format!("{} {:o}", at.display(), facts.mode()));
        }
        if facts.is_dir() {
            folders.extend(fs::read_dir(&at)?.flatten().map(|entry| entry.path()));
        }
    }
    assert!(files > 12, "only {files} files were looked at");
    assert!(open.is_empty(), "open to others: {open:#?}");
    Ok(())
}

#[test]
fn crash_points_act_in_the_harness_own_folders_only() -> Result<()> {
    let (_small, mut consortium) = unjoined()?;
    let invitation = consortium.invite("site-1", &[])?;
    // As it would be on a machine where somebody installed this build and the variable was left over.
    for elsewhere in ["", "/", "/nowhere"] {
        consortium.coordinator.kill();
        let left_over = [("CONSILIUM_CRASH_AT", "enrol-after-sign"), ("CONSILIUM_CRASH_TESTS_IN", elsewhere)];
        consortium.start_coordinator(&left_over)?;
        let said = consortium.coordinator.stderr_since_start();
        assert!(said.contains("CONSILIUM_CRASH_AT is ignored"), "{said}");
        assert!(said.contains("do not install"), "{said}");
    }
    consortium.join_with(0, &invitation)?;
    consortium.coordinator.must_be_running()?;
    for program in [Binaries::find()?.coordinator, Binaries::find()?.site_agent] {
        let version = Command::new(program).arg("--version").output()?.stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        assert!(version.contains("crash points") && version.contains("do not install"), "{version}");
    }
    Ok(())
}

#[test]
fn the_coordinator_leaves_no_core_file() -> Result<()> {
    let (_small, mut consortium) = unjoined()?;
    let process = consortium.coordinator.process().context("it runs")?.id();
    let limits = fs::read_to_string(format!("/proc/{process}/limits"))?;
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).context("a limit")?;
    let numbers: Vec<&str> = core.split_whitespace().filter(|word| word.parse::<u64>().is_ok()).collect();
    assert_eq!(numbers, ["0", "0"], "{core}");
    // Of a process that may not be dumped these belong to root, whoever runs it.
    assert_eq!(fs::metadata(format!("/proc/{process}/environ"))?.uid(), 0);
    Ok(())
}

#[test]
fn a_coordinator_that_sends_a_site_to_another_host_is_asked_about() -> Result<()> {
    let (_small, mut consortium) = unjoined()?;
    consortium.coordinator.kill();
    let config = consortium.coordinator.state().join("coordinator.toml");
    let text = fs::read_to_string(&config)?.replacen("address = \"127.0.0.1:", "address = \"localhost:", 1);
    fs::write(&config, text)?;
    consortium.start_coordinator(&[])?;
    let invitation = consortium.invite("site-1", &[])?;
    let refused = consortium.try_join(0, &invitation)?;
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    for word in ["localhost", "127.0.0.1", "--run-host localhost"] {
        assert!(refused.stderr.contains(word), "{word}: {}", refused.stderr);
    }
    assert!(!consortium.sites[0].state().exists());
    // The person asked the operator, and agrees; the invitation is still this installation's.
    let mut arguments = consortium.join_arguments(0);
    arguments.splice(1..1, ["--run-host", "localhost"]);
    consortium.sites[0].run_with_input(&arguments, &invitation, COMMAND_WITHIN)?.success()?;
    assert_eq!(consortium.site_list()?.joined().len(), 1);
    Ok(())
}

#[test]
fn a_hostile_template_ends_the_command_that_reads_it() -> Result<()> {
    let folder = Folder::new()?;
    let model = folder.path().join("model");
    fs::create_dir(&model)?;
    for entry in fs::read_dir(crate::support::demo_settings()?.model)? {
        let entry = entry?;
        fs::copy(entry.path(), model.join(entry.file_name()))?;
    }
    // What the engine does not count: a list that holds itself twice, forty times over.
    let endless = "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(40) %}{% set ns.a = [ns.a, ns.a] %}\
                   {% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}";
    fs::write(model.join("chat_template.jinja"), endless)?;
    let data = folder.path().join("data.jsonl");
    fs::write(&data, "{\"instruction\":\"What helps?\",\"input\":\"\",\"output\":\"Rest.\"}\n")?;
    let mut child = Command::new(Binaries::find()?.site_agent)
        .args(["data", "check"])
        .arg(&data)
        .arg("--model")
        .arg(&model)
        .args(["--screen", "report", "--out"])
        .arg(folder.path().join("report"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    let (within, every) = (Duration::from_secs(30), Duration::from_millis(50));
    let ended = wait::until("the refusal", within, every, folder.path(), &Interrupt::default(), || {
        Ok(child.try_wait().ok().flatten())
    });
    let _ = child.kill();
    let words = String::from_utf8_lossy(&child.wait_with_output()?.stderr).into_owned();
    assert_eq!(ended?.code(), Some(1), "{words}");
    assert!(words.contains("at most 5 s") && words.contains("\nhint: "), "{words}");
    Ok(())
}
