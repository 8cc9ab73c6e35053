//! The parts of a workbook beside its sheets: which sheets there are, the texts that cells share, and which
//! forms of cells show a date. Called by `read`. Invariant: a part is found by what points to it, as
//! ECMA-376 part 2 has it, whatever it is called.

use super::archive::Archive;
use super::cell::Problem;
use super::markup::{Element, Event, Markup};
use crate::limits::{WORKBOOK_FORMS_MAX, WORKBOOK_RELATIONS_MAX, WORKBOOK_SHEETS_MAX, WORKBOOK_TEXTS_MAX};

const BROKEN: Problem = Problem::File("it is no XLSX workbook: a part of it is missing");

/// What one part points to.
struct Relation {
    id: String,
    kind: String,
    to: String,
}

/// A workbook's sheets, and what they refer to.
pub(super) struct Workbook {
    /// Names, and the parts that they are in.
    pub sheets: Vec<(String, String)>,
    /// Texts that cells share.
    pub texts: Vec<String>,
    /// Whether a form of cells shows a date, by its number.
    pub dates: Vec<bool>,
}

impl Workbook {
    /// Reads all but the sheets.
    pub(super) fn read(archive: &mut Archive<'_>) -> Result<Self, Problem> {
        let top = relations(archive, "")?;
        let part = |relations: &[Relation], kind: &str| {
            relations.iter().find(|it| it.kind.ends_with(kind)).map(|it| it.to.clone())
        };
        let main = part(&top, "/officeDocument").ok_or(BROKEN)?;
        let around = relations(archive, &main)?;
        let sheets = sheets(&archive.small(&main)?.ok_or(BROKEN)?)?;
        let sheets = sheets.into_iter().filter_map(|(name, id)| {
            let to = around.iter().find(|it| it.id == id && it.kind.ends_with("/worksheet"))?;
            Some((name, to.to.clone()))
        });
        let sheets = sheets.collect();
        let bytes = |archive: &mut Archive<'_>, kind| match part(&around, kind) {
            Some(part) => archive.part(&part),
            None => Ok(None),
        };
        let texts = bytes(archive, "/sharedStrings")?.map_or(Ok(Vec::new()), |it| texts(&it))?;
        let dates = bytes(archive, "/styles")?.map_or(Ok(Vec::new()), |it| dates(&it))?;
        Ok(Self { sheets, texts, dates })
    }
}

/// Where a part's folder ends.
fn folder(part: &str) -> (&str, &str) {
    part.rsplit_once('/').unwrap_or(("", part))
}

/// What a part points to, without what lies outside.
fn relations(archive: &mut Archive<'_>, of: &str) -> Result<Vec<Relation>, Problem> {
    let (folder, name) = folder(of);
    let from = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let Some(bytes) = archive.small(&format!("{from}_rels/{name}.rels"))? else { return Err(BROKEN) };
    let (mut markup, mut found) = (Markup::new(&bytes)?, Vec::new());
    while let Some(event) = markup.next()? {
        let Event::Start(element) = event else { continue };
        let is_outside = element.attribute("TargetMode")?.as_deref() == Some("External");
        if element.name != "Relationship" || is_outside {
            continue;
        }
        if found.len() == WORKBOOK_RELATIONS_MAX {
            return Err(Problem::File("a part of it points to too many others"));
        }
        let value = |name| Ok::<_, Problem>(element.attribute(name)?.unwrap_or_default().into_owned());
        let to = value("Target")?;
        let to = to.strip_prefix('/').map_or_else(|| joined(&from, &to), str::to_owned);
        found.push(Relation { id: value("Id")?, kind: value("Type")?, to });
    }
    Ok(found)
}

/// A target beside the part that points to it.
fn joined(from: &str, to: &str) -> String {
    let mut steps: Vec<&str> = Vec::new();
    for step in from.split('/').chain(to.split('/')) {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()),
            step => steps.push(step),
        }
    }
    steps.join("/")
}

/// Names of sheets, and the ids of the relations to their parts.
fn sheets(bytes: &[u8]) -> Result<Vec<(String, String)>, Problem> {
    let (mut markup, mut found) = (Markup::new(bytes)?, Vec::new());
    while let Some(event) = markup.next()? {
        let Event::Start(element) = event else { continue };
        if element.name != "sheet" {
            continue;
        }
        if found.len() == WORKBOOK_SHEETS_MAX {
            return Err(Problem::File("it has too many sheets"));
        }
        let value = |name| Ok::<_, Problem>(element.attribute(name)?.unwrap_or_default().into_owned());
        found.push((value("name")?, value("id")?));
    }
    Ok(found)
}

/// The texts that cells share, in order.
fn texts(bytes: &[u8]) -> Result<Vec<String>, Problem> {
    let (mut markup, mut found) = (Markup::new(bytes)?, Vec::new());
    while let Some(event) = markup.next()? {
        let Event::Start(element) = event else { continue };
        if element.name == "si" {
            if found.len() == WORKBOOK_TEXTS_MAX {
                return Err(Problem::File("its cells share too many texts"));
            }
            found.push(rich(&mut markup, "si")?);
        }
    }
    Ok(found)
}

