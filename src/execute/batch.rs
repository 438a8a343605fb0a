//! One batch: the act and its record in one transaction.

use crate::base::time;
use crate::db::catalog::fingerprint::Footing;
use crate::db::predicate::window::Window;
use crate::db::query::count::Consequences;
use crate::db::write::batch;
use crate::db::write::batch::Done;
use crate::db::{Connection, DbError, ErrorKind, Mode};
use crate::ledger::lease::Lease;
use crate::ledger::{self, Batch};
use crate::plan::{Act, Amounts, Axis, Beyond, RulePlan, Target};

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

/// Runs `act` and records it, on the tables as they were planned with; `None` where the lease is lost and nothing was done.
///
/// Either both the act and its row in the ledger are committed or neither is: a crash before COMMIT loses the batch, a
/// crash after it loses nothing. A batch that found nothing leaves no row.
pub(super) fn transact(
    conn: &mut Connection,
    (lease, footing): (&Lease, &Footing),
    identity: &Identity<'_>,
    mode: Mode,
    act: impl FnOnce(&mut Connection) -> Result<Done, DbError>,
) -> Result<Option<Done>, DbError> {
    conn.transaction(mode, |conn| {
        let done = as_planned(conn, (lease, footing), act)?;
        if let Some(done) = &done {
            write(conn, identity, done)?;
        }
        Ok(done)
    })
}

/// In a transaction: acts where the lease is held and the tables are what they were when the plan was made, and stay so until the
/// transaction ends; `None` where the lease is lost.
pub(super) fn as_planned<T>(
    conn: &mut Connection,
    (lease, footing): (&Lease, &Footing),
    act: impl FnOnce(&mut Connection) -> Result<T, DbError>,
) -> Result<Option<T>, DbError> {
    footing.lock(conn)?;
    if !lease.holds(conn)? {
        return Ok(None);
    }
    footing.check_before(conn)?;
    let done = act(conn);
    // Asked before an error is told of: a table that was dropped or renamed meanwhile is its cause.
    if done.as_ref().err().is_none_or(|error| error.kind == ErrorKind::Missing) {
        footing.check_after(conn)?;
    }
    done.map(Some)
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

/// What a batch did, as the ceiling counts it.
pub(super) fn amounts(plan: &RulePlan, done: &Done) -> Amounts {
    Amounts::of(plan, done.rows, &done.consequences.cascaded, &done.consequences.detached)
}

/// The batch is rolled back.
pub(super) fn beyond(beyond: Beyond) -> DbError {
    DbError::new(ErrorKind::Beyond, beyond.to_string())
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
/// row, when the batch is tried again; a server that speaks another language hides a deadlock among its other errors; a smaller
/// batch takes less; and one row that stands against it keeps no other row waiting. Nothing else passes when it is tried again.
pub(super) fn may_pass_later(error: &DbError) -> bool {
    let may_pass =
        [ErrorKind::ForeignKey, ErrorKind::Unread, ErrorKind::Resources, ErrorKind::Beyond, ErrorKind::TooFew];
    error.is_transient() || error.is_of_a_row() || may_pass.contains(&error.kind)
}

/// Why the database refuses to change a row, with what helps.
pub(super) fn refusal(error: &DbError) -> String {
    let remedy = match error.kind {
        ErrorKind::Constraint => {
            "; where another row bears already what is to be written, change that one, or let the schedule write what nobody \
             else can bear"
        }
        _ => "",
    };
    format!("{}{remedy}", error.message)
}
