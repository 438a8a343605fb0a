//! `tenure generate`: man pages and shell completions, made from the command line's own definition. For packagers, and so
//! not in the help.

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};

use super::{Cli, Common, Outcome, refuse_json};

/// Writes `man/tenure*.1` and, under their shells' own names, the completions.
pub(super) fn generate(common: &Common, dir: &Path) -> Outcome {
    refuse_json(common, "generate")?;
    let (man, completions) = (dir.join("man"), dir.join("completions"));
    for folder in [&man, &completions] {
        fs::create_dir_all(folder)?;
    }
    let mut command = Cli::command();
    command.build();
    pages(&command, &man)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut Cli::command(), "tenure", &completions)?;
    }
    Ok(0)
}

/// A page for the command, and one for each below it.
fn pages(command: &Command, dir: &Path) -> std::io::Result<()> {
    clap_mangen::Man::new(command.clone()).generate_to(dir)?;
    let shown = |below: &&Command| !below.is_hide_set() && below.get_name() != "help";
    command.get_subcommands().filter(shown).try_for_each(|below| pages(below, dir))
}
