//! `site-agent evaluate`: test suites asked of a model, and of adapters beside it. Run by `cli`. Invariants:
//! it opens no record, model or adapter before it has the locks; a page appears whole, and replaces none
//! unless that is asked for.

use std::fs;
use std::path::{Path, PathBuf};

use cli::questions::Display;
use common::durable;
use common::id::Digest;
use evaluation::limits::{ADAPTERS_MAX, SUITES_MAX};
use evaluation::safety::RuleFile;
use evaluation::suite::SuiteFile;
use model::{Compute, Device, LoadOptions, WeightFormat};
use prepare::safety;
use prepare::suite::{BASE, resume_file};
use sandbox::Lock;
use serde_json::json;

use super::support::{absolute, model_folder, present, print_json, record_file};
use crate::alone::evaluate::{Found, Plan, lock, measure, of_suite};
use crate::error::SiteError;
use crate::language::Language;
use crate::limits::PAGE_FOLDER_ENTRIES_MAX;

/// What is done about answers that do not pass.
const NOT_PASSED: &str =
    "read the answers that the report quotes; none of this model's should reach a patient";

const EXAMPLES: &str = "\
Examples:
  Is the adapter better than the base, and how sure is that?
    site-agent evaluate /srv/qwen2.5-0.5b --suite medqa.toml --adapter ./adapter

  Base, this site alone and the federation side by side, on two suites:
    site-agent evaluate MODEL --suite medqa.toml --suite cmb.toml \\
        --adapter ./alone --adapter ./federated --html evaluation.html

  Does every answer keep the rules of safety, and the emergency bank pass?
    site-agent evaluate MODEL --adapter ./adapter --suite emergency.toml \\
        --rules safety.toml --must-pass

A suite file, beside its records:

  name = \"medqa\"            # what reports call it
  layout = \"medqa\"          # items, medqa, medmcqa, pubmedqa, cmb, cmexam
                            # or healthbench
  records = \"test.jsonl\"    # a file in the same folder
  prompt = \"medqa\"          # medqa, medmcqa, pubmedqa, cmmlu, cmb, plain,
                            # plain-zh or bare [default: the layout's]
  score = \"letters\"         # letters, options (their whole text), generated
                            # (the letters of an answer), phrases, open,
                            # structured or rubric
  chat = false              # the question as a turn of a conversation
  permuted = false          # letters: in every cyclic order of the options, too
  shots = 5                 # letters, options: so many examples with answers
                            # before every question; the first records, which
                            # are then not asked, or those of
  examples = \"dev.jsonl\"    # a file of the same layout
  description = \"...\"       # a text before them; with chat the system's turn
  margin_points = 2.0       # how much worse still counts as not worse
  licence = \"MIT\"           # for the report

