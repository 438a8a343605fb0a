//! Erasing people: a batch is some people, and everything that the map says of them happens in one transaction.
//!
//! So each person is erased as a whole or not at all, and the ledger says which in the same transaction. Only somebody with
//! very many rows is drained first, part by part; each part says in the ledger that more is to follow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::batch::{self, Attempt};
use super::locks::Locks;
use super::outcome::{Batch, Log, Outcome, Scope, TurnedBack};
use super::pace::Pace;
use super::patience::{ATTEMPTS, pause};
use super::side_by_side::Connections;
use super::turn::Turn;
use super::{Ending, Halt, PeoplePassedOver, Tally, Worker};
use crate::base::time;
use crate::db::catalog::fingerprint::Footing;
use crate::db::predicate::few::Few;
use crate::db::predicate::window;
use crate::db::predicate::window::Edge;
use crate::db::query::mark::{self, Family};
use crate::db::write::batch::Done;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Mode, Wait};
use crate::ledger::lease::{self, Lease, Taken};
use crate::plan::{Amounts, Axis, Ceiling, Erasure, PersonKey, Reservation, Target};
use crate::record::ERASURES;

pub use super::outcome::Desk;

/// A person with more rows than this in all tables is drained first.
const MANY_ROWS: u64 = 20_000;

/// Somebody of whom a run would change something.
#[derive(Debug, Clone)]
pub struct Due {
    pub key: PersonKey,
    /// Rows that would be changed, as the plan counted them: a batch is as many people as have so many rows.
    pub rows: u64,
    /// When the account was closed, or the request made, as far as that is known.
    pub asked: Option<Timestamp>,
}

/// What an erasure did, however it ended.
#[derive(Debug, Default)]
pub struct PeopleTally {
    /// By the names of the entries.
    pub entries: BTreeMap<String, Tally>,
    /// People of whom everything is done that can be, and nothing stays that is to go one day.
    pub erased: BTreeSet<PersonKey>,
    /// People of whom everything is done that can be, and something stays.
    pub in_part: BTreeSet<PersonKey>,
    /// People who were begun, and are in none of the others.
    pub unfinished: BTreeSet<PersonKey>,
    pub passed_over: PeoplePassedOver,
}

/// Erases the people batch by batch, on so many connections at a time where the database lets several write, and says how it
/// ended; what was committed is in the tally in any case.
pub fn people(
    worker: &mut Worker<'_>,
    erasure: &Erasure,
    due: &[Due],
    desk: &Desk<'_>,
    workers: u32,
) -> (PeopleTally, Ending) {
    let _span = tracing::info_span!("erase", run = worker.run).entered();
    let mut tally = PeopleTally::default();
    let (policy, run) = (worker.names.policy(), worker.run);
    let lease = match worker.patiently(|conn| lease::take(conn, policy, ERASURES, run)) {
        Ok(Taken::Lease(lease)) => lease,
        Ok(Taken::Busy(who)) => return (tally, Ending::Stopped(who)),
        Err(halt) => return (tally, halt.into()),
    };
    if let Err(halt) = worker.may_begin(ERASURES) {
        let _ = lease.release(worker.conn);
        return (tally, halt.into());
    }
    let turn = Turn::new(worker, &lease, ERASURES);
    let footing = turn.worker.catalog.footing(erasure.entries.iter().map(|entry| &entry.plan));
    let others = Connections::beside(most_workers(turn.worker.conn.dialect(), workers));
    let family = Family::of(erasure);
    let mut round = Round {
        turn,
        others,
        erasure,
        footing,
        family: &family,
        desk,
        tally: &mut tally,
        clinging: None,
        locks: Locks::default(),
        sequence: 0,
        waiting: BTreeSet::new(),
    };
    let ending = match round.everybody(due).and_then(|()| round.turn.still_ours()) {
        Ok(()) => match round.clinging {
            None => Ending::Done,
            Some(reason) => Ending::Failed(format!("some people could not be erased: {reason}")),
        },
        Err(halt) => halt.into(),
    };
    // A gate that cannot be given back opens by itself: this process is gone then, or its lease has run out.
    let _ = lease.release(worker.conn);
    (tally, ending)
}

