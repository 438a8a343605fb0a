//! How people and their requests stand in a run.

use serde::{Deserialize, Serialize};

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
    /// References by which rows are people's and that the map does not answer, as `table.column`: what was not erased.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmapped: Vec<String>,
    /// People whose closing time cannot be read: they may have left long ago.
    #[serde(default, skip_serializing_if = "super::rule::is_zero")]
    pub unreadable: u64,
    /// Of a run that a guard stopped: who was due, as a digest under the installation's key. An approval is for these people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_digest: Option<String>,
}

impl PeopleRecord {
    /// Is nobody left of those who were due?
    pub fn is_done(&self) -> bool {
        [self.remaining, self.unfinished, self.in_part, self.held, self.blocked] == [0; 5]
    }

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
