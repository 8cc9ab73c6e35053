//! Every bound of the endpoint, with its arithmetic. Used by all files of the crate and by `site-agent
//! serve`. Invariant: what clients on this machine can make the endpoint hold is the sum of these: 64
//! connections of at most 4 MiB (the body, its texts once more, [`VALUES_MAX`] values of 100 bytes) are
//! 256 MiB, the answers that may still be rated 80 MB. The model's own memory is not in it: keys and values
//! of the longest prompt so far, at most [`PROMPT_TOKENS_MAX`] tokens and an answer, and their room is kept
//! for the life of the process.

/// The head of a request, looked at after each read, so that a little more may be there. OpenAI's clients
/// send about 1 KiB.
pub const HEADER_BYTES_MAX: usize = 32 << 10;
/// Header fields of a request. OpenAI's clients send about 20.
pub const HEADERS_MAX: usize = 64;
/// The body of a request: [`PROMPT_TOKENS_MAX`] tokens of 4 bytes are 128 KiB, and JSON that writes each
/// Chinese character as `\uXXXX` doubles them; four times that.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Messages of a conversation: with the answer as many turns as a record of the data room may have.
pub const MESSAGES_MAX: usize = RECORD_TURNS_MAX - 1;
/// Parts of one message's content.
pub const PARTS_MAX: usize = 64;
/// Tokens of a prompt: the longest context of the models that a hospital's machine serves without vLLM.
pub const PROMPT_TOKENS_MAX: usize = 32_768;
/// Tokens of an answer: eight times what an answer to a patient has. So many parts wait for a client that
/// reads slowly.
pub const ANSWER_TOKENS_MAX: usize = 4_096;
/// Texts that end an answer: OpenAI's own bound.
pub const STOPS_MAX: usize = 4;
/// The length of each. Each character of an answer is compared with the end of each.
pub const STOP_BYTES_MAX: usize = 256;
/// OpenAI's own bound.
pub const TEMPERATURE_MAX: f64 = 2.0;
/// Below it a temperature is 0: the logits' quotients would leave single precision. vLLM has the same bound.
pub const TEMPERATURE_MIN: f64 = 1e-5;
/// Questions that wait while one is answered. A person waits for some minutes at most: at 20 s an answer
/// these are five.
pub const WAITING_MAX: usize = 16;
/// Connections at once: those that wait, and as many again three times that ask for the list of models.
pub const CONNECTIONS_MAX: usize = 64;
/// Until the head of a request is there.
pub const HEADER_MS_MAX: u64 = 10_000;
/// Until its body is there: 1 MiB from the same machine takes milliseconds.
pub const BODY_MS_MAX: u64 = 30_000;
/// How long a question waits for those before it: as long as OpenAI's clients wait for an answer.
pub const QUEUE_MS_MAX: u64 = 600_000;
/// How long an answer may take: [`ANSWER_TOKENS_MAX`] at 2.3 tokens a second.
pub const ANSWER_MS_MAX: u64 = 1_800_000;
/// How long a client that streams hears nothing, while its prompt is read or its answer is held, before it
/// gets a sign of life. Servers in front of this one give up after 60 s of silence (nginx); a quarter.
pub const SILENCE_MS_MAX: u64 = 15_000;
/// How long a connection may last: all of these, and a minute for a client that reads slowly.
pub const CONNECTION_MS_MAX: u64 = HEADER_MS_MAX + BODY_MS_MAX + QUEUE_MS_MAX + ANSWER_MS_MAX + 60_000;
/// When it is told to stop: how long the answer that is under way may still take.
pub const STOP_MS_MAX: u64 = 10_000;
/// What a client is told to wait before it asks again, in seconds: about one answer.
pub const RETRY_S_MIN: u32 = 20;
/// And while the model is being read, which takes about as long for 1.5B parameters.
pub const LOADING_RETRY_S_MIN: u32 = 5;
/// Answers that may still be rated, the newest: each at most a body, an answer of 16 KiB and instructions of
/// the command line's 128 KiB, so 80 MB.
pub const GIVEN_MAX: usize = 64;
/// The data room's bound for a record's line (`common/data/src/limits.rs`). What is beyond it or the next
/// two is refused as feedback, because it would be refused there.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// The data room's bound for the characters of a record's texts.
pub const RECORD_CHARACTERS_MAX: usize = 262_144;
/// The data room's bound for a record's turns.
pub const RECORD_TURNS_MAX: usize = 512;
/// A comment on an answer: a page of text.
pub const COMMENT_BYTES_MAX: usize = 4_096;
/// A better answer: as long as a record's turn is in practice.
pub const CORRECTION_BYTES_MAX: usize = 64 << 10;
/// The name of who reviewed it.
pub const REVIEWER_BYTES_MAX: usize = 200;
/// A token that clients must show: 128 bits in hex are 32 characters, in base64 22.
pub const TOKEN_BYTES_MIN: usize = 16;
/// And at most: OpenAI's have about 160.
pub const TOKEN_BYTES_MAX: usize = 1_024;
/// The name of a model: names of repositories have at most 96 characters.
pub const NAME_BYTES_MAX: usize = 128;
/// The name of a field: OpenAI's longest has 23 characters.
pub const FIELD_NAME_BYTES_MAX: usize = 64;
/// Values and fields of a request's JSON: 511 messages of two fields are 1,534; ten times that. A body of
/// nothing but small numbers would otherwise take sixteen times its size.
pub const VALUES_MAX: usize = 16_384;
/// How deep a request's JSON may go: ours is four deep. serde_json has the same bound, in code.
pub const DEPTH_MAX: usize = 32;

const _: () = assert!(CONNECTIONS_MAX > WAITING_MAX + 1, "who asks for the models need not wait for answers");
const _: () = assert!(TOKEN_BYTES_MIN < TOKEN_BYTES_MAX, "a token has a length");
