//! XML as spreadsheets write it: elements, attributes, text, CDATA and the references that every XML has; no
//! document type, so that nothing stands for more than its own bytes. Called by `parts`, `cells` and `write`.
//! Invariants: names are without their prefix; no names of open elements are kept, and what is passed over is
//! counted, not descended into, so that depth costs no memory; an element that is not closed is found at the
//! end of the text.

use std::borrow::Cow;

use super::cell::Problem;

const BROKEN: Problem = Problem::File("a part of it is no XML as spreadsheets write it");

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// An element begins.
    Start(Element<'a>),
    /// The one of this name ends; of an empty one too.
    End(&'a str),
    /// Text, its references resolved.
    Text(Cow<'a, str>),
}

/// The beginning of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub name: &'a str,
    attributes: &'a str,
}

/// The text of a part.
pub(super) struct Markup<'a> {
    rest: &'a str,
    /// The name of an empty element whose end has not been told.
    empty: Option<&'a str>,
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// What stands before a mark, and what behind it.
fn split<'a>(text: &'a str, mark: &str) -> Result<(&'a str, &'a str), Problem> {
    text.split_once(mark).ok_or(BROKEN)
}

impl<'a> Markup<'a> {
    /// The text of a part.
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, Problem> {
        let text = std::str::from_utf8(bytes).map_err(|_| BROKEN)?;
        Ok(Self { rest: text.strip_prefix('\u{feff}').unwrap_or(text), empty: None })
    }

    /// What comes next; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Event<'a>>, Problem> {
        if let Some(name) = self.empty.take() {
            return Ok(Some(Event::End(name)));
        }
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            let Some(inside) = self.rest.strip_prefix('<') else {
                let end = self.rest.find('<').unwrap_or(self.rest.len());
                let (text, rest) = self.rest.split_at(end);
                self.rest = rest;
                return Ok(Some(Event::Text(resolved(text)?)));
            };
            if let Some(inside) = inside.strip_prefix("!--") {
                self.rest = split(inside, "-->")?.1;
            } else if let Some(inside) = inside.strip_prefix("![CDATA[") {
                let (text, rest) = split(inside, "]]>")?;
                self.rest = rest;
                return Ok(Some(Event::Text(Cow::Borrowed(text))));
            } else if let Some(inside) = inside.strip_prefix('?') {
                self.rest = split(inside, "?>")?.1;
            } else if inside.starts_with('!') {
                return Err(Problem::File("a part of it has a document type, which no spreadsheet writes"));
            } else if let Some(inside) = inside.strip_prefix('/') {
                let (name, rest) = split(inside, ">")?;
                self.rest = rest;
                return Ok(Some(Event::End(local(name.trim_end()))));
            } else {
                return self.start(inside).map(Some);
            }
        }
    }

    fn start(&mut self, inside: &'a str) -> Result<Event<'a>, Problem> {
        let mut quote = None;
        let end = inside.bytes().position(|byte| {
            match (quote, byte) {
                (None, b'"' | b'\'') => quote = Some(byte),
                (Some(open), close) if open == close => quote = None,
                _ => return quote.is_none() && byte == b'>',
            }
            false
        });
        let (element, rest) = inside.split_at(end.ok_or(BROKEN)?);
        self.rest = &rest[1..];
        let (element, is_empty) = element.strip_suffix('/').map_or((element, false), |short| (short, true));
        let name = element.split(|c: char| c.is_ascii_whitespace()).next().unwrap_or_default();
        let (name, attributes) = (local(name), &element[name.len()..]);
        if name.is_empty() {
            return Err(BROKEN);
        }
        self.empty = is_empty.then_some(name);
        Ok(Event::Start(Element { name, attributes }))
    }

    /// Passes over the element that has just begun, up to its end.
    pub(super) fn skip(&mut self, name: &str) -> Result<(), Problem> {
        self.text(name).map(drop)
    }

    /// The text in the element that has just begun, up to its end; elements in it are left out.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Problem> {
        let (mut text, mut depth) = (String::new(), 0_usize);
        loop {
            match self.next()?.ok_or(BROKEN)? {
                Event::Start(_) => depth += 1,
                Event::End(ended) if depth == 0 => {
                    return if ended == name { Ok(text) } else { Err(BROKEN) };
                }
                Event::End(_) => depth -= 1,
                Event::Text(piece) if depth == 0 => text += &piece,
                Event::Text(_) => {}
            }
        }
    }
}

