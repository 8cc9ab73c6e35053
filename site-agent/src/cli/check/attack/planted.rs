//! What a hostile worker puts in the place of a file that the gateway opens, if the locks let it: links,
//! pipes, sockets, devices, folders; and one that exchanges the file while it is checked. Used by `attack`.
//! Invariant: what waits for a pipe is seen as held up, and holds nobody else up.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::id::{Digest, Round, RunId};
use common::wire::message::RoundKey;
use data::overlap::POINT_BYTES;
use sandbox::attack::{Special, plant};

use super::field::{Ended, Field, within};
use super::forge::{Forge, Outcome, file, header};
use super::hostile::{Attack, KEY, OTHER};
use super::row::{Came, GATEWAY, Row, Verdict};
use crate::error::SiteError;
use crate::gateway::overlap::points::ProtectedPoints;
use crate::gateway::protect::{Limits, RawUpdate, canonical};
use crate::gateway::store::Store;
use crate::limits::{ATTACK_S_MAX, ATTACK_SWAP_MS_MAX, ATTACK_SWAPS_MAX};
use crate::overlap::raw_points_path;
use crate::paths::StateFolder;
use crate::pipe::{BlindedFacts, RawFacts};

const GROUP: &str = "exchange";
/// The fewest points that may be declared.
const POINTS: u32 = 1024;

/// How something is put at a path; the first one is a file that would pass there, to point at.
type Put = fn(&Path, &Path) -> io::Result<()>;

/// No hard link: one to a file that would pass is that file, whose content is checked.
const PLANTED: [(&str, Put); 5] = [
    ("a symbolic link to what would pass", |linked, path| std::os::unix::fs::symlink(linked, path)),
    ("a named pipe", |_, path| plant(Special::Fifo, path)),
    ("a socket", |_, path| plant(Special::Socket, path)),
    ("a device", |_, path| {
        // Some file systems make them and open none; of this one nothing is read.
        plant(Special::Device, path).and_then(|()| File::open(path).map(drop)).inspect_err(|_| remove(path))
    }),
    ("a folder", |_, path| fs::create_dir(path)),
];
/// Said of points that passed.
const TAKEN: &str = "they were taken";
/// The encoding of the generator of ristretto255 (RFC 9496, appendix A.1): a point that passes.
const POINT: [u8; POINT_BYTES] = [
    0xe2, 0xf2, 0xae, 0x0a, 0x6a, 0xbc, 0x4e, 0x71, 0xa8, 0x84, 0xa9, 0x61, 0xc5, 0x00, 0x51, 0x5f, 0x58,
    0xe3, 0x0b, 0x6a, 0xa5, 0x82, 0xdd, 0x8d, 0xb6, 0xa6, 0x59, 0x45, 0xe0, 0x8d, 0x2d, 0x76,
];

/// Everything of this file.
///
/// # Errors
/// `Internal` when a worker cannot be started, `Io` when the field cannot be prepared.
pub(super) fn try_all(field: &Field, forge: &Forge) -> Result<Vec<Row>, SiteError> {
    let good = file(&header(), &forge.values());
    let linked = field.folder().work().join("linked");
    let write = |bytes: &[u8]| fs::write(&linked, bytes).map_err(SiteError::at(&linked));
    write(&good)?;
    let mut round = 1000;
    let update = in_place("have the gateway open what is no file: the update", |put| {
        round += 1;
        let key = RoundKey { round: Round(round), ..KEY };
        let path = forge.raw(key);
        put(&linked, &path)?;
        // Of a link, what it leads to: only that it is a link stands against it.
        let outcome = forge.check(key, Digest::of(&good));
        remove(&path);
        Ok(match outcome {
            Outcome::Refused(_) => Came::Stopped,
            Outcome::Taken(_) => Came::Through("it was taken".to_owned()),
            Outcome::Held => Came::Through("the check waits for it".to_owned()),
            Outcome::Failed(reason) => Came::NotTried(reason),
        })
    });
    let honest = POINT.repeat(POINTS as usize);
    write(&honest)?;
    let mut desk = PointsDesk { folder: field.folder(), run: 0 };
    let taken = desk.hand_in(&honest, |path| fs::write(path, &honest));
    let mut rows = vec![update];
    if matches!(&taken, Ok(Came::Through(found)) if found == TAKEN) {
        rows.push(in_place("have the gateway open what is no file: the points", |put| {
            desk.hand_in(&honest, |path| put(&linked, path))
        }));
        rows.push(odd_points(&mut desk));
    } else {
        let note = format!("not even honest points pass: {taken:?}");
        rows.push(Row::checked(GROUP, "hand in forged points", GATEWAY, Vec::new()).noted(&note));
    }
    rows.push(swap(field, forge)?);
    Ok(rows)
}

fn in_place(attack: &str, mut try_one: impl FnMut(Put) -> io::Result<Came>) -> Row {
    let mut ways = Vec::new();
    let mut not_made = Vec::new();
    for (way, put) in PLANTED {
        match try_one(put) {
            Ok(came) => ways.push((way.to_owned(), came)),
            // Only root makes devices, and some file systems make less.
            Err(error) => not_made.push(format!("{way} ({error})")),
        }
    }
    let row = Row::checked(GROUP, attack, GATEWAY, ways);
    if not_made.is_empty() || row.note.is_some() {
        return row;
    }
    row.noted(&format!("not to be made here: {}", not_made.join(", ")))
}

