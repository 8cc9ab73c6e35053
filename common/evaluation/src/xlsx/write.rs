//! Writes a workbook of one sheet in which every cell is a text. Called by `review`. Invariants: no cell is
//! a formula, whatever it begins with; the first row stays in sight; the same sheet gives the same bytes.

use std::fmt::Write as _;

use super::cell::name;
use super::markup::escaped;
use super::pack::pack;
use super::parts::coded;
use crate::limits::CELL_CHARACTERS_MAX;

/// A column, and what may be filled in there.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The cell of the first row.
    pub head: String,
    /// Characters of its width.
    pub width: u32,
    /// What may be chosen, where something is filled in.
    pub choices: Vec<String>,
    /// Whether somebody fills it in.
    pub is_open: bool,
}

/// The sheet.
pub(crate) struct Sheet<'a> {
    /// What it is called.
    pub name: &'a str,
    /// Its columns.
    pub columns: &'a [Column],
    /// The rows under the first; each has a cell for each column, which may be empty.
    pub rows: &'a [Vec<String>],
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const SPREADSHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// Forms of cells, in the order of `STYLES`: the head, what was given, what is chosen, what is written.
const HEAD: u8 = 1;
const GIVEN: u8 = 2;
const CHOSEN: u8 = 3;
const WRITTEN: u8 = 4;
/// Text (49) that is wrapped; the head bold on grey, what is filled in on yellow.
const STYLES: &str = r#"<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="4"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill><fill><patternFill patternType="solid"><fgColor rgb="FFE7E6E6"/></patternFill></fill><fill><patternFill patternType="solid"><fgColor rgb="FFFFFBE6"/></patternFill></fill></fills><borders count="2"><border><left/><right/><top/><bottom/><diagonal/></border><border><left style="thin"><color rgb="FFBFBFBF"/></left><right style="thin"><color rgb="FFBFBFBF"/></right><top style="thin"><color rgb="FFBFBFBF"/></top><bottom style="thin"><color rgb="FFBFBFBF"/></bottom><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="5"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="49" fontId="1" fillId="2" borderId="1" xfId="0" applyNumberFormat="1" applyFont="1" applyFill="1" applyBorder="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf><xf numFmtId="49" fontId="0" fillId="0" borderId="1" xfId="0" applyNumberFormat="1" applyBorder="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf><xf numFmtId="0" fontId="0" fillId="3" borderId="1" xfId="0" applyFill="1" applyBorder="1" applyAlignment="1"><alignment horizontal="center" vertical="top"/></xf><xf numFmtId="49" fontId="0" fillId="3" borderId="1" xfId="0" applyNumberFormat="1" applyFill="1" applyBorder="1" applyAlignment="1"><alignment vertical="top" wrapText="1"/></xf></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>"#;

/// The workbook. The error is the row, counted from 1, of a cell with more characters than spreadsheets
/// take; the whole is then not written.
pub(crate) fn write(sheet: &Sheet<'_>) -> Result<Vec<u8>, usize> {
    let is_long = |cell: &String| cell.encode_utf16().count() > CELL_CHARACTERS_MAX;
    if let Some(row) = sheet.rows.iter().position(|cells| cells.iter().any(is_long)) {
        return Err(row + 2);
    }
    let xml = |body: String| format!("<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n{body}");
    let relation = |kind: &str, to: &str| {
        format!("<Relationship Id=\"{kind}\" Type=\"{OFFICE}/{kind}\" Target=\"{to}\"/>")
    };
    let relations =
        |all: String| xml(format!("<Relationships xmlns=\"{PACKAGE}/relationships\">{all}</Relationships>"));
    let kinds = format!(
        "<Types xmlns=\"{PACKAGE}/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>\
         <Override PartName=\"/xl/workbook.xml\" ContentType=\"{SPREADSHEET}.sheet.main+xml\"/>\
         <Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"{SPREADSHEET}.worksheet+xml\"/>\
         <Override PartName=\"/xl/styles.xml\" ContentType=\"{SPREADSHEET}.styles+xml\"/></Types>"
    );
    let workbook = format!(
        "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets><sheet name=\"{}\" sheetId=\"1\" r:id=\"worksheet\"/></sheets></workbook>",
        escaped(sheet.name)
    );
    let around = relation("worksheet", "worksheets/sheet1.xml") + &relation("styles", "styles.xml");
    let parts = [
        ("[Content_Types].xml", xml(kinds)),
        ("_rels/.rels", relations(relation("officeDocument", "xl/workbook.xml"))),
        ("xl/workbook.xml", xml(workbook)),
        ("xl/_rels/workbook.xml.rels", relations(around)),
        ("xl/styles.xml", xml(format!("<styleSheet xmlns=\"{MAIN}\">{STYLES}</styleSheet>"))),
        ("xl/worksheets/sheet1.xml", xml(worksheet(sheet))),
    ];
    // A sheet that a review can have is far below what a ZIP file can hold.
    pack(&parts).ok_or(1)
}

