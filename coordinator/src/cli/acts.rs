//! `coordinator acts`: who asked this coordinator for what, from its signed log. Called by `cli`. The parts:
//! `source` (where lines and heads come from), `verify`, and `witnessing` (heads, proofs and cosignatures).
//! Invariants: it only reads, but for `accept` and for what witnesses cosigned, which need the machine; what
//! comes from afar is verified here, with the key that was stored at `coordinator enrol`, and against the
//! newest head that was seen before.

mod source;
mod verify;
mod witnessing;

use std::path::PathBuf;

use clap::Subcommand;
use cli::witness::{FolderOption, Witness, Witnesses};
use common::clock::{Clock, SystemClock, Timestamp};
use common::private::passphrase::Passphrase;
use serde_json::json;

use self::source::{key, lines, newest};
use super::output;
use crate::admin::acts::{self, Acts, Record, Step, Who, read_head};
use crate::admin::client::Door;
use crate::error::Result;
use crate::limits::ACTS_SHOWN_MAX;

pub(super) use self::witnessing::told;

const MANUAL: &str = "\
Everything that changes something at this coordinator is in its log of acts
before it is done: who (an operator or auditor with the certificate, or the
number of a user of the coordinator's machine), what, on which run or site, when,
and what became of it. The lines are chained by hash, and the newest head is
signed with the coordinator's receipt key (acts/ in the state folder).

`verify` reads all of it, and names the first line that was changed. From afar
it also compares with the newest head that it saw before, which it keeps beside
the contexts. Give it a head that was kept elsewhere with --checkpoint. After
`coordinator acts accept` there a head from before fits no more: ask them why,
then --accept sets it aside here.

A witness is another member or an auditor who cosigns heads, and refuses one that
does not follow from all that it cosigned before: who asks for its cosignature
(--witness) sees the one history that it saw. See OPERATORS.md.

Examples:
  coordinator acts show --last 20
  coordinator acts verify --json
  coordinator --context main acts verify
  coordinator acts head --out head-2026.txt";

const PROVE_MANUAL: &str = "\
Print what a witness needs: the signed head of now, and the proof that it extends
the one of SIZE lines that the witness cosigned before (`witness show` there has
the size; 0 the first time). The file is the body of add-checkpoint of C2SP
tlog-witness.

Examples:
  coordinator acts prove --from 0 --out acts.request
  site-agent witness cosign acts.request --out acts.cosigned";

const COSIGN_MANUAL: &str = "\
As a witness: fetch the head and the proof, and cosign the head if it extends
what this witness cosigned before. The key of the log is the one that was
stored at `coordinator enrol`; --first has the witness take it. Without --first
a log that the witness does not know is refused: its memory may be lost. Send
the file to the operator, who keeps it with
`coordinator acts head --cosigned FILE --witness KEY`, and to whoever wants to
compare. A log that has two histories is refused, and both heads are kept.
Where the context's key and the witness' are sealed, a --passphrase-file opens
both.

Examples:
  coordinator witness init hospital-b
  coordinator --context main acts cosign --first --out acts.cosigned
  coordinator --context main acts cosign --out acts.cosigned --replace";

const ACCEPT_MANUAL: &str = "\
Set a log of acts aside that is damaged or full, and begin another one, whose
first line has the SHA-256 of the old one. Until then everything that would
change something is refused. On the coordinator's machine only. Look first who
changed it, and keep a copy of acts/; auditors see that the old heads fit no
more.

Example:
  coordinator acts accept --yes";

/// Show and verify the log of what was asked of this coordinator
#[derive(clap::Args)]
#[command(long_about = MANUAL)]
pub(super) struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Show the last lines
    Show {
        /// How many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=ACTS_SHOWN_MAX))]
        last: u64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Read all of it, and say whether it is intact
    Verify {
        /// A head that was kept (`coordinator acts head`)
        #[arg(long, value_name = "FILE")]
        checkpoint: Vec<PathBuf>,
        #[command(flatten)]
        witnesses: Witnesses,
        /// From afar: set the head that was seen before aside, and go on with this log
        #[arg(long)]
        accept: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the signed head of now, to be kept elsewhere
    Head {
        /// Write it to this file, replacing it
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// On this machine: keep this head, which a witness cosigned, for those who ask
        #[arg(long, value_name = "FILE", requires = "witness", conflicts_with = "out")]
        cosigned: Option<PathBuf>,
        /// With --cosigned: the witness' verifier key
        #[arg(long, value_name = "KEY", requires = "cosigned")]
        witness: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the head and its proof, for a witness
    #[command(long_about = PROVE_MANUAL)]
    Prove {
        /// Lines of the head that the witness cosigned before; 0 for none
        #[arg(long, value_name = "SIZE")]
        from: u64,
        /// Write it to this file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace the file if it is there
        #[arg(long, requires = "out")]
        replace: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// As a witness: cosign the head of now
    #[command(long_about = COSIGN_MANUAL)]
    Cosign {
        #[command(flatten)]
        folder: FolderOption,
        /// This witness has never cosigned a head of this log
        #[arg(long)]
        first: bool,
        /// Write the cosigned head to this file [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Replace the file if it is there
        #[arg(long, requires = "out")]
        replace: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Set a damaged or full log aside, and begin another one
    #[command(long_about = ACCEPT_MANUAL)]
    Accept {
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) fn run(door: &Door, arguments: &Arguments, passphrase: &Passphrase) -> Result<()> {
    match &arguments.verb {
        Verb::Show { last, json } => show(door, *last, *json),
        Verb::Verify { checkpoint, witnesses, accept, json } => {
            let asked = verify::Asked { checkpoints: checkpoint, witnesses, accepts: *accept };
            verify::run(door, &asked, *json)
        }
        Verb::Head { cosigned: Some(file), witness: Some(key), json, .. } => {
            witnessing::keep(door, file, key, *json)
        }
        Verb::Head { out, json, .. } => witnessing::head(door, out.as_deref(), *json),
        Verb::Prove { from, out, replace, json } => {
            witnessing::prove(door, *from, out.as_deref().map(|out| (out, *replace)), *json)
        }
        Verb::Cosign { folder, first, out, replace, json } => {
            let witness = Witness::open(&folder.path()?, passphrase)?;
            witnessing::cosign(door, &witness, *first, out.as_deref().map(|out| (out, *replace)), *json)
        }
        Verb::Accept { yes, json } => accept(door, *yes, *json),
    }
}

fn show(door: &Door, last: u64, as_json: bool) -> Result<()> {
    let size = read_head(newest(door)?.as_bytes(), &key(door)?)?.size;
    let mut records: Vec<Record> = Vec::new();
    let mut from = size.saturating_sub(last);
    while from < size {
        let some = lines(door, from)?;
        if some.is_empty() {
            break;
        }
        for line in some.iter().take(usize::try_from(size - from).unwrap_or(usize::MAX)) {
            records.push(acts::following(records.last(), from, line.as_bytes())?);
            from += 1;
        }
    }
    if matches!(door, Door::There(_)) {
        eprintln!(
            "as the coordinator tells it; `coordinator acts verify` compares all of it with its signed head"
        );
    }
    if as_json {
        return output::print_json(&records);
    }
    output::print_line(&row(["number", "when (UTC)", "who", "act", "result", "on"]))?;
    records.iter().filter(|record| record.of.is_none()).try_for_each(|record| {
        let result = records.iter().find(|other| other.of == Some(record.sequence));
        output::print_line(&shown(record, result))
    })
}

fn shown(record: &Record, result: Option<&Record>) -> String {
    let word = match (record.step, result.map(|result| result.step)) {
        (Step::Refused, _) => "refused",
        (_, Some(Step::Done)) => "done",
        (_, Some(_)) => "failed",
        // It is being done, or the coordinator ended before it had a result, or the result is further on.
        (_, None) => "no result",
    };
    let who = match record.certificate {
        None => format!("user {}", record.who),
        Some(_) => format!("{} {}", serde_word(record), record.who),
    };
    let run = result.and_then(|result| result.run).or(record.run).map(|run| run.to_string());
    let name = record.name.as_ref().map(ToString::to_string);
    let file = record.sha256.map(|digest| format!("sha256 {}", digest.short()));
    let on = [run, name, file].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let when = Timestamp(record.time_ms).rfc3339();
    row([&record.sequence.to_string(), &when, &who, &record.verb.word(), word, &on])
}

fn serde_word(record: &Record) -> &'static str {
    match record.role {
        acts::By::Local => "user",
        acts::By::Operator => "operator",
        acts::By::Auditor => "auditor",
        acts::By::Witness => "witness",
    }
}

fn row([number, when, who, act, result, on]: [&str; 6]) -> String {
    format!("{number:>7}  {when:<20}  {who:<17}  {act:<16}  {result:<9}  {on}").trim_end().to_owned()
}

fn accept(door: &Door, is_sure: bool, as_json: bool) -> Result<()> {
    let acts = Acts::open(door.here()?)?;
    if !is_sure {
        output::confirm("set this log of acts aside, and begin another?")?;
    }
    let aside = acts.accept(&Who::here(), SystemClock.now())?;
    let document = json!({ "aside": aside.display().to_string() });
    output::tell(as_json, &document, || {
        eprintln!("the old log is {}; keep it. Another one has begun", aside.display());
    })
}
