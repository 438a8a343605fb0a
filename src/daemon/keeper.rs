//! Which database is visited when, and what came of it. It decides at once and never waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::agenda::Agenda;
use super::clocks::{Moment, Watcher};
use super::life;
use super::metrics::Counts;
use super::orders::Orders;
use super::record;
use super::state::{Board, DatabaseState, RuleKey, RuleState, State, Trouble};
use super::visit::{Hindrance, Visit, Visited};
use crate::app::overview::{self, Overview};
use crate::app::setup::Setup;
use crate::base::time;
use crate::config::daemon::{Daemon, Listen};
use crate::db::Access;
use crate::ledger::{due, host};
use crate::run::alarm;

/// How often a database is visited where nothing is due: for its outbox, or to see what somebody says of the clocks.
const OFTEN: Duration = Duration::from_secs(60);

/// The same where there is neither: to see that it is there, and that the clocks agree.
const SELDOM: Duration = Duration::from_secs(3_600);

/// How often the claims of a run under way are renewed.
const RENEW_EVERY: Duration = Duration::from_secs(60);

/// How often all databases are looked at for the metrics where nothing is run.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);

/// The same after a look that did not see everything.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// So many attempts in a row come to nothing before somebody is mailed that a database is away: a restart is no news.
const QUIET_ATTEMPTS: u32 = 6;

/// Something that blocks, for a thread of its own.
pub enum Errand {
    Visit {
        visit: Box<Visit>,
        generation: u64,
        mails: Mails,
    },
    /// A sign of life of what is claimed in a database.
    Renew {
        setup: Arc<Setup>,
        database: String,
    },
    /// A look at all databases, for the metrics.
    Look {
        setup: Arc<Setup>,
    },
    /// The mail that the host's clock jumped.
    Alarm {
        setup: Arc<Setup>,
        sentence: String,
    },
}

/// Which hindrances of a visit somebody is mailed about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mails {
    /// Somebody knows already.
    Nothing,
    Clocks,
    All,
}

impl Mails {
    fn tell_of(self, hindrance: &Hindrance) -> bool {
        self == Mails::All || (self == Mails::Clocks && hindrance.is_of_clocks)
    }
}

/// What came of an errand.
pub enum Ended {
    Visited {
        database: String,
        generation: u64,
        visited: Visited,
        was_told: bool,
    },
    Renewed {
        database: String,
    },
    /// `None` where the look met a defect of our own.
    Looked(Option<Box<Overview>>),
    Alarmed {
        was_told: bool,
    },
}

impl Errand {
    /// What comes of it where it panics: of a visit, as if the database were away.
    pub fn panicked(&self) -> Ended {
        match self {
            Errand::Visit { visit, generation, .. } => {
                let sentence = "tenure met a defect of its own, which its log shows; please report it".to_owned();
                let hindrance = Some(Hindrance { sentence, is_of_clocks: false });
                let visited = Visited { hindrance, ..Visited::default() };
                let database = visit.database.clone();
                Ended::Visited { database, generation: *generation, visited, was_told: false }
            }
            Errand::Renew { database, .. } => Ended::Renewed { database: database.clone() },
            Errand::Look { .. } => Ended::Looked(None),
            Errand::Alarm { .. } => Ended::Alarmed { was_told: false },
        }
    }

    pub fn run(self) -> Ended {
        match self {
            Errand::Visit { visit, generation, mails } => {
                let visited = visit.pay();
                let news = visited.hindrance.as_ref().filter(|hindrance| mails.tell_of(hindrance));
                let was_told = news.is_some_and(|hindrance| {
                    alarm::raise(&visit.setup.config, "", &visit.database, &hindrance.sentence)
                });
                Ended::Visited { database: visit.database, generation, visited, was_told }
            }
            Errand::Renew { setup, database } => {
                let renewed = setup.config.databases.get(&database).map(|config| {
                    setup.config.open(config, Access::ReadWrite).and_then(|mut conn| due::renew(&mut conn, time::now()))
                });
                if let Some(Err(error)) = renewed {
                    tracing::warn!(
                        event = "claims-not-renewed",
                        database,
                        "the claims of a run under way could not be renewed: {error}"
                    );
                }
                Ended::Renewed { database }
            }
            Errand::Look { setup } => {
                let setup = Setup { as_of: time::now(), ..Setup::clone(&setup) };
                Ended::Looked(Some(Box::new(overview::look(&setup))))
            }
            Errand::Alarm { setup, sentence } => {
                Ended::Alarmed { was_told: alarm::raise(&setup.config, "", "", &sentence) }
            }
        }
    }
}

