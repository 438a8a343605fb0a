//! One transaction for some people: it marks their rows, settles what becomes of them, sweeps, and tells the ledger, person by
//! person.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;

use super::batch::{self, Identity};
use crate::base::pseudonym::Pseudonyms;
use crate::base::time;
use crate::db::predicate::few::Few;
use crate::db::query::count::Consequences;
use crate::db::query::mark::{self, Asked, Family};
use crate::db::query::person;
use crate::db::write::batch::Done;
use crate::db::write::people::{self, Person};
use crate::db::write::people_sweep;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Wait};
use crate::ledger;
use crate::ledger::erasure::{Cause, Erased, Rows, new_reference};
use crate::plan::{Erasure, PersonKey};
use crate::settle::{Account, Along, Marks, PersonId, RowKey, Settled, settle};

/// So many people are written into the ledger at a time.
const PEOPLE_AT_A_TIME: usize = 1_000;

/// Who asked for it, and how people are called in the ledger.
pub struct Desk<'a> {
    pub pseudonyms: &'a Pseudonyms,
    pub cause: Cause,
    /// Where one category was asked for only.
    pub category: Option<&'a str>,
    /// When it was asked for, where it was not by closing the account.
    pub asked: Option<Timestamp>,
}

/// Under which names a transaction is recorded.
pub(super) struct Log<'a> {
    pub policy: &'a str,
    pub run: &'a str,
    pub erasure: &'a Erasure,
    pub sequence: u64,
}

impl Log<'_> {
    pub fn identity(&self, place: usize) -> Identity<'_> {
        let rule = &self.erasure.entries[place].plan.rule;
        Identity { id: format!("{}/{rule}/{:06}", self.run, self.sequence), run: self.run, rule }
    }

    /// A transaction that did nothing left nothing to be found, and it is all the same whether it was committed.
    pub fn was_committed(&self, conn: &mut Connection, done: &BTreeMap<usize, Done>) -> Result<bool, DbError> {
        match done.iter().find(|(_, done)| **done != Done::default()) {
            Some((place, _)) => Ok(batch::outcome(conn, &self.identity(*place))?.is_some()),
            None => Ok(true),
        }
    }

    fn erased(
        &self,
        person: &Person,
        desk: &Desk<'_>,
        (begun, finished): (Timestamp, Option<Timestamp>),
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

/// What one transaction did, by the places of the entries.
#[derive(Clone, Default)]
pub(super) struct Outcome {
    pub done: BTreeMap<usize, Done>,
    /// Of whom something was done and nothing stays that is to go one day.
    pub erased: Vec<PersonKey>,
    /// Of whom something was done and something stays.
    pub in_part: Vec<PersonKey>,
    /// Of whom a part was done, and more is to follow.
    pub unfinished: Vec<PersonKey>,
    /// Of whom something stays, whether anything was done or not.
    pub waiting: Vec<PersonKey>,
    /// Why rows stay that nothing of the map keeps.
    pub clinging: Option<String>,
}

/// Rows that a trigger kept when they were to go or change: they stay, and the batch is settled again.
pub(super) type TurnedBack = HashSet<(u32, RowKey)>;

/// How much of some people's rows a transaction is about.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// All of them: the people are done with.
    Whole,
    /// A part of one entry's rows: more is to follow.
    Part(usize, mark::Part<'a>),
}

/// A transaction for some people, on the caller's connection.
pub(super) struct Batch<'a> {
    pub family: &'a Family<'a>,
    pub desk: &'a Desk<'a>,
    pub keys: &'a [PersonKey],
    pub scope: Scope<'a>,
    pub begun: Timestamp,
    pub wait: Wait,
}

