//! Every command line that a hint, a document, a help page, a sample or a unit names exists, with the options
//! it is named with. Run by `cargo test`. What is in backticks may leave out what is required; an example
//! that stands on a line of its own must parse.

use clap::error::ErrorKind;
use clap::{ArgAction, Command};

use super::nobody;
use super::source::{SourceFile, documents, relative, repository, rust_files};
use crate::help::{pages, programs, written};

/// Documents that tell of the past.
const PAST: [&str; 1] = ["CHANGELOG.md"];
/// What ends a command in a shell's line.
const SHELL: [&str; 8] = ["|", ">", "<", "&", "&&", "||", ";", "#"];

fn program(words: &[String]) -> Option<Command> {
    programs().into_iter().find(|program| words.first().is_some_and(|first| first == program.get_name()))
}

/// A text without the breaks of its lines, and without what comments and literals put at them.
fn joined(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim_start();
        let line =
            ["//! ", "/// ", "// ", "# "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
        whole.push_str(line.strip_suffix('\\').unwrap_or(line).trim_end());
        whole.push(' ');
    }
    whole
}

/// What stands in backticks and begins with one of our programs.
fn spans(text: &str) -> Vec<String> {
    let text = joined(text);
    let mut found = Vec::new();
    for name in ["coordinator", "site-agent"] {
        for (at, begin) in text.match_indices(&format!("`{name} ")) {
            let rest = &text[at + 1..];
            debug_assert!(begin.starts_with('`'));
            if let Some(end) = rest.find('`').filter(|end| *end < 400) {
                found.push(rest[..end].to_owned());
            }
        }
    }
    found
}

/// A line as a shell parts it, up to what is not the command's own.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut begun) = (String::new(), None, false);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), other) => word.push(other),
            (None, '\'' | '"') => (quote, begun) = (Some(character), true),
            (None, ' ' | '\t') => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (None, other) => {
                word.push(other);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    let end = words.iter().position(|word| SHELL.contains(&word.as_str()) || word.starts_with('#'));
    words.truncate(end.unwrap_or(words.len()));
    words
}

/// What is wrong with a command that is named in prose.
fn fault_of_span(span: &str) -> Option<String> {
    let words = words(span);
    let mut command = program(&words)?;
    // An option of the one before, which takes a value.
    let mut takes_value = false;
    for word in &words[1..] {
        if let Some(option) = word.trim_matches(['[', ']']).strip_prefix("--") {
            let name = option.split('=').next().unwrap_or_default();
            let Some(known) = option_of(&command, name) else {
                return Some(format!("`{span}`: {} has no --{name}", command.get_name()));
            };
            takes_value = known && !option.contains('=');
            continue;
        }
        if std::mem::take(&mut takes_value) || word == "..." || word == "-" {
            continue;
        }
        if let Some(short) = word.strip_prefix('-').and_then(|rest| rest.chars().next()) {
            if !command.get_arguments().any(|argument| argument.get_short() == Some(short)) {
                return Some(format!("`{span}`: {} has no -{short}", command.get_name()));
            }
            continue;
        }
        // `list|withdraw` names two.
        let mut inner = None;
        let has_inner = command.get_subcommands().any(|inner| inner.get_name() != "help");
        let takes_words = command.get_positionals().next().is_some();
        for name in word.split('|') {
            let name = name.trim_end_matches([',', '.', ';', ':', ')']);
            inner = command.find_subcommand(name).filter(|inner| !inner.is_hide_set()).cloned();
            if inner.is_none() && has_inner && !takes_words {
                return Some(format!("`{span}`: {} has no subcommand {name}", command.get_name()));
            }
            if inner.is_none() && !takes_words {
                return Some(format!("`{span}`: {} takes no {name}", command.get_name()));
            }
        }
        command = inner.unwrap_or(command);
    }
    None
}

/// Whether a command has an option of this name that is shown or was shown before, and whether that takes a
/// value.
fn option_of(command: &Command, name: &str) -> Option<bool> {
    if ["help", "version"].contains(&name) {
        return Some(false);
    }
    let is_it = |argument: &&clap::Arg| argument.get_long() == Some(name);
    let argument = command.get_arguments().find(is_it)?;
    Some(matches!(argument.get_action(), ArgAction::Set | ArgAction::Append))
}

/// Commands that stand on lines of their own, with their continued lines.
fn examples(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let mut whole = line.trim().trim_start_matches("$ ").to_owned();
        if !["coordinator ", "site-agent "].iter().any(|name| whole.starts_with(name)) {
            continue;
        }
        while let Some(begun) = whole.strip_suffix('\\') {
            whole = format!("{begun} {}", lines.next().unwrap_or_default().trim());
        }
        found.push(whole);
    }
    found
}

