//! The help of both programs: every page of every subcommand fits a terminal of 80 columns, and what it shows
//! to be typed stands there as it is typed. Run by `cargo test`.

use clap::Command;
use common::progress::COLUMNS;
use unicode_width::UnicodeWidthStr as _;

/// Both programs, as clap describes them.
pub(crate) fn programs() -> [Command; 2] {
    [coordinator::cli::command(), site_agent::cli::command()].map(|mut program| {
        program.build();
        program
    })
}

/// A program and all of its subcommands that are shown, each with the words before it.
pub(crate) fn pages(program: &Command) -> Vec<(String, Command)> {
    let mut found = vec![(program.get_name().to_owned(), program.clone())];
    for inner in program.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        // Made by clap itself.
        if inner.get_name() == "help" {
            continue;
        }
        found.extend(
            pages(inner).into_iter().map(|(name, page)| (format!("{} {name}", program.get_name()), page)),
        );
    }
    found
}

/// The page as a terminal of 80 columns shows it.
fn rendered(page: &Command) -> String {
    page.clone().term_width(COLUMNS).render_long_help().to_string()
}

/// What its author wrote with line breaks of their own.
pub(crate) fn written(page: &Command) -> String {
    let texts = [page.get_long_about().or_else(|| page.get_about()), page.get_after_long_help()];
    texts.into_iter().flatten().map(|text| format!("{text}\n")).collect()
}

/// Lines that are too wide, and examples that were broken.
fn faults(page: &Command) -> Vec<String> {
    let shown = rendered(page);
    let wide = shown.lines().filter(|line| line.width() > COLUMNS).map(|line| format!("too wide: {line}"));
    // What begins with blanks is an example or a table; prose may be wrapped.
    let text = written(page);
    let fixed = text.lines().filter(|line| line.starts_with("  "));
    let broken = fixed
        .filter(|line| !shown.lines().any(|there| there.trim_end() == line.trim_end()))
        .map(|line| format!("broken: {line}"));
    wide.chain(broken).collect()
}

#[test]
fn every_page_fits_eighty_columns_and_keeps_its_examples() {
    let mut count = 0;
    let mut offenders = Vec::new();
    for (name, page) in programs().iter().flat_map(pages) {
        count += 1;
        offenders.extend(faults(&page).into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(count > 40, "only {count} pages were found");
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn every_page_of_a_verb_says_what_it_is_for() {
    for (name, page) in programs().iter().flat_map(pages) {
        assert!(page.get_about().is_some() || page.get_long_about().is_some(), "{name}");
        for argument in page.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let is_said = argument.get_help().is_some() || argument.get_long_help().is_some();
            assert!(is_said, "{name}: {} is not explained", argument.get_id());
        }
    }
}

#[test]
fn a_wide_line_and_a_broken_example_are_found() {
    let page = |text: &'static str| Command::new("x").long_about(text);
    let long =
        "Example:\n  x --first a --second b --third c --fourth d --fifth e --sixth f --seventh g --eighth h";
    assert_eq!(faults(&page(long)).len(), 1, "{:?}", faults(&page(long)));
    let unbreakable =
        "Example:\n  x --data /srv/01234567890123456789012345678901234567890123456789012345678901234567890";
    assert!(!faults(&page(unbreakable)).is_empty());
    assert!(faults(&page("Prose that is far longer than eighty columns is wrapped by the library, and no fault.\n\nExample:\n  x a")).is_empty());
}
