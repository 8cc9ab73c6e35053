//! Workbooks as others write them and as nobody should: what is read, and what is refused.

use proptest::prelude::*;

use super::pack::pack;
use super::*;
use crate::limits::{WORKBOOK_RELATIONS_MAX, WORKBOOK_SMALL_PART_BYTES_MAX};

const RELATIONS: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A workbook with this sheet; shared texts and forms of cells as Excel has them, names with a prefix.
fn workbook(sheet: &str, texts: &str) -> Vec<u8> {
    pack(&parts(sheet, texts)).expect("a file")
}

/// What is in it: `_rels/.rels` first, then the relations of the workbook, then the workbook.
fn parts(sheet: &str, texts: &str) -> [(&'static str, String); 7] {
    let relation = |id: &str, kind: &str, to: &str| {
        format!("<Relationship Id='{id}' Type='{RELATIONS}/{kind}' Target='{to}'/>")
    };
    let around = [
        relation("rId1", "worksheet", "/xl/worksheets/Sheet1.xml"),
        relation("rId2", "sharedStrings", "sharedStrings.xml"),
        relation("rId3", "styles", "styles.xml"),
        "<Relationship Id='rId4' Type='x/hyperlink' Target='http://a.example/' TargetMode='External'/>"
            .into(),
    ];
    let all = |relations: String| format!("<Relationships>{relations}</Relationships>");
    [
        ("_rels/.rels", all(relation("rId1", "officeDocument", "xl/workbook.xml"))),
        ("xl/_rels/workbook.xml.rels", all(around.concat())),
        (
            "xl/workbook.xml",
            "<x:workbook xmlns:x='m'><x:sheets><x:sheet name='any' sheetId='7' r:id='rId1'/></x:sheets></x:workbook>".into(),
        ),
        ("xl/sharedStrings.xml", format!("<sst>{texts}</sst>")),
        (
            "xl/styles.xml",
            "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='d&quot; d&quot;'/></numFmts>\
             <cellStyleXfs><xf numFmtId='14'/></cellStyleXfs><cellXfs><xf numFmtId='0'/><xf numFmtId='164'/>\
             <xf numFmtId='16'/><xf numFmtId='2'/></cellXfs></styleSheet>"
                .into(),
        ),
        ("xl/vbaProject.bin", "a macro that nobody opens".into()),
        // Parts have names without a case.
        ("xl/worksheets/sheet1.xml", format!("<worksheet><sheetData>{sheet}</sheetData></worksheet>")),
    ]
}

fn rows(file: &[u8]) -> Result<Vec<Row>, Problem> {
    read(file, "grades", 4, 10_000)
}

fn texts(file: &[u8]) -> Vec<(u64, Vec<String>)> {
    let cells =
        |row: Vec<Cell>| row.into_iter().map(|cell| cell.wrong.map_or(cell.text, |it| format!("!{it}")));
    rows(file).expect("a sheet").into_iter().map(|(number, row)| (number, cells(row).collect())).collect()
}

#[test]
fn cells_are_read_as_spreadsheets_write_them() {
    let shared = "<si><t>one</t></si><si><r><t xml:space='preserve'>t </t></r><r><rPr/><t>wo</t></r><rPh><t>spoken</t></rPh></si>";
    let sheet = "<row r='1'><c r='A1' t='s'><v>0</v></c><c r='C1' t='s'><v>1</v></c></row>\
                 <row><c><v>5</v></c><c s='3'><v>5.0</v></c><c><v>4.5</v></c><c s='1'/><c t='inlineStr'><is><t>=1+1&#10;a_x000D_</t></is></c></row>\
                 <row r='5'><c r='B5'><f>A1</f><v>3</v></c><c r='D5' t='str'><f>x</f><v>4</v></c></row>";
    let found = texts(&workbook(sheet, shared));
    let text = |cells: &[&str]| cells.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        found,
        [
            (1, text(&["one", "", "t wo"])),
            (2, text(&["5", "5", "4.5", "", "=1+1\na\r"])),
            (5, text(&["", "3", "", "4"]))
        ]
    );
}

