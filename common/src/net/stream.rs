//! Reading and writing frames on a QUIC stream, the same way at both ends.
//!
//! Used by `client`, `server` and `join`. Invariants: memory grows with the bytes that arrived, not
//! with the length a peer announced; a length is checked before the first byte behind it is read; a
//! stream ends exactly where its message ends. Deadlines are the callers'.

use quinn::{ReadError, RecvStream, SendStream, WriteError};

use super::error::{CloseCode, NetError};
use crate::wire::frame::{self, PREFIX_BYTES};

/// Why a frame could not be read.
#[derive(Debug)]
pub(super) enum ReadFault {
    /// It is not a frame of this protocol.
    Malformed,
    /// Stream or connection ended first.
    Lost(NetError),
}

impl From<ReadError> for ReadFault {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::ConnectionLost(error) => Self::Lost(NetError::from_connection(&error)),
            other => Self::Lost(NetError::Lost { reason: other.to_string() }),
        }
    }
}

/// Appends exactly `length` bytes of the stream to `buffer`.
pub(super) async fn read_exactly(
    stream: &mut RecvStream,
    length: usize,
    buffer: &mut Vec<u8>,
) -> Result<(), ReadFault> {
    let end = buffer.len() + length;
    while buffer.len() < end {
        match stream.read_chunk(end - buffer.len(), true).await? {
            Some(chunk) => buffer.extend_from_slice(&chunk.bytes),
            None => return Err(ReadFault::Malformed),
        }
    }
    Ok(())
}

/// Reads one frame, prefix included: exactly the bytes that were sent.
pub(super) async fn read_frame(stream: &mut RecvStream) -> Result<Vec<u8>, ReadFault> {
    let mut bytes = Vec::new();
    read_exactly(stream, PREFIX_BYTES, &mut bytes).await?;
    let prefix = bytes.as_slice().try_into().map_err(|_| ReadFault::Malformed)?;
    let length = frame::body_length(prefix).map_err(|_| ReadFault::Malformed)?;
    read_exactly(stream, length, &mut bytes).await?;
    Ok(bytes)
}

/// Insists that nothing follows.
pub(super) async fn expect_end(stream: &mut RecvStream) -> Result<(), ReadFault> {
    match stream.read_chunk(1, true).await? {
        None => Ok(()),
        Some(_) => Err(ReadFault::Malformed),
    }
}

/// Writes bytes; a peer that wants no more of them is not an error, its answer says why.
pub(super) async fn write(stream: &mut SendStream, bytes: &[u8]) -> Result<(), NetError> {
    match stream.write_all(bytes).await {
        Ok(()) | Err(WriteError::Stopped(_)) => Ok(()),
        Err(WriteError::ConnectionLost(error)) => Err(NetError::from_connection(&error)),
        Err(other) => Err(NetError::Lost { reason: other.to_string() }),
    }
}

/// Writes everything and ends the stream. A peer that stops reading early has its reason in the answer
/// it sends, so that is not an error here.
pub(super) async fn write_and_finish(stream: &mut SendStream, parts: &[&[u8]]) -> Result<(), NetError> {
    for part in parts {
        write(stream, part).await?;
    }
    // Fails only on a stream that is already finished or reset.
    let _ = stream.finish();
    Ok(())
}

/// Gives both directions up, so that the other end does not take half a message for a whole one.
pub(super) fn abandon(send: &mut SendStream, receive: &mut RecvStream, code: CloseCode) {
    // Both fail only where there is nothing left to give up.
    let _ = send.reset(code.wire());
    let _ = receive.stop(code.wire());
}
