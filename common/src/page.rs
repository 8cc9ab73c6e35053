//! What all our pages share: the style sheet, the escaping of text from outside, and how a
//! number is written. Used by the site-agent's
//! data report and by `coordinator report`. Invariant: a page is one file without script or external
//! resource; it prints on paper and follows the reader's light or dark setting.

/// The style sheet.
pub const STYLE: &str = include_str!("page/page.css");

/// Text made safe inside elements and quoted attributes.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A page's text in which no line ends between a number and its percent sign.
#[must_use]
pub fn unbroken(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let grouped = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_percent_sign_stays_with_its_number() {
        assert_eq!(unbroken("<p>11.9 % lower, 100%</p>"), "<p>11.9\u{a0}% lower, 100%</p>");
    }

    #[test]
    fn markup_is_only_text() {
        assert_eq!(escape("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
        for outside in ["@import", "url(", "http"] {
            assert!(!STYLE.contains(outside), "{outside}");
        }
    }
}
