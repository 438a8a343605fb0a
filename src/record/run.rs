//! What a run leaves behind: the plain record that every report is made of, in the names of the JSON contract.
//!
//! Fields are added, never renamed. Times are UTC; counts are rows; durations are milliseconds. A record holds no value of
//! any row: names, counts, times and digests only.
//!
//! A field that came later is absent where it says nothing, so that an older record reads back, and is written again, as
//! the bytes that it was.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::report::verdict::Standing;
use crate::schedule::ERASURES;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Version of the program that made it.
    pub tenure: String,
    /// The run's id.
    pub run: String,
    pub kind: RunKind,
    pub status: Status,
    /// The one instant from which all cutoffs of the run are counted.
    pub as_of: Timestamp,
    pub started: Timestamp,
    /// `None` while it runs, or where it died and was not closed yet.
    pub finished: Option<Timestamp>,
    /// Who started it: `user@host`.
    pub actor: String,
    pub schedule: ScheduleRecord,
    pub rules: Vec<RuleRecord>,
    /// Holds that were in force, those of the schedule included.
    pub holds: Vec<HoldRecord>,
    /// Sentences for the reader: warnings of the check, runs that this one had to close, who passed a guard.
    pub notes: Vec<String>,
    /// `None` in a dry run, which writes no database.
    pub ledger: Option<LedgerRecord>,
    /// How the people stand whose data is to be erased; `None` where the policy maps nobody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<PeopleRecord>,
    /// How the requests for erasure stand that waited when the run was planned; `None` where none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<RequestsRecord>,
    /// The run before, of the same policy on the same database; `None` where there was none or it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<SinceRecord>,
}

impl RunRecord {
    pub fn is_dry_run(&self) -> bool {
        self.kind == RunKind::DryRun
    }

    /// The worst of the run's own status and those of its rules. A rule whose counts do not add up has failed, whatever
    /// it says of itself.
    pub fn worst_status(&self) -> Status {
        self.rules.iter().map(RuleRecord::settled_status).fold(self.status, Ord::max)
    }

    /// Is it about people of whom it was asked, and about nothing else that the policy says?
    pub fn is_asked_for(&self) -> bool {
        self.people.as_ref().is_some_and(|people| people.asked_for)
    }

    /// How a rule ended, or the erasure of people: the worst of its entries.
    pub fn status_of(&self, rule: &str) -> Option<Status> {
        let is_entry = |name: &str| rule == ERASURES && is_erasure(name);
        let meant = self.rules.iter().filter(|record| record.rule == rule || is_entry(&record.rule));
        meant.map(|record| record.status).max()
    }

    /// The exit code that this run asks for; of several runs, that of the worst [`worst_status`](Self::worst_status).
    pub fn exit_code(&self) -> u8 {
        self.worst_status().exit_code()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunKind {
    DryRun,
    Run,
}

/// Of a run or a rule, from best to worst. A run bears the worst of its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    Ok,
    /// Stopped early; the rest remains for the next run.
    Stopped,
    /// A guard stopped it; approval is needed.
    Guarded,
    Failed,
}

impl Status {
    /// What the process says to its caller: 0 done, 1 failed, 3 guarded, 4 stopped early. (2 and 5 belong to no run.)
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Guarded => 3,
            Self::Stopped => 4,
        }
    }
}

/// As in JSON.
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Stopped => "stopped",
            Self::Guarded => "guarded",
            Self::Failed => "failed",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScheduleRecord {
    pub name: String,
    /// `sha256:` and hex.
    pub digest: String,
    /// IANA name of the policy's time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// What the policy says of the copies that no purge reaches: backups, replicas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub residual: Option<String>,
    /// Every rule of the schedule on this database, chosen or not, with its period as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub periods: BTreeMap<String, String>,
}

/// The last run before this one, as far as this one is to be compared with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SinceRecord {
    pub run: String,
    pub started: Timestamp,
    pub verdict: Standing,
    /// Of the schedule as it was then: `sha256:` and hex.
    pub schedule_digest: String,
    /// Rules that the schedule has now and had not then. Empty, like the two below, where the older record has no list.
    pub added: Vec<String>,
    pub removed: Vec<String>,
    pub periods: Vec<PeriodChange>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeriodChange {
    pub rule: String,
    pub was: String,
    pub now: String,
}