/// The text of the element that has begun: its pieces, whatever they look like, without how it is spoken.
pub(super) fn rich(markup: &mut Markup<'_>, name: &str) -> Result<String, Problem> {
    let mut text = String::new();
    loop {
        match markup.next()?.ok_or(BROKEN)? {
            Event::Start(Element { name: "t", .. }) => text += &markup.text("t")?,
            Event::Start(Element { name: "rPh", .. }) => markup.skip("rPh")?,
            Event::End(ended) if ended == name => return Ok(plain(&text)),
            _ => {}
        }
    }
}

/// The character that a text which begins with `_x` stands for, where it does: `_x000D_` (ECMA-376 part 1,
/// 22.9.2.19).
fn code(text: &str) -> Option<char> {
    let code = text.get(2..CODE_BYTES - 1).filter(|_| text[CODE_BYTES - 1..].starts_with('_'))?;
    let is_hex = code.bytes().all(|byte| byte.is_ascii_hexdigit());
    char::from_u32(u32::from_str_radix(code, 16).ok().filter(|_| is_hex)?)
}

/// Bytes of a character that stands as its number.
const CODE_BYTES: usize = 7;

/// A text with the characters that stand in it as their numbers.
pub(super) fn plain(text: &str) -> String {
    let (mut whole, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("_x") {
        whole += &rest[..at];
        rest = &rest[at..];
        let (piece, read) = code(rest).map_or(('_', 1), |c| (c, CODE_BYTES));
        whole.push(piece);
        rest = &rest[read..];
    }
    whole + rest
}

/// A text that [`plain`] gives back: what looks like a character's number is none.
pub(super) fn coded(text: &str) -> String {
    let (mut whole, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("_x") {
        whole += &rest[..at];
        whole += if code(&rest[at..]).is_some() { "_x005F_" } else { "_" };
        rest = &rest[at + 1..];
    }
    whole + rest
}

/// Whether each form of cells shows a date or a time.
fn dates(bytes: &[u8]) -> Result<Vec<bool>, Problem> {
    let (mut markup, mut own, mut found, mut is_inside) =
        (Markup::new(bytes)?, Vec::new(), Vec::new(), false);
    while let Some(event) = markup.next()? {
        let element = match event {
            Event::Start(element) => element,
            Event::End("cellXfs") => return Ok(found),
            _ => continue,
        };
        let number = |name| {
            let value = element.attribute(name)?;
            Ok::<_, Problem>(value.and_then(|it| it.parse::<u32>().ok()).unwrap_or_default())
        };
        match element.name {
            "numFmt" => {
                let code = element.attribute("formatCode")?.unwrap_or_default();
                if is_of_date(&code) && own.len() < WORKBOOK_FORMS_MAX {
                    own.push(number("numFmtId")?);
                }
            }
            "cellXfs" => {
                is_inside = true;
                own.sort_unstable();
            }
            "xf" if is_inside => {
                if found.len() == WORKBOOK_FORMS_MAX {
                    return Err(Problem::File("its cells have too many forms"));
                }
                let form = number("numFmtId")?;
                let is_built_in = matches!(form, 14..=22 | 27..=36 | 45..=47 | 50..=58 | 71..=81);
                found.push(is_built_in || own.binary_search(&form).is_ok());
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Whether a form of numbers shows days or times: it has one of their letters outside of words, which stand
/// in quotation marks, behind a backslash or in brackets (but for `[h]`, which is time).
fn is_of_date(code: &str) -> bool {
    let mut characters = code.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => drop(characters.by_ref().find(|c| *c == '"')),
            '\\' | '_' | '*' => drop(characters.next()),
            '[' => {
                let inside: String = characters.by_ref().take_while(|c| *c != ']').collect();
                if matches!(inside.to_ascii_lowercase().as_str(), "h" | "hh" | "m" | "mm" | "s" | "ss") {
                    return true;
                }
            }
            'd' | 'D' | 'm' | 'M' | 'y' | 'Y' | 'h' | 'H' | 's' | 'S' => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_dates_are_told_from_those_of_numbers() {
        for code in ["yyyy\\-mm\\-dd", "d/m", "[$-804]yyyy\"年\"m\"月\";@", "[h]:mm", "mm:ss.0"] {
            assert!(is_of_date(code), "{code}");
        }
        for code in ["General", "0.00", "#,##0\" days\"", "[Red]0", "0\\d", "@", "_d0", "0%"] {
            assert!(!is_of_date(code), "{code}");
        }
    }

    #[test]
    fn targets_are_found_beside_their_part_and_coded_characters_read() {
        assert_eq!(joined("xl/", "worksheets/sheet1.xml"), "xl/worksheets/sheet1.xml");
        assert_eq!(joined("xl/a/", "../../b.xml"), "b.xml");
        assert_eq!(joined("", "../../../b.xml"), "b.xml");
        assert_eq!(plain("a_x000D_\nb_x005F_x0041__x004_xzz中"), "a\r\nb_x0041__x004_xzz中");
        for text in ["_xD800_", "_x0041", "_x_x0041_", "_x005F_x0041_", "__x0041__", "_x中中", "_x00"] {
            assert_eq!(plain(&coded(text)), text);
        }
    }
}
