//! OpenAI's chat completions as data: what may be asked, how an answer is written, whole or as events. Used
//! by `server`; pure, so that each rule is tried without a socket.

pub mod answer;
pub(crate) mod fields;
mod harmless;
mod messages;
pub mod request;
pub mod stream;
pub mod turn;
