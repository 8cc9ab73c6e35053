//! `site-agent data show`: one record on the terminal of the person at the site, with what the screen found
//! marked and the loss mask drawn over the tokens. It shows a record's text, and therefore speaks to a
//! terminal only. Run by `cli::data`.

mod as_json;

use std::io::IsTerminal as _;
use std::path::PathBuf;

use common::places::readable;
use data::read::{self, Item};
use data::record::Place;
use data::room::{self, RecordOutcome};
use data::screen::{Certainty, Finding, Kind, Screen, Verdict};
use model::chat::Document;
use prepare::PrepareError;
use prepare::records::document;

use self::as_json::Trained;
use super::options::{Fitted, Options};
use super::summary;
use crate::cli::support::{lock, print_json};
use crate::data_report::drawing::{self, Mark, Paint};
use crate::error::SiteError;
use crate::language::Language;
use crate::language::text::{self as t};

const EXAMPLES: &str = "\
Examples:
  site-agent data show 7 2024.jsonl --model /srv/models/qwen2.5-0.5b
  site-agent data show 2024.jsonl:12
  NO_COLOR=1 site-agent data show 7 2024.jsonl

Colours: red and yellow are findings that withhold or warn; green is what the model learns to say. Without colour, findings
stand in «»(kind), tokens are parted by | and what is learnt stands in [[ ]].";

/// Look at one record: what the screen found in it, and what the model will learn from it.
///
/// It prints the record's text, so it refuses to write into a file or a pipe unless told otherwise.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Which record: its number, counted from 1 over all files (refused records count), or where it begins,
    /// as `data check --places` says it: FILE:LINE, also with :KIND behind.
    #[arg(value_name = "N|FILE:LINE")]
    which: Which,
    /// Files with records: JSON, JSON lines, CSV or Parquet; those that a record's number counts over.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    options: Options,
    /// Print even where the output is not a terminal: the text of the record then goes wherever the output
    /// goes.
    #[arg(long)]
    allow_pipe: bool,
    /// Print JSON, with the record's text; into a file or a pipe only with --allow-pipe, too.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let language = arguments.options.language();
    if !arguments.allow_pipe && !std::io::stdout().is_terminal() {
        return Err(SiteError::Data {
            sentence: t::NOT_A_TERMINAL.get(language).to_owned(),
            hint: Some(t::NOT_A_TERMINAL_HINT.get(language).to_owned()),
        });
    }
    let (files, model) = arguments.options.paths(&arguments.which.files(&arguments.files)?)?;
    let room = arguments.options.room()?;
    let read = files.iter().cloned().chain(model.iter().flat_map(|model| readable(model))).collect();
    lock(read, Vec::new())?;
    let fitted = arguments.options.fitting(model.as_deref())?;
    let screen = Screen::new(room.screen.clone());
    let (number, item, files) = find(&files, &room.read, &arguments.which, language)?;
    let colour =
        std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
    let paint = if colour { Paint::Colour } else { Paint::Plain };
    match item {
        Item::Refused { place, reason } => {
            if arguments.json {
                return print_json(&as_json::refused(number, &summary::place(&files, place), reason));
            }
            let reason = crate::language::refusal::sentence(reason, language);
            println!("{}: {}: {reason}", summary::place(&files, place), t::REFUSE.get(language));
        }
        Item::Record(record) => {
            let findings = screen.record(&record);
            let standing = screen.standing(&record, &findings);
            let screened = outcome(data::screen::verdict(&standing, screen.mode()));
            let origin = room.provenance.look(&record.provenance).err();
            let origin = origin.filter(|_| screened != RecordOutcome::Block);
            let verdict = if origin.is_some() { RecordOutcome::Refuse } else { screened };
            let place = summary::place(&files, record.place);
            let format = summary::code(&record.format);
            let trained = match &fitted {
                _ if origin.is_some() => origin.map(Trained::Refused),
                None => None,
                Some(_) if verdict == RecordOutcome::Block => Some(Trained::Blocked),
                Some(fitted) => {
                    Some(as_trained(fitted, &room::as_trained(record.clone(), &standing, screen.mode()))?)
                }
            };
            if arguments.json {
                let looked = as_json::Looked { number, place: &place, verdict };
                return print_json(&as_json::record(&looked, &record, &findings, trained.as_ref()));
            }
            let word = verdict_word(verdict).get(language);
            println!("{}\n", t::SHOW_RECORD.with(language, &[&number, &place, &format, &word]));
            print!("{}", fields(&record, &findings, paint));
            if let Some(trained) = trained {
                print!("\n{}", seen(&trained, language, paint));
            }
        }
    }
    Ok(())
}

fn outcome(verdict: Verdict) -> RecordOutcome {
    match verdict {
        Verdict::Train => RecordOutcome::Train,
        Verdict::Warn => RecordOutcome::Warn,
        Verdict::Block => RecordOutcome::Block,
    }
}

fn verdict_word(verdict: RecordOutcome) -> t::Word {
    match verdict {
        RecordOutcome::Train => t::TRAIN,
        RecordOutcome::Warn => t::WARN,
        RecordOutcome::Block => t::BLOCK,
        RecordOutcome::Refuse => t::REFUSE,
    }
}

/// Which record is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Number(u64),
    Place { file: PathBuf, line: u64 },
}

impl std::str::FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        let wrong = || "name a record by its number, or by FILE:LINE".to_owned();
        let (before, last) = text.rsplit_once(':').ok_or_else(wrong)?;
        let (file, line) = match last.parse::<Kind>() {
            Ok(_) => before.rsplit_once(':').ok_or_else(wrong)?,
            Err(_) => (before, last),
        };
        let line = line.parse().map_err(|_| wrong())?;
        if file.is_empty() { Err(wrong()) } else { Ok(Self::Place { file: file.into(), line }) }
    }
}