/// One erasure on its way over the people.
struct Round<'a, 'w> {
    turn: Turn<'a, 'w>,
    others: Connections,
    erasure: &'a Erasure,
    /// The tables as they were when the erasure was planned.
    footing: Footing,
    family: &'a Family<'a>,
    desk: &'a Desk<'a>,
    tally: &'a mut PeopleTally,
    /// Why rows stay that nothing of the map keeps, the first of the reasons.
    clinging: Option<String>,
    locks: Locks,
    sequence: u64,
    /// Of whom something stayed because of other rows, which may be those of somebody who comes later.
    waiting: BTreeSet<PersonKey>,
}

/// Some of those who are due, and how often they were tried.
#[derive(Clone)]
struct Chunk {
    people: Range<usize>,
    failures: u32,
}

/// Those who are to be tried again.
#[derive(Default)]
struct Again {
    /// The halves of a batch that failed, first.
    smaller: VecDeque<Chunk>,
    /// Single people, after all others.
    at_the_end: VecDeque<Chunk>,
    /// When the first of these was.
    ending_since: Option<Instant>,
}

impl Again {
    /// At the end each lock is waited for; but not for all of them one after the other.
    fn wait_for(&mut self, chunks: &[Chunk], locks: &Locks) -> Wait {
        const LONGEST: Duration = Duration::from_secs(10);
        let is_single = matches!(chunks, [chunk] if chunk.people.len() == 1 && chunk.failures > 0);
        if !is_single {
            return locks.wait();
        }
        let since = *self.ending_since.get_or_insert_with(Instant::now);
        if since.elapsed() < LONGEST { Wait::Patient } else { Wait::Brief }
    }
}

