//! What a hostile worker says: malformed and endless messages, floods of every word, a log without end, and
//! what it may say all the same. Used by `attack`. Invariants: the readers are the supervisor's and the
//! gateway's own; what is heard is counted, and never passed on.

use std::fs;
use std::io::{self, Read};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use common::id::{Digest, Round};
use common::limits::LOG_BYTES_MAX;
use common::wire::message::RoundKey;

use super::field::{Ended, Field, within};
use super::hostile::{Attack, KEY};
use super::row::{Came, Row, SUPERVISOR};
use crate::error::SiteError;
use crate::gateway::progress::{ProgressGate, ROUND_BITS};
use crate::limits::{ATTACK_FLOOD_MS_MAX, ATTACK_S_MAX, PROGRESS_MESSAGES_MAX};
use crate::pipe::{FromWorker, Progress, ToWorker, read_message, to_bytes};
use crate::supervisor::log::Log;
use crate::supervisor::words::Words;

const GROUP: &str = "what the worker says";
/// Its log: what it cries goes there and nowhere else.
const LOG: &str = "worker";

/// Everything of this file.
///
/// # Errors
/// `Internal` when a worker cannot be started, `Io` when its log cannot be opened.
pub(super) fn try_all(field: &Field) -> Result<Vec<Row>, SiteError> {
    let mut rows = vec![malformed()];
    rows.extend(flood(field)?);
    rows.push(progress());
    rows.extend(admitted());
    Ok(rows)
}

/// Bytes that are no message: each is an error, at once.
fn malformed() -> Row {
    let whole = to_bytes(&FromWorker::Started).unwrap_or_default();
    let longer = [&[whole.len() as u8 - 3, 0, 0, 0][..], &whole[4..], &[0]].concat();
    let ways: Vec<(&str, Box<dyn Read + Send>)> = vec![
        ("a length of nothing", Box::new(io::repeat(0))),
        ("a length without end", Box::new(io::repeat(0xff))),
        ("a word that there is not", Box::new(io::Cursor::new(vec![1, 0, 0, 0, 0xee]))),
        ("a word, and bytes after it", Box::new(io::Cursor::new(longer))),
        ("half a word", Box::new(io::Cursor::new(vec![90, 0, 0, 0, 1, 2]))),
        ("a line of text", Box::new(io::Cursor::new(b"name: Li Wei, 13 March\n".to_vec()))),
    ];
    let judged = ways.into_iter().map(|(way, mut bytes)| {
        let read = within(move || read_message::<FromWorker>(&mut bytes).map_err(|error| error.to_string()));
        let outcome = match read {
            None => Came::Through("the reader goes on".to_owned()),
            Some(Ok(word)) => Came::Through(format!("read as {word:?}")),
            Some(Err(_)) => Came::Stopped,
        };
        (way.to_owned(), outcome)
    });
    Row::checked(GROUP, "say what is no message, or has no end", SUPERVISOR, judged.collect())
}

/// A real worker that talks on both pipes for a while.
fn flood(field: &Field) -> Result<[Row; 2], SiteError> {
    let mut worker = Ended(field.hostile(Attack::Flood, Stdio::piped())?);
    let log = field.folder().log(LOG);
    let mut kept = Log::open(&log)?;
    let cries = worker.0.stderr.take().map(|cries| thread::spawn(move || kept.follow_blocking(cries)));
    let mut words = Words::default();
    for order in [
        ToWorker::Prepare { key: KEY, manifest: Digest([0; 32]) },
        ToWorker::Train { key: KEY, manifest: Digest([0; 32]), adapter: Digest([0; 32]) },
    ] {
        words.order(&order);
    }
    let said = worker.0.stdout.take();
    let heard = within(move || {
        // From its first word on: on a busy machine that takes a while.
        let mut began = None;
        let (mut heard, mut admitted) = (0_u64, 0_u64);
        let Some(mut pipe) = said else { return (heard, admitted) };
        while began.is_none_or(|at: Instant| at.elapsed() < Duration::from_millis(ATTACK_FLOOD_MS_MAX)) {
            let Ok(Some(message)) = read_message::<FromWorker>(&mut pipe) else { break };
            began.get_or_insert_with(Instant::now);
            heard += 1;
            admitted += u64::from(words.admit(&message, 1000 * heard));
        }
        (heard, admitted)
    });
    wait_for(&log.with_extension("log.old"));
    drop(worker);
    // It ends with the pipe.
    let _ = cries.map(thread::JoinHandle::join);
    /// `Started`, `Data`, and of each order one outcome.
    const ANSWERS: u64 = 4;
    let judged = match heard {
        // Neither does a reader end that hears nothing.
        None => Came::NotTried("the reader did not come to its end".to_owned()),
        Some((heard, admitted)) if admitted > ANSWERS => {
            Came::Through(format!("{admitted} of {heard} were passed on"))
        }
        Some((heard, _)) if heard <= ANSWERS => Came::NotTried(format!("only {heard} words were heard")),
        Some(_) => Came::Stopped,
    };
    let (heard, admitted) = heard.unwrap_or_default();
    let said = Row::checked(
        GROUP,
        "say every word, again and again",
        SUPERVISOR,
        vec![("all words".into(), judged)],
    )
    .noted(&format!("{admitted} of {heard} words were passed on"));
    let cried =
        Row::checked(GROUP, "fill the log, or write to the terminal by it", SUPERVISOR, log_ways(field));
    Ok([said, cried])
}