/// What is wrong with a command that is meant to be typed.
fn fault_of_example(line: &str) -> Option<String> {
    let words = words(line);
    let program = program(&words)?;
    match program.try_get_matches_from(&words) {
        Ok(_) => fault_of_span(line),
        Err(error) if [ErrorKind::DisplayHelp, ErrorKind::DisplayVersion].contains(&error.kind()) => None,
        Err(error) => Some(format!("{line}: {}", error.to_string().lines().next().unwrap_or_default())),
    }
}

/// The blocks between three backticks.
fn blocks(text: &str) -> String {
    text.split("```").skip(1).step_by(2).map(|block| format!("{block}\n")).collect()
}

/// What a unit starts.
fn started(unit: &str) -> String {
    let lines =
        unit.lines().filter_map(|line| line.split_once("=/").filter(|(key, _)| key.starts_with("Exec")));
    lines.filter_map(|(_, path)| path.split_once("/bin/")).map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn commands_in_documents_exist() {
    let mut faults = Vec::new();
    let mut count = 0;
    for path in documents() {
        let name = relative(&path);
        if PAST.contains(&name.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        // Fences would part the spans of what is between them wrongly.
        let (spans, examples) = (spans(&text.replace("```", "\n\n")), examples(&blocks(&text)));
        count += spans.len() + examples.len();
        let found = spans.iter().filter_map(|span| fault_of_span(span));
        let found = found.chain(examples.iter().filter_map(|line| fault_of_example(line)));
        faults.extend(found.map(|fault| format!("{name}: {fault}")));
    }
    assert!(count > 60, "only {count} commands were found");
    nobody("a command that a document names exists", faults);
}

#[test]
fn commands_in_hints_and_comments_exist() {
    let ours = |file: &SourceFile| !file.name.starts_with("tests/it/tidy");
    let files = rust_files();
    let faults = files.iter().filter(|file| ours(file)).flat_map(|file| {
        let found = spans(&file.text);
        found
            .iter()
            .filter_map(|span| fault_of_span(span))
            .map(|fault| format!("{}: {fault}", file.name))
            .collect::<Vec<_>>()
    });
    nobody("a command that a hint names exists", faults.collect());
}

#[test]
fn commands_in_help_samples_and_units_exist() {
    let mut faults = Vec::new();
    let mut count = 0;
    for (name, page) in programs().iter().flat_map(pages) {
        let text = written(&page);
        let (spans, examples) = (spans(&text), examples(&text));
        count += examples.len();
        let found = spans.iter().filter_map(|span| fault_of_span(span));
        let found = found.chain(examples.iter().filter_map(|line| fault_of_example(line)));
        faults.extend(found.map(|fault| format!("{name} --help: {fault}")));
    }
    assert!(count > 60, "only {count} examples were found");
    for folder in ["deploy/config", "deploy/runs", "deploy/systemd"] {
        for entry in std::fs::read_dir(repository().join(folder)).unwrap().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            let started = started(&text);
            let found = spans(&text).iter().filter_map(|span| fault_of_span(span)).collect::<Vec<_>>();
            let found = found.into_iter().chain(started.lines().filter_map(fault_of_example));
            faults.extend(found.map(|fault| format!("{}: {fault}", relative(&entry.path()))));
        }
    }
    nobody("a command that a help page, a sample or a unit names exists and parses", faults);
}

#[test]
fn a_command_that_does_not_exist_is_found() {
    for good in [
        "coordinator invite SITE",
        "coordinator runs --json",
        "coordinator invitations list|withdraw",
        "coordinator serve --accept-restored",
        "coordinator ...",
        "site-agent ledger accept --key KEY",
        "site-agent data check --places",
        "site-agent run --state DIR | head",
    ] {
        assert_eq!(fault_of_span(good), None);
    }
    for bad in [
        "coordinator invit SITE",
        "coordinator runs --jsn",
        "coordinator invitations list|forget",
        "coordinator serve now",
        "site-agent ledger --key KEY",
        "site-agent gateway",
        "site-agent data check -q",
    ] {
        assert!(fault_of_span(bad).is_some(), "{bad}");
    }
    assert!(fault_of_example("site-agent join --model m").is_some(), "--data is required");
    assert_eq!(fault_of_example("site-agent join --model m --data f > log"), None);
    let text = "see `coordinator\n//! invit x` and `site-agent run`, or\n```sh\nsite-agent prune \\\n  --dry-run # first\n```";
    assert_eq!(spans(&text.replace("//! ", "")), ["coordinator invit x", "site-agent run"]);
    assert_eq!(examples(&blocks(text)).len(), 1);
    assert_eq!(words("a 'b c' --d=\"e f\" # g"), ["a", "b c", "--d=e f"]);
    assert_eq!(
        started("ExecStart=/usr/local/bin/site-agent run\nExecReload=/bin/kill -HUP 1\n"),
        "site-agent run\n"
    );
}
