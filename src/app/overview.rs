//! How everything stands: each rule, the runs under way, the mails that wait, holds and pauses. One look at all databases,
//! read-only; a database that cannot be looked at is told of, and hides no other.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use crate::app::setup::{Pair, Setup};
use crate::check;
use crate::config::DatabaseConfig;
use crate::db::control::outbox::{self, State, Which};
use crate::db::{Access, Connection, DbError, control};
use crate::ledger::{self, Presence, pause::Scope, under_way::UnderWay};
use crate::record::ERASURES;
use crate::record::{PauseRecord, RuleRecord, RunRecord, Status};
use crate::report::status::{self, Beside, RuleStatus};
use crate::run::{self, Refusal, register};

/// So many runs are looked through for the last one of a rule.
const RUNS: usize = 50;

/// In the names of the JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Overview {
    /// Version of the program that looked.
    pub tenure: &'static str,
    pub at: Timestamp,
    /// Is everything as promised?
    pub well: bool,
    pub rules: Vec<RuleStatus>,
    /// Of each policy that maps people's data.
    pub people: Vec<People>,
    /// Runs whose erasures are not in the register.
    pub register_lacks: Vec<Lack>,
    /// What could not be looked at, in sentences.
    pub troubles: Vec<String>,
    pub running: Vec<Running>,
    /// Mails that were not sent, by their state.
    pub mails: BTreeMap<&'static str, u64>,
    /// The names of the holds that were ordered by hand.
    pub holds: Vec<String>,
    pub pauses: Vec<Pause>,
}

/// The people of one policy whose data is to be erased.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct People {
    pub database: String,
    pub policy: String,
    /// Whose time has come.
    pub due: u64,
    /// Of those, whose days are nearly used.
    pub near_deadline: u64,
    /// Whose days are over.
    pub past_deadline: u64,
    /// Requests for erasure that wait, verified or not.
    pub requests: u64,
    /// Of those, whose days are nearly used.
    pub requests_near_deadline: u64,
    /// Of those, whose days are over.
    pub requests_past_deadline: u64,
}

/// A run that erased people and is over, and what it erased is not in the register of erasures of this state directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lack {
    pub run: String,
    /// No ledger knows the run any more, from which it could be added.
    pub is_lost: bool,
    #[serde(skip)]
    mark: PathBuf,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (run, mark) = (&self.run, self.mark.display());
        write!(f, "the register of erasures lacks what run `{run}` erased, ")?;
        match self.is_lost {
            false => f.write_str("until the next run on its database adds it from the ledger"),
            true => write!(
                f,
                "and no ledger knows that run any more, so nobody can tell whom to erase again: look for its report, and for whoever \
                 asked to be erased or closed their account on that day; then take the mark {mark} away"
            ),
        }
    }
}

/// A run that is not closed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Running {
    pub database: String,
    #[serde(flatten)]
    pub run: UnderWay,
}

/// A pause that is in force.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pause {
    pub database: String,
    /// `None`, as the rule: everything on the database.
    pub policy: Option<String>,
    pub rule: Option<String>,
    #[serde(flatten)]
    pub order: PauseRecord,
}

/// Looks at every rule and every database of the config.
pub fn look(setup: &Setup) -> Overview {
    let mut overview = Overview {
        tenure: env!("CARGO_PKG_VERSION"),
        at: setup.as_of,
        well: false,
        rules: Vec::new(),
        people: Vec::new(),
        register_lacks: Vec::new(),
        troubles: Vec::new(),
        running: Vec::new(),
        mails: BTreeMap::new(),
        holds: Vec::new(),
        pauses: Vec::new(),
    };
    for pair in setup.pairs() {
        match of_pair(setup, &pair) {
            Ok((rules, people)) => {
                overview.rules.extend(rules);
                overview.people.extend(people);
            }
            Err(reason) => overview
                .troubles
                .push(format!("policy `{}` on database `{}`: {reason}", pair.schedule.policy.name, pair.database.name)),
        }
    }
    for database in setup.config.databases.values() {
        if let Err(error) = overview.add(setup, database) {
            overview.troubles.push(format!("the ledger of database `{}`: {error}", database.name));
        }
    }
    match register_lacks(setup) {
        Ok(lacks) => overview.register_lacks = lacks,
        Err(error) => overview.troubles.push(format!("the register of erasures: {error:#}")),
    }
    overview.well = overview.is_well();
    overview
}

impl Overview {
    fn is_well(&self) -> bool {
        let is_refused = self.mails.contains_key(State::Refused.as_str());
        let all_live = self.running.iter().all(|running| running.run.lives);
        let is_registered = self.register_lacks.is_empty();
        is_registered
            && self.troubles.is_empty()
            && all_live
            && !is_refused
            && self.rules.iter().all(|rule| rule.standing.is_kept())
    }