/// One database.
struct Lane {
    agenda: Agenda,
    /// Of the visit that goes on.
    orders: Option<Arc<Orders>>,
    /// When its claims were renewed last; `None` while they are being renewed.
    renewed: Option<Duration>,
    /// Visits in a row that came to nothing.
    failures: u32,
    /// No visit before, since the boot.
    not_before: Duration,
    /// A visit then, whatever is due; since the boot.
    routine: Duration,
    /// Somebody was mailed about what hinders the visits.
    was_told: bool,
}

impl Lane {
    fn new(agenda: Agenda) -> Self {
        let (not_before, routine) = (Duration::ZERO, Duration::ZERO);
        Self { agenda, orders: None, renewed: None, failures: 0, not_before, routine, was_told: false }
    }
}

/// All that the daemon knows.
pub struct Keeper {
    setup: Arc<Setup>,
    /// Counts the setups: what was found by an old one says nothing about the new one.
    generation: u64,
    lanes: BTreeMap<String, Lane>,
    board: Board,
    counts: Counts,
    /// When all databases are to be looked at for the metrics, since the boot; `None` while somebody does.
    look_at: Option<Duration>,
    /// A run ended while somebody looked.
    is_seen_too_early: bool,
    watcher: Watcher,
    /// The jump of the host's clock that somebody was mailed about, or is just being mailed.
    told_jump: bool,
    signal: Arc<AtomicBool>,
    record: record::Writer,
}

impl Keeper {
    pub fn new(setup: Setup) -> Self {
        let clocks_agreed = record::read(&setup.config.state_dir).ok().and_then(|state| state.clocks_agreed);
        let state = State {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host: host(),
            pid: std::process::id(),
            started: Some(time::now()),
            clocks_agreed,
            ..State::default()
        };
        let mut keeper = Self {
            setup: Arc::new(setup.clone()),
            generation: 0,
            lanes: BTreeMap::new(),
            board: Board::new(state),
            counts: Counts::default(),
            look_at: Some(Duration::ZERO),
            is_seen_too_early: false,
            watcher: Watcher::default(),
            told_jump: false,
            signal: Arc::default(),
            record: record::Writer::default(),
        };
        keeper.take_over(setup);
        keeper
    }

