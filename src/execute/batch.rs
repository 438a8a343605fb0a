//! One batch: the act and its record in one transaction.

use super::Ending;
use crate::base::time;
use crate::db::predicate::window::Window;
use crate::db::query::count::Consequences;
use crate::db::write::batch::{self, Done};
use crate::db::{Connection, DbError, ErrorKind, Mode};
use crate::ledger::lease::Lease;
use crate::ledger::{self, Batch};
use crate::plan::{Act, Axis, RulePlan, Target};

/// What came of trying a batch.
pub(super) enum Attempt<T> {
    Done(T),
    /// Nothing was done; it may pass when it is tried again, smaller.
    Again(DbError),
}

/// Under which name a batch is recorded.
pub(super) struct Identity<'a> {
    pub id: String,
    pub run: &'a str,
    pub rule: &'a str,
}

/// Runs `act` and records it; `None` where the lease is lost and nothing was done.
///
/// Either both the act and its row in the ledger are committed or neither is: a crash before COMMIT loses the batch, a
/// crash after it loses nothing. A batch that found nothing leaves no row.
pub(super) fn transact(
    conn: &mut Connection,
    lease: &Lease,
    identity: &Identity<'_>,
    several: bool,
    act: impl FnOnce(&mut Connection) -> Result<Done, DbError>,
) -> Result<Option<Done>, DbError> {
    let mode = if several { Mode::Several } else { Mode::Single };
    conn.transaction(mode, |conn| {
        if !lease.holds(conn)? {
            return Ok(None);
        }
        let done = act(conn)?;
        write(conn, identity, &done)?;
        Ok(Some(done))
    })
}

/// Records what a batch did, in its own transaction; nothing is recorded of nothing.
pub(super) fn write(conn: &mut Connection, identity: &Identity<'_>, done: &Done) -> Result<(), DbError> {
    if *done == Done::default() {
        return Ok(());
    }
    ledger::record_batch(conn, &record(identity, done), time::now())
}

fn record(identity: &Identity<'_>, done: &Done) -> Batch {
    Batch {
        id: identity.id.clone(),
        run: identity.run.to_owned(),
        rule: identity.rule.to_owned(),
        done: done.rows,
        rolled_up: done.rolled_up,
        cascaded: done.consequences.cascaded.clone(),
        detached: done.consequences.detached.clone(),
    }
}

/// After a COMMIT whose outcome is unknown, once the server is done with it: what the batch did, or `None` where it was
/// not committed.
pub(super) fn outcome(conn: &mut Connection, identity: &Identity<'_>) -> Result<Option<Done>, DbError> {
    Ok(ledger::find_batch(conn, &identity.id)?.map(|batch| Done {
        rows: batch.done,
        rolled_up: batch.rolled_up,
        consequences: Consequences { cascaded: batch.cascaded, detached: batch.detached },
    }))
}

pub(super) fn act(
    conn: &mut Connection,
    plan: &RulePlan,
    target: &Target,
    axis: &Axis,
    window: &Window,
) -> Result<Done, DbError> {
    match plan.act {
        Act::Redact => batch::redact(conn, plan, target, axis, window),
        Act::Delete | Act::Aggregate(_) => batch::delete(conn, plan, target, axis, window),
    }
}

/// Beside what is transient by nature: a reference that the application added while the batch ran is seen, and keeps its
/// row, when the batch is tried again; servers in other languages hide a deadlock among the other errors; and what is not to be
/// written into one row keeps no other row waiting.
pub(super) fn may_pass_later(error: &DbError) -> bool {
    error.is_transient() || error.is_of_a_row() || matches!(error.kind, ErrorKind::ForeignKey | ErrorKind::Other)
}

/// Why some could not be done, the first of the reasons: the others were.
#[derive(Debug, Default)]
pub(super) struct Refused(Option<String>);

impl Refused {
    pub fn note(&mut self, error: DbError) {
        let remedy = match error.kind {
            ErrorKind::Constraint => {
                "; where another row bears already what is to be written, change that one, or let the schedule write what \
                 nobody else can bear"
            }
            _ => "",
        };
        self.0.get_or_insert(format!("{}{remedy}", error.message));
    }

    /// How it ended where nothing but these stood in the way; `what` they are.
    pub fn ending(self, what: &str) -> Ending {
        match self.0 {
            None => Ending::Done,
            Some(reason) => Ending::Failed(format!("some {what}: {reason}")),
        }
    }
}
