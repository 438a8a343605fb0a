//! What the daemon knows of itself, for whoever asks: a plain value behind a lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::app::overview::Overview;
use crate::base::visible::visible;

/// How things stand.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub version: String,
    pub host: String,
    pub pid: u32,
    pub started: Option<Timestamp>,
    /// When it looked for work last.
    pub last_tick: Option<Timestamp>,
    /// When config and schedules were last read without a mistake.
    pub loaded: Option<Timestamp>,
    /// The mistakes of a config or schedule that was not taken over: the old ones are in force.
    pub reload_error: Option<String>,
    /// What this host's clock did, while nothing is purged because of it.
    pub clock_trouble: Option<String>,
    /// When a database's clock, its ledger's and this host's were last seen to agree.
    pub clocks_agreed: Option<Timestamp>,
    /// It ends at the next batch.
    pub stopping: bool,
    /// By their names in the config.
    pub databases: BTreeMap<String, DatabaseState>,
    /// What is to be looked at next; `None` where no rule has a cron expression.
    #[serde(default)]
    pub next: Option<Next>,
    /// Every rule that has a cron expression, by database. Not part of the file in the state directory: it may be long.
    #[serde(skip)]
    pub rules: BTreeMap<RuleKey, RuleState>,
    /// What the last look at all databases found; only where metrics are served.
    #[serde(skip)]
    pub overview: Option<Arc<Overview>>,
}

/// The rule that is looked at before all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    pub database: String,
    pub policy: String,
    pub rule: String,
    pub at: Timestamp,
}

/// One database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DatabaseState {
    /// Somebody is there, if only to look.
    pub visiting: bool,
    /// The run that is under way.
    pub work: Option<Work>,
    /// Why nothing can be done in it.
    pub trouble: Option<Trouble>,
    /// When it was reached last.
    pub reached: Option<Timestamp>,
    /// Mails in its outbox that were not sent.
    pub mails_waiting: u64,
}

/// A run under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Work {
    pub policy: String,
    /// The rule that it is at; `None` while it reads the schema.
    pub rule: Option<String>,
    /// Which of how many rules that is; 0 where there is none.
    pub number: usize,
    pub of: usize,
    /// Rows of the rule that are done, and planned; both 0 while they are counted.
    pub done: u64,
    pub planned: u64,
    pub since: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What happened and what to do.
    pub sentence: String,
    pub since: Timestamp,
    /// Attempts in a row that came to nothing.
    pub attempts: u32,
    /// It is about clocks: nothing is purged until they agree.
    pub is_of_clocks: bool,
}

/// A rule on a database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleKey {
    pub database: String,
    pub policy: String,
    pub rule: String,
}

/// How one rule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleState {
    /// The due time that was taken up last.
    pub due: Option<Timestamp>,
    /// The word of the ledger: `claimed`, `done`, `again` or `guarded`; `None` before it was looked at.
    pub outcome: Option<&'static str>,
    /// The run that did something for it last.
    pub run: Option<String>,
    /// When it is looked at again.
    pub next: Timestamp,
    /// Why it is not run although it is due.
    pub waits: Option<String>,
}

/// The state where all can see it.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<State>>);

impl Board {
    pub fn new(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    /// For a short look, or a change.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it changed one field of it, and every field is right by itself.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// One line: what it is doing, and what is wrong.
    pub fn line(&self) -> String {
        let works = self.databases.iter().filter_map(|(name, database)| Some((name, database.work.as_ref()?)));
        let mut parts: Vec<String> = works.map(|(name, work)| work.line(name)).collect();
        if parts.is_empty() {
            parts.push(self.idle_line());
        }
        if self.stopping {
            parts.push("stopping at the next batch".to_owned());
        }
        let troubles = self.databases.iter().filter_map(|(name, database)| Some((name, database.trouble.as_ref()?)));
        parts.extend(troubles.map(|(name, trouble)| format!("database {name}: {}", trouble.sentence)));
        parts.extend(self.clock_trouble.clone());
        parts.extend(self.reload_error.as_ref().map(|error| format!("the old config is in force: {error}")));
        // It goes to terminals, and schedules and catalogs have their words in it.
        visible(&parts.join("; ").replace('\n', "; "))
    }

    fn idle_line(&self) -> String {
        match &self.next {
            Some(Next { database, policy, rule, at }) => {
                let at = at.strftime("%Y-%m-%d %H:%M UTC");
                format!("idle; next: {rule} of {policy} on {database} at {at}")
            }
            None => "idle; no rule has a cron expression".to_owned(),
        }
    }

    /// Finds out what is next, after its rules were looked at.
    pub fn find_next(&mut self) {
        let first = self.rules.iter().min_by_key(|(_, state)| state.next);
        self.next = first.map(|(key, state)| Next {
            database: key.database.clone(),
            policy: key.policy.clone(),
            rule: key.rule.clone(),
            at: state.next,
        });
    }
}

impl Work {
    fn line(&self, database: &str) -> String {
        let Self { policy, number, of, done, planned, .. } = self;
        match &self.rule {
            None => format!("{policy} on {database}: reading the schema"),
            Some(rule) if *planned == 0 && *done == 0 => {
                format!("{policy} on {database}: rule {number} of {of}, {rule}: counting")
            }
            Some(rule) => format!("{policy} on {database}: rule {number} of {of}, {rule}: {done} of {planned} rows"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_was_read_from_its_file_says_what_is_next_and_no_name_steers_a_terminal() {
        let mut state = State::default();
        assert_eq!(state.line(), "idle; no rule has a cron expression");
        let key = |rule: &str| RuleKey { database: "main".into(), policy: "a\u{1b}[2J".into(), rule: rule.into() };
        let rule =
            |next: &str| RuleState { due: None, outcome: None, run: None, next: next.parse().unwrap(), waits: None };
        state.rules.insert(key("later"), rule("2026-01-02T03:00:00Z"));
        state.rules.insert(key("logs\u{202e}"), rule("2026-01-01T03:00:00Z"));
        state.find_next();
        let read: State = serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!(read.line(), "idle; next: logs\\u{202e} of a\\u{1b}[2J on main at 2026-01-01 03:00 UTC");
        assert_eq!(read.line(), state.line());
    }
}