A suite of one's own (layout = \"items\") has a record a line:

  {\"id\": \"1\", \"case\": \"p1\", \"group\": \"cardiology\", \"question\": \"...\",
   \"options\": [\"...\", \"...\"], \"answer\": \"B\"}

where id, case (items that are not independent of each other) and group are left out where there are none. Options that all \
items share stand in the suite file, for instance answers = [\"yes\", \"no\"]; an answer is then one of them. Where several \
options are right (score = \"generated\"), the answer has all their letters; answer_tokens (10) bounds what is generated.

What an answer in words must have, such as a referral, a refusal or a disclaimer, and what it must not have, is looked for \
with prompt = \"bare\": wanted = [\"call 911\"] (one of them) and unwanted = [...] (none of them), in the suite file or in a record, \
which then has no options and no answer; * in a phrase stands for up to 20 characters of the sentence. \
Words are no judgement: read the answers, too.

Other answers in words, with the prompt bare, plain or plain-zh:

  score = \"open\"            # like the record's answer? BLEU, ROUGE and more
  score = \"structured\"      # with form = \"soap\", or form = \"json\" and
                            # schema = '''...'''
  score = \"rubric\"          # HealthBench's records; grades = \"sheet.csv\",
                            # graded_by = \"people\" or \"model\" (triage only)

  [[rule]]                  # counted for every answer in words
  name = \"disclaimer\"       # or must-refuse, must-answer,
                            # emergency-referral: lists of ours; with a name
                            # of your own: wanted.en, unwanted.zh and so on

A record's dialogue = [{\"role\": \"user\", \"content\": \"...\"}, ...] stands for its question (chat = true). \
--sheet writes the answers without the models' names; people fill in met and grader.

An item that cannot be scored refuses its suite, by line. The first model is always the base; every difference is to it. \
Nothing is sent anywhere, and no question is printed.";

/// Ask a model, and adapters beside it, the questions of test suites, and see what got better.
///
/// Prints every score with its number of questions and its interval, the difference of each adapter to the
/// base with its sureness, and what the suite is too small to see. Runs behind the worker's locks: no
/// network, and no file but the model, the adapters, the suites and the tables of --rules can be opened;
/// with --html or --sheet also what is in that file's folder, which should hold nothing else. A long
/// evaluation is kept with --resume: it then goes on behind the last answer after Ctrl-C or a crash.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Folder of the base model (Hugging Face layout, with tokenizer and chat template).
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// A suite file; may be repeated.
    #[arg(long = "suite", value_name = "FILE", required = true)]
    suites: Vec<PathBuf>,
    /// Folder of an adapter in PEFT's layout to compare with the base; may be repeated.
    #[arg(long = "adapter", value_name = "DIR")]
    adapters: Vec<PathBuf>,
    /// Write the report as a page, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Write the answers in words (of a dialogue the last) to this file, a table (CSV) that people grade;
    /// never replaces one.
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Keep what was asked in this file as it comes; after an interruption the same command goes on from it.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// A file of safety rules (see `site-agent rules --help`); every answer in words is checked by them, of
    /// a dialogue the last one. The report then quotes answers.
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,
    /// Exit with 1 where an adapter (the base, where there is none) breaks a rule that stops, is wrong in a
    /// suite that phrases decide, or a rule that stops and asks for words is about none of
    /// its answers.
    #[arg(long, requires = "rules")]
    must_pass: bool,
    /// Replace the page if it is there.
    #[arg(long, requires = "html")]
    replace: bool,
    /// Seed of the bootstrap; the same seed gives the same intervals.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How the base model's linears are held: nf4 (a seventh of the memory) or f32.
    #[arg(long, value_parser = ["nf4", "f32"], default_value = "nf4")]
    weights: String,
    /// Precision of the matrix products.
    #[arg(long, value_parser = ["bf16", "f32"], default_value = "bf16")]
    compute: String,
    /// Where to compute: cpu, cuda or cuda:N.
    #[arg(long, default_value_t = Device::Cpu)]
    device: Device,
    /// Language of report and page: `zh` or `en`. The locale decides where this is not given.
    #[arg(long, value_name = "LANGUAGE", alias = "lang")]
    language: Option<Language>,
    /// Print the report as JSON, with the lines of all questions that changed.
    #[arg(long)]
    json: bool,
    /// Go on without this lock: landlock, seccomp, core-dumps or descriptors; may be repeated.
    #[arg(long = "allow-missing", value_name = "LOCK")]
    allow_missing: Vec<Lock>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let plan = plan(arguments)?;
    let page = arguments.html.as_deref().map(absolute).transpose()?;
    if let Some(page) = page.as_deref().filter(|page| page.exists() && !arguments.replace) {
        let sentence = format!("{} is there already", page.display());
        return Err(SiteError::data(&sentence, "name another file, or add --replace"));
    }
    let sheet = sheet(arguments)?;
    if page.is_some() && page == sheet {
        return Err(SiteError::data("--sheet and --html name one file", "name another one for the page"));
    }
    // Before the locks, which are for files that are there.
    if plan.resume.is_some() && (plan.resume == page || plan.resume == sheet) {
        let sentence = "--resume names a file that is written at the end";
        return Err(SiteError::data(sentence, "name another one for --resume"));
    }
    if let Some(file) = &plan.resume {
        resume_file(file)?;
    }
    let parents = [&page, &sheet].into_iter().flatten().filter_map(|path| path.parent());
    let folders = parents.map(|parent| harmless(&present(parent)?)).collect::<Result<Vec<PathBuf>, _>>()?;
    let adapters: Vec<_> =
        plan.adapters.iter().map(|(name, path)| json!({ "name": name, "path": path })).collect();
    let model = plan.model.clone();
    lock(&plan, &folders, arguments.device, &arguments.allow_missing)?;
    let options = LoadOptions {
        weights: if arguments.weights == "f32" { WeightFormat::F32 } else { WeightFormat::Nf4 },
        compute: if arguments.compute == "f32" { Compute::F32 } else { Compute::Bf16 },
    };
    let mut display = Display::new();
    let found = measure(plan, &options, arguments.device, &mut |at| {
        display.show(at.known, at.done, at.total, &format!("{}: {}", at.model, at.suite));
    });
    display.end();
    let Found { report, fingerprint, sheet: answers, safety } = found?;
    let language = Language::chosen(arguments.language);
    // Printed first: a page that cannot be written must not cost the hours that the answers took.
    if arguments.json {
        let mut document =
            serde_json::to_value(&report).map_err(|error| SiteError::Internal(error.to_string()))?;
        document["model"] = json!({
            "path": model,
            "fingerprint": Digest(fingerprint).to_string(),
            "weights": arguments.weights,
            "compute": arguments.compute,
        });
        document["adapters"] = json!(adapters);
        if let Some(safety) = &safety {
            document["safety"] = json!(safety);
        }
        print_json(&document)?;
    } else {
        print!("{}", cli::comparison::terminal(&report, safety.as_ref(), language));
    }
    if let Some((path, answers)) = sheet.zip(answers) {
        durable::write(&path, answers.as_bytes(), durable::PRIVATE).map_err(SiteError::at(&path))?;
    }
    if let Some(page) = &page {
        let html = cli::comparison::page(&report, safety.as_ref(), language);
        durable::write(page, html.as_bytes(), durable::ORDINARY).map_err(SiteError::at(page))?;
    }
    let safety = safety.filter(|_| arguments.must_pass);
    match safety.and_then(|safety| cli::comparison::not_passed(&report, &safety)) {
        None => Ok(()),
        Some(reason) => Err(SiteError::data(&format!("the answers do not pass: {reason}"), NOT_PASSED)),
    }
}

/// The sheet's file. One that is there may hold grades, so none is replaced.
fn sheet(arguments: &Arguments) -> Result<Option<PathBuf>, SiteError> {
    let sheet = arguments.sheet.as_deref().map(absolute).transpose()?;
    if let Some(sheet) = sheet.as_ref().filter(|sheet| sheet.exists()) {
        let sentence = format!("{} is there already, and may hold grades", sheet.display());
        return Err(SiteError::data(&sentence, "name another file with --sheet"));
    }
    Ok(sheet)
}

/// The page's folder, without links in its path. Refuses one that is a state folder, lies in one or has one
/// anywhere beneath: all that is beneath it is open to the process that asks. Links beneath are not followed,
/// nor do the locks follow them.
fn harmless(folder: &Path) -> Result<PathBuf, SiteError> {
    let is_state = |at: &Path| ["agent.toml", "coordinator.toml"].iter().any(|name| at.join(name).exists());
    let state = |at: &Path| {
        SiteError::data(
            &format!("the process that asks the model could change the state folder {}", at.display()),
            "name a file in a folder of its own with --html and --sheet",
        )
    };
    let folder = folder.canonicalize().map_err(SiteError::at(folder))?;
    if let Some(at) = folder.ancestors().find(|at| is_state(at)) {
        return Err(state(at));
    }
    let (mut left, mut seen) = (vec![folder.clone()], 0);
    while let Some(at) = left.pop() {
        if is_state(&at) {
            return Err(state(&at));
        }
        for entry in fs::read_dir(&at).map_err(SiteError::at(&at))? {
            let entry = entry.map_err(SiteError::at(&at))?;
            seen += 1;
            if seen > PAGE_FOLDER_ENTRIES_MAX {
                let sentence = format!(
                    "{} has more than {PAGE_FOLDER_ENTRIES_MAX} files and folders beneath it, and the process that asks could change them",
                    folder.display()
                );
                return Err(SiteError::data(
                    &sentence,
                    "name a file in a folder of its own with --html and --sheet",
                ));
            }
            // The kind of the entry itself: that of a link is a link.
            if entry.file_type().map_err(SiteError::at(&entry.path()))?.is_dir() {
                left.push(entry.path());
            }
        }
    }
    Ok(folder)
}

/// What the arguments ask for; everything that they name is there.
fn plan(arguments: &Arguments) -> Result<Plan, SiteError> {
    for (count, most, what) in [
        (arguments.suites.len(), SUITES_MAX, "--suite"),
        (arguments.adapters.len(), ADAPTERS_MAX, "--adapter"),
    ] {
        if count > most {
            let sentence = format!("{what} is given {count} times; at most {most} are compared");
            return Err(SiteError::data(&sentence, "evaluate them in several commands"));
        }
    }
    let model = model_folder(&arguments.model)?;
    let mut adapters: Vec<(String, PathBuf)> = Vec::new();
    for path in &arguments.adapters {
        let folder = model_folder(path)?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_taken = name == BASE || adapters.iter().any(|(before, _)| *before == name);
        // Where the paths are long, what tells them apart is not what a table shows of them.
        let name = if is_taken { format!("{}-{name}", adapters.len() + 1) } else { name };
        if adapters.iter().any(|(before, _)| *before == name) {
            return Err(SiteError::data(&format!("{name} is given twice"), "name each adapter once"));
        }
        adapters.push((name, folder));
    }
    let suites = arguments.suites.iter().map(|path| {
        let suite = SuiteFile::read(&absolute(path)?).map_err(of_suite)?;
        // A lock on what is not there cannot be taken.
        for file in suite.files() {
            record_file(&file)?;
        }
        Ok(suite)
    });
    let suites = suites.collect::<Result<Vec<SuiteFile>, SiteError>>()?;
    let rules = arguments.rules.as_deref().map(|path| rule_file(path, &suites)).transpose()?;
    let keeps_answers = arguments.sheet.is_some();
    let resume = arguments.resume.as_deref().map(absolute).transpose()?;
    Ok(Plan { model, adapters, suites, seed: arguments.seed, keeps_answers, rules, resume })
}

/// The rules, for suites that have answers for them; every file that they name is there.
fn rule_file(path: &Path, suites: &[SuiteFile]) -> Result<RuleFile, SiteError> {
    let rules = RuleFile::read(&absolute(path)?).map_err(of_suite)?;
    safety::must_act(suites)?;
    for table in rules.tables() {
        record_file(&table)?;
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_opens_no_state_folder_at_any_depth() {
        let scratch = tempfile::tempdir().unwrap();
        let deep = scratch.path().join("pages/a/b/state");
        fs::create_dir_all(deep.join("inside")).unwrap();
        let pages = scratch.path().join("pages");
        assert_eq!(harmless(&pages).unwrap(), pages.canonicalize().unwrap());
        fs::write(deep.join("agent.toml"), "").unwrap();
        let link = scratch.path().join("link");
        std::os::unix::fs::symlink(deep.join("inside"), &link).unwrap();
        for folder in [&pages, &deep, &deep.join("inside"), &link] {
            let error = harmless(folder).unwrap_err().to_string();
            assert!(error.contains("could change the state folder"), "{error}");
        }
        // The locks do not follow a link, either.
        let beside = scratch.path().join("beside");
        fs::create_dir(&beside).unwrap();
        std::os::unix::fs::symlink(&deep, beside.join("to-state")).unwrap();
        harmless(&beside).unwrap();
        for number in 0..=PAGE_FOLDER_ENTRIES_MAX {
            fs::write(beside.join(number.to_string()), "").unwrap();
        }
        assert!(harmless(&beside).unwrap_err().to_string().contains("more than"));
    }
}
