//! A run as the ledger keeps it.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::rule::is_erasure;
use super::{ERASURES, HoldRecord, PeopleRecord, RequestsRecord, RuleRecord, Standing};

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
    /// Which ledger the run is in: 32 hexadecimal digits. `None` in a dry run, and in older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_id: Option<String>,
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
    /// What was published, by the id that rules and holds cite.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub promises: BTreeMap<String, PromiseRecord>,
    /// The rules of the schedule on this database that bear each promise, chosen or not; `erase` stands for the map of people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub borne_by: BTreeMap<String, Vec<String>>,
}

/// A published promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromiseRecord {
    /// The sentence as it was published.
    pub text: String,
    /// Where it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The day since which it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Date>,
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