    pub fn board(&self) -> Board {
        self.board.clone()
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    pub fn metrics_place(&self) -> Option<&Listen> {
        self.setup.config.daemon.metrics.as_ref()
    }

    /// How things stand in one line.
    pub fn line(&self) -> String {
        self.board.lock().line()
    }

    /// Goes by another setup from now on. A run that another setup would not have made ends at its next batch.
    pub fn take_over(&mut self, setup: Setup) {
        let now = time::now();
        let (old, setup) = (Arc::clone(&self.setup), Arc::new(setup));
        for (name, lane) in &mut self.lanes {
            lane.agenda = Agenda::of(&setup, name, now);
            if let Some(orders) = lane.orders.as_ref().filter(|_| !is_same_for(&old, &setup, name)) {
                orders.supersede();
            }
        }
        self.lanes.retain(|name, lane| setup.config.databases.contains_key(name) || lane.orders.is_some());
        for name in setup.config.databases.keys() {
            self.lanes.entry(name.clone()).or_insert_with(|| Lane::new(Agenda::of(&setup, name, now)));
        }
        self.setup = setup;
        self.generation += 1;
        self.show_agendas(now);
        self.tell_of_rules_without_cron();
    }

    fn tell_of_rules_without_cron(&self) {
        let rules = self.setup.schedules.iter().filter(|schedule| schedule.policy.cron.is_none());
        let mut never = rules.flat_map(|schedule| &schedule.rules).filter(|rule| rule.cron.is_none());
        if let Some(rule) = never.next() {
            let more = never.count();
            let rule = &rule.name;
            tracing::warn!(
                event = "never-due",
                rule,
                more,
                "neither the rule nor its policy has a cron: it is never due"
            );
        }
    }

    fn show_agendas(&mut self, now: Timestamp) {
        let mut state = self.board.lock();
        (state.loaded, state.reload_error) = (Some(now), None);
        state.databases.retain(|name, _| self.lanes.contains_key(name));
        let mut known = std::mem::take(&mut state.rules);
        for (database, lane) in &self.lanes {
            state.databases.entry(database.clone()).or_default();
            for entry in lane.agenda.entries() {
                let key =
                    RuleKey { database: database.clone(), policy: entry.policy.clone(), rule: entry.rule.clone() };
                let fresh = RuleState { due: None, outcome: None, run: None, next: entry.look_at, waits: None };
                let rule = known.remove(&key).unwrap_or(fresh);
                state.rules.insert(key, rule);
            }
        }
    }

    /// The old setup stays in force.
    pub fn refuse_reload(&mut self, sentence: String) {
        self.board.lock().reload_error = Some(sentence);
    }

    /// Begins nothing more, and ends what goes on at its next batch.
    pub fn stop(&mut self) {
        self.signal.store(true, Ordering::Relaxed);
        self.board.lock().stopping = true;
        self.write_record(time::since_boot());
    }

    /// Does everything that goes on show signs of life?
    pub fn moves(&self) -> bool {
        let stuck = self
            .lanes
            .iter()
            .find(|(_, lane)| lane.orders.as_ref().is_some_and(|orders| orders.silent_for() > life::LONGEST_SILENCE));
        if let Some((database, _)) = stuck {
            tracing::error!(
                event = "run-silent",
                database,
                "nothing was heard of a run for {} s",
                life::LONGEST_SILENCE.as_secs()
            );
        }
        stuck.is_none()
    }

    /// Looks at the clocks and at every database; what is to be begun now.
    pub fn tick(&mut self) -> Vec<Errand> {
        if self.signal.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let now = Moment { wall: time::now(), boot: time::since_boot() };
        let mut errands: Vec<Errand> = self.look_at_clock(now).into_iter().collect();
        let jumped = self.watcher.jump().is_some();
        let names: Vec<String> = self.lanes.keys().cloned().collect();
        errands.extend(names.into_iter().filter_map(|name| self.look_at_lane(&name, now, jumped)));
        errands.extend(self.look_at_all(now.boot));
        self.board.lock().last_tick = Some(now.wall);
        self.write_record(now.boot);
        errands
    }

    fn look_at_clock(&mut self, now: Moment) -> Option<Errand> {
        let jump = self.watcher.look(now).cloned();
        let mut state = self.board.lock();
        let Some(jump) = jump else {
            if state.clock_trouble.take().is_some() {
                tracing::warn!(event = "clock-right", "this host's clock is right again");
            }
            self.told_jump = false;
            return None;
        };
        if state.clock_trouble.is_none() {
            tracing::error!(event = "clock-jumped", "{}", jump.sentence);
        }
        state.clock_trouble = Some(jump.sentence.clone());
        self.lanes.values().filter_map(|lane| lane.orders.as_ref()).for_each(|orders| orders.distrust_the_clock());
        let is_new = !std::mem::replace(&mut self.told_jump, true);
        is_new.then(|| Errand::Alarm { setup: Arc::clone(&self.setup), sentence: jump.sentence })
    }

    /// For the metrics, where anybody is to have them.
    fn look_at_all(&mut self, boot: Duration) -> Option<Errand> {
        self.setup.config.daemon.metrics.as_ref()?;
        // The first visit may make the control tables.
        let is_known = |database: &DatabaseState| database.reached.is_some() || database.trouble.is_some();
        self.board.lock().databases.values().all(is_known).then_some(())?;
        self.look_at.take_if(|at| *at <= boot)?;
        Some(Errand::Look { setup: Arc::clone(&self.setup) })
    }

    fn look_at_lane(&mut self, name: &str, now: Moment, jumped: bool) -> Option<Errand> {
        let lane = self.lanes.get_mut(name)?;
        if lane.orders.is_some() {
            let is_time = lane.renewed.is_some_and(|last| now.boot.saturating_sub(last) >= RENEW_EVERY);
            return is_time.then(|| {
                lane.renewed = None;
                Errand::Renew { setup: Arc::clone(&self.setup), database: name.to_owned() }
            });
        }
        let wanted = if jumped { Vec::new() } else { lane.agenda.wanted(now.wall) };
        if now.boot < lane.not_before || (wanted.is_empty() && now.boot < lane.routine) {
            return None;
        }
        let orders = Arc::new(Orders::new(&self.signal));
        if jumped {
            orders.distrust_the_clock();
        }
        lane.orders = Some(Arc::clone(&orders));
        lane.renewed = Some(now.boot);
        let mut state = self.board.lock();
        state.databases.entry(name.to_owned()).or_default().visiting = true;
        let visit = Visit {
            setup: Arc::clone(&self.setup),
            database: name.to_owned(),
            wanted,
            orders,
            board: self.board.clone(),
            counts: self.counts.clone(),
            seen: state.clocks_agreed,
        };
        let mails = match lane.was_told {
            true => Mails::Nothing,
            false if lane.failures >= QUIET_ATTEMPTS => Mails::All,
            false => Mails::Clocks,
        };
        Some(Errand::Visit { visit: Box::new(visit), generation: self.generation, mails })
    }

    /// Takes note of what came of an errand.
    pub fn take_in(&mut self, ended: Ended) {
        match ended {
            Ended::Visited { database, generation, visited, was_told } => {
                self.take_in_visit(&database, generation, visited, was_told);
            }
            Ended::Renewed { database } => {
                if let Some(lane) = self.lanes.get_mut(&database) {
                    lane.renewed = Some(time::since_boot());
                }
            }
            Ended::Looked(found) => {
                let is_blind = found.as_ref().is_none_or(|overview| !overview.troubles.is_empty());
                let pause = match (std::mem::take(&mut self.is_seen_too_early), is_blind) {
                    (true, _) => Duration::ZERO,
                    (false, true) => LOOK_AGAIN,
                    (false, false) => LOOK_EVERY,
                };
                self.look_at = Some(time::since_boot() + pause);
                self.board.lock().overview = found.map(|overview| Arc::from(*overview));
            }
            // Where nobody could be told, the next tick tries again.
            Ended::Alarmed { was_told } => self.told_jump &= was_told,
        }
    }

    fn take_in_visit(&mut self, database: &str, generation: u64, visited: Visited, was_told: bool) {
        let now = Moment { wall: time::now(), boot: time::since_boot() };
        let vouched = visited.newest.filter(|newest| newest.is_accepted).map(|newest| newest.at);
        if self.watcher.jump().is_some_and(|jump| vouched.is_some_and(|at| at >= jump.since)) {
            self.watcher.accept(now);
        }
        let jumped = self.watcher.jump().is_some();
        let looks_often = jumped || self.setup.config.mail.is_some();
        let Some(lane) = self.lanes.get_mut(database) else { return };
        lane.orders = None;
        lane.routine = now.boot + if looks_often { OFTEN } else { SELDOM };
        let mut state = self.board.lock();
        let DatabaseState { visiting, reached, work, mails_waiting, trouble } =
            state.databases.entry(database.to_owned()).or_default();
        (*visiting, *work) = (false, None);
        match visited.hindrance {
            Some(Hindrance { sentence, is_of_clocks }) => {
                lane.failures += 1;
                lane.not_before = now.boot + pause(lane.failures);
                lane.was_told |= was_told;
                let since = trouble.as_ref().map_or(now.wall, |trouble| trouble.since);
                if trouble.is_none() {
                    tracing::error!(event = "database-hindered", database, "{sentence}");
                }
                *trouble = Some(Trouble { sentence, since, attempts: lane.failures, is_of_clocks });
            }
            None => {
                if trouble.take().is_some() {
                    tracing::warn!(event = "database-back", database, "what hindered the work in it is over");
                }
                (lane.failures, lane.was_told) = (0, false);
                (*reached, *mails_waiting) = (Some(now.wall), visited.mails_waiting);
                if !jumped {
                    state.clocks_agreed = Some(now.wall);
                }
            }
        }
        if visited.looked.iter().any(|looked| looked.run.is_some()) {
            // What a run did is to be seen at once, also where a look goes on that may have come too early.
            self.is_seen_too_early = self.look_at.is_none();
            self.look_at = self.look_at.map(|_| Duration::ZERO);
        }
        if generation == self.generation {
            for looked in visited.looked {
                lane.agenda.postpone(&looked.policy, &looked.rule, looked.look_at);
                let rule = RuleState {
                    due: looked.due,
                    outcome: looked.outcome,
                    run: looked.run,
                    next: looked.look_at,
                    waits: looked.waits,
                };
                let (policy, name) = (looked.policy, looked.rule);
                state.rules.insert(RuleKey { database: database.to_owned(), policy, rule: name }, rule);
            }
        }
        drop(state);
        if !self.setup.config.databases.contains_key(database) {
            self.lanes.remove(database);
            self.board.lock().databases.remove(database);
        }
    }

    fn write_record(&mut self, boot: Duration) {
        self.record.write(&self.setup.config.state_dir, &self.board.lock(), boot);
    }
}

/// The pause after so many visits that came to nothing: five seconds, twice as long each time, five minutes at most.
fn pause(failures: u32) -> Duration {
    const LONGEST: Duration = Duration::from_secs(300);
    Duration::from_secs(5 << failures.saturating_sub(1).min(6)).min(LONGEST)
}

/// Would the two make the same runs on a database? A rule that was changed or taken out, or a hold that was added in any
/// schedule, makes another run.
fn is_same_for(old: &Setup, new: &Setup, database: &str) -> bool {
    let digests = |setup: &Setup| {
        let mut all: Vec<String> = setup.schedules.iter().map(|schedule| schedule.digest.clone()).collect();
        all.sort();
        all
    };
    let settings = |setup: &Setup| {
        let url = setup.config.databases.get(database).map(|database| database.url.clone());
        let Daemon { hours, budget, budget_rows, .. } = setup.config.daemon.clone();
        (url, setup.config.guard, hours, budget, budget_rows)
    };
    digests(old) == digests(new) && settings(old) == settings(new)
}
