//! Any text as a column mapping, and what it is applied to: the text before the first NUL is the mapping,
//! what is behind it the JSONL. Run by `deploy/fuzz`.
#![no_main]

use data::read::{Mapping, ReadOptions};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut halves = bytes.splitn(2, |byte| *byte == 0);
    let Some(Ok(toml)) = halves.next().map(std::str::from_utf8) else { return };
    let Ok(mapping) = Mapping::parse(toml) else { return };
    let options = ReadOptions { mapping: Some(mapping), ..ReadOptions::default() };
    fuzz::read_as("jsonl", halves.next().unwrap_or_default(), &options);
});
