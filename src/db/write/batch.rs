//! The acts on one window, inside the caller's transaction.

use crate::base::name::TableName;
use crate::db::predicate::doomed;
use crate::db::predicate::doomed::{Which, Within, where_due};
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::Scope;
use crate::db::predicate::window::{Window, is_within};
use crate::db::query::count::{Consequences, number, one_row, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::hashes::Hashes;
use crate::db::write::redact;
use crate::db::write::renewal::keeping_age;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement};
use crate::plan::{Axis, Dependent, Link, RulePlan, SelfEffect, SelfLink, Target};
use crate::schedule::Then;

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
    fn took(&mut self, table: String, rows: u64) {
        if rows > 0 {
            *self.consequences.cascaded.entry(table).or_default() += rows;
        }
    }

    fn let_go_of(&mut self, reference: String, rows: u64) {
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
/// gone: leaves first, a pass for each generation. So are those that a row of a dependent table blocked which went with
/// another row.
pub fn frees_its_own(plan: &RulePlan) -> bool {
    let goes_along = |table: &TableName| plan.dependents.iter().any(|dependent| dependent.table == *table);
    let frees = |blockers: &[Link]| blockers.iter().any(|link| goes_along(&link.table));
    let by_own_kind = |target: &Target| target.self_links.iter().any(|link| link.effect == SelfEffect::Block);
    plan.act.removes()
        && (plan.targets.iter().any(|target| by_own_kind(target) || frees(&target.blockers))
            || plan.dependents.iter().any(|dependent| !dependent.self_links.is_empty() || frees(&dependent.blockers)))
}

/// Does a batch of this rule take more than one statement?
pub fn takes_several(rule: &RulePlan, target: &Target) -> bool {
    !rule.dependents.is_empty() || target.self_links.iter().any(|link| link.effect != SelfEffect::Block)
}

/// Deletes the rule's rows in the window, and what goes with them first.
///
/// # Errors
/// [`ErrorKind::Raised`] where the statements of the batch did not meet the same rows, [`ErrorKind::ForeignKey`] where a
/// trigger keeps what was to go along; the caller rolls back.
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
    match scope.self_cascade() {
        Some(link) => delete_with_descendants(conn, rule, scope, link, part),
        None => delete_with_dependents(conn, rule, scope, part),
    }
}

fn delete_with_dependents(
    conn: &mut Connection,
    rule: &RulePlan,
    scope: Scope<'_>,
    part: Within<'_>,
) -> Result<Done, DbError> {
    let mut done = Done::default();
    let expected = lock_and_count(conn, scope, part)?;
    if expected == 0 {
        return Ok(done);
    }
    let_go(conn, rule, scope, part, &mut done)?;
    delete_dependents(conn, scope, part, &mut done)?;
    done.rows = conn.execute(&delete_roots(conn.dialect(), scope, part))?;
    require_same(expected, done.rows)?;
    Ok(done)
}

/// A cascade over the table itself: the closure is deleted from its leaves upwards, its roots last, so that the closure
/// can be found again until it is gone.
fn delete_with_descendants(
    conn: &mut Connection,
    rule: &RulePlan,
    scope: Scope<'_>,
    link: &SelfLink,
    part: Within<'_>,
) -> Result<Done, DbError> {
    let mut done = Done::default();
    let row = one_row(conn, &doomed::count_descendants(conn.dialect(), scope, link, part))?;
    let (due, beyond) = (number(&row, 0), number(&row, 1));
    if due + beyond == 0 {
        return Ok(done);
    }
    if beyond > 0 {
        done.took(rule.table.to_string(), beyond);
    }
    let_go(conn, rule, scope, part, &mut done)?;
    delete_dependents(conn, scope, part, &mut done)?;
    let dialect = conn.dialect();
    let leaves = repeat(conn, &doomed::delete_descendants(dialect, scope, link, Which::Leaves, part))?;
    let gone = leaves + conn.execute(&doomed::delete_descendants(dialect, scope, link, Which::Rest, part))?;
    require_same(due + beyond, gone)?;
    done.rows = due;
    Ok(done)
}

/// How many rows of the window are due. On MySQL the rows and the gaps between them are locked on the way, so that the
/// statements that follow meet the same rows; PostgreSQL's snapshot and SQLite's single writer do that by themselves.
pub(in crate::db) fn lock_and_count(conn: &mut Connection, scope: Scope<'_>, part: Within<'_>) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    eligible::from(&mut sql, scope.target);
    where_due(&mut sql, scope, part);
    if conn.dialect() == Dialect::Mysql {
        sql.push(" FOR UPDATE");
    }
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// References that are to become NULL do so before anything is deleted.
fn let_go(
    conn: &mut Connection,
    rule: &RulePlan,
    scope: Scope<'_>,
    part: Within<'_>,
    done: &mut Done,
) -> Result<(), DbError> {
    let dialect = conn.dialect();
    for (index, dependent) in having(scope, Then::Null) {
        for link in &dependent.links {
            let rows = conn.execute(&doomed::detach(dialect, scope, link, &dependent.stamped, part))?;
            done.let_go_of(doomed::link_label(dependent), rows);
        }
        nothing_clings(conn, scope, index, part)?;
    }
    for link in scope.target.self_links.iter().filter(|link| link.effect == SelfEffect::Null) {
        let orphans = doomed::count_orphans(dialect, scope, link, part);
        let stay = number(&one_row(conn, &orphans)?, 0);
        conn.execute(&doomed::detach_own(dialect, scope, link, part))?;
        if scope.target.has_triggers && number(&one_row(conn, &orphans)?, 0) > 0 {
            return Err(clinging(&rule.table));
        }
        done.let_go_of(doomed::self_label(rule, link), stay);
    }
    Ok(())
}

