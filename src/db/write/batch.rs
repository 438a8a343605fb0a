//! The acts on one window, inside the caller's transaction.

use std::collections::BTreeMap;

use crate::base::name::TableName;
use crate::db::predicate::deletion_set::{Within, where_due};
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::Scope;
use crate::db::predicate::inner;
use crate::db::predicate::row_keys::RowKeys;
use crate::db::predicate::whose;
use crate::db::predicate::window::Window;
use crate::db::query::count::{Consequences, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::along::Shares;
use crate::db::write::hashes::Hashes;
use crate::db::write::redact;
use crate::db::write::sweep;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement};
use crate::plan::{Axis, Link, PersonKey, RulePlan, SelfEffect, Target};

/// What one batch did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The rule's own rows.
    pub rows: u64,
    pub consequences: Consequences,
    /// Rows written to the target of a roll-up.
    pub rolled_up: u64,
}

impl Done {
    pub fn add(&mut self, more: Done) {
        self.rows += more.rows;
        self.rolled_up += more.rolled_up;
        self.consequences.add(&more.consequences);
    }
}

/// What was deleted; of an erasure, also with whose rows others went.
#[derive(Debug, Default)]
pub(in crate::db) struct Deleted {
    pub done: Done,
    pub along: BTreeMap<PersonKey, Consequences>,
}

impl From<Done> for Deleted {
    fn from(done: Done) -> Self {
        Self { done, along: BTreeMap::new() }
    }
}

impl Deleted {
    pub fn add(&mut self, more: Deleted) {
        self.done.add(more.done);
        for (person, consequences) in more.along {
            self.along.entry(person).or_default().add(&consequences);
        }
    }

    pub fn cascaded(&mut self, table: String, rows: u64, shares: Option<Shares>) -> Result<(), DbError> {
        self.note(|consequences| &mut consequences.cascaded, table, rows, shares)
    }

    pub fn set_null(&mut self, reference: String, rows: u64, shares: Option<Shares>) -> Result<(), DbError> {
        self.note(|consequences| &mut consequences.detached, reference, rows, shares)
    }

    fn note(
        &mut self,
        what: fn(&mut Consequences) -> &mut BTreeMap<String, u64>,
        name: String,
        rows: u64,
        shares: Option<Shares>,
    ) -> Result<(), DbError> {
        if rows > 0 {
            *what(&mut self.done.consequences).entry(name.clone()).or_default() += rows;
        }
        let Some(shares) = shares else { return Ok(()) };
        require_same(sum_of(&shares), rows)?;
        for (person, rows) in shares {
            *what(self.along.entry(person).or_default()).entry(name.clone()).or_default() += rows;
        }
        Ok(())
    }
}

/// Can what the rule removes have kept other rows of the rule? Rows that their own kind blocked are free once that kind is
/// gone: leaves first, a pass for each generation. So are those that a row which goes with another one of the rule kept.
pub fn frees_its_own(plan: &RulePlan) -> bool {
    let goes_along = |table: &TableName| plan.dependents.iter().any(|dependent| dependent.table == *table);
    let frees = |blockers: &[Link]| blockers.iter().any(|link| goes_along(&link.table));
    let by_own_kind = |target: &Target| target.self_links.iter().any(|link| link.effect == SelfEffect::Block);
    let keeps = |target: &Target| by_own_kind(target) || frees(&target.blockers) || !target.inner.is_empty();
    plan.act.removes()
        && (plan.targets.iter().any(keeps)
            || plan.dependents.iter().any(|dependent| !dependent.inner.is_empty() || frees(&dependent.blockers)))
}

/// Does a batch of this rule take more than one statement?
pub fn takes_several(rule: &RulePlan, target: &Target) -> bool {
    !rule.dependents.is_empty() || target.self_links.iter().any(|link| link.effect != SelfEffect::Block)
}

/// Deletes the rule's rows in the window, and what goes with them first.
///
/// # Errors
/// [`ErrorKind::Kept`] where a trigger keeps what was to go; the caller rolls back.
pub fn delete(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    axis: &Axis,
    window: &Window,
) -> Result<Done, DbError> {
    Ok(delete_of(conn, rule, scope(rule, target), Within::Window(axis, window))?.done)
}

/// As [`delete`]; of an erasure, the rows of a few people.
pub(in crate::db) fn delete_of(
    conn: &mut Connection,
    rule: &RulePlan,
    scope: Scope<'_>,
    part: Within<'_>,
) -> Result<Deleted, DbError> {
    if !takes_several(rule, scope.target) {
        let rows = conn.execute(&delete_roots(conn.dialect(), scope, part))?;
        return Ok(Done { rows, ..Done::default() }.into());
    }
    let keys = mark(conn, scope, part)?;
    if keys.is_empty() {
        return Ok(Deleted::default());
    }
    let mut deleted = sweep::sweep(conn, rule, scope, &keys)?;
    if let Some([only]) = scope.few.map(|few| few.keys) {
        deleted.along.insert(only.clone(), deleted.done.consequences.clone());
    }
    Ok(deleted)
}

