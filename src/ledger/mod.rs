//! What happened: runs, batches and the chain of entries, in the database beside the data.
//!
//! A batch is recorded in the transaction that does it; a run is closed by one entry that holds the digest of all its
//! batches and the hash of the entry before it. A run that died is closed by the next one with the same function.

mod actor;
pub mod chain;
pub mod clock;
pub mod compact;
pub mod due;
pub mod erasure;
pub mod export;
pub mod hold;
mod holder;
pub mod identity;
pub mod keys;
pub mod lease;
pub mod names;
pub mod pause;
pub mod request;
pub mod terms;
pub mod under_way;
pub mod verify;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::retry::{Attempts, Pause, retry};
use crate::db::control::outbox::{self, OutboxRow};
use crate::db::control::{self, BatchRow, EntryRow, RunRow, Which, gate};
use crate::db::query::count::Consequences;
use crate::db::{Connection, DbError, ErrorKind, Mode};
use crate::record::{LedgerRecord, RunRecord, Status};

use terms::Known;

pub use actor::actor;
pub use holder::{Holder, host};

/// Makes a run known before it does anything: `record` holds what was planned. Where the schedule is new to the ledger,
/// an entry tells how. Harmless to repeat where only the answer was lost: a run that is known is not made known again.
pub fn begin(
    conn: &mut Connection,
    record: &RunRecord,
    holder: &Holder,
    schedule: Option<&Known>,
) -> Result<(), DbError> {
    let (holder, plan) = (holder.to_text(), json(record)?);
    appending(conn, |conn| {
        if control::walk::run(conn, &record.run)?.is_some() {
            return Ok(());
        }
        chain::make_ready(conn)?;
        control::insert_run(conn, &record.run, &holder, record.started.as_microsecond(), &plan)?;
        schedule.map_or(Ok(()), |schedule| schedule.append(conn, &record.run, record.started))
    })
}

/// One batch as its transaction records it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub id: String,
    pub run: String,
    pub rule: String,
    pub done: u64,
    pub rolled_up: u64,
    pub cascaded: BTreeMap<String, u64>,
    pub detached: BTreeMap<String, u64>,
}

/// Records a batch; must stand in the batch's own transaction.
pub fn record_batch(conn: &mut Connection, batch: &Batch, at: Timestamp) -> Result<(), DbError> {
    let consequences = json(&(&batch.cascaded, &batch.detached))?;
    control::insert_batch(
        conn,
        &BatchRow {
            id: batch.id.clone(),
            run: batch.run.clone(),
            rule: batch.rule.clone(),
            at: at.as_microsecond(),
            done: stored(batch.done),
            rolled_up: stored(batch.rolled_up),
            consequences,
        },
    )
}

/// After a COMMIT whose outcome is unknown: the batch, if it happened.
pub fn find_batch(conn: &mut Connection, id: &str) -> Result<Option<Batch>, DbError> {
    control::batches(conn, None, Some(id))?.into_iter().next().map(batch_of).transpose()
}

fn batch_of(row: BatchRow) -> Result<Batch, DbError> {
    let Consequences { cascaded, detached } = consequences_of(&row)?;
    let (done, rolled_up) = (counted(row.done), counted(row.rolled_up));
    Ok(Batch { id: row.id, run: row.run, rule: row.rule, done, rolled_up, cascaded, detached })
}

/// No table has more rows than fit.
fn stored(rows: u64) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A count below zero is somebody's hand in the ledger, which verify names.
fn counted(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

fn consequences_of(row: &BatchRow) -> Result<Consequences, DbError> {
    let (cascaded, detached) = serde_json::from_str(&row.consequences)
        .map_err(|_| DbError::new(ErrorKind::Other, format!("batch `{}` of the ledger cannot be read", row.id)))?;
    Ok(Consequences { cascaded, detached })
}

/// What came of closing a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Closed {
    Now,
    /// Somebody else had taken it for dead.
    BySomebodyElse,
}

/// Who is to be told of a closed run: the rows that the closing transaction puts into the outbox.
pub type Addressing<'a> = &'a dyn Fn(&RunRecord) -> Vec<OutboxRow>;

