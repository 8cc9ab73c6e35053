//! `site-agent waiver new|check`: the privacy officer accepts findings of the screen in one dataset, and
//! whether such a waiver holds. Offline. Run by `cli`. Prints counts, kinds and places; never a text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ::data::Record;
use ::data::read::Mapping;
use ::data::room::{RoomFile, RoomOptions};
use ::data::screen::waiver::{Accepted, AcceptedFinding, SignedWaiver, Waiver, WaiverTerms};
use ::data::screen::{Certainty, Finding, Kind, Options, Screen};
use ::data::split::SplitOptions;
use clap::Subcommand;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use cli::confirm::{Question, Yes};
use common::durable;
use prepare::PrepareError;
use serde_json::{Map, Value, json};

use super::support::{State, Unlock, absolute, lock, print_json, record_file, record_files, tell};
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::paths::StateFolder;
use crate::worker::room;
use crate::{preflight, waiver};

const EXAMPLES: &str = "\
Examples:
  Dates stay in these records; the officer says why, and until when:
    site-agent waiver new records.jsonl --kind date \\
        --reason 'visit dates are shifted by the export' \\
        --expires 2027-06-30 --key officer.key --out waiver.json

  One finding is a false alarm (FILE:LINE:KIND from `data check --places`):
    site-agent waiver new records.jsonl \\
        --finding records.jsonl:12:mobile-phone --reason 'a batch number' \\
        --expires 2027-06-30 --key officer.key --out waiver.json

  Does it hold for these files, today, by the officer whom this site trusts?
    site-agent waiver check waiver.json
    site-agent waiver check waiver.json records.csv --mapping columns.toml

  Put it in force for the runs of this site, and take it out again:
    site-agent waiver use waiver.json
    site-agent waiver drop

A waiver is bound to exactly these records: a record more, less or changed, and it holds no longer. A waiver accepts what the \
screen found; what the screen did not find, nobody has looked at.";

/// Made by clap it would be a line of 105 columns.
const NEW_USAGE: &str = "\
site-agent waiver new [OPTIONS] --reason <TEXT> --expires <YYYY-MM-DD>
           --key <PATH> --out <FILE> <FILES>...";

/// Accept findings of the screen in one dataset, or check whether a waiver holds.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Sign a waiver with the officer's key.
    New(New),
    /// Check a waiver against records: signer, signature, last day, dataset.
    Check {
        /// The waiver.
        #[arg(value_name = "WAIVER")]
        waiver: PathBuf,
        /// The files with the records [default: this site's, read as its agent.toml says].
        #[arg(value_name = "FILES")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        reading: Reading,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: State,
    },
    /// Put a waiver in force: this site's runs hold back no longer what it accepts. It must be for this
    /// site's records as its agent.toml reads them.
    Use {
        /// The waiver.
        #[arg(value_name = "WAIVER")]
        waiver: PathBuf,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: State,
    },
    /// Take the waiver out of force, and remove this site's copy of it. At a terminal it asks first.
    Drop {
        #[command(flatten)]
        yes: Yes,
        /// Print JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        state: State,
    },
}

/// How files become records, where they follow no known format or are mixed: as in agent.toml's [data_room].
#[derive(Debug, clap::Args)]
struct Reading {
    /// A column mapping (TOML), for files that follow no known format.
    #[arg(long, value_name = "FILE", requires = "files")]
    mapping: Option<PathBuf>,
    /// Mix the files in these proportions, one whole number a file: --mix 60,40.
    #[arg(long, value_name = "WEIGHTS", value_delimiter = ',', requires = "files")]
    mix: Option<Vec<u32>>,
    /// With --mix: where its choices start from (split_seed of agent.toml).
    #[arg(long, default_value_t = SplitOptions::default().seed, requires = "mix")]
    seed: u64,
}

