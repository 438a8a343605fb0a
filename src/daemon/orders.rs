//! What a run that goes on is told, and what it tells: between two batches it is asked whether it is to end, and each batch
//! is a sign of life.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::time;
use crate::config::daemon::{Daemon, Gate, Hours};
use crate::execute::Stop;

/// Why a run was stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The daemon ends.
    Signal,
    /// Config or schedules were exchanged for others.
    Superseded,
    /// The host's clock jumped.
    Clock,
    /// The window is over, or the days are closed.
    Hours,
    /// The run has done as much as one may.
    Budget,
}

/// The orders of one visit to a database.
#[derive(Debug, Default)]
pub struct Orders {
    /// Of the whole daemon.
    signal: Arc<AtomicBool>,
    superseded: AtomicBool,
    clock: AtomicBool,
    /// Microseconds since the boot.
    last_sign: AtomicU64,
    cause: Mutex<Option<Cause>>,
}

impl Orders {
    pub fn new(signal: &Arc<AtomicBool>) -> Self {
        let orders = Self { signal: Arc::clone(signal), ..Self::default() };
        orders.show_life();
        orders
    }

    pub fn show_life(&self) {
        let now = u64::try_from(time::since_boot().as_micros()).unwrap_or(u64::MAX);
        self.last_sign.store(now, Ordering::Relaxed);
    }

    /// For how long nothing was heard.
    pub fn silent_for(&self) -> Duration {
        time::since_boot().saturating_sub(Duration::from_micros(self.last_sign.load(Ordering::Relaxed)))
    }

    /// Other rules are in force now: a rule that was taken out must not go on deleting.
    pub fn supersede(&self) {
        self.superseded.store(true, Ordering::Relaxed);
    }

    pub fn distrust_the_clock(&self) {
        self.clock.store(true, Ordering::Relaxed);
    }

    /// Why nothing more is to be begun, whatever the hour.
    pub fn is_to_end(&self) -> Option<Cause> {
        let flags =
            [(&*self.signal, Cause::Signal), (&self.superseded, Cause::Superseded), (&self.clock, Cause::Clock)];
        flags.into_iter().find(|(flag, _)| flag.load(Ordering::Relaxed)).map(|(_, cause)| cause)
    }

    /// Why the run that was begun last was stopped.
    pub fn cause(&self) -> Option<Cause> {
        if self.signal.load(Ordering::Relaxed) {
            return Some(Cause::Signal);
        }
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, cause: Option<Cause>) {
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }
}

/// How much one run may do, and how much it has done.
#[derive(Debug)]
pub struct Limits {
    hours: Hours,
    zone: TimeZone,
    budget: Option<Duration>,
    budget_rows: Option<u64>,
    started: Instant,
    rows: AtomicU64,
}

impl Limits {
    /// Those of a run that begins now.
    pub fn of(config: &Daemon, zone: &TimeZone) -> Arc<Self> {
        Arc::new(Self {
            hours: config.hours.clone(),
            zone: zone.clone(),
            budget: config.budget,
            budget_rows: config.budget_rows,
            started: Instant::now(),
            rows: AtomicU64::new(0),
        })
    }

    /// So many rows were done by the run so far.
    pub fn count(&self, rows: u64) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    fn exceeded(&self, now: Timestamp) -> Option<(Cause, String)> {
        let left = "the rest remains for the next one";
        match self.hours.gate(&now.to_zoned(self.zone.clone())) {
            Gate::Open => {}
            Gate::OutOfHours => return Some((Cause::Hours, format!("its window is over; {left}"))),
            Gate::Closed(why) => {
                return Some((Cause::Hours, format!("the days are closed ({why}); the rest remains for after them")));
            }
        }
        if let Some(budget) = self.budget.filter(|budget| self.started.elapsed() >= *budget) {
            return Some((Cause::Budget, format!("its budget of {} s is spent; {left}", budget.as_secs())));
        }
        let rows = self.budget_rows.filter(|most| self.rows.load(Ordering::Relaxed) >= *most)?;
        Some((Cause::Budget, format!("its budget of {rows} rows is spent; {left}")))
    }
}

/// What a run is given that keeps to these orders and limits.
pub fn stop(orders: &Arc<Orders>, limits: &Arc<Limits>) -> Stop {
    orders.note(None);
    let (signal, orders, limits) = (Arc::clone(&orders.signal), Arc::clone(orders), Arc::clone(limits));
    Stop::watched(
        signal,
        Arc::new(move || {
            let (cause, sentence) = told(&orders).or_else(|| limits.exceeded(time::now()))?;
            orders.note(Some(cause));
            Some(sentence)
        }),
    )
}

fn told(orders: &Orders) -> Option<(Cause, String)> {
    let sentence = match orders.is_to_end()? {
        Cause::Superseded => "the schedule or the config changed; the next run goes by the new one",
        Cause::Clock => "this host's clock jumped; the rest remains until it is right",
        Cause::Signal | Cause::Hours | Cause::Budget => return None,
    };
    orders.is_to_end().map(|cause| (cause, sentence.to_owned()))
}
