//! Every limit of the data room, with its arithmetic. Used by the readers (outside input) and the screens.
//! Invariant: a limit is far above any honest record and far below what exhausts memory.

/// One raw record (a JSON line, an element, a CSV row, a Parquet row): 1 MiB is about 350,000 Chinese characters.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
