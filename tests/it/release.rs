//! From a finished run to a signed release, and what is refused on the way: empty fields, a change after the
//! signature, somebody who may not sign or may no longer, and every change of the finished folder. Run by
//! `cargo test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use coordinator::report::Report;
use coordinator::report::suites::Status;
use serde_json::Value;
use tests::consortium::Consortium;
use tests::dataset;
use tests::folder::copy_tree;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::operators::Machine;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, copy_folder, demo_settings, repository};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// What a doctor fills in: see `json/reviews.rs`.
const FILLED: &str = ",\"5\",\"4\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\",\"0\",\"\",\"\",\"good\"";

/// An answer in every field of a draft.
pub(crate) fn answer(draft: &Path) -> Result<()> {
    let path = draft.join("fields.toml");
    let text = fs::read_to_string(&path)?;
    fs::write(&path, text.replace(" = \"\"\n", " = \"As the committee wrote it & <signed>.\"\n"))?;
    Ok(())
}

/// A run that measures all that a release needs.
fn prepared() -> Result<Small> {
    let small = Small::new(&Wish { sites: 2, rounds: 1, ..Wish::default() })?;
    let suites = small.data().join("suites");
    copy_folder(&repository().join("common/evaluation/suites"), &suites)?;
    let source = demo_settings()?.run_file.path("test").context("the demo has a test file")?;
    let test = small.data().join("test-of-40.jsonl");
    dataset::take(&source, &test, 40)?;
    let mut run = RunFile::read(&small.run_file)?;
    run.set_path("test", &test)?;
    let named = suites.join("medqa.toml").display().to_string();
    run.set("evaluation", "suites", vec![named].into());
    run.set("evaluation", "forgetting", true.into());
    run.write(&small.run_file)?;
    Ok(small)
}

/// Waits until the run and its suites are over.
fn finished(consortium: &Consortium, run: &str) -> Result<Report> {
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let found = wait::until("the suites", RUN_WITHIN, LOOK_EVERY, &logs, &interrupt, || {
        let said = consortium.coordinator.run(&["report", run, "--json"], COMMAND_WITHIN)?.success().ok();
        let report = said.and_then(|text| serde_json::from_str::<Report>(&text).ok());
        let is_over = |report: &Report| {
            let all = report.suites.iter().map(|it| it.status);
            report.run.ended.is_some()
                && all.chain(report.forgetting.iter().map(|it| it.status)).all(|it| it != Status::Waiting)
        };
        Ok(report.filter(is_over))
    })?;
    Ok(found)
}

/// A finished run, its draft and those who work on it.
struct Releasing {
    small: Small,
    consortium: Consortium,
    run: String,
    draft: PathBuf,
}

impl Releasing {
    fn path(&self, name: &str) -> String {
        self.small.folder.path().join(name).to_string_lossy().into_owned()
    }

    fn draft(&self) -> String {
        self.draft.to_string_lossy().into_owned()
    }

    fn says(&self, arguments: &[&str]) -> Result<Value> {
        let said =
            self.consortium.coordinator.run(&[arguments, &["--json"]].concat(), RUN_WITHIN)?.success()?;
        Ok(serde_json::from_str(&said)?)
    }

    /// Refused as the user's own mistake, in words that say why.
    fn refused(&self, arguments: &[&str], why: &str) -> Result<()> {
        let said = self.consortium.coordinator.run(arguments, COMMAND_WITHIN)?;
        let words = format!("{}{}", said.stdout, said.stderr);
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(said.code() == Some(1) && words.contains(why), "{arguments:?}: {:?} {words}", said.code());
        Ok(())
    }

    /// The gates of the draft that are not passed.
    fn failed(&self) -> Result<Vec<String>> {
        let status = self.says(&["release", "status", &self.draft()])?;
        let gates = status["gates"].as_array().context("a list")?;
        let failed = gates.iter().filter(|gate| gate["state"] == "failed");
        Ok(failed.filter_map(|gate| gate["gate"].as_str().map(str::to_owned)).collect())
    }

    /// As many open questions as a release needs.
    fn questions(&self) -> Result<String> {
        let suite = self.small.folder.path().join("open.toml");
        let text = fs::read_to_string(repository().join("common/evaluation/suites/open.toml"))?;
        fs::write(&suite, text.replace("answer_tokens = 64", "answer_tokens = 4"))?;
        let row = |number| {
            format!(
                "{{\"id\": \"q-{number}\", \"question\": \"What is dose {number}?\", \"answer\": \"{number} mg\"}}\n"
            )
        };
        fs::write(suite.with_extension("jsonl"), (0..30).map(row).collect::<String>())?;
        Ok(suite.to_string_lossy().into_owned())
    }

