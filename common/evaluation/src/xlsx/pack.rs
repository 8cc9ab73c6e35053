//! Writes a ZIP file. Called by `write`. Invariant: the same parts give the same bytes: no time, no owner.

use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// 2.0: deflated.
const VERSION: u16 = 20;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;
/// 1980-01-01 00:00, the first that there is: time, then day.
const BEGINNING: [u16; 2] = [0, 0x21];

/// Packs parts under their names; nothing where they are too long for a ZIP file of this form.
pub(super) fn pack(parts: &[(&str, String)]) -> Option<Vec<u8>> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let at = u32::try_from(file.len()).ok()?;
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
        // Writing into memory does not fail.
        packed.write_all(text.as_bytes()).ok()?;
        let packed = packed.finish().ok()?;
        let mut checksum = Crc::new();
        checksum.update(text.as_bytes());
        let mut what = Vec::new();
        for number in [VERSION, FLAGS, 8, BEGINNING[0], BEGINNING[1]] {
            what.extend(number.to_le_bytes());
        }
        for number in [checksum.sum(), u32::try_from(packed.len()).ok()?, u32::try_from(text.len()).ok()?] {
            what.extend(number.to_le_bytes());
        }
        what.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
        // No further field.
        what.extend([0; 2]);
        file.extend(b"PK\x03\x04");
        file.extend(&what);
        file.extend(name.as_bytes());
        file.extend(&packed);
        directory.extend(b"PK\x01\x02");
        directory.extend(VERSION.to_le_bytes());
        directory.extend(&what);
        // No comment, the first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(parts.len()).ok()?.to_le_bytes();
    let (length, at) = (u32::try_from(directory.len()).ok()?, u32::try_from(file.len()).ok()?);
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count);
    file.extend(count);
    file.extend(length.to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0; 2]);
    Some(file)
}
