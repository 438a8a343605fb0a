//! The command line: one file a command. Results go to stdout, logs and progress to stderr.

mod asked;
mod check;
mod clock;
mod daemon;
mod demo;
mod difference;
mod generate;
mod hold;
mod journal;
mod keys;
mod ledger;
mod log;
mod mail;
mod migrate;
mod next;
mod pause;
mod report;
mod run;
mod screen;
mod status;
mod subject;
mod verify;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use serde::Serialize;
use tracing::Level;

use crate::app::setup::{Sources, Unready};
use crate::base::time::parse_as_of;
use crate::base::visible::visible_lines;
use crate::diagnostic::mistake;
use crate::diagnostic::mistake::Mistake;
use crate::report::json::escape_unseen;
use crate::run::Refusal;

/// Keeps published retention promises: deletes, aggregates and redacts what a schedule says is due, and proves it.
#[derive(Debug, Parser)]
#[command(name = "tenure", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// The config [default: $TENURE_CONFIG, ./tenure.toml, /etc/tenure/tenure.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A retention schedule, instead of the config's; may be repeated
    #[arg(long = "schedule", global = true, value_name = "FILE")]
    schedules: Vec<PathBuf>,
    /// A database, instead of the config's only one or `main`
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// The instant from which cutoffs are counted: RFC 3339 or a date (in the future for dry runs only)
    #[arg(long, global = true, value_name = "INSTANT", value_parser = parse_instant)]
    as_of: Option<Timestamp>,
    /// One JSON document on stdout and nothing else
    #[arg(long, global = true)]
    json: bool,
    /// How to log [default: into the journal where stderr is the journal, else plain]
    #[arg(long, global = true, value_enum, value_name = "FORMAT")]
    log_format: Option<log::Format>,
    /// Log errors only, show no progress
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Log more; twice for every batch
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

fn parse_instant(text: &str) -> Result<Timestamp, String> {
    parse_as_of(text).map_err(|error| error.to_string())
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a sample learning platform in SQLite, and plan, run and report on it
    Demo {
        /// Where to make it
        #[arg(long, default_value = "./tenure-demo", value_name = "DIR")]
        dir: PathBuf,
        /// Rows of the sample, 10,000 to 10,000,000
        #[arg(long, default_value_t = 100_000)]
        rows: u64,
    },
    /// Hold config and schedules against themselves and against the live databases
    Check {
        /// Do not connect to any database
        #[arg(long)]
        offline: bool,
    },
    /// The dry run: read-only, with exact counts (the same as `run --dry-run`)
    Plan {
        #[command(flatten)]
        selection: Selection,
        /// Read the rules from standard input: one line of names, empty for all
        #[arg(long, conflicts_with = "rules")]
        rules_from_stdin: bool,
    },
    /// Plan, then do it, then report
    Run {
        #[command(flatten)]
        selection: Selection,
        /// Stop after the plan; change nothing
        #[arg(long)]
        dry_run: bool,
        /// Pass the guards; recorded with who said so
        #[arg(long)]
        yes: bool,
    },
    /// Let a run that a guard stopped go ahead, exactly as planned
    Approve {
        /// The run's id, or its beginning
        run: String,
        /// Print the whole report, and not one screen of it
        #[arg(long)]
        all: bool,
    },
    /// Run what is due, for ever
    Daemon,
    /// How each rule stands now; exit code 1 where not all is well
    Status {
        /// Tell everything of every rule
        #[arg(long)]
        all: bool,
    },
    /// What will run when, by the cron expressions
    Next {
        /// So many days ahead
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u16).range(1..=366))]
        days: u16,
        /// Print a calendar file (iCalendar)
        #[arg(long, conflicts_with = "json")]
        ics: bool,
    },
    /// What changed from one run or dry run to another
    Diff {
        /// The older run's id, or its beginning
        from: String,
        /// The newer run's id, or its beginning
        to: String,
    },
    /// List past runs and dry runs, newest first
    Runs {
        /// How many
        #[arg(long, default_value_t = 20)]
        limit: u64,
    },
    /// Show the report of a run or dry run
    Report {
        /// The run's id, or its beginning
        run: String,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// Write it to a file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Keep rows that a rule would take, and let them go again
    Hold {
        #[command(subcommand)]
        command: hold::Command,
    },
    /// Let rules wait: from the moment this ends, nothing of them goes
    Pause(pause::Pause),
    /// Let rules that wait run again
    Resume(pause::Resume),
    /// One person's data: erase, certify, hand out
    Subject {
        #[command(subcommand)]
        command: subject::Command,
    },
    /// Test the mail, and look after the outbox
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
    /// Vouch for the clocks after one of them was wrong
    Clock {
        #[command(subcommand)]
        command: ClockCommand,
    },
    /// Make or upgrade the control tables
    Migrate,
    /// Vouch for the ledger after its database was moved or restored
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// The keys that sign the ledger
    Keys {
        #[command(subcommand)]
        command: keys::Command,
    },
    /// Walk the ledger and name its first break (-v: list its entries)
    Verify(verify::Asked),
    /// Write man pages and shell completions into a folder
    #[command(hide = true)]
    Generate { dir: PathBuf },
}

