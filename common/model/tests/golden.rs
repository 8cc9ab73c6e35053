//! The engine against transformers + PEFT + bitsandbytes: logits, losses, every training step, final
//! adapters.
//!
//! Reference folders come from `GOLDEN_DIR`, else `../shared/golden` beside the repository; where there are
//! none, that is said loudly. `tests/fixtures/golden` (a small model in the same layout, made by the same
//! script) is always tested.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test helpers; a skipped test says so")]

#[path = "golden/folder.rs"]
mod folder;
#[path = "golden/generation.rs"]
mod generation;
#[path = "golden/likelihoods.rs"]
mod likelihoods;
#[path = "golden/logits.rs"]
mod logits;
#[path = "golden/resume.rs"]
mod resume;
#[path = "golden/training.rs"]
mod training;

use self::folder::Folder;

/// Everything that a reference folder can check.
fn check(name: &str, folder: &Folder) {
    logits::check(folder);
    likelihoods::check(folder);
    training::check(folder);
    generation::check(name, folder);
}

fn check_shared(name: &str) {
    if let Some(folder) = Folder::shared(name) {
        check(name, &folder);
    }
}

#[test]
fn fixture_matches_transformers() {
    check("fixture", &Folder::fixture());
}

#[test]
fn qwen2_tied_matches_transformers() {
    check_shared("qwen2");
}

#[test]
fn qwen2_untied_matches_transformers() {
    check_shared("qwen2-untied");
}

#[test]
fn qwen3_matches_transformers() {
    check_shared("qwen3");
}

#[test]
fn llama3_matches_transformers() {
    check_shared("llama3");
}
