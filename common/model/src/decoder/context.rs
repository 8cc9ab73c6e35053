//! What all layers of one pass share. Made by `pass` and `cached`, used by `layer` and `attention`.
//! Invariant: the rotary table has a row for each position of the longest segment.

use super::adapter::DeviceAdapter;
use crate::ops::{EngineOps, RotaryTable};
use crate::segments::Segments;

/// What all layers of a pass share.
pub(crate) struct PassContext<'a, B: EngineOps> {
    pub(crate) segments: &'a Segments,
    pub(crate) rotary: &'a RotaryTable<B>,
    pub(crate) adapter: Option<&'a DeviceAdapter<B>>,
}
