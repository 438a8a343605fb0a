//! The first stage of a run: the database is open, the ledger is ready, the clocks agree, and runs that died are closed.

use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;

use super::plan::{self, Planned};
use super::{Consent, Job, Progress, Refusal, clocks, deliver, register};
use crate::base::time::{self, Period};
use crate::db::{Access, Connection, DbError, ErrorKind, control};
use crate::execute::Stop;
use crate::ledger;
use crate::record::RunRecord;

/// A ledger of which nothing was heard for longer speaks of a clock that jumped ahead: schedules come true once a year.
const LONGEST_GAP: &str = "400 days";

/// What a run is made with, from its beginning to its end.
pub(super) struct Prepared<'a> {
    pub job: &'a Job<'a>,
    pub consent: &'a Consent,
    pub stop: &'a Stop,
    pub conn: Connection,
    pub started: Timestamp,
    /// The same by the clock that nobody can set.
    pub begun: Duration,
    /// Runs that had died.
    pub closed: Vec<String>,
    /// What the register of erasures lacks.
    pub unregistered: Vec<String>,
    /// What is to be said of all that.
    pub notes: Vec<String>,
}

impl<'a> Prepared<'a> {
    /// Nothing of the application's is changed yet.
    pub fn by(job: &'a Job<'a>, consent: &'a Consent, stop: &'a Stop) -> Result<Self, Refusal> {
        let (started, begun) = (time::now(), time::since_boot());
        let mut conn = job.open(Access::ReadWrite)?;
        prepare_ledger(&mut conn)?;
        check_clocks(&mut conn)?;
        ledger::keys::check(&mut conn)?;
        let address = |record: &RunRecord| job.address(record);
        let over = expire_orders(&mut conn, started)?;
        let mut unregistered = Vec::new();
        let closed = ledger::close_dead(&mut conn, &address, &mut |conn, run| {
            unregistered.extend(register::add(job, conn, run));
        })?;
        if !closed.is_empty() {
            // Somebody waits to hear that a run died, and this one may take hours.
            deliver(job);
        }
        let rebuilt = register::look_through(job, &mut conn).unwrap_or_else(|error| {
            unregistered.push(format!("nobody can tell what the register of erasures lacks: {error:#}"));
            None
        });
        unregistered.extend(register::catch_up(job, &mut conn, stop)?);
        let mut notes: Vec<_> =
            closed.iter().map(|run| format!("run `{run}` had died and was closed before this one")).collect();
        notes.extend(over);
        notes.extend(rebuilt);
        notes.extend(crate::deliver::outbox::notes(&mut conn)?);
        Ok(Self { job, consent, stop, conn, started, begun, closed, unregistered, notes })
    }

    /// The plan that bounds all that follows.
    pub fn plan(mut self, progress: Progress<'_>) -> Result<(Self, Planned), Refusal> {
        let planned = plan::make(self.job, &mut self.conn, Access::ReadWrite, self.consent, progress)?;
        Ok((self, planned))
    }
}

/// Ends the holds and pauses whose time is over; what is to be said of them.
fn expire_orders(conn: &mut Connection, now: Timestamp) -> Result<Vec<String>, DbError> {
    let holds = ledger::hold::expire(conn, now)?;
    let mut over: Vec<_> = holds.iter().map(|hold| format!("hold `{hold}` has ended: its last day is over")).collect();
    for scope in ledger::pause::expire(conn, now)? {
        let what = scope.rule().map_or_else(|| "all rules".to_owned(), |rule| format!("rule `{rule}`"));
        over.push(format!("the pause of {what} has ended: its time is over"));
    }
    Ok(over)
}

/// The control tables are there and may be written, or are made where the role may.
///
/// # Errors
/// What their owner must do.
pub fn prepare_ledger(conn: &mut Connection) -> anyhow::Result<()> {
    if control::is_ready(conn)? {
        return Ok(control::check_rights(conn)?);
    }
    match control::migrate(conn) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind, ErrorKind::Privilege | ErrorKind::ReadOnly) => Err(anyhow!(
            "the control tables are missing or old, or hidden from this role, and it may not make them ({error}); \
             let their owner run `tenure migrate` once, and then:\n{}",
            control::grants(conn.dialect()).join("\n")
        )),
        Err(error) => Err(error).context("the control tables cannot be made"),
    }
}

fn check_clocks(conn: &mut Connection) -> anyhow::Result<()> {
    let most = Period::parse(LONGEST_GAP).expect("this is a period");
    let reading = clocks::read(conn)?;
    match reading.contradiction().or_else(|| reading.gap(None, &most)) {
        Some(sentence) => bail!(sentence),
        None => Ok(()),
    }
}