#[test]
fn what_is_no_text_and_no_number_says_so() {
    for (cell, reason) in [
        ("<c s='1'><v>45000</v></c>", "a date"),
        ("<c s='2'><v>45000</v></c>", "a date"),
        ("<c t='d'><v>2026-05-03</v></c>", "a date"),
        ("<c t='b'><v>1</v></c>", "true or false"),
        ("<c t='e'><v>#DIV/0!</v></c>", "an error"),
        ("<c><f>NOW()</f></c>", "a formula"),
        ("<c><f>NOW()</f><v/></c>", "a formula"),
        ("<c t='str'><f>A1</f><v/></c>", ""),
        ("<c><v>NaN</v></c>", "its number"),
        ("<c t='zz'><v>1</v></c>", "of a kind"),
    ] {
        let found = texts(&workbook(&format!("<row><c t='str'><v>x</v></c>{cell}</row>"), ""));
        assert_eq!(found.len(), 1, "{cell}");
        let told = found[0].1.get(1).map_or("", String::as_str);
        assert!(told.contains(reason) && told.is_empty() == reason.is_empty(), "{cell}: {told}");
    }
}

#[test]
fn what_no_spreadsheet_writes_is_refused() {
    let cell = |at: &str, value: &str| format!("<c r='{at}' t='str'><v>{value}</v></c>");
    let row = |number: u32, cells: String| format!("<row r='{number}'>{cells}</row>");
    let good = workbook(&row(1, cell("A1", "x")), "");
    assert_eq!(texts(&good), [(1, vec!["x".to_owned()])]);
    let (long, wide) = ("x".repeat(32_768), "𠀀".repeat(16_384));
    for (sheet, reason) in [
        (row(2, cell("A2", "x")) + &row(1, cell("A1", "x")), "out of order"),
        (row(1, cell("A1", "x")) + &row(1, cell("A1", "x")), "out of order"),
        (row(1, cell("B1", "x") + &cell("A1", "x")), "out of order"),
        (row(1, cell("A1", "x") + &cell("A1", "x")), "out of order"),
        (row(1, cell("A2", "x")), "out of order"),
        (row(1, cell("1A", "x")), "out of order"),
        (row(1, cell("ZZZZZZZZZZZZZZZZZ1", "x")), "out of order"),
        (row(0, cell("A0", "x")), "out of order"),
        ("<row r='18446744073709551616'/>".into(), "out of order"),
        ("<row r='18446744073709551615'/>".into(), "behind the last"),
        ("<row r='18446744073709551615'></row><row><c><v>1</v></c></row>".into(), "behind the last"),
        (row(1_048_577, cell("A1048577", "x")), "behind the last"),
        ("<row r='1048577'/>".into(), "behind the last"),
        (row(1_048_576, String::new()) + "<row><c><v>1</v></c></row>", "behind the last"),
        (row(1_048_576, cell("A1048576", "x")) + "<row/>", "behind the last"),
        (row(1, cell("XFD1", "x")), "XFD1: no column"),
        (row(1, "<c t='s'><v>0</v></c>".into()), "A1: its text is not in the file"),
        ((1..6).map(|it| row(it, cell(&format!("A{it}"), "x"))).collect(), "A5: there are too many rows"),
        ("<row><c>".into(), "ends before its last cell"),
        ("<row><c></row>".into(), "ends before its last cell"),
        ("<row><c>&x;</c></row>".into(), "no XML"),
        ("<row><c t=s/></row>".into(), "no XML"),
    ] {
        let found = rows(&workbook(&sheet, "")).expect_err(reason);
        let told = match found {
            Problem::File(reason) => reason.to_owned(),
            Problem::Cell(name, reason) => format!("{name}: {reason}"),
        };
        assert!(told.contains(reason), "{sheet}: {told}");
    }
    let last = row(1_048_576, cell("A1048576", "x"));
    assert_eq!(texts(&workbook(&last, "")), [(1_048_576, vec!["x".to_owned()])]);
    for (text, bytes) in [(&long, 100_000), (&wide, 100_000)] {
        let file = workbook(&row(1, cell("A1", text)), "");
        let found = read(&file, "grades", 4, bytes);
        assert_eq!(found, Err(Problem::Cell("A1".into(), "it has more characters than a spreadsheet takes")));
        assert!(
            matches!(read(&file, "grades", 4, 9_000), Err(Problem::File(it)) if it.contains("unpacks to more"))
        );
    }
    // One text that many cells share.
    let (shared, cells) =
        (format!("<si><t>{}</t></si>", "x".repeat(3_000)), "<c t='s'><v>0</v></c>".repeat(4));
    let found = rows(&workbook(&format!("<row>{cells}</row>"), &shared));
    assert_eq!(found, Err(Problem::File("its cells hold too much")));
    let doctype = workbook("<!DOCTYPE a [<!ENTITY b 'c'>]>", "");
    assert!(matches!(rows(&doctype), Err(Problem::File(it)) if it.contains("document type")));
}