    /// Two graders, thirty patients and fifty uses: all of them content.
    fn reviewed(&self) -> Result<[String; 3]> {
        let suite = self.questions()?;
        let (review, people, used) = (self.path("review"), self.path("patients.csv"), self.path("used.csv"));
        self.says(&["review", "new", &self.run, "--suite", &suite, "--graders", "2", "--out", &review])?;
        let mut back = Vec::new();
        for number in [1, 2] {
            let sheet = Path::new(&review).join(format!("sheets/grader-{number}.csv"));
            let to = self.path(&format!("back-{number}.csv"));
            fs::write(&to, fs::read_to_string(sheet)?.replace(&",\"\"".repeat(14), FILLED))?;
            back.push(to);
        }
        self.says(&["review", "import", &review, &back[0], &back[1]])?;
        let rows = (0..30).map(|one| format!("p{one},tuned,5\np{one},base,4\n")).collect::<String>();
        fs::write(&people, format!("person,model,friendliness\n{rows}"))?;
        fs::write(&used, "model,asked,solved\nbase,50,40\ntuned,50,45\n")?;
        Ok([review, people, used])
    }
}

#[test]
fn a_run_becomes_a_release_only_when_every_gate_is_passed_and_verifies_elsewhere() -> Result<()> {
    let small = prepared()?;
    let consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    let report = finished(&consortium, &run)?;
    ensure!(report.test.change.is_some_and(|change| change < 0.0), "{:?}", report.test);
    let draft = small.folder.path().join("draft");
    let it = Releasing { small, consortium, run, draft };
    let (release, draft) = (it.path("release"), it.draft());
    it.says(&["release", "new", &it.run, "--out", &draft])?;
    ensure!(it.failed()? == ["rubric", "safety", "fields", "signatures"], "{:?}", it.failed()?);
    it.refused(&["release", "make", &draft, "--out", &release], "4 gates are not passed")?;
    let [review, people, used] = it.reviewed()?;
    let evidence = ["--review", &review, "--questionnaire", &people, "--utility", &used];
    it.says(&[&["release", "new", &it.run, "--out", &draft], &evidence[..]].concat())?;
    ensure!(it.failed()? == ["fields", "signatures"], "{:?}", it.failed()?);
    let machine =
        |name, role| Machine::enrolled(&it.consortium, it.small.folder.path().join(name), name, role);
    let (anna, otto) = (machine("anna", "operator")?, machine("otto", "auditor")?);
    anna.refused(&["release", "sign", &draft], "needed fields have no answer: model_name")?;
    answer(&it.draft)?;
    otto.refused(&["release", "sign", &draft], "only an operator signs")?;
    it.refused(&["release", "sign", &draft], "no context is named")?;
    anna.says(&["release", "sign", &draft])?;
    ensure!(it.failed()?.is_empty(), "{:?}", it.failed()?);
    fields_change_after_the_signature(&it, &anna)?;
    let made = it.says(&["release", "make", &draft, "--out", &release])?;
    it.refused(&["release", "make", &draft, "--out", &release], "already exists")?;
    let key = made["key"].as_str().context("a key")?.to_owned();
    ensure!(it.says(&["ledger", "site-1"])?["receipt_key"] == key.as_str(), "the key that is known: {key}");
    let acts = it.says(&["acts", "show"])?.to_string();
    ensure!(acts.contains(made["sums_sha256"].as_str().context("a hash")?), "it is in the log: {acts}");
    // On a machine that has nothing but the folder and the key.
    let elsewhere = anna.json(&["verify-release", &release, "--key", &key])?;
    ensure!(elsewhere["holds"] == true && elsewhere["signatures"][0]["name"] == "anna", "{elsewhere}");
    the_documents_say_it(Path::new(&release))?;
    every_change_is_seen(&it, &anna, &key)?;
    it.consortium.coordinator.run(&["operators", "revoke", "anna", "--yes"], COMMAND_WITHIN)?.success()?;
    it.refused(&["release", "make", &draft, "--out", &it.path("late")], "the certificate counts no more")?;
    ensure!(!Path::new(&it.path("late")).exists(), "nothing is left");
    if let Some(to) = std::env::var_os("CONSILIUM_KEEP_RELEASE") {
        copy_tree(Path::new(&release), Path::new(&to))?;
    }
    Ok(())
}