impl Batch<'_> {
    /// # Errors
    /// Those of the database; and where a trigger kept rows, which are noted: the caller rolls back and acts again.
    pub fn act(&self, conn: &mut Connection, log: &Log<'_>, turned_back: &mut TurnedBack) -> Result<Outcome, DbError> {
        let erasure = self.family.erasure;
        let people = people::lock(conn, erasure, self.keys)?;
        let kept = match self.scope {
            Scope::Whole => kept(conn, erasure, self.keys)?,
            Scope::Part(..) => Kept::new(),
        };
        let marks = self.marks(conn)?;
        let stay = turned_back.iter().filter_map(|(table, key)| marks.find_row(*table, key)).collect();
        let settled = settle(&self.family.terms, &marks, &stay);
        let back = people_sweep::sweep(conn, self.family, &settled)?;
        if !back.is_empty() {
            let rows = back.iter().map(|row| &marks.rows[*row as usize]);
            turned_back.extend(rows.map(|row| (row.table, row.key.clone())));
            return Err(DbError::new(ErrorKind::Conflict, "a trigger kept rows that were to go or to change"));
        }
        let told = Told { batch: self, account: settled.account(), settled: &settled, kept };
        let mut outcome = told.outcome();
        for (place, done) in &outcome.done {
            batch::write(conn, &log.identity(*place), done)?;
        }
        told.record(conn, log, &people)?;
        outcome.clinging = self.clinging(turned_back);
        Ok(outcome)
    }

    fn marks(&self, conn: &mut Connection) -> Result<Marks, DbError> {
        let asked = Asked::now(Few { column: &self.family.erasure.key, keys: self.keys });
        let Scope::Part(place, part) = self.scope else {
            let mut marks = mark::marks(conn, self.family, asked)?;
            self.act_at_once(conn, &mut marks)?;
            return Ok(marks);
        };
        let mut marks = Marks::new();
        mark::claims_of_part(conn, self.family, place, part, asked, &mut |found| {
            mark::note(&mut marks, self.family, place, found);
            Ok(())
        })?;
        mark::follow(conn, self.family, &mut marks, asked)?;
        Ok(marks)
    }

    /// Of entries whose rows nothing keeps, on PostgreSQL; the people's own rows last, by which the others are found.
    fn act_at_once(&self, conn: &mut Connection, marks: &mut Marks) -> Result<(), DbError> {
        let family = self.family;
        if conn.dialect() != Dialect::Postgres {
            return Ok(());
        }
        for place in (0..family.free.len()).filter(|place| family.free[*place]) {
            let few = Few { column: &family.erasure.key, keys: self.keys };
            let rule = &family.erasure.entries[place].plan.rule;
            let acted = people_sweep::act_at_once(conn, family, place, few);
            for (person, rows) in acted.map_err(|error| error.met_by(&format!("entry `{rule}`")))? {
                let person = marks.person(person);
                marks.free.push((place as u32, person, rows));
            }
        }
        Ok(())
    }

    /// A trigger turned away rows that were to go along, or put back what they let go of.
    fn clinging(&self, turned_back: &TurnedBack) -> Option<String> {
        let entries = &self.family.erasure.entries;
        let shown = |number: u32| {
            let table = &self.family.erasure.tables.get(number).table;
            let mut dependents = entries.iter().flat_map(|entry| &entry.plan.dependents);
            dependents.find(|dependent| dependent.table == *table).map(|dependent| dependent.shown.to_string())
        };
        let table = turned_back.iter().find_map(|(table, _)| shown(*table))?;
        Some(format!(
            "rows of `{table}` that were to go, or to let go, with what they refer to are still there, so what they refer to stays; \
             a trigger or rewrite rule on `{table}` turns them away: keep what they refer to by a hold, or change it"
        ))
    }
}

/// Rows that stay for their grounds, by person and by the name of the entry.
type Kept = BTreeMap<PersonKey, BTreeMap<String, u64>>;

/// Counted before what the rows are found by may go. What is found afterwards too is not counted here, where it is redacted.
fn kept(conn: &mut Connection, erasure: &Erasure, keys: &[PersonKey]) -> Result<Kept, DbError> {
    let whole = erasure.kept.iter().map(|kept| (&kept.name, &kept.targets));
    let redacted = erasure.entries.iter().filter(|entry| entry.kept.is_some());
    let lost = redacted.map(|entry| (&entry.plan.rule, &entry.plan.targets));
    let mut kept = Kept::new();
    for (name, targets) in whole.chain(lost.filter(|(_, targets)| erasure.loses_sight_of(targets))) {
        let few = Few { column: &erasure.key, keys };
        for (key, rows) in person::rows_of_few(conn, targets, &erasure.key, few)? {
            kept.entry(key).or_default().insert(name.clone(), rows);
        }
    }
    Ok(kept)
}