impl<'a> Element<'a> {
    /// An attribute's value, by its name without a prefix.
    pub(super) fn attribute(&self, name: &str) -> Result<Option<Cow<'a, str>>, Problem> {
        let mut rest = self.attributes.trim_start();
        while !rest.is_empty() {
            let (key, behind) = split(rest, "=")?;
            let behind = behind.trim_start();
            let quote = behind.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(BROKEN)?;
            let (value, behind) = behind[1..].split_once(quote).ok_or(BROKEN)?;
            if local(key.trim_end()) == name {
                return resolved(value).map(Some);
            }
            rest = behind.trim_start();
        }
        Ok(None)
    }
}

/// A text with its references resolved.
fn resolved(text: &str) -> Result<Cow<'_, str>, Problem> {
    if !text.contains(['&', '\r']) {
        return Ok(Cow::Borrowed(text));
    }
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut pieces = text.split('&');
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (reference, behind) = split(piece, ";")?;
        whole.push(character(reference).ok_or(BROKEN)?);
        whole += behind;
    }
    Ok(Cow::Owned(whole))
}

fn character(reference: &str) -> Option<char> {
    let code = match reference {
        "amp" => return Some('&'),
        "lt" => return Some('<'),
        "gt" => return Some('>'),
        "quot" => return Some('"'),
        "apos" => return Some('\''),
        _ => reference.strip_prefix('#')?,
    };
    let code = match code.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => code.parse(),
    };
    code.ok().and_then(char::from_u32)
}

/// A text as it may stand in an element or in a value in quotation marks. What XML cannot hold is left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => written += "&amp;",
            '<' => written += "&lt;",
            '>' => written += "&gt;",
            '"' => written += "&quot;",
            '\n' | '\t' => written.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<String, Problem> {
        let (mut markup, mut told) = (Markup::new(text.as_bytes())?, String::new());
        while let Some(event) = markup.next()? {
            told += &match event {
                Event::Start(it) => format!("<{} a={:?}>", it.name, it.attribute("a")?.as_deref()),
                Event::End(name) => format!("</{name}>"),
                Event::Text(text) => text.into_owned(),
            };
        }
        Ok(told)
    }

    #[test]
    fn elements_attributes_and_text_are_told_in_order() {
        let text = "\u{feff}<?xml version=\"1.0\"?><!-- <no> --><x:r b='>' r:a=\"1 &lt; 2\"><t/>a&#x4E2D;&#25991;&amp;<![CDATA[<&>]]></x:r >";
        assert_eq!(all(text).as_deref(), Ok("<r a=Some(\"1 < 2\")><t a=None></t>a中文&<&></r>"));
        let mut markup = Markup::new("<t>a<b>not</b>c</t>".as_bytes()).expect("text");
        markup.next().expect("an element");
        assert_eq!(markup.text("t").as_deref(), Ok("ac"));
    }

    #[test]
    fn what_is_no_xml_of_a_spreadsheet_is_refused() {
        for text in [
            "<!DOCTYPE x>",
            "<a",
            "<a b=\"",
            "<a b=1/>",
            "<a b/>",
            "&nbsp;",
            "&#xD800;",
            "&x",
            "<>",
            "<!-- ",
            "</a",
        ] {
            assert!(all(text).is_err(), "{text}");
        }
        assert!(Markup::new(&[0xff, 0xfe, b'<', 0]).is_err());
        assert!(
            Markup::new(b"<t>a")
                .and_then(|mut it| {
                    it.next()?;
                    it.text("t")
                })
                .is_err()
        );
    }

    #[test]
    fn what_is_escaped_is_given_back() {
        let text = "a<b> & \"c\" \u{1}\u{ffff}中\n]]>";
        assert_eq!(all(&escaped(text)).as_deref(), Ok("a<b> & \"c\" 中\n]]>"));
    }
}
