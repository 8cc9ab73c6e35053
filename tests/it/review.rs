//! A grader's form in a real browser: two hundred questions by keyboard alone, a reload in the middle, a
//! telephone's width, both languages, no way to a network; and what it saves is what is imported. Run by
//! `cargo test`; without a Chromium (`CHROMIUM`, or `/usr/bin/chromium`) it says so and tests nothing.

mod browser;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use evaluation::review::{Given, Key, KeyGrader, KeyItem, Letter, Subject, form, import, instructions, plan};

use self::browser::{Browser, Page};
use crate::support::Folder;

const ITEMS: usize = 200;
/// Places of 200 items with a tenth again.
const PLACES: usize = 220;
/// What is pressed for an answer: two grades, eight lines that hold, no harm, two grades more.
const KEYS: &str = "45yyyyyyyyn33";

fn key() -> Result<(Key, String)> {
    let item = |number: usize| KeyItem {
        name: format!("item-{number}"),
        case: None,
        question: format!(
            "Question {number} 胸口疼了半小时怎么办？ {}",
            "aVeryLongWordWithoutABreak".repeat(6)
        ),
        answers: ["</script><img src=x onerror=alert(1)>", "请立即拨打 120。{{data}}"].map(str::to_owned),
    };
    let key = Key {
        review: 1,
        nonce: "00".repeat(32),
        of: Subject {
            run: "0123456789abcdef".to_owned(),
            suite: "questions".to_owned(),
            records_sha256: "11".repeat(32),
            adapter: "22".repeat(32),
            models: ["base", "round 2"].map(str::to_owned),
        },
        items: (0..ITEMS).map(item).collect(),
        graders: vec![KeyGrader { name: "grader-1".to_owned(), places: plan(ITEMS, 1, [9; 32]).remove(0) }],
    };
    Ok(Key::parse(Path::new("key.json"), &key.to_bytes()?)?)
}

/// The place that is shown, and what the page says of how much is graded.
fn shown(page: &mut Page<'_>) -> Result<(String, String)> {
    let text = page.evaluate(
        "document.getElementById('place').value + '|' + document.getElementById('state').textContent",
    )?;
    let text = text.as_str().context("a text")?;
    text.split_once('|').map(|(place, state)| (place.to_owned(), state.to_owned())).context("both")
}

/// Grades places by keyboard alone: after the last line of a place the focus is on the button to the next.
fn grade(page: &mut Page<'_>, places: usize) -> Result<()> {
    for _ in 0..places {
        page.press(KEYS)?;
        page.press(KEYS)?;
        page.press("\r")?;
    }
    Ok(())
}

#[test]
fn two_hundred_questions_are_graded_by_keyboard_and_survive_a_reload() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    let folder = Folder::new()?;
    let (key, seal) = key()?;
    let path = folder.path().join("grader-1.html");
    std::fs::write(&path, form(&key, &key.graders[0], &seal))?;
    let mut page = browser.open(&path, folder.path())?;
    ensure!(page.evaluate("document.images.length")? == 0, "an answer is text");
    page.focus_first()?;
    grade(&mut page, 100)?;
    let before = shown(&mut page)?;
    ensure!(before.0 == "101" && before.1.starts_with("200 "), "{before:?}");
    page.reload()?;
    ensure!(shown(&mut page)? == before, "a reload loses nothing: {:?}", shown(&mut page)?);
    page.focus_first()?;
    grade(&mut page, PLACES - 100)?;
    // Back by the keyboard, to correct one.
    page.press_with_alt("ArrowLeft")?;
    ensure!(shown(&mut page)?.0 == "219", "{:?}", shown(&mut page)?);
    page.focus_first()?;
    page.press("1")?;
    page.evaluate("document.getElementById('save').focus()")?;
    page.press("\r")?;
    let saved = folder.path().join("grader-1.json");
    browser::until(Duration::from_secs(20), || saved.exists()).context("the file is saved")?;
    let bytes = std::fs::read(&saved)?;
    let Given { grader, grades } = import(&saved, &bytes, &key, &seal)?;
    ensure!(grader == 0 && grades.len() == 2 * PLACES, "{} grades", grades.len());
    for one in &grades {
        let corrected = one.place == 219 && one.answer == Letter::A;
        ensure!(one.accuracy == Some(if corrected { 1 } else { 4 }), "{one:?}");
        ensure!(one.professionalism == Some(5) && one.friendliness == Some(3) && one.utility == Some(3));
        ensure!(one.checklist == [1; 8] && one.harm == Some(0), "{one:?}");
    }
    Ok(())
}

#[test]
fn the_form_fits_a_telephone_in_both_languages_and_reaches_nobody() -> Result<()> {
    let Some(mut browser) = Browser::start()? else { return Ok(()) };
    let folder = Folder::new()?;
    let (key, seal) = key()?;
    let path = folder.path().join("grader-1.html");
    std::fs::write(&path, form(&key, &key.graders[0], &seal))?;
    let mut page = browser.open(&path, folder.path())?;
    page.width(360)?;
    let mut titles = Vec::new();
    for _ in 0..2 {
        let fits = page.evaluate("document.documentElement.scrollWidth <= 360 && innerWidth === 360")?;
        ensure!(fits == true, "{:?}", page.evaluate("document.documentElement.scrollWidth")?);
        let words = page.evaluate(
            "document.documentElement.lang + document.body.innerText + document.getElementById('sealed').textContent",
        )?;
        titles.push(words.as_str().context("words")?.to_owned());
        page.evaluate("document.getElementById('language').click()")?;
    }
    titles.sort_by_key(|words| words.starts_with("zh-CN"));
    ensure!(titles[0].starts_with("en") && titles[0].contains("doctors"), "{}", titles[0]);
    ensure!(titles[1].starts_with("zh-CN") && titles[1].contains("准确性"), "{}", titles[1]);
    ensure!(titles.iter().all(|words| words.contains(&seal)), "the seal stands in it");
    let blocked = "new Promise(done => { document.addEventListener('securitypolicyviolation', \
                   event => done(event.effectiveDirective)); fetch('http://127.0.0.1:9/').catch(() => {}); \
                   setTimeout(() => done('nothing'), 3000); })";
    ensure!(page.evaluate(blocked)? == "connect-src", "the policy of the page stops it");
    ensure!(instructions(&seal).contains("准确性"));
    Ok(())
}
