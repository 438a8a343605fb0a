//! What a screen depends on beside what it shows: the terminal, and how the command was called.

use std::io::{self, IsTerminal as _};

use terminal_size::{Width, terminal_size_of};
use url::Url;

use super::{Common, Selection};
use crate::report::screen::{Look, Typed};

/// How stdout looks: a terminal with its width and colours, or plain lines of eighty columns.
pub(super) fn look() -> Look {
    let stdout = io::stdout();
    let is_dumb = std::env::var_os("TERM").is_some_and(|kind| kind == "dumb");
    if !stdout.is_terminal() || is_dumb {
        return Look::PLAIN;
    }
    let columns = terminal_size_of(&stdout).map_or(Look::PLAIN.width, |(Width(columns), _)| usize::from(columns));
    Look::of_terminal(columns, true, colour(&stdout))
}

/// Colours on a terminal, unless `NO_COLOR` says otherwise.
pub(super) fn colour(stream: &impl io::IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The options that name the same config, schedules and database again, and the rules.
pub(super) fn typed(common: &Common, selection: &Selection) -> Typed {
    let config = common.config.iter().map(|file| option("--config", &file.display().to_string()));
    let schedules = common.schedules.iter().map(|file| option("--schedule", &file.display().to_string()));
    let database = common.database.iter().map(|url| match bears_no_secret(url) {
        true => option("--database", url),
        false => " --database URL".to_owned(),
    });
    let options = config.chain(schedules).chain(database).collect();
    let rules = selection.rules.iter().map(|rule| format!(" {}", quoted(rule))).collect();
    Typed { options, rules, to_approve: to_approve(common) }
}

/// What `tenure approve` cannot find out by itself: where the config is, and a database whose URL is not written down.
fn to_approve(common: &Common) -> String {
    let config = common.config.iter().map(|file| option("--config", &file.display().to_string()));
    let secret = common.database.iter().filter(|url| !bears_no_secret(url)).map(|_| " --database URL".to_owned());
    config.chain(secret).collect()
}

fn option(name: &str, value: &str) -> String {
    format!(" {name} {}", quoted(value))
}

/// Without a password, nor parameters that may hold one.
pub(super) fn bears_no_secret(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| url.password().is_none() && url.query().is_none())
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_as_a_shell_wants_them() {
        assert_eq!(
            ["logs.toml", "my logs.toml", "it's", ""].map(quoted),
            ["logs.toml", "'my logs.toml'", "'it'\\''s'", "''"]
        );
    }

    #[test]
    fn a_url_with_a_password_is_not_shown() {
        let shown = ["sqlite://campus.db", "sqlite:///var/campus.db", "postgres://tenure@db/campus"];
        let hidden = ["postgres://tenure:secret@db/campus", "postgres://db/campus?password=secret", "no url"];
        assert!(shown.into_iter().all(bears_no_secret));
        assert!(!hidden.into_iter().any(bears_no_secret));
    }
}
