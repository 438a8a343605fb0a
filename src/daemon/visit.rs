//! One visit to one database: compare clocks, see what is due, take it up, run it, send mails. It blocks, and stands on a
//! thread of its own: a slow database holds up no other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::agenda::Entry;
use super::metrics::Counts;
use super::orders::{self, Cause, Limits, Orders};
use super::state::{Board, Work};
use crate::app::setup::{Pair, Setup};
use crate::base::time;
use crate::config::DatabaseConfig;
use crate::config::daemon::Gate;
use crate::db::control::due::DueRow;
use crate::db::control::outbox::{self, Which};
use crate::db::{Access, Connection};
use crate::execute::{self, Stop};
use crate::ledger::clock::Newest;
use crate::ledger::due::{self, Claim, Outcome, Standing};
use crate::ledger::names::Names;
use crate::ledger::pause;
use crate::record::ERASURES;
use crate::record::{RunRecord, Status};
use crate::run::requests::carry_out;
use crate::run::{self, Consent, Job, Stint, alarm, clocks, files};

/// What is to be looked at, where, and by whose orders.
pub struct Visit {
    pub setup: Arc<Setup>,
    pub database: String,
    pub wanted: Vec<Entry>,
    pub orders: Arc<Orders>,
    pub board: Board,
    pub counts: Counts,
    /// When a daemon of this state directory last saw clocks that agreed.
    pub seen: Option<Timestamp>,
}

/// What came of a visit.
#[derive(Debug, Default)]
pub struct Visited {
    pub looked: Vec<Looked>,
    pub hindrance: Option<Hindrance>,
    /// The end of the ledger, where it was read.
    pub newest: Option<Newest>,
    pub mails_waiting: u64,
}

/// How a rule was found, or left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub policy: String,
    pub rule: String,
    pub due: Option<Timestamp>,
    pub outcome: Option<&'static str>,
    pub run: Option<String>,
    pub look_at: Timestamp,
    /// Why it is not run although it is due.
    pub waits: Option<String>,
}

/// Why nothing could be done in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindrance {
    pub sentence: String,
    pub is_of_clocks: bool,
}

impl From<anyhow::Error> for Hindrance {
    fn from(error: anyhow::Error) -> Self {
        Self { sentence: format!("{error:#}"), is_of_clocks: false }
    }
}

impl From<crate::db::DbError> for Hindrance {
    fn from(error: crate::db::DbError) -> Self {
        anyhow::Error::from(error).into()
    }
}

/// A rule that is due, with its row of the ledger.
struct Due<'v> {
    entry: &'v Entry,
    row: DueRow,
    at: Timestamp,
}

impl Visit {
    /// Does all that is to be done there now.
    pub fn pay(&self) -> Visited {
        let mut visited = Visited::default();
        let Some(database) = self.setup.config.databases.get(&self.database) else { return visited };
        if let Err(hindrance) = self.work(database, &mut visited) {
            visited.hindrance = Some(hindrance);
        }
        visited
    }

    fn work(&self, database: &DatabaseConfig, visited: &mut Visited) -> Result<(), Hindrance> {
        let mut conn = self.setup.config.open(database, Access::ReadWrite)?;
        run::prepare_ledger(&mut conn)?;
        let reading = clocks::read(&mut conn)?;
        visited.newest = reading.newest;
        if self.orders.is_to_end().is_some() {
            return Ok(());
        }
        let gap = || reading.gap(self.seen, &self.setup.config.daemon.max_gap);
        if let Some(sentence) = reading.contradiction().or_else(gap) {
            return Err(Hindrance { sentence, is_of_clocks: true });
        }
        let due = self.look(&mut conn, visited)?;
        for pair in self.setup.pairs().iter().filter(|pair| pair.database.name == self.database) {
            let policy = &pair.schedule.policy.name;
            let of_policy: Vec<_> = due.iter().filter(|due| due.entry.policy == *policy).collect();
            if !of_policy.is_empty() && self.orders.is_to_end().is_none() {
                visited.looked.extend(self.policy(&mut conn, pair, &of_policy)?);
            }
        }
        if self.orders.is_to_end().is_none() {
            run::send_mails(&self.setup.config, database);
        }
        visited.mails_waiting = outbox::rows(&mut conn, Which::Unsettled)?.len() as u64;
        Ok(())
    }

