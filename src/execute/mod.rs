//! Doing what a plan says, batch by batch.
//!
//! One rule: take its lease, walk its tables window by window, one transaction a window, and record each batch in the
//! transaction that does it. Every error a batch can meet ends in one of four ways: the same window again, smaller; one row
//! passed over and counted; the rule stopped, with the rest for the next run; or the rule failed, with a sentence.

mod batch;
mod buckets;
pub mod erase;
mod locks;
mod outcome;
mod pace;
mod passed_over;
mod patience;
mod side_by_side;
mod turn;
mod walk;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::time;
use crate::db::catalog::fingerprint::Fingerprint;
use crate::db::write::batch::Done;
use crate::db::{Connection, DbError, ErrorKind};
use crate::ledger::lease::{self, Taken};
use crate::ledger::names::Names;
use crate::ledger::{self, pause};
use crate::plan::{Ceiling, RulePlan};

use turn::Turn;
use walk::Walk;

pub use passed_over::{PassedOver, PeoplePassedOver};
pub use patience::{Reopen, patiently};

/// Tells a run to end at the next batch boundary.
#[derive(Clone, Default)]
pub struct Stop {
    signal: Arc<AtomicBool>,
    watch: Option<Arc<Watch>>,
}

/// Asked before every batch: why it is not to begin, if it is not.
pub type Watch = dyn Fn() -> Option<String> + Send + Sync;

impl Stop {
    /// One that a signal sets, and that `watch` is asked about before every batch.
    pub fn watched(signal: Arc<AtomicBool>, watch: Arc<Watch>) -> Self {
        Self { signal, watch: Some(watch) }
    }

    /// The flag itself, for signal handlers.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.signal)
    }

    /// Has a signal come?
    pub fn is_set(&self) -> bool {
        self.signal.load(Ordering::Relaxed)
    }

    /// Why the next batch is not to begin; `None` where it is.
    fn reason(&self) -> Option<String> {
        let signal = || "a signal asked it to stop; the rest remains for the next run".to_owned();
        self.is_set().then(signal).or_else(|| self.watch.as_ref()?())
    }

    /// Sleeps for so long, or until a signal comes.
    fn sleep(&self, length: Duration) {
        const LOOK_EVERY: Duration = Duration::from_millis(50);
        let started = Instant::now();
        while !self.is_set() && started.elapsed() < length {
            thread::sleep(LOOK_EVERY.min(length.saturating_sub(started.elapsed())));
        }
    }
}

/// How a rule ended.
#[derive(Debug, Clone)]
pub enum Ending {
    Done,
    /// The rest remains for the next run; the reason.
    Stopped(String),
    /// The same, because no row more may be done by this plan; what is left is to be counted.
    Bounded(String),
    /// The reason and the remedy.
    Failed(String),
}

/// What a rule did, however it ended.
#[derive(Debug, Default)]
pub struct Tally {
    pub done: Done,
    pub batches: u64,
    /// Rows of a roll-up that went into no row of its target.
    pub suppressed: u64,
    pub passed_over: PassedOver,
}

/// What the worker needs beside the plan.
pub struct Worker<'a> {
    pub conn: &'a mut Connection,
    /// Opens the same database again after the connection was lost.
    pub reopen: Reopen<'a>,
    /// By which the ledger may know the policy and its rules.
    pub names: Names<'a>,
    pub run: &'a str,
    /// How many holds had been added to the ledger when the plan was made.
    pub holds: u64,
    /// What the run may do still.
    pub ceiling: &'a Ceiling,
    /// The catalog that the plan was made with.
    pub catalog: &'a Fingerprint,
    pub stop: &'a Stop,
    /// Called after each batch with the rows of the rule done so far.
    pub progress: &'a mut dyn FnMut(u64),
}

/// Why something ended before its end.
#[derive(Debug)]
pub enum Halt {
    Stopped(String),
    /// As [`Ending::Bounded`].
    Bounded(String),
    Failed(DbError),
}

impl Halt {
    /// The reason, and the remedy where there is one.
    pub fn sentence(self) -> String {
        match self {
            Halt::Stopped(reason) | Halt::Bounded(reason) => reason,
            Halt::Failed(error) => error.message,
        }
    }
}

impl From<DbError> for Halt {
    /// A table that is not as it was planned with ends the rule for now; the next run plans anew.
    fn from(error: DbError) -> Self {
        match error.kind {
            ErrorKind::SchemaChanged => Self::Stopped(error.message),
            _ => Self::Failed(error),
        }
    }
}

impl From<Halt> for Ending {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Stopped(reason) => Ending::Stopped(reason),
            Halt::Bounded(reason) => Ending::Bounded(reason),
            Halt::Failed(error) => Ending::Failed(error.message),
        }
    }
}

/// Executes one rule and says how it ended; what was committed is in the tally in any case.
pub fn rule(worker: &mut Worker<'_>, plan: &RulePlan) -> (Tally, Ending) {
    let _span = tracing::info_span!("rule", run = worker.run, rule = plan.rule).entered();
    let mut tally = Tally::default();
    let (policy, run) = (worker.names.policy(), worker.run);
    let lease = match worker.patiently(|conn| lease::take(conn, policy, &plan.rule, run)) {
        Ok(Taken::Lease(lease)) => lease,
        Ok(Taken::Busy(who)) => return (tally, Ending::Stopped(who)),
        Err(halt) => return (tally, halt.into()),
    };
    if let Err(halt) = worker.may_begin(&plan.rule) {
        let _ = lease.release(worker.conn);
        return (tally, halt.into());
    }
    let footing = worker.catalog.footing([plan]);
    let mut walk = Walk::new(Turn::new(worker, &lease, &plan.rule), (plan, footing), &mut tally);
    let ending = match walk.tables().and_then(|()| walk.turn.still_ours()) {
        Ok(()) => Ending::Done,
        Err(halt) => halt.into(),
    };
    // A gate that cannot be given back opens by itself: this process is gone then, or its lease has run out.
    let _ = lease.release(worker.conn);
    (tally, ending)
}

impl Worker<'_> {
    /// Asked after the gate was taken: whoever adds a hold or pauses the rule from now on raises it.
    fn may_begin(&mut self, rule: &str) -> Result<(), Halt> {
        let orders = self.patiently(ledger::orders_beyond_a_gate)?;
        match pause::of_rule(&orders.pauses, self.names, rule, time::now()) {
            Some(pause) => Err(Halt::Stopped(pause.record().to_string())),
            None if orders.holds.added != self.holds => Err(called_off()),
            None => Ok(()),
        }
    }

    /// As [`patiently`], on the worker's connection.
    pub fn patiently<T>(&mut self, act: impl FnMut(&mut Connection) -> Result<T, DbError>) -> Result<T, Halt> {
        patiently(self.conn, self.reopen, self.stop, act)
    }
}

fn called_off() -> Halt {
    let reason =
        "a hold was added, or a pause ordered, after this run was planned; the next run keeps to it and does the rest";
    Halt::Stopped(reason.to_owned())
}