impl Reading {
    /// The files and how they are read. Reads the mapping, so it is called before the locks are taken.
    fn of(&self, files: &[PathBuf]) -> Result<(Vec<RoomFile>, RoomOptions), SiteError> {
        let files = record_files(files)?.into_iter().map(|path| RoomFile { path, side: None }).collect();
        let mapping = self.mapping.as_deref().map(record_file).transpose()?;
        let mut options = RoomOptions { mix: self.mix.clone(), ..RoomOptions::default() };
        options.read.mapping =
            mapping.as_deref().map(Mapping::read).transpose().map_err(PrepareError::from)?;
        options.split.seed = self.seed;
        Ok((files, options))
    }
}

fn kind_parser() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.iter().map(|kind| kind.name())).try_map(|name| name.parse::<Kind>())
}

#[derive(Debug, clap::Args)]
#[command(override_usage = NEW_USAGE)]
struct New {
    /// The files with the records.
    #[arg(value_name = "FILES", required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: Reading,
    /// Accept every finding of this kind; can be given several times.
    #[arg(long = "kind", value_name = "KIND", value_parser = kind_parser())]
    kinds: Vec<Kind>,
    /// Accept the findings of one kind in one record; can be given several times.
    #[arg(long = "finding", value_name = "FILE:LINE:KIND")]
    findings: Vec<Place>,
    /// Why, in a sentence; it stands in the waiver.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The last day on which the waiver holds.
    #[arg(long, value_name = "YYYY-MM-DD")]
    expires: String,
    /// The officer's private key.
    #[arg(long, value_name = "PATH")]
    key: PathBuf,
    #[command(flatten)]
    unlock: Unlock,
    /// Where the waiver is written.
    #[arg(long, value_name = "FILE", alias = "output")]
    out: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// `records.jsonl:12:mobile-phone`.
#[derive(Debug, Clone)]
struct Place {
    file: PathBuf,
    line: u64,
    kind: Kind,
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.rsplitn(3, ':');
        let (kind, line, file) = (parts.next(), parts.next(), parts.next());
        let (Some(kind), Some(line), Some(file)) = (kind, line, file) else {
            return Err("a finding is named FILE:LINE:KIND".into());
        };
        let line = line.parse().map_err(|_| "the line is a number".to_owned())?;
        let kind = kind.parse().map_err(|error: ::data::screen::UnknownKind| error.to_string())?;
        Ok(Self { file: absolute(Path::new(file)).map_err(|error| error.to_string())?, line, kind })
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    match &arguments.command {
        Verb::New(new) => sign(new),
        Verb::Check { waiver, files, reading, json, state } => {
            let (signed, counts) = check(waiver, files, reading, &state.open()?)?;
            let mut document = counts.document();
            document.insert("reason".into(), json!(signed.waiver.reason));
            document.insert("expires".into(), json!(signed.waiver.expires));
            tell(*json, &Value::Object(document), || {
                counts.print();
                println!("reason  {}", signed.waiver.reason);
                println!("the waiver holds until {}", signed.waiver.expires);
            })
        }
        Verb::Use { waiver, json, state } => put_in_force(waiver, *json, &state.open()?),
        Verb::Drop { yes, json, state } => take_out_of_force(*yes, *json, &state.open()?),
    }
}

/// The findings that a waiver accepts, and those that it leaves.
#[derive(Default)]
struct Counts {
    accepted: BTreeMap<Kind, usize>,
    left: BTreeMap<Kind, usize>,
    blocked: usize,
}

impl Counts {
    fn add(&mut self, findings: &[Finding], accepts: impl Fn(&Finding) -> bool) {
        let mut blocked = false;
        for finding in findings {
            let accepted = accepts(finding);
            let counts = if accepted { &mut self.accepted } else { &mut self.left };
            *counts.entry(finding.kind).or_default() += 1;
            blocked |= !accepted && finding.certainty == Certainty::Validated;
        }
        self.blocked += usize::from(blocked);
    }

    fn print(&self) {
        let list = |counts: &BTreeMap<Kind, usize>| {
            let words: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
            if words.is_empty() { "none".to_owned() } else { words.join(", ") }
        };
        println!("findings accepted    {}", list(&self.accepted));
        println!("findings not waived  {}", list(&self.left));
        println!("records still held back in `block` mode  {}", self.blocked);
    }

