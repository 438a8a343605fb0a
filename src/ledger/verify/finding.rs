//! What a walk over the ledger is held against, and what it finds.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use crate::base::signing::PublicKey;

/// What somebody outside knows of the ledger.
#[derive(Debug, Clone, Copy, Default)]
pub struct Expected<'a> {
    pub witnesses: &'a [Witness],
    /// Where there are any, one of them, or one that such a key vouches for, must have signed every entry.
    pub keys: &'a [PublicKey],
    /// The entry with which signing began, where that is not the first.
    pub signed_from: Option<i64>,
}

/// What was done to the ledger, as far as it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Changed,
    Missing,
    Inserted,
    Reordered,
    /// The end of the chain is gone.
    Truncated,
    /// The ledger is that of another database.
    Foreign,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Changed => "changed",
            Kind::Missing => "missing",
            Kind::Inserted => "inserted",
            Kind::Reordered => "reordered",
            Kind::Truncated => "truncated",
            Kind::Foreign => "foreign",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Kind::Changed | Kind::Reordered => {
                "find out who can write to the control tables, and compare them with a backup and with the reports that were \
                 mailed"
            }
            Kind::Missing | Kind::Truncated => {
                "find out who can delete from the control tables, and restore them from a backup that still has it"
            }
            Kind::Inserted => {
                "find out who can write to the control tables; what was put in tells of nothing that happened"
            }
            Kind::Foreign => {
                "if the database was moved or restored here, say so with `tenure ledger moved --reason TEXT`; else find out who \
                 exchanged its control tables, and put each ledger back"
            }
        }
    }
}

/// The first thing that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Break {
    pub kind: Kind,
    /// Number of the entry where it shows.
    pub entry: Option<i64>,
    pub run: Option<String>,
    /// One sentence, without a value of a row.
    pub sentence: String,
    pub remedy: &'static str,
}

impl Break {
    pub(crate) fn new(kind: Kind, sentence: impl Into<String>) -> Self {
        Self { kind, entry: None, run: None, sentence: sentence.into(), remedy: kind.remedy() }
    }

    pub(crate) fn at_entry(self, number: i64) -> Self {
        Self { entry: Some(number), ..self }
    }

    pub(crate) fn of_run(self, run: &str) -> Self {
        Self { run: Some(run.to_owned()), ..self }
    }
}

/// `changed: entry 3 …; remedy`
impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.kind.as_str(), self.sentence, self.remedy)
    }
}

/// A head that somebody kept outside the database: of a report that was mailed, or typed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// `None` where only the head itself was kept.
    pub entry: Option<i64>,
    /// Lower-case hexadecimal, without prefix.
    pub hash: String,
}

/// What a walk found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// Entries that fit, up to the break where there is one.
    pub entries: u64,
    /// Closed runs that agree with their entries.
    pub runs: u64,
    /// Batches of those runs.
    pub batches: u64,
    /// Runs that are under way, or died and wait for the next run to close them: the chain does not cover them yet.
    pub open: Vec<String>,
    /// When the first and the last entry were written.
    pub first: Option<Timestamp>,
    pub last: Option<Timestamp>,
    /// `sha256:` and hex: the head after the last entry that fits.
    pub head: Option<String>,
    /// The first entry that is signed; `None` where none is. Every entry after it is signed as well, or there is a break.
    pub signed_since: Option<i64>,
    /// When that entry was written.
    pub signed_since_time: Option<Timestamp>,
    /// The ledger's own name, 32 hexadecimal digits; `None` where no entry binds it to its database.
    pub ledger: Option<String>,
    /// Changes of keys that the key before did not vouch for.
    pub doubts: Vec<String>,
    #[serde(rename = "break")]
    pub broken: Option<Break>,
}
