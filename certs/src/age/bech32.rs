//! Bech32 (BIP 173) without its limit of 90 characters: how age writes keys. Used by `age`. Invariant: of one
//! key there is one text in each case.

const ALPHABET: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const CHECK_SYMBOLS: usize = 6;

/// In lower case.
pub(super) fn encode(prefix: &str, bytes: &[u8]) -> String {
    let mut symbols = regrouped(bytes, 8, 5);
    let check = checksum(prefix, &[&symbols[..], &[0; CHECK_SYMBOLS]].concat()) ^ 1;
    symbols.extend((0..CHECK_SYMBOLS).map(|at| ((check >> (5 * (CHECK_SYMBOLS - 1 - at))) & 31) as u8));
    let mut text = format!("{prefix}1");
    text.extend(
        symbols.iter().filter_map(|symbol| ALPHABET.get(usize::from(*symbol))).map(|byte| char::from(*byte)),
    );
    text
}

/// The prefix, in lower case, and the bytes.
pub(super) fn decode(text: &str) -> Option<(String, Vec<u8>)> {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    if has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let (prefix, data) = text.rsplit_once('1')?;
    if prefix.is_empty() || !prefix.bytes().all(|byte| (33..=126).contains(&byte)) {
        return None;
    }
    let symbol = |byte: u8| Some(ALPHABET.iter().position(|known| *known == byte)? as u8);
    let symbols: Vec<u8> = data.bytes().map(symbol).collect::<Option<_>>()?;
    if symbols.len() < CHECK_SYMBOLS || checksum(prefix, &symbols) != 1 {
        return None;
    }
    let payload = &symbols[..symbols.len() - CHECK_SYMBOLS];
    let bytes = regrouped(payload, 5, 8);
    let whole = bytes.get(..payload.len() * 5 / 8)?.to_vec();
    // The bits that fill the last symbol are zeros, and fewer than a symbol.
    (regrouped(&whole, 8, 5) == payload).then_some((prefix.to_owned(), whole))
}

/// The same bits in groups of another size, the last one filled with zeros.
fn regrouped(groups: &[u8], from: u32, to: u32) -> Vec<u8> {
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    let mask = (1 << to) - 1;
    for group in groups {
        bits = ((bits << from) | u32::from(*group)) & 0xffff;
        count += from;
        while count >= to {
            count -= to;
            out.push(((bits >> count) & mask) as u8);
        }
    }
    if count > 0 {
        out.push(((bits << (to - count)) & mask) as u8);
    }
    out
}

fn checksum(prefix: &str, symbols: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(symbols.iter().copied()).fold(1, |sum, symbol| {
        let top = sum >> 25;
        let shifted = ((sum & 0x1ff_ffff) << 5) ^ u32::from(symbol);
        GENERATOR.iter().enumerate().fold(
            shifted,
            |sum, (bit, term)| {
                if (top >> bit) & 1 == 1 { sum ^ term } else { sum }
            },
        )
    })
}