    fn document(&self) -> Map<String, Value> {
        let numbers = |counts: &BTreeMap<Kind, usize>| {
            counts.iter().map(|(kind, count)| (kind.to_string(), json!(count))).collect::<Map<_, _>>()
        };
        Map::from_iter([
            ("accepted".to_owned(), json!(numbers(&self.accepted))),
            ("not_waived".to_owned(), json!(numbers(&self.left))),
            ("records_held_back".to_owned(), json!(self.blocked)),
        ])
    }
}

fn sign(new: &New) -> Result<(), SiteError> {
    let key = waiver::read_private(&new.key, &new.unlock.passphrase())?;
    let (files, options) = new.reading.of(&new.files)?;
    let output = absolute(&new.out)?;
    let folder = output.parent().unwrap_or(&output).to_path_buf();
    lock(paths(&files), vec![folder])?;
    let screen = Screen::new(Options::default());
    let kinds: BTreeSet<Kind> = new.kinds.iter().copied().collect();
    let mut single = BTreeSet::new();
    let mut matched: BTreeSet<usize> = BTreeSet::new();
    let mut counts = Counts::default();
    let dataset = waiver::each_record(&files, &options, |record, hash| {
        let findings = screen.record(record);
        let named = |finding: &Finding| {
            let is_named = |place: &Place| place.kind == finding.kind && is_at(place, record, &files);
            new.findings.iter().position(is_named)
        };
        for finding in &findings {
            if let Some(index) = named(finding) {
                matched.insert(index);
                single.insert(accepted(finding, hash));
            }
        }
        counts.add(&findings, |finding| kinds.contains(&finding.kind) || named(finding).is_some());
    })?;
    if let Some(place) = new.findings.iter().enumerate().find(|(index, _)| !matched.contains(index)) {
        let Place { file, line, kind } = place.1;
        return Err(SiteError::Data {
            sentence: format!("the screen finds no {kind} in {}, line {line}", file.display()),
            hint: Some("`site-agent data check --places` lists what it finds, by file, line and kind".into()),
        });
    }
    let public = key.public_key().map_err(waiver::key_error)?;
    let today = waiver::today();
    let issued = format!("{:04}-{:02}-{:02}", today.year, today.month, today.day);
    let terms =
        WaiverTerms { kinds, findings: single, reason: &new.reason, issued: &issued, expires: &new.expires };
    let document =
        Waiver::new(&dataset, terms, public.as_bytes()).map_err(|error| waiver::refused(&error))?;
    let message = document.message().map_err(|error| waiver::refused(&error))?;
    let signature = key.sign(&message).map_err(waiver::key_error)?;
    let signature = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    let signed = SignedWaiver { waiver: document, signature };
    let bytes = signed.to_bytes().map_err(|error| waiver::refused(&error))?;
    durable::write(&output, &bytes, durable::ORDINARY).map_err(|source| SiteError::io(&output, source))?;
    let mut told = counts.document();
    told.insert("path".into(), json!(new.out.display().to_string()));
    told.insert("expires".into(), json!(new.expires));
    told.insert("dataset".into(), json!(signed.waiver.dataset));
    tell(new.json, &Value::Object(told), || {
        counts.print();
        println!("signed  {}  holds until {}", new.out.display(), new.expires);
        println!("dataset {}", signed.waiver.dataset);
    })
}

/// Whether a record stands at a named place. The file may be named by its last part.
fn is_at(place: &Place, record: &Record, files: &[RoomFile]) -> bool {
    let file = usize::try_from(record.place.file).ok().and_then(|index| files.get(index));
    let same = |file: &RoomFile| file.path == place.file || file.path.file_name() == place.file.file_name();
    record.place.line == place.line && file.is_some_and(same)
}

fn accepted(finding: &Finding, hash: &[u8; 32]) -> AcceptedFinding {
    let Finding { field, start, end, kind, .. } = *finding;
    AcceptedFinding { record: ::data::hash::hex(hash), field, start, end, kind }
}

fn paths(files: &[RoomFile]) -> Vec<PathBuf> {
    files.iter().map(|file| file.path.clone()).collect()
}

/// This site's files, and how its policy reads them.
fn of_site(folder: &StateFolder) -> Result<(Vec<RoomFile>, RoomOptions), SiteError> {
    let config = AgentConfig::load(&folder.config())?;
    Ok(room::settings(&config).map_err(PrepareError::from)?)
}

/// What a waiver accepts and leaves in the records it is for.
///
/// # Errors
/// It is for other records.
fn compare(accepted: &Accepted, files: &[RoomFile], options: &RoomOptions) -> Result<Counts, SiteError> {
    let screen = Screen::new(Options::default());
    let mut counts = Counts::default();
    let dataset = waiver::each_record(files, options, |record, hash| {
        counts.add(&screen.record(record), |finding| accepted.accepts(hash, finding));
    })?;
    accepted.require_dataset(&dataset).map_err(|error| waiver::refused(&error))?;
    Ok(counts)
}

/// The waiver, if it holds for these records, and what it accepts in them.
fn check(
    path: &Path,
    files: &[PathBuf],
    reading: &Reading,
    folder: &StateFolder,
) -> Result<(SignedWaiver, Counts), SiteError> {
    let signed = waiver::read(path)?;
    let officer = waiver::trusted(&folder.officer())?;
    let accepted = waiver::accepted_by(&signed, &officer, waiver::today())?;
    let (files, options) = if files.is_empty() { of_site(folder)? } else { reading.of(files)? };
    lock(paths(&files), Vec::new())?;
    let counts = compare(&accepted, &files, &options)?;
    Ok((signed, counts))
}

/// Puts a waiver in force: runs of this site then use it. The dataset is compared by a child that may write
/// nowhere (`waiver check`), and again whenever the records are read; this process reads none.
fn put_in_force(path: &Path, as_json: bool, folder: &StateFolder) -> Result<(), SiteError> {
    let signed = waiver::read(path)?;
    waiver::accepted_by(&signed, &waiver::trusted(&folder.officer())?, waiver::today())?;
    let bytes = signed.to_bytes().map_err(|error| waiver::refused(&error))?;
    let target = folder.waiver();
    let internal = |error| SiteError::Internal(format!("cannot have the records compared: {error}"));
    let asked = Command::new(preflight::executable()?)
        .args(["waiver", "check"])
        .arg(absolute(path)?)
        .arg("--state")
        .arg(folder.root())
        .args(as_json.then_some("--json"))
        .stdin(Stdio::null())
        .stdout(if as_json { Stdio::piped() } else { Stdio::inherit() })
        .stderr(Stdio::inherit())
        .spawn()
        .and_then(Child::wait_with_output)
        .map_err(internal)?;
    match asked.status.code() {
        Some(0) => {}
        // It has said what is wrong.
        Some(code @ 1..=2) => return Err(SiteError::Validation { is_user_error: code == 1 }),
        _ => return Err(SiteError::Internal(format!("who compares the records ended: {}", asked.status))),
    }
    durable::write(&target, &bytes, durable::ORDINARY).map_err(|source| SiteError::io(&target, source))?;
    if as_json {
        // What `waiver check` says of it.
        let unreadable = |error| SiteError::Internal(format!("the comparison's answer is not JSON: {error}"));
        let mut document: Map<String, Value> = serde_json::from_slice(&asked.stdout).map_err(unreadable)?;
        document.insert("path".into(), json!(target.display().to_string()));
        return print_json(&Value::Object(document));
    }
    println!("in force until {}: {}", signed.waiver.expires, signed.waiver.reason);
    Ok(())
}

fn take_out_of_force(yes: Yes, as_json: bool, folder: &StateFolder) -> Result<(), SiteError> {
    yes.or_ask(&Question {
        text: "runs hold back again what the waiver accepted",
        expected: "yes",
        needs_yes: false,
    })?;
    let was_in_force = match std::fs::remove_file(folder.waiver()) {
        Ok(()) => true,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
        Err(source) => return Err(SiteError::io(&folder.waiver(), source)),
    };
    tell(as_json, &json!({ "was_in_force": was_in_force }), || match was_in_force {
        true => println!("no waiver is in force any more"),
        false => println!("no waiver was in force"),
    })
}
