//! Reads parts of a ZIP file (APPNOTE.TXT 6.3, without ZIP64 and encryption). Called by `parts`. Invariants:
//! only what the directory at the end names is there; a part is unpacked when it is asked for, never to more
//! bytes than are left of the bound for all of them; its length and checksum are those of the directory.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::cell::Problem;
use crate::limits::{WORKBOOK_PARTS_MAX, WORKBOOK_SMALL_PART_BYTES_MAX};

const BROKEN: Problem = Problem::File("it is no workbook: its archive is cut off or damaged");
const LARGE: Problem = Problem::File("it unpacks to more than a sheet of a review can have");
/// Bytes of the record at the end, without its comment.
const END_BYTES: usize = 22;
const ENTRY_BYTES: usize = 46;
const HEADER_BYTES: usize = 30;
/// The flag of a part that a password closes.
const ENCRYPTED: u16 = 1;
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

struct Part {
    method: u16,
    checksum: u32,
    packed: usize,
    unpacked: u64,
    header: usize,
}

/// The parts by name, in lower case, for names of parts have no case.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    parts: BTreeMap<String, Part>,
    left: u64,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Problem> {
    let end = at.checked_add(N).ok_or(BROKEN)?;
    bytes.get(at..end).and_then(|it| it.try_into().ok()).ok_or(BROKEN)
}

fn short(bytes: &[u8], at: usize) -> Result<u16, Problem> {
    number(bytes, at).map(u16::from_le_bytes)
}

fn long(bytes: &[u8], at: usize) -> Result<u32, Problem> {
    number(bytes, at).map(u32::from_le_bytes)
}

/// Where the record at the end begins: its comment reaches to the end of the file.
fn end(bytes: &[u8]) -> Result<usize, Problem> {
    let last = bytes.len().checked_sub(END_BYTES).ok_or(BROKEN)?;
    let first = last.saturating_sub(usize::from(u16::MAX));
    let is_end = |at: &usize| {
        bytes[*at..].starts_with(b"PK\x05\x06")
            && short(bytes, at + 20).is_ok_and(|comment| at + END_BYTES + usize::from(comment) == bytes.len())
    };
    (first..=last).rev().find(is_end).ok_or(BROKEN)
}

impl<'a> Archive<'a> {
    /// Reads the directory; all parts that are asked for together unpack to `most` bytes at most.
    pub(super) fn open(bytes: &'a [u8], most: u64) -> Result<Self, Problem> {
        let end = end(bytes)?;
        let (count, mut at) = (short(bytes, end + 10)?, long(bytes, end + 16)? as usize);
        if usize::from(count) > WORKBOOK_PARTS_MAX {
            return Err(Problem::File("it has too many parts"));
        }
        let mut parts = BTreeMap::new();
        for _ in 0..count {
            if !bytes.get(at..).is_some_and(|rest| rest.starts_with(b"PK\x01\x02")) {
                return Err(BROKEN);
            }
            if short(bytes, at + 8)? & ENCRYPTED != 0 {
                return Err(Problem::File("a password closes it"));
            }
            let lengths = [short(bytes, at + 28)?, short(bytes, at + 30)?, short(bytes, at + 32)?];
            let [name, extra, comment] = lengths.map(usize::from);
            let part = Part {
                method: short(bytes, at + 10)?,
                checksum: long(bytes, at + 16)?,
                packed: long(bytes, at + 20)? as usize,
                unpacked: u64::from(long(bytes, at + 24)?),
                header: long(bytes, at + 42)? as usize,
            };
            let name = bytes.get(at + ENTRY_BYTES..at + ENTRY_BYTES + name).ok_or(BROKEN)?;
            let name = String::from_utf8_lossy(name).to_lowercase();
            at += ENTRY_BYTES + usize::from(lengths[0]) + extra + comment;
            if parts.insert(name, part).is_some() {
                return Err(Problem::File("two of its parts have one name"));
            }
        }
        Ok(Self { bytes, parts, left: most })
    }

    /// A part unpacked; nothing where there is none of that name.
    pub(super) fn part(&mut self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        self.unpacked(name, self.left)
    }

    /// The same of a part that only says which others there are.
    pub(super) fn small(&mut self, name: &str) -> Result<Option<Vec<u8>>, Problem> {
        self.unpacked(name, self.left.min(WORKBOOK_SMALL_PART_BYTES_MAX))
    }

    fn unpacked(&mut self, name: &str, most: u64) -> Result<Option<Vec<u8>>, Problem> {
        let Some(part) = self.parts.get(&name.to_lowercase()) else { return Ok(None) };
        if part.unpacked > most {
            return Err(LARGE);
        }
        let header = self.bytes.get(part.header..).ok_or(BROKEN)?;
        if !header.starts_with(b"PK\x03\x04") {
            return Err(BROKEN);
        }
        let before = HEADER_BYTES + usize::from(short(header, 26)?) + usize::from(short(header, 28)?);
        let packed = header.get(before..).and_then(|rest| rest.get(..part.packed)).ok_or(BROKEN)?;
        let mut unpacked = Vec::new();
        match part.method {
            STORED => unpacked.extend_from_slice(packed),
            // One byte more than it says tells that it says too little.
            DEFLATED => {
                let mut packed = DeflateDecoder::new(packed).take(part.unpacked + 1);
                packed.read_to_end(&mut unpacked).map_err(|_| BROKEN)?;
            }
            _ => return Err(Problem::File("its parts are packed in a way that spreadsheets do not use")),
        }
        let mut checksum = Crc::new();
        checksum.update(&unpacked);
        if unpacked.len() as u64 != part.unpacked || checksum.sum() != part.checksum {
            return Err(BROKEN);
        }
        self.left -= part.unpacked;
        Ok(Some(unpacked))
    }
}
