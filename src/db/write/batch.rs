//! The acts on one window, inside the caller's transaction.

use std::collections::BTreeMap;

use crate::base::name::TableName;
use crate::db::predicate::doomed::{self, Which, Within, where_due};
use crate::db::predicate::eligible::{self, Scope};
use crate::db::predicate::whose;
use crate::db::predicate::window::Window;
use crate::db::query::count::{Consequences, number, one_row, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::along::{Along, Shares};
use crate::db::write::redact;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement};
use crate::plan::{Axis, Dependent, Link, PersonKey, RulePlan, SelfEffect, SelfLink, Target};
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

    fn took(&mut self, table: String, rows: u64, shares: Option<Shares>) -> Result<(), DbError> {
        self.note(|consequences| &mut consequences.cascaded, table, rows, shares)
    }

    fn let_go_of(&mut self, reference: String, rows: u64, shares: Option<Shares>) -> Result<(), DbError> {
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
/// [`ErrorKind::Conflict`] where the statements of the batch did not meet the same rows, [`ErrorKind::ForeignKey`] where a
/// trigger keeps what was to go along; the caller rolls back.
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
    let mut deleted = match scope.self_cascade() {
        Some(link) => delete_with_descendants(conn, rule, scope, link, part)?,
        None => delete_with_dependents(conn, rule, scope, part)?,
    };
    if let Some([only]) = scope.few.map(|few| few.keys) {
        deleted.along.insert(only.clone(), deleted.done.consequences.clone());
    }
    Ok(deleted)
}

fn delete_with_dependents(
    conn: &mut Connection,
    rule: &RulePlan,
    scope: Scope<'_>,
    part: Within<'_>,
) -> Result<Deleted, DbError> {
    let mut deleted = Deleted::default();
    let expected = lock_and_count(conn, scope, part)?;
    if expected == 0 {
        return Ok(deleted);
    }
    let_go(conn, rule, scope, part, &mut deleted)?;
    delete_dependents(conn, scope, part, &mut deleted)?;
    deleted.done.rows = conn.execute(&delete_roots(conn.dialect(), scope, part))?;
    require_same(expected, deleted.done.rows)?;
    Ok(deleted)
}

/// A cascade over the table itself: the closure is deleted from its leaves upwards, its roots last, so that the closure
/// can be found again until it is gone.
fn delete_with_descendants(
    conn: &mut Connection,
    rule: &RulePlan,
    scope: Scope<'_>,
    link: &SelfLink,
    part: Within<'_>,
) -> Result<Deleted, DbError> {
    let mut deleted = Deleted::default();
    let row = one_row(conn, &doomed::count_descendants(conn.dialect(), scope, link, part))?;
    let (due, beyond) = (number(&row, 0), number(&row, 1));
    if due + beyond == 0 {
        return Ok(deleted);
    }
    if beyond > 0 {
        let shares = shares(conn, scope, part, |along, conn| along.descendants(conn, link))?;
        deleted.took(rule.table.to_string(), beyond, shares)?;
    }
    let_go(conn, rule, scope, part, &mut deleted)?;
    delete_dependents(conn, scope, part, &mut deleted)?;
    let dialect = conn.dialect();
    let leaves = repeat(conn, &doomed::delete_descendants(dialect, scope, link, Which::Leaves, part))?;
    let gone = leaves + conn.execute(&doomed::delete_descendants(dialect, scope, link, Which::Rest, part))?;
    require_same(due + beyond, gone)?;
    deleted.done.rows = due;
    Ok(deleted)
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
    deleted: &mut Deleted,
) -> Result<(), DbError> {
    let dialect = conn.dialect();
    for (index, dependent) in having(scope, Then::Null) {
        for link in &dependent.links {
            let shares = shares(conn, scope, part, |along, conn| along.over(conn, link))?;
            let rows = conn.execute(&doomed::detach(dialect, scope, link, &dependent.stamped, part))?;
            deleted.let_go_of(doomed::link_label(dependent), rows, shares)?;
        }
        nothing_clings(conn, scope, index, part)?;
    }
    for link in scope.target.self_links.iter().filter(|link| link.effect == SelfEffect::Null) {
        let shares = shares(conn, scope, part, |along, conn| along.orphans(conn, link))?;
        let orphans = doomed::count_orphans(dialect, scope, link, part);
        let stay = match &shares {
            Some(shares) => sum_of(shares),
            None => number(&one_row(conn, &orphans)?, 0),
        };
        conn.execute(&doomed::detach_own(dialect, scope, link, part))?;
        if scope.target.has_triggers && number(&one_row(conn, &orphans)?, 0) > 0 {
            return Err(clinging(&rule.table));
        }
        deleted.let_go_of(doomed::self_label(rule, link), stay, shares)?;
    }
    Ok(())
}

/// Children before their parents.
fn delete_dependents(
    conn: &mut Connection,
    scope: Scope<'_>,
    part: Within<'_>,
    deleted: &mut Deleted,
) -> Result<(), DbError> {
    let dialect = conn.dialect();
    for (index, dependent) in having(scope, Then::Delete).rev() {
        for link in &dependent.links {
            let shares = shares(conn, scope, part, |along, conn| along.over(conn, link))?;
            if shares.as_ref().is_some_and(Vec::is_empty) {
                continue;
            }
            let delete = |which| doomed::delete_dependent(dialect, scope, dependent, link, which, part);
            let mut rows = 0;
            if !dependent.self_links.is_empty() {
                rows += repeat(conn, &delete(Which::Leaves))?;
            }
            rows += conn.execute(&delete(Which::Rest))?;
            deleted.took(dependent.shown.to_string(), rows, shares)?;
        }
        nothing_clings(conn, scope, index, part)?;
    }
    Ok(())
}

/// Of several people: whose rows those are with which others go, asked before they do.
fn shares<'a>(
    conn: &mut Connection,
    scope: Scope<'a>,
    part: Within<'a>,
    ask: impl FnOnce(Along<'a>, &mut Connection) -> Result<Shares, DbError>,
) -> Result<Option<Shares>, DbError> {
    Along::of_several(conn.dialect(), scope, part).map(|along| ask(along, conn)).transpose()
}

fn sum_of(shares: &Shares) -> u64 {
    shares.iter().map(|(_, rows)| rows).sum()
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
        ErrorKind::Conflict,
        format!(
            "the statements of one batch met {expected} and then {found} rows, so it was rolled back; \
             a trigger may turn rows away, or the rule's condition looks at rows that its cascade removes"
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
    let rows = conn.execute(&redact_rows(conn.dialect(), scope, part))?;
    Ok(Done { rows, ..Done::default() })
}

fn redact_rows(dialect: Dialect, scope: Scope<'_>, part: Within<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    let joined = whose::to_be_joined(dialect, scope);
    sql.update();
    eligible::from(&mut sql, scope.target);
    if joined {
        whose::join(&mut sql, scope);
    }
    sql.push(" SET ");
    redact::assignments(&mut sql, scope.target);
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
            crate::plan::Act::Redact => all.push(redact_rows(dialect, scope, part)),
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
