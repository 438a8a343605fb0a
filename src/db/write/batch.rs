//! The acts on one window, inside the caller's transaction.

use crate::base::name::TableName;
use crate::db::predicate::deletion_set::{Within, where_due};
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::Scope;
use crate::db::predicate::inner;
use crate::db::predicate::row_keys::RowKeys;
use crate::db::predicate::window::{Window, is_within};
use crate::db::query::count::{Consequences, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::hashes::Hashes;
use crate::db::write::redact;
use crate::db::write::renewal::keeping_age;
use crate::db::write::sweep;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement};
use crate::plan::{Axis, Link, RulePlan, SelfEffect, Target};

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
    pub(in crate::db) fn cascaded(&mut self, table: String, rows: u64) {
        if rows > 0 {
            *self.consequences.cascaded.entry(table).or_default() += rows;
        }
    }

    pub(in crate::db) fn set_null(&mut self, reference: String, rows: u64) {
        if rows > 0 {
            *self.consequences.detached.entry(reference).or_default() += rows;
        }
    }

    pub fn add(&mut self, more: Done) {
        self.rows += more.rows;
        self.rolled_up += more.rolled_up;
        self.consequences.add(&more.consequences);
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
/// [`ErrorKind::Kept`] where a trigger keeps what was to go, [`ErrorKind::Raised`] where the statements of the batch did not meet
/// the same rows; the caller rolls back.
pub fn delete(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    axis: &Axis,
    window: &Window,
) -> Result<Done, DbError> {
    let (scope, part) = (scope(rule, target), Within::Window(axis, window));
    if !takes_several(rule, target) {
        let rows = conn.execute(&delete_roots(conn.dialect(), scope, part))?;
        return Ok(Done { rows, ..Done::default() });
    }
    let keys = mark(conn, scope, part)?;
    if keys.is_empty() { Ok(Done::default()) } else { sweep::sweep(conn, rule, scope, &keys) }
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

/// The statements of a batch must have met the same rows. They may not have where the application works beside us, or where a
/// trigger interferes.
pub(in crate::db) fn require_same(expected: u64, found: u64) -> Result<(), DbError> {
    if expected == found {
        return Ok(());
    }
    Err(DbError::new(
        ErrorKind::Raised,
        format!(
            "the statements of one batch met {expected} and then {found} rows, so it was rolled back; \
             a trigger may turn rows away"
        ),
    ))
}

pub(in crate::db) fn delete_roots(dialect: Dialect, scope: Scope<'_>, part: Within<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("DELETE FROM ");
    eligible::from(&mut sql, scope.target);
    where_due(&mut sql, scope, part);
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
    let (scope, part) = (scope(rule, target), Within::Window(axis, window));
    let hashes = Hashes::of(conn, target, |sql| where_due(sql, scope, part))?;
    let statement = redact_rows(conn.dialect(), scope, part, &hashes);
    let are_met = |sql: &mut Sql| is_within(sql, target, axis, window);
    let rows = keeping_age(conn, target, &are_met, |conn| conn.execute(&statement))?;
    Ok(Done { rows, ..Done::default() })
}

fn redact_rows(dialect: Dialect, scope: Scope<'_>, part: Within<'_>, hashes: &Hashes) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.update();
    eligible::from(&mut sql, scope.target);
    sql.push(" SET ");
    redact::assignments(&mut sql, scope.target, hashes);
    where_due(&mut sql, scope, part);
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
