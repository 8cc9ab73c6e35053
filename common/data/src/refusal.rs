//! Why a record is not used, as a closed list of codes. Used by the readers, the conversions and `validate`,
//! which make it, and by the reports and the manifest, which count it. Invariant: a code and its sentence
//! hold no text of a record.

/// A reason to refuse a record. The names are codes: they may be counted, logged and shown.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    thiserror::Error,
)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The record has the keys of no known format.
    #[error(
        "it has the keys of no known format (instruction, conversations, messages, question and answer, text); a column mapping can name others"
    )]
    UnknownFormat,
    /// A key that the format requires is absent.
    #[error("a required key or column is missing")]
    MissingKey,
    /// A value is not of the type that the format requires.
    #[error("a value has the wrong type")]
    WrongType,
    /// A turn's role is not known.
    #[error("a turn has an unknown role")]
    UnknownRole,
    /// A multiple-choice answer names none of its options, or the options have no text.
    #[error("the answer is none of the options")]
    AnswerNotAnOption,
    /// Two questions or two answers follow each other, or a system turn is not the first.
    #[error("user and assistant do not take turns")]
    NotAlternating,
    /// A question has no text.
    #[error("a question is empty")]
    EmptyQuestion,
    /// An answer has no text: there would be nothing to learn.
    #[error("an answer is empty")]
    EmptyAnswer,
    /// The conversation does not end with an answer, or has none.
    #[error("the conversation does not end with an answer")]
    NoAnswer,
    /// The raw record is longer than [`crate::limits::RECORD_BYTES_MAX`].
    #[error("the record is longer than 1 MiB")]
    TooLong,
    /// The texts are longer than the bound in characters.
    #[error("the texts are longer than the limit in characters")]
    TooManyCharacters,
    /// An answer is shorter than the bound in characters.
    #[error("an answer is shorter than the limit in characters")]
    TooFewCharacters,
    /// There are more turns than the bound.
    #[error("there are more turns than the limit")]
    TooManyTurns,
    /// An object of the record, itself or a turn in it, has one key twice: of two values one would be lost.
    #[error("an object in it has one key twice (several from and value in one turn, for instance)")]
    DuplicateKey,
    /// There is reasoning, and no answer of the assistant that it could stand before.
    #[error("it has reasoning and no answer that the reasoning could stand before")]
    ReasoningWithoutAnswer,
    /// A machine wrote it and no person is named who reviewed it; only where the site requires that.
    #[error("a machine wrote it and nobody is named who reviewed it")]
    UnreviewedAiMade,
    /// It does not say all of its origin that the site requires.
    #[error("it does not say of its origin all that the settings require")]
    MissingProvenance,
    /// The JSON is nested deeper than 128 levels.
    #[error("the JSON is nested more than 128 levels deep")]
    TooDeep,
    /// A line or element is not JSON; only where the caller asked to go on instead of stopping.
    #[error("it is not valid JSON")]
    NotJson,
    /// A row has more or fewer cells than the header.
    #[error("the row has another number of cells than the header")]
    CellCount,
    /// The bytes are not text in the file's encoding, and in no other that is known.
    #[error("it is not text in the file's encoding")]
    InvalidEncoding,
    /// The bytes are text in another encoding than the rest of the file.
    #[error("it is in another encoding than the rest of the file")]
    MixedEncoding,
    /// A NUL or another control character besides tab, line feed and carriage return.
    #[error("it has control characters")]
    ControlCharacters,
    /// U+FFFD: some program before us could not read the text.
    #[error("it has replacement characters (U+FFFD), left by a conversion that failed")]
    ReplacementCharacters,
    /// Text that was read in the wrong encoding and saved again.
    #[error("it is garbled: text in one encoding was read as another and saved again")]
    Mojibake,
    /// A multiple-choice answer means one option as a letter or a number and another one as a text, or two
    /// fields name different options, or the options' own letters are not in order.
    #[error("the answer or the options' letters can be read in two ways")]
    AmbiguousAnswer,
    /// `weight`, `train`, `loss`, `loss_mask` or `train_detail` asks for what the loss mask cannot do.
    #[error(
        "a loss switch (weight, train, loss, loss_mask) is neither on nor off, contradicts another, or asks to learn what is no answer"
    )]
    LossSwitch,
    /// Every answer is switched off.
    #[error("its loss switches leave no answer to learn")]
    NothingLearnt,
    /// The text of one of the model's special tokens is in it.
    #[error("it holds the text of a special token of this model, which would forge a turn")]
    SpecialToken,
    /// The model's chat template refuses it, or rewrites an answer beyond recognition.
    #[error(
        "the model's chat template refuses it, or rewrites an answer so that its tokens cannot be told apart"
    )]
    Template,
    /// No answer begins within the cutoff.
    #[error("no answer begins within the cutoff in tokens")]
    BeyondCutoff,
}
