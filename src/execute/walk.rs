//! One rule on its way over its tables, window by window.
//!
//! Where a window fails because of one of its rows, it is cut down to that row, which is passed over; locked rows are come
//! back to at the end.

use std::time::{Duration, Instant};

use super::batch::{self, Attempt};
use super::locks::Locks;
use super::pace::Pace;
use super::passed_over::Places;
use super::turn::Turn;
use super::{Halt, Tally};
use crate::db::catalog::fingerprint::Footing;
use crate::db::predicate::window::{self, Edge, Next, Window};
use crate::db::query::probe;
use crate::db::write::batch::{Done, frees_its_own, takes_several};
use crate::db::write::hashes;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Mode, Wait};
use crate::plan::{Act, Amounts, Axis, RulePlan, Target};

/// Rows that were passed over one after the other: nothing will fit then, and each costs a transaction.
const MOST_IN_A_ROW: u32 = 5_000;

/// Rows with which more would go than was planned: where they are many, the application has changed what was planned for.
const MOST_BEYOND: usize = 100;

pub(super) struct Walk<'a, 'w> {
    pub turn: Turn<'a, 'w>,
    pub plan: &'a RulePlan,
    footing: Footing,
    pub tally: &'a mut Tally,
    pub(super) places: Places<'a>,
    pub(super) locks: Locks,
    sequence: u64,
}

/// What comes after a failed attempt.
enum Then {
    /// The same place again; the window is smaller, where it can be.
    Again,
    /// It is one row, or as little as can be cut: go on behind it.
    PassOver,
}