/// Closes a run: reconciles it with its batches, chains its entry, writes the final record and addresses its mail, in one
/// transaction. Harmless to repeat where only the answer was lost: the entry of the first attempt counts.
///
/// Where the ledger's batches do not add up to what the record says was done, the run is closed as failed and says so.
pub fn close(conn: &mut Connection, record: &mut RunRecord, address: Addressing<'_>) -> Result<Closed, DbError> {
    let Some(begun) = control::walk::run(conn, &record.run)? else { return Ok(Closed::BySomebodyElse) };
    let batches = control::batches(conn, Some(&record.run), None)?;
    reconcile(record, &batches);
    record.ledger = None;
    record.ledger_id = identity::known(conn)?.map(|bound| bound.ledger);
    let erasures = erasure::cover(conn, &record.run)?;
    let body = closing(record, &begun, &batches, erasures)?;
    appending(conn, |conn| {
        if control::lock_open_run(conn, &record.run)? {
            seal(conn, record, body.clone(), address)?;
            return Ok(Closed::Now);
        }
        match control::entries_of_run(conn, &record.run)?.into_iter().find(|entry| entry.kind == RUN) {
            Some(entry) if entry.body == body => {
                record.ledger = Some(link_of(conn, &entry)?);
                Ok(Closed::Now)
            }
            _ => Ok(Closed::BySomebodyElse),
        }
    })
}

/// The kind of the entry that closes a run.
const RUN: &str = "run";

/// The body of the entry that closes a run: with the entry's own fields it covers every column of the run's row and of its
/// batches and erasures.
fn closing(
    record: &RunRecord,
    begun: &RunRow,
    batches: &[BatchRow],
    erasures: Option<erasure::Cover>,
) -> Result<String, DbError> {
    json(&Closing {
        record,
        started: begun.started,
        holder_digest: chain::digest(begun.holder.as_bytes()),
        plan_digest: chain::digest(begun.plan.as_bytes()),
        batches: batches.len() as u64,
        batches_digest: digest_of(batches),
        erasures,
    })
}

/// Chains the run's entry, writes its final record and addresses its mail; the caller's transaction holds the run open.
fn seal(conn: &mut Connection, record: &mut RunRecord, body: String, address: Addressing<'_>) -> Result<(), DbError> {
    let at = record.finished.unwrap_or(record.started);
    let entry = chain::append(conn, RUN, Some(&record.run), body, at)?;
    let link = link_of(conn, &entry)?;
    // The row need not repeat what the entry holds.
    record.ledger = Some(LedgerRecord { canonical: None, signature: None, ..link.clone() });
    control::finish_run(conn, &record.run, at.as_microsecond(), &json(record)?)?;
    record.ledger = Some(link);
    address(record).iter().try_for_each(|row| outbox::insert(conn, row))
}

fn link_of(conn: &mut Connection, entry: &EntryRow) -> Result<LedgerRecord, DbError> {
    Ok(LedgerRecord {
        entry: entry.number as u64,
        head: format!("sha256:{}", entry.hash),
        canonical: Some(chain::canonical(entry)),
        signature: control::signature::of(conn, entry.number)?,
    })
}

/// Runs a transaction that appends to the chain, again where another writer took the number first, or where a batch in flight
/// holds what it waits for: a batch may take some seconds.
fn appending<T>(
    conn: &mut Connection,
    mut body: impl FnMut(&mut Connection) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let races = Attempts::new(20, Pause::Growing(Duration::from_millis(5)));
    // Each of them waits as long as a statement waits for a lock.
    let waits = Attempts::new(5, Pause::Growing(Duration::ZERO));
    let is_a_race = |error: &DbError| matches!(error.kind, ErrorKind::Constraint | ErrorKind::Conflict);
    let is_a_lock = |error: &DbError| error.kind == ErrorKind::LockTimeout;
    let mut once = || {
        // What a transaction has signed that was rolled back does not count.
        conn.take_signed();
        conn.transaction(Mode::Single, &mut body)
    };
    let done = retry(waits, is_a_lock, || retry(races.clone(), is_a_race, &mut once))?;
    keys::remember(conn);
    Ok(done)
}

#[derive(Serialize)]
struct Closing<'a> {
    record: &'a RunRecord,
    started: i64,
    holder_digest: String,
    plan_digest: String,
    batches: u64,
    batches_digest: String,
    #[serde(flatten)]
    erasures: Option<erasure::Cover>,
}

/// The digest of a run's batches: SHA-256 over one line a batch, fields apart by tabs, in the order of the bytes of their
/// ids: a database would sort by the language that it was set up in.
fn digest_of(batches: &[BatchRow]) -> String {
    let mut hash = Sha256::new();
    let mut batches: Vec<_> = batches.iter().collect();
    batches.sort_unstable_by_key(|batch| &batch.id);
    for batch in batches {
        let line = format!(
            "{}\t{}\t{}\t{}\t{}\t{}\n",
            batch.id, batch.rule, batch.at, batch.done, batch.rolled_up, batch.consequences
        );
        hash.update(line.as_bytes());
    }
    chain::prefixed(&hash.finalize())
}

