//! Erasing people: a batch is some people, and everything that the map says of them happens in one transaction.
//!
//! So each person is erased as a whole or not at all, and the ledger says which in the same transaction. Only somebody with
//! very many rows is drained first, part by part; each part says in the ledger that more is to follow.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::time::Instant;

use jiff::Timestamp;

use super::batch::{self, Attempt, Identity, Refused};
use super::pace::Pace;
use super::patience::{ATTEMPTS, pause};
use super::side_by_side::Connections;
use super::turn::Turn;
use super::{Ending, Halt, Tally, Worker};
use crate::db::batch::{Done, frees_its_own};
use crate::db::few::Few;
use crate::db::people::{self, Person};
use crate::db::person;
use crate::db::window::{self, Edge, Window};
use crate::db::{Connection, DbError, Dialect, ErrorKind, Mode};
use crate::ledger;
use crate::ledger::erasure::{Cause, Erased, Rows, new_reference};
use crate::ledger::lease::{self, Lease, Taken};
use crate::plan::{Axis, Entry, Erasure, PersonKey, Target};
use crate::pseudonym::Pseudonyms;
use crate::schedule::ERASURES;
use crate::time;

/// A person with more rows than this in all tables is drained first.
const MANY_ROWS: u64 = 20_000;

/// So many people are written into the ledger at a time.
const PEOPLE_AT_A_TIME: usize = 1_000;

/// Somebody of whom a run would change something.
#[derive(Debug, Clone)]
pub struct Due {
    pub key: PersonKey,
    /// Rows that would be changed, as the plan counted them: a batch is as many people as have so many rows.
    pub rows: u64,
    /// When the account was closed, or the request made, as far as that is known.
    pub asked: Option<Timestamp>,
}

/// Who asked for it, and how people are called in the ledger.
pub struct Desk<'a> {
    pub pseudonyms: &'a Pseudonyms,
    pub cause: Cause,
    /// Where one category was asked for only.
    pub category: Option<&'a str>,
    /// When it was asked for, where it was not by closing the account.
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
        let most = most_people(self.turn.worker.conn.dialect());
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
            let counts = BTreeMap::from([(entry.plan.rule.clone(), rows_of(&done, done.rows))]);
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
            Some(outcome) if log.was_committed(conn, outcome)? => Ok(Some(outcome.clone())),
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

/// Under which names a transaction is recorded.
struct Log<'a> {
    policy: &'a str,
    run: &'a str,
    erasure: &'a Erasure,
    sequence: u64,
}

impl Log<'_> {
    fn identity(&self, place: usize) -> Identity<'_> {
        let rule = &self.erasure.entries[place].plan.rule;
        Identity { id: format!("{}/{rule}/{:06}", self.run, self.sequence), run: self.run, rule }
    }

    /// A transaction that did nothing left nothing to be found, and it is all the same whether it was committed.
    fn was_committed(&self, conn: &mut Connection, outcome: &Outcome) -> Result<bool, DbError> {
        match outcome.done.iter().find(|(_, done)| **done != Done::default()) {
            Some((place, _)) => Ok(batch::outcome(conn, &self.identity(*place))?.is_some()),
            None => Ok(true),
        }
    }

    fn erased(
        &self,
        person: &Person,
        desk: &Desk<'_>,
        begun: Timestamp,
        finished: Option<Timestamp>,
        counts: BTreeMap<String, Rows>,
    ) -> Result<Erased, DbError> {
        Ok(Erased {
            reference: new_reference()?,
            person: desk.pseudonyms.of(&self.erasure.called, &person.key.to_text()),
            policy: self.policy.to_owned(),
            cause: desk.cause,
            category: desk.category.map(str::to_owned),
            asked: desk.asked.or(person.closed).unwrap_or(begun),
            begun,
            finished,
            run: self.run.to_owned(),
            counts,
        })
    }
}

/// What a batch did, person by person.
struct Told<'a> {
    people: &'a [Person],
    /// Rows done, by the places of the entries: thousands of people have little beside these.
    done: HashMap<PersonKey, Vec<u64>>,
    /// What else there is to tell, by the names of the entries.
    beside: BTreeMap<PersonKey, BTreeMap<String, Rows>>,
    /// Of whom something stays that is to go one day, by the places of the entries.
    staying: BTreeMap<PersonKey, BTreeSet<usize>>,
}

impl<'a> Told<'a> {
    fn of(people: &'a [Person]) -> Self {
        Self { people, done: HashMap::new(), beside: BTreeMap::new(), staying: BTreeMap::new() }
    }

