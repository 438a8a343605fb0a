//! The figures of an erasure: what every entry of the map counts, whose rows a run would change, and of whom something stays
//! that is to go.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use super::Job;
use crate::db::query::count::Counts;
use crate::db::write::people;
use crate::db::{Connection, DbError, Dialect, ErrorKind};
use crate::execute::erase::Due;
use crate::plan::{Erasure, PersonKey};

/// What every entry of the map counts, whose rows a run would change, and of whom something stays that is to go.
#[derive(Default)]
pub(super) struct Figures {
    /// By the places of the entries.
    pub by_entry: Vec<Counts>,
    pub rows: HashMap<PersonKey, u64>,
    pub held: BTreeSet<PersonKey>,
    pub blocked: BTreeSet<PersonKey>,
    /// By the places of the entries.
    staying: BTreeMap<PersonKey, BTreeSet<usize>>,
    /// By the places of the entries: whose rows have to wait for something that stays by another one.
    waiting: Vec<BTreeSet<PersonKey>>,
}

/// What the rows of one person count to in an entry.
struct Count {
    key: PersonKey,
    counts: Counts,
    /// Each row is counted for everybody whose it is, and not once.
    is_of_sharers: bool,
}

type Tell<'a> = &'a mut dyn FnMut(Count) -> Result<(), DbError>;

impl Figures {
    /// Reads them in the caller's read-only transaction, and on the other connections at the same time.
    pub fn read(conn: &mut Connection, others: &mut [Connection], erasure: &Erasure) -> Result<Self, DbError> {
        if others.is_empty() {
            return Self::of(erasure, |place, tell| count(conn, erasure, place, tell));
        }
        count_side_by_side(conn, others, erasure, |count| Self::of(erasure, count))
    }

