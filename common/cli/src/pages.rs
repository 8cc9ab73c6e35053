//! Shell completions and manual pages, made from a program's own description of its command line. Used by
//! `completions` and `man` of both programs. Invariant: hidden subcommands are in neither.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;
use common::durable;

/// The completions of a program for a shell.
///
/// # Errors
/// What the writer says.
pub fn completions(command: Command, shell: Shell, out: &mut impl Write) -> io::Result<()> {
    let mut command = shown(command);
    let name = command.get_name().to_owned();
    // The generator panics where it cannot write.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut text);
    out.write_all(&text)
}

/// The manual page of the program itself, which names those of its subcommands.
///
/// # Errors
/// What the writer says.
pub fn manual(command: Command, out: &mut impl Write) -> io::Result<()> {
    clap_mangen::Man::new(shown(command)).render(out)
}

/// Writes the manual pages of the program and of every subcommand into a folder, which is made; the files in
/// the order of their names.
///
/// # Errors
/// The path that cannot be written, with what the operating system says.
pub fn manuals(command: Command, folder: &Path) -> Result<Vec<PathBuf>, (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| (path, source)
    };
    std::fs::create_dir_all(folder).map_err(at(folder))?;
    let mut command = shown(command).disable_help_subcommand(true);
    command.build();
    let mut written = Vec::new();
    write_all(&command, folder, &mut written)?;
    written.sort();
    Ok(written)
}

fn write_all(
    command: &Command,
    folder: &Path,
    written: &mut Vec<PathBuf>,
) -> Result<(), (PathBuf, io::Error)> {
    for inner in command.get_subcommands() {
        write_all(inner, folder, written)?;
    }
    let page = clap_mangen::Man::new(command.clone());
    let path = folder.join(page.get_filename());
    let mut text = Vec::new();
    let written_to = page.render(&mut text).and_then(|()| durable::write(&path, &text, durable::ORDINARY));
    written_to.map_err(|source| (path.clone(), source))?;
    written.push(path);
    Ok(())
}

/// The same without hidden subcommands, which the generators would show.
fn shown(command: Command) -> Command {
    let visible: Vec<Command> =
        command.get_subcommands().filter(|inner| !inner.is_hide_set()).cloned().map(shown).collect();
    // There is no way to take a subcommand away, so the command is made again with those that stay.
    let mut made = Command::new(command.get_name().to_owned())
        .args(command.get_arguments().cloned())
        .groups(command.get_groups().cloned())
        .subcommand_required(command.is_subcommand_required_set())
        .subcommands(visible);
    if let Some(version) = command.get_version() {
        made = made.version(version.to_owned());
    }
    if let Some(text) = command.get_about() {
        made = made.about(text.clone());
    }
    if let Some(text) = command.get_long_about() {
        made = made.long_about(text.clone());
    }
    if let Some(text) = command.get_after_help() {
        made = made.after_help(text.clone());
    }
    if let Some(text) = command.get_after_long_help() {
        made = made.after_long_help(text.clone());
    }
    made
}

#[cfg(test)]
mod tests {
    use clap::Arg;

    use super::*;

    fn program() -> Command {
        Command::new("program")
            .version("1")
            .about("does things")
            .arg(Arg::new("state").long("state"))
            .subcommand(
                Command::new("look")
                    .about("looks")
                    .long_about("Looks.\n\nExample:\n  program look --far")
                    .arg(Arg::new("far").long("far")),
            )
            .subcommand(Command::new("probe").hide(true))
    }

    #[test]
    fn completions_know_what_is_shown() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut text = Vec::new();
            completions(program(), shell, &mut text).unwrap();
            let text = String::from_utf8(text).unwrap();
            assert!(text.contains("look") && text.contains("far"), "{shell}: {text}");
            assert!(!text.contains("probe"), "{shell}");
        }
    }

    #[test]
    fn every_shown_subcommand_has_its_page() {
        let folder = tempfile::tempdir().unwrap();
        let pages = manuals(program(), &folder.path().join("man1")).unwrap();
        let names: Vec<_> = pages.iter().filter_map(|page| page.file_name()?.to_str()).collect();
        assert_eq!(names, ["program-look.1", "program.1"]);
        let page = std::fs::read_to_string(&pages[0]).unwrap();
        assert!(page.starts_with(".") && page.contains(".TH") && page.contains("program look"), "{page}");
        let mut one = Vec::new();
        manual(program(), &mut one).unwrap();
        assert!(!String::from_utf8(one).unwrap().contains("probe"));
    }
}
