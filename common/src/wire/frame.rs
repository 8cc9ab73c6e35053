//! A control message on a stream: its length as a little-endian u32, then its bytes. A request's raw
//! payload (an adapter chunk) follows its frame directly; its length is inside the message.
//!
//! Called by `net` at both ends and by the site agent's egress, which hashes the frame before it is sent.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::codec::{self, CodecError};
use crate::limits::MESSAGE_BYTES_MAX;

/// Bytes of the length prefix.
pub const PREFIX_BYTES: usize = 4;

/// Length prefix and message, ready to be written.
///
/// # Errors
/// [`CodecError::TooLong`] for a message of more than [`MESSAGE_BYTES_MAX`] bytes.
pub fn to_bytes<T: Serialize>(message: &T) -> Result<Vec<u8>, CodecError> {
    let body = codec::encode(message)?;
    let length = u32::try_from(body.len()).map_err(|_| CodecError::TooLong(body.len()))?;
    let mut bytes = Vec::with_capacity(PREFIX_BYTES + body.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// The length that a prefix announces, if it is allowed.
///
/// # Errors
/// [`CodecError::TooLong`] for a length of 0 or above [`MESSAGE_BYTES_MAX`].
pub fn body_length(prefix: [u8; PREFIX_BYTES]) -> Result<usize, CodecError> {
    let length = u32::from_le_bytes(prefix) as usize;
    if (1..=MESSAGE_BYTES_MAX).contains(&length) { Ok(length) } else { Err(CodecError::TooLong(length)) }
}

/// Decodes the body that follows a prefix.
///
/// # Errors
/// As [`codec::decode`].
pub fn from_body<T: Serialize + DeserializeOwned>(body: &[u8]) -> Result<T, CodecError> {
    codec::decode(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_prefix_bounds() {
        let bytes = to_bytes(&"hello".to_owned()).unwrap();
        let (prefix, body) = bytes.split_at(PREFIX_BYTES);
        assert_eq!(body_length(prefix.try_into().unwrap()), Ok(body.len()));
        assert_eq!(from_body::<String>(body).unwrap(), "hello");
        assert!(body_length([0; 4]).is_err());
        assert!(body_length(u32::MAX.to_le_bytes()).is_err());
    }
}
