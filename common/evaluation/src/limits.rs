//! Every bound of this crate, with its arithmetic. Used by `suite` (outside input). Invariant: far above any
//! published test set, far below what would exhaust a machine.

/// A suite file: a dozen lines of settings take 1 KB; sixty-four times that.
pub const SUITE_BYTES_MAX: u64 = 64 << 10;
/// A file of records: MedMCQA's largest has 135 MB, HealthBench 60 MB; twice the largest.
pub const RECORDS_BYTES_MAX: u64 = 256 << 20;
/// Items of a suite: CMExam has 54,497 with its training part; the next power of two. 10,000 resamples of
/// these are 655 million draws, about five seconds.
pub const ITEMS_MAX: usize = 1 << 16;
/// Options of an item: the letters of the alphabet. MedXpertQA has ten.
pub const OPTIONS_MAX: usize = 26;
/// Options of an item: with one there is nothing to choose.
pub const OPTIONS_MIN: usize = 2;
/// A question with its text and options: the longest of PubMedQA have 5 KB; a patient's whole letter 30 KB.
pub const ITEM_BYTES_MAX: usize = 256 << 10;
/// A line of records: an item in JSON, whose escapes take up to six bytes for one; four times an item.
pub const LINE_BYTES_MAX: usize = 4 * ITEM_BYTES_MAX;
/// Cells of a table's row: CMExam has nine.
pub const CELLS_MAX: usize = 256;
/// Characters of a suite's name: it stands in a line of 80.
pub const NAME_CHARACTERS_MAX: usize = 48;
/// Characters of an id or a case: a SHA-256 in hex has 64.
pub const ID_CHARACTERS_MAX: usize = 128;
/// Characters of the words on a licence.
pub const LICENCE_CHARACTERS_MAX: usize = 200;
/// Suites of one comparison: MultiMedQA has nine; each more makes every p-value larger.
pub const SUITES_MAX: usize = 32;
/// Tokens of a neutral text; they have some 20, and with 150,000 words in a vocabulary the logits of 64
/// positions have 40 MB for each of two models.
pub const NEUTRAL_TEXT_TOKENS_MAX: usize = 64;
/// Adapters beside the base: base, each site alone, federated and pooled of a consortium of a dozen.
pub const ADAPTERS_MAX: usize = 16;
/// The margin of non-inferiority in points: with a larger one everything is as good as everything.
pub const MARGIN_POINTS_MAX: f64 = 20.0;
/// Phrases that an answer needs one of, or may have none of: the words of refusal in two languages are about
/// forty.
pub const PHRASES_MAX: usize = 256;
/// Characters of a phrase: a sentence.
pub const PHRASE_CHARACTERS_MAX: usize = 200;
/// Tokens of a generated answer: OpenCompass allows CMB 10; an explanation before the letter takes some
/// hundreds.
pub const ANSWER_TOKENS_MAX: usize = 2_048;
