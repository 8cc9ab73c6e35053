//! What all our pages share: the style sheet, and the escaping of text from outside. Used by the site-agent's
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_only_text() {
        assert_eq!(escape("<a b=\"c\">&'"), "&lt;a b=&quot;c&quot;&gt;&amp;&#39;");
        for outside in ["@import", "url(", "http"] {
            assert!(!STYLE.contains(outside), "{outside}");
        }
    }
}
