//! A turn on what a lease gives: between its batches it stops where it was told to, lets others in and shows that it lives;
//! and whatever a batch meets ends as a result, as another attempt, or as the end of the turn.

use std::thread;
use std::time::{Duration, Instant};

use super::batch::{self, Attempt};
use super::{Halt, Worker, called_off, patience};
use crate::db::{Connection, DbError, Dialect, ErrorKind};
use crate::ledger::lease::Lease;

/// How often the lease is renewed between batches.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// After how much work on SQLite a rest is due, and how long it is. Whoever waits there for the one writer to end looks
/// again every 100 ms: batches without a gap between them would lock the application out until the last one.
const REST_AFTER: Duration = Duration::from_millis(500);
const REST: Duration = Duration::from_millis(110);

/// Work under one lease.
pub(super) struct Turn<'a, 'w> {
    pub worker: &'a mut Worker<'w>,
    pub lease: &'a Lease,
    /// Under which name others pause what it does.
    rule: &'a str,
    renewed: Instant,
    rested: Instant,
}

impl<'a, 'w> Turn<'a, 'w> {
    pub fn new(worker: &'a mut Worker<'w>, lease: &'a Lease, rule: &'a str) -> Self {
        let now = Instant::now();
        Self { worker, lease, rule, renewed: now, rested: now }
    }

    /// Stops where it was told to, lets others in, and shows that it lives.
    pub fn between_batches(&mut self) -> Result<(), Halt> {
        if let Some(reason) = self.worker.stop.reason() {
            return Err(Halt::Stopped(reason));
        }
        if self.worker.conn.dialect() == Dialect::Sqlite && self.rested.elapsed() >= REST_AFTER {
            self.let_others_write()?;
        }
        if self.renewed.elapsed() < RENEW_EVERY {
            return Ok(());
        }
        self.renewed = Instant::now();
        match self.lease.renew(self.worker.conn) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.lost()),
            Err(error) => self.mend(&error),
        }
    }

    /// Whoever waits for SQLite's one writer gets in while the log is moved into the file, which takes no lock that writers
    /// want, and for the rest of the rest.
    fn let_others_write(&mut self) -> Result<(), Halt> {
        let started = Instant::now();
        match self.worker.conn.move_log() {
            // Somebody is in the way: what was not moved now is moved the next time, or at the end.
            Err(error) if error.is_transient() => {}
            outcome => outcome?,
        }
        thread::sleep(REST.saturating_sub(started.elapsed()));
        self.rested = Instant::now();
        Ok(())
    }

    /// One batch in one transaction: `act` is `None` where the lease is lost and nothing was done, and `outcome` tells after
    /// a COMMIT that was not answered what the ledger says of it.
    pub fn attempt<T>(
        &mut self,
        act: impl FnOnce(&mut Connection) -> Result<Option<T>, DbError>,
        outcome: impl Fn(&mut Connection) -> Result<Option<T>, DbError>,
    ) -> Result<Attempt<T>, Halt> {
        let came = act(self.worker.conn);
        self.judge(came, outcome)
    }

    /// What came of a batch, on whichever connection it was sent; asked between batches, as the ledger is asked on the worker's.
    pub fn judge<T>(
        &mut self,
        came: Result<Option<T>, DbError>,
        outcome: impl Fn(&mut Connection) -> Result<Option<T>, DbError>,
    ) -> Result<Attempt<T>, Halt> {
        match came {
            Ok(Some(done)) => Ok(Attempt::Done(done)),
            Ok(None) => Err(self.lost()),
            Err(error) if error.kind == ErrorKind::CommitUnknown => self.find_out(outcome, error),
            Err(error) if error.kind == ErrorKind::SchemaChanged => Err(Halt::Stopped(error.message)),
            Err(error) if batch::may_pass_later(&error) => {
                self.mend(&error)?;
                Ok(Attempt::Again(error))
            }
            Err(error) => Err(Halt::Failed(error)),
        }
    }

    /// Whether a batch was committed whose COMMIT was not answered. The server may still be at it: renewing the lease
    /// updates the gate row, on which that batch holds a shared lock, and so waits until it is decided.
    fn find_out<T>(
        &mut self,
        outcome: impl Fn(&mut Connection) -> Result<Option<T>, DbError>,
        error: DbError,
    ) -> Result<Attempt<T>, Halt> {
        tracing::warn!(
            event = "commit-unknown",
            "the connection was lost at COMMIT; the ledger tells what came of the batch"
        );
        self.reconnect()?;
        let lease = self.lease;
        let is_ours = self.worker.patiently(|conn| lease.renew(conn))?;
        match self.worker.patiently(outcome)? {
            Some(done) => Ok(Attempt::Done(done)),
            None if is_ours => Ok(Attempt::Again(error)),
            None => Err(self.lost()),
        }
    }

    /// A lost connection is opened again; other errors left it as it was.
    pub fn mend(&mut self, error: &DbError) -> Result<(), Halt> {
        if error.kind == ErrorKind::Lost { self.reconnect() } else { Ok(()) }
    }

    fn reconnect(&mut self) -> Result<(), Halt> {
        patience::reconnect(self.worker.conn, self.worker.reopen, self.worker.stop)
    }
    /// A worker that slept through a takeover finds nothing left to do: that is not the same as having done it.
    pub fn still_ours(&mut self) -> Result<(), Halt> {
        let lease = self.lease;
        if self.worker.patiently(|conn| lease.renew(conn))? { Ok(()) } else { Err(self.lost()) }
    }

    /// Why the gate has another token than ours.
    fn lost(&mut self) -> Halt {
        let lease = self.lease;
        match self.worker.patiently(|conn| lease.was_called_off(conn)) {
            Ok(true) => self.worker.may_begin(self.rule).err().unwrap_or_else(called_off),
            _ => Halt::Stopped("another run took the rule over; nothing was changed after that".to_owned()),
        }
    }
}
