//! `site-agent data check`: what of these files may be trained on, why the rest is not, and what the rest
//! looks like. Run by `cli::data`.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};

use common::durable;
use common::places::readable;
use data::manifest::Manifest;
use data::room::{self, RoomFile, Step};
use indicatif::{ProgressBar, ProgressStyle};
use prepare::PrepareError;

use super::base_loss::Measured;
use super::options::{Fitted, Options};
use super::summary::{Age, Beside, Tokens};
use super::{json, summary};
use crate::cli::support::{lock, present};
use crate::data_report::summary::{Summary, screen_language};
use crate::data_report::{html, terminal};
use crate::error::SiteError;
use crate::language::Language;
use crate::language::text::{self as t};
use crate::limits::MANIFEST_BYTES_MAX;

const REPORT: &str = "data-report.html";
const MANIFEST: &str = "data-manifest.json";

const EXAMPLES: &str = "\
Examples:
  site-agent data check 2024.jsonl 2025.csv --model /srv/models/qwen2.5-0.5b
  site-agent data check records.jsonl --screen mask --out /srv/reports
  site-agent data check records.jsonl --places
  site-agent data check records.jsonl --json > findings.json
  site-agent data check records.jsonl \\
      --compare /var/lib/consilium-site/work/data-manifest-ROOT.json

A kind of identifier has one name, here, in the report, in JSON and in waivers: `site-agent waiver new --help` lists them.
Exit code 0: there are records to train on. 1: there are none, a file cannot be read, or the screen missed what was planted.";

/// See what of some files may be trained on.
///
/// Reads every record, checks its content, screens it for identifiers, looks for duplicates, and splits what
/// is left. Prints a short report and writes data-report.html (one page for a person) and data-manifest.json
/// (what names this dataset: the root over its records, the settings, the counts). No text of a record is
/// printed or written.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Files with records: JSON, JSON lines, CSV or Parquet.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    options: Options,
    /// Folder for data-report.html and data-manifest.json.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Print also where each finding stands, as FILE:LINE:KIND, which is what `data show` and `waiver new
    /// --finding` take.
    #[arg(long, conflicts_with = "json")]
    places: bool,
    /// Print every record's verdict and findings as JSON instead of the report.
    #[arg(long)]
    json: bool,
    /// Measure the base model's loss on at most 300 records of each part of the split, to see whether the
    /// held-out parts are as hard as training. Needs --model and --split, and the memory that the model
    /// takes.
    #[arg(long, requires = "model")]
    base_loss: bool,
    /// Compare with a manifest that was made before, for instance the one of a run
    /// (work/data-manifest-ROOT.json in the site's state folder; ROOT is in the ledger), and fail where
    /// records or settings are not the same.
    #[arg(long, value_name = "MANIFEST")]
    compare: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let language = arguments.options.language();
    let (paths, model) = arguments.options.paths(&arguments.files)?;
    let files: Vec<RoomFile> = paths.iter().map(|path| RoomFile { path: path.clone(), side: None }).collect();
    let mut room = arguments.options.room()?;
    let earlier = arguments.compare.as_deref().map(earlier).transpose()?;
    std::fs::create_dir_all(&arguments.out).map_err(|source| SiteError::io(&arguments.out, source))?;
    let out = present(&arguments.out)?;
    let read = paths.iter().cloned().chain(model.iter().flat_map(|model| readable(model))).collect();
    lock(read, vec![out.clone()])?;
    let fitted = arguments.options.fitting(model.as_deref())?;
    room.fit = fitted.as_ref().map(|fitted| fitted.fitting.fit()).unwrap_or_default();
    let bar = Bar::new(language);
    let inspection = room::inspect(&files, &room, &mut |step| bar.show(step)).map_err(PrepareError::from)?;
    if let Some(fault) = fitted.as_ref().and_then(|fitted| fitted.fitting.fault()) {
        bar.clear();
        return Err(PrepareError::from(fault).into());
    }
    bar.clear();
    let cutoff = fitted.as_ref().map_or(arguments.options.cutoff_tokens, |fitted| fitted.cutoff_tokens);
    // Of the records as they are trained on: masked, and without those that the screen withholds.
    let tokens = fitted.map(|Fitted { fitting, cutoff_tokens, is_context }| Tokens {
        lengths: fitting.lengths(),
        cutoff_tokens: cutoff_tokens as u64,
        is_context,
    });
    let age = arguments.options.origin.years_max;
    let age = age.map(|years_max| Age { years_max, today: crate::waiver::today().year });
    let advice = match model.as_deref().filter(|_| arguments.base_loss) {
        Some(model) => {
            let what = Measured { files: &files, room: &room, model, cutoff_tokens: cutoff };
            let losses = what.losses(&inspection, &mut |records| bar.draw(t::MEASURING, records))?;
            bar.clear();
            data::advice::of_losses(&losses)
        }
        None => Vec::new(),
    };
    let beside = Beside { tokens, age, advice: advice.clone() };
    let summary = summary::of(&inspection, beside, language);
    write(&out.join(REPORT), html::render(&summary, language).as_bytes())?;
    write(&out.join(MANIFEST), &inspection.manifest.to_bytes().map_err(PrepareError::from)?)?;
    if arguments.json {
        json::print(&inspection, advice)?;
    } else {
        print!("{}", terminal::render(&summary, arguments.places, language));
        let (report, manifest) = (out.join(REPORT), out.join(MANIFEST));
        println!("{}", t::WROTE.with(language, &[&report.display(), &manifest.display()]));
    }
    if let Some(earlier) = &earlier {
        let root = same(earlier, &inspection.manifest, language)?;
        if !arguments.json {
            println!("{}", t::SAME_DATA.with(language, &[&root]));
        }
    }
    judge(&summary, language)
}

