//! The encoding of a text file: found from its bytes, and turned into UTF-8 while it is read. Called by
//! `read`. Invariants: bounded memory; a byte that is not text becomes U+FFFD, which `validate` refuses with
//! the record it is in, or (in UTF-8 files) stays as it is and the record is refused by its reader.

use std::io::{BufRead, BufReader, Read};

use encoding_rs::{CoderResult, Decoder, GB18030, UTF_16BE, UTF_16LE};

use super::source::Source;
use crate::error::Result;
use crate::limits::ENCODING_SEARCH_BYTES_MAX;
use crate::refusal::Refusal;

/// The piece of text from which the encoding is found: 64 KiB are 20,000 Chinese characters.
const SAMPLE_BYTES: usize = 64 << 10;

/// How the text of a file is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark; plain ASCII is UTF-8.
    Utf8,
    /// GB18030, which contains GBK and GB2312.
    Gb18030,
    /// UTF-16, little endian, found by its byte order mark (Excel's "Unicode text").
    Utf16Le,
    /// UTF-16, big endian, found by its byte order mark.
    Utf16Be,
}

/// An encoding and the length of the byte order mark before the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Detected {
    pub(crate) encoding: Encoding,
    pub(crate) mark_bytes: u8,
}

/// Finds the encoding: by byte order mark; else, looking at the text from the first byte that is not ASCII
/// on, UTF-8 if that is UTF-8, else the one of UTF-8 and GB18030 that more of its lines are in.
pub(crate) fn detect(source: &Source) -> Result<Detected> {
    let head = source.sample(0, 3)?;
    let (encoding, mark_bytes) = match head.as_slice() {
        [0xEF, 0xBB, 0xBF] => (Encoding::Utf8, 3),
        [0xFF, 0xFE, ..] => (Encoding::Utf16Le, 2),
        [0xFE, 0xFF, ..] => (Encoding::Utf16Be, 2),
        _ => (guess(&first_foreign_text(source)?), 0),
    };
    Ok(Detected { encoding, mark_bytes })
}

/// The length of the byte order mark which the file has for this encoding.
pub(crate) fn mark_bytes(source: &Source, encoding: Encoding) -> Result<u8> {
    let head = source.sample(0, 3)?;
    Ok(match (encoding, head.as_slice()) {
        (Encoding::Utf8, [0xEF, 0xBB, 0xBF]) => 3,
        (Encoding::Utf16Le, [0xFF, 0xFE, ..]) | (Encoding::Utf16Be, [0xFE, 0xFF, ..]) => 2,
        _ => 0,
    })
}

/// A piece of the file that begins with the first byte that is not ASCII (a lead byte); empty if all bytes
/// are ASCII.
fn first_foreign_text(source: &Source) -> Result<Vec<u8>> {
    let mut position = 0;
    while position < ENCODING_SEARCH_BYTES_MAX.min(source.bytes()) {
        let piece = source.sample(position, SAMPLE_BYTES)?;
        if let Some(at) = piece.iter().position(|byte| !byte.is_ascii()) {
            return source.sample(position + at as u64, SAMPLE_BYTES);
        }
        if piece.is_empty() {
            break;
        }
        position += piece.len() as u64;
    }
    Ok(Vec::new())
}

/// The encoding of some text, which may end within a character.
fn guess(text: &[u8]) -> Encoding {
    if is_utf8(text, true) {
        return Encoding::Utf8;
    }
    // UTF-8 is often GB18030 by accident, the reverse is rare: lines that are UTF-8 count for it.
    let (mut utf8, mut gb18030) = (0_usize, 0_usize);
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_ascii()) {
        if is_utf8(line, true) {
            utf8 += 1;
        } else if is_gb18030(line, true) {
            gb18030 += 1;
        }
    }
    if gb18030 > utf8 { Encoding::Gb18030 } else { Encoding::Utf8 }
}

/// Whether the bytes are UTF-8; with `open_end` a last character may be cut.
pub(crate) fn is_utf8(bytes: &[u8], open_end: bool) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => open_end && error.error_len().is_none(),
    }
}

/// Whether the bytes are GB18030; with `open_end` a last character may be cut.
pub(crate) fn is_gb18030(bytes: &[u8], open_end: bool) -> bool {
    let mut decoder = GB18030.new_decoder_without_bom_handling();
    let mut text = [0; 4096];
    let mut rest = bytes;
    loop {
        let (result, read, _) = decoder.decode_to_utf8_without_replacement(rest, &mut text, !open_end);
        rest = &rest[read..];
        match result {
            encoding_rs::DecoderResult::InputEmpty => return true,
            encoding_rs::DecoderResult::OutputFull => {}
            encoding_rs::DecoderResult::Malformed(..) => return false,
        }
    }
}

/// Why bytes that are not UTF-8 cannot be used in a file that is.
pub(crate) fn refusal(bytes: &[u8]) -> Refusal {
    if is_gb18030(bytes, false) { Refusal::MixedEncoding } else { Refusal::InvalidEncoding }
}

/// The file's text as UTF-8, without its byte order mark.
pub(crate) fn text(source: &Source, detected: Detected) -> Box<dyn BufRead> {
    let bytes = BufReader::with_capacity(BUFFER_BYTES, source.reader(u64::from(detected.mark_bytes)));
    let encoding = match detected.encoding {
        Encoding::Utf8 => return Box::new(bytes),
        Encoding::Gb18030 => GB18030,
        Encoding::Utf16Le => UTF_16LE,
        Encoding::Utf16Be => UTF_16BE,
    };
    let decoder = encoding.new_decoder_without_bom_handling();
    Box::new(BufReader::with_capacity(BUFFER_BYTES, Transcoder { bytes, decoder, done: false }))
}

/// Files are read in pieces of this size, so that the time of system calls does not matter.
const BUFFER_BYTES: usize = 64 << 10;

struct Transcoder<R> {
    bytes: R,
    decoder: Decoder,
    done: bool,
}

impl<R: BufRead> Read for Transcoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // The decoder writes whole characters only and would never fill a smaller buffer.
        const UTF8_CHARACTER_BYTES: usize = 4;
        if buffer.len() < UTF8_CHARACTER_BYTES {
            return Err(std::io::Error::other("the buffer is smaller than a character"));
        }
        while !self.done {
            let input = self.bytes.fill_buf()?;
            let at_end = input.is_empty();
            let (result, read, written, _) = self.decoder.decode_to_utf8(input, buffer, at_end);
            self.bytes.consume(read);
            self.done = at_end && result == CoderResult::InputEmpty;
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}