fn worksheet(sheet: &Sheet<'_>) -> String {
    let mut text = format!(
        "<worksheet xmlns=\"{MAIN}\"><sheetViews><sheetView tabSelected=\"1\" workbookViewId=\"0\"><pane ySplit=\"1\" topLeftCell=\"A2\" activePane=\"bottomLeft\" state=\"frozen\"/></sheetView></sheetViews><cols>"
    );
    // Writing into a text does not fail.
    for (number, column) in (1..).zip(sheet.columns) {
        let number: usize = number;
        let _ = write!(
            text,
            "<col min=\"{number}\" max=\"{number}\" width=\"{}\" customWidth=\"1\"/>",
            column.width
        );
    }
    text += "</cols><sheetData><row r=\"1\">";
    for (place, column) in sheet.columns.iter().enumerate() {
        cell(&mut text, [0, place], HEAD, &column.head);
    }
    text += "</row>";
    for (number, cells) in (1..).zip(sheet.rows) {
        let _ = write!(text, "<row r=\"{}\">", number + 1);
        for (place, (column, value)) in sheet.columns.iter().zip(cells).enumerate() {
            let form = match (column.is_open, column.choices.is_empty()) {
                (false, _) => GIVEN,
                (true, false) => CHOSEN,
                (true, true) => WRITTEN,
            };
            cell(&mut text, [number, place], form, value);
        }
        text += "</row>";
    }
    text += "</sheetData>";
    let chosen = sheet.columns.iter().enumerate().filter(|(_, column)| !column.choices.is_empty());
    let chosen: Vec<(usize, &Column)> = chosen.collect();
    if !sheet.rows.is_empty() && !chosen.is_empty() {
        let _ = write!(text, "<dataValidations count=\"{}\">", chosen.len());
        for (place, column) in chosen {
            let (first, last) = (name(1, place), name(sheet.rows.len() as u64, place));
            let _ = write!(
                text,
                "<dataValidation type=\"list\" allowBlank=\"1\" showInputMessage=\"1\" showErrorMessage=\"1\" sqref=\"{first}:{last}\"><formula1>\"{}\"</formula1></dataValidation>",
                escaped(&column.choices.join(","))
            );
        }
        text += "</dataValidations>";
    }
    text + "</worksheet>"
}

/// Writes a cell; an empty one has its form alone.
fn cell(text: &mut String, [row, column]: [usize; 2], form: u8, value: &str) {
    let at = name(row as u64, column);
    // Writing into a text does not fail.
    let _ = if value.is_empty() {
        write!(text, "<c r=\"{at}\" s=\"{form}\"/>")
    } else {
        let value = coded(&escaped(value));
        write!(
            text,
            "<c r=\"{at}\" s=\"{form}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{value}</t></is></c>"
        )
    };
}