/// A manifest that was made before.
fn earlier(path: &Path) -> Result<Manifest, SiteError> {
    let at = |source| SiteError::io(path, source);
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(at)?.take(MANIFEST_BYTES_MAX).read_to_end(&mut bytes).map_err(at)?;
    Ok(Manifest::from_bytes(&bytes).map_err(PrepareError::from)?)
}

/// The root, when records, settings and counts are those of the earlier manifest.
fn same<'a>(earlier: &Manifest, now: &'a Manifest, language: Language) -> Result<&'a str, SiteError> {
    let differences = earlier.differences(now);
    if differences.is_empty() {
        return Ok(&now.root);
    }
    let sentence = t::OTHER_DATA.with(language, &[&differences.join(", ")]);
    Err(SiteError::Data { sentence, hint: Some(t::OTHER_DATA_HINT.get(language).to_owned()) })
}

/// A dataset that a run would refuse is a user's mistake.
fn judge(summary: &Summary, language: Language) -> Result<(), SiteError> {
    if summary.counts.used == 0 {
        let hint = "the report says why each record was refused or withheld".to_owned();
        return Err(SiteError::Data { sentence: t::NOTHING_LEFT.get(language).to_owned(), hint: Some(hint) });
    }
    if !summary.self_test.passed() {
        let sentence = summary.self_test.sentence(screen_language(language));
        return Err(SiteError::Data { sentence, hint: Some(t::SELF_TEST_HINT.get(language).to_owned()) });
    }
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), SiteError> {
    durable::write(path, bytes, durable::ORDINARY).map_err(|source| SiteError::io(path, source))
}

/// A progress line on a terminal; nothing elsewhere.
struct Bar {
    bar: Option<ProgressBar>,
    language: Language,
}

impl Bar {
    fn new(language: Language) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg:<10} {human_pos} ({per_sec}, {elapsed})");
            ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
        });
        Self { bar, language }
    }

    fn show(&self, step: Step) {
        match step {
            Step::Reading { records } => self.draw(t::SCREENING, records),
            Step::Comparing { records, .. } => self.draw(t::COMPARING, records),
            Step::Dividing => self.draw(t::DIVIDING, 0),
        }
    }

    fn draw(&self, word: t::Word, records: u64) {
        if let Some(bar) = &self.bar {
            bar.set_message(word.get(self.language));
            bar.set_position(records);
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
