//! Doing what a plan says, batch by batch.
//!
//! One rule: take its lease, walk its tables window by window, one transaction a window, and record each batch in the
//! transaction that does it. Every error a batch can meet ends in one of three ways: the same window again, smaller; the
//! rule stopped, with the rest for the next run; or the rule failed, with a sentence.

mod batch;
pub mod erase;
mod pace;
mod patience;
mod side_by_side;
mod told;
mod turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::base::time;
use crate::db::predicate::window::{self, Edge, Next, Window};
use crate::db::write::batch::{Done, frees_its_own};
use crate::db::write::rollup;
use crate::db::{Connection, DbError};
use crate::ledger::lease::{self, Taken};
use crate::ledger::roster::Roster;
use crate::ledger::{self, pause};
use crate::plan::{Act, Anchor, Axis, Rollup, RulePlan, Target};

use batch::{Attempt, Refused};
use pace::Pace;
use turn::Turn;

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
    /// The reason and the remedy.
    Failed(String),
}

/// What a rule did, however it ended.
#[derive(Debug, Default)]
pub struct Tally {
    pub done: Done,
    pub batches: u64,
}

/// What the worker needs beside the plan.
pub struct Worker<'a> {
    pub conn: &'a mut Connection,
    /// Opens the same database again after the connection was lost.
    pub reopen: Reopen<'a>,
    pub policy: &'a str,
    /// The policies that there are.
    pub roster: &'a Roster<'a>,
    pub run: &'a str,
    /// How many holds had been added to the ledger when the plan was made.
    pub holds: u64,
    pub stop: &'a Stop,
    /// Called after each batch with the rows of the rule done so far.
    pub progress: &'a mut dyn FnMut(u64),
}

/// Why something ended before its end.
#[derive(Debug)]
pub enum Halt {
    Stopped(String),
    Failed(DbError),
}

impl Halt {
    /// The reason, and the remedy where there is one.
    pub fn sentence(self) -> String {
        match self {
            Halt::Stopped(reason) => reason,
            Halt::Failed(error) => error.message,
        }
    }
}

impl From<Halt> for Ending {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Stopped(reason) => Ending::Stopped(reason),
            Halt::Failed(error) => Ending::Failed(error.message),
        }
    }
}

impl From<DbError> for Halt {
    fn from(error: DbError) -> Self {
        Halt::Failed(error)
    }
}

