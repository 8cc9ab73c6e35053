//! Operators and auditors on machines of their own: what each may do, that it is written down before it is
//! done, that a revocation ends what is open, and that nobody's certificate is good for another role.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use certs::tls;
use common::id::Digest;
use common::net::NetError;
use common::net::admin::Conversation;
use common::net::client::{connect_any, resolve};
use common::wire::frame;
use common::wire::message::{Envelope, LedgerHead, PROTOCOL_VERSION, Request};
use coordinator::admin::client::{Door, ask};
use coordinator::admin::contexts::Contexts;
use coordinator::admin::message;
use coordinator::enrolment::keeper::Order;
use serde_json::Value;
use tests::binaries::Binaries;
use tests::consortium::Consortium;

use crate::support::{COMMAND_WITHIN, Small, Wish};

const WITHIN: Duration = Duration::from_secs(20);

/// A person's machine: a home folder with nothing else of the consortium in it.
pub(crate) struct Machine {
    pub(crate) home: PathBuf,
    program: PathBuf,
}

impl Machine {
    /// Invites a person under this name and enrols on a new machine.
    pub(crate) fn enrolled(consortium: &Consortium, home: PathBuf, name: &str, role: &str) -> Result<Self> {
        std::fs::create_dir_all(&home)?;
        let machine = Self { home, program: Binaries::find()?.coordinator };
        let asked = ["operators", "invite", name, "--role", role];
        let line = consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()?;
        let file = machine.home.join("invitation");
        std::fs::write(&file, line)?;
        // As everybody's file is made here.
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
        machine.says(&["enrol", "--invitation-file", file.to_str().context("a path")?])?;
        // The line is used up.
        let again = machine.run(&[
            "enrol",
            "--name",
            "other",
            "--invitation-file",
            file.to_str().context("a path")?,
        ])?;
        ensure!(text(&again.stderr).contains("already used"), "{}", text(&again.stderr));
        Ok(machine)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).current_dir(&self.home).env("HOME", &self.home).stdin(Stdio::null());
        command.env_remove("CONSILIUM_STATE").env_remove("XDG_CONFIG_HOME");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments).output()?)
    }

    pub(crate) fn says(&self, arguments: &[&str]) -> Result<String> {
        let output = self.run(arguments)?;
        ensure!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        Ok(text(&output.stdout))
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Result<Value> {
        Ok(serde_json::from_str(&self.says(&[arguments, &["--json"]].concat())?)?)
    }

    /// Refused with a sentence and a hint, as the user's own mistake.
    pub(crate) fn refused(&self, arguments: &[&str], why: &str) -> Result<()> {
        let output = self.run(arguments)?;
        let said = text(&output.stderr);
        ensure!(output.status.code() == Some(1), "{arguments:?}: {:?} {said}", output.status);
        ensure!(said.contains(why) && said.contains("\nhint: "), "{arguments:?}: {said}");
        Ok(())
    }

    pub(crate) fn contexts(&self) -> Result<Contexts> {
        Ok(Contexts::at(&self.home.join(".config/consilium"))?)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A consortium of one site that has joined and does not run: what is launched waits for its officer.
pub(crate) fn waiting() -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 1, records: 4, rounds: 1, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    Ok((small, consortium))
}

#[test]
fn an_operator_commands_and_an_auditor_reads_from_another_machine() -> Result<()> {
    let (small, mut consortium) = waiting()?;
    let home = |name: &str| small.folder.path().join(name);
    let otto = Machine::enrolled(&consortium, home("otto"), "otto", "operator")?;
    let anna = Machine::enrolled(&consortium, home("anna"), "anna", "auditor")?;
    let run_file = small.run_file.to_str().context("a path")?;
    let run = launches(&otto, &anna, &small.run_file)?;
    // A watch of an auditor ends with her revocation: within two seconds, and within ten beside other tests.
    let mut watch = anna.command(&["watch", &run, "--json"]);
    let mut watch = watch.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut first = String::new();
    BufReader::new(watch.stdout.as_mut().context("its output")?).read_line(&mut first)?;
    ensure!(first.contains(&run), "{first}");
    otto.says(&["operators", "revoke", "anna"])?;
    let since = Instant::now();
    let status = loop {
        if let Some(status) = watch.try_wait()? {
            break status;
        }
        ensure!(since.elapsed() < Duration::from_secs(10), "a revoked auditor still watches");
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut said = String::new();
    watch.stderr.take().context("its errors")?.read_to_string(&mut said)?;
    ensure!(status.code() == Some(1) && said.contains("anna was revoked"), "{status:?} {said}");
    anna.refused(&["status"], "anna was revoked")?;
    otto.says(&["stop", &run, "--yes"])?;
    ensure!(otto.json(&["status", &run])?["phase"] == "failed");
    for arguments in
        [&["export", &run, "--format", "peft", "--out", "x"][..], &["ledger", "site-1", "--out", "x"]]
    {
        otto.refused(arguments, "needs files of the coordinator's machine")?;
    }
    otto.refused(&["evaluate", &run, "--model", "here"], "not a whole path")?;
    is_written_down(&otto, &run, run_file)?;
    // Never a folder here in place of the context.
    consortium.coordinator.stop();
    let gone = otto.run(&["runs"])?;
    ensure!(
        !gone.status.success() && text(&gone.stderr).contains("is not reached"),
        "{}",
        text(&gone.stderr)
    );
    Ok(())
}

/// The operator launches what the auditor may not. Returns the run.
fn launches(otto: &Machine, anna: &Machine, run_file: &Path) -> Result<String> {
    let path = run_file.to_str().context("a path")?;
    anna.refused(&["launch", path], "an auditor reads and changes nothing")?;
    anna.refused(&["invite", "radiology"], "is for operators")?;
    ensure!(anna.json(&["runs"])?.as_array().context("a list")?.is_empty(), "nothing was launched");
    let other = run_file.with_extension("relative.toml");
    let written = std::fs::read_to_string(run_file)?;
    let relative = written.lines().map(|line| match line.starts_with("model = ") {
        true => "model = \"models/qwen\"\n".to_owned(),
        false => format!("{line}\n"),
    });
    std::fs::write(&other, relative.collect::<String>())?;
    otto.refused(&["launch", other.to_str().context("a path")?], "is not a whole path")?;
    // A file of that machine, which the program never names from afar: refused, and not looked at.
    let there = Door::There(Box::new(otto.contexts()?.get("main", &Default::default())?));
    let by_path = ask(&there, &message::Command::Launch { run_file: run_file.to_owned(), queue: false });
    ensure!(by_path.is_err_and(|error| error.to_string().contains("on the coordinator's machine")));
    for order in [Order::Roll { overlap_ms: 0 }, Order::Retire, Order::ReplaceServer] {
        let said = ask(&there, &message::Command::Authority { order });
        ensure!(said.is_err_and(|error| error.to_string().contains("on the coordinator's machine")));
    }
    let run = otto.says(&["launch", path])?.trim().to_owned();
    ensure!(anna.json(&["status"])?["run"] == run.as_str());
    ensure!(anna.json(&["roster"])?["run"] == run.as_str());
    ensure!(anna.json(&["report", &run])?["run"]["phase"] == "proposed");
    ensure!(anna.json(&["ledger", "site-1"])?["frames"] == 0);
    ensure!(otto.json(&["sites", "pause", "site-1"])?["changed"] == true);
    ensure!(anna.json(&["sites"])?[0]["status"] == "paused");
    Ok(run)
}

fn is_written_down(otto: &Machine, run: &str, run_file: &str) -> Result<()> {
    let verified = otto.json(&["acts", "verify"])?;
    ensure!(verified["intact"] == true && verified["without_result"].as_array().is_some_and(Vec::is_empty));
    let acts = otto.json(&["acts", "show"])?;
    let acts = acts.as_array().context("a list")?;
    let find = |verb: &str, step: &str, who: &str| {
        let is_it = |act: &&Value| act["verb"] == verb && act["step"] == step && act["who"] == who;
        acts.iter().rfind(is_it).with_context(|| format!("no {verb} {step} {who} in {acts:#?}"))
    };
    ensure!(find("launch", "refused", "anna")?["role"] == "auditor");
    ensure!(find("invite", "refused", "anna")?["name"] == "radiology");
    ensure!(find("launch", "refused", "otto")?["sha256"].is_null(), "the file was not read");
    let asked = find("launch", "asked", "otto")?;
    ensure!(asked["sha256"] == Digest::of(&std::fs::read(run_file)?).to_string().as_str(), "{asked}");
    let done = find("launch", "done", "otto")?;
    ensure!(done["run"] == run && done["of"] == asked["sequence"], "{done}");
    let certificate = otto.contexts()?.get("main", &Default::default())?.identity.certificate_der().to_vec();
    ensure!(done["certificate"] == Digest::of(&certificate).to_string().as_str(), "{done}");
    ensure!(find("stop", "done", "otto")?["run"] == run);
    ensure!(find("revoke-operator", "done", "otto")?["name"] == "anna");
    find("enrol", "done", "anna")?;
    ensure!(acts[0]["verb"] == "init" && acts[0]["role"] == "local");
    Ok(())
}

#[test]
fn nobodys_certificate_is_good_for_another_role() -> Result<()> {
    let (small, consortium) = waiting()?;
    let otto = Machine::enrolled(&consortium, small.folder.path().join("otto"), "otto", "operator")?;
    let context = otto.contexts()?.get("main", &Default::default())?;
    let site = site_agent::gateway::identity::Identity::load(
        &consortium.sites[0].state().join("identity"),
        &Default::default(),
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let remotes = resolve(&context.address, WITHIN).await?;
        let name = certs::profile::COORDINATOR_NAME;
        // A site among the operators.
        let config = tls::admin_client(&site.tls, &site.authority_der)?;
        let refused = async {
            let opened = connect_any(&remotes, &config, name, WITHIN).await?;
            Conversation::begin(opened, b"{\"command\":\"sites\"}\n", WITHIN).await?.line(WITHIN).await
        };
        let refused = refused.await;
        ensure!(matches!(refused, Err(NetError::NotAuthorised)), "{refused:?}");
        // An operator among the sites.
        let config = tls::run_client(&context.identity, &context.authority)?;
        let ledger = LedgerHead { size: 1, root: Digest([1; 32]) };
        let hello = Request::Hello { protocol: PROTOCOL_VERSION, ledger };
        let bytes = frame::to_bytes(&Envelope { sequence: 1, request: hello })?;
        let opened = connect_any(&remotes, &config, name, WITHIN).await?;
        #[expect(clippy::disallowed_methods, reason = "a member without our gates is what is played here")]
        let refused = opened.connection.exchange(&bytes, WITHIN).await;
        ensure!(matches!(refused, Err(NetError::NotAuthorised)), "{refused:?}");
        Ok(())
    })?;
    // And their invitations are not.
    let line =
        consortium.coordinator.run(&["operators", "invite", "eva", "--role", "auditor"], COMMAND_WITHIN)?;
    let joined = consortium.try_join(0, line.success()?.trim())?;
    ensure!(joined.success().is_err(), "an auditor's invitation is none of a site's");
    let file = otto.home.join("site");
    std::fs::write(&file, consortium.invite("radiology", &[])?)?;
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600))?;
    let asked = ["enrol", "--name", "site", "--invitation-file", file.to_str().context("a path")?];
    otto.refused(&asked, "this invitation is for a hospital")
}