impl Which {
    /// The files to read: those that were named, and of a place its own.
    fn files(&self, named: &[PathBuf]) -> Result<Vec<PathBuf>, SiteError> {
        let wrong = |sentence: &str, hint: &str| {
            Err(SiteError::Data { sentence: sentence.to_owned(), hint: Some(hint.to_owned()) })
        };
        match self {
            Self::Number(_) if named.is_empty() => wrong(
                "no file was named that the number could count over",
                "add the files behind the number, or name the record by FILE:LINE",
            ),
            Self::Number(_) => Ok(named.to_vec()),
            Self::Place { file, .. } if named.is_empty() => Ok(vec![file.clone()]),
            Self::Place { .. } => {
                wrong("FILE:LINE names its file already", "leave the other files out, or name a number")
            }
        }
    }
}

/// The number of the record that is meant, the record, and the reports of the files that were read to find
/// it.
fn find(
    files: &[PathBuf],
    options: &read::ReadOptions,
    which: &Which,
    language: Language,
) -> Result<(u64, Item, Vec<read::FileReport>), SiteError> {
    let mut reader = read::open(files, options);
    let mut seen = 0;
    for item in &mut reader {
        let item = item.map_err(PrepareError::from)?;
        seen += 1;
        let is_it = match which {
            Which::Number(number) => seen == *number,
            Which::Place { line, .. } => place(&item).line == *line,
        };
        if is_it {
            let reports = reader.reports().to_vec();
            return Ok((seen, item, reports));
        }
    }
    let sentence = match which {
        Which::Number(number) => t::NO_SUCH_RECORD.with(language, &[number, &seen]),
        Which::Place { file, line } => t::NO_RECORD_AT.with(language, &[&file.display(), line, &seen]),
    };
    Err(SiteError::Data { sentence, hint: None })
}

fn place(item: &Item) -> Place {
    match item {
        Item::Refused { place, .. } => *place,
        Item::Record(record) => record.place,
    }
}

fn fields(record: &data::Record, findings: &[Finding], paint: Paint) -> String {
    let mut text = String::new();
    for (index, field) in record.fields.iter().enumerate() {
        let marks: Vec<Mark> = findings
            .iter()
            .filter(|finding| finding.field == index)
            .map(|finding| Mark {
                range: finding.start..finding.end,
                label: finding.kind.name().to_owned(),
                blocks: finding.certainty == Certainty::Validated,
            })
            .collect();
        text.push_str(&format!("{}:\n  ", field.path));
        text.push_str(&drawing::marked(&field.text, &marks, paint).replace('\n', "\n  "));
        text.push('\n');
    }
    text
}

/// That a record is not trained on, and why.
fn nothing(reason: &str, language: Language) -> String {
    format!("{}\n", t::SHOW_NOTHING.with(language, &[&reason]))
}

/// What is trained on of a record that the screen lets through: as it is masked, rendered and cut.
fn as_trained(fitted: &Fitted, record: &data::Record) -> Result<Trained, SiteError> {
    if let Err(reason) = fitted.fitting.fit().look(record) {
        if let Some(fault) = fitted.fitting.fault() {
            return Err(PrepareError::from(fault).into());
        }
        return Ok(Trained::Refused(reason));
    }
    let tokenizer = fitted.fitting.tokenizer();
    let explained = match document(record) {
        Document::Conversation(messages) => tokenizer.explain(&messages, fitted.cutoff_tokens),
        Document::Text(text) => tokenizer.explain_text(&text, fitted.cutoff_tokens),
    }
    .map_err(PrepareError::from)?;
    Ok(Trained::Text(explained))
}

/// The same for people.
fn seen(trained: &Trained, language: Language, paint: Paint) -> String {
    let explained = match trained {
        Trained::Blocked => return nothing(t::BLOCK_NOTE.get(language), language),
        Trained::Refused(reason) => {
            return nothing(&crate::language::refusal::sentence(*reason, language), language);
        }
        Trained::Text(explained) => explained,
    };
    let head = t::SHOW_TOKENS.with(language, &[&explained.tokens, &explained.supervised_tokens]);
    let pieces = explained.pieces.iter().map(|piece| (piece.range.clone(), piece.supervised));
    let mut text = format!("{head}\n{}\n", drawing::tokens(&explained.text, pieces, paint));
    if explained.tokens_cut > 0 {
        text.push_str(&format!("{}\n", t::SHOW_CUT.with(language, &[&explained.tokens_cut])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_number_or_by_place() {
        let place = |file: &str, line| Ok(Which::Place { file: file.into(), line });
        assert_eq!("7".parse(), Ok(Which::Number(7)));
        assert_eq!("2024.jsonl:12".parse(), place("2024.jsonl", 12));
        assert_eq!("a:b/2024.jsonl:12:mobile-phone".parse(), place("a:b/2024.jsonl", 12));
        for bad in ["", "x", ":3", "x:", "x:y", "x:mobile-phone", "-1", "x:3:nonsense"] {
            assert!(bad.parse::<Which>().is_err(), "{bad}");
        }
        let file = || vec![PathBuf::from("f")];
        assert_eq!(Which::Place { file: "g".into(), line: 1 }.files(&[]).unwrap(), [PathBuf::from("g")]);
        assert_eq!(Which::Number(1).files(&file()).unwrap(), file());
        Which::Number(1).files(&[]).unwrap_err();
        Which::Place { file: "g".into(), line: 1 }.files(&file()).unwrap_err();
    }
}
