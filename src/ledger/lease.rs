//! One owner a rule: a gate with a fencing token.
//!
//! Whoever takes a gate raises its token. Every batch compares the token inside its own transaction, under a shared lock,
//! so a worker that was paused and wakes up after somebody took over changes nothing.

use super::holder::Holder;
use crate::db::control;
use crate::db::control::gate::{self, GateRow};
use crate::db::{Connection, DbError, Mode};
use crate::record::ERASURES;
use crate::record::RunRecord;

/// After this long without a sign of life, microseconds, a holder that cannot be asked counts as gone. So does one whose
/// last sign lies as far ahead: a wrong clock wrote it.
const LASTS: u64 = 120 * 1_000_000;

/// The right to work on one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    gate: String,
    token: i64,
    run: String,
}

/// What came of asking for a lease.
#[derive(Debug)]
pub enum Taken {
    Lease(Lease),
    /// Somebody else works on the rule; the sentence says who.
    Busy(String),
}

/// Takes the gate of `policy`'s `rule` for `run`. Harmless to repeat where only the answer was lost.
pub fn take(conn: &mut Connection, policy: &str, rule: &str, run: &str) -> Result<Taken, DbError> {
    let gate = gate_name(policy, rule);
    let now = control::clock(conn)?;
    gate::ensure(conn, &gate, now)?;
    let Some(row) = gate::of(conn, &gate)? else {
        return Ok(Taken::Busy("its gate in the ledger was removed just now; run again".to_owned()));
    };
    if let (Some(other), Some(holder)) = (&row.run, row.holder.as_deref())
        && other != run
        && is_held(holder, row.seen, now)
    {
        return Ok(Taken::Busy(busy(other, holder, row.seen, now)));
    }
    let token = row.token + 1;
    let me = Holder::this_process().to_text();
    if !gate::swap(conn, &gate, row.token, token, Some(run), Some(&me), now)? {
        return Ok(Taken::Busy("another run took it at the same moment; wait for it".to_owned()));
    }
    let lease = Lease { gate, token, run: run.to_owned() };
    // Looked at after the gate was taken: whoever closes a run shuts the gates that it holds, under a lock on the run.
    if conn.transaction(Mode::Single, |conn| control::lock_open_run(conn, run))? {
        return Ok(Taken::Lease(lease));
    }
    lease.release(conn)?;
    Ok(Taken::Busy("another run took this one for dead and closed it; run again".to_owned()))
}

/// The gate of a rule: whole, so that no two rules share one.
pub(super) fn gate_name(policy: &str, rule: &str) -> String {
    format!("{policy}/{rule}")
}

fn is_held(holder: &str, seen: i64, now: i64) -> bool {
    let lives = Holder::from_text(holder).and_then(|holder| holder.lives());
    lives != Some(false) && now.abs_diff(seen) < LASTS
}

fn busy(run: &str, holder: &str, seen: i64, now: i64) -> String {
    let who = Holder::from_text(holder)
        .map_or_else(|| "another process".to_owned(), |holder| format!("process {} on {}", holder.pid, holder.host));
    let ago = now.saturating_sub(seen) / 1_000_000;
    format!("run `{run}` works on it ({who}, last seen {ago} s ago); wait for it, or run again once it has ended")
}

impl Lease {
    /// Inside a batch's transaction: is the rule still ours?
    pub fn holds(&self, conn: &mut Connection) -> Result<bool, DbError> {
        gate::token_is(conn, &self.gate, self.token)
    }

    /// A sign of life between batches.
    pub fn renew(&self, conn: &mut Connection) -> Result<bool, DbError> {
        let now = control::clock(conn)?;
        let me = Holder::this_process().to_text();
        gate::swap(conn, &self.gate, self.token, self.token, Some(&self.run), Some(&me), now)
    }

    /// The gate bears the run's name and another token: somebody added a hold, or paused the rule, and this run's plan does
    /// not know.
    pub fn was_called_off(&self, conn: &mut Connection) -> Result<bool, DbError> {
        let row = gate::of(conn, &self.gate)?;
        Ok(row.is_some_and(|row| row.run.as_deref() == Some(self.run.as_str()) && row.token != self.token))
    }

    /// Gives the rule back. The token stays raised, so that a late batch of ours still finds the gate shut.
    pub fn release(self, conn: &mut Connection) -> Result<(), DbError> {
        let now = control::clock(conn)?;
        gate::free(conn, &self.gate, &self.run, now)
    }
}

/// Does the run still live, as far as can be told from here?
pub(super) fn is_alive(conn: &mut Connection, record: &RunRecord, holder: &str, now: i64) -> Result<bool, DbError> {
    if let Some(lives) = Holder::from_text(holder).and_then(|holder| holder.lives()) {
        return Ok(lives);
    }
    let seen = held_gates(conn, record)?.into_iter().map(|(_, gate)| gate.seen).max();
    let seen = seen.unwrap_or_default().max(record.started.as_microsecond());
    Ok(now.abs_diff(seen) < LASTS)
}

/// Takes every gate that the run holds away from it, and so waits for its batch in flight: once this is committed, nothing
/// that the run began can still commit.
pub(super) fn shut(conn: &mut Connection, record: &RunRecord, now: i64) -> Result<(), DbError> {
    for (gate, row) in held_gates(conn, record)? {
        gate::swap(conn, &gate, row.token, row.token + 1, None, None, now)?;
    }
    Ok(())
}

/// The rules whose gates the run holds.
pub(super) fn held_rules(conn: &mut Connection, record: &RunRecord) -> Result<Vec<String>, DbError> {
    let gates = held_gates(conn, record)?;
    let of = |rule: &&String| gates.iter().any(|(name, _)| *name == gate_name(&record.schedule.name, rule));
    Ok(record.rules.iter().map(|rule| &rule.rule).filter(of).cloned().collect())
}

/// The gates that the run holds, by their names.
fn held_gates(conn: &mut Connection, record: &RunRecord) -> Result<Vec<(String, GateRow)>, DbError> {
    let mut held = Vec::new();
    let rules = record.rules.iter().map(|rule| rule.rule.as_str()).chain(record.people.as_ref().map(|_| ERASURES));
    for rule in rules {
        let name = gate_name(&record.schedule.name, rule);
        if let Some(row) = gate::of(conn, &name)?
            && row.run.as_deref() == Some(record.run.as_str())
        {
            held.push((name, row));
        }
    }
    Ok(held)
}