#[test]
fn a_log_of_acts_that_was_changed_is_named_and_takes_nothing_until_a_person_has_looked() -> Result<()> {
    let (small, mut consortium) = waiting()?;
    let otto = Machine::enrolled(&consortium, small.folder.path().join("otto"), "otto", "operator")?;
    otto.says(&["sites", "pause", "site-1"])?;
    otto.says(&["acts", "verify"])?;
    consortium.coordinator.stop();
    let path = consortium.coordinator.state().join("acts/acts.log");
    let log = std::fs::read_to_string(&path)?;
    let changed: Vec<String> = log
        .lines()
        .map(
            |line| {
                if line.contains("\"pause\"") { line.replace("site-1", "site-2") } else { line.to_owned() }
            },
        )
        .collect();
    let first = log.lines().position(|line| line.contains("\"pause\"")).context("a pause")? + 1;
    std::fs::write(&path, changed.join("\n") + "\n")?;
    consortium.start_coordinator(&[])?;
    let named = format!("line {} does not follow from the line before it", first + 1);
    let said = consortium.coordinator.stderr_since_start();
    ensure!(said.contains(&named), "{said}");
    otto.refused(&["sites", "resume", "site-1"], &named)?;
    ensure!(otto.json(&["sites"])?[0]["status"] == "paused", "what only looks goes on");
    otto.refused(&["acts", "verify"], "cannot be trusted")?;
    otto.refused(&["acts", "accept", "--yes"], "needs files of the coordinator's machine")?;
    consortium.coordinator.run(&["acts", "accept", "--yes"], COMMAND_WITHIN)?.success()?;
    otto.says(&["sites", "resume", "site-1"])?;
    // Who saw the old one is told that this is another.
    otto.refused(&["acts", "verify"], "a head of")?;
    let shown = consortium.coordinator.run(&["acts", "verify"], COMMAND_WITHIN)?.success()?;
    ensure!(shown.contains("intact: 4 lines"), "{shown}");
    Ok(())
}