#[derive(Debug, Subcommand)]
enum ClockCommand {
    /// The clocks are right as they are, whatever the ledger's newest entry says
    Accept {
        /// What had happened; the ledger keeps it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    /// The ledger belongs where it is now, and as it is: its database was moved here, or restored from a backup
    Moved {
        /// The database, where the config has several
        #[arg(value_name = "DATABASE")]
        name: Option<String>,
        /// What had happened; the ledger keeps it
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
enum MailCommand {
    /// Send a test mail, and say how far it came
    Test {
        /// To this address [default: everybody in the config]
        #[arg(long, value_name = "ADDRESS")]
        to: Option<lettre::Address>,
    },
    /// List the mails that wait or were refused
    Queue,
    /// Send what waits or was refused, now
    Retry {
        /// Mails or runs, or the beginnings of their ids [default: all]
        ids: Vec<String>,
    },
    /// Let go of mails that need not be sent any more
    Drop {
        /// Mails or runs, or the beginnings of their ids
        #[arg(required = true)]
        ids: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct Selection {
    /// Rules to run [default: all]
    rules: Vec<String>,
    /// Show the statements, in the whole report
    #[arg(long)]
    sql: bool,
    /// Print the whole report, and not one screen of it
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Html,
    Json,
    Csv,
}

/// How a command ended, beside what it printed.
enum Failure {
    /// Bad config, schedule or usage: nothing was started. Exit code 2.
    Mistakes(Vec<Mistake>),
    /// The same in one sentence.
    Usage(String),
    /// The command has said it already.
    Silent(u8),
    /// Anything else that went wrong. Exit code 1.
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Other(error)
    }
}

impl From<Unready> for Failure {
    fn from(unready: Unready) -> Self {
        match unready {
            Unready::Mistakes(mistakes) => Failure::Mistakes(mistakes),
            Unready::Usage(sentence) => Failure::Usage(sentence),
        }
    }
}

impl From<&Common> for Sources {
    fn from(common: &Common) -> Self {
        Self {
            config: common.config.clone(),
            schedules: common.schedules.clone(),
            database: common.database.clone(),
            as_of: common.as_of,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Schedule(mistakes) => Failure::Mistakes(mistakes),
            Refusal::Other(error) => Failure::Other(error),
        }
    }
}

impl From<crate::db::DbError> for Failure {
    fn from(error: crate::db::DbError) -> Self {
        Failure::Other(error.into())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Other(error.into())
    }
}

type Outcome = Result<u8, Failure>;

/// Runs the program with the process's own arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help is asked for, and goes to stdout.
        Err(error) if !error.use_stderr() => error.exit(),
        Err(error) if log::told_in_json(Level::ERROR, "failed", error.to_string().trim_end()) => {
            return ExitCode::from(2);
        }
        Err(error) => error.exit(),
    };
    let json = cli.common.json;
    let more = u8::from(matches!(cli.command, Command::Daemon));
    let code = match log::start(&cli.common, more).and_then(|()| dispatch(cli)) {
        Ok(code) => code,
        Err(failure) => explain(failure, json),
    };
    ExitCode::from(code)
}

fn dispatch(cli: Cli) -> Outcome {
    let common = &cli.common;
    match cli.command {
        Command::Demo { dir, rows } => demo::demo(common, &dir, rows),
        Command::Check { offline } => check::check(common, offline),
        Command::Plan { rules_from_stdin: true, selection } => {
            run::plan(common, &Selection { rules: run::rules_from_stdin()?, ..selection })
        }
        Command::Plan { selection, .. } => run::plan(common, &selection),
        Command::Run { selection, dry_run: true, .. } => run::plan(common, &selection),
        Command::Run { selection, dry_run: false, yes } => run::run(common, &selection, yes),
        Command::Approve { run, all } => run::approve(common, &run, all),
        Command::Daemon => daemon::daemon(common),
        Command::Status { all } => status::status(common, all),
        Command::Next { days, ics } => next::next(common, days, ics),
        Command::Diff { from, to } => difference::diff(common, &from, &to),
        Command::Runs { limit } => report::runs(common, limit),
        Command::Report { run, format, output } => report::report(common, &run, format, output.as_deref()),
        Command::Hold { command } => hold::hold(common, &command),
        Command::Subject { command } => subject::subject(common, &command),
        Command::Pause(wanted) => pause::pause(common, &wanted),
        Command::Resume(wanted) => pause::resume(common, &wanted),
        Command::Mail { command: MailCommand::Test { to } } => mail::test(common, to.as_ref()),
        Command::Mail { command: MailCommand::Queue } => mail::queue(common),
        Command::Mail { command: MailCommand::Retry { ids } } => mail::retry(common, &ids),
        Command::Mail { command: MailCommand::Drop { ids } } => mail::drop(common, &ids),
        Command::Clock { command: ClockCommand::Accept { reason } } => clock::accept(common, &reason),
        Command::Migrate => migrate::migrate(common),
        Command::Keys { command } => keys::keys(common, command),
        Command::Generate { dir } => generate::generate(common, &dir),
        Command::Ledger { command: LedgerCommand::Moved { name, reason } } => {
            ledger::moved(common, name.as_deref(), &reason)
        }
        Command::Verify(asked) => verify::verify(common, &asked),
    }
}

/// Prints a result for people. Nothing in it steers a terminal, whatever a schedule, a catalog or a user has written into a name.
fn say(text: &str) -> io::Result<()> {
    say_as_it_is(&visible_lines(text))
}

/// Prints a result for programs: one JSON document, in which nothing steers a terminal either.
fn say_json(document: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_string_pretty(document)?;
    say_as_it_is(&format!("{}\n", escape_unseen(&text)))
}

/// Prints what was done: one JSON document where that is wanted, else a sentence.
fn answer(common: &Common, document: &serde_json::Value, sentence: &str) -> io::Result<()> {
    if common.json { say_json(document) } else { say(&format!("{sentence}\n")) }
}

/// A command that makes no document refuses to be asked for one.
fn refuse_json(common: &Common, command: &str) -> Result<(), Failure> {
    match common.json {
        true => Err(Failure::Usage(format!("`tenure {command}` makes no JSON document: take --json out"))),
        false => Ok(()),
    }
}

/// Prints a page that was made for a terminal, or for none. A reader that has gone (`tenure runs | head -1`) has read enough; a disk that is full is an error.
fn say_as_it_is(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(io::Error::new(error.kind(), format!("cannot write to stdout: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints a page, or writes it where `--output` says.
fn hand_out(page: &str, output: Option<&Path>) -> Outcome {
    match output {
        Some(path) => fs::write(path, page).with_context(|| format!("cannot write {}", path.display()))?,
        None => say_as_it_is(page)?,
    }
    Ok(0)
}

fn explain(failure: Failure, json: bool) -> u8 {
    let (code, sentence, mistakes) = match failure {
        Failure::Mistakes(mistakes) => (2, None, mistakes),
        Failure::Usage(sentence) => (2, Some(sentence), Vec::new()),
        Failure::Silent(code) => return code,
        Failure::Other(error) => (1, Some(format!("{error:#}")), Vec::new()),
    };
    if json {
        let document =
            serde_json::json!({ "tenure": env!("CARGO_PKG_VERSION"), "error": sentence, "mistakes": mistakes });
        // The failure itself is the one to tell.
        let _ = say_json(&document);
    }
    match &sentence {
        Some(sentence) if !log::told_in_json(Level::ERROR, "failed", sentence) => {
            raw_to_stderr(&format!("error: {}\n", visible_lines(sentence)));
        }
        Some(_) => {}
        None if log::told_in_json(Level::ERROR, "failed", mistake::render(&mistakes, false).trim_end()) => {}
        None => raw_to_stderr(&mistake::render(&mistakes, screen::colour(&io::stderr()))),
    }
    code
}

/// Tells something beside the result: a line of the log where that is JSON, else as it is written.
fn to_stderr(text: std::fmt::Arguments<'_>) {
    let text = text.to_string();
    let text_of = |prefix| text.strip_prefix(prefix);
    let message = text_of("error: ").or(text_of("warning: ")).unwrap_or(&text).trim_end();
    if !log::told_in_json(Level::WARN, "told", message) {
        raw_to_stderr(&visible_lines(&text));
    }
}

/// Where nobody reads it any more, nobody is told; the exit code still is what it is.
fn raw_to_stderr(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}
