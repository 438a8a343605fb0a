//! Erasing people: a batch is some people, and everything that the map says of them happens in one transaction.
//!
//! So each person is erased as a whole or not at all, and the ledger says which in the same transaction. Only somebody with
//! very many rows is drained first, part by part; each part says in the ledger that more is to follow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::time::Instant;

use jiff::Timestamp;

use super::batch::{self, Attempt, Refused};
use super::pace::Pace;
use super::patience::{ATTEMPTS, pause};
use super::side_by_side::Connections;
use super::told::{Log, Told, rows_of};
use super::turn::Turn;
use super::{Ending, Halt, Tally, Worker};
use crate::base::time;
use crate::db::predicate::few::Few;
use crate::db::predicate::window::{self, Edge, Window};
use crate::db::write::batch::{Done, frees_its_own};
use crate::db::write::people;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Mode};
use crate::ledger;
use crate::ledger::lease::{self, Lease, Taken};
use crate::plan::{Axis, Entry, Erasure, PersonKey, Target};
use crate::record::ERASURES;

pub use super::told::Desk;

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
    let (policy, run) = (worker.policy, worker.run);
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
    let others = Connections::beside(most_workers(turn.worker.conn.dialect(), workers));
    let mut round = Round {
        turn,
        others,
        erasure,
        desk,
        tally: &mut tally,
        refused: Refused::default(),
        sequence: 0,
        waiting: BTreeSet::new(),
    };
    let ending = match round.everybody(due).and_then(|()| round.turn.still_ours()) {
        Ok(()) => round.refused.ending("people could not be erased"),
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
    desk: &'a Desk<'a>,
    tally: &'a mut PeopleTally,
    /// People who could not be erased at all.
    refused: Refused,
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

/// What one transaction did, by the places of the entries.
#[derive(Clone, Default)]
struct Outcome {
    done: BTreeMap<usize, Done>,
    erased: Vec<PersonKey>,
    in_part: Vec<PersonKey>,
    unfinished: Vec<PersonKey>,
    waiting: Vec<PersonKey>,
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
        let mut again: VecDeque<Chunk> = VecDeque::new();
        loop {
            self.turn.between_batches()?;
            let chunks = match again.pop_front() {
                // Alone: what was in its way beside another batch of ours is not there this time.
                Some(chunk) => vec![chunk],
                None => self.next_chunks(due, &mut next, pace.size()),
            };
            if chunks.is_empty() {
                return Ok(());
            }
            if let [chunk] = &chunks[..]
                && let [one] = &due[chunk.people.clone()]
                && one.rows > MANY_ROWS
                && let Attempt::Again(error) = self.drain(&one.key)?
            {
                self.again(chunk.clone(), error, &mut again)?;
                continue;
            }
            let started = Instant::now();
            let keys_of = |chunk: &Chunk| due[chunk.people.clone()].iter().map(|due| due.key.clone()).collect();
            let keys: Vec<Vec<PersonKey>> = chunks.iter().map(keys_of).collect();
            let attempts = self.batches(&keys);
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
                        self.again(chunk, error, &mut again)
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
    /// waiting; who fails alone has another try after the others of the batch, one of whom may have been in the way, and is then
    /// left to the next run.
    fn again(&mut self, chunk: Chunk, error: DbError, again: &mut VecDeque<Chunk>) -> Result<(), Halt> {
        let failures = chunk.failures + u32::from(error.is_transient() || chunk.people.len() == 1);
        if failures >= ATTEMPTS && error.is_transient() {
            let message = format!("{} (tried {ATTEMPTS} times, smaller each time); run again later", error.message);
            return Err(Halt::Failed(DbError { message, ..error }));
        }
        let people = chunk.people.len();
        tracing::warn!(event = "trying-fewer-people", failures, people, "trying again, with fewer people: {error}");
        let Range { start, end } = chunk.people;
        let middle = start + (end - start) / 2;
        if start == middle {
            if failures >= ATTEMPTS / 2 {
                self.refused.note(error);
                return Ok(());
            }
            again.push_back(Chunk { people: start..end, failures });
        } else {
            again.push_front(Chunk { people: middle..end, failures });
            again.push_front(Chunk { people: start..middle, failures });
        }
        if error.is_transient() {
            pause(failures);
        }
        Ok(())
    }

    /// All entries for these people, in one transaction for each of the lists.
    fn batches(&mut self, all: &[Vec<PersonKey>]) -> Vec<Result<Attempt<Outcome>, Halt>> {
        let (erasure, desk, begun) = (self.erasure, self.desk, time::now());
        self.transact_each(all, |conn, log, keys| {
            let people = people::lock(conn, erasure, keys)?;
            let mut told = Told::of(&people);
            told.keep(conn, erasure, keys)?;
            let mut outcome = Outcome::default();
            for (place, entry) in erasure.entries.iter().enumerate() {
                let keys = told.keys_for(erasure, place);
                let few = Few { column: &erasure.key, keys: &keys };
                let erased = people::erase(conn, entry, few).map_err(|error| of_entry(entry, error))?;
                batch::write(conn, &log.identity(place), &erased.done)?;
                told.hear(erasure, place, &erased);
                outcome.done.insert(place, erased.done);
            }
            told.look_again(conn, erasure)?;
            (outcome.in_part, outcome.erased) = told.keys_of_the_done();
            outcome.waiting = told.staying.keys().cloned().collect();
            told.record(conn, log, desk, begun)?;
            Ok(outcome)
        })
    }

    /// The rows of one person in windows, entry by entry, but for those that lead to others: whether these stay is known in the
    /// transaction that finishes the person. The last window of each table is left to it as well: a crash before that leaves
    /// something by which the person is found again. What cannot be done to a part will not pass with the rest.
    fn drain(&mut self, key: &PersonKey) -> Result<Attempt<()>, Halt> {
        for place in 0..self.erasure.entries.len() {
            let erasure = self.erasure;
            let entry = &erasure.entries[place];
            if entry.is_the_person() || erasure.entries.iter().any(|other| entry.hides(other)) {
                continue;
            }
            loop {
                let before = self.done_by(entry);
                for target in &entry.plan.targets {
                    if let Attempt::Again(error) = self.drain_table(key, place, target)? {
                        return Ok(Attempt::Again(error));
                    }
                }
                if self.done_by(entry) == before || !frees_its_own(&entry.plan) {
                    break;
                }
            }
        }
        Ok(Attempt::Done(()))
    }

    fn done_by(&self, entry: &Entry) -> u64 {
        self.tally.entries.get(&entry.plan.rule).map_or(0, |tally| tally.done.rows)
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
            match self.part(key, place, target, axis, &window)? {
                Attempt::Done(outcome) => {
                    self.count(outcome);
                    pace.took(started.elapsed());
                    match window.after() {
                        Some(edge) => lower = Some(edge),
                        None => return Ok(Attempt::Done(())),
                    }
                }
                Attempt::Again(error) if error.is_transient() => pace.shrink(error)?,
                Attempt::Again(error) => return Ok(Attempt::Again(error)),
            }
        }
    }

    /// One part of one person's rows in one transaction.
    fn part(
        &mut self,
        key: &PersonKey,
        place: usize,
        target: &Target,
        axis: &Axis,
        window: &Window,
    ) -> Result<Attempt<Outcome>, Halt> {
        let (erasure, desk, begun) = (self.erasure, self.desk, time::now());
        let entry = &erasure.entries[place];
        self.transact(|conn, log| {
            let people = people::lock(conn, erasure, std::slice::from_ref(key))?;
            let Some(person) = people.first() else { return Ok(Outcome::default()) };
            let few = Few { column: &erasure.key, keys: std::slice::from_ref(key) };
            let done =
                people::erase_window(conn, entry, target, few, axis, window).map_err(|error| of_entry(entry, error))?;
            if done == Done::default() {
                return Ok(Outcome::default());
            }
            batch::write(conn, &log.identity(place), &done)?;
            let counts = BTreeMap::from([(entry.plan.rule.clone(), rows_of(&done.consequences, done.rows))]);
            let row = log.erased(person, desk, begun, None, counts)?;
            ledger::erasure::record(conn, vec![row])?;
            Ok(Outcome { done: BTreeMap::from([(place, done)]), unfinished: vec![key.clone()], ..Outcome::default() })
        })
    }

    /// One transaction under the lease.
    fn transact(
        &mut self,
        act: impl Fn(&mut Connection, &Log<'_>) -> Result<Outcome, DbError>,
    ) -> Result<Attempt<Outcome>, Halt> {
        let log = self.log();
        let sent = Sent::send(self.turn.worker.conn, self.turn.lease, |conn| act(conn, &log));
        self.learn(&log, sent)
    }

    /// One transaction for each of the tasks, all at the same time. What came of each is asked once all are over: whoever
    /// renews the lease or looks for a COMMIT waits for no batch of ours but that one.
    fn transact_each<T: Sync>(
        &mut self,
        tasks: &[T],
        act: impl Fn(&mut Connection, &Log<'_>, &T) -> Result<Outcome, DbError> + Sync,
    ) -> Vec<Result<Attempt<Outcome>, Halt>> {
        let lease = self.turn.lease;
        let tasks: Vec<(Log<'_>, &T)> = tasks.iter().map(|task| (self.log(), task)).collect();
        let sent = self.others.each(self.turn.worker.conn, &tasks, |conn, (log, task)| {
            Sent::send(conn, lease, |conn| act(conn, log, task))
        });
        if sent.iter().any(Sent::lost_its_connection) {
            self.others.close();
        }
        let mut has_halted = false;
        let learn = |((log, _), sent): (&(Log<'_>, &T), Sent)| {
            let came = match sent.came {
                // Known to have done nothing, in a round that is over: the database is not waited for once more.
                Err(error) if has_halted && error.kind != ErrorKind::CommitUnknown => Err(Halt::Failed(error)),
                _ => self.learn(log, sent),
            };
            has_halted |= came.is_err();
            came
        };
        tasks.iter().zip(sent).map(learn).collect()
    }

    /// The names of the next transaction: no other one of this run has the same, whichever connection it is sent on.
    fn log(&mut self) -> Log<'a> {
        self.sequence += 1;
        let worker = &self.turn.worker;
        Log { policy: worker.policy, run: worker.run, erasure: self.erasure, sequence: self.sequence }
    }

    /// What came of a transaction. Where its COMMIT was not answered, the batches that it would have written tell.
    fn learn(&mut self, log: &Log<'_>, sent: Sent) -> Result<Attempt<Outcome>, Halt> {
        self.turn.judge(sent.came, |conn| match &sent.outcome {
            Some(outcome) if log.was_committed(conn, &outcome.done)? => Ok(Some(outcome.clone())),
            _ => Ok(None),
        })
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
}

impl Sent {
    fn send(
        conn: &mut Connection,
        lease: &Lease,
        act: impl FnOnce(&mut Connection) -> Result<Outcome, DbError>,
    ) -> Self {
        let mut sent = None;
        let came = conn.transaction(Mode::Several, |conn| {
            if !lease.holds(conn)? {
                return Ok(None);
            }
            let outcome = act(conn)?;
            sent = Some(outcome.clone());
            Ok(Some(outcome))
        });
        Self { outcome: sent, came }
    }

    fn lost_its_connection(&self) -> bool {
        matches!(&self.came, Err(error) if matches!(error.kind, ErrorKind::Lost | ErrorKind::CommitUnknown))
    }
}

/// An error that stays names the entry that met it.
fn of_entry(entry: &Entry, error: DbError) -> DbError {
    match error.is_transient() {
        true => error,
        false => DbError { message: format!("entry `{}`: {}", entry.plan.rule, error.message), ..error },
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