    /// Sorts the wanted rules into those that are due and those that are to be looked at later.
    fn look(&self, conn: &mut Connection, visited: &mut Visited) -> Result<Vec<Due<'_>>, Hindrance> {
        if self.wanted.is_empty() {
            return Ok(Vec::new());
        }
        let now = time::now();
        let (rows, pauses) = (self.rows(conn, now)?, pause::standing(conn)?);
        let databases = &self.setup.config.databases;
        let policies =
            databases.get(&self.database).map(|database| self.setup.policies_on(database)).unwrap_or_default();
        let paused = |entry: &Entry| {
            let files = self.setup.schedules.iter().filter(|schedule| schedule.policy.name == entry.policy);
            let names = files.map(|schedule| Names { schedule, policies: &policies });
            names.map(|names| pause::of_rule(&pauses, names, &entry.rule, now)).find(Option::is_some).flatten()
        };
        let mut last_due = HashMap::new();
        let mut due = Vec::new();
        for entry in &self.wanted {
            let last = *last_due.entry(Arc::as_ptr(&entry.timetable)).or_insert_with(|| entry.timetable.last(now));
            let row = rows.get(&(entry.policy.as_str(), entry.rule.as_str()));
            let (Some(row), Some(last)) = (row, last) else {
                visited.looked.push(Looked::at(entry, None, entry.timetable.next(now)));
                continue;
            };
            match due::standing(row, last, now) {
                Standing::Due(at) => match paused(entry) {
                    Some(pause) => visited.looked.push(Looked::paused(entry, row, pause, now)),
                    None => due.push(Due { entry, row: (*row).clone(), at }),
                },
                Standing::Settled => visited.looked.push(Looked::at(entry, Some(row), entry.timetable.next(now))),
                Standing::Later(at) => {
                    visited.looked.push(Looked::at(entry, Some(row), at.min(entry.timetable.next(now))))
                }
            }
        }
        Ok(due)
    }

    /// The row of each wanted rule; the ledger is told of those that are new to it.
    fn rows(&self, conn: &mut Connection, now: Timestamp) -> Result<HashMap<(&str, &str), DueRow>, Hindrance> {
        let mut rows = self.known_rows(conn)?;
        let mut unknown: HashMap<&str, Vec<String>> = HashMap::new();
        for entry in
            self.wanted.iter().filter(|entry| !rows.contains_key(&(entry.policy.as_str(), entry.rule.as_str())))
        {
            unknown.entry(&entry.policy).or_default().push(entry.rule.clone());
        }
        if !unknown.is_empty() {
            unknown.iter().try_for_each(|(policy, rules)| due::introduce(conn, policy, rules, now))?;
            rows = self.known_rows(conn)?;
        }
        Ok(rows)
    }

    fn known_rows(&self, conn: &mut Connection) -> Result<HashMap<(&str, &str), DueRow>, Hindrance> {
        let mut rows: HashMap<(String, String), DueRow> =
            due::rows(conn)?.into_iter().map(|row| ((row.policy.clone(), row.rule.clone()), row)).collect();
        let of = |entry: &Entry, rows: &mut HashMap<_, _>| rows.remove(&(entry.policy.clone(), entry.rule.clone()));
        let found = self
            .wanted
            .iter()
            .filter_map(|entry| Some(((entry.policy.as_str(), entry.rule.as_str()), of(entry, &mut rows)?)));
        Ok(found.collect())
    }

    /// Takes up what is due of one policy, and makes one run of it.
    fn policy(&self, conn: &mut Connection, pair: &Pair<'_>, due: &[&Due<'_>]) -> Result<Vec<Looked>, Hindrance> {
        let now = time::now();
        let (hours, zone) = (&self.setup.config.daemon.hours, &pair.schedule.policy.timezone);
        let why = match hours.gate(&now.to_zoned(zone.clone())) {
            Gate::Open => None,
            Gate::OutOfHours => Some("the window is closed".to_owned()),
            Gate::Closed(reason) => Some(format!("the days are closed: {reason}")),
        };
        if why.is_some() {
            let opening = hours.next_opening(now, zone).unwrap_or(Timestamp::MAX);
            let wait = |due: &&Due<'_>| Looked { waits: why.clone(), ..Looked::at(due.entry, Some(&due.row), opening) };
            return Ok(due.iter().map(wait).collect());
        }
        let (mut claims, mut looked) = (Vec::new(), Vec::new());
        for due in due {
            match due::claim(conn, &due.row, due.at, now)? {
                Some(claim) => claims.push((*due, claim)),
                // Another daemon was faster; what it makes of it is looked at with the next tick.
                None => looked.push(Looked::at(due.entry, Some(&due.row), now)),
            }
        }
        if !claims.is_empty() {
            looked.extend(self.run(conn, pair, &claims)?);
        }
        // What stopped the run would stop each of these.
        if claims.iter().any(|(_, claim)| claim.rule() == ERASURES) && self.orders.cause().is_none() {
            self.requests(pair);
        }
        Ok(looked)
    }

    /// One run of the claimed rules; their due times are settled by what came of it.
    fn run(
        &self,
        conn: &mut Connection,
        pair: &Pair<'_>,
        claims: &[(&Due<'_>, Claim)],
    ) -> Result<Vec<Looked>, Hindrance> {
        let rules: Vec<String> = claims.iter().map(|(_, claim)| claim.rule().to_owned()).collect();
        let config = &self.setup.config.daemon;
        let limits = Limits::of(config, &pair.schedule.policy.timezone);
        let window = config.hours.longest().and_then(|length| length.try_into().ok());
        let time = [config.budget, window].into_iter().flatten().min();
        let job = Job {
            as_of: time::now(),
            stint: Some(Stint { time, rows: config.budget_rows }),
            ..self.setup.job(pair, &rules, false)
        };
        self.begin_work(pair);
        let (mut before, mut current, mut last) = (0, (String::new(), 0), Instant::now());
        let outcome =
            run::run(&job, &Consent::Ask, &orders::stop(&self.orders, &limits), &mut |rule, done, planned| {
                self.orders.show_life();
                if current.0 != rule {
                    before += current.1;
                    current.0 = rule.to_owned();
                } else {
                    // From the batch before, so that the counting before the first one is left out.
                    self.counts.batch(&self.database, last.elapsed());
                }
                last = Instant::now();
                current.1 = done;
                limits.count(before + done);
                self.show_work(&rules, rule, done, planned);
            });
        self.board.lock().databases.entry(self.database.clone()).or_default().work = None;
        alarm::of_run(&job, &outcome);
        let record = outcome.inspect_err(|refusal| {
            let policy = &pair.schedule.policy.name;
            tracing::error!(event = "run-not-begun", policy, database = self.database, "{}", refusal.sentence());
        });
        if let Ok(record) = &record {
            self.counts.run(&self.database, record);
            self.write_reports(record);
        }
        self.settle(conn, &job, claims, record.ok().as_ref())
    }

    /// The verified requests that wait, each in a run of its own. What could not be begun is tried with the next due time.
    fn requests(&self, pair: &Pair<'_>) {
        let limits = Limits::of(&self.setup.config.daemon, &pair.schedule.policy.timezone);
        let job = Job { as_of: time::now(), ..self.setup.job(pair, &[], false) };
        let stop = orders::stop(&self.orders, &limits);
        let outcome = carry_out(&job, None, &Consent::Ask, &stop, &mut |_, _, _| self.orders.show_life());
        let (records, refused) = match outcome {
            Ok(done) => (done.records, done.refused),
            Err(refusal) => (Vec::new(), vec![refusal]),
        };
        records.iter().for_each(|record| self.write_reports(record));
        for refusal in refused {
            let policy = &pair.schedule.policy.name;
            let sentence = refusal.sentence();
            tracing::error!(event = "run-not-begun", policy, database = self.database, "{sentence}");
            alarm::of_run(&job, &Err(refusal));
        }
    }

    fn begin_work(&self, pair: &Pair<'_>) {
        let policy = pair.schedule.policy.name.clone();
        let work = Work { policy, rule: None, number: 0, of: 0, done: 0, planned: 0, since: time::now() };
        self.board.lock().databases.entry(self.database.clone()).or_default().work = Some(work);
    }

    fn show_work(&self, rules: &[String], rule: &str, done: u64, planned: u64) {
        let mut state = self.board.lock();
        if let Some(work) = state.databases.get_mut(&self.database).and_then(|database| database.work.as_mut()) {
            work.number = rules.iter().position(|name| name == rule).map_or(0, |index| index + 1);
            (work.rule, work.of, work.done, work.planned) = (Some(rule.to_owned()), rules.len(), done, planned);
        }
    }

    /// The ledger has the report, so that one that cannot be written as a file is only told of.
    fn write_reports(&self, record: &RunRecord) {
        match files::write(&self.setup.config.state_dir, record) {
            Ok(path) => tracing::info!(
                event = "reports-written",
                run = record.run,
                "reports: {}.{{txt,html,json,csv}}",
                path.display()
            ),
            Err(error) => tracing::error!(
                event = "reports-not-written",
                run = record.run,
                "{error:#}; `tenure report` shows it from the ledger"
            ),
        }
    }

    /// The connection has stood idle for as long as the run took, and may be gone. A claim that cannot be settled now is
    /// settled by the next run, which finds nothing left to do.
    fn settle(
        &self,
        conn: &mut Connection,
        job: &Job<'_>,
        claims: &[(&Due<'_>, Claim)],
        record: Option<&RunRecord>,
    ) -> Result<Vec<Looked>, Hindrance> {
        let now = time::now();
        let reopen = || job.config.open(job.database, Access::ReadWrite);
        let mut looked = Vec::new();
        for (due, claim) in claims {
            let outcome = self.outcome(job, claim, record, now);
            let run = record.map(|record| record.run.as_str());
            let settled =
                execute::patiently(conn, &reopen, &Stop::default(), |conn| due::settle(conn, claim, run, outcome));
            if let Err(halt) = settled {
                return Err(Hindrance { sentence: halt.sentence(), is_of_clocks: false });
            }
            looked.push(Looked {
                due: Some(due.at),
                outcome: Some(word(outcome)),
                run: run.map(str::to_owned),
                look_at: next_look(due, outcome, now),
                ..Looked::at(due.entry, None, now)
            });
        }
        Ok(looked)
    }

    /// What became of a rule, and when it is to be tried again.
    fn outcome(&self, job: &Job<'_>, claim: &Claim, record: Option<&RunRecord>, now: Timestamp) -> Outcome {
        let later = Outcome::Again(now + due::pause(claim.attempts()));
        match (record, record.and_then(|record| record.status_of(claim.rule()))) {
            // It was not closed in the ledger, which the next run does.
            (Some(record), _) if record.ledger.is_none() => later,
            (None, _) | (_, None | Some(Status::Failed)) => later,
            (_, Some(Status::Ok)) => Outcome::Done,
            (_, Some(Status::Guarded)) => Outcome::Guarded,
            (_, Some(Status::Stopped)) => match self.orders.cause() {
                Some(Cause::Signal | Cause::Superseded | Cause::Clock | Cause::Hours) => Outcome::Again(now),
                Some(Cause::Budget) => self.after_the_budget(job, now),
                None if job.not_yet_in_force().is_some() => Outcome::Done,
                // Somebody else works on it, or a hold was added.
                None => Outcome::Again(now + due::pause(1)),
            },
        }
    }

    /// With windows in the next one; else under the next due time.
    fn after_the_budget(&self, job: &Job<'_>, now: Timestamp) -> Outcome {
        let (hours, zone) = (&job.config.daemon.hours, &job.schedule.policy.timezone);
        match hours.after_this_window(now, zone) {
            Some(next) => Outcome::Again(next),
            None => Outcome::Done,
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Guarded => "guarded",
        Outcome::Again(_) => "again",
    }
}

/// Another due time may have come while the run went on: it is looked at now.
fn next_look(due: &Due<'_>, outcome: Outcome, now: Timestamp) -> Timestamp {
    let timetable = &due.entry.timetable;
    let next = if timetable.last(now).is_some_and(|newest| newest > due.at) { now } else { timetable.next(now) };
    match outcome {
        Outcome::Again(at) => at.min(next),
        Outcome::Done | Outcome::Guarded => next,
    }
}

impl Looked {
    fn at(entry: &Entry, row: Option<&DueRow>, look_at: Timestamp) -> Self {
        Self {
            policy: entry.policy.clone(),
            rule: entry.rule.clone(),
            due: row.and_then(|row| Timestamp::from_microsecond(row.due).ok()),
            outcome: row.map(|row| row.state.as_str()),
            run: row.and_then(|row| row.run.clone()),
            look_at,
            waits: None,
        }
    }

    /// It stays due until the pause ends, or somebody ends it: then it runs at once.
    fn paused(entry: &Entry, row: &DueRow, pause: &pause::Standing, now: Timestamp) -> Self {
        const LOOK_EVERY: SignedDuration = SignedDuration::from_mins(1);
        let end = pause.order.expires.unwrap_or(Timestamp::MAX);
        let waits = Some(pause.record().to_string());
        Self { waits, ..Self::at(entry, Some(row), end.min(now + LOOK_EVERY)) }
    }
}
