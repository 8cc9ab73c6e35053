//! `coordinator evaluate`: measure the test set of a run that ended without, or ask evaluation suites of what
//! a run published. Called by `cli`. Invariants: a test set that was measured stays closed; suites change
//! nothing of a run.

use std::path::{Path, PathBuf};

use cli::questions::Display;
use common::durable;
use common::language::Language;
use evaluation::limits::SUITES_MAX;
use evaluation::safety::RuleFile;
use evaluation::sheet;
use prepare::suite::resume_file;
use serde_json::json;

use super::{follow, offline, output};
use crate::admin::client::Door;
use crate::admin::message::Command;
use crate::admin::signing::Wanted;
use crate::error::{Error, Result};
use crate::evaluate::suites::{self, Found, Wishes};
use crate::state_folder::StateFolder;
use crate::state_folder::config::Config;

const MANUAL: &str = "\
Without --suite: measure the final model of a run on its test set, where that
was not possible at the end of the run, such as because the base model's folder
had moved. The model must be the run's base model and the file the one that the
run was launched with; both are checked before the test set is opened. A test
set that was measured is not opened again. Both models then answer the sample
questions for `coordinator report`. Waits for the result and prints it. Ctrl-C
stops waiting, not the measuring.

With --suite: ask the base model and the run's newest published adapter, or with
--every-round the newest ones that are still there (16 at most), the questions
of evaluation suites, and say what got better and how sure that is. It works
with and without a running `serve`, changes nothing of the run, and leaves its
test set as it is. It runs behind locks: no network, and of the files only model,
adapters, suites and tables of --rules; with --html or --sheet also what is in
that file's folder.
With --resume it goes on behind the last answer after Ctrl-C or a crash.
With --rules every answer in words is checked by a file of safety rules, and
--must-pass makes it the gate before a release: 100 % or exit code 1.
`[evaluation] suites` in a run file has the coordinator do it after the last
round, for `coordinator report`; what it could not ask then is asked like this.
`site-agent evaluate --help` describes suite files.

Examples:
  coordinator evaluate 5f0c
  coordinator evaluate 5f0c --model /models/qwen --test /held-out/test.jsonl
  coordinator evaluate 5f0c --suite medqa.toml --html page/suites.html
  coordinator evaluate 5f0c --suite emergency.toml --rules safety.toml \\
                      --must-pass";

/// Measure a run's test set, or ask suites of its model
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    /// Where the base model is now [default: where it was]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Where the test file is now [default: where it was]
    #[arg(long, value_name = "FILE", conflicts_with = "suites")]
    test: Option<PathBuf>,
    /// A suite file; may be repeated
    #[arg(long = "suite", value_name = "FILE")]
    suites: Vec<PathBuf>,
    /// Compare the newest published rounds whose adapters are still there, 16 at most
    #[arg(long, requires = "suites")]
    every_round: bool,
    /// Write the report on the suites to this file, replacing it
    #[arg(long, value_name = "FILE", requires = "suites")]
    html: Option<PathBuf>,
    /// Write the answers in words (of a dialogue the last) to this file, a table (CSV) that people grade;
    /// never replaces one
    #[arg(long, value_name = "FILE", requires = "suites")]
    sheet: Option<PathBuf>,
    /// Keep what was asked in this file as it comes; after an interruption the same command goes on from it
    #[arg(long, value_name = "FILE", requires = "suites")]
    resume: Option<PathBuf>,
    /// A file of safety rules (see `site-agent rules --help`); every answer in words is checked by them, of
    /// a dialogue the last one. The report then quotes answers
    #[arg(long, value_name = "FILE", requires = "suites")]
    rules: Option<PathBuf>,
    /// Exit with 1 where a published model breaks a rule that stops, is wrong in a suite that phrases
    /// decide, or a rule that stops and asks for words is about none of
    /// its answers
    #[arg(long, requires = "rules")]
    must_pass: bool,
    /// Seed of the suites' bootstrap [default: 0]
    #[arg(long, requires = "suites")]
    seed: Option<u64>,
    /// Language of the report on suites: `zh` or `en`. The locale decides where this is not given
    #[arg(long, value_name = "LANGUAGE", alias = "lang", requires = "suites")]
    language: Option<Language>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    if !arguments.suites.is_empty() {
        return ask(door.here()?, arguments);
    }
    let command = Command::Evaluate {
        run: arguments.run.clone(),
        model: follow::absolute(door, arguments.model.as_deref(), "model folder")?,
        test: follow::absolute(door, arguments.test.as_deref(), "test file")?,
    };
    let last = follow::to_the_end(door, &follow::start(door, &command, Wanted::Nothing)?.0)?;
    if last.test.federated.is_some() {
        return output::tell(arguments.json, &json!({ "run": last.run, "test": last.test }), || {});
    }
    let message = last.warnings.last().cloned().unwrap_or_else(|| "the test set was not measured".to_owned());
    Err(Error::Argument {
        message,
        hint:
            "name the run's own base model with --model, and the file that it was launched with with --test"
                .into(),
    })
}