/// The one question of a batch: which rows go, by their keys. PostgreSQL answers it and all that follows from one snapshot;
/// MySQL and MariaDB lock the rows and the gaps between them, so that nothing that refers to them can come in; SQLite has
/// one writer.
///
/// Rows that an inner reference keeps in this batch stay: what refers may go with a row of another window, after which they
/// are asked about again.
fn mark(conn: &mut Connection, scope: Scope<'_>, part: Within<'_>) -> Result<RowKeys, DbError> {
    let dialect = conn.dialect();
    let mut keys = RowKeys::of(dialect, scope.target)?;
    keys.read(conn, &select_keys(dialect, scope, part, &keys))?;
    while inner::is_asked(scope) && !keys.is_empty() {
        let mut kept = RowKeys::of(dialect, scope.target)?;
        kept.read(conn, &inner::kept_of(dialect, scope, &keys, keys.all()))?;
        if kept.is_empty() {
            break;
        }
        keys.remove(&kept);
    }
    Ok(keys)
}

fn select_keys(dialect: Dialect, scope: Scope<'_>, part: Within<'_>, keys: &RowKeys) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT ");
    keys.select(&mut sql, scope.alias());
    sql.push(" FROM ");
    eligible::from(&mut sql, scope.target);
    where_due(&mut sql, scope, part);
    if dialect == Dialect::Mysql {
        sql.push(" FOR UPDATE");
    }
    sql.finish()
}

fn sum_of(shares: &Shares) -> u64 {
    shares.iter().map(|(_, rows)| rows).sum()
}

/// Two statements of a batch must have met the same rows: they may not have where the application works beside us, or a
/// trigger interferes.
pub(in crate::db) fn require_same(expected: u64, found: u64) -> Result<(), DbError> {
    if expected == found {
        return Ok(());
    }
    Err(DbError::new(
        ErrorKind::Conflict,
        format!(
            "the statements of one batch met {expected} and then {found} rows, so it was rolled back; \
             a trigger may turn rows away"
        ),
    ))
}

pub(in crate::db) fn delete_roots(dialect: Dialect, scope: Scope<'_>, part: Within<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    let joined = whose::to_be_joined(dialect, scope);
    if joined {
        sql.push("DELETE ").name(scope.alias()).push(" FROM ");
    } else {
        sql.push("DELETE FROM ");
    }
    eligible::from(&mut sql, scope.target);
    if joined {
        whose::join(&mut sql, scope);
    }
    where_due(&mut sql, Scope { is_joined: joined, ..scope }, part);
    sql.finish()
}

/// Redacts the rule's rows in the window that are not redacted yet.
pub fn redact(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    axis: &Axis,
    window: &Window,
) -> Result<Done, DbError> {
    redact_of(conn, scope(rule, target), Within::Window(axis, window))
}

/// As [`redact`]; of an erasure, the rows of a few people.
pub(in crate::db) fn redact_of(conn: &mut Connection, scope: Scope<'_>, part: Within<'_>) -> Result<Done, DbError> {
    let hashes = Hashes::of(conn, scope, part)?;
    let rows = conn.execute(&redact_rows(conn.dialect(), scope, part, &hashes))?;
    Ok(Done { rows, ..Done::default() })
}

fn redact_rows(dialect: Dialect, scope: Scope<'_>, part: Within<'_>, hashes: &Hashes) -> Statement {
    let mut sql = Sql::new(dialect);
    let joined = whose::to_be_joined(dialect, scope);
    sql.update();
    eligible::from(&mut sql, scope.target);
    if joined {
        whose::join(&mut sql, scope);
    }
    sql.push(" SET ");
    redact::assignments(&mut sql, scope.target, hashes);
    where_due(&mut sql, Scope { is_joined: joined, ..scope }, part);
    sql.finish()
}

/// The statements that change rows, as a run would send them but for the window, which it adds to each.
pub fn statements(dialect: Dialect, rule: &RulePlan) -> Vec<Statement> {
    let mut all = Vec::new();
    for target in &rule.targets {
        let scope = scope(rule, target);
        let everything = Window::default();
        let part = Within::Window(&Axis::Whole, &everything);
        match &rule.act {
            crate::plan::Act::Redact => all.push(redact_rows(dialect, scope, part, &Hashes::default())),
            crate::plan::Act::Delete => all.extend(delete_statements(dialect, rule, scope, part)),
            crate::plan::Act::Aggregate(rollup) => {
                all.extend(crate::db::write::rollup::statements(dialect, rule, target, rollup));
            }
        }
    }
    all
}

fn delete_statements(dialect: Dialect, rule: &RulePlan, scope: Scope<'_>, part: Within<'_>) -> Vec<Statement> {
    if !takes_several(rule, scope.target) {
        return vec![delete_roots(dialect, scope, part)];
    }
    let Ok(keys) = RowKeys::of(dialect, scope.target) else { return Vec::new() };
    let mut all = vec![select_keys(dialect, scope, part, &keys)];
    if inner::is_asked(scope) {
        all.push(inner::kept_of(dialect, scope, &keys, keys.all()));
    }
    all.extend(sweep::statements(dialect, scope, keys.all()));
    all
}
