//! What a hostile worker puts in the place of a file that the gateway opens, if the locks let it: links,
//! pipes, sockets, devices, folders; and one that exchanges the file while it is checked. Used by `attack`.
//! Invariant: what waits for a pipe is seen as held up, and holds nobody else up.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::id::{Digest, Round};
use common::wire::message::RoundKey;
use data::overlap::POINT_BYTES;
use sandbox::attack::{Special, plant};

use super::field::{Ended, Field, within};
use super::forge::{Forge, Outcome, file, header};
use super::hostile::{Attack, KEY, OTHER};
use super::row::{GATEWAY, Row, Verdict};
use crate::error::SiteError;
use crate::gateway::overlap::points::ProtectedPoints;
use crate::gateway::protect::{Limits, canonical};
use crate::gateway::store::Store;
use crate::limits::{ATTACK_SWAP_MS_MAX, ATTACK_SWAPS_MAX};
use crate::overlap::raw_points_path;
use crate::paths::StateFolder;
use crate::pipe::{BlindedFacts, RawFacts};

const GROUP: &str = "exchange";
/// The fewest points that may be declared.
const POINTS: u32 = 1024;

/// How something is put at a path; the field has a key and a ledger to point at.
type Put = fn(&StateFolder, &Path) -> io::Result<()>;

const PLANTED: [(&str, Put); 6] = [
    ("a symbolic link to the key", |field, path| {
        std::os::unix::fs::symlink(field.identity().join("key.pem"), path)
    }),
    ("a hard link to the ledger", |field, path| fs::hard_link(field.ledger(), path)),
    ("a named pipe", |_, path| plant(Special::Fifo, path)),
    ("a socket", |_, path| plant(Special::Socket, path)),
    ("a device", |_, path| plant(Special::Device, path)),
    ("a folder", |_, path| fs::create_dir(path)),
];

/// Everything of this file.
///
/// # Errors
/// `Internal` when a worker cannot be started, `Io` when the field cannot be prepared.
pub(super) fn try_all(field: &Field, forge: &Forge) -> Result<Vec<Row>, SiteError> {
    let mut round = 1000;
    let update = in_place("have the gateway open what is no file: the update", |put| {
        round += 1;
        let key = RoundKey { round: Round(round), ..KEY };
        let path = forge.raw(key);
        put(field.folder(), &path)?;
        // The digest of what a link leads to: as if the worker knew it.
        let announced = Digest::of(b"a stand-in for a ledger\n");
        let outcome = forge.check(key, announced);
        remove(&path);
        Ok(match outcome {
            Outcome::Refused(_) => Ok(()),
            Outcome::Taken(_) => Err("it was taken".to_owned()),
            Outcome::Held => Err("the check waits for it".to_owned()),
        })
    });
    let points = in_place("have the gateway open what is no file: the points", |put| {
        let path = raw_points_path(field.folder(), KEY.run);
        put(field.folder(), &path)?;
        let judged = points_refused(field.folder());
        remove(&path);
        Ok(judged)
    });
    Ok(vec![update, points, odd_points(field), swap(field, forge)?])
}

fn in_place(attack: &str, mut try_one: impl FnMut(Put) -> io::Result<Result<(), String>>) -> Row {
    let mut ways = Vec::new();
    let mut not_tried = Vec::new();
    for (way, put) in PLANTED {
        match try_one(put) {
            Ok(judged) => ways.push((way.to_owned(), judged)),
            // Only root makes devices, and some file systems make less.
            Err(error) => not_tried.push(format!("{way} ({error})")),
        }
    }
    let row = Row::checked(GROUP, attack, GATEWAY, ways);
    if not_tried.is_empty() { row } else { row.noted(&format!("not tried: {}", not_tried.join(", "))) }
}

fn remove(path: &Path) {
    // One of the two; the field is removed at the end anyway.
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir(path);
}

