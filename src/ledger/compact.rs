//! The ledger's own retention: batches of runs that were closed long ago are replaced by what the entries that closed them
//! hold of them, their number and their digest. The chain stays whole, and an entry says what went.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{RUN, appending, chain, json, verify};
use crate::base::time::Period;
use crate::db::control::{self, EntryRow};
use crate::db::{Connection, DbError, ErrorKind};

/// The kind of an entry that says which batches went.
pub(super) const COMPACTION: &str = "compaction";

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Compaction {
    /// Microseconds since 1970: the runs were closed before it.
    pub before: i64,
    pub runs: Vec<String>,
    pub batches: u64,
    pub actor: String,
}

/// What an entry of this kind says.
pub(super) fn told_by(entry: &EntryRow) -> Option<Compaction> {
    serde_json::from_str(&entry.body).ok()
}

/// Removes the batches of runs that were closed more than `retain` before the month of `now` began (so that there is at most
/// one entry a month), each held against its run's entry first; how many.
///
/// # Errors
/// Those of the database: [`ErrorKind::Privilege`] for a role that may not delete from the ledger, which is as it should be
/// of the role that runs. And where a run is not as it was closed: evidence is not removed.
pub fn compact(conn: &mut Connection, retain: &Period, now: Timestamp) -> Result<u64, DbError> {
    let Some(before) = first_kept(retain, now) else { return Ok(0) };
    let runs = control::walk::runs_with_batches_closed_before(conn, before)?;
    if runs.is_empty() {
        return Ok(0);
    }
    appending(conn, |conn| {
        let mut batches = 0;
        for run in &runs {
            refuse_evidence(conn, run)?;
            batches += control::walk::remove_batches(conn, run)?;
        }
        let told = Compaction { before, runs: runs.clone(), batches, actor: super::actor() };
        chain::append(conn, COMPACTION, None, json(&told)?, now)?;
        Ok(batches)
    })
}

fn first_kept(retain: &Period, now: Timestamp) -> Option<i64> {
    let cutoff = retain.before(now, &TimeZone::UTC)?.to_zoned(TimeZone::UTC);
    let month = cutoff.first_of_month().ok()?.start_of_day().ok()?;
    Some(month.timestamp().as_microsecond())
}

fn refuse_evidence(conn: &mut Connection, run: &str) -> Result<(), DbError> {
    let closing = control::entries_of_run(conn, run)?.into_iter().find(|entry| entry.kind == RUN);
    let is_whole = match closing {
        Some(entry) => verify::is_as_closed(conn, run, &entry)?,
        None => false,
    };
    if is_whole {
        return Ok(());
    }
    let message = format!("run `{run}` is not as it was closed, so its batches stay as evidence; see `tenure verify`");
    Err(DbError::new(ErrorKind::Other, message))
}
