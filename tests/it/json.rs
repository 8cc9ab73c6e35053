//! `--json` of both programs: every command has it or says here why not, and what it prints has the schema
//! that stands in `json/coordinator.txt` and `json/site-agent.txt`. A small consortium, every command once.

mod apart;
mod releases;
mod reviews;
mod shape;
mod suites;
mod witnesses;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::clock::{Clock as _, SystemClock};
use serde_json::Value;
use tests::binaries::Binaries;
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use self::shape::{Shape, Shapes};
use crate::help::{pages, programs};
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, copy_folder, repository};

/// With it, what the commands print is written into the files.
const ACCEPT: &str = "CONSILIUM_ACCEPT_JSON";
const HEAD: &str = "\
# What --json prints, by command: each key with the types of its value. [] are the elements of a list, * the
# values under names that are data (of sites, runs, kinds). `tests/it/json.rs` compares it with the programs.
";
/// Commands without --json, and why.
const WITHOUT: [(&str, &str); 8] = [
    ("coordinator serve", "works until it is stopped; `logs --json` has what it tells"),
    ("coordinator completions", "a shell reads it"),
    ("coordinator man", "writes manual pages"),
    ("site-agent run", "works until it is stopped; `logs --json` has what it tells"),
    ("site-agent serve", "works until it is stopped; its interface speaks JSON"),
    ("site-agent train", "its --out folder has training.json and metrics.jsonl"),
    ("site-agent completions", "a shell reads it"),
    ("site-agent man", "writes manual pages"),
];
/// Commands that print a document a line.
const LINES: [&str; 5] = [
    "coordinator logs",
    "coordinator watch",
    "site-agent generate",
    "site-agent ledger show",
    "site-agent logs",
];
/// Objects whose keys are data, not words of the schema.
const MAPS: [(&str, &[&str]); 12] = [
    ("coordinator ledger", &["kinds"]),
    ("coordinator report", &["provenance.settings"]),
    ("coordinator simulate", &["missing_a_round", "shown_rounds[].missing"]),
    ("coordinator status", &["history[].missing", "history[].weights"]),
    ("coordinator watch", &["history[].missing", "history[].weights"]),
    (
        "site-agent data check",
        &[
            "counts.duplicates",
            "counts.findings",
            "counts.provenance.said",
            "counts.provenance.unreadable",
            "counts.provenance.years",
            "counts.refused",
            "counts.sides",
            "files[].formats",
            "files[].refused",
            "files[].unused",
            "split.sides",
        ],
    ),
    ("site-agent ledger reconcile", &["not_arrived"]),
    ("site-agent ledger report", &["runs.shown[].data.shown[].screening.findings"]),
    ("site-agent ledger verify", &["data", "kinds"]),
    ("site-agent waiver check", &["accepted", "not_waived"]),
    ("site-agent waiver new", &["accepted", "not_waived"]),
    ("site-agent waiver use", &["accepted", "not_waived"]),
];

fn file(program: &str) -> PathBuf {
    repository().join("tests/it/json").join(program).with_extension("txt")
}

fn written(program: &str) -> Shapes {
    shape::read(&std::fs::read_to_string(file(program)).unwrap_or_default())
}