    /// Hears of the entries in their order: what stays of one lets another one's rows wait.
    fn of(erasure: &Erasure, mut count: impl FnMut(usize, Tell<'_>) -> Result<(), DbError>) -> Result<Self, DbError> {
        let mut figures = Self::default();
        for (place, entry) in erasure.entries.iter().enumerate() {
            figures.wait(erasure, place);
            figures.by_entry.push(Counts::default());
            let mut stay = Vec::new();
            let are_shared = people::has_sharers(&entry.plan);
            count(place, &mut |Count { key, counts, is_of_sharers }| {
                if is_of_sharers == are_shared {
                    let stays = Counts { eligible: counts.held + counts.blocked, ..counts.clone() };
                    if people::keep_the_person(entry, &stays) {
                        stay.push((key.clone(), counts.held > 0));
                    }
                }
                if !is_of_sharers {
                    figures.hear(place, key, &counts);
                }
                Ok(())
            })?;
            // Only now: what stays of an entry lets the entry's own rows go.
            stay.into_iter().for_each(|(key, is_held)| figures.keep(place, key, is_held));
        }
        Ok(figures)
    }

    fn keep(&mut self, place: usize, key: PersonKey, is_held: bool) {
        let stays = if is_held { &mut self.held } else { &mut self.blocked };
        stays.insert(key.clone());
        self.staying.entry(key).or_default().insert(place);
    }

    /// The person's own row, and what tells that the person is to go, wait for whatever stays: it could not be found without
    /// it.
    fn wait(&mut self, erasure: &Erasure, place: usize) {
        let mut waiting = BTreeSet::new();
        for (key, staying) in &mut self.staying {
            if staying.iter().any(|other| erasure.entries[place].hides_the_person_from(&erasure.entries[*other])) {
                staying.insert(place);
                waiting.insert(key.clone());
            }
        }
        self.waiting.push(waiting);
    }

    /// A night may have hundreds of thousands of people: of each entry only the sum is kept.
    fn hear(&mut self, place: usize, key: PersonKey, counts: &Counts) {
        let due = counts.remaining();
        let sum = &mut self.by_entry[place];
        sum.add(counts);
        if self.waiting[place].contains(&key) {
            sum.blocked += due;
        } else if due > 0 {
            *self.rows.entry(key).or_default() += due;
        }
    }

    /// Those of the people whose rows an entry may take now; `None` where nobody's have to wait.
    pub fn going(&self, place: usize, due: &[Due]) -> Option<Vec<PersonKey>> {
        let waiting = &self.waiting[place];
        let going = due.iter().map(|due| &due.key).filter(|key| !waiting.contains(key));
        (!waiting.is_empty()).then(|| going.cloned().collect())
    }

    /// Is all that is due that of people whom nobody can name?
    pub fn is_of_illegible_keys(&self) -> bool {
        !self.rows.is_empty() && self.rows.keys().all(PersonKey::may_be_illegible)
    }

    /// People of whom a run would change something, with the rows that it would change, in the order of their keys: those of a
    /// batch are neighbours.
    pub fn due(&mut self) -> Vec<Due> {
        let rows = std::mem::take(&mut self.rows);
        let mut due: Vec<_> = rows.into_iter().map(|(key, rows)| Due { key, rows, asked: None }).collect();
        due.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        due
    }
}

/// Counts the rows of an entry by their people.
fn count(conn: &mut Connection, erasure: &Erasure, place: usize, tell: Tell<'_>) -> Result<(), DbError> {
    let plan = &erasure.entries[place].plan;
    people::counts_ahead(conn, plan, &erasure.key, &mut |key, counts| {
        tell(Count { key, counts, is_of_sharers: false })
    })?;
    if people::has_sharers(plan) {
        people::counts_of_sharers(conn, plan, &erasure.key, &mut |key, counts| {
            tell(Count { key, counts, is_of_sharers: true })
        })?;
    }
    Ok(())
}

/// Connections on which entries can be counted beside the job's own: with it, one for each of the job's workers. Without them the
/// figures are the same and only take longer.
pub(super) fn helpers(job: &Job<'_>, conn: &Connection, erasure: &Erasure) -> Vec<Connection> {
    // Only PostgreSQL lets several connections see the same.
    if conn.dialect() != Dialect::Postgres {
        return Vec::new();
    }
    let most = erasure.entries.len().min(job.database.workers as usize);
    (1..most).map_while(|_| job.connect(conn.access()).ok()).collect()
}

/// What is told of an entry on another connection: some of its counts, or none where it is at its end.
type Told = Result<Vec<Count>, DbError>;

/// So many counts are told at once, and so often before somebody has to listen.
const AT_ONCE: usize = 1_000;
const AHEAD: usize = 4;

/// Counts the entries in turns on all connections, while `hear` asks for them in their order. All see what the first one sees; one
/// that cannot (it may have come to another server) leaves its turns to the first.
fn count_side_by_side<T>(
    conn: &mut Connection,
    others: &mut [Connection],
    erasure: &Erasure,
    hear: impl FnOnce(&mut dyn FnMut(usize, Tell<'_>) -> Result<(), DbError>) -> Result<T, DbError>,
) -> Result<T, DbError> {
    let snapshot = &conn.share_snapshot()?;
    let lanes = 1 + others.len();
    thread::scope(|scope| {
        let begin = |(lane, other)| {
            let (teller, told) = mpsc::sync_channel(AHEAD);
            let places = (lane..erasure.entries.len()).step_by(lanes);
            scope.spawn(move || count_all(other, snapshot, erasure, places, &teller));
            told
        };
        let begun: Vec<_> = (1..).zip(others).map(begin).collect();
        let told: Vec<_> = begun.into_iter().map(|told| matches!(told.recv(), Ok(Ok(_))).then_some(told)).collect();
        hear(&mut |place, tell| match (place % lanes).checked_sub(1).and_then(|other| told[other].as_ref()) {
            Some(told) => listen(told, tell),
            None => count(conn, erasure, place, tell),
        })
    })
}

/// Counts some of the entries in a snapshot, and tells once before all of them that it can.
fn count_all(
    conn: &mut Connection,
    snapshot: &str,
    erasure: &Erasure,
    mut places: impl Iterator<Item = usize>,
    teller: &SyncSender<Told>,
) {
    // Where nobody listens any more, the first connection met an error, and that one is reported.
    let unheard = |_| DbError::new(ErrorKind::Other, "counting ended early");
    let tell = |counts: Vec<Count>| teller.send(Ok(counts)).map_err(unheard);
    let ended = conn.in_snapshot(snapshot, |conn| {
        tell(Vec::new())?;
        places.try_for_each(|place| {
            let mut waiting = Vec::new();
            count(conn, erasure, place, &mut |count| {
                waiting.push(count);
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

fn listen(told: &Receiver<Told>, tell: Tell<'_>) -> Result<(), DbError> {
    loop {
        // Whoever tells ends with the end of an entry or with an error, or has panicked, which the scope passes on.
        let counts = told.recv().unwrap_or_else(|_| Err(DbError::new(ErrorKind::Other, "counting ended early")))?;
        if counts.is_empty() {
            return Ok(());
        }
        counts.into_iter().try_for_each(&mut *tell)?;
    }
}
