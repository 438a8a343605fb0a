//! How large the next batch is: as large as fits the time that a transaction may take.

use std::time::Duration;

use super::Halt;
use super::patience::{ATTEMPTS, attempts};
use crate::base::retry::{Attempts, Pause};
use crate::db::{DbError, Dialect};
use crate::plan::Axis;

const MEETINGS: Attempts = Attempts::new(3, Pause::Doubling(Duration::from_millis(20)));

/// The size of windows along one axis, in rows, or pages on [`Axis::Pages`].
pub(super) struct Pace {
    size: u64,
    largest: u64,
    aim: Duration,
    attempts: Attempts,
    /// Of one row that other transactions are at.
    meetings: Attempts,
}

impl Pace {
    /// Starts small and grows. SQLite aims at half a second, since there small batches rewrite the same index pages over
    /// and over; PostgreSQL at a tenth, since there others wait for our locks; MariaDB and MySQL at a fifth, since each of
    /// their commits waits for two logs.
    pub fn of(dialect: Dialect, axis: &Axis) -> Self {
        let aim = match dialect {
            Dialect::Sqlite => Duration::from_millis(500),
            Dialect::Postgres => Duration::from_millis(100),
            Dialect::Mysql => Duration::from_millis(200),
        };
        let (size, largest) = match (axis, dialect) {
            (Axis::Pages, _) => (128, 65_536),
            (_, Dialect::Sqlite) => (20_000, 2_000_000),
            (_, Dialect::Postgres) => (5_000, 200_000),
            (_, Dialect::Mysql) => (2_000, 50_000),
        };
        Self { size, largest, aim, attempts: attempts(), meetings: MEETINGS }
    }

    /// Of batches that are people, in rows. The rows of a few people lie all over their tables, so that each batch reads many
    /// pages, however few rows there are: large batches are what makes them cheap. On PostgreSQL nobody waits for the rows of
    /// people who are gone; on MariaDB and MySQL others wait for the gaps between them, and on SQLite for the one writer.
    pub fn of_people(dialect: Dialect) -> Self {
        let (aim, size) = match dialect {
            Dialect::Sqlite => (Duration::from_millis(500), 20_000),
            Dialect::Postgres => (Duration::from_secs(5), 400_000),
            Dialect::Mysql => (Duration::from_secs(1), 20_000),
        };
        Self { size, largest: 1_000_000, aim, attempts: attempts(), meetings: MEETINGS }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    /// Moves towards the aim, by a factor of four at the most.
    pub fn took(&mut self, elapsed: Duration) {
        self.attempts.succeeded();
        let ratio = self.aim.as_secs_f64() / elapsed.as_secs_f64().max(1e-4);
        let next = self.size as f64 * ratio.clamp(0.25, 4.0);
        self.size = (next as u64).clamp(1, self.largest);
    }

    /// Half the size, in search of the row that cannot be changed; false where the window was one row already.
    pub fn narrow(&mut self) -> bool {
        let was_one = self.size == 1;
        self.size = (self.size / 2).max(1);
        !was_one
    }

    /// The same after two transactions met, which the next attempt may not; false where one row met others too often.
    pub fn try_again(&mut self) -> bool {
        if self.narrow() {
            return true;
        }
        let goes_on = self.meetings.may_go_on();
        if goes_on {
            self.meetings.wait();
        } else {
            self.meetings.succeeded();
        }
        goes_on
    }

    /// After an attempt that failed but may pass: a smaller size, after a pause; the rule fails with the last error once
    /// that has been tried often enough. The size falls ever faster, down to one row: what rows of one batch do to each
    /// other (the cascade of one removes what kept another) they do not do there.
    pub fn shrink(&mut self, error: DbError) -> Result<(), Halt> {
        if !self.attempts.may_go_on() {
            let message = format!("{} (tried {ATTEMPTS} times, smaller each time); run again later", error.message);
            return Err(Halt::Failed(DbError { message, ..error }));
        }
        let failures = self.attempts.failed();
        self.size = (self.size >> failures).max(1);
        tracing::warn!(event = "trying-smaller", failures, size = self.size, "trying again, smaller: {error}");
        self.attempts.wait();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::ErrorKind;

    fn pace() -> Pace {
        Pace::of(Dialect::Postgres, &Axis::Whole)
    }

    #[test]
    fn a_fast_batch_makes_the_next_one_larger_and_a_slow_one_smaller() {
        let mut pace = pace();
        pace.took(Duration::from_millis(1));
        assert_eq!(pace.size(), 20_000);
        pace.took(Duration::from_millis(400));
        assert_eq!(pace.size(), 5_000);
    }

    #[test]
    fn a_batch_that_keeps_failing_fails_the_rule_with_its_last_error() {
        let mut pace = pace();
        let error = || DbError::new(ErrorKind::Conflict, "deadlock");
        for _ in 1..ATTEMPTS {
            assert!(pace.shrink(error()).is_ok());
        }
        assert_eq!(pace.size(), 1);
        assert!(
            matches!(pace.shrink(error()), Err(Halt::Failed(error)) if error.message.starts_with("deadlock (tried 7 times"))
        );
    }
}