impl<'a, 'w> Walk<'a, 'w> {
    /// On the tables as they were when the rule was planned.
    pub fn new(turn: Turn<'a, 'w>, (plan, footing): (&'a RulePlan, Footing), tally: &'a mut Tally) -> Self {
        Self { turn, plan, footing, tally, places: Places::default(), locks: Locks::default(), sequence: 0 }
    }

    /// All tables, as often as that frees rows of the rule; then what was locked, once more.
    pub fn tables(&mut self) -> Result<(), Halt> {
        let plan = self.plan;
        let mut some_are_small = false;
        loop {
            let before = self.tally.done.rows;
            self.places = Places::default();
            for target in &plan.targets {
                match &plan.act {
                    Act::Aggregate(rollup) => some_are_small = self.buckets(target, rollup)?,
                    Act::Delete | Act::Redact => self.windows(target)?,
                }
            }
            if self.tally.done.rows == before || !frees_its_own(plan) {
                break;
            }
        }
        self.come_back()?;
        if let Act::Aggregate(rollup) = &plan.act {
            self.rest(rollup, some_are_small)?;
        }
        self.tally.passed_over = self.turn.worker.patiently(|conn| self.places.count(conn, plan))?;
        Ok(())
    }

    /// Along the best axis; then along a key, where that one has too many equal values, or something was passed over that may be
    /// several rows.
    fn windows(&mut self, target: &'a Target) -> Result<(), Halt> {
        let mut axes = target.axes.as_slice();
        while let Some((axis, others)) = axes.split_first() {
            let passed_before = self.places.len();
            let is_whole = self.along(target, axis)?;
            let tells_rows_apart = matches!(axis, Axis::Key(_));
            let can_be_finer = !tells_rows_apart && others.iter().any(|other| matches!(other, Axis::Key(_)));
            if is_whole && !(can_be_finer && self.places.len() > passed_before) {
                return Ok(());
            }
            self.places.truncate(passed_before);
            axes = others;
        }
        Ok(())
    }

    /// False where another axis is to be taken; what was done until then is done.
    fn along(&mut self, target: &'a Target, axis: &'a Axis) -> Result<bool, Halt> {
        let mut pace = Pace::of(self.turn.worker.conn.dialect(), axis);
        let mut lower: Option<Edge> = None;
        let mut in_a_row = 0;
        loop {
            self.turn.between_batches()?;
            let Some(window) = self.next_window(target, axis, &lower, &mut pace)? else { return Ok(false) };
            let is_one_row = pace.size() == 1 && matches!(axis, Axis::Key(_));
            let window = if is_one_row { window.of_one_row() } else { window };
            let started = Instant::now();
            match self.window(target, axis, &window, self.locks.wait())? {
                Attempt::Done(done) => {
                    in_a_row = 0;
                    self.count(done);
                    pace.took(started.elapsed());
                }
                Attempt::Again(error) => match self.after_failure(&error, axis, &mut pace, started.elapsed())? {
                    Then::Again => continue,
                    Then::PassOver if in_a_row == MOST_IN_A_ROW => return Err(Halt::Failed(error)),
                    Then::PassOver if error.kind == ErrorKind::Beyond && self.places.beyond() == MOST_BEYOND => {
                        return Err(Halt::Bounded(error.message));
                    }
                    Then::PassOver => {
                        in_a_row += 1;
                        let error = self.with_triggers(error, target);
                        self.places.note(target, axis, window.clone(), &error);
                    }
                },
            }
            match window.after() {
                Some(edge) => lower = Some(edge),
                None => return Ok(true),
            }
        }
    }

    fn after_failure(&mut self, error: &DbError, axis: &Axis, pace: &mut Pace, took: Duration) -> Result<Then, Halt> {
        let is_of_the_database = is_of_the_database(error, self.turn.worker.conn.dialect());
        let is_transient = error.is_transient() || is_of_the_database;
        match error.kind {
            _ if is_of_the_database => pace.shrink(error.clone()).map(|()| Then::Again),
            ErrorKind::Beyond if *axis == Axis::Whole => self.within_the_plan().map(|()| Then::PassOver),
            ErrorKind::Beyond => self.within_the_plan().map(|()| pace.narrow_or_pass_over()),
            _ if *axis == Axis::Whole && is_transient => pace.shrink(error.clone()).map(|()| Then::Again),
            _ if *axis == Axis::Whole => Err(Halt::Failed(error.clone())),
            ErrorKind::LockTimeout => self.locks.waited(took).map(|()| pace.narrow_or_pass_over()),
            // Two transactions met: at the next attempt they may not.
            ErrorKind::Conflict => Ok(if pace.try_again() { Then::Again } else { Then::PassOver }),
            _ => Ok(pace.narrow_or_pass_over()),
        }
    }

    /// The application's sentence is not repeated, but what can have said it is named; once is enough.
    fn with_triggers(&mut self, error: DbError, target: &Target) -> DbError {
        if error.kind != ErrorKind::Raised || self.places.len() > 0 {
            return error;
        }
        match probe::triggers(self.turn.worker.conn, &target.table) {
            Ok(triggers) if !triggers.is_empty() => {
                let message = format!("{}; triggers of `{}`: {}", error.message, target.table, triggers.join(", "));
                DbError { message, ..error }
            }
            _ => error,
        }
    }

    /// Is there room for one row more? Without it no batch can be small enough.
    fn within_the_plan(&self) -> Result<(), Halt> {
        let none = Default::default();
        let one = Amounts::of(self.plan, 1, &none, &none);
        self.turn.worker.ceiling.has_room_for(&one).map_err(|beyond| Halt::Bounded(beyond.to_string()))
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
                Err(error) => return Err(Footing::read(error).into()),
            }
        }
    }

    /// The rows that other sessions were at, each waited for now; but not for all of them one after the other.
    fn come_back(&mut self) -> Result<(), Halt> {
        const LONGEST: Duration = Duration::from_secs(10);
        let started = Instant::now();
        for place in self.places.take_those_in_use() {
            self.turn.between_batches()?;
            let wait = if started.elapsed() < LONGEST { Wait::Patient } else { Wait::Brief };
            match self.window(place.target, place.axis, &place.window, wait)? {
                Attempt::Done(done) => self.count(done),
                Attempt::Again(error) => self.places.note(place.target, place.axis, place.window, &error),
            }
        }
        Ok(())
    }

    fn window(&mut self, target: &Target, axis: &Axis, window: &Window, wait: Wait) -> Result<Attempt<Done>, Halt> {
        let plan = self.plan;
        let several = match plan.act {
            Act::Redact => hashes::takes_hashes(self.turn.worker.conn.dialect(), target),
            Act::Delete | Act::Aggregate(_) => takes_several(plan, target),
        };
        let mode = if several { Mode::Several } else { Mode::Single };
        self.attempt(wait, mode, |conn| batch::act(conn, plan, target, axis, window))
    }

    /// One batch in one transaction, with its record, within the ceiling. The id is made before anything is sent, so that it can
    /// be looked for where the connection is lost at COMMIT; until it is found out, the batch keeps what it reserved.
    pub(super) fn attempt(
        &mut self,
        wait: Wait,
        mode: Mode,
        act: impl FnOnce(&mut Connection) -> Result<Done, DbError>,
    ) -> Result<Attempt<Done>, Halt> {
        self.sequence += 1;
        let (plan, footing) = (self.plan, &self.footing);
        let (lease, worker) = (self.turn.lease, &mut *self.turn.worker);
        let id = format!("{}/{}/{:06}", worker.run, plan.rule, self.sequence);
        let identity = batch::Identity { id, run: worker.run, rule: &plan.rule };
        let ceiling = worker.ceiling;
        let mut reserved = None;
        let came = batch::transact(worker.conn, (lease, footing), &identity, mode, |conn| {
            let done = conn.waiting(wait, act)?;
            reserved = Some(ceiling.reserve(batch::amounts(plan, &done)).map_err(batch::beyond)?);
            Ok(done)
        });
        let attempt = self.turn.judge(came, |conn| batch::outcome(conn, &identity))?;
        match &attempt {
            Attempt::Done(done) => {
                tracing::debug!(event = "batch", batch = identity.id, rows = done.rows, "batch committed");
            }
            Attempt::Again(_) => reserved.into_iter().for_each(|reserved| ceiling.give_back(reserved)),
        }
        Ok(attempt)
    }

    pub(super) fn count(&mut self, done: Done) {
        if let Act::Aggregate(_) = self.plan.act
            && done.rolled_up == 0
        {
            self.tally.suppressed += done.rows;
        }
        self.tally.batches += u64::from(done != Done::default());
        self.tally.done.add(done);
        (self.turn.worker.progress)(self.tally.done.rows);
    }
}

/// No row stands against it: the connection does, or SQLite's one writer.
pub(super) fn is_of_the_database(error: &DbError, dialect: Dialect) -> bool {
    match error.kind {
        ErrorKind::Lost | ErrorKind::CommitUnknown => true,
        ErrorKind::LockTimeout => dialect == Dialect::Sqlite,
        _ => false,
    }
}

impl Pace {
    fn narrow_or_pass_over(&mut self) -> Then {
        if self.narrow() { Then::Again } else { Then::PassOver }
    }
}
