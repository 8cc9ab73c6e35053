//! Any bytes as a Parquet file. Run by `deploy/fuzz`. The library panics on some damaged files; the reader
//! catches that, so libFuzzer's hook, which aborts at once, is taken out: a panic that is not caught still
//! ends the run.
#![no_main]

use data::read::ReadOptions;

libfuzzer_sys::fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| {
    // Most changes would hit the magic; put it back, so that they reach what is behind it.
    let mut bytes = bytes.to_vec();
    let length = bytes.len();
    if length >= 12 {
        bytes[..4].copy_from_slice(b"PAR1");
        bytes[length - 4..].copy_from_slice(b"PAR1");
    }
    fuzz::read_as("parquet", &bytes, &ReadOptions::default());
});