/// What an earlier run did for a rule, and left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrendPoint {
    /// When that run started.
    pub at: Timestamp,
    pub done: u64,
    /// Dependent rows deleted with them, of all tables.
    pub cascaded: u64,
    /// Rows past their period that stayed: held, blocked or remaining.
    pub stayed: u64,
    pub oldest_kept: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleRecord {
    pub rule: String,
    /// Ids of the promises that the rule keeps.
    pub promises: Vec<String>,
    pub database: String,
    pub table: String,
    /// `delete`, `aggregate` or `redact`.
    pub action: String,
    /// As written: `30 days`, or `until expires_at`.
    pub retain: String,
    /// `None` where the period is for ever, or where the rule failed before it was known.
    pub cutoff: Option<Timestamp>,
    pub status: Status,
    /// One sentence with the remedy, never a value of a row.
    pub error: Option<String>,
    /// Rows past their period for which the rule's condition is true.
    pub eligible: u64,
    pub done: u64,
    /// Covered by a hold, or with a dependent row that is.
    pub held: u64,
    /// Kept by a reference that the rule does not cascade over.
    pub blocked: u64,
    /// Changed or removed by somebody else between plan and act.
    pub skipped: u64,
    pub remaining: u64,
    /// Rows whose age is not known: NULL, zero, or a text that is no time.
    pub no_anchor: u64,
    /// Dependent rows deleted with them (in a dry run: that would be), by table.
    pub cascaded: BTreeMap<String, u64>,
    /// References set to NULL (in a dry run: that would be), by `table.column`.
    pub detached: BTreeMap<String, u64>,
    /// Rows written to the target of a roll-up.
    pub rolled_up: u64,
    /// Held rows by the name of the hold.
    pub held_by: BTreeMap<String, u64>,
    /// Which guard stopped it, or would, with the figures.
    pub guard: Option<String>,
    pub batches: u64,
    pub elapsed_ms: u64,
    /// Oldest known anchor among the rows that the rule speaks of and that stay. `None` also where an early end leaves it
    /// unknown.
    pub oldest_kept: Option<Timestamp>,
    /// The cutoff in the policy's time zone, as RFC 9557 writes it: `2026-09-01T04:15:00+02:00[Europe/Oslo]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cutoff_local: Option<String>,
    /// Oldest known anchor among the rows that remain; only where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_due: Option<Timestamp>,
    /// By whose order it waits, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<PauseRecord>,
    /// Who let it pass the guard, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard_passed: Option<String>,
    /// The runs of this rule before this one, oldest first, twelve at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trend: Vec<TrendPoint>,
    /// Statements, where they were asked for with `--sql`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
}

fn is_erasure(rule: &str) -> bool {
    rule.strip_prefix(ERASURES).is_some_and(|rest| rest.starts_with(':'))
}

impl RuleRecord {
    /// Is it an entry of the map of people, and no rule?
    pub fn is_erasure(&self) -> bool {
        is_erasure(&self.rule)
    }

    /// Whether eligible = done + held + blocked + skipped + remaining.
    pub fn balances(&self) -> bool {
        u128::from(self.eligible) == self.accounted()
    }

    /// Rows whose fate is told: done + held + blocked + skipped + remaining. Five counts of 64 bits cannot overflow it.
    pub fn accounted(&self) -> u128 {
        [self.done, self.held, self.blocked, self.skipped, self.remaining].into_iter().map(u128::from).sum()
    }

    /// The rule's status, or `Failed` where its counts do not add up.
    fn settled_status(&self) -> Status {
        if self.balances() { self.status } else { Status::Failed }
    }
}

/// An order to wait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PauseRecord {
    /// Of every rule on the database, and not of this one alone.
    pub all: bool,
    pub since: Timestamp,
    /// `None` until somebody resumes it.
    pub until: Option<Timestamp>,
    pub by: String,
    pub reason: String,
}

