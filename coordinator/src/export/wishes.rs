//! What an operator asks of an export. Used by `cli::export`, which fills it, by `export` and by `writing`.

use std::path::Path;

use super::format::{Format, GgufType};

/// What an operator wishes of an export.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// What to write.
    pub format: Format,
    /// How the matrices of [`Format::Gguf`] are written; f16 where this is not given.
    pub gguf_type: Option<GgufType>,
    /// Where; it must not exist.
    pub out: &'a Path,
    /// What the export calls its base model; the folder at the coordinator where this is not given.
    pub base_name: Option<&'a str>,
    /// The base model's folder, where it is not the one that the run was launched with.
    pub model: Option<&'a Path>,
    /// What of the written model is measured, where its weights are rounded.
    pub measure: Measure<'a>,
}

/// What of a written model is measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Measure<'a> {
    /// Its loss on the built-in neutral texts, where the machine has the memory.
    #[default]
    Neutral,
    /// That, and its loss on the records of this file.
    Records(&'a Path),
    /// Nothing.
    Off,
}
