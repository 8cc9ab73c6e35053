//! The sheets of a review in every form, filled in alike: what the report says is the same. Used by
//! `reviews`.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::json::Asked;
use crate::mutated::sheets::{annotated, good, responded};

impl Asked {
    /// Gives each form of both graders' sheets back, filled in as the tables were whose report this is.
    pub(in crate::json) fn exchanges(&mut self, review: &str, places: u64, report: &Value) -> Result<()> {
        let sheets = Path::new(review).join("sheets");
        let seal = report["seal"].as_str().unwrap_or_default().to_owned();
        ensure!(sheets.join("label-studio.xml").is_file() && sheets.join("grader-2.xlsx").is_file());
        for form in ["xlsx", "label-studio", "argilla"] {
            let mut back = Vec::new();
            for grader in ["grader-1", "grader-2"] {
                let given = |name: &str| std::fs::read_to_string(sheets.join(format!("{grader}.{name}")));
                let bytes = match form {
                    "xlsx" => filled(&seal, grader, places, ""),
                    "argilla" => responded(&given("argilla/records.json")?, &good())?.into_bytes(),
                    _ => annotated(&given("label-studio.json")?, &good())?.into_bytes(),
                };
                // What it is called says nothing.
                let to = self.path(&format!("{form}-{grader}"));
                std::fs::write(&to, bytes)?;
                back.push(to);
            }
            let imported = self.coordinator("review import", &[review, &back[0], &back[1], "--replace"])?;
            ensure!(imported["imported"][1]["graded"] == 2 * places, "{form}: {imported}");
            let again = self.coordinator("review report", &[review])?;
            ensure!(again == *report, "{form}: {again}\n{report}");
        }
        let blank = sheets.join("grader-1.xlsx").to_string_lossy().into_owned();
        self.refuses(&["review", "import", review, &blank, "--replace"], "has no grade")?;
        let tasks = sheets.join("grader-1.label-studio.json").to_string_lossy().into_owned();
        self.refuses(
            &["review", "import", review, &tasks, "--replace"],
            "task number 1: it has no annotations",
        )?;
        let dated = self.path("dated.xlsx");
        std::fs::write(&dated, filled(&seal, "grader-1", places, " t=\"d\""))?;
        let told = "dated.xlsx, cell E2: a date stands there, which a spreadsheet makes of 3/5";
        self.refuses(&["review", "import", review, &dated, "--replace"], told)
    }
}

/// A workbook as somebody else's spreadsheet saves it: grades are numbers; `kind` is that of the first
/// column of grades.
fn filled(seal: &str, grader: &str, places: u64, kind: &str) -> Vec<u8> {
    let text = |text: &str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let names =
        ["seal", "grader", "place", "answer"].into_iter().chain(good().into_iter().map(|(name, _)| name));
    let optional = ["friendliness", "utility"];
    let head: String = names.chain(optional).map(text).collect();
    let mut rows = format!("<row>{head}</row>");
    for place in 1..=places {
        for letter in ["A", "B"] {
            let grades: String = good()
                .into_iter()
                .map(|(name, said)| match name {
                    "comment" => text(said),
                    "accuracy" => format!("<c{kind}><v>{said}.0</v></c>"),
                    _ => format!("<c><v>{said}</v></c>"),
                })
                .collect();
            rows += &format!(
                "<row>{}{}<c><v>{place}</v></c>{}{grades}</row>",
                text(seal),
                text(grader),
                text(letter)
            );
        }
    }
    let relation = |kind: &str, to: &str| {
        format!(
            "<Relationships><Relationship Id=\"r\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{to}\"/></Relationships>"
        )
    };
    stored(&[
        ("_rels/.rels", relation("officeDocument", "xl/workbook.xml")),
        ("xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml")),
        (
            "xl/workbook.xml",
            "<workbook><sheets><sheet name=\"Sheet1\" r:id=\"r\"/></sheets></workbook>".to_owned(),
        ),
        ("xl/worksheets/sheet1.xml", format!("<worksheet><sheetData>{rows}</sheetData></worksheet>")),
    ])
}

/// A ZIP file whose parts are not packed.
fn stored(parts: &[(&str, String)]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let at = file.len() as u32;
        let length = (text.len() as u32).to_le_bytes();
        let what = [&[10, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &checksum(text).to_le_bytes(), &length, &length];
        let what = [&what.concat()[..], &(name.len() as u16).to_le_bytes(), &[0; 2]].concat();
        file.extend([b"PK\x03\x04", &what[..], name.as_bytes(), text.as_bytes()].concat());
        let place = at.to_le_bytes();
        directory.extend([b"PK\x01\x02\x0a\0", &what[..], &[0; 10], &place, name.as_bytes()].concat());
    }
    let numbers = [directory.len() as u32, file.len() as u32].map(u32::to_le_bytes).concat();
    let count = (parts.len() as u16).to_le_bytes();
    file.extend([&directory[..], b"PK\x05\x06\0\0\0\0", &count, &count, &numbers, &[0; 2]].concat());
    file
}

/// CRC-32, bit by bit.
fn checksum(text: &str) -> u32 {
    !text.bytes().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
