//! Pauses: rules that somebody ordered to wait, with who and why. Each pause, and each end of one, is an entry.
//!
//! Whoever pauses raises the gates in the same transaction, and so waits for the batches in flight: once that is committed,
//! no batch of a paused rule can commit. What is past its period stays so, and is told in red until the rule has run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::names::{Names, RuleName};
use super::{appending, chain, json, lease};
use crate::db::control::{self, gate, pause::PauseRow};
use crate::db::{Connection, DbError, ErrorKind};
use crate::record::{ERASURES, PauseRecord};

/// What is to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every rule of every policy on the database.
    All,
    Rule {
        policy: String,
        rule: String,
    },
}

impl Scope {
    fn policy(&self) -> Option<&str> {
        match self {
            Scope::All => None,
            Scope::Rule { policy, .. } => Some(policy),
        }
    }

    fn rule_name(&self) -> Option<RuleName> {
        match self {
            Scope::All => None,
            Scope::Rule { policy, rule } => Some(RuleName { policy: policy.clone(), rule: rule.clone() }),
        }
    }

    /// `None` for all.
    pub fn rule(&self) -> Option<&str> {
        match self {
            Scope::All => None,
            Scope::Rule { rule, .. } => Some(rule),
        }
    }
}

/// What is to wait, until when, why, and by whose order.
#[derive(Debug, Clone)]
pub struct Order {
    pub scope: Scope,
    /// `None`: until somebody resumes it.
    pub expires: Option<Timestamp>,
    pub reason: String,
    pub by: String,
}

/// A pause that no entry has ended.
#[derive(Debug, Clone)]
pub struct Standing {
    number: i64,
    pub order: Order,
    pub since: Timestamp,
}

impl Standing {
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.order.expires.is_none_or(|expires| now < expires)
    }

    fn covers(&self, names: Names<'_>, rule: &str) -> bool {
        self.order.scope.rule_name().is_none_or(|known| names.is_rule(rule, &known))
    }

    /// What is to be said where it waits for a rule that the policy has no more, unless under a name of which nobody knows.
    pub fn note(&self, names: Names<'_>) -> Option<String> {
        let known = self.order.scope.rule_name().filter(|known| names.is_policy(&known.policy))?;
        let mut rules = names.schedule.rules.iter().map(|rule| rule.name.as_str()).chain([ERASURES]);
        let RuleName { policy, rule } = &known;
        (!rules.any(|rule| names.is_rule(rule, &known))).then(|| {
            format!(
                "the pause of rule `{rule}` of policy `{policy}` makes nothing wait, because the policy has no such rule; if it goes on \
                 under another name, say so there with `formerly = [\"{rule}\"]`"
            )
        })
    }

    /// For reports.
    pub fn record(&self) -> PauseRecord {
        PauseRecord {
            all: self.order.scope == Scope::All,
            since: self.since,
            until: self.order.expires,
            by: self.order.by.clone(),
            reason: self.order.reason.clone(),
        }
    }
}

/// The pause that a rule waits for, if any: of several, the one that lasts longest.
pub fn of_rule<'p>(pauses: &'p [Standing], names: Names<'_>, rule: &str, now: Timestamp) -> Option<&'p Standing> {
    let in_force = pauses.iter().filter(|pause| pause.is_in_force(now) && pause.covers(names, rule));
    in_force.max_by_key(|pause| pause.order.expires.unwrap_or(Timestamp::MAX))
}

/// The body of the entry of a pause.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Paused {
    pub policy: Option<String>,
    pub rule: Option<String>,
    pub expires: Option<i64>,
    pub reason: String,
    pub by: String,
}

impl Paused {
    /// What the entry of this row says of it.
    pub fn of(row: &PauseRow) -> Self {
        Self {
            policy: row.policy.clone(),
            rule: row.rule.clone(),
            expires: row.expires,
            reason: row.reason.clone(),
            by: row.paused_by.clone(),
        }
    }
}

/// The body of the entry that ends a pause.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    /// Its number.
    pub pause: i64,
    /// `None` where its time was over.
    pub reason: Option<String>,
    pub by: Option<String>,
}

/// The kinds of the entries.
pub(super) const PAUSED: &str = "paused";
pub(super) const RESUMED: &str = "resumed";
pub(super) const EXPIRED: &str = "pause-expired";

