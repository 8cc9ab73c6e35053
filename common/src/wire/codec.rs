//! The only call of bincode in the workspace. Every decode has a limit that is charged before memory is
//! allocated, and refuses trailing bytes; every encode is bounded too. A message of the wire has one
//! encoding.
//!
//! Called by `frame`, and by the site agent for the messages between its processes and what its store keeps.

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::limits::{LOCAL_MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX};

/// Why bytes are not a message, or a message cannot become bytes. Never worth a retry: the same bytes
/// will fail again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Not the expected type, or longer than allowed.
    #[error("malformed or oversized message")]
    Malformed,
    /// A whole message, and then something else.
    #[error("{0} bytes follow a complete message")]
    TrailingBytes(usize),
    /// Our own message is too long to send.
    #[error("message of {0} bytes exceeds the limit")]
    TooLong(usize),
}

/// Encodes a wire message of at most [`MESSAGE_BYTES_MAX`] bytes.
///
/// # Errors
/// [`CodecError::TooLong`] for a message with more bytes, [`CodecError::Malformed`] for a type that bincode
/// cannot write.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, CodecError> {
    encode_within(message, MESSAGE_BYTES_MAX)
}

/// Decodes a wire message; the whole of `bytes` must be the message, as [`encode`] writes it: bincode reads a
/// small number in many bytes, too, and what can be written in several ways can say something on the side.
///
/// # Errors
/// [`CodecError::Malformed`] for bytes that are not such a message, spell it differently or claim more than
/// [`MESSAGE_BYTES_MAX`], [`CodecError::TrailingBytes`] when something follows it.
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_little_endian().with_limit::<MESSAGE_BYTES_MAX>();
    let message = whole(bytes, bincode::serde::decode_from_slice(bytes, config))?;
    // A request to join has a token in it.
    let written = Zeroizing::new(encode(&message)?);
    if *written == bytes { Ok(message) } else { Err(CodecError::Malformed) }
}

/// Encodes a message between processes of one site: at most [`LOCAL_MESSAGE_BYTES_MAX`] bytes.
///
/// # Errors
/// [`CodecError::TooLong`] for a message with more bytes, [`CodecError::Malformed`] for a type that bincode
/// cannot write.
pub fn encode_local<T: Serialize>(message: &T) -> Result<Vec<u8>, CodecError> {
    encode_within(message, LOCAL_MESSAGE_BYTES_MAX)
}

/// Decodes a message between processes of one site.
///
/// # Errors
/// [`CodecError::Malformed`] for bytes that are not such a message or claim more than
/// [`LOCAL_MESSAGE_BYTES_MAX`], [`CodecError::TrailingBytes`] when something follows it.
pub fn decode_local<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_little_endian().with_limit::<LOCAL_MESSAGE_BYTES_MAX>();
    whole(bytes, bincode::serde::decode_from_slice(bytes, config))
}

fn encode_within<T: Serialize>(message: &T, limit: usize) -> Result<Vec<u8>, CodecError> {
    let config = bincode::config::standard().with_little_endian();
    let bytes = bincode::serde::encode_to_vec(message, config).map_err(|_| CodecError::Malformed)?;
    if bytes.len() > limit { Err(CodecError::TooLong(bytes.len())) } else { Ok(bytes) }
}

fn whole<T>(bytes: &[u8], decoded: Result<(T, usize), bincode::error::DecodeError>) -> Result<T, CodecError> {
    let (message, read) = decoded.map_err(|_| CodecError::Malformed)?;
    if read == bytes.len() { Ok(message) } else { Err(CodecError::TrailingBytes(bytes.len() - read)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_encoding() {
        assert_eq!(decode::<u32>(&[250]), Ok(250));
        assert_eq!(decode::<u32>(&[251, 251, 0]), Ok(251));
        for longer in [&[251, 250, 0][..], &[252, 250, 0, 0, 0], &[252, 251, 0, 0, 0]] {
            assert_eq!(decode::<u32>(longer), Err(CodecError::Malformed), "{longer:?}");
        }
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&7_u32).unwrap();
        assert_eq!(decode::<u32>(&bytes), Ok(7));
        bytes.push(0);
        assert_eq!(decode::<u32>(&bytes), Err(CodecError::TrailingBytes(1)));
    }

    #[test]
    fn a_length_from_the_wire_does_not_allocate() {
        // A vector that claims 2^62 bytes, in nine bytes of input.
        let mut bytes = vec![253];
        bytes.extend_from_slice(&(1_u64 << 62).to_le_bytes());
        assert_eq!(decode::<Vec<u8>>(&bytes), Err(CodecError::Malformed));
    }

    #[test]
    fn oversized_messages_are_not_sent() {
        assert!(matches!(encode(&vec![0_u8; MESSAGE_BYTES_MAX + 1]), Err(CodecError::TooLong(_))));
    }
}
