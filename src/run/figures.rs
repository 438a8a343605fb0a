//! The figures of an erasure: what every entry of the map counts, whose rows a run would change, and of whom something stays
//! that is to go. The rows are marked and settled as a run does it, without locks.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use super::Job;
use crate::db::query::count::{Consequences, Counts};
use crate::db::query::mark::{self, Asked, Family, Found};
use crate::db::{Connection, DbError, Dialect, ErrorKind};
use crate::execute::erase::Due;
use crate::plan::{Erasure, PersonKey};
use crate::settle::{EntryCount, Marks, Settled, settle};

/// What every entry of the map counts, whose rows a run would change, and of whom something stays that is to go.
#[derive(Default)]
pub(super) struct Figures {
    /// By the places of the entries.
    pub by_entry: Vec<Counts>,
    /// What would go along, or let go, by the places of the entries.
    pub along: Vec<Consequences>,
    /// Of each person of whom a run would change something, the rows by the places of the entries.
    pub rows: HashMap<PersonKey, Box<[u64]>>,
    pub held: BTreeSet<PersonKey>,
    pub blocked: BTreeSet<PersonKey>,
}

impl Figures {
    /// Reads them in the caller's read-only transaction, and on the other connections at the same time.
    pub fn read(conn: &mut Connection, others: &mut [Connection], erasure: &Erasure) -> Result<Self, DbError> {
        let family = Family::of(erasure);
        let mut marks = Marks::new();
        find_side_by_side(conn, others, &family, &mut |place, found| mark::note(&mut marks, &family, place, found))?;
        mark::follow(conn, &family, &mut marks, Asked::ahead())?;
        Ok(Self::of(&settle(&family.terms, &marks, &HashSet::new())))
    }

    fn of(settled: &Settled<'_>) -> Self {
        let account = settled.account();
        let mut figures = Self::default();
        for EntryCount { eligible, held, blocked, held_by, along, .. } in &account.entries {
            let (eligible, held, blocked, held_by) = (*eligible, *held, *blocked, held_by.clone());
            figures.by_entry.push(Counts { eligible, held, blocked, held_by, ages: None });
            let (cascaded, detached) = (along.cascaded.clone(), along.detached.clone());
            figures.along.push(Consequences { cascaded, detached });
        }
        for (person, key) in (0..).zip(&settled.marks.people) {
            let rows = account.done_of(person);
            if rows.iter().any(|rows| *rows > 0) {
                figures.rows.insert(key.clone(), rows.into());
            }
            let staying: Vec<usize> = settled.stays_of(person).collect();
            for (_, beside) in account.beside_of(person).filter(|(entry, _)| staying.contains(&(*entry as usize))) {
                if beside.held > 0 {
                    figures.held.insert(key.clone());
                }
                if beside.blocked > 0 {
                    figures.blocked.insert(key.clone());
                }
            }
        }
        figures
    }

    /// Is all that is due that of people whom nobody can name?
    pub fn is_of_illegible_keys(&self) -> bool {
        !self.rows.is_empty() && self.rows.keys().all(PersonKey::may_be_illegible)
    }

    /// People of whom a run would change something, with the rows that it would change, in the order of their keys: those of a
    /// batch are neighbours.
    pub fn due(&mut self) -> Vec<Due> {
        let rows = std::mem::take(&mut self.rows);
        let due = |(key, rows): (PersonKey, Box<[u64]>)| Due { key, rows: rows.iter().sum(), asked: None };
        let mut due: Vec<_> = rows.into_iter().map(due).collect();
        due.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        due
    }
}

/// Connections on which the rows of entries can be read beside the job's own: with it, one for each of the job's workers. Without
/// them the figures are the same and only take longer.
pub(super) fn helpers(job: &Job<'_>, conn: &Connection, erasure: &Erasure) -> Vec<Connection> {
    // Only PostgreSQL lets several connections see the same.
    if conn.dialect() != Dialect::Postgres {
        return Vec::new();
    }
    let most = erasure.entries.len().min(job.database.workers as usize);
    (1..most).map_while(|_| job.connect(conn.access()).ok()).collect()
}

/// What is told of an entry on another connection: some of its rows, or none where it is at its end.
type Told = Result<Vec<Found>, DbError>;

/// So many rows are told at once, and so often before somebody has to listen.
const AT_ONCE: usize = 1_000;
const AHEAD: usize = 4;

/// Reads the rows of the entries in turns on all connections, and tells them in the order of the entries. All see what the first
/// one sees; one that cannot (it may have come to another server) leaves its turns to the first.
fn find_side_by_side(
    conn: &mut Connection,
    others: &mut [Connection],
    family: &Family<'_>,
    hear: &mut dyn FnMut(usize, Found),
) -> Result<(), DbError> {
    let snapshot = &if others.is_empty() { String::new() } else { conn.share_snapshot()? };
    let lanes = 1 + others.len();
    let entries = family.erasure.entries.len();
    thread::scope(|scope| {
        let begin = |(lane, other)| {
            let (teller, told) = mpsc::sync_channel(AHEAD);
            let places = (lane..entries).step_by(lanes);
            scope.spawn(move || find_all(other, snapshot, family, places, &teller));
            told
        };
        let begun: Vec<_> = (1..).zip(others).map(begin).collect();
        let told: Vec<_> = begun.into_iter().map(|told| matches!(told.recv(), Ok(Ok(_))).then_some(told)).collect();
        for place in 0..entries {
            match (place % lanes).checked_sub(1).and_then(|other| told[other].as_ref()) {
                Some(told) => listen(told, &mut |found| hear(place, found))?,
                None => mark::claims(conn, family, place, Asked::ahead(), &mut |found| {
                    hear(place, found);
                    Ok(())
                })?,
            }
        }
        Ok(())
    })
}

/// Reads the rows of some of the entries in a snapshot, and tells once before all of them that it can.
fn find_all(
    conn: &mut Connection,
    snapshot: &str,
    family: &Family<'_>,
    mut places: impl Iterator<Item = usize>,
    teller: &SyncSender<Told>,
) {
    // Where nobody listens any more, the first connection met an error, and that one is reported.
    let unheard = |_| ended_early();
    let tell = |found: Vec<Found>| teller.send(Ok(found)).map_err(unheard);
    let ended = conn.in_snapshot(snapshot, |conn| {
        tell(Vec::new())?;
        places.try_for_each(|place| {
            let mut waiting = Vec::new();
            mark::claims(conn, family, place, Asked::ahead(), &mut |found| {
                waiting.push(found);
                if waiting.len() == AT_ONCE { tell(std::mem::take(&mut waiting)) } else { Ok(()) }
            })?;
            if !waiting.is_empty() {
                tell(waiting)?;
            }
            tell(Vec::new())
        })
    });
    if let Err(error) = ended {
        let _ = teller.send(Err(error));
    }
}

fn listen(told: &Receiver<Told>, hear: &mut dyn FnMut(Found)) -> Result<(), DbError> {
    loop {
        // The thread that tells ends with the end of an entry or with an error, or has panicked, which the scope passes on.
        let found = told.recv().unwrap_or_else(|_| Err(ended_early()))?;
        if found.is_empty() {
            return Ok(());
        }
        found.into_iter().for_each(&mut *hear);
    }
}

fn ended_early() -> DbError {
    DbError::new(ErrorKind::Other, "counting ended early")
}