/// `paused by legal since 2026-11-22 10:00 UTC until 2026-12-01 00:00 UTC (incident 9)`
impl fmt::Display for PauseRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minute = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M UTC").to_string();
        let until = self.until.map_or_else(|| "it is resumed".to_owned(), minute);
        let which = if self.all { ", as all rules are," } else { "" };
        write!(f, "paused{which} by {} since {} until {until} ({})", self.by, minute(self.since), self.reason)
    }
}

/// The erasure of people: what it does to their rows stands in the records of its entries, whose names begin with `erase:`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeopleRecord {
    /// The table of people.
    pub table: String,
    /// Ids of the promises that the map as a whole keeps.
    pub promises: Vec<String>,
    /// As written: `30 days`, or `7 business days`.
    pub within: String,
    /// People whose time has come, and of whom something would change, when the run was planned.
    pub due: u64,
    /// People of whom nothing is left that is to go.
    pub erased: u64,
    /// People of whom something was done, and of whom a run would do more: the next one goes on.
    pub unfinished: u64,
    /// People whose time has come and who, or some of whose rows, are under a hold; once a run has ended, those of whom nothing
    /// else is left to be done.
    pub held: u64,
    /// The same of people whose rows stay because something that stays refers to them; who is in `held` is not in it.
    pub blocked: u64,
    /// People who are due still, and of whose days four fifths are used.
    pub near_deadline: u64,
    /// People whose days were over, also those whom this run has erased too late.
    pub overdue: u64,
    /// Days used of those that there are, of whoever waits the longest.
    pub days_used: Option<u32>,
    pub days_allowed: Option<u32>,
    /// It is about people of whom it was asked, or who are back after a restore, and not about all whose account is closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub asked_for: bool,
    /// People of whom something was done and the rest stays: it is held or blocked, or they opened the account again.
    #[serde(default)]
    pub in_part: u64,
    /// People who are due and were not begun; in a dry run, all who are due.
    #[serde(default)]
    pub remaining: u64,
    /// People of whom nothing was done, because they were not due any more when their turn came.
    #[serde(default)]
    pub skipped: u64,
    /// Of a run that a guard stopped: who was due, as a digest under the installation's key. An approval is for these people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_digest: Option<String>,
}

impl PeopleRecord {
    /// How many of those who are due were erased, in part, or are unfinished; the others remain.
    pub fn tell_of_the_begun(&mut self, [erased, in_part, unfinished]: [u64; 3]) {
        (self.erased, self.in_part, self.unfinished) = (erased, in_part, unfinished);
        self.remaining = self.due.saturating_sub(erased + in_part + unfinished);
    }
}

/// The requests for erasure that wait, of whatever source. Each is carried out by a run of its own; this tells of their clocks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestsRecord {
    /// Ids of the promises that the map as a whole keeps.
    pub promises: Vec<String>,
    /// As written: `30 days`, or `7 business days`.
    pub within: String,
    /// Those of which it is known that it was the person who asked.
    pub verified: u64,
    pub unverified: u64,
    /// Of the verified ones, those that no run carries out as things are: under a hold, of nobody who is there, or waiting for
    /// consent or the end of a pause.
    pub kept_back: u64,
    /// Of whose days four fifths are used; in a run, only those that it does not carry out.
    pub near_deadline: u64,
    /// Whose days are over, also those that are carried out too late.
    pub overdue: u64,
    /// Days used of those that there are, of whichever waits the longest.
    pub days_used: Option<u32>,
    pub days_allowed: Option<u32>,
    /// Why nobody knows how they stand, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl RequestsRecord {
    pub fn waiting(&self) -> u64 {
        self.verified.saturating_add(self.unverified)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HoldRecord {
    pub hold: String,
    pub promises: Vec<String>,
    pub table: String,
    /// As written: `10 years`, `until 2030-01-01`, or `until released`.
    pub term: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LedgerRecord {
    /// Number of the entry that closed the run, counted from 1.
    pub entry: u64,
    /// `sha256:` and hex: the chain's head after that entry.
    pub head: String,
    /// What the head is the SHA-256 of, byte for byte: this record and more, so that a report proves itself. Only where
    /// the entry was read beside the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical: Option<String>,
    /// Ed25519, of the head, in hexadecimal; only where entries are signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}