/// Executes one rule and says how it ended; what was committed is in the tally in any case.
pub fn rule(worker: &mut Worker<'_>, plan: &RulePlan) -> (Tally, Ending) {
    let _span = tracing::info_span!("rule", run = worker.run, rule = plan.rule).entered();
    let mut tally = Tally::default();
    let (policy, run) = (worker.policy, worker.run);
    let lease = match worker.patiently(|conn| lease::take(conn, policy, &plan.rule, run)) {
        Ok(Taken::Lease(lease)) => lease,
        Ok(Taken::Busy(who)) => return (tally, Ending::Stopped(who)),
        Err(halt) => return (tally, halt.into()),
    };
    if let Err(halt) = worker.may_begin(&plan.rule) {
        let _ = lease.release(worker.conn);
        return (tally, halt.into());
    }
    let (turn, refused) = (Turn::new(worker, &lease, &plan.rule), Refused::default());
    let mut walk = Walk { turn, plan, tally: &mut tally, refused, sequence: 0 };
    let ending = match walk.tables().and_then(|()| walk.turn.still_ours()) {
        Ok(()) => walk.refused.ending("rows could not be changed"),
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
        match pause::of_rule(&orders.pauses, self.roster, self.policy, rule, time::now()) {
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

/// One rule on its way over its tables.
struct Walk<'a, 'w> {
    turn: Turn<'a, 'w>,
    plan: &'a RulePlan,
    tally: &'a mut Tally,
    /// Rows that could not be changed at all.
    refused: Refused,
    sequence: u64,
}

impl Walk<'_, '_> {
    fn tables(&mut self) -> Result<(), Halt> {
        let plan = self.plan;
        loop {
            let before = self.tally.done.rows;
            for target in &plan.targets {
                match &plan.act {
                    Act::Aggregate(rollup) => self.buckets(target, rollup)?,
                    Act::Delete | Act::Redact => self.windows(target)?,
                }
            }
            if self.tally.done.rows == before || !frees_its_own(plan) {
                return Ok(());
            }
        }
    }

    /// Along the best axis, or the next one where that one has too many equal values, or cannot go around one row.
    fn windows(&mut self, target: &Target) -> Result<(), Halt> {
        let mut axes = target.axes.as_slice();
        while let Some((axis, others)) = axes.split_first() {
            let is_last = !others.iter().any(|axis| matches!(axis, Axis::Key(_)));
            if self.along(target, axis, is_last)? {
                return Ok(());
            }
            axes = others;
        }
        Ok(())
    }

    /// False where another axis is to be taken; what was done until then is done. Along a key a window that fails is cut down to
    /// the row that is in the way, which keeps none behind it waiting.
    fn along(&mut self, target: &Target, axis: &Axis, is_last: bool) -> Result<bool, Halt> {
        /// Refused one after the other: nothing will fit then, and each costs a transaction.
        const MOST_REFUSED: u32 = 1_000;
        let mut pace = Pace::of(self.turn.worker.conn.dialect(), axis);
        let mut lower: Option<Edge> = None;
        let mut refused = 0;
        loop {
            self.turn.between_batches()?;
            let window = match self.next_window(target, axis, &lower, &mut pace)? {
                Some(window) => window,
                None => return Ok(false),
            };
            let started = Instant::now();
            match self
                .attempt(|conn, plan| batch::act(conn, plan, target, axis, &window), takes_several(self.plan, target))?
            {
                Attempt::Done(done) => {
                    refused = 0;
                    self.count(done);
                    pace.took(started.elapsed());
                }
                Attempt::Again(error) if !error.is_of_a_row() => {
                    pace.shrink(error)?;
                    continue;
                }
                Attempt::Again(error) if matches!(axis, Axis::Key(_)) => {
                    if pace.narrow() {
                        continue;
                    }
                    refused += 1;
                    if refused > MOST_REFUSED {
                        return Err(Halt::Failed(error));
                    }
                    self.refused.note(error);
                }
                Attempt::Again(error) if is_last => return Err(Halt::Failed(error)),
                Attempt::Again(_) => return Ok(false),
            }
            match window.after() {
                Some(edge) => lower = Some(edge),
                None => return Ok(true),
            }
        }
    }

    fn next_window(
        &mut self,
        target: &Target,
        axis: &Axis,
        lower: &Option<Edge>,
        pace: &mut Pace,
    ) -> Result<Option<Window>, Halt> {
        loop {
            match window::next(self.turn.worker.conn, target, axis, lower.clone(), pace.size()) {
                Ok(Next::Window(window)) => return Ok(Some(window)),
                Ok(Next::Tied) => return Ok(None),
                Err(error) if error.is_transient() => {
                    self.turn.mend(&error)?;
                    pace.shrink(error)?;
                }
                Err(error) => return Err(Halt::Failed(error)),
            }
        }
    }

    /// Bucket by bucket, oldest first, each in one transaction. A late row brings its bucket up again.
    fn buckets(&mut self, target: &Target, rollup: &Rollup) -> Result<(), Halt> {
        /// Of one bucket in a row, failed attempts included.
        const MOST_VISITS: u32 = 20;
        let plan = self.plan;
        let mut pace = Pace::of(self.turn.worker.conn.dialect(), &Axis::Whole);
        let (mut last, mut visits) = (None, 0);
        loop {
            self.turn.between_batches()?;
            let due = self.turn.worker.patiently(|conn| rollup::next_due(conn, plan, target))?;
            let Some((start, end)) = due.and_then(|due| rollup.bucket_of(due)) else { return Ok(()) };
            visits = if last == Some(start) { visits + 1 } else { 1 };
            last = Some(start);
            if visits > MOST_VISITS {
                let reason = "rows keep coming into a bucket as it is rolled up; the rest remains for the next run";
                return Err(Halt::Stopped(reason.to_owned()));
            }
            let Some((first, ended)) = bucket_edges(self.plan, target, start, end) else { return Ok(()) };
            match self.attempt(|conn, plan| rollup::bucket(conn, plan, &ended, rollup, &first, start), true)? {
                Attempt::Done(done) => self.count(done),
                Attempt::Again(error) if error.is_of_a_row() => return Err(Halt::Failed(error)),
                Attempt::Again(error) => pace.shrink(error)?,
            }
        }
    }

    /// One batch in one transaction, with its record. The id is made before anything is sent, so that it can be looked
    /// for where the connection is lost at COMMIT.
    fn attempt(
        &mut self,
        act: impl Fn(&mut Connection, &RulePlan) -> Result<Done, DbError>,
        several: bool,
    ) -> Result<Attempt<Done>, Halt> {
        self.sequence += 1;
        let (plan, lease, run) = (self.plan, self.turn.lease, self.turn.worker.run);
        let id = format!("{run}/{}/{:06}", plan.rule, self.sequence);
        let identity = batch::Identity { id, run, rule: &plan.rule };
        let attempt = self.turn.attempt(
            |conn| batch::transact(conn, lease, &identity, several, |conn| act(conn, plan)),
            |conn| batch::outcome(conn, &identity),
        )?;
        if let Attempt::Done(done) = &attempt {
            tracing::debug!(event = "batch", batch = identity.id, rows = done.rows, "batch committed");
        }
        Ok(attempt)
    }

    fn count(&mut self, done: Done) {
        self.tally.batches += u64::from(done != Done::default());
        self.tally.done.add(done);
        (self.turn.worker.progress)(self.tally.done.rows);
    }
}

fn called_off() -> Halt {
    let reason =
        "a hold was added, or a pause ordered, after this run was planned; the next run keeps to it and does the rest";
    Halt::Stopped(reason.to_owned())
}

fn takes_several(plan: &RulePlan, target: &Target) -> bool {
    plan.act.removes() && crate::db::write::batch::takes_several(plan, target)
}

/// The anchor bounded by the bucket's start, and the target bounded by its end. A bucket that has not wholly expired is
/// not touched: the rule's own bound was already moved down to a bucket's edge.
fn bucket_edges(
    plan: &RulePlan,
    target: &Target,
    start: jiff::Timestamp,
    end: jiff::Timestamp,
) -> Option<(Anchor, Target)> {
    if plan.cutoff.is_none_or(|cutoff| end > cutoff) {
        return None;
    }
    let anchor = target.anchors.first()?;
    let ended = Target { anchors: vec![anchor.bounded_by(end)], ..target.clone() };
    Some((anchor.bounded_by(start), ended))
}
