//! Lines in both directions, whatever carries them. Used by `server`, and by `signing`, which has a question
//! of its own. Invariants: an answer is one bounded line; who does not read keeps nobody.

use std::io;
use std::time::Duration;

use common::limits::LOCAL_MESSAGE_BYTES_MAX;
use tokio::io::{AsyncBufRead, AsyncWrite, AsyncWriteExt as _};

use super::message::Answer;
use crate::limits::ANSWER_WRITE_MS_MAX;

/// Where a command comes from, and what is said after it.
pub(super) type Reader<'a> = dyn AsyncBufRead + Unpin + Send + 'a;
/// Where an answer goes.
pub(super) type Writer<'a> = dyn AsyncWrite + Unpin + Send + 'a;

/// Writes an answer.
pub(super) async fn write(writer: &mut Writer<'_>, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    if line.len() >= LOCAL_MESSAGE_BYTES_MAX {
        line = serde_json::to_vec(&Answer::Failed {
            message: "the answer is too long to be sent".into(),
            hint: Some("ask on the coordinator's machine".into()),
            user: true,
        })?;
    }
    line.push(b'\n');
    let written = async {
        writer.write_all(&line).await?;
        writer.flush().await
    };
    // Who does not read keeps nobody here.
    tokio::time::timeout(Duration::from_millis(ANSWER_WRITE_MS_MAX), written).await?
}