/// Suites, in this process.
fn ask(folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    if arguments.suites.len() > SUITES_MAX {
        let message =
            format!("{} suites were named; at most {SUITES_MAX} are compared", arguments.suites.len());
        return Err(Error::Argument { message, hint: "evaluate them in several commands".into() });
    }
    let config = Config::read(&folder.config())?;
    let (store, runs) = offline::open_runs(folder)?;
    let state = runs.choose(Some(&arguments.run))?;
    // The locks close every file that is open, so the database goes first.
    drop((store, runs));
    let paths = arguments.suites.iter().map(absolute).collect::<Result<Vec<PathBuf>>>()?;
    let Written { page, sheet, resume } = written(arguments)?;
    let written = [&page, &sheet].into_iter().flatten();
    let write = written.map(|path| open_to_the_asking(folder, path)).collect::<Result<Vec<PathBuf>>>()?;
    let rules = arguments.rules.as_ref().map(rule_file).transpose()?;
    let wishes = Wishes {
        suites: &paths,
        model: arguments.model.as_deref(),
        every_round: arguments.every_round,
        write,
        keeps_answers: sheet.is_some(),
        rules: rules.as_ref(),
        items_max: None,
        resume: resume.as_deref(),
        seed: arguments.seed.unwrap_or(0),
    };
    let mut display = Display::new();
    let measured = suites::measure(folder, &state, &wishes, &config.children(folder), &mut |at| {
        display.show(at.known, at.done, at.total, &format!("{}: {}", at.model, at.suite));
    });
    display.end();
    let Found { report, published, measured, safety } = measured?;
    let language = Language::chosen(arguments.language);
    // Printed first: a page that cannot be written must not cost the hours that the answers took.
    if arguments.json {
        let mut document =
            serde_json::to_value(&report).map_err(|error| Error::Internal(error.to_string()))?;
        document["run"] = json!(state.launched.run.to_string());
        document["published"] = json!(published);
        if let Some(safety) = &safety {
            document["safety"] = json!(safety);
        }
        output::print_json(&document)?;
    } else {
        output::print_line(cli::comparison::terminal(&report, safety.as_ref(), language).trim_end())?;
    }
    if let Some(path) = sheet {
        durable::write(&path, sheet::table(&measured).as_bytes(), durable::PRIVATE)
            .map_err(Error::io("write", &path))?;
        eprintln!("wrote {}", path.display());
    }
    if let Some(page) = &page {
        let html = cli::comparison::page(&report, safety.as_ref(), language);
        durable::write(page, html.as_bytes(), durable::ORDINARY).map_err(Error::io("write", page))?;
        eprintln!("wrote {}", page.display());
    }
    let safety = safety.filter(|_| arguments.must_pass);
    match safety.and_then(|safety| cli::comparison::not_passed(&report, &safety)) {
        None => Ok(()),
        Some(reason) => Err(Error::Argument {
            message: format!("the answers do not pass: {reason}"),
            hint: "read the answers that the report quotes; none of this model's should reach a patient"
                .into(),
        }),
    }
}

/// The rules that answers are checked by.
fn rule_file(path: &PathBuf) -> Result<RuleFile> {
    RuleFile::read(&absolute(path)?).map_err(suites::of_suite)
}

/// What is written.
struct Written {
    page: Option<PathBuf>,
    sheet: Option<PathBuf>,
    resume: Option<PathBuf>,
}

/// The files that are written: none is another one, and no sheet is there. That which keeps what was asked is
/// made, because the locks are for files that are there.
fn written(arguments: &Arguments) -> Result<Written> {
    let page = arguments.html.as_ref().map(absolute).transpose()?;
    let sheet = arguments.sheet.as_ref().map(absolute).transpose()?;
    if page.is_some() && page == sheet {
        let message = "--sheet and --html name one file".to_owned();
        return Err(Error::Argument { message, hint: "name another one for the page".into() });
    }
    if let Some(sheet) = sheet.as_ref().filter(|sheet| sheet.exists()) {
        let message = format!("{} is there already, and may hold grades", sheet.display());
        return Err(Error::Argument { message, hint: "name another file with --sheet".into() });
    }
    let resume = arguments.resume.as_ref().map(absolute).transpose()?;
    if resume.is_some() && (resume == page || resume == sheet) {
        let message = "--resume names a file that is written at the end".to_owned();
        return Err(Error::Argument { message, hint: "name another one for --resume".into() });
    }
    if let Some(file) = &resume {
        resume_file(file)?;
    }
    Ok(Written { page, sheet, resume })
}

pub(super) fn absolute(path: &PathBuf) -> Result<PathBuf> {
    std::path::absolute(path).map_err(Error::io("open", path))
}

/// The folder of a file that is written behind the locks: all that is beneath it is open to the process that
/// asks, so the state folder is not.
pub(super) fn open_to_the_asking(folder: &StateFolder, path: &Path) -> Result<PathBuf> {
    let parent = path.parent().unwrap_or(path);
    let into = std::fs::canonicalize(parent).map_err(Error::io("open the folder", parent))?;
    let state_folder =
        std::fs::canonicalize(folder.path()).map_err(Error::io("open the folder", folder.path()))?;
    if into.starts_with(&state_folder) || state_folder.starts_with(&into) {
        return Err(Error::Argument {
            message: format!(
                "the process that asks the model could change the state folder by way of {}",
                into.display()
            ),
            hint: "name a place in a folder of its own, apart from the state folder".into(),
        });
    }
    Ok(into)
}
