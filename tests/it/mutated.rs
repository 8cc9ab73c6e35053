//! Valid bytes of every kind that comes from outside, changed in every way that a hostile peer thinks of: the
//! targets of `tests/fuzz/src/messages.rs`, `decisions.rs` and `kept.rs` on stable Rust. Run by `cargo test`
//! for two seconds each, and for as long as `MUTATE_S` says by `deploy/long-tests`; `MUTATE_ONLY=age,acts`
//! names kinds there. Invariant: the seed is printed, and gives the same bytes.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::support::repository;

#[expect(unreachable_pub, reason = "the fuzz targets need it from outside their crate")]
#[path = "../fuzz/src/decisions.rs"]
mod decisions;
#[expect(unreachable_pub, reason = "the fuzz targets need it from outside their crate")]
#[path = "../fuzz/src/kept.rs"]
mod kept;
mod letters;
#[expect(unreachable_pub, reason = "the fuzz targets need it from outside their crate")]
#[path = "../fuzz/src/messages.rs"]
mod messages;
mod seeds;
pub(crate) mod sheets;

/// No message that is read in one piece is longer than twice this.
const BYTES_MAX: usize = 64 * 1024;

/// The valid bytes of a kind.
fn seeds(name: &str) -> Result<Vec<Vec<u8>>> {
    let folder = repository().join("tests/fuzz/seeds").join(name);
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))?.flatten().collect();
    paths.sort_by_key(std::fs::DirEntry::file_name);
    Ok(paths.iter().map(|entry| std::fs::read(entry.path())).collect::<std::io::Result<_>>()?)
}

/// Numbers from a seed: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

/// One of the changes that have found something in other programs.
fn change(bytes: &mut Vec<u8>, others: &[Vec<u8>], random: &mut Random) {
    let at = random.below(bytes.len());
    match random.below(9) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
        1 if !bytes.is_empty() => bytes[at] = [0, 1, 0x7f, 0x80, 250, 251, 252, 253, 0xff][random.below(9)],
        2 => bytes.truncate(at),
        3 => bytes.insert(at, random.next() as u8),
        4 if !bytes.is_empty() => {
            bytes.remove(at);
        }
        // A piece of it once more, somewhere else.
        5 => {
            let end = (at + 1 + random.below(64)).min(bytes.len());
            let piece = bytes.get(at..end).unwrap_or_default().to_vec();
            let to = random.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        // The end of another one.
        6 => {
            let other = &others[random.below(others.len())];
            bytes.truncate(at);
            bytes.extend_from_slice(&other[random.below(other.len())..]);
        }
        // A long length, in either order of bytes.
        7 if at + 4 <= bytes.len() => {
            let number = u32::MAX >> random.below(32);
            let written = if random.below(2) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
            bytes[at..at + 4].copy_from_slice(&written);
        }
        _ => bytes.extend(std::iter::repeat_n(random.next() as u8, random.below(64))),
    }
    bytes.truncate(BYTES_MAX);
}

fn mutate(within: Duration, only: Option<&str>) -> Result<()> {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_129);
    let kinds: Vec<_> =
        messages::TARGETS.into_iter().chain(decisions::TARGETS).chain(kept::TARGETS).collect();
    for asked in only.into_iter().flat_map(|only| only.split(',')) {
        let known = kinds.iter().any(|(name, _)| *name == asked);
        ensure!(known, "MUTATE_ONLY: {asked} is no kind");
    }
    let is_asked = |name: &str| only.is_none_or(|only| only.split(',').any(|one| one == name));
    for (name, reads) in kinds {
        if !is_asked(name) {
            continue;
        }
        let seeds = seeds(name)?;
        for (number, bytes) in seeds.iter().enumerate() {
            ensure!(reads(bytes), "seed {number} of {name} is not one");
        }
        let (mut random, began, mut tried, mut taken) = (Random(seed), Instant::now(), 0_u64, 0_u64);
        while began.elapsed() < within {
            let mut bytes = seeds[random.below(seeds.len())].clone();
            for _ in 0..=random.below(4) {
                change(&mut bytes, &seeds, &mut random);
            }
            tried += 1;
            taken += u64::from(reads(&bytes));
        }
        println!("SEED={seed} {name}: {tried} tried, {taken} of them valid");
        ensure!(tried > 100 && taken < tried, "{name}: {taken} of {tried} were valid");
    }
    Ok(())
}

#[test]
fn changed_bytes_are_refused_or_read_as_they_are_written() -> Result<()> {
    mutate(Duration::from_secs(2), None)
}

#[test]
#[ignore = "minutes: run by deploy/long-tests"]
fn changed_bytes_are_refused_or_read_as_they_are_written_for_long() -> Result<()> {
    let seconds = std::env::var("MUTATE_S").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let only = std::env::var("MUTATE_ONLY").ok();
    mutate(Duration::from_secs(seconds), only.as_deref())
}
