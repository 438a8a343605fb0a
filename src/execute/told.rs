//! What a batch of people did, person by person, and how the ledger is told of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::batch::{self, Identity};
use crate::base::pseudonym::Pseudonyms;
use crate::base::time;
use crate::db::predicate::few::Few;
use crate::db::query::count::{Consequences, Counts};
use crate::db::query::person;
use crate::db::write::batch::Done;
use crate::db::write::people::{self, Person};
use crate::db::{Connection, DbError};
use crate::ledger;
use crate::ledger::erasure::{Cause, Erased, Rows, new_reference};
use crate::plan::{Entry, Erasure, PersonKey};

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

    pub fn erased(
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
pub(super) struct Told<'a> {
    people: &'a [Person],
    /// Rows done, by the places of the entries: thousands of people have little beside these.
    done: HashMap<PersonKey, Vec<u64>>,
    /// What else there is to tell, by the names of the entries.
    beside: BTreeMap<PersonKey, BTreeMap<String, Rows>>,
    /// Of whom something stays that is to go one day, by the places of the entries.
    pub staying: BTreeMap<PersonKey, BTreeSet<usize>>,
}

impl<'a> Told<'a> {
    pub fn of(people: &'a [Person]) -> Self {
        Self { people, done: HashMap::new(), beside: BTreeMap::new(), staying: BTreeMap::new() }
    }

    /// What stays for its ground, before what it is found by may go. What is found afterwards too is not counted here, where it
    /// is redacted.
    pub fn keep(&mut self, conn: &mut Connection, erasure: &Erasure, keys: &[PersonKey]) -> Result<(), DbError> {
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
    pub fn keys_for(&mut self, erasure: &Erasure, place: usize) -> Vec<PersonKey> {
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

    pub fn hear(&mut self, erasure: &Erasure, place: usize, erased: &people::Erased) {
        let entry = &erasure.entries[place];
        for (key, rows) in &erased.by_person {
            self.done.entry(key.clone()).or_insert_with(|| vec![0; erasure.entries.len()])[place] += *rows;
        }
        for (key, along) in &erased.along {
            let told = self.beside(key, &entry.plan.rule);
            *told = Rows { kept: told.kept, ..rows_of(along, 0) };
        }
        for (key, stayed) in &erased.stayed {
            self.note_what_stayed(entry, place, key, stayed);
        }
    }

    fn note_what_stayed(&mut self, entry: &Entry, place: usize, key: &PersonKey, stayed: &Counts) {
        let rows = self.beside(key, &entry.plan.rule);
        rows.held_by.clone_from(&stayed.held_by);
        rows.blocked = stayed.blocked;
        if people::keep_the_person(entry, stayed) {
            self.staying.entry(key.clone()).or_default().insert(place);
        }
    }

    /// What had to stay at its entry's turn may have gone with what a later entry took, as somebody else's: only what is there
    /// when all entries have acted stays.
    pub fn look_again(&mut self, conn: &mut Connection, erasure: &Erasure) -> Result<(), DbError> {
        let staying = std::mem::take(&mut self.staying);
        let places: BTreeSet<usize> = staying.values().flatten().copied().collect();
        for place in places {
            let entry = &erasure.entries[place];
            let keys: Vec<_> =
                staying.iter().filter(|(_, of)| of.contains(&place)).map(|(key, _)| key.clone()).collect();
            let there = people::there_now(conn, entry, Few { column: &erasure.key, keys: &keys })?;
            for key in &keys {
                self.note_what_stayed(entry, place, key, there.get(key).unwrap_or(&Counts::default()));
            }
        }
        Ok(())
    }

    /// The people of whom something was done.
    fn the_done(&self) -> impl Iterator<Item = &'a Person> {
        let is_done =
            |person: &&Person| self.done.get(&person.key).is_some_and(|rows| rows.iter().any(|rows| *rows > 0));
        self.people.iter().filter(is_done)
    }

    /// The same: those of whom something stays that is to go one day, and the others.
    pub fn keys_of_the_done(&self) -> (Vec<PersonKey>, Vec<PersonKey>) {
        self.the_done().map(|person| person.key.clone()).partition(|key| self.staying.contains_key(key))
    }

    /// Writes one row for each of them.
    pub fn record(
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
        counts.retain(|_, rows| *rows != Rows::default());
        counts
    }
}

pub(super) fn rows_of(along: &Consequences, rows: u64) -> Rows {
    Rows { done: rows, cascaded: along.cascaded.clone(), detached: along.detached.clone(), ..Rows::default() }
}
