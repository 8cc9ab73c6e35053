//! `coordinator acts verify`: all of the log, beside its signed heads and what witnesses cosigned. Called by
//! `cli::acts`. Invariants: nothing that comes from afar is believed; a witness that is asked for and has not
//! cosigned a head that the log has is an error.

use std::path::PathBuf;

use certs::VerifierKey;
use cli::witness::{CosignedHead, Witnesses};
use common::clock::{Clock as _, SystemClock, Timestamp};
use common::id::Digest;
use common::wire::message::LedgerHead;
use serde_json::json;

use super::source::{key, lines, newest, of};
use super::witnessing::{self, bounded};
use crate::admin::acts::{self, Acts, Kept, Record, State, read_head};
use crate::admin::client::Door;
use crate::admin::contexts::Contexts;
use crate::cli::output;
use crate::error::{Error, Result};

/// What a person asks for.
pub(super) struct Asked<'a> {
    /// Heads that were kept elsewhere.
    pub(super) checkpoints: &'a [PathBuf],
    /// Who must have cosigned.
    pub(super) witnesses: &'a Witnesses,
    /// Whether the head that was seen before is set aside.
    pub(super) accepts: bool,
}

pub(super) fn run(door: &Door, asked: &Asked<'_>, as_json: bool) -> Result<()> {
    let (key, accepts) = (key(door)?, asked.accepts);
    let (mut heads, mut notes) = (Vec::new(), Vec::new());
    for path in asked.checkpoints {
        let note = bounded(path)?;
        heads.push(read_head(note.as_bytes(), &key)?);
        notes.push(note);
    }
    let cosigned = if asked.witnesses.is_empty() {
        Vec::new()
    } else {
        // What is kept here, and what the coordinator keeps: either shows that a witness cosigned.
        notes.extend(witnessing::kept(door)?);
        asked.witnesses.cosigned(&key, &notes, SystemClock.now())?
    };
    heads.extend(cosigned.iter().map(|cosigned| cosigned.head));
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
    shown(&state, &Found { heads: heads.len(), follows, cosigned, key }, as_json)
}

/// What was found besides the log itself.
struct Found {
    heads: usize,
    follows: Option<Digest>,
    cosigned: Vec<CosignedHead>,
    key: VerifierKey,
}

fn shown(state: &State, found: &Found, as_json: bool) -> Result<()> {
    let Found { heads, follows, cosigned, key } = found;
    let (LedgerHead { size, root }, open) = (state.head(), state.open().collect::<Vec<_>>());
    let witnesses: Vec<_> = cosigned
        .iter()
        .map(|CosignedHead { witness, at_s, head }| {
            let at = Timestamp(at_s.saturating_mul(1_000)).rfc3339();
            json!({ "witness": witness.to_text(), "size": head.size, "at": at })
        })
        .collect();
    let document = json!({
        "intact": true,
        "lines": size,
        "root": root.to_string(),
        "heads_compared": heads,
        "follows": follows,
        "without_result": open,
        "witnesses": witnesses,
        "key": key.to_text(),
    });
    if as_json {
        return output::print_json(&document);
    }
    output::print_line(&format!("intact: {size} lines, root {root}"))?;
    output::print_line(&format!("heads are signed by {key}"))?;
    for CosignedHead { witness, at_s, head } in cosigned {
        let at = Timestamp(at_s.saturating_mul(1_000)).rfc3339();
        output::print_line(&format!(
            "its first {} lines were cosigned by {} on {at}; those behind are not witnessed",
            head.size,
            witness.name()
        ))?;
    }
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
