//! Numbers as people read them. Used by `table` and `html`, so that the same
//! quantity never looks different in the two.

pub(crate) use common::page::grouped;

/// Nats per token, four decimals.
pub(crate) fn loss(value: f64) -> String {
    format!("{value:.4}")
}

/// Perplexity: one decimal below a thousand, none above.
pub(crate) fn perplexity(value: f64) -> String {
    if value < 1000.0 { format!("{value:.1}") } else { grouped(value.round() as u64) }
}

/// A fraction as a percentage.
pub(crate) fn percent(fraction: f64) -> String {
    format!("{:.2} %", fraction * 100.0)
}

/// A change as a percentage with its sign, one decimal.
pub(crate) fn signed_percent(fraction: f64) -> String {
    format!("{:+.1} %", fraction * 100.0)
}

/// Seconds: tenths below a minute, minutes above.
pub(crate) fn seconds(value: f64) -> String {
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
    fn a_change_has_its_sign() {
        assert_eq!([-0.119, 0.0204].map(signed_percent), ["-11.9 %", "+2.0 %"]);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(perplexity(354.23), "354.2");
        assert_eq!(perplexity(5996.4), "5,996");
        assert_eq!(percent(0.2274), "22.74 %");
        assert_eq!(seconds(59.94), "59.9 s");
        assert_eq!(seconds(125.0), "2 min 05 s");
    }
}
