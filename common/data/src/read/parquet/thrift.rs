//! The little of Thrift's compact protocol that is needed to look at a Parquet footer and at page headers
//! before the library allocates what they claim. Called by `guard`. Source:
//! thrift/doc/specs/thrift-compact-protocol.md. Invariants: nothing is allocated; nesting is bounded; every
//! byte is read once.

use crate::limits::PARQUET_NESTING_MAX;

/// Why bytes cannot be read as the compact protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// More bytes might mend it.
    Short,
    /// It is damaged, or nested too deeply.
    Broken,
}

type Parsed<T> = Result<T, Fault>;

/// Types of fields and elements, as on the wire.
pub(super) const I32: u8 = 5;
pub(super) const LIST: u8 = 9;
pub(super) const STRUCT: u8 = 12;

/// A position in some bytes.
pub(super) struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    nesting: u8,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, nesting: 0 }
    }

    /// Bytes read so far.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    fn byte(&mut self) -> Parsed<u8> {
        let byte = *self.bytes.get(self.at).ok_or(Fault::Short)?;
        self.at += 1;
        Ok(byte)
    }

    fn skip_bytes(&mut self, count: u64) -> Parsed<()> {
        let left = (self.bytes.len() - self.at) as u64;
        if count > left {
            return Err(Fault::Short);
        }
        self.at += usize::try_from(count).map_err(|_| Fault::Broken)?;
        Ok(())
    }

    fn varint(&mut self) -> Parsed<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::Broken)
    }

    /// A signed integer of any width.
    pub(super) fn integer(&mut self) -> Parsed<i64> {
        let value = self.varint()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// Visits the fields of a struct: their number and type. The visitor reads the field's value, or returns
    /// false to have it skipped.
    pub(super) fn fields(&mut self, visit: &mut dyn FnMut(&mut Self, i16, u8) -> Parsed<bool>) -> Parsed<()> {
        self.nested(|cursor| {
            let mut id = 0_i16;
            loop {
                let head = cursor.byte()?;
                let kind = head & 0x0f;
                if kind == 0 {
                    return Ok(());
                }
                id = match head >> 4 {
                    0 => i16::try_from(cursor.integer()?).map_err(|_| Fault::Broken)?,
                    step => id.checked_add(i16::from(step)).ok_or(Fault::Broken)?,
                };
                if !visit(cursor, id, kind)? {
                    cursor.skip(kind)?;
                }
            }
        })
    }

    /// Length and element type of a list; its elements follow.
    pub(super) fn list(&mut self) -> Parsed<(u64, u8)> {
        let head = self.byte()?;
        let short = u64::from(head >> 4);
        let length = if short == 15 { self.varint()? } else { short };
        // Every element takes at least a byte.
        if length > (self.bytes.len() - self.at) as u64 {
            return Err(Fault::Short);
        }
        Ok((length, head & 0x0f))
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Parsed<()>) -> Parsed<()> {
        if self.nesting == PARQUET_NESTING_MAX {
            return Err(Fault::Broken);
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    fn skip(&mut self, kind: u8) -> Parsed<()> {
        match kind {
            // A boolean's type is its value.
            1 | 2 => Ok(()),
            3 => self.skip_bytes(1),
            4..=6 => self.varint().map(drop),
            7 => self.skip_bytes(8),
            8 => {
                let length = self.varint()?;
                self.skip_bytes(length)
            }
            9 | 10 => self.nested(|cursor| {
                let (length, kind) = cursor.list()?;
                (0..length).try_for_each(|_| cursor.skip_element(kind))
            }),
            11 => self.nested(|cursor| {
                let length = cursor.varint()?;
                if length == 0 {
                    return Ok(());
                }
                let kinds = cursor.byte()?;
                (0..length).try_for_each(|_| {
                    cursor.skip_element(kinds >> 4)?;
                    cursor.skip_element(kinds & 0x0f)
                })
            }),
            12 => self.fields(&mut |_, _, _| Ok(false)),
            _ => Err(Fault::Broken),
        }
    }

    /// As [`Self::skip`]; in a list or map a boolean takes a byte.
    fn skip_element(&mut self, kind: u8) -> Parsed<()> {
        if matches!(kind, 1 | 2) { self.skip_bytes(1) } else { self.skip(kind) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_the_rest_is_skipped() {
        // 1: i32 -3; 2: "ab"; 5: struct {1: i32 7}; 6: list<i32> [1, 2]; 7: true; stop
        let bytes = [0x15, 5, 0x18, 2, b'a', b'b', 0x3c, 0x15, 14, 0, 0x19, 0x25, 2, 4, 0x11, 0];
        let mut found = Vec::new();
        let mut cursor = Cursor::new(&bytes);
        let mut visit = |cursor: &mut Cursor<'_>, id, kind| {
            if kind == I32 {
                found.push((id, cursor.integer()?));
                return Ok(true);
            }
            Ok(false)
        };
        cursor.fields(&mut visit).unwrap();
        assert_eq!((found, cursor.position()), (vec![(1, -3)], bytes.len()));
        for end in 0..bytes.len() {
            let cut = Cursor::new(&bytes[..end]).fields(&mut |_, _, _| Ok(false));
            assert_eq!(cut, Err(Fault::Short), "{end}");
        }
    }

    #[test]
    fn claims_and_nesting_are_bounded() {
        // A list of 2^31 elements in four bytes, and structs within structs.
        let claim = [0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0];
        assert!(Cursor::new(&claim).fields(&mut |_, _, _| Ok(false)).is_err());
        let deep = [0x1c; 1000];
        assert_eq!(Cursor::new(&deep).fields(&mut |_, _, _| Ok(false)), Err(Fault::Broken));
        let map = [0x1b, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x11];
        assert!(Cursor::new(&map).fields(&mut |_, _, _| Ok(false)).is_err());
    }
}