    /// What the ledger of a database knows.
    fn add(&mut self, setup: &Setup, database: &DatabaseConfig) -> Result<(), DbError> {
        let conn = &mut setup.config.open(database, Access::ReadOnly)?;
        let name = &database.name;
        let running = ledger::under_way::under_way(conn)?.into_iter();
        self.running.extend(running.map(|run| Running { database: name.clone(), run }));
        for (state, count) in unsettled(conn)? {
            *self.mails.entry(state).or_default() += count;
        }
        let orders = ledger::orders(conn)?;
        self.holds.extend(orders.holds.standing.into_iter().map(|standing| standing.order.name));
        let in_force = orders.pauses.iter().filter(|pause| pause.is_in_force(setup.as_of));
        self.pauses.extend(in_force.map(|pause| {
            let (policy, rule) = match &pause.order.scope {
                Scope::All => (None, None),
                Scope::Rule { policy, rule } => (Some(policy.clone()), Some(rule.clone())),
            };
            Pause { database: name.clone(), policy, rule, order: pause.record() }
        }));
        Ok(())
    }
}

/// The runs that the register lacks. Those that are under way are not among them, nor those of a database that cannot be looked
/// at: it is told of for that.
///
/// # Errors
/// Where the marks cannot be read.
pub fn register_lacks(setup: &Setup) -> anyhow::Result<Vec<Lack>> {
    let state_dir = &setup.config.state_dir;
    let lack = |run: String| {
        let is_lost = match presence(setup, &run) {
            Some(Presence::Open) | None => return None,
            Some(presence) => presence == Presence::Unknown,
        };
        Some(Lack { mark: register::marks(state_dir).join(&run), run, is_lost })
    };
    Ok(register::marked(state_dir)?.into_iter().filter_map(lack).collect())
}

/// What the ledgers know of a run; `None` where one that could know it cannot be read.
fn presence(setup: &Setup, run: &str) -> Option<Presence> {
    let mut found = Presence::Unknown;
    for database in setup.config.databases.values() {
        let presence =
            setup.config.open(database, Access::ReadOnly).and_then(|mut conn| ledger::presence(&mut conn, run));
        match presence.ok() {
            Some(Presence::Unknown) => {}
            presence => found = presence?,
        }
    }
    Some(found)
}

fn of_pair(setup: &Setup, pair: &Pair<'_>) -> Result<(Vec<RuleStatus>, Option<People>), String> {
    let mut job = setup.job(pair, &[], false);
    job.oldest_due = true;
    let planned = run::dry_run(&job).map_err(reason)?;
    let past = past(setup, pair).map_err(|error| error.to_string())?;
    let of_rule = |rule: &RuleRecord| {
        let had = |run: &&RunRecord| run.rules.iter().any(|then| then.rule == rule.rule);
        let was_good = |run: &&RunRecord| {
            run.rules.iter().any(|then| then.rule == rule.rule && then.status == Status::Ok && then.balances())
        };
        let last_success = past.iter().find(was_good).map(|run| run.started);
        let beside = Beside { last_success, ..beside(setup, pair, &rule.rule, past.iter().find(had)) };
        status::of_rule(&planned, rule, beside, setup.as_of)
    };
    let last = past.iter().find(|run| run.people.is_some());
    let erasures = status::of_people(&planned, beside(setup, pair, ERASURES, last), setup.as_of);
    let requests = planned.requests.clone().unwrap_or_default();
    let people = planned.people.as_ref().map(|people| People {
        database: pair.database.name.clone(),
        policy: pair.schedule.policy.name.clone(),
        due: people.due,
        near_deadline: people.near_deadline,
        past_deadline: people.overdue,
        requests: requests.waiting(),
        requests_near_deadline: requests.near_deadline,
        requests_past_deadline: requests.overdue,
    });
    Ok((planned.rules.iter().map(of_rule).chain(erasures).collect(), people))
}

fn past(setup: &Setup, pair: &Pair<'_>) -> Result<Vec<RunRecord>, DbError> {
    let mut conn = setup.config.open(pair.database, Access::ReadOnly)?;
    ledger::closed_runs(&mut conn, &pair.schedule.policy.name, &pair.database.name, RUNS)
}

fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Schedule(mistakes) => {
            let sentences: Vec<_> = mistakes.into_iter().map(|mistake| mistake.message).collect();
            format!("{}; `tenure check` shows where", sentences.join("; "))
        }
        Refusal::Other(error) => format!("{error:#}"),
    }
}

fn beside<'r>(setup: &Setup, pair: &Pair<'_>, rule: &str, last: Option<&'r RunRecord>) -> Beside<'r> {
    let policy = &pair.schedule.policy;
    let written = pair.schedule.rules.iter().find(|written| written.name == rule);
    let cron = written.and_then(|written| written.cron.as_ref()).or(policy.cron.as_ref());
    let cron = cron.and_then(|text| check::cron(text).ok());
    let zoned = |at: Timestamp| at.to_zoned(policy.timezone.clone());
    let after = |at: Zoned| cron.as_ref()?.find_next_occurrence(&at, false).ok().map(|next| next.timestamp());
    let now = zoned(setup.as_of);
    Beside {
        last,
        last_success: None,
        due: last.and_then(|run| after(zoned(run.started))),
        next: after(now.clone()),
        effective: policy.effective.filter(|effective| now.date() < *effective),
    }
}

fn unsettled(conn: &mut Connection) -> Result<BTreeMap<&'static str, u64>, DbError> {
    let mut found = BTreeMap::new();
    if control::is_ready(conn)? {
        for row in outbox::rows(conn, Which::Unsettled)? {
            *found.entry(row.state.as_str()).or_default() += 1;
        }
    }
    Ok(found)
}
