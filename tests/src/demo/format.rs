//! Numbers as people read them. Used by `table` and `html`, so that the same
//! quantity never looks different in the two.

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes with a binary unit: `1.2 MiB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["B", "KiB", "MiB", "GiB"];
    let mut value = number as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{number} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Nats per token, four decimals.
pub(super) fn loss(value: f64) -> String {
    format!("{value:.4}")
}

/// Perplexity: one decimal below a thousand, none above.
pub(super) fn perplexity(value: f64) -> String {
    if value < 1000.0 { format!("{value:.1}") } else { grouped(value.round() as u64) }
}

/// A fraction as a percentage.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

/// Seconds: tenths below a minute, minutes above.
pub(super) fn seconds(value: f64) -> String {
    if value < 60.0 {
        return format!("{value:.1} s");
    }
    let whole = value.round() as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1_258_291), "1.2 MiB");
        assert_eq!(perplexity(354.23), "354.2");
        assert_eq!(perplexity(5996.4), "5,996");
        assert_eq!(percent(0.2274), "22.74 %");
        assert_eq!(seconds(59.94), "59.9 s");
        assert_eq!(seconds(125.0), "2 min 05 s");
    }
}
