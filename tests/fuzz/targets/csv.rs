//! Any bytes as a `.csv` file. Run by `deploy/fuzz`.
#![no_main]

use data::read::ReadOptions;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::read_as("csv", bytes, &ReadOptions::default()));
