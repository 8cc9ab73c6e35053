//! Check digits of identifiers, over ASCII bytes. Pure. Used by the detectors, by `synthetic` and by
//! `waiver`. Invariant: every function returns false for input of another length or alphabet, and none
//! panics.

/// Weights of the first seventeen digits (GB 11643, ISO 7064 MOD 11-2).
const CITIZEN_WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

/// The check character of seventeen digits (ISO 7064 MOD 11-2).
pub(super) fn citizen_check(digits: &[u8]) -> Option<u8> {
    if digits.len() != CITIZEN_WEIGHTS.len() {
        return None;
    }
    let mut sum = 0;
    for (byte, weight) in digits.iter().zip(CITIZEN_WEIGHTS) {
        sum += digit(*byte)? * weight;
    }
    b"10X98765432".get((sum % 11) as usize).copied()
}

/// Luhn (ISO/IEC 7812-1 annex B), the last digit being the check digit; `prefix` is its weighted sum so far.
fn luhn_from(digits: &[u8], prefix: u32) -> bool {
    let mut sum = prefix;
    for (place, byte) in digits.iter().rev().enumerate() {
        let Some(value) = digit(*byte) else { return false };
        let value = if place % 2 == 1 { value * 2 } else { value };
        sum += value / 10 + value % 10;
    }
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// Whether the digits pass Luhn.
pub(super) fn luhn(digits: &[u8]) -> bool {
    luhn_from(digits, 0)
}

/// Whether ten digits are a US national provider identifier: 1 or 2 first, Luhn with 80840 before it (which
/// adds 24).
pub(super) fn npi(digits: &[u8]) -> bool {
    digits.len() == 10 && matches!(digits.first(), Some(b'1' | b'2')) && luhn_from(digits, 24)
}

/// Whether nine characters are a DEA registration number: a registrant letter, a letter or 9, and seven
/// digits of which the last is the last digit of (d1 + d3 + d5) + 2 (d2 + d4 + d6).
pub(super) fn dea(text: &[u8]) -> bool {
    let [first, second, digits @ ..] = text else { return false };
    let letters = b"ABCDEFGHJKLMPRSTUX".contains(&first.to_ascii_uppercase())
        && (second.is_ascii_alphabetic() || *second == b'9');
    let values: Option<Vec<u32>> = digits.iter().map(|byte| digit(*byte)).collect();
    match values.as_deref() {
        Some([d1, d2, d3, d4, d5, d6, check]) => {
            letters && (d1 + d3 + d5 + 2 * (d2 + d4 + d6)) % 10 == *check
        }
        _ => false,
    }
}

/// The alphabet of GB 32100: digits and capitals without I, O, S, V, Z.
const CREDIT_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// The check character of the first seventeen characters of a unified social credit code: weights 3^i mod 31.
pub(super) fn credit_check(text: &[u8]) -> Option<u8> {
    if text.len() != 17 {
        return None;
    }
    let (mut sum, mut weight) = (0_usize, 1_usize);
    for byte in text {
        sum += CREDIT_ALPHABET.iter().position(|known| known == byte)? * weight;
        weight = weight * 3 % 31;
    }
    CREDIT_ALPHABET.get((31 - sum % 31) % 31).copied()
}

/// The check character (place 9) of a 17-character vehicle identification number (49 CFR 565.15, GB 16735).
pub(super) fn vin_check(text: &[u8]) -> Option<u8> {
    const WEIGHTS: [u32; 17] = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
    if text.len() != WEIGHTS.len() {
        return None;
    }
    let mut sum = 0;
    for (byte, weight) in text.iter().zip(WEIGHTS) {
        let value = match byte {
            b'0'..=b'9' => u32::from(byte - b'0'),
            b'A'..=b'H' => u32::from(byte - b'A') + 1,
            b'J'..=b'N' => u32::from(byte - b'J') + 1,
            b'P' => 7,
            b'R' => 9,
            b'S'..=b'Z' => u32::from(byte - b'S') + 2,
            _ => return None,
        };
        sum += value * weight;
    }
    b"0123456789X".get((sum % 11) as usize).copied()
}

/// Whether a year, month and day exist in the Gregorian calendar.
pub(super) fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1..=last).contains(&day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citizen_ids_of_gb_11643() {
        assert_eq!(citizen_check(b"11010519491231002"), Some(b'X'));
        assert_eq!(citizen_check(b"44052418800101001"), Some(b'4'));
        assert_ne!(citizen_check(b"11010519491231003"), Some(b'X'));
        assert_eq!(citizen_check(b"1101051949123100"), None);
        assert_eq!(citizen_check(b"1101051949123100X"), None);
    }

    #[test]
    fn luhn_of_the_standard() {
        assert!(luhn(b"79927398713"));
        for last in (b'0'..=b'9').filter(|last| *last != b'3') {
            assert!(!luhn(&[b"7992739871".as_slice(), &[last]].concat()));
        }
        assert!(luhn(b"4111111111111111"));
        assert!(!luhn(b"") && !luhn(b"4111-1111"));
    }

    #[test]
    fn npi_of_the_cms_standard_and_dea_of_the_registrar() {
        // CMS, "Requirements for NPI check digit", the example 1234567893.
        assert!(npi(b"1234567893"));
        assert!(!npi(b"1234567894") && !npi(b"123456789") && !npi(b"3234567893"));
        // DEA: AB1234563 is the customary example.
        assert!(dea(b"AB1234563"));
        assert!(!dea(b"AB1234564") && !dea(b"IB1234563") && !dea(b"AB123456") && !dea(b"A11234563"));
        assert!(dea(b"A91234563"));
    }

    #[test]
    fn credit_code_and_vin() {
        // GB 32100-2015, annex: 91350100M000100Y43.
        assert_eq!(credit_check(b"91350100M000100Y4"), Some(b'3'));
        assert_ne!(credit_check(b"91350100M000100Y5"), Some(b'3'));
        assert_eq!(credit_check(b"91350100M000100I4"), None);
        // 49 CFR 565, and the customary 1M8GDM9AXKP042788.
        assert_eq!(vin_check(b"1M8GDM9AXKP042788"), Some(b'X'));
        assert_eq!(vin_check(b"11111111111111111"), Some(b'1'));
        assert_ne!(vin_check(b"1M8GDM9AXKP042789"), Some(b'X'));
        assert_eq!(vin_check(b"IM8GDM9AXKP042788"), None);
    }

    #[test]
    fn days_that_exist() {
        assert!(is_date(2000, 2, 29) && is_date(2024, 2, 29));
        assert!(
            !is_date(1900, 2, 29) && !is_date(2023, 2, 29) && !is_date(2023, 4, 31) && !is_date(2023, 13, 1)
        );
        assert!(!is_date(2023, 1, 0));
    }
}
