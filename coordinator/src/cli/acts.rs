//! `coordinator acts`: who asked this coordinator for what, from its signed log. Called by `cli`. Invariants:
//! it only reads, but for `accept`, which needs the machine; what comes from afar is verified here, with the
//! key that was stored at `coordinator enrol`, and against the newest head that was seen before.

use std::path::{Path, PathBuf};

use certs::{ReceiptPublicKey, VerifierKey};
use clap::Subcommand;
use common::clock::{Clock, SystemClock, Timestamp};
use common::durable;
use common::ledger::Checkpoint;
use common::wire::message::LedgerHead;
use serde_json::json;

use super::{offline, output};
use crate::admin::acts::{self, Acts, Kept, Record, State, Step, Who, log_name, read_head};
use crate::admin::client::Door;
use crate::admin::contexts::Contexts;
use crate::admin::message::{Answer, Command};
use crate::error::{Error, Result};
use crate::limits::ACTS_SHOWN_MAX;
use crate::state_folder::identity::receipt_key;

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

Examples:
  coordinator acts show --last 20
  coordinator acts verify --json
  coordinator --context main acts verify
  coordinator acts head --out head-2026.txt";

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

pub(super) fn run(door: &Door, arguments: &Arguments) -> Result<()> {
    match &arguments.verb {
        Verb::Show { last, json } => show(door, *last, *json),
        Verb::Verify { checkpoint, accept, json } => verify(door, checkpoint, *accept, *json),
        Verb::Head { out, json } => head(door, out.as_deref(), *json),
        Verb::Accept { yes, json } => accept(door, *yes, *json),
    }
}

/// What its heads are verified with.
fn key(door: &Door) -> Result<VerifierKey> {
    let key = match door {
        Door::Here(folder) => receipt_key(folder)?.public_key()?,
        Door::There(context) => context.receipt_key,
    };
    of(&key)
}

fn of(key: &ReceiptPublicKey) -> Result<VerifierKey> {
    Ok(VerifierKey::new(&log_name(key), *key.as_bytes())?)
}

fn newest(door: &Door) -> Result<String> {
    match offline::books(door, &Command::ActsHead)? {
        Answer::ActsHead { note } => Ok(note),
        _ => Err(offline::unexpected()),
    }
}

fn lines(door: &Door, from: u64) -> Result<Vec<String>> {
    match offline::books(door, &Command::Acts { from })? {
        Answer::Acts { lines } => Ok(lines),
        _ => Err(offline::unexpected()),
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
    }
}

fn row([number, when, who, act, result, on]: [&str; 6]) -> String {
    format!("{number:>7}  {when:<20}  {who:<17}  {act:<16}  {result:<9}  {on}").trim_end().to_owned()
}

fn verify(door: &Door, checkpoints: &[PathBuf], accepts: bool, as_json: bool) -> Result<()> {
    let key = key(door)?;
    let mut heads = Vec::new();
    for path in checkpoints {
        let note = std::fs::read(path).map_err(Error::io("read", path))?;
        heads.push(read_head(&note, &key)?);
    }
    // Of a log that followed another: the SHA-256 of that one.
    let mut follows = None;
    let mut see = |record: &Record| {
        if record.sequence == 0 && record.verb == acts::Verb::AcceptActs {
            follows = record.sha256;
        }
    };
    let state = match door {
        Door::Here(_) if accepts => {
            return Err(Error::Argument {
                message: "no head that was seen before is kept on the coordinator's machine".into(),
                hint: "leave --accept out; `coordinator acts accept` sets a damaged log aside".into(),
            });
        }
        Door::Here(folder) => Acts::open(folder)?.verify(&heads, &mut see)?,
        Door::There(context) => {
            let kept = Kept::at(Contexts::open()?.acts_head(&context.name)?, of(&context.receipt_key)?);
            if !accepts {
                heads.extend(kept.head()?);
            }
            // First the head: what is written meanwhile comes behind it.
            let note = newest(door)?;
            heads.push(if accepts { read_head(note.as_bytes(), &key)? } else { kept.newer(&note)? });
            let state = afar(door, &heads, &mut see)?;
            if accepts && let Some(aside) = kept.set_aside(SystemClock.now())? {
                eprintln!("the head that was seen before is {} now; keep it", aside.display());
            }
            kept.keep(&note)?;
            state
        }
    };
    let (LedgerHead { size, root }, open) = (state.head(), state.open().collect::<Vec<_>>());
    let document = json!({
        "intact": true,
        "lines": size,
        "root": root.to_string(),
        "heads_compared": heads.len(),
        "follows": follows,
        "without_result": open,
        "key": key.to_text(),
    });
    if as_json {
        return output::print_json(&document);
    }
    output::print_line(&format!("intact: {size} lines, root {root}"))?;
    output::print_line(&format!("heads are signed by {key}"))?;
    if let Some(digest) = follows {
        output::print_line(&format!("it follows a log that was set aside, of the SHA-256 {digest}"))?;
    }
    if !open.is_empty() {
        let open: Vec<String> = open.iter().map(u64::to_string).collect();
        output::print_line(&format!(
            "without a result, because it is being done or the coordinator ended before: {}",
            open.join(", ")
        ))?;
    }
    Ok(())
}

/// Reads all of it from the coordinator, and believes nothing of it.
fn afar(door: &Door, heads: &[LedgerHead], see: &mut impl FnMut(&Record)) -> Result<State> {
    let damaged = |damage: acts::Damage| Error::ActsDamaged(damage.to_string());
    let wanted = heads.iter().map(|head| head.size).max().unwrap_or(0);
    let mut state = State::default();
    loop {
        let from = state.head().size;
        let some = lines(door, from)?;
        let is_last = some.is_empty() || from >= wanted;
        let upto = from + some.len() as u64;
        // Those that are further on are compared when it is there.
        let near: Vec<LedgerHead> =
            heads.iter().filter(|head| is_last || head.size <= upto).copied().collect();
        let bytes = some.iter().flat_map(|line| [line.as_bytes(), b"\n"]).collect::<Vec<_>>().concat();
        let read = acts::read(&mut bytes.as_slice(), state, &near, &mut *see);
        let reading = read.map_err(|error| Error::Internal(error.to_string()))?.map_err(damaged)?;
        state = reading.state;
        if is_last || state.head().size == from {
            return Ok(state);
        }
    }
}

fn head(door: &Door, out: Option<&Path>, as_json: bool) -> Result<()> {
    let (note, key) = (newest(door)?, key(door)?);
    let head = read_head(note.as_bytes(), &key)?;
    if let Some(path) = out {
        durable::write(path, note.as_bytes(), durable::ORDINARY).map_err(Error::io("write", path))?;
        eprintln!("wrote {}", path.display());
    }
    if as_json {
        let (name, key) = (key.name().to_owned(), key.to_text());
        let text = Checkpoint { name, head }.to_string();
        return output::print_json(&json!({ "checkpoint": text, "note": note, "key": key }));
    }
    if out.is_none() { output::print_line(note.trim_end()) } else { Ok(()) }
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