impl<'a, 'w: 'a> Round<'a, 'w> {
    /// All who are due, and again those whose rows waited for others, for as long as that frees any: the rows of two people
    /// may be in each other's way, and one batch acts in the order of the entries upon all of whom it is about.
    fn everybody(&mut self, due: &[Due]) -> Result<(), Halt> {
        let mut again: Option<Vec<Due>> = None;
        loop {
            let (batches, rows) = (self.sequence, self.rows_done());
            let people = again.as_deref().unwrap_or(due);
            self.each_once(people)?;
            let waiting = std::mem::take(&mut self.waiting);
            if waiting.is_empty() || self.sequence == batches + 1 || self.rows_done() == rows {
                return Ok(());
            }
            again = Some(people.iter().filter(|due| waiting.contains(&due.key)).cloned().collect());
        }
    }

    fn each_once(&mut self, due: &[Due]) -> Result<(), Halt> {
        let mut pace = Pace::of_people(self.turn.worker.conn.dialect());
        let mut next = 0;
        let mut again = Again::default();
        loop {
            self.turn.between_batches()?;
            let mut chunks = match again.smaller.pop_front() {
                // Alone: what was in its way beside another batch of ours is not there this time.
                Some(chunk) => vec![chunk],
                None => self.next_chunks(due, &mut next, pace.size()),
            };
            if chunks.is_empty() {
                chunks.extend(again.at_the_end.pop_front());
            }
            if chunks.is_empty() {
                return Ok(());
            }
            if let [chunk] = &chunks[..]
                && let [one] = &due[chunk.people.clone()]
                && one.rows > MANY_ROWS
                && let Attempt::Again(error) = self.drain(&one.key)?
            {
                self.again(due, chunk.clone(), error, &mut again)?;
                continue;
            }
            let started = Instant::now();
            let keys_of = |chunk: &Chunk| due[chunk.people.clone()].iter().map(|due| due.key.clone()).collect();
            let keys: Vec<Vec<PersonKey>> = chunks.iter().map(keys_of).collect();
            let wait = again.wait_for(&chunks, &self.locks);
            let attempts = self.batches(&keys, wait);
            if attempts.iter().any(|attempt| matches!(attempt, Ok(Attempt::Done(_)))) {
                pace.took(started.elapsed());
            }
            let alone = chunks.len() == 1;
            // What one of them ends does not undo what the others committed.
            let mut went = Ok(());
            for (chunk, attempt) in chunks.into_iter().zip(attempts) {
                went = went.and(match attempt {
                    Ok(Attempt::Done(outcome)) => {
                        self.count(outcome);
                        Ok(())
                    }
                    Ok(Attempt::Again(error)) => {
                        if !alone && matches!(error.kind, ErrorKind::Conflict | ErrorKind::LockTimeout) {
                            self.others.give_up(&error);
                        }
                        let is_first_wait = self.is_under_a_lock(&error) && chunk.failures == 0;
                        let waited = if is_first_wait { self.locks.waited(started.elapsed()) } else { Ok(()) };
                        waited.and_then(|()| self.again(due, chunk, error, &mut again))
                    }
                    Err(halt) => Err(halt),
                });
            }
            went?;
        }
    }

    /// The people of the batches that come next, a batch a connection: evenly where they are the last ones, and somebody who
    /// has very many rows alone.
    fn next_chunks(&mut self, due: &[Due], next: &mut usize, rows: u64) -> Vec<Chunk> {
        let most = Few::most(self.turn.worker.conn.dialect());
        let abreast = self.others.open(self.turn.worker, due.len() - *next);
        let to_come = due[*next..].iter().take(most.saturating_mul(abreast)).map(|due| due.rows);
        let share = rows.min(to_come.take_while(|rows| *rows <= MANY_ROWS).sum::<u64>().div_ceil(abreast as u64));
        let mut chunks: Vec<Chunk> = Vec::new();
        while let Some(first) = due.get(*next).filter(|_| chunks.len() < abreast) {
            let is_alone = first.rows > MANY_ROWS;
            if is_alone && !chunks.is_empty() {
                break;
            }
            let is_last = chunks.len() + 1 == abreast;
            let people = *next..end_of_chunk(due, *next, if is_last { rows } else { share }, most);
            *next = people.end;
            chunks.push(Chunk { people, failures: 0 });
            if is_alone {
                break;
            }
        }
        chunks
    }

    /// A batch that failed is tried again by halves, so that one person of whom something cannot be done keeps nobody else
    /// waiting; who fails alone has other tries after all others, one of whom may have been in the way, and is then passed over.
    fn again(&mut self, due: &[Due], chunk: Chunk, error: DbError, again: &mut Again) -> Result<(), Halt> {
        let Range { start, end } = chunk.people;
        let is_alone = end - start == 1;
        let is_of_rows = !error.is_transient() || error.kind == ErrorKind::Conflict || self.is_under_a_lock(&error);
        let failures = chunk.failures + u32::from(is_alone || !is_of_rows);
        if failures >= ATTEMPTS && !is_of_rows {
            let message = format!("{} (tried {ATTEMPTS} times, smaller each time); run again later", error.message);
            return Err(Halt::Failed(DbError { message, ..error }));
        }
        tracing::warn!(
            event = "trying-fewer-people",
            failures,
            people = end - start,
            "trying again, with fewer people: {error}"
        );
        if is_alone && is_of_rows && failures >= ATTEMPTS / 2 {
            self.tally.passed_over.note(due[start].key.clone(), &error);
            return Ok(());
        }
        if is_alone {
            again.at_the_end.push_back(Chunk { people: start..end, failures });
        } else {
            let middle = start + (end - start) / 2;
            again.smaller.push_front(Chunk { people: middle..end, failures });
            again.smaller.push_front(Chunk { people: start..middle, failures });
        }
        if error.is_transient() {
            pause(failures);
        }
        Ok(())
    }

    /// Another session is at a row. SQLite has one lock for all of them.
    fn is_under_a_lock(&self, error: &DbError) -> bool {
        error.kind == ErrorKind::LockTimeout && self.turn.worker.conn.dialect() != Dialect::Sqlite
    }

    /// All entries for these people, in one transaction for each of the lists, all at the same time. What came of each is asked once
    /// all are over: whoever renews the lease or looks for a COMMIT waits for no batch of ours but that one.
    fn batches(&mut self, all: &[Vec<PersonKey>], wait: Wait) -> Vec<Result<Attempt<Outcome>, Halt>> {
        let (family, desk, begun) = (self.family, self.desk, time::now());
        let (lease, bound) = (self.turn.lease, self.bound());
        let tasks: Vec<(Log<'_>, &Vec<PersonKey>)> = all.iter().map(|keys| (self.log(), keys)).collect();
        let footing = &self.footing;
        let sent = self.others.each(self.turn.worker.conn, &tasks, |conn, (log, keys)| {
            let batch = Batch { family, desk, keys, scope: Scope::Whole, begun, wait };
            Sent::send(conn, (lease, footing, bound), log, &batch)
        });
        if sent.iter().any(Sent::lost_its_connection) {
            self.others.close();
        }
        let mut has_halted = false;
        let learn = |((log, _), sent): (&(Log<'_>, &Vec<PersonKey>), Sent)| {
            let came = match sent.came {
                // Known to have done nothing, in a round that is over: the database is not waited for once more.
                Err(error) if has_halted && error.kind != ErrorKind::CommitUnknown => {
                    sent.reserved.into_iter().for_each(|reserved| bound.ceiling.give_back(reserved));
                    Err(Halt::Failed(error))
                }
                _ => self.learn(log, sent),
            };
            has_halted |= came.is_err();
            came
        };
        tasks.iter().zip(sent).map(learn).collect()
    }

    /// The rows of one person in windows, entry by entry, but for those by which others are found: whether these stay is known in the
    /// transaction that finishes the person. What refers to rows of another entry goes first, so the entries are walked until none
    /// of them has anything left to do. The last window of each table is left to the end as well: a crash before that leaves
    /// something by which the person is found again. What cannot be done to a part will not pass with the rest.
    fn drain(&mut self, key: &PersonKey) -> Result<Attempt<()>, Halt> {
        loop {
            let before = self.rows_done();
            for place in 0..self.erasure.entries.len() {
                let erasure = self.erasure;
                let entry = &erasure.entries[place];
                if entry.is_the_person() || erasure.entries.iter().any(|other| entry.hides(other)) {
                    continue;
                }
                for target in &entry.plan.targets {
                    if let Attempt::Again(error) = self.drain_table(key, place, target)? {
                        return Ok(Attempt::Again(error));
                    }
                }
            }
            if self.rows_done() == before {
                return Ok(Attempt::Done(()));
            }
        }
    }

    fn drain_table(&mut self, key: &PersonKey, place: usize, target: &Target) -> Result<Attempt<()>, Halt> {
        let erasure = self.erasure;
        let keys = std::slice::from_ref(key);
        let few = Few { column: &erasure.key, keys };
        let Some(axis) = target.axes.iter().find(|axis| matches!(axis, Axis::Key(_))) else {
            return Ok(Attempt::Done(()));
        };
        let mut pace = Pace::of(self.turn.worker.conn.dialect(), axis);
        let mut lower: Option<Edge> = None;
        loop {
            self.turn.between_batches()?;
            let plan = &erasure.entries[place].plan;
            let size = pace.size();
            let next = self
                .turn
                .worker
                .patiently(|conn| window::next_of_people(conn, plan, target, few, axis, lower.clone(), size))?;
            let Some(window) = next else { return Ok(Attempt::Done(())) };
            let started = Instant::now();
            match self.part(keys, place, mark::Part { target, axis, window: &window })? {
                Attempt::Done(outcome) => {
                    self.count(outcome);
                    pace.took(started.elapsed());
                    match window.after() {
                        Some(edge) => lower = Some(edge),
                        None => return Ok(Attempt::Done(())),
                    }
                }
                Attempt::Again(error) if error.kind == ErrorKind::Conflict || self.is_under_a_lock(&error) => {
                    self.locks.waited(started.elapsed())?;
                    if !pace.narrow() {
                        return Ok(Attempt::Again(error));
                    }
                }
                Attempt::Again(error) if error.is_transient() => pace.shrink(error)?,
                Attempt::Again(error) => return Ok(Attempt::Again(error)),
            }
        }
    }

    /// One part of one person's rows in one transaction.
    fn part(&mut self, keys: &[PersonKey], place: usize, part: mark::Part<'_>) -> Result<Attempt<Outcome>, Halt> {
        let (log, scope) = (self.log(), Scope::Part(place, part));
        let wait = self.locks.wait();
        let batch = Batch { family: self.family, desk: self.desk, keys, scope, begun: time::now(), wait };
        let guard = (self.turn.lease, &self.footing, self.bound());
        let sent = Sent::send(self.turn.worker.conn, guard, &log, &batch);
        self.learn(&log, sent)
    }

    fn bound(&self) -> Bound<'a> {
        Bound { ceiling: self.turn.worker.ceiling, erasure: self.erasure }
    }

    /// The names of the next transaction: no other one of this run has the same, whichever connection it is sent on.
    fn log(&mut self) -> Log<'a> {
        self.sequence += 1;
        let worker = &self.turn.worker;
        Log { policy: worker.names.policy(), run: worker.run, erasure: self.erasure, sequence: self.sequence }
    }

    /// What came of a transaction. Where its COMMIT was not answered, the batches that it would have written tell.
    fn learn(&mut self, log: &Log<'_>, sent: Sent) -> Result<Attempt<Outcome>, Halt> {
        let attempt = self.turn.judge(sent.came, |conn| match &sent.outcome {
            Some(outcome) if log.was_committed(conn, &outcome.done)? => Ok(Some(outcome.clone())),
            _ => Ok(None),
        })?;
        if let (Attempt::Again(_), Some(reserved)) = (&attempt, sent.reserved) {
            self.turn.worker.ceiling.give_back(reserved);
        }
        Ok(attempt)
    }

    fn count(&mut self, outcome: Outcome) {
        let tally = &mut *self.tally;
        for (place, done) in outcome.done {
            let entry = tally.entries.entry(self.erasure.entries[place].plan.rule.clone()).or_default();
            entry.batches += u64::from(done != Done::default());
            entry.done.add(done);
        }
        for (all, ended) in [(&mut tally.erased, outcome.erased), (&mut tally.in_part, outcome.in_part)] {
            for key in ended {
                tally.unfinished.remove(&key);
                all.insert(key);
            }
        }
        tally.unfinished.extend(outcome.unfinished);
        self.clinging = self.clinging.take().or(outcome.clinging);
        self.waiting.extend(outcome.waiting);
        let rows = self.rows_done();
        (self.turn.worker.progress)(rows);
    }

    fn rows_done(&self) -> u64 {
        self.tally.entries.values().map(|tally| tally.done.rows).sum()
    }
}