#[test]
fn every_command_has_json_and_a_schema_or_says_why_not() {
    let mut offenders = Vec::new();
    let mut excused: BTreeSet<&str> = WITHOUT.iter().map(|(name, _)| *name).collect();
    for program in programs() {
        let mut described = written(program.get_name());
        for (name, page) in pages(&program) {
            let has_json = page.get_arguments().any(|argument| argument.get_id() == "json");
            let is_excused = excused.remove(name.as_str());
            match (has_json, is_excused, page.has_subcommands()) {
                (true, false, _) if described.remove(&name).is_none() => {
                    offenders.push(format!(
                        "{name} --json has no schema in {}",
                        file(program.get_name()).display()
                    ));
                }
                (true, true, _) => offenders.push(format!("{name} has --json and need not be excused")),
                (false, false, false) => offenders.push(format!("{name} has no --json")),
                _ => {}
            }
        }
        offenders.extend(described.keys().map(|name| format!("there is no {name} --json")));
    }
    offenders.extend(excused.iter().map(|name| format!("there is no {name} to excuse")));
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

/// A consortium whose commands are asked for JSON.
struct Asked {
    small: Small,
    consortium: Consortium,
    binaries: Binaries,
    seen: Shapes,
}

impl Asked {
    /// A name in the test's folder.
    fn path(&self, name: &str) -> String {
        self.small.folder.path().join(name).to_string_lossy().into_owned()
    }

    /// Takes what a command printed: one document, or one a line.
    fn take(&mut self, name: &str, printed: &str) -> Result<Value> {
        let documents: Vec<Value> = match LINES.contains(&name) {
            true => printed.lines().map(serde_json::from_str).collect::<serde_json::Result<_>>(),
            false => serde_json::from_str(printed).map(|document| vec![document]),
        }
        .with_context(|| format!("{name} --json printed {printed}"))?;
        let maps = MAPS.iter().find(|(command, _)| *command == name).map_or(&[][..], |(_, maps)| maps);
        let shape = self.seen.entry(name.to_owned()).or_default();
        documents.iter().for_each(|document| shape::add(shape, document, maps));
        let word =
            |key: &str| key.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | '[' | ']' | '*' | '$'));
        let odd = shape.keys().flat_map(|path| path.split('.')).find(|key| !word(key));
        ensure!(odd.is_none(), "{name} --json has the key {odd:?}, which is not snake_case");
        documents.into_iter().next().with_context(|| format!("{name} --json printed nothing"))
    }

    fn coordinator(&mut self, words: &str, more: &[&str]) -> Result<Value> {
        let arguments: Vec<&str> = words.split(' ').chain(more.iter().copied()).chain(["--json"]).collect();
        let printed = self.consortium.coordinator.run(&arguments, COMMAND_WITHIN)?.success()?;
        self.take(&format!("coordinator {words}"), &printed)
    }

    fn site(&mut self, words: &str, more: &[&str]) -> Result<Value> {
        let arguments: Vec<&str> = words.split(' ').chain(more.iter().copied()).chain(["--json"]).collect();
        let printed = self.consortium.sites[0].run(&arguments, COMMAND_WITHIN)?.success()?;
        self.take(&format!("site-agent {words}"), &printed)
    }

    /// A command that needs no state folder.
    fn alone(&mut self, program: &Path, name: &str, more: &[&str]) -> Result<Value> {
        let words = name.split(' ').skip(1);
        let mut command = Command::new(program);
        command.args(words).args(more).arg("--json").stdin(Stdio::null());
        let output = command.current_dir(self.small.folder.path()).output()?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        self.take(name, &String::from_utf8_lossy(&output.stdout))
    }

    /// Waits until a run is so.
    fn until(&self, run: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
        let (within, pause) = (RUN_WITHIN, Duration::from_millis(100));
        wait::until("the run", within, pause, self.consortium.logs(), &Interrupt::default(), || {
            let asked = ["status", run, "--json"];
            let text = self.consortium.coordinator.run(&asked, COMMAND_WITHIN)?.success()?;
            let status: Value = serde_json::from_str(&text).unwrap_or_default();
            Ok::<_, Failure>(is_so(&status).then_some(()))
        })?;
        Ok(())
    }

    /// From nothing to a site that runs.
    fn begin(&mut self) -> Result<()> {
        let (coordinator, site_agent) = (self.binaries.coordinator.clone(), self.binaries.site_agent.clone());
        let other = self.path("other");
        self.alone(&coordinator, "coordinator init", &["--address", "127.0.0.1:1", "--state", &other])?;
        self.simulate(&coordinator)?;
        self.consortium.start_coordinator(&[])?;
        let invited = self.coordinator("invite", &["site-1"])?;
        let line = invited["invitation"].as_str().context("an invitation")?.to_owned();
        let mut arguments = self.consortium.join_arguments(0);
        arguments.push("--json");
        let joined = self.consortium.sites[0].run_with_input(&arguments, &line, COMMAND_WITHIN)?.success()?;
        let joined = self.take("site-agent join", &joined)?;
        self.consortium.lower_policy(0)?;
        self.keep_frames()?;
        let address = joined["coordinator"].as_str().context("an address")?.to_owned();
        self.site("set-address", &[&address])?;

        let (key, public, waiver) =
            (self.path("officer.key"), self.path("officer.key.pub"), self.path("waiver.json"));
        self.alone(&site_agent, "site-agent officer-key new", &[&key])?;
        self.site("officer-key trust", &[&public])?;
        let records = self.records();
        let expires = SystemClock.now().plus_ms(7 * 24 * 3_600_000).rfc3339();
        let expires = expires.get(..10).context("a day")?;
        let terms = [&records, "--kind", "date", "--reason", "a test", "--expires", expires, "--key", &key];
        let terms = [&terms[..], &["--out", &waiver]].concat();
        self.alone(&site_agent, "site-agent waiver new", &terms)?;
        self.site("waiver check", &[&waiver])?;
        self.site("waiver use", &[&waiver])?;
        self.site("waiver drop", &["--yes"])?;
        let [word, other] = self.passphrases()?;
        let here = [key.as_str(), "--passphrase-file"];
        self.alone(&site_agent, "site-agent keys seal", &[&here[..], &[&word]].concat())?;
        let change = [&here[..], &[&word, "--new-passphrase-file", &other]].concat();
        self.alone(&site_agent, "site-agent keys passphrase", &change)?;
        self.alone(&site_agent, "site-agent keys unseal", &[&here[..], &[&other]].concat())?;
        self.alone(&site_agent, "site-agent keys show", &here[..1])?;
        Ok(self.consortium.start_site(0, &[])?)
    }

    fn records(&self) -> String {
        self.small.setup.sites[0].data[0].to_string_lossy().into_owned()
    }

    /// A run that is put before people, and every word that they can say about it.
    fn decide(&mut self) -> Result<()> {
        let run_file = self.small.run_file.to_string_lossy().into_owned();
        let launched = self.coordinator("launch", &[&run_file])?;
        let run = launched["run"].as_str().context("a run")?.to_owned();
        let (within, pause) = (COMMAND_WITHIN, Duration::from_millis(50));
        wait::until("the proposal", within, pause, self.consortium.logs(), &Interrupt::default(), || {
            let asked = self.consortium.sites[0].run(&["roster", &run], COMMAND_WITHIN)?;
            Ok::<_, Failure>(asked.success().ok())
        })?;
        self.site("runs", &[])?;
        self.site("roster", &[&run])?;
        self.site("policy explain", &[&run])?;
        self.site("decline", &[&run, "--yes"])?;
        let [request, answer, key] =
            ["request.json", "answer.json", "officer.key"].map(|name| self.path(name));
        self.site("approve", &[&run, "--request", &request])?;
        let program = self.binaries.site_agent.clone();
        let signing = [&request, "--key", &key, "--out", &answer, "--yes"];
        self.alone(&program, "site-agent officer-key sign", &signing)?;
        self.site("approve", &[&run, "--answer", &answer])?;
        self.site("runs", &[&run])?;
        self.site("withdraw", &[&run, "--yes"])?;
        self.until(&run, |status| status["phase"] == "failed")?;
        // The next ones are approved by the policy.
        self.consortium.sites[0].stop();
        let path = self.consortium.sites[0].state().join("agent.toml");
        let text = std::fs::read_to_string(&path)?;
        std::fs::write(&path, text.replace("approval = \"ask\"", "approval = \"auto\""))?;
        self.site("policy show", &[])?;
        self.site("policy sign", &["--yes", "--key", &key])?;
        self.site("policy sign", &["--request", &request])?;
        Ok(self.consortium.start_site(0, &[])?)
    }

    /// A run that is stopped after its first round, and one that goes on from it. Returns both.
    fn runs(&mut self) -> Result<[String; 2]> {
        let run_file = self.small.run_file.to_string_lossy().into_owned();
        let launched = self.coordinator("launch", &[&run_file])?;
        let run = launched["run"].as_str().context("a run")?.to_owned();
        self.coordinator("sites exclude", &["site-1"])?;
        self.coordinator("sites include", &["site-1"])?;
        self.until(&run, |status| status["closes"].is_string() && status["round"] == 1)?;
        self.coordinator("extend", &[&run, "--by", "1m"])?;
        self.until(&run, |status| status["history"][0]["published"].is_string())?;
        self.coordinator("stop", &[&run, "--yes"])?;
        let resumed = self.coordinator("resume", &[&run])?;
        let next = resumed["run"].as_str().context("a run")?.to_owned();
        self.site("replay", &[&run, "--round", "1"])?;
        // Without the model the test set stays closed, and is measured later.
        let (model, moved) = (self.path("model"), self.path("moved"));
        std::fs::rename(&model, &moved)?;
        self.until(&next, |status| status["phase"] == "finished" || status["phase"] == "failed")?;
        self.coordinator("evaluate", &[&next, "--model", &moved])?;
        let suite = repository().join("common/evaluation/suites/medqa.toml").to_string_lossy().into_owned();
        self.coordinator("evaluate", &[&next, "--suite", &suite, "--every-round", "--model", &moved])?;
        self.checked(&next, &moved)?;
        self.reviews(&next, &moved)?;
        self.releases(&next)?;
        let out = self.path("exported");
        self.coordinator("export", &[&next, "--format", "peft", "--out", &out, "--model", &moved])?;
        Ok([run, next])
    }

    /// What only looks, at the coordinator.
    fn look(&mut self, runs: &[String]) -> Result<()> {
        // The first one has what the second one, without its model, has not.
        for run in runs {
            for words in ["status", "watch", "report", "roster"] {
                self.coordinator(words, &[run])?;
            }
        }
        for words in ["runs", "sites", "logs", "check", "config show", "invitations list"] {
            self.coordinator(words, &[])?;
        }
        self.people()?;
        self.coordinator("prune", &["--dry-run"])?;
        self.coordinator("sites pause", &["site-1"])?;
        self.coordinator("sites resume", &["site-1"])?;
        self.consortium.invite("site-2", &[])?;
        self.coordinator("invitations withdraw", &["site-2", "--yes"])?;
        self.coordinator("authority retire", &["--yes"])?;
        self.coordinator("authority roll", &["--yes"])?;
        self.coordinator("authority show", &[])?;
        let list = self.path("revoked.pem");
        self.coordinator("crl show", &[])?;
        self.coordinator("crl export", &[&list])?;
        self.coordinator("crl replace-server", &["--yes"])?;
        Ok(())
    }

    /// Operators and auditors, and what a person on another machine has.
    fn people(&mut self) -> Result<()> {
        let invited = self.coordinator("operators invite", &["anna", "--role", "auditor"])?;
        let (home, line) = (self.path("home"), self.path("line"));
        std::fs::create_dir(&home)?;
        std::fs::write(&line, invited["invitation"].as_str().context("an invitation")?)?;
        std::fs::set_permissions(&line, std::fs::Permissions::from_mode(0o600))?;
        self.person("coordinator enrol", &["--invitation-file", &line])?;
        self.person("coordinator context list", &[])?;
        self.person("coordinator context use", &["main"])?;
        self.person("coordinator acts show", &[])?;
        self.person("coordinator acts verify", &[])?;
        self.person("coordinator acts head", &[])?;
        self.witnesses()?;
        self.coordinator("operators list", &[])?;
        let [word, other] = self.passphrases()?;
        let here = ["--context", "main", "--passphrase-file"];
        self.person("coordinator keys seal", &[&here[..], &[&word]].concat())?;
        let change = [&here[..], &[&word, "--new-passphrase-file", &other]].concat();
        self.person("coordinator keys passphrase", &change)?;
        self.person("coordinator keys unseal", &[&here[..], &[&other]].concat())?;
        self.person("coordinator keys show", &here[..2])?;
        self.person("coordinator context set-address", &["main", "127.0.0.1:1"])?;
        self.person("coordinator context remove", &["main"])?;
        self.coordinator("operators revoke", &["anna", "--yes"])?;
        std::fs::write(self.consortium.coordinator.state().join("acts/head"), "no head")?;
        self.coordinator("acts accept", &["--yes"])?;
        Ok(())
    }

    /// A command on a person's own machine.
    fn person(&mut self, name: &str, more: &[&str]) -> Result<Value> {
        let mut command = Command::new(&self.binaries.coordinator);
        command.args(name.split(' ').skip(1)).args(more).arg("--json").stdin(Stdio::null());
        command.env("XDG_CONFIG_HOME", self.path("home")).env_remove("CONSILIUM_STATE");
        let output = command.current_dir(self.small.folder.path()).output()?;
        ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        self.take(name, &String::from_utf8_lossy(&output.stdout))
    }

    /// Frames are kept from here on.
    fn keep_frames(&mut self) -> Result<()> {
        let (program, key) = (self.binaries.site_agent.clone(), self.path("escrow.key"));
        let made = self.alone(&program, "site-agent ledger escrow new-key", &[&key])?;
        let recipient = made["recipient"].as_str().context("a recipient")?;
        let path = self.consortium.sites[0].state().join("agent.toml");
        let section = format!("\n[escrow]\nrecipient = \"{recipient}\"\nkeep_days = 9\nmib_max = 64\n");
        std::fs::write(&path, std::fs::read_to_string(&path)? + &section)?;
        Ok(())
    }

    /// What was kept of a piece of an update.
    fn look_at_frames(&mut self) -> Result<()> {
        let shown = self.consortium.sites[0].run(&["ledger", "show", "--json"], COMMAND_WITHIN)?.success()?;
        let chunk = shown.lines().find(|line| line.contains("\"kind\":\"chunk\"")).context("a chunk left")?;
        let chunk: Value = serde_json::from_str(chunk)?;
        let (number, key) = (chunk["sequence"].to_string(), self.path("escrow.key"));
        self.site("ledger open", &[&number, "--key", &key])?;
        self.site("ledger escrow list", &[])?;
        Ok(())
    }

    /// What only looks, at the site.
    fn look_at_site(&mut self) -> Result<()> {
        // A busy machine may leave an attack untried, which is exit code 1; the JSON is the same.
        let tried = self.consortium.sites[0].run(&["check", "--attack", "--json"], COMMAND_WITHIN)?;
        self.take("site-agent check", &tried.stdout)?;
        for words in ["check", "status", "logs", "config show", "ledger show", "ledger verify"] {
            self.site(words, &[])?;
        }
        self.site("prune", &["--dry-run"])?;
        let (receipts, records) = (self.path("receipts.json"), self.records());
        self.site("ledger receipts", &["--out", &receipts])?;
        let arrivals = self.path("arrivals");
        self.coordinator("ledger", &["site-1", "--out", &arrivals])?;
        self.site("ledger reconcile", &[&arrivals, "--wire"])?;
        let (head, proof) = (self.path("head.checkpoint"), self.path("0.tlog-proof"));
        self.site("ledger checkpoint", &["--out", &head])?;
        self.site("ledger checkpoint", &[])?;
        self.site("ledger prove", &["0", "--out", &proof])?;
        self.site("ledger prove", &["0"])?;
        self.site("ledger verify", &["--checkpoint", &head, "--proof", &proof])?;
        self.witness_of_a_site()?;
        self.look_at_frames()?;
        self.site("leave", &["--dry-run"])?;
        self.site("ledger report", &[])?;
        let (program, model, small) =
            (self.binaries.site_agent.clone(), self.path("moved"), self.path("nf4"));
        self.alone(&program, "site-agent data check", &[&records, "--model", &model])?;
        self.alone(&program, "site-agent data show", &["1", &records, "--model", &model, "--allow-pipe"])?;
        self.alone(&program, "site-agent plan", &[&model])?;
        self.alone(&program, "site-agent quantise", &[&model, "--out", &small])?;
        self.suites(&program, &model)?;
        self.safety_rules(&program)?;
        let asked = [&model, "--prompt", "?", "--max-tokens", "2"];
        self.alone(&program, "site-agent generate", &asked)?;
        self.alone(&program, "site-agent ask", &[&model, "?", "--max-tokens", "2"])?;
        Ok(())
    }

    /// A ledger that was cut is accepted on both sides; then the site is shut out.
    fn accept(&mut self) -> Result<()> {
        self.consortium.sites[0].stop();
        let ledger = self.consortium.sites[0].state().join("ledger/ledger.log");
        let whole = std::fs::read_to_string(&ledger)?;
        let kept = whole.lines().count() - 8;
        std::fs::write(&ledger, whole.split_inclusive('\n').take(kept).collect::<String>())?;
        let key = self.path("officer.key");
        self.site("ledger accept", &["--yes", "--key", &key])?;
        self.consortium.start_site(0, &[])?;
        let (within, pause) = (COMMAND_WITHIN, Duration::from_millis(50));
        wait::until("the refusal", within, pause, self.consortium.logs(), &Interrupt::default(), || {
            let said = self.consortium.sites[0].stderr_since_start();
            Ok::<_, Failure>(said.contains("was told of another ledger").then_some(()))
        })?;
        self.coordinator("sites accept-ledger", &["site-1", "--yes"])?;
        self.consortium.sites[0].stop();
        let invited = self.coordinator("invite", &["site-1", "--readmit"])?;
        let line = invited["invitation"].as_str().context("an invitation")?.to_owned();
        let asked = ["rejoin", "--json"];
        let back = self.consortium.sites[0].run_with_input(&asked, &line, COMMAND_WITHIN)?.success()?;
        self.take("site-agent rejoin", &back)?;
        self.coordinator("revoke", &["site-1", "--yes"])?;
        Ok(())
    }

    /// Compares with what is written, or writes it.
    fn compare(&self, program: &str) -> Result<Vec<String>> {
        let ours = |name: &str| name.split(' ').next() == Some(program);
        let seen: Shapes =
            self.seen.iter().filter(|(name, _)| ours(name)).map(|(n, s)| (n.clone(), s.clone())).collect();
        let before = written(program);
        if std::env::var_os(ACCEPT).is_some() {
            let none = Shape::new();
            let accepted = seen.iter().map(|(name, shape)| {
                (name.clone(), shape::accepted(before.get(name).unwrap_or(&none), shape))
            });
            std::fs::write(file(program), shape::write(HEAD, &accepted.collect()))?;
            return Ok(Vec::new());
        }
        let none = Shape::new();
        let all: BTreeSet<&String> = before.keys().chain(seen.keys()).collect();
        Ok(all
            .into_iter()
            .flat_map(|name| {
                let (before, seen) = (before.get(name).unwrap_or(&none), seen.get(name).unwrap_or(&none));
                shape::differences(before, seen).into_iter().map(move |line| format!("{name}  {line}"))
            })
            .collect())
    }
}

#[test]
fn what_json_prints_has_the_written_schema() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 2, ..Wish::default() })?;
    let model = small.folder.path().join("model");
    copy_folder(&small.setup.model, &model)?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_path("model", &model)?;
    file.write(&small.run_file)?;
    let consortium = Consortium::create(small.setup.clone())?;
    let mut asked = Asked { small, consortium, binaries: Binaries::find()?, seen: Shapes::new() };
    asked.begin()?;
    asked.decide()?;
    let runs = asked.runs()?;
    asked.look(&runs)?;
    asked.look_at_site()?;
    asked.accept()?;
    asked.consortium.stop();
    let differences = [asked.compare("coordinator")?, asked.compare("site-agent")?].concat();
    ensure!(
        differences.is_empty(),
        "--json prints other keys than tests/it/json/*.txt says (+ new, - gone, ~ another type):\n{}\n\
         Scripts at hospitals read them. If it is meant, run this test with {ACCEPT}=1, look at the \
         change of those files, and name it in the CHANGELOG.",
        differences.join("\n")
    );
    Ok(())
}