/// A change voids the signature; the old bytes make it hold again.
fn fields_change_after_the_signature(it: &Releasing, anna: &Machine) -> Result<()> {
    let path = it.draft.join("fields.toml");
    let good = fs::read_to_string(&path)?;
    let lost = it.path("lost");
    fs::write(&path, good.replacen("As the committee", "As nobody", 1))?;
    it.refused(&["release", "make", &it.draft(), "--out", &lost], "what they signed was changed since")?;
    fs::write(&path, good.replacen("As the committee wrote it & <signed>.", "TODO", 1))?;
    ensure!(it.failed()? == ["fields", "signatures"], "{:?}", it.failed()?);
    fs::write(&path, &good)?;
    // Somebody lays a signature under another name.
    let signatures = it.draft.join("signatures");
    fs::copy(signatures.join("anna.signature"), signatures.join("berta.signature"))?;
    it.refused(&["release", "make", &it.draft(), "--out", &lost], "under another name")?;
    fs::remove_file(signatures.join("berta.signature"))?;
    // A measurement that somebody makes better in the draft, and has signed.
    let (path, good) = (it.draft.join("facts.json"), fs::read_to_string(it.draft.join("facts.json"))?);
    fs::write(&path, good.replacen("\"conflicts\": 0", "\"conflicts\": 1", 1))?;
    anna.says(&["release", "sign", &it.draft()])?;
    ensure!(it.failed()? == ["facts"], "{:?}", it.failed()?);
    fs::write(&path, good)?;
    anna.says(&["release", "sign", &it.draft()])?;
    ensure!(it.failed()?.is_empty() && !Path::new(&lost).exists(), "{:?}", it.failed()?);
    Ok(())
}

fn the_documents_say_it(release: &Path) -> Result<()> {
    let read = |name: &str| fs::read_to_string(release.join(name)).with_context(|| name.to_owned());
    let card = read("README.md")?;
    ensure!(card.starts_with("---\n") && card.contains("\nlibrary_name: peft\n"), "{card}");
    ensure!(card.contains("# Release:") && card.contains("| Rubric | passed |"), "{card}");
    for untrue in ["No answer was judged", "--base-name", "every gate"] {
        ensure!(!card.contains(untrue), "{untrue}: {card}");
    }
    ensure!(!card.contains("site-1"), "the card names no site: {card}");
    ensure!(read("model-card.xml")?.contains("it &amp; &lt;signed&gt;."), "escaped");
    for (name, words) in [("dossier.en.html", "TRIPOD-LLM"), ("dossier.zh.html", "发布门槛")] {
        ensure!(read(name)?.contains(words), "{name}");
    }
    let folder = release.parent().and_then(Path::to_str).context("a UTF-8 path")?;
    for entry in fs::read_dir(release)? {
        let path = entry?.path();
        let is_text = path.is_file() && path.extension().is_none_or(|end| end != "safetensors");
        if is_text {
            let text = fs::read_to_string(&path)?;
            ensure!(!text.contains(folder), "{} names a folder of this machine", path.display());
        }
    }
    Ok(())
}

/// Each of these is refused, with the key that the good one verifies with.
fn every_change_is_seen(it: &Releasing, anna: &Machine, key: &str) -> Result<()> {
    let good = PathBuf::from(it.path("release"));
    let append =
        |path: PathBuf| -> Result<()> { Ok(fs::write(&path, [fs::read(&path)?, b" ".to_vec()].concat())?) };
    type Change<'a> = (&'a str, &'a dyn Fn(&Path) -> Result<()>);
    let changes: [Change<'_>; 8] = [
        ("adapter_model.safetensors was changed", &|to| append(to.join("adapter_model.safetensors"))),
        ("more.txt is not of the release", &|to| Ok(fs::write(to.join("more.txt"), "")?)),
        ("terms.txt is missing", &|to| Ok(fs::remove_file(to.join("terms.txt"))?)),
        ("it is a link", &|to| {
            fs::rename(to.join("facts.json"), to.join("moved.json"))?;
            Ok(std::os::unix::fs::symlink("moved.json", to.join("facts.json"))?)
        }),
        ("is not the list that was signed", &|to| append(to.join("SHA256SUMS"))),
        ("release.note does not hold", &|to| append(to.join("release.note"))),
        ("it has no release.note", &|to| Ok(fs::remove_file(to.join("release.note"))?)),
        ("signatures/berta.signature is not of the release", &|to| {
            Ok(fs::write(to.join("signatures/berta.signature"), "x")?)
        }),
    ];
    for (why, change) in changes {
        let to = PathBuf::from(it.path("changed"));
        copy_tree(&good, &to)?;
        change(&to)?;
        let said = anna.run(&["verify-release", to.to_str().context("a path")?, "--key", key])?;
        let words = [said.stdout, said.stderr].concat();
        let words = String::from_utf8_lossy(&words).split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(said.status.code() == Some(1) && words.contains(why), "{why}: {words}");
        fs::remove_dir_all(&to)?;
    }
    let other = format!("{}{}", &key[..63], if key.ends_with('0') { '1' } else { '0' });
    let good = good.to_str().context("a path")?;
    anna.refused(&["verify-release", good, "--key", &other], "release.note does not hold")?;
    anna.refused(&["verify-release", good, "--key", "abc"], "--key is no receipt key")?;
    Ok(())
}