/// What a transaction did, person by person.
struct Told<'b, 's, 'm> {
    batch: &'b Batch<'b>,
    settled: &'s Settled<'m>,
    account: Account,
    kept: Kept,
}

impl Told<'_, '_, '_> {
    fn people(&self) -> impl Iterator<Item = (PersonId, &PersonKey)> {
        (0..).zip(&self.settled.marks.people)
    }

    fn is_done(&self, person: PersonId) -> bool {
        self.account.done_of(person).iter().any(|rows| *rows > 0)
    }

    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::default();
        for (place, entry) in self.account.entries.iter().enumerate() {
            let done = Done { rows: entry.done, consequences: consequences(&entry.along), rolled_up: 0 };
            outcome.done.insert(place, done);
        }
        for (person, key) in self.people() {
            let stays = self.settled.stays_of(person).next().is_some();
            let ended = match (self.batch.scope, stays) {
                (Scope::Part(..), _) => &mut outcome.unfinished,
                (Scope::Whole, true) => &mut outcome.in_part,
                (Scope::Whole, false) => &mut outcome.erased,
            };
            if self.is_done(person) {
                ended.push(key.clone());
            }
            if stays && matches!(self.batch.scope, Scope::Whole) {
                outcome.waiting.push(key.clone());
            }
        }
        outcome
    }

    /// Writes one row for each of the people of whom something was done.
    fn record(&self, conn: &mut Connection, log: &Log<'_>, people: &[Person]) -> Result<(), DbError> {
        let finished = match self.batch.scope {
            Scope::Whole => Some(time::now()),
            Scope::Part(..) => None,
        };
        let by_key: BTreeMap<&PersonKey, &Person> = people.iter().map(|person| (&person.key, person)).collect();
        let done: Vec<(PersonId, &Person)> = self
            .people()
            .filter(|(person, _)| self.is_done(*person))
            .filter_map(|(person, key)| Some((person, *by_key.get(key)?)))
            .collect();
        for some in done.chunks(PEOPLE_AT_A_TIME) {
            let rows = some.iter().map(|(id, person)| {
                log.erased(person, self.batch.desk, (self.batch.begun, finished), self.counts_of(*id, &person.key))
            });
            ledger::erasure::record(conn, rows.collect::<Result<Vec<_>, _>>()?)?;
        }
        Ok(())
    }

    /// By the names of the entries.
    fn counts_of(&self, person: PersonId, key: &PersonKey) -> BTreeMap<String, Rows> {
        let name = |place: usize| self.batch.family.erasure.entries[place].plan.rule.clone();
        let mut counts: BTreeMap<String, Rows> = BTreeMap::new();
        for (kept, rows) in self.kept.get(key).into_iter().flatten() {
            counts.entry(kept.clone()).or_default().kept = *rows;
        }
        for (place, beside) in self.account.beside_of(person) {
            let rows = counts.entry(name(place as usize)).or_default();
            rows.cascaded.clone_from(&beside.along.cascaded);
            rows.detached.clone_from(&beside.along.detached);
            // What stays is told when the person is done with.
            if matches!(self.batch.scope, Scope::Whole) {
                rows.held_by.clone_from(&beside.held_by);
                rows.blocked = beside.blocked;
            }
        }
        for (place, rows) in self.account.done_of(person).iter().enumerate().filter(|(_, rows)| **rows > 0) {
            counts.entry(name(place)).or_default().done = *rows;
        }
        let stays: BTreeSet<usize> = match self.batch.scope {
            Scope::Whole => self.settled.stays_of(person).collect(),
            Scope::Part(..) => BTreeSet::new(),
        };
        for place in stays {
            counts.entry(name(place)).or_default().stays = true;
        }
        counts.retain(|_, rows| *rows != Rows::default());
        counts
    }
}

fn consequences(along: &Along) -> Consequences {
    Consequences { cascaded: along.cascaded.clone(), detached: along.detached.clone() }
}