/// Children before their parents.
fn delete_dependents(
    conn: &mut Connection,
    scope: Scope<'_>,
    part: Within<'_>,
    done: &mut Done,
) -> Result<(), DbError> {
    let dialect = conn.dialect();
    for (index, dependent) in having(scope, Then::Delete).rev() {
        for link in &dependent.links {
            let delete = |which| doomed::delete_dependent(dialect, scope, dependent, link, which, part);
            let mut rows = 0;
            if !dependent.self_links.is_empty() {
                rows += repeat(conn, &delete(Which::Leaves))?;
            }
            rows += conn.execute(&delete(Which::Rest))?;
            done.took(dependent.shown.to_string(), rows);
        }
        nothing_clings(conn, scope, index, part)?;
    }
    Ok(())
}

fn having<'a>(scope: Scope<'a>, then: Then) -> impl DoubleEndedIterator<Item = (usize, &'a Dependent)> {
    scope.dependents.iter().enumerate().filter(move |(_, dependent)| dependent.then == then)
}

/// A trigger may have turned dependent rows away, or put back what they let go of. PostgreSQL would then delete what they
/// refer to all the same, and leave them behind as nobody's; so would any database where no foreign key leads there. Asked
/// while the rows that they refer to are there.
fn nothing_clings(conn: &mut Connection, scope: Scope<'_>, index: usize, part: Within<'_>) -> Result<(), DbError> {
    let dependent = &scope.dependents[index];
    if !dependent.has_triggers {
        return Ok(());
    }
    let left = doomed::count_dependent(conn.dialect(), scope, index, part);
    if number(&one_row(conn, &left)?, 0) == 0 { Ok(()) } else { Err(clinging(&dependent.shown)) }
}

fn clinging(table: &TableName) -> DbError {
    DbError::new(
        ErrorKind::ForeignKey,
        format!(
            "rows of `{table}` that were to go, or to let go, with what they refer to are still there, so all was rolled back; a \
             trigger or rewrite rule on `{table}` turns them away: keep what they refer to by a hold, or change it"
        ),
    )
}

fn repeat(conn: &mut Connection, statement: &Statement) -> Result<u64, DbError> {
    let mut all = 0;
    loop {
        let rows = conn.execute(statement)?;
        all += rows;
        if rows == 0 {
            return Ok(all);
        }
    }
}

/// The statements of a batch must have met the same rows. They may not have where the application works beside us, where
/// a trigger interferes, or where the rule's own condition looks at rows that the cascade removes.
pub(in crate::db) fn require_same(expected: u64, found: u64) -> Result<(), DbError> {
    if expected == found {
        return Ok(());
    }
    Err(DbError::new(
        ErrorKind::Raised,
        format!(
            "the statements of one batch met {expected} and then {found} rows, so it was rolled back; \
             a trigger may turn rows away, or the rule's condition looks at rows that its cascade removes"
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
            crate::plan::Act::Delete => all.extend(delete_statements(dialect, scope, part)),
            crate::plan::Act::Aggregate(rollup) => {
                all.extend(crate::db::write::rollup::statements(dialect, rule, target, rollup));
            }
        }
    }
    all
}

fn delete_statements(dialect: Dialect, scope: Scope<'_>, part: Within<'_>) -> Vec<Statement> {
    let mut all = Vec::new();
    for dependent in scope.dependents.iter().filter(|dependent| dependent.then == Then::Null) {
        let links = dependent.links.iter();
        all.extend(links.map(|link| doomed::detach(dialect, scope, link, &dependent.stamped, part)));
    }
    let own = |effect| scope.target.self_links.iter().filter(move |link| link.effect == effect);
    all.extend(own(SelfEffect::Null).map(|link| doomed::detach_own(dialect, scope, link, part)));
    for dependent in scope.dependents.iter().rev().filter(|dependent| dependent.then == Then::Delete) {
        let which = if dependent.self_links.is_empty() { Which::Rest } else { Which::Leaves };
        let links = dependent.links.iter();
        all.extend(links.map(|link| doomed::delete_dependent(dialect, scope, dependent, link, which, part)));
    }
    match scope.self_cascade() {
        Some(link) => all.push(doomed::delete_descendants(dialect, scope, link, Which::Leaves, part)),
        None => all.push(delete_roots(dialect, scope, part)),
    }
    all
}
