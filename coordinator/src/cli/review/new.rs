//! `coordinator review new`: asks both models and makes the sheets. Called by `review`. Invariants: the key
//! is on disk before the first sheet; the seal is printed and stands in every sheet; nothing is asked before
//! it is known that the answers are words and the folder can be used.

use std::path::{Path, PathBuf};

use certs::random;
use cli::questions::Display;
use evaluation::limits::{REVIEW_GRADERS_MAX, REVIEW_ITEMS_MAX, REVIEW_KEY_BYTES_MAX};
use evaluation::review::{Key, Subject, seal};
use evaluation::suite::SuiteFile;
use prepare::PrepareError;
use prepare::suite::resume_file;
use serde_json::json;

use super::folder::{self, SheetFolder};
use super::sheets::{self, Made, Program};
use crate::cli::evaluate::{absolute, open_to_the_asking};
use crate::cli::{offline, output};
use crate::error::{Error, Result};
use crate::evaluate::suites::{self, Found, Wishes};
use crate::state_folder::StateFolder;
use crate::state_folder::config::Config;

#[derive(clap::Args)]
pub(super) struct Arguments {
    /// The run's id, or the beginning of it
    run: String,
    /// A suite file whose answers are words
    #[arg(long, value_name = "FILE")]
    suite: PathBuf,
    /// How many people grade, 1 to 16
    #[arg(long, default_value_t = 3, value_name = "N")]
    graders: usize,
    /// The folder that is made for the review
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Make each grader's sheet for these programs, too
    #[arg(long = "for", value_name = "PROGRAM", value_delimiter = ',')]
    programs: Vec<Program>,
    /// Where the base model is now [default: where it was]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Keep what was asked in this file as it comes; after an interruption the same command goes on from it
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Draw orders and sides from this number; who knows it can work out whose answer is whose
    /// [default: random]
    #[arg(long)]
    seed: Option<u64>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(state_folder: &StateFolder, arguments: &Arguments) -> Result<()> {
    check(arguments)?;
    let config = Config::read(&state_folder.config())?;
    let (store, runs) = offline::open_runs(state_folder)?;
    let state = runs.choose(Some(&arguments.run))?;
    // The locks close every file that is open, so the database goes first.
    drop((store, runs));
    let (suite, out) = (absolute(&arguments.suite)?, absolute(&arguments.out)?);
    let resume = arguments.resume.as_ref().map(absolute).transpose()?;
    let write = vec![make(state_folder, &out, resume.as_deref())?];
    if let Some(file) = &resume {
        resume_file(file)?;
    }
    let wishes = Wishes {
        suites: std::slice::from_ref(&suite),
        model: arguments.model.as_deref(),
        every_round: false,
        write,
        keeps_answers: true,
        rules: None,
        items_max: Some(REVIEW_ITEMS_MAX),
        resume: resume.as_deref(),
        seed: 0,
    };
    let (nonce, drawn) = (random::bytes::<32>()?, seed(arguments.seed)?);
    let mut display = Display::new();
    let found = suites::measure(state_folder, &state, &wishes, &config.children(state_folder), &mut |at| {
        display.show(at.known, at.done, at.total, &format!("{}: {}", at.model, at.suite));
    });
    display.end();
    let Found { measured, published, .. } = found?;
    let (Some(measured), Some(tuned)) = (measured.first(), published.first()) else {
        return Err(Error::Internal("nothing was asked".into()));
    };
    let subject = Subject {
        run: state.launched.run.to_string(),
        suite: measured.suite.settings.name.clone(),
        records_sha256: measured.suite.records_sha256.clone(),
        adapter: tuned.adapter.to_string(),
        models: [prepare::suite::BASE.to_owned(), tuned.name.clone()],
    };
    let key = Key::new(subject, measured, arguments.graders, &nonce, drawn)?;
    let bytes = key.to_bytes()?;
    bounded(&bytes)?;
    let seal = seal(&bytes);
    let made = sheets::write(&key, &seal, &arguments.programs, &SheetFolder::behind_key(&out, &bytes)?)?;
    tell(&out, &key, &seal, &made, arguments.json)
}

/// Says what was made.
fn tell(out: &Path, key: &Key, seal: &str, made: &Made, is_json: bool) -> Result<()> {
    if let Some(reason) = &made.no_workbook {
        eprintln!("There is no XLSX: {reason}. The other forms of a sheet have it whole.");
    }
    if is_json {
        return output::print_json(&json!({
            "folder": out.display().to_string(),
            "seal": seal,
            "run": key.of.run,
            "suite": key.of.suite,
            "models": key.of.models,
            "questions": key.items.len(),
            "places": key.graders.first().map_or(0, |grader| grader.places.len()),
            "graders": key.graders.iter().map(|grader| grader.name.as_str()).collect::<Vec<_>>(),
            "forms": made.forms,
        }));
    }
    output::print_line(&format!("seal {seal}"))?;
    eprintln!(
        "Whose answer is whose stands in {0}/key.json, whose SHA-256 is the seal: keep it apart, and note the seal \
         now.\nGive out what is in {0}/sheets, to each grader one form of the sheet and how-to-grade.txt.",
        out.display()
    );
    Ok(())
}

/// What can be known before anything is asked.
fn check(arguments: &Arguments) -> Result<()> {
    if !(1..=REVIEW_GRADERS_MAX).contains(&arguments.graders) {
        return Err(Error::Argument {
            message: format!("{} graders cannot be had", arguments.graders),
            hint: format!("name 1 to {REVIEW_GRADERS_MAX} with --graders"),
        });
    }
    let suite = SuiteFile::read(&arguments.suite).map_err(PrepareError::from)?;
    if !suite.settings().score.is_words() {
        return Err(Error::Argument {
            message: format!("{} asks for options, and people grade words", arguments.suite.display()),
            hint: "name a suite with score \"open\", \"rubric\", \"phrases\" or \"structured\"".into(),
        });
    }
    Ok(())
}

/// Makes the folder of the review, which is open to the process that asks.
fn make(state_folder: &StateFolder, out: &Path, resume: Option<&Path>) -> Result<PathBuf> {
    if resume.is_some_and(|file| file.starts_with(out)) {
        return Err(Error::Argument {
            message: "--resume names a file in the review's own folder, which has to be empty".into(),
            hint: "name a file elsewhere; it holds answers, as the review does".into(),
        });
    }
    let is_new = !out.exists();
    folder::make(out)?;
    let opened = open_to_the_asking(state_folder, &out.join("sheets"));
    if opened.is_err() && is_new {
        // It is empty, and was not there before.
        let _ = std::fs::remove_dir(out);
    }
    opened
}

/// What orders and sides are drawn from.
fn seed(named: Option<u64>) -> Result<[u8; 32]> {
    let Some(number) = named else { return Ok(random::bytes()?) };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    Ok(seed)
}

/// What cannot be read again is not made.
fn bounded(key: &[u8]) -> Result<()> {
    if key.len() as u64 <= REVIEW_KEY_BYTES_MAX {
        return Ok(());
    }
    Err(Error::Argument {
        message: format!(
            "questions and answers have {} bytes, a review at most {REVIEW_KEY_BYTES_MAX}",
            key.len()
        ),
        hint: "take a part of the suite as a suite of its own".into(),
    })
}