/// Until the log has reached its bound and was begun anew, or for as long as an attack may take.
fn wait_for(path: &Path) {
    const PAUSE: Duration = Duration::from_millis(5);
    let began = Instant::now();
    while !path.exists() && began.elapsed() < Duration::from_secs(ATTACK_S_MAX) {
        thread::sleep(PAUSE);
    }
}

fn log_ways(field: &Field) -> Vec<(String, Came)> {
    let path = field.folder().log(LOG);
    let old = path.with_extension("log.old");
    let mut ways = Vec::new();
    if !old.exists() {
        ways.push(("its bound".to_owned(), Came::NotTried("the log was not filled".to_owned())));
    }
    for path in [path, old] {
        let Ok(bytes) = fs::read(&path) else { continue };
        let is_plain = bytes.iter().all(|byte| *byte == b'\n' || !byte.is_ascii_control());
        let size = bytes.len() as u64;
        let outcome = match (size <= LOG_BYTES_MAX, is_plain) {
            (true, true) => Came::Stopped,
            (false, _) => Came::Through(format!("{size} bytes")),
            (true, false) => Came::Through("control characters".to_owned()),
        };
        ways.push((path.file_name().unwrap_or_default().to_string_lossy().into_owned(), outcome));
        // What was made is given back at once.
        let _ = fs::remove_file(path);
    }
    ways
}

/// Progress of every step of a long round, each with another loss.
fn progress() -> Row {
    const STEPS: u32 = 100_000;
    let mut gate = ProgressGate::default();
    let mut told = None;
    let mut admitted = 0;
    let key = RoundKey { round: Round(1), ..KEY };
    for step in 1..=STEPS {
        let said = Progress { step, total_steps: STEPS, loss: f64::from(step % 64), tokens_per_s: step };
        if let Ok((_, next)) = gate.admit(key, &said, told, 1000 * u64::from(step)) {
            admitted += 1;
            told = Some(next);
        }
    }
    let judged = match admitted {
        0..=PROGRESS_MESSAGES_MAX => Came::Stopped,
        more => Came::Through(format!("{more} left")),
    };
    Row::checked(
        GROUP,
        "say more in its progress than is counted",
        super::row::GATEWAY,
        vec![(format!("{STEPS} messages"), judged)],
    )
}

/// What nobody can take from a process that computes the update.
fn admitted() -> Vec<Row> {
    let counted = format!("at most {ROUND_BITS} bits a round, which `site-agent status` shows");
    vec![
        Row::admitted(
            "hide bits in the values of an update",
            "`site-agent replay` computes the round again and finds them; low bits are cut off",
        ),
        Row::admitted(
            "hide bits in its choice of blinded points",
            "about one in sixteen strings of 32 bytes is a point; `[policy] overlap = false` sends none",
        ),
        Row::admitted("say something in counts, losses and codes", &counted),
        Row::admitted(
            "say something by when it speaks or trains, or is silent",
            "times are not counted; 50 messages a round are as many as there are",
        ),
        Row::admitted(
            "say something by filling the site's disk",
            "the site tells once a day whether its disk is nearly full: a bit a day",
        ),
    ]
}