#[test]
fn an_archive_that_says_what_is_not_so_is_refused() {
    let good = workbook("<row><c t='str'><v>x</v></c></row>", "");
    // Every file that is cut off is refused, and every one with a byte changed is so, or read as it was.
    for length in 0..good.len() {
        assert!(rows(&good[..length]).is_err(), "{length}");
    }
    let whole = rows(&good);
    for (at, bits) in (0..good.len()).flat_map(|at| [1, 0x20, 0xff].map(|bits| (at, bits))) {
        let mut file = good.clone();
        file[at] ^= bits;
        let found = rows(&file);
        assert!(found.is_err() || found == whole, "{at} {bits}: {found:?}");
    }
    let directory = good.windows(4).position(|it| it == b"PK\x01\x02").expect("a directory");
    let changed = |at: usize, to: &[u8]| {
        let mut file = good.clone();
        file[at..at + to.len()].copy_from_slice(to);
        rows(&file)
    };
    // A part that unpacks to more than it says, and one that says more than it unpacks to.
    for says in [1_u32, 9_999, u32::MAX] {
        assert!(changed(directory + 24, &says.to_le_bytes()).is_err(), "{says}");
    }
    assert!(matches!(changed(directory + 8, &[1]), Err(Problem::File(it)) if it.contains("password")));
    assert!(matches!(changed(directory + 10, &[12]), Err(Problem::File(it)) if it.contains("packed")));
    assert!(changed(directory + 16, &[0; 4]).is_err() && changed(directory + 42, &[0xff; 4]).is_err());
    let end = good.len() - 22;
    assert!(changed(end + 10, &[0xff; 2]).is_err() && changed(end + 16, &[0xff; 4]).is_err());
    assert!(rows(b"PK\x03\x04").is_err() && rows(b"").is_err() && is_zip(&good));
    let twice = pack(&[("a", String::new()), ("A", String::new())]).expect("a file");
    assert!(matches!(rows(&twice), Err(Problem::File(it)) if it.contains("one name")));
}

#[test]
fn a_bomb_is_unpacked_no_further_than_its_bound() {
    // 200 MB of blanks in 200 KB.
    let bomb = workbook(&" ".repeat(200_000_000), "");
    assert!(bomb.len() < 300_000, "{}", bomb.len());
    assert!(matches!(rows(&bomb), Err(Problem::File(it)) if it.contains("unpacks to more")));
    // The same behind a length that hides it.
    let mut hidden = bomb;
    let long = 200_000_000_u32 + "<worksheet><sheetData></sheetData></worksheet>".len() as u32;
    let places: Vec<usize> =
        (0..hidden.len() - 3).filter(|at| hidden[*at..at + 4] == long.to_le_bytes()).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        hidden[at..at + 4].copy_from_slice(&9_u32.to_le_bytes());
    }
    assert!(matches!(rows(&hidden), Err(Problem::File(it)) if it.contains("damaged")));
}

#[test]
fn depth_is_counted_and_costs_no_stack() {
    let deep =
        |open: usize, closed: usize| "<rPh>".repeat(open) + "not <t>spoken</t>" + &"</rPh>".repeat(closed);
    let many = 1_000_000;
    for (closed, is_read) in [(many, true), (many - 1, false)] {
        let shared = format!("<si><t>one</t>{}<t> two</t></si>", deep(many, closed));
        let inline =
            format!("<row><c t='inlineStr'><is><t>one</t>{}<t> two</t></is></c></row>", deep(many, closed));
        let files = [workbook("<row><c t='s'><v>0</v></c></row>", &shared), workbook(&inline, "")];
        for file in files {
            let found = read(&file, "grades", 4, 64_000_000);
            let text = Cell { text: "one two".into(), wrong: None };
            assert_eq!(found.ok(), is_read.then(|| vec![(1, vec![text])]));
        }
    }
}

