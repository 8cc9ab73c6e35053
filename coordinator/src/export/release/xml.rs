//! A small writer of XML: elements and text, nothing else. Used by `chai`. Source: XML 1.0, 2.2 and 2.4.
//! Invariant: whatever the text, what is written is well-formed.

use common::page::escape;

/// A document that is being written.
#[derive(Debug)]
pub(super) struct Xml {
    text: String,
    depth: usize,
}

impl Xml {
    /// Begins with the root element and its attributes, which are ours.
    pub(super) fn begin(root: &str, attributes: &str) -> Self {
        let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} {attributes}>\n");
        Self { text, depth: 1 }
    }

    /// An element that holds a text.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        let indent = "  ".repeat(self.depth);
        self.text.push_str(&format!("{indent}<{name}>{}</{name}>\n", escape(&allowed(text))));
    }

    /// An element that holds others.
    pub(super) fn group(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let indent = "  ".repeat(self.depth);
        self.text.push_str(&format!("{indent}<{name}>\n"));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.text.push_str(&format!("{indent}</{name}>\n"));
    }

    /// The document.
    pub(super) fn end(mut self, root: &str) -> String {
        self.text.push_str(&format!("</{root}>\n"));
        self.text
    }
}

/// Characters that XML cannot hold, not even as references, become U+FFFD.
fn allowed(text: &str) -> String {
    let is_allowed = |c: char| matches!(c, '\t' | '\n' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if is_allowed(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_what_cannot_stand_is_replaced() {
        let mut xml = Xml::begin("a", "x=\"y\"");
        xml.group("b", |xml| xml.text("c", "<&>\"'\u{1}\r\u{ffff}]]>心"));
        assert_eq!(
            xml.end("a"),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a x=\"y\">\n  <b>\n    \
             <c>&lt;&amp;&gt;&quot;&#39;\u{fffd}\u{fffd}\u{fffd}]]&gt;心</c>\n  </b>\n</a>\n"
        );
    }
}
