//! Any bytes as any of what is kept: the first byte says as which. Run by `deploy/fuzz`.
#![no_main]

use fuzz::kept::TARGETS;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some((first, rest)) = bytes.split_first() {
        TARGETS[usize::from(*first) % TARGETS.len()].1(rest);
    }
});