    /// What stays for its ground, before what it is found by may go. What is found afterwards too is not counted here, where it
    /// is redacted.
    fn keep(&mut self, conn: &mut Connection, erasure: &Erasure, keys: &[PersonKey]) -> Result<(), DbError> {
        let whole = erasure.kept.iter().map(|kept| (&kept.name, &kept.targets));
        let redacted = erasure.entries.iter().filter(|entry| entry.kept.is_some());
        let lost = redacted.map(|entry| (&entry.plan.rule, &entry.plan.targets));
        for (name, targets) in whole.chain(lost.filter(|(_, targets)| erasure.loses_sight_of(targets))) {
            let few = Few { column: &erasure.key, keys };
            for (key, rows) in person::rows_of_few(conn, targets, &erasure.key, few)? {
                self.beside(&key, name).kept = rows;
            }
        }
        Ok(())
    }

    /// The people whose rows an entry may act upon now: the person's own row, and what tells that the person is to go, wait for
    /// whatever stays, which could not be found without it.
    fn keys_for(&mut self, erasure: &Erasure, place: usize) -> Vec<PersonKey> {
        let entry = &erasure.entries[place];
        for staying in self.staying.values_mut() {
            if staying.iter().any(|other| entry.hides_the_person_from(&erasure.entries[*other])) {
                staying.insert(place);
            }
        }
        let waits = |key: &PersonKey| self.staying.get(key).is_some_and(|staying| staying.contains(&place));
        self.people.iter().map(|person| person.key.clone()).filter(|key| !waits(key)).collect()
    }

    fn beside(&mut self, key: &PersonKey, entry: &str) -> &mut Rows {
        self.beside.entry(key.clone()).or_default().entry(entry.to_owned()).or_default()
    }

    /// What went along with the rows can be told of one person only where the batch is about nobody else.
    fn hear(&mut self, erasure: &Erasure, place: usize, erased: &people::Erased) {
        let entry = &erasure.entries[place];
        let is_alone = self.people.len() == 1;
        for (key, rows) in &erased.by_person {
            self.done.entry(key.clone()).or_insert_with(|| vec![0; erasure.entries.len()])[place] += *rows;
            if is_alone {
                let told = self.beside(key, &entry.plan.rule);
                *told = Rows { kept: told.kept, ..rows_of(&erased.done, 0) };
            }
        }
        for (key, stayed) in &erased.stayed {
            let rows = self.beside(key, &entry.plan.rule);
            rows.held_by.clone_from(&stayed.held_by);
            rows.blocked = stayed.blocked;
            if people::keep_the_person(entry, stayed) {
                self.staying.entry(key.clone()).or_default().insert(place);
            }
        }
    }

    /// The people of whom something was done.
    fn the_done(&self) -> impl Iterator<Item = &'a Person> {
        let is_done =
            |person: &&Person| self.done.get(&person.key).is_some_and(|rows| rows.iter().any(|rows| *rows > 0));
        self.people.iter().filter(is_done)
    }

    /// The same: those of whom something stays that is to go one day, and the others.
    fn keys_of_the_done(&self) -> (Vec<PersonKey>, Vec<PersonKey>) {
        self.the_done().map(|person| person.key.clone()).partition(|key| self.staying.contains_key(key))
    }

    /// Writes one row for each of them.
    fn record(
        mut self,
        conn: &mut Connection,
        log: &Log<'_>,
        desk: &Desk<'_>,
        begun: Timestamp,
    ) -> Result<(), DbError> {
        let finished = Some(time::now());
        let people: Vec<&Person> = self.the_done().collect();
        for some in people.chunks(PEOPLE_AT_A_TIME) {
            let rows = some.iter().map(|person| {
                let counts = self.counts_of(log.erasure, &person.key);
                log.erased(person, desk, begun, finished, counts)
            });
            ledger::erasure::record(conn, rows.collect::<Result<Vec<_>, _>>()?)?;
        }
        Ok(())
    }

    /// By the names of the entries.
    fn counts_of(&mut self, erasure: &Erasure, key: &PersonKey) -> BTreeMap<String, Rows> {
        let mut counts = self.beside.remove(key).unwrap_or_default();
        let name = |place: usize| erasure.entries[place].plan.rule.clone();
        for (place, rows) in self.done.get(key).into_iter().flatten().enumerate().filter(|(_, rows)| **rows > 0) {
            counts.entry(name(place)).or_default().done = *rows;
        }
        for place in self.staying.get(key).into_iter().flatten() {
            counts.entry(name(*place)).or_default().stays = true;
        }
        counts
    }
}

/// An error that stays names the entry that met it.
fn of_entry(entry: &Entry, error: DbError) -> DbError {
    match error.is_transient() {
        true => error,
        false => DbError { message: format!("entry `{}`: {}", entry.plan.rule, error.message), ..error },
    }
}

fn rows_of(done: &Done, rows: u64) -> Rows {
    let consequences = &done.consequences;
    Rows {
        done: rows,
        cascaded: consequences.cascaded.clone(),
        detached: consequences.detached.clone(),
        ..Rows::default()
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

/// People in one batch. MariaDB turns longer lists of values into tables, and then reads everything.
fn most_people(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Sqlite => 4_000,
        Dialect::Postgres => 40_000,
        Dialect::Mysql => 900,
    }
}
