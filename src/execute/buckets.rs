//! A roll-up on its way over its table, bucket by bucket, each in one transaction; then what is left of buckets that have too few
//! people, as one.

use std::time::Instant;

use jiff::Timestamp;

use super::Halt;
use super::batch::Attempt;
use super::pace::Pace;
use super::walk::{Walk, is_of_the_database};
use crate::db::catalog::fingerprint::Footing;
use crate::db::write::batch::Done;
use crate::db::write::rollup;
use crate::db::{Connection, DbError, ErrorKind, Mode};
use crate::plan::{Axis, Rollup, Span, Target};

/// Of one bucket in a row, failed attempts included.
const MOST_VISITS: u32 = 20;
const MOST_FAILURES: u32 = 3;

/// Stretches of time in one statement.
const MOST_SPANS: usize = 100;

type Bucket = (Timestamp, Timestamp);

/// A bucket that is left as it is, once all before it have been looked at.
struct Left {
    bucket: Bucket,
    /// `None`: it has too few people.
    why: Option<DbError>,
}

/// What came of an attempt.
enum Came {
    Done,
    /// It may pass when it is tried again.
    Again,
    Left(Option<DbError>),
}

impl<'a> Walk<'a, '_> {
    /// All buckets of the table, as far as they can be; true where some were left for their few people. A late row brings its
    /// bucket up again. Rows come in the order of the column, which need not be that of time: so a bucket is left behind only
    /// where no row before it is due.
    pub(super) fn buckets(&mut self, target: &'a Target, rollup: &'a Rollup) -> Result<bool, Halt> {
        let plan = self.plan;
        let Some(cutoff) = plan.cutoff else { return Ok(false) };
        let mut pace = Pace::of(self.turn.worker.conn.dialect(), &Axis::Whole);
        let (mut behind, mut left, mut some_are_small): (_, Option<Left>, _) = (None, None, false);
        let (mut last, mut visits) = (None, 0);
        loop {
            self.turn.between_batches()?;
            let span = Span { from: behind, until: left.as_ref().map_or(cutoff, |left| left.bucket.0) };
            let next = |conn: &mut Connection| rollup::next_due(conn, plan, target, span).map_err(Footing::read);
            let due = self.turn.worker.patiently(next)?;
            let Some(bucket) = due.and_then(|due| rollup.bucket_of(due)) else {
                let Some(Left { bucket, why }) = left.take() else { return Ok(some_are_small) };
                behind = Some(bucket.1);
                some_are_small |= why.is_none();
                why.iter().for_each(|error| self.places.note_bucket(target, span_of(bucket), error));
                continue;
            };
            visits = if last == Some(bucket) { visits + 1 } else { 1 };
            last = Some(bucket);
            if visits > MOST_VISITS {
                let reason = "rows keep coming into a bucket as it is rolled up; the rest remains for the next run";
                return Err(Halt::Stopped(reason.to_owned()));
            }
            let act = |conn: &mut Connection| rollup::bucket(conn, plan, target, rollup, bucket);
            match self.try_rollup(visits, &mut pace, act)? {
                Came::Done | Came::Again => {}
                Came::Left(why) => left = Some(Left { bucket, why }),
            }
        }
    }

    /// Once more the buckets in which other sessions were in the way, then what is left for its few people. Rows that stay where
    /// they are for another reason are no part of that.
    pub(super) fn rest(&mut self, rollup: &'a Rollup, mut some_are_small: bool) -> Result<(), Halt> {
        let plan = self.plan;
        let Some(cutoff) = plan.cutoff else { return Ok(()) };
        let mut pace = Pace::of(self.turn.worker.conn.dialect(), &Axis::Whole);
        for (target, span) in self.places.take_buckets_in_use() {
            self.turn.between_batches()?;
            let Some(start) = span.from else { continue };
            let act = |conn: &mut Connection| rollup::bucket(conn, plan, target, rollup, (start, span.until));
            match self.try_patiently(&mut pace, act)? {
                Came::Left(Some(error)) => self.places.note_bucket(target, span, &error),
                Came::Left(None) => some_are_small = true,
                Came::Done | Came::Again => {}
            }
        }
        for target in plan.targets.iter().filter(|_| some_are_small) {
            for spans in Span::between(self.places.buckets(), cutoff).chunks(MOST_SPANS) {
                self.turn.between_batches()?;
                let act = |conn: &mut Connection| rollup::rest(conn, plan, target, rollup, spans);
                if let Came::Left(Some(error)) = self.try_patiently(&mut pace, act)? {
                    spans.iter().for_each(|span| self.places.note_bucket(target, *span, &error));
                }
            }
        }
        Ok(())
    }

    /// Again and again, until it need not be tried again.
    fn try_patiently(
        &mut self,
        pace: &mut Pace,
        act: impl Fn(&mut Connection) -> Result<Done, DbError>,
    ) -> Result<Came, Halt> {
        let mut attempts = 1;
        loop {
            match self.try_rollup(attempts, pace, &act)? {
                Came::Again => attempts += 1,
                came => return Ok(came),
            }
        }
    }

    fn try_rollup(
        &mut self,
        attempts: u32,
        pace: &mut Pace,
        act: impl FnOnce(&mut Connection) -> Result<Done, DbError>,
    ) -> Result<Came, Halt> {
        let started = Instant::now();
        let error = match self.attempt(self.locks.wait(), Mode::Several, act)? {
            Attempt::Done(done) => {
                self.count(done);
                pace.took(started.elapsed());
                return Ok(Came::Done);
            }
            Attempt::Again(error) => error,
        };
        match error.kind {
            ErrorKind::TooFew => Ok(Came::Left(None)),
            ErrorKind::Beyond => Err(Halt::Bounded(error.message)),
            _ if is_of_the_database(&error, self.turn.worker.conn.dialect()) => {
                pace.shrink(error).map(|()| Came::Again)
            }
            ErrorKind::LockTimeout => {
                self.locks.waited(started.elapsed())?;
                Ok(Came::Left(Some(error)))
            }
            _ if attempts < MOST_FAILURES => Ok(Came::Again),
            _ => Ok(Came::Left(Some(error))),
        }
    }
}

fn span_of((start, end): Bucket) -> Span {
    Span { from: Some(start), until: end }
}