#[test]
fn what_parts_point_to_and_small_parts_have_bounds() {
    let with = |part: usize, change: &dyn Fn(&str) -> String| {
        let mut parts = parts("<row><c t='str'><v>x</v></c></row>", "");
        parts[part].1 = change(&parts[part].1);
        read(&pack(&parts).expect("a file"), "grades", 4, 64_000_000)
    };
    for (part, own) in [(0, 1), (1, 3)] {
        let more = |count: usize| {
            with(part, &|text| {
                text.replace("</Relationships>", &("<Relationship/>".repeat(count) + "</Relationships>"))
            })
        };
        assert!(more(WORKBOOK_RELATIONS_MAX - own).is_ok(), "{part}");
        let found = more(WORKBOOK_RELATIONS_MAX - own + 1);
        assert_eq!(found, Err(Problem::File("a part of it points to too many others")), "{part}");
    }
    let most = usize::try_from(WORKBOOK_SMALL_PART_BYTES_MAX).expect("small");
    for part in 0..3 {
        let long = |length: usize| with(part, &|text| format!("{text}{}", " ".repeat(length - text.len())));
        assert!(long(most).is_ok(), "{part}");
        assert!(matches!(long(most + 1), Err(Problem::File(it)) if it.contains("unpacks to more")), "{part}");
    }
}

#[test]
fn what_is_written_is_read_again_and_has_no_formula() {
    let column = |head: &str, choices: &[&str], is_open| Column {
        head: head.to_owned(),
        width: 9,
        choices: choices.iter().map(|it| (*it).to_owned()).collect(),
        is_open,
    };
    let columns =
        [column("a & b 中", &[], false), column("grade", &["1", "0"], true), column("c", &[], true)];
    let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
    let kept = [row(["=1+1", "", ""]), row(["<x> _x0041_ \"y\"\n 𠀀", "", "'-"])];
    let sheet = Sheet { name: "grades", columns: &columns, rows: &kept };
    let file = write(&sheet).expect("a file");
    assert_eq!(write(&sheet), Ok(file.clone()), "the same bytes");
    let found = texts(&file);
    assert_eq!(found[0].1, ["a & b 中", "grade", "c"]);
    assert_eq!((found[1].1.as_slice(), &found[2].1), (&["=1+1".to_owned()][..], &kept[1]));
    let long = [row(["", "", ""]), row(["", "", &"x".repeat(32_768)])];
    assert_eq!(write(&Sheet { rows: &long, ..sheet }), Err(3));
    assert_eq!(
        [name(0, 0), name(9, 25), name(0, 26), name(1, 701), name(0, 702)],
        ["A1", "Z10", "AA1", "ZZ2", "AAA1"]
    );
}

proptest! {
    /// Behind a true checksum: what a program wrote that nobody knows, or somebody who means harm.
    #[test]
    fn changed_markup_is_read_or_refused(changes in proptest::collection::vec((0_usize..400, 0_usize..9), 1..5)) {
        let pieces = ["<", "</c>", "<row>", "r='C9'", "&#1;", "\"", "<v>9</v>", "t='s'", "_x0041_"];
        let mut sheet = "<row r='1'><c r='A1' t='s'><v>0</v></c><c t='inlineStr'><is><r><t>a</t></r></is></c></row>\
                         <row><c s='1'><f>A1</f><v>5</v></c><c r='D2'><v>1.5e3</v></c></row>".to_owned();
        let mut shared = "<si><t>one</t><rPh><t>x</t></rPh></si>".to_owned();
        for (at, piece) in changes {
            let text = if at % 5 == 0 { &mut shared } else { &mut sheet };
            let at = at % (text.len() + 1);
            if text.is_char_boundary(at) {
                text.insert_str(at, pieces[piece]);
            }
        }
        for (_, cells) in rows(&workbook(&sheet, &shared)).unwrap_or_default() {
            prop_assert!(cells.iter().any(|cell| *cell != Cell::default()));
        }
    }
}
