//! How files are read: the bounds of a record, the column mapping, the encoding. Used by `read`, `open` and
//! `mix`, and filled by the room, the site agent and the coordinator. Invariant: the default suits any file
//! of a known format.

use super::encoding::Encoding;
use super::mapping::Mapping;
use crate::validate::Bounds;

/// How files are read. The default suits any file of a known format.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// What a record may be, see [`crate::validate::record`].
    pub bounds: Bounds,
    /// How columns become records where the files follow no known format; applied to every record.
    pub mapping: Option<Mapping>,
    /// The encoding of text files where it is known better than it can be found.
    pub encoding: Option<Encoding>,
    /// Refuse and count what is not JSON instead of stopping at it: for a report on all that is wrong with a
    /// file.
    pub refuse_broken: bool,
}
