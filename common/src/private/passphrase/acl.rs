//! The access list of a file (POSIX draft 1003.1e, as Linux keeps it in `system.posix_acl_access`). Used by
//! `passphrase`. Invariant: a list that is not understood lets others in.

use std::fs::File;

use crate::limits::ACCESS_LIST_BYTES_MAX;

const VERSION: u32 = 2;
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const MASK: u16 = 0x10;

/// A list, as it is kept.
pub(super) struct AccessList(Vec<u8>);

/// The list of a file that has one.
pub(super) fn of(file: &File) -> Option<AccessList> {
    let mut bytes = vec![0; ACCESS_LIST_BYTES_MAX];
    match rustix::fs::fgetxattr(file, "system.posix_acl_access", bytes.as_mut_slice()) {
        Ok(length) => {
            bytes.truncate(length);
            Some(AccessList(bytes))
        }
        // One that is longer is none that we understand.
        Err(rustix::io::Errno::RANGE) => Some(AccessList(Vec::new())),
        Err(_) => None,
    }
}

impl AccessList {
    /// Whether anybody but root, the file's owner and `us` has a right to it.
    pub(super) fn lets_others_in(&self, us: u32) -> bool {
        let Some((version, entries)) = self.0.split_first_chunk::<4>() else { return true };
        let (entries, rest) = entries.as_chunks::<8>();
        if u32::from_le_bytes(*version) != VERSION || !rest.is_empty() || entries.is_empty() {
            return true;
        }
        entries.iter().any(|[tag_low, tag_high, low, high, id @ ..]| {
            let (tag, rights) =
                (u16::from_le_bytes([*tag_low, *tag_high]), u16::from_le_bytes([*low, *high]));
            let user = u32::from_le_bytes(*id);
            match tag {
                OWNER | MASK => false,
                USER => rights != 0 && user != us && user != 0,
                _ => rights != 0,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: u16 = 0x04;
    const NAMED_GROUP: u16 = 0x08;
    const OTHER: u16 = 0x20;

    fn list(entries: &[(u16, u16, u32)]) -> AccessList {
        let mut bytes = VERSION.to_le_bytes().to_vec();
        for (tag, rights, id) in entries {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        AccessList(bytes)
    }

    #[test]
    fn what_systemd_writes_is_the_units_alone() {
        let none = u32::MAX;
        let of = |user, group, named, other| {
            let entries = [
                (OWNER, 4, none),
                (USER, 4, user),
                (GROUP, group, none),
                (NAMED_GROUP, named, 5),
                (MASK, 4, none),
                (OTHER, other, none),
            ];
            list(&entries).lets_others_in(1000)
        };
        assert!(!of(1000, 0, 0, 0));
        assert!(of(1001, 0, 0, 0) && of(1000, 4, 0, 0) && of(1000, 0, 4, 0) && of(1000, 0, 0, 4));
        for odd in [vec![], vec![2, 0, 0], vec![2, 0, 0, 0], vec![3, 0, 0, 0, 1, 0, 4, 0, 0, 0, 0, 0]] {
            assert!(AccessList(odd.clone()).lets_others_in(1000), "{odd:?}");
        }
    }
}
