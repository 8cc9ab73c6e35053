//! A grader's sheet as one page that works from a file, without a network: `form/form.html`, its style and
//! its script, with the sheet as data in it. Called by `coordinator review new`; what it saves, `import`
//! reads.
//!
//! Invariants: nothing in it says whose answer it is; the page may load nothing from anywhere, and runs no
//! script but its own, which carries the seal as its nonce: a model's answer was made before that was known.

use serde::Serialize;

use super::control::Control;
use super::dimension::{CHECKLIST, Dimension};
use super::grade::VERSION;
use super::key::{Key, KeyGrader};

const PAGE: &str = include_str!("form/form.html");
const STYLE: &str = include_str!("form/form.css");
const SCRIPT: &str = include_str!("form/form.js");

#[derive(Serialize)]
struct Form<'a> {
    review: u32,
    seal: &'a str,
    grader: &'a str,
    scales: Vec<Scale>,
    checklist: Vec<[&'static str; 3]>,
    places: Vec<Shown<'a>>,
}

#[derive(Serialize)]
struct Scale {
    key: &'static str,
    name: [&'static str; 2],
    asks: [&'static str; 2],
    by: [&'static str; 2],
    needed: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    question: &'a str,
    answers: [&'a str; 2],
}

/// The page.
#[must_use]
pub fn form(key: &Key, grader: &KeyGrader, seal: &str) -> String {
    let scale = |one: Dimension| Scale {
        key: one.key(),
        name: one.name(),
        asks: one.asks(),
        by: one.graded_by(),
        needed: Control::Scale(one).is_needed(),
    };
    let shown = grader.places.iter().map(|place| {
        let item = &key.items[place.item];
        Shown {
            question: &item.question,
            answers: [place.a, 1 - place.a].map(|model| item.answers[model].as_str()),
        }
    });
    let form = Form {
        review: VERSION,
        seal,
        grader: &grader.name,
        scales: Dimension::GRADED.map(scale).into(),
        checklist: CHECKLIST.iter().map(|check| [check.key, check.en, check.zh]).collect(),
        places: shown.collect(),
    };
    // Strings and small numbers can always be written.
    let data = serde_json::to_string(&form).unwrap_or_default();
    // Nothing in it can end the element that it stands in.
    let data = data.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let pieces = [("{{seal}}", seal), ("{{style}}", STYLE), ("{{script}}", SCRIPT)];
    let page = pieces.iter().fold(PAGE.to_owned(), |page, (mark, piece)| page.replace(mark, piece));
    // Last of all, for a question may hold such a mark.
    page.replacen("{{data}}", &data, 1)
}