/// A transaction that was sent.
struct Sent {
    /// What it was to commit, where it came so far.
    outcome: Option<Outcome>,
    /// `None` where the lease is lost and nothing was done.
    came: Result<Option<Outcome>, DbError>,
    /// What it reserved under the plan's ceiling.
    reserved: Option<Reservation>,
}

/// What bounds a transaction: the plan of the entries.
#[derive(Clone, Copy)]
struct Bound<'a> {
    ceiling: &'a Ceiling,
    erasure: &'a Erasure,
}

impl Bound<'_> {
    fn reserve(self, outcome: &Outcome) -> Result<Reservation, DbError> {
        let mut all = Amounts::default();
        for (place, done) in &outcome.done {
            all.extend(batch::amounts(&self.erasure.entries[*place].plan, done));
        }
        self.ceiling.reserve(all).map_err(batch::beyond)
    }
}

impl Sent {
    /// On the tables as they were planned with. Where a trigger keeps rows, all is rolled back and settled again without them.
    fn send(
        conn: &mut Connection,
        (lease, footing, bound): (&Lease, &Footing, Bound<'_>),
        log: &Log<'_>,
        batch: &Batch<'_>,
    ) -> Self {
        let mut turned_back = TurnedBack::new();
        loop {
            let known = turned_back.len();
            let (mut sent, mut reserved) = (None, None);
            let came = conn.transaction(Mode::Several, |conn| {
                let act =
                    |conn: &mut Connection| conn.waiting(batch.wait, |conn| batch.act(conn, log, &mut turned_back));
                let Some(outcome) = batch::as_planned(conn, (lease, footing), act)? else { return Ok(None) };
                reserved = Some(bound.reserve(&outcome)?);
                sent = Some(outcome.clone());
                Ok(Some(outcome))
            });
            if came.is_ok() || turned_back.len() == known {
                return Self { outcome: sent, came, reserved };
            }
        }
    }

    fn lost_its_connection(&self) -> bool {
        matches!(&self.came, Err(error) if matches!(error.kind, ErrorKind::Lost | ErrorKind::CommitUnknown))
    }
}

/// So many people, from `first` on, as have about `rows` rows; whoever has very many is alone.
fn end_of_chunk(due: &[Due], first: usize, rows: u64, most: usize) -> usize {
    let mut sum = 0;
    let mut end = first;
    while let Some(next) = due.get(end).filter(|_| end - first < most) {
        let fits = next.rows <= MANY_ROWS && sum + next.rows <= rows;
        if end > first && !fits {
            break;
        }
        sum += next.rows;
        end += 1;
        if next.rows > MANY_ROWS {
            break;
        }
    }
    end
}

/// Batches at the same time. SQLite has one writer; and on MariaDB and MySQL a batch locks the gaps between the rows that it
/// reads, in which those of the other one's people lie.
fn most_workers(dialect: Dialect, wanted: u32) -> usize {
    match dialect {
        Dialect::Sqlite | Dialect::Mysql => 1,
        Dialect::Postgres => wanted as usize,
    }
}