/// Pauses. From the moment this returns, no batch of what it covers commits. A second pause of the same adds to the first.
///
/// # Errors
/// [`ErrorKind::LockTimeout`] where a batch takes longer than the lock timeout: nothing was paused then, and it can be tried
/// again.
pub fn pause(conn: &mut Connection, order: &Order, at: Timestamp) -> Result<(), DbError> {
    let mut row = PauseRow {
        number: 0,
        policy: order.scope.policy().map(str::to_owned),
        rule: order.scope.rule().map(str::to_owned),
        expires: order.expires.map(Timestamp::as_microsecond),
        reason: order.reason.clone(),
        paused: at.as_microsecond(),
        paused_by: order.by.clone(),
        ended: None,
    };
    let body = json(&Paused::of(&row))?;
    let gate = match &order.scope {
        Scope::All => None,
        Scope::Rule { policy, rule } => Some(lease::gate_name(policy, rule)),
    };
    appending(conn, |conn| {
        row.number = control::pause::all(conn)?.last().map_or(1, |row| row.number + 1);
        control::pause::insert(conn, &row)?;
        gate::raise(conn, gate.as_deref())?;
        chain::append(conn, PAUSED, None, body.clone(), at).map(drop)
    })
}

/// Ends every pause of exactly this scope, under whatever name the rule had then. How many there were.
pub fn resume(
    conn: &mut Connection,
    names: Option<Names<'_>>,
    scope: &Scope,
    reason: &str,
    by: &str,
    at: Timestamp,
) -> Result<usize, DbError> {
    let ended = |number| Ended { pause: number, reason: Some(reason.to_owned()), by: Some(by.to_owned()) };
    let is_meant = |pause: &Standing| match (&pause.order.scope, scope, names) {
        (Scope::Rule { .. }, Scope::Rule { rule, .. }, Some(names)) => pause.covers(names, rule),
        (known, meant, _) => known == meant,
    };
    let meant: Vec<_> = standing(conn)?.into_iter().filter(is_meant).collect();
    let numbers: Vec<_> = meant.iter().map(|pause| pause.number).collect();
    end(conn, &numbers, RESUMED, ended, at)
}

/// Ends the pauses whose time is over, each with an entry. What they paused.
pub fn expire(conn: &mut Connection, now: Timestamp) -> Result<Vec<Scope>, DbError> {
    let ended = |number| Ended { pause: number, reason: None, by: None };
    let mut scopes = Vec::new();
    for over in standing(conn)?.into_iter().filter(|pause| !pause.is_in_force(now)) {
        if end(conn, &[over.number], EXPIRED, ended, now)? == 1 {
            scopes.push(over.order.scope);
        }
    }
    Ok(scopes)
}

fn end(
    conn: &mut Connection,
    numbers: &[i64],
    kind: &str,
    ended: impl Fn(i64) -> Ended,
    at: Timestamp,
) -> Result<usize, DbError> {
    let bodies = numbers.iter().map(|number| Ok((*number, json(&ended(*number))?)));
    let bodies = bodies.collect::<Result<Vec<_>, DbError>>()?;
    appending(conn, |conn| {
        let mut count = 0;
        for (number, body) in &bodies {
            if control::pause::end(conn, *number, at.as_microsecond())? {
                chain::append(conn, kind, None, body.clone(), at)?;
                count += 1;
            }
        }
        Ok(count)
    })
}

/// The pauses that no entry has ended, those whose time is over included.
pub fn standing(conn: &mut Connection) -> Result<Vec<Standing>, DbError> {
    control::pause::all(conn)?.into_iter().filter(|row| row.ended.is_none()).map(standing_of).collect()
}

/// A row that cannot be read may pause anything: it is an error, and nothing runs.
fn standing_of(row: PauseRow) -> Result<Standing, DbError> {
    let expires = row.expires.map(Timestamp::from_microsecond).transpose();
    let scope = match (row.policy, row.rule) {
        (None, None) => Some(Scope::All),
        (Some(policy), Some(rule)) => Some(Scope::Rule { policy, rule }),
        _ => None,
    };
    let (Ok(expires), Ok(since), Some(scope)) = (expires, Timestamp::from_microsecond(row.paused), scope) else {
        let sentence = format!("pause {} of the ledger cannot be read; look at `tenure verify`", row.number);
        return Err(DbError::new(ErrorKind::Other, sentence));
    };
    let order = Order { scope, expires, reason: row.reason, by: row.paused_by };
    Ok(Standing { number: row.number, order, since })
}
