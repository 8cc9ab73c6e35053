//! Any bytes as one JSON array, broken elements refused instead of stopping. Run by `deploy/fuzz`.
#![no_main]

use data::read::ReadOptions;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let options = ReadOptions { refuse_broken: true, ..ReadOptions::default() };
    fuzz::read_as("json", &[b"[", bytes].concat(), &options);
});
