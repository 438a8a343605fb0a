//! The last stage of a run: nothing is deleted any more; traces are removed, the run is closed in the ledger and told of.

use std::collections::BTreeSet;

use super::act::Acted;
use super::{Job, backlog, deliver, log, register};
use crate::base::name::TableName;
use crate::base::time;
use crate::db::maintain::{rewrite, statistics};
use crate::db::{Access, Connection};
use crate::execute::{self, Stop};
use crate::ledger::{self, Closed};
use crate::record::{RunRecord, Status};

impl Acted<'_> {
    /// A run that cannot be closed now is closed by the next one; that it did what it did is told all the same.
    pub fn close(self) -> RunRecord {
        let Acted { run, mut record, changed } = self;
        let (job, stop, mut conn) = (run.job, run.stop, run.conn);
        record.notes.extend(job.stint.and_then(|stint| backlog::note(&record, stint)));
        record.notes.extend(leave_no_trace(job, &mut conn, &record, !run.closed.is_empty(), stop));
        record.notes.extend(renew_statistics(job, &mut conn, &changed, stop));
        // A clock that jumps meanwhile writes no wrong time into the ledger.
        record.finished = Some(run.started + time::since_boot().saturating_sub(run.begun));
        // Before the run is closed: who dies between the two is registered again by whoever closes it.
        let mut unregistered = run.unregistered;
        let runs = run.closed.iter().chain([&record.run]);
        unregistered.extend(runs.filter_map(|id| register::add_patiently(job, &mut conn, id, stop)));
        if !unregistered.is_empty() {
            record.notes.append(&mut unregistered);
            record.status = Status::Failed;
        }
        close(job, &mut conn, &mut record, stop);
        log::end(&record);
        deliver(job);
        record
    }
}

/// Writes the file anew that people were erased from; what is left, where it was not. A run that died may not have come to that.
fn leave_no_trace(
    job: &Job<'_>,
    conn: &mut Connection,
    record: &RunRecord,
    some_died: bool,
    stop: &Stop,
) -> Vec<String> {
    const MIB: u64 = 1024 * 1024;
    let erased = record.people.as_ref().map_or(0, |people| people.erased + people.in_part + people.unfinished);
    let died_erasing = some_died && job.schedule.subject.is_some();
    if erased == 0 && !died_erasing {
        return Vec::new();
    }
    let (largest, reopen) = (job.database.vacuum_up_to_mib * MIB, || job.connect(Access::ReadWrite));
    let left = execute::patiently(conn, &reopen, stop, |conn| rewrite::rewrite(conn, largest));
    left.unwrap_or_else(|halt| {
        vec![format!("what was erased may be legible in the database's file: {}", halt.sentence())]
    })
}

/// Has the tables counted anew that people were erased from; what is to be said where their statistics stay as they were.
fn renew_statistics(
    job: &Job<'_>,
    conn: &mut Connection,
    changed: &BTreeSet<TableName>,
    stop: &Stop,
) -> Option<String> {
    let reopen = || job.connect(Access::ReadWrite);
    let names =
        |tables: Vec<&TableName>| tables.iter().map(|table| format!("`{table}`")).collect::<Vec<_>>().join(", ");
    let left = match execute::patiently(conn, &reopen, stop, |conn| Ok(names(statistics::renew(conn, changed)?))) {
        Ok(left) if left.is_empty() => return None,
        Ok(left) => left,
        Err(halt) => format!("{} ({})", names(changed.iter().collect()), halt.sentence()),
    };
    Some(format!(
        "the planner's statistics may hold values of what was erased until they are renewed, of {left}: let the owner run ANALYZE \
         (the documentation, \"What tenure cannot reach\")"
    ))
}

/// From here on nothing is deleted any more. A run that cannot be closed is closed by the next one; that it did what it did
/// is to be reported all the same.
fn close(job: &Job<'_>, conn: &mut Connection, record: &mut RunRecord, stop: &Stop) {
    let reopen = || job.connect(Access::ReadWrite);
    let address = |record: &RunRecord| job.address(record);
    // Before the run is closed, so that its entry says it too: what is noted after that, nothing vouches for.
    let survives = |reason: &str| {
        format!("deleted rows may survive in the database's write-ahead log until the next run: {reason}")
    };
    match execute::patiently(conn, &reopen, stop, Connection::checkpoint) {
        Ok(true) => {}
        Ok(false) => {
            record.notes.push(survives("somebody was reading in the database for longer than it was waited for"))
        }
        Err(halt) => {
            record.notes.push(survives(&halt.sentence()));
            record.status = Status::Failed;
        }
    }
    let trouble = match execute::patiently(conn, &reopen, stop, |conn| ledger::close(conn, record, &address)) {
        Ok(Closed::Now) => {
            // What is in the log by now is the closing itself, which holds no row of the application's.
            let _ = conn.checkpoint();
            None
        }
        Ok(Closed::BySomebodyElse) => Some(
            "another run took this one for dead and closed it in the ledger; the next run does what is left".to_owned(),
        ),
        Err(halt) => {
            record.ledger = None;
            Some(format!("the run could not be closed in the ledger, which the next run will do: {}", halt.sentence()))
        }
    };
    if let Some(sentence) = trouble {
        record.notes.push(sentence);
        record.status = Status::Failed;
    }
}
