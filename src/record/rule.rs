//! What a run did for one rule, and what it left.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ERASURES, Status};

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
    /// Changed or removed by another session between plan and act, or locked by one until the end.
    pub skipped: u64,
    pub remaining: u64,
    /// Rows for which the rule's condition is true and whose age is not known: NULL, zero, a date that means "never", or
    /// something that is no time.
    pub no_anchor: u64,
    /// Of these, rows that tell something which cannot be read.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreadable: u64,
    /// Why so many unreadable ages put the promise at risk, with the figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// The oldest and the youngest known age among the eligible rows, as planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_eligible: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub youngest_eligible: Option<Timestamp>,
    /// Dependent rows deleted with them (in a dry run: that would be), by table.
    pub cascaded: BTreeMap<String, u64>,
    /// References set to NULL (in a dry run: that would be), by `table.column`.
    pub detached: BTreeMap<String, u64>,
    /// Rows written to the target of a roll-up.
    pub rolled_up: u64,
    /// Rows of a roll-up that go, or went, into no row of its target, because they are of fewer people together than it may
    /// show; of a plan, where that is certain.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub suppressed: u64,
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
    /// Rows that became due after the plan was made and are due still. They are no part of `eligible`: a run does at most what
    /// its plan counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub late: u64,
    /// Rows that were passed over so that the others could go, by the reason: `locked`, `constraint`, `refused`, …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub passed_over: BTreeMap<String, u64>,
    /// Of a rule that a guard stopped: the planned rows as a keyed digest. An approval is for these rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_digest: Option<String>,
    /// Statements, where they were asked for with `--sql`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub statements: Vec<String>,
}

pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

pub(super) fn is_erasure(rule: &str) -> bool {
    rule.strip_prefix(ERASURES).is_some_and(|rest| rest.starts_with(':'))
}

impl RuleRecord {
    /// Is it an entry of the map of people, and no rule?
    pub fn is_erasure(&self) -> bool {
        is_erasure(&self.rule)
    }

    /// No row that the rule speaks of tells a time: whether any is past its period, nobody knows.
    pub fn knows_no_age(&self) -> bool {
        self.no_anchor > 0 && self.eligible == 0 && self.oldest_kept.is_none()
    }

    /// Rows that another session held a lock on until the end.
    pub fn locked(&self) -> u64 {
        self.passed_over.get("locked").copied().unwrap_or(0)
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
    pub(super) fn settled_status(&self) -> Status {
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