/// What was done is what the batches say; anything else is a bug or somebody's hand in the ledger, and fails the rule.
fn reconcile(record: &mut RunRecord, batches: &[BatchRow]) {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for batch in batches {
        *sums.entry(&batch.rule).or_default() += counted(batch.done);
    }
    for rule in &mut record.rules {
        let recorded = sums.get(rule.rule.as_str()).copied().unwrap_or_default();
        if recorded != rule.done {
            rule.status = Status::Failed;
            rule.error = Some(format!(
                "{} rows were done, but the ledger's batches hold {recorded}; compare the ledger with a backup",
                rule.done
            ));
        }
    }
    record.status = record.worst_status();
}

/// Closes runs that died: their process is gone, or nobody has seen them for longer than a lease lasts. The ids.
///
/// `before` is called with the id of each before it is closed: whatever dies after that, the next run does it again.
pub fn close_dead(
    conn: &mut Connection,
    address: Addressing<'_>,
    before: &mut dyn FnMut(&mut Connection, &str),
) -> Result<Vec<String>, DbError> {
    let mut closed = Vec::new();
    let now = control::clock(conn)?;
    for row in control::runs(conn, Which::Open)? {
        let planned: RunRecord = parse(&row.plan, &row.id)?;
        if lease::is_alive(conn, &planned, &row.holder, now)? {
            continue;
        }
        before(conn, &row.id);
        match appending(conn, |conn| bury(conn, &row, planned.clone(), now, address)) {
            Ok(true) => closed.push(row.id),
            // Somebody else was faster; or the server still works on its last batch, and the next run will close it.
            Ok(false) | Err(DbError { kind: ErrorKind::LockTimeout, .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(closed)
}

/// Closes one dead run from its batches; false where it was closed in the meantime. Its gates are shut before its batches
/// are read: its last COMMIT may still be on its way, and none may come after its entry.
fn bury(
    conn: &mut Connection,
    begun: &RunRow,
    mut record: RunRecord,
    now: i64,
    address: Addressing<'_>,
) -> Result<bool, DbError> {
    if !control::lock_open_run(conn, &record.run)? {
        return Ok(false);
    }
    lease::shut(conn, &record, now)?;
    chain::make_ready(conn)?;
    let batches = control::batches(conn, Some(&record.run), None)?;
    fill_from_batches(&mut record, &batches)?;
    if let Some(people) = &mut record.people {
        let begun = erasure::begun_by_run(conn, &record.run)?;
        people.tell_of_the_begun([begun.erased, begun.in_part, begun.unfinished]);
    }
    record.finished = Timestamp::from_microsecond(now).ok();
    record.status = record.worst_status();
    record.ledger_id = identity::known(conn)?.map(|bound| bound.ledger);
    let erasures = erasure::cover(conn, &record.run)?;
    let body = closing(&record, begun, &batches, erasures)?;
    seal(conn, &mut record, body, address)?;
    Ok(true)
}

/// What a dead run did is what its batches say; what it planned beyond that remains.
fn fill_from_batches(record: &mut RunRecord, batches: &[BatchRow]) -> Result<(), DbError> {
    record.notes.push("the process died before the run ended; it was closed from the batches in the ledger".to_owned());
    for rule in record.rules.iter_mut().filter(|rule| rule.status == Status::Ok) {
        // Until here they said what was planned.
        rule.cascaded.clear();
        rule.detached.clear();
        rule.suppressed = 0;
        for batch in batches.iter().filter(|batch| batch.rule == rule.rule) {
            let consequences = consequences_of(batch)?;
            rule.done += counted(batch.done);
            rule.rolled_up += counted(batch.rolled_up);
            if rule.action == "aggregate" && batch.rolled_up == 0 {
                rule.suppressed += counted(batch.done);
            }
            rule.batches += 1;
            add_all(&mut rule.cascaded, &consequences.cascaded);
            add_all(&mut rule.detached, &consequences.detached);
        }
        rule.eligible = rule.eligible.max(rule.done + rule.held + rule.blocked);
        rule.remaining = rule.eligible - rule.done - rule.held - rule.blocked;
        if rule.remaining > 0 {
            rule.status = Status::Failed;
            rule.error = Some("the process died before the rule was done; the next run goes on".to_owned());
            rule.oldest_kept = None;
        }
    }
    Ok(())
}

/// Adds the counts of `more` to those of `to`.
pub fn add_all(to: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (key, count) in more {
        *to.entry(key.clone()).or_default() += count;
    }
}

/// The newest runs first; those that were not closed as they were planned.
pub fn history(conn: &mut Connection, limit: u64) -> Result<Vec<RunRecord>, DbError> {
    read(conn, Which::Latest(limit))
}

/// The newest closed runs of `policy` on `database`, newest first, `limit` at most.
///
/// Policies of one database share its ledger; those of the newest 480 runs are found. Runs of single requests are not among
/// them: they say nothing of the policy's rules, and little of how the closed accounts stand.
pub fn closed_runs(
    conn: &mut Connection,
    policy: &str,
    database: &str,
    limit: usize,
) -> Result<Vec<RunRecord>, DbError> {
    const PAGE: u64 = 24;
    let (mut found, mut seen) = (Vec::new(), 0);
    let mut oldest: Option<String> = None;
    while found.len() < limit && seen < LOOK_BACK {
        let page = read(conn, Which::Closed(oldest.as_deref(), PAGE))?;
        let Some(last) = page.last() else { break };
        oldest = Some(last.run.clone());
        seen += page.len();
        found.extend(page.into_iter().filter(|record| {
            record.schedule.name == policy
                && !record.is_asked_for()
                && record.rules.iter().any(|rule| rule.database == database)
        }));
    }
    // Ids of one second are in no order.
    found.sort_by_key(|record| Reverse(record.started));
    found.truncate(limit);
    Ok(found)
}

/// So many runs of all policies are looked at for those of one.
const LOOK_BACK: usize = 480;

/// Runs whose id starts with `prefix`, each with the bytes that its entry hashes.
pub fn find(conn: &mut Connection, prefix: &str) -> Result<Vec<RunRecord>, DbError> {
    let mut records = read(conn, Which::Id(prefix))?;
    for record in records.iter_mut().filter(|record| record.ledger.is_some()) {
        let entries = control::entries_of_run(conn, &record.run)?;
        if let Some(entry) = entries.iter().find(|entry| entry.kind == RUN) {
            record.ledger = Some(link_of(conn, entry)?);
        }
    }
    Ok(records)
}

fn read(conn: &mut Connection, which: Which<'_>) -> Result<Vec<RunRecord>, DbError> {
    if !control::is_ready(conn)? {
        return Ok(Vec::new());
    }
    control::runs(conn, which)?
        .into_iter()
        .map(|row| parse(row.record.as_deref().unwrap_or(&row.plan), &row.id))
        .collect()
}

/// What a ledger knows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Unknown,
    /// It is under way, or died and was not closed yet.
    Open,
    Closed,
}

/// How a run stands in this ledger.
pub fn presence(conn: &mut Connection, run: &str) -> Result<Presence, DbError> {
    if !control::is_ready(conn)? {
        return Ok(Presence::Unknown);
    }
    Ok(match control::walk::run(conn, run)? {
        None => Presence::Unknown,
        Some(row) if row.finished.is_none() => Presence::Open,
        Some(_) => Presence::Closed,
    })
}

/// What tells a ledger from every other: the hash of its first entry; `None` before there is one. Restored from a backup it is
/// the same ledger.
pub fn identity(conn: &mut Connection) -> Result<Option<String>, DbError> {
    Ok(control::walk::entries_after(conn, 0, 1)?.into_iter().next().map(|entry| entry.hash))
}

/// What was ordered by hand and stands.
#[derive(Debug, Default)]
pub struct Orders {
    pub holds: hold::Orders,
    pub pauses: Vec<pause::Standing>,
}

/// Reads what was ordered by hand.
pub fn orders(conn: &mut Connection) -> Result<Orders, DbError> {
    Ok(Orders { holds: hold::orders(conn)?, pauses: pause::standing(conn)? })
}

/// As [`orders`], for a worker that has taken a gate: the orders that are about to be given are among them, and those that
/// come later shut the gate.
pub fn orders_beyond_a_gate(conn: &mut Connection) -> Result<Orders, DbError> {
    conn.transaction(Mode::Single, |conn| {
        gate::wait_for_orders(conn)?;
        orders(conn)
    })
}

/// Notes in the chain that a guarded run may go ahead; false where it was approved before. Of several commands that approve
/// one run at a time, one notes it: each first locks the run's row, and looks then.
pub fn record_approval(conn: &mut Connection, run: &str, actor: &str, at: Timestamp) -> Result<bool, DbError> {
    let body = json(&BTreeMap::from([("approved", run), ("actor", actor)]))?;
    appending(conn, |conn| {
        control::lock_run(conn, run)?;
        let is_new = !is_approved(conn, run)?;
        if is_new {
            chain::append(conn, "approval", Some(run), body.clone(), at)?;
        }
        Ok(is_new)
    })
}

/// Was the run approved before? An approval is good for one run.
pub fn is_approved(conn: &mut Connection, run: &str) -> Result<bool, DbError> {
    Ok(control::entries_of_run(conn, run)?.iter().any(|entry| entry.kind == "approval"))
}

fn json<T: Serialize>(value: &T) -> Result<String, DbError> {
    serde_json::to_string(value).map_err(|_| DbError::new(ErrorKind::Other, "a record cannot be written as JSON"))
}

fn parse(text: &str, run: &str) -> Result<RunRecord, DbError> {
    serde_json::from_str(text)
        .map_err(|_| DbError::new(ErrorKind::Other, format!("the record of run `{run}` in the ledger cannot be read")))
}
