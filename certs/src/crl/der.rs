//! The three parts of a signed list, found without reading what was signed. Called by `crl`. Invariant: only
//! the one DER spelling of the frame is taken: shortest lengths, our one algorithm, nothing behind the end.

/// What is signed, and the signature.
pub(super) struct Parts<'a> {
    /// With its header.
    pub(super) signed: &'a [u8],
    /// An ECDSA signature in DER.
    pub(super) signature: &'a [u8],
}

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
/// `ecdsa-with-SHA256` (1.2.840.10045.4.3.2), without parameters (RFC 5758, section 3.2).
const ALGORITHM: [u8; 12] = [0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];

/// The parts of `CertificateList` (RFC 5280, section 5.1); `None` for anything else.
pub(super) fn split(der: &[u8]) -> Option<Parts<'_>> {
    let (_, inside, rest) = element(der, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let (signed, _, rest) = element(inside, SEQUENCE)?;
    let rest = rest.strip_prefix(&ALGORITHM)?;
    let (_, bits, rest) = element(rest, BIT_STRING)?;
    let (unused, signature) = bits.split_first()?;
    (rest.is_empty() && *unused == 0).then_some(Parts { signed, signature })
}

/// The element at the beginning with its header, what is in it, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8], &[u8])> {
    let [found, first, more @ ..] = bytes else { return None };
    if *found != tag {
        return None;
    }
    let (length, digits) = match first {
        short @ 0..=0x7f => (usize::from(*short), 0),
        0x81..=0x83 => {
            let digits = usize::from(first & 0x7f);
            let length =
                more.get(..digits)?.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
            // The shortest spelling: a first digit that counts, and no long form for what fits in a byte.
            let least = if digits == 1 { 0x80 } else { 1 << (8 * (digits - 1)) };
            (Some(length).filter(|length| *length >= least)?, digits)
        }
        _ => return None,
    };
    let begin = 2 + digits;
    let end = begin + length;
    Some((bytes.get(..end)?, bytes.get(begin..end)?, bytes.get(end..)?))
}
