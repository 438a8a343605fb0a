//! `tenure subject`: what is asked about one person. Whoever may run these commands may read the whole table of people
//! anyway; what they print names nobody.

mod certificate;
mod counter;
mod erase;
mod export;
mod reapply;
mod standing;
mod status;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::{Common, Outcome, parse_instant};

pub(super) use counter::must_name_somebody;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write a request for somebody's erasure down and, unless it is unverified, erase them now
    Erase(Erase),
    /// Say that it was the person who asked: the next run erases them
    Verify {
        /// The request's number
        request: i64,
        /// Who looked [default: the user]
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Settle a request without an erasure
    Refuse {
        /// The request's number
        request: i64,
        /// Why; the ledger shows it
        #[arg(long)]
        reason: String,
        /// By whom [default: the user]
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// How a person stands or, without a key, which requests wait and whose days are running out
    Status {
        /// The person's key
        key: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// What was erased of a person, what stays and why
    Certificate {
        /// The person's key
        key: String,
        #[arg(long, value_enum, default_value_t = Format::Text)]
        format: Format,
        /// Write it to a file
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Write everything that the map names as a person's into a file that only you may read
    Export {
        /// The person's key
        key: String,
        /// Where; a file that is there is not touched
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Why; the ledger shows it
        #[arg(long)]
        reason: String,
        /// For whom [default: the user]
        #[arg(long, value_name = "WHO")]
        by: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// After a restore: erase again whoever was erased and is back
    Reapply(Reapply),
}

#[derive(Debug, Args)]
pub(super) struct Erase {
    /// The person's key, as the table of people holds it
    key: String,
    /// Why; reports and the ledger show it, so name the letter and not the person
    #[arg(long)]
    reason: String,
    /// When the person asked [default: now]
    #[arg(long, value_name = "INSTANT", value_parser = parse_instant)]
    requested_at: Option<Timestamp>,
    /// Who received it [default: the user]
    #[arg(long, value_name = "WHO")]
    by: Option<String>,
    /// Nobody knows yet that it was the person who asked: it waits until `verify`
    #[arg(long, conflicts_with_all = ["dry_run", "yes"])]
    unverified: bool,
    /// One category of the map only, for example when consent to it was withdrawn
    #[arg(long, value_name = "CATEGORY")]
    only: Option<String>,
    /// Show what would be done; write nothing down
    #[arg(long)]
    dry_run: bool,
    /// Pass the guards; recorded with who said so
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Args)]
pub(super) struct Reapply {
    /// A register of erasures that was kept elsewhere; may be repeated [default: that of the state directory]
    #[arg(long = "register", value_name = "FILE")]
    registers: Vec<PathBuf>,
    /// What was restored: the database with the ledger in it, so that of an erasure that it holds as done nothing can be back, or
    /// tables without it, so that anybody may be [default: the database, and it is asked about whom tables could have brought back]
    #[arg(long, value_name = "WHAT", value_enum)]
    restored: Option<Restored>,
    /// Show who would be erased again; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Pass the guards, also where the schedule names no column by which somebody new is told from somebody who is back
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Restored {
    Database,
    Tables,
}

#[derive(Debug, Args)]
pub(super) struct Place {
    /// The policy whose map is meant [default: the only one with a map]
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Html,
    Json,
}

pub(super) fn subject(common: &Common, command: &Command) -> Outcome {
    match command {
        Command::Erase(wanted) => erase::erase(common, wanted),
        Command::Verify { request, by, place } => erase::verify(common, place, *request, by.as_deref()),
        Command::Refuse { request, reason, by, place } => erase::refuse(common, place, *request, reason, by.as_deref()),
        Command::Status { key, place } => status::status(common, place, key.as_deref()),
        Command::Certificate { key, format, output, place } => {
            certificate::certificate(common, place, key, *format, output.as_deref())
        }
        Command::Export { key, output, reason, by, place } => {
            export::export(common, place, key, output, reason, by.as_deref())
        }
        Command::Reapply(wanted) => reapply::reapply(common, wanted),
    }
}