/// Hands in what stands in the points' place.
fn points_refused(folder: &StateFolder) -> Result<(), String> {
    let folder = folder.clone();
    let checked = within(move || {
        let facts = BlindedFacts { digest: Digest([7; 32]), points: POINTS };
        let mut store = Store::open(&folder.database())?;
        ProtectedPoints::protect(&folder, &mut store, KEY.run, &facts, 1)
    });
    match checked {
        None => Err("the check waits for it".to_owned()),
        Some(Ok(_)) => Err("they were taken".to_owned()),
        Some(Err(_)) => Ok(()),
    }
}

/// Text where points should be, too many of them, and none.
fn odd_points(field: &Field) -> Row {
    let path = raw_points_path(field.folder(), KEY.run);
    let whole = POINTS as usize * POINT_BYTES;
    let text = b"name: Li Wei, 13 March; ".iter().copied().cycle();
    let files: [(&str, Vec<u8>); 4] = [
        ("text", text.take(whole).collect()),
        ("zeros", vec![0; whole]),
        ("one byte too many", vec![0; whole + 1]),
        ("nothing", Vec::new()),
    ];
    let mut ways = Vec::new();
    for (way, bytes) in files {
        if fs::write(&path, bytes).is_ok() {
            ways.push((way.to_owned(), points_refused(field.folder())));
        }
        remove(&path);
    }
    Row::checked(GROUP, "send text in the place of blinded points", GATEWAY, ways)
}

/// A hostile worker, behind its locks, exchanges the update again and again while it is checked. Whatever the
/// check takes must be what may leave.
fn swap(field: &Field, forge: &Forge) -> Result<Row, SiteError> {
    const ATTACK: &str = "exchange the update between its check and its copy";
    let good = file(&header(), &forge.values());
    let mut bad_values = vec![f32::NAN; forge.values().len()];
    bad_values[0] = f32::MAX;
    let bad = file(&header(), &bad_values);
    let other = field.folder().work().join(OTHER);
    for (path, bytes) in [(&forge.raw(KEY), &good), (&other, &bad)] {
        fs::write(path, bytes).map_err(SiteError::at(path))?;
    }
    let mut worker = Ended(field.hostile(Attack::Swap, Stdio::null())?);
    let (raw, part) = (forge.raw(KEY), field.folder().outbox().join("swapped.part"));
    let deadline = Instant::now() + Duration::from_millis(ATTACK_SWAP_MS_MAX);
    let mut ways = Vec::new();
    let (mut taken, mut refused) = (0_u32, 0_u32);
    while taken + refused < ATTACK_SWAPS_MAX && Instant::now() < deadline {
        match check_once(forge, &raw, &part, Digest::of(&good)) {
            None => {
                ways.push(("while it is exchanged".to_owned(), Err("the check did not end".to_owned())));
                break;
            }
            Some(true) => {
                taken += 1;
                let clean = forge.is_clean(&part);
                ways.push(("a file".to_owned(), if clean { Ok(()) } else { Err("it is not clean".into()) }));
            }
            Some(false) => {
                refused += 1;
                ways.push(("a file".to_owned(), Ok(())));
            }
        }
    }
    let has_lived = worker.0.try_wait().is_ok_and(|ended| ended.is_none());
    let row = Row::checked(GROUP, ATTACK, GATEWAY, ways);
    let note = format!("{taken} times taken, and clean; {refused} times refused");
    Ok(match (has_lived, row.result) {
        (false, _) => Row { result: Verdict::NotTried, ..row }.noted("the hostile worker ended before"),
        (true, Verdict::Stopped) => row.noted(&note),
        (true, _) => row,
    })
}

/// Whether the check takes what is there now; `None` where it does not end.
fn check_once(forge: &Forge, raw: &Path, part: &Path, announced: Digest) -> Option<bool> {
    let (forge, raw, part): (Forge, PathBuf, PathBuf) = (forge.clone(), raw.to_owned(), part.to_owned());
    within(move || {
        let facts = RawFacts { digest: announced, records: 100, tokens: 1000, loss: 2.0 };
        canonical(&raw, &part, &facts, &forge.manifest, &Limits::of(&forge.policy)).is_ok()
    })
}
