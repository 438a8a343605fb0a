//! Host, database and ledger must agree on what time it is: a wrong clock must not purge.

use anyhow::bail;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::base::time::{self, Period};
use crate::db::{Connection, DbError, control};
use crate::ledger::clock::{self, Newest};

/// Host and database clocks, and the ledger's newest entry, may differ by so many microseconds; beyond that one of them
/// is wrong.
pub const TOLERANCE: i64 = 60 * 1_000_000;

/// What the clocks of a database and its ledger say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    pub host: Timestamp,
    /// Microseconds since 1970.
    pub database: i64,
    /// `None` where the ledger is empty.
    pub newest: Option<Newest>,
}

/// Reads the three; the control tables must be there.
pub fn read(conn: &mut Connection) -> Result<Reading, DbError> {
    Ok(Reading { newest: clock::newest(conn)?, database: control::clock(conn)?, host: time::now() })
}

impl Reading {
    /// # Errors
    /// Where one of the two must be wrong.
    pub fn compare_host_and_database(&self) -> anyhow::Result<()> {
        let apart = self.host.as_microsecond().abs_diff(self.database);
        if apart > TOLERANCE.unsigned_abs() {
            bail!(
                "the clocks of this host and of the database are {} s apart, so nothing was purged; set the wrong one right",
                apart / 1_000_000
            );
        }
        Ok(())
    }

    /// Says that the clocks may have jumped ahead together, or back: the ledger's newest entry and `seen`, when they were
    /// last seen to be right, lie longer ago than `most`, or `seen` is yet to come. `None` where all is well.
    pub fn gap(&self, seen: Option<Timestamp>, most: &Period) -> Option<String> {
        let tolerance = SignedDuration::from_micros(TOLERANCE);
        let accepted = self.newest.filter(|newest| newest.is_accepted).map(|newest| newest.at);
        // Whoever vouched for the clocks knew what they had shown before.
        let known = accepted.or_else(|| self.newest.map(|newest| newest.at).max(seen))?;
        let oldest = most.before(self.host, &TimeZone::UTC)?;
        let remedy = "say `tenure clock accept --reason …` where the clock is right";
        if known > self.host + tolerance {
            return Some(format!(
                "the clock shows an earlier time than when it was last seen to be right, so it went back and nothing is purged; {remedy}"
            ));
        }
        (known < oldest).then(|| {
            format!("nothing was heard of the clocks for more than {most}, so they may have jumped ahead and nothing is purged; {remedy}")
        })
    }

    /// How the clocks contradict each other, and what to do about it; `None` where they agree.
    pub fn contradiction(&self) -> Option<String> {
        if let Err(error) = self.compare_host_and_database() {
            return Some(error.to_string());
        }
        let host = self.host.as_microsecond();
        let newest = self.newest?.at.as_microsecond();
        (newest > host + TOLERANCE).then(|| {
            format!(
                "the ledger's newest entry lies {} s in the future, so a clock went back and nothing was purged; \
                 set the clock right, or say `tenure clock accept --reason …` where it is right by now",
                (newest - host) / 1_000_000
            )
        })
    }
}
