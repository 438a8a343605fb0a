//! Rows that other sessions are at.

use std::time::Duration;

use super::Halt;
use crate::db::Wait;

/// How long batches wait for locks of others: until they have met the first, as long as a statement waits by itself; after
/// that hardly at all, since rows that are locked are come back to.
#[derive(Default)]
pub(super) struct Locks {
    waited: Duration,
    are_met: bool,
}

impl Locks {
    pub fn wait(&self) -> Wait {
        if self.are_met { Wait::Brief } else { Wait::Patient }
    }

    /// # Errors
    /// So long that the rest is for the next run.
    pub fn waited(&mut self, time: Duration) -> Result<(), Halt> {
        /// In one rule. A session that holds so many locks works on the whole table.
        const LONGEST: Duration = Duration::from_secs(30);
        self.are_met = true;
        self.waited += time;
        if self.waited < LONGEST {
            return Ok(());
        }
        let reason = "other sessions hold locks on too many of the table's rows; the rest remains for the next run";
        Err(Halt::Stopped(reason.to_owned()))
    }
}
