//! Every bound of this crate, with its arithmetic. Used by `suite` (outside input). Invariant: far above
//! any published test set, far below what would exhaust a machine.

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
/// Texts below which a measured loss has no interval: a bootstrap of fewer is narrower than the truth, and 30
/// are the customary least.
pub const INTERVAL_TEXTS_MIN: u64 = 30;
/// Examples before a question: the harness asks ARC with 25, everything else with fewer.
pub const SHOTS_MAX: usize = 25;
/// Characters of what stands before them: those of MMLU and CMMLU have below 100.
pub const DESCRIPTION_CHARACTERS_MAX: usize = 2_000;
/// Suites of one comparison: MultiMedQA has nine; each more makes every p-value larger.
pub const SUITES_MAX: usize = 32;
/// Tokens of a neutral text; they have some 20, and with 150,000 words in a vocabulary the logits of 64
/// positions have 40 MB for each of two models.
pub const NEUTRAL_TEXT_TOKENS_MAX: usize = 64;
/// Adapters beside the base: base, each site alone, federated and pooled of a consortium of a dozen.
pub const ADAPTERS_MAX: usize = 16;
/// The margin of non-inferiority in points: with a larger one everything is as good as everything.
pub const MARGIN_POINTS_MAX: f64 = 20.0;
/// Phrases that an answer needs one of, or may have none of: the words of refusal in two languages are
/// about forty.
pub const PHRASES_MAX: usize = 256;
/// Characters of a phrase: a sentence.
pub const PHRASE_CHARACTERS_MAX: usize = 200;
/// Gaps (`*`) in a phrase: each looks at 21 places behind every end found so far, at most one for each
/// character of an answer, so that four are 84 comparisons a character.
pub const PHRASE_GAPS_MAX: usize = 4;
/// Tokens of a generated answer: OpenCompass allows CMB 10; an explanation before the letter takes some
/// hundreds.
pub const ANSWER_TOKENS_MAX: usize = 2_048;
/// Rules of one suite, each counted by itself: the reference's safety checklist has eight.
pub const RULES_MAX: usize = 16;
/// Turns of a dialogue that a record holds: eight exchanges are long; HealthBench's longest has 19.
pub const TURNS_MAX: usize = 64;
/// Characters of a reference answer: the longest table of the longest common subsequence, that of characters,
/// is this by the answer's: 8,192 by at most 24,576 (ASCII) are 201 million steps, some tenths of a second.
pub const REFERENCE_CHARACTERS_MAX: usize = 8_192;
/// Bytes of an answer that is judged; what is behind is left out. 2,048 tokens of four Chinese characters,
/// three bytes each; of ASCII 24,576 characters.
pub const ANSWER_BYTES_MAX: usize = 24 << 10;
/// Bytes of one outcome in the file of an evaluation that may be interrupted: the answer, and as much again
/// for figures, rules and numbers, which have some hundred bytes.
pub const OUTCOME_BYTES_MAX: u32 = 2 * ANSWER_BYTES_MAX as u32;
/// Outcomes that a power cut costs at most; a killed process costs none. A sync takes milliseconds, a
/// question of a small model as long.
pub const OUTCOMES_UNSYNCED_MAX: u64 = 64;
/// Criteria of one rubric: HealthBench's longest has 48.
pub const CRITERIA_MAX: usize = 128;
/// Bytes of a criterion: HealthBench's longest has 2 KB.
pub const CRITERION_BYTES_MAX: usize = 16 << 10;
/// Points of a criterion, either way: HealthBench's are from -10 to 10.
pub const POINTS_MAX: f64 = 100.0;
/// Grades of one suite: 5,000 items of HealthBench have 48,562 criteria; two answers and five graders of
/// each.
pub const GRADES_MAX: usize = 1 << 19;
/// Bytes of a file of grades: half a kilobyte each.
pub const GRADES_BYTES_MAX: u64 = 256 << 20;
/// Answers that a sheet for graders has at most, over all models: nobody reads more. 16,384 answers of 24
/// KB are 400 MB, and a tenth of that as models answer.
pub const SHEET_ANSWERS_MAX: u64 = 1 << 14;
/// Schemas within a JSON schema: a form of a hundred fields with its alternatives.
pub const SCHEMA_PARTS_MAX: usize = 1_024;
/// Schemas around each other: a form has five.
pub const SCHEMA_DEPTH_MAX: usize = 32;
/// Values of a list that are compared each with each for being unique: half a million comparisons.
pub const SCHEMA_UNIQUE_MAX: usize = 1_024;
/// Questions of a review: people read two answers to each; 200 are a week's work for three graders.
pub const REVIEW_ITEMS_MAX: usize = 2_000;
/// Graders of a review: three are usual; agreement of more than sixteen says nothing new.
pub const REVIEW_GRADERS_MAX: usize = 16;
/// Bytes of a review's key: a question of a patient and two answers take some KB; 32 KB for each of 2,000.
pub const REVIEW_KEY_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a file that a grader gives back: a table repeats each question at both answers, and a tenth of
/// them again: 2.2 times what the key has of them; tools write three bytes of a Chinese character as six.
/// A workbook is smaller, and its parts unpacked have no more either.
pub const REVIEW_GRADES_BYTES_MAX: u64 = 5 * REVIEW_KEY_BYTES_MAX;
/// Entries of a list that an annotation program exports of one answer: fifteen things are filled in, once,
/// and a handful of annotations.
pub const TOOL_ENTRIES_MAX: usize = 256;
/// Parts of a workbook: Excel makes a dozen, and some for each sheet, picture and comment.
pub const WORKBOOK_PARTS_MAX: usize = 1_024;
/// What one part of a workbook points to: each of its parts, and no part twice.
pub const WORKBOOK_RELATIONS_MAX: usize = WORKBOOK_PARTS_MAX;
/// Bytes of the part that names the sheets, and of one that says where parts are: 1,024 relations have some
/// 200 bytes each; five times that.
pub const WORKBOOK_SMALL_PART_BYTES_MAX: u64 = 1 << 20;
/// The number of a sheet's last row: Excel itself has no more.
pub const WORKBOOK_ROW_MAX: u64 = 1 << 20;
/// Sheets of a workbook: ours has one, and a grader may put some beside it.
pub const WORKBOOK_SHEETS_MAX: usize = 64;
/// Texts that a workbook keeps once for all cells: one for each cell of the largest sheet that is read.
pub const WORKBOOK_TEXTS_MAX: usize = REVIEW_ROWS_MAX * CELLS_MAX;
/// Forms of cells of a workbook: Excel itself stops at 65,490.
pub const WORKBOOK_FORMS_MAX: usize = 1 << 16;
/// Characters of a cell, as spreadsheets count them (UTF-16): Excel itself takes no more.
pub const CELL_CHARACTERS_MAX: usize = 32_767;
/// Bytes of a grader's grades as they are kept: 4,400 answers with 300 bytes each, and a comment to each of
/// 2,000 characters of three bytes.
pub const REVIEW_KEPT_BYTES_MAX: u64 = 32 << 20;
/// Rows of that file: two answers at each place, and a tenth of the items again.
pub const REVIEW_ROWS_MAX: usize = 2 * (REVIEW_ITEMS_MAX + REVIEW_ITEMS_MAX / 10);
/// Characters of a grader's comment on one answer: a page.
pub const COMMENT_CHARACTERS_MAX: usize = 2_000;
/// Patients whose questionnaire counts: with fewer the rubric does not decide.
pub const PATIENTS_MIN: usize = 30;
/// Lines of a questionnaire: a thousand patients on a hundred answers.
pub const QUESTIONNAIRE_ROWS_MAX: usize = 100_000;
/// Questions counted in use: a million a day for three years.
pub const UTILITY_ASKED_MAX: u64 = 1_000_000_000;
/// Of these as many are drawn for the interval of the total: 10,000 draws of them take a tenth of a second.
pub const UTILITY_DRAWN_MAX: u64 = 2_000;
/// Bytes of a questionnaire, or of a table of counts: 160 a line.
pub const QUESTIONNAIRE_BYTES_MAX: u64 = 16_000_000;
/// Bytes of a file of safety rules: 64 rules with phrases in two languages and a dozen tests each take 4 KB
/// apiece.
pub const RULE_FILE_BYTES_MAX: u64 = 512 << 10;
/// Rules of such a file: a hospital's list for discharge letters has some forty.
pub const SAFETY_RULES_MAX: usize = 64;
/// Tests of one safety rule: every word that it is about, asked once in each language.
pub const RULE_TESTS_MAX: usize = 256;
/// Rows of a table of what must not go together: lists of severe interactions of a national formulary have
/// some thousands. All tables of a rule file together have no more.
pub const PAIRS_MAX: usize = 20_000;
/// Names of a drug or a condition: generic and trade names in two languages.
pub const NAMES_MAX: usize = 32;
/// Characters of a pair's reason, and of its source.
pub const PAIR_WORDS_CHARACTERS_MAX: usize = 400;
/// Bytes of such a table: a row of 20,000 has some 400 bytes. Were all of them names, the automaton that
/// looks for them would take some hundred megabytes.
pub const PAIRS_BYTES_MAX: u64 = 8 << 20;
/// What is told of one answer that breaks one rule: an answer that names more pairs is read by a person
/// anyway.
pub const FINDINGS_MAX: usize = 8;
/// Answers that a report quotes for each rule and model; JSON and page have as many.
pub const EXAMPLES_MAX: usize = 3;
/// Characters of an answer that a report quotes: two sentences.
pub const EXCERPT_CHARACTERS_MAX: usize = 160;
/// Answers of a file that is checked by itself: as many as a suite has items.
pub const ANSWERS_MAX: usize = ITEMS_MAX;
/// Bytes of such a file: a sheet of grades has answers of the same kind.
pub const ANSWERS_BYTES_MAX: u64 = GRADES_BYTES_MAX;