fn remove(path: &Path) {
    // One of the two; the field is removed at the end anyway.
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir(path);
}

/// Hands in points, each time for a run of their own: a run has one set of them.
struct PointsDesk<'a> {
    folder: &'a StateFolder,
    run: u8,
}

impl PointsDesk<'_> {
    /// Puts something in the points' place, and hands it in as `announced`: its own bytes, so that only what
    /// it is stands against it.
    fn hand_in(&mut self, announced: &[u8], put: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<Came> {
        self.run += 1;
        let run = RunId([self.run; 8]);
        let path = raw_points_path(self.folder, run);
        put(&path)?;
        let folder = self.folder.clone();
        let facts = BlindedFacts { digest: Digest::of(announced), points: POINTS };
        let checked = within(move || {
            let mut store = Store::open(&folder.database())?;
            ProtectedPoints::protect(&folder, &mut store, run, &facts, 1)
        });
        remove(&path);
        Ok(match checked {
            None => Came::Through("the check waits for it".to_owned()),
            Some(Ok(_)) => Came::Through(TAKEN.to_owned()),
            Some(Err(SiteError::PointsRefused { .. })) => Came::Stopped,
            Some(Err(error)) => Came::NotTried(error.to_string()),
        })
    }
}

/// Text where points should be, too many of them, and none.
fn odd_points(desk: &mut PointsDesk<'_>) -> Row {
    let whole = POINTS as usize * POINT_BYTES;
    let text = b"name: Li Wei, 13 March; ".iter().copied().cycle();
    let files: [(&str, Vec<u8>); 5] = [
        ("text", text.take(whole).collect()),
        ("text in the last point", [&POINT.repeat(POINTS as usize - 1)[..], &[b'a'; POINT_BYTES]].concat()),
        ("zeros", vec![0; whole]),
        ("one byte too many", [&POINT.repeat(POINTS as usize)[..], &[0]].concat()),
        ("nothing", Vec::new()),
    ];
    let ways = files.map(|(way, bytes)| {
        let came = desk.hand_in(&bytes, |path| fs::write(path, &bytes));
        (way.to_owned(), came.unwrap_or_else(|error| Came::NotTried(error.to_string())))
    });
    Row::checked(GROUP, "send text in the place of blinded points", GATEWAY, ways.into())
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
    let began = Instant::now();
    let (usual, last) = (Duration::from_millis(ATTACK_SWAP_MS_MAX), Duration::from_secs(ATTACK_S_MAX));
    let mut ways = Vec::new();
    let (mut taken, mut refused, mut missed) = (0_u32, 0_u32, 0_u32);
    // Until it has met both a whole file and an exchanged one, if the machine gives occasion for it.
    while began.elapsed() < if taken == 0 || refused == 0 { last } else { usual }
        && (taken == 0 || refused == 0 || taken + refused < ATTACK_SWAPS_MAX)
    {
        match check_once(forge, &raw, &part, Digest::of(&good)) {
            None => {
                let found = Came::Through("the check did not end".to_owned());
                ways.push(("while it is exchanged".to_owned(), found));
                break;
            }
            Some(Ok(())) => {
                taken += 1;
                if !forge.is_clean(&part) {
                    ways.push(("a file".to_owned(), Came::Through("it is not clean".into())));
                }
            }
            Some(Err(SiteError::UpdateRefused { .. })) => refused += 1,
            // At that moment there was none.
            Some(Err(_)) => missed += 1,
        }
    }
    let has_lived = worker.0.try_wait().is_ok_and(|ended| ended.is_none());
    if taken > 0 && refused > 0 {
        ways.push(("again and again".to_owned(), Came::Stopped));
    }
    let row = Row::checked(GROUP, ATTACK, GATEWAY, ways);
    let note = format!("{taken} times taken, {refused} times refused, {missed} times nothing was there");
    Ok(match (has_lived, row.result) {
        (_, Verdict::NotStopped) => row,
        (false, _) => Row { result: Verdict::NotTried, ..row }.noted("the hostile worker ended before"),
        (true, _) => Row { tries: taken + refused, ..row }.noted(&note),
    })
}

/// What the check says of what is there now; `None` where it does not end.
fn check_once(forge: &Forge, raw: &Path, part: &Path, announced: Digest) -> Option<Result<(), SiteError>> {
    let (forge, raw, part): (Forge, PathBuf, PathBuf) = (forge.clone(), raw.to_owned(), part.to_owned());
    within(move || {
        let facts = RawFacts { digest: announced, records: 100, tokens: 1000, loss: 2.0 };
        let key = RoundKey { run: forge.manifest.run, round: Round(1) };
        let made = RawUpdate { key, facts: &facts, manifest: &forge.manifest };
        canonical(&raw, &part, &made, &Limits::of(&forge.policy)).map(drop)
    })
}
