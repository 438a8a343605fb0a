//! A schedule as an entry of the chain has it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::people::PeopleTerms;
use super::rule::Terms;
use crate::db::{Connection, DbError};
use crate::ledger::{chain, json};

/// The kind of an entry that tells of a schedule.
pub(super) const SCHEDULE: &str = "schedule";

/// The body of a schedule's entry: the whole state, so that the newest one of a policy says all but what was there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub policy: String,
    /// Of the schedule's file: `sha256:` and hex.
    pub digest: String,
    /// Who started the run that saw it.
    pub actor: String,
    /// What is new since the entry before, in sentences.
    pub changes: Vec<String>,
    /// As the schedule has them.
    pub rules: BTreeMap<String, Terms>,
    /// Of rules whose terms wait for consent: those that they were last let to act on.
    pub in_force: BTreeMap<String, Terms>,
    /// The map of people, where the schedule has one on this database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<PeopleTerms>,
    /// As `in_force`, of the map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people_in_force: Option<PeopleTerms>,
}

impl Known {
    /// The terms on which a rule may act without being asked.
    pub fn in_force(&self, rule: &str) -> Option<&Terms> {
        self.in_force.get(rule).or_else(|| self.rules.get(rule))
    }

    /// The terms on which people may be erased without anybody being asked.
    pub fn people_in_force(&self) -> Option<&PeopleTerms> {
        self.people_in_force.as_ref().or(self.people.as_ref())
    }

    /// Does it say anything that `other` does not?
    pub fn says_the_same_as(&self, other: &Known) -> bool {
        let terms = |known: &Known| {
            let Known { rules, in_force, people, people_in_force, .. } = known.clone();
            (rules, in_force, people, people_in_force)
        };
        self.policy == other.policy && self.digest == other.digest && terms(self) == terms(other)
    }

    /// Chains it; must stand in the transaction that begins the run which saw it.
    pub(in crate::ledger) fn append(&self, conn: &mut Connection, run: &str, at: Timestamp) -> Result<(), DbError> {
        chain::append(conn, SCHEDULE, Some(run), json(self)?, at).map(drop)
    }
}
