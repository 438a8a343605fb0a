//! The counting half of the predicate: what a plan says and what a run checks itself against.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::base::name::TableName;
use crate::db::predicate::anchor;
use crate::db::predicate::doomed::{self, Within};
use crate::db::predicate::eligible::{self, Look, Scope};
use crate::db::predicate::few::Few;
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Row, Statement, Value};
use crate::plan::{Hold, Reading, RulePlan, SelfEffect, Target};
use crate::schedule::Then;

/// Rows of one table by what the rule says of them. `eligible` holds the other two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub eligible: u64,
    pub held: u64,
    /// Not held, but referred to by something that stays.
    pub blocked: u64,
    /// By the name of the hold; a row under two holds counts for both.
    pub held_by: BTreeMap<String, u64>,
}

impl Counts {
    /// Rows that a run would act upon.
    pub fn remaining(&self) -> u64 {
        self.eligible.saturating_sub(self.held + self.blocked)
    }

    pub fn add(&mut self, more: &Counts) {
        self.eligible += more.eligible;
        self.held += more.held;
        self.blocked += more.blocked;
        for (hold, rows) in &more.held_by {
            *self.held_by.entry(hold.clone()).or_default() += rows;
        }
    }
}

/// Dependent rows: deleted by table, let go by `table.column`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consequences {
    pub cascaded: BTreeMap<String, u64>,
    pub detached: BTreeMap<String, u64>,
}

impl Consequences {
    pub fn add(&mut self, more: &Consequences) {
        for (to, from) in [(&mut self.cascaded, &more.cascaded), (&mut self.detached, &more.detached)] {
            for (what, rows) in from {
                *to.entry(what.clone()).or_default() += rows;
            }
        }
    }
}

/// Counts a rule's rows in one of its tables.
pub fn counts(conn: &mut Connection, rule: &RulePlan, target: &Target) -> Result<Counts, DbError> {
    let row = one_row(conn, &counts_statement(conn.dialect(), scope(rule, target)))?;
    Ok(counts_of(&row, 0, target))
}

/// Reads the columns of [`select_counts`], of which `first` is the first.
pub(in crate::db) fn counts_of(row: &Row, first: usize, target: &Target) -> Counts {
    let mut held_by = BTreeMap::new();
    for (index, hold) in target.holds.iter().enumerate() {
        // Two schedules may have holds of one name.
        *held_by.entry(hold.name.clone()).or_default() += number(row, first + 3 + index);
    }
    held_by.retain(|_, count| *count > 0);
    let [eligible, held, blocked] = [first, first + 1, first + 2].map(|column| number(row, column));
    Counts { eligible, held, blocked, held_by }
}

pub(in crate::db) fn counts_statement(dialect: crate::db::Dialect, scope: Scope<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT ");
    select_counts(&mut sql, scope, Look::Ahead);
    sql.push(" FROM ");
    eligible::from(&mut sql, scope.target);
    sql.push(" WHERE ");
    eligible::considered(&mut sql, scope, Look::Ahead);
    sql.finish()
}

/// Eligible rows, held ones, blocked ones, and those under each hold.
pub(in crate::db) fn select_counts(sql: &mut Sql, scope: Scope<'_>, look: Look) {
    sql.push("COUNT(*)");
    sum_where(sql, eligible::has_holds(scope), |sql| eligible::held(sql, scope));
    sum_where(sql, eligible::has_blockers(scope), |sql| {
        if eligible::has_holds(scope) {
            sql.push("(");
            eligible::held(sql, scope);
            sql.push(") IS NOT TRUE AND ");
        }
        sql.push("(");
        eligible::blocked(sql, scope, look);
        sql.push(")");
    });
    for hold in &scope.target.holds {
        sum_where(sql, true, |sql| eligible::covers(sql, &scope.target.alias, hold));
    }
}

fn sum_where(sql: &mut Sql, wanted: bool, condition: impl FnOnce(&mut Sql)) {
    if !wanted {
        sql.push(", 0");
        return;
    }
    sql.push(", COALESCE(SUM(CASE WHEN ");
    condition(sql);
    sql.push(" THEN 1 ELSE 0 END), 0)");
}

/// Rows whose age is not known; none where no age is asked for.
pub fn ageless(conn: &mut Connection, target: &Target) -> Result<u64, DbError> {
    if target.anchors.is_empty() {
        return Ok(0);
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    eligible::from(&mut sql, target);
    sql.push(" WHERE ");
    match target.anchors.as_slice() {
        // What an index on the column can answer.
        [only] if only.hops.is_empty() && !matches!(only.reading, Reading::Text { .. }) => {
            anchor::absent(&mut sql, &target.alias, only);
        }
        anchors => eligible::ageless(&mut sql, &target.alias, anchors),
    }
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// The oldest known age among the rows that the rule speaks of and that stay. Where `all_go` says that every expired row
/// goes, the search starts at the cutoff, which an index can serve.
pub fn oldest_kept(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    all_go: bool,
) -> Result<Option<Timestamp>, DbError> {
    let scope = scope(rule, target);
    match target.anchors.as_slice() {
        [only] if all_go && only.hops.is_empty() && target.condition.is_none() && anchor::is_plain(only) => {
            return oldest_from_bound(conn, target, only);
        }
        _ => {}
    }
    oldest_where(conn, target, |sql| {
        eligible::spoken_of(sql, scope);
        sql.push(" AND (");
        eligible::due(sql, scope, Look::Ahead);
        sql.push(") IS NOT TRUE");
    })
}

/// The oldest known age among the rows that the rule speaks of, also those that are due.
pub fn oldest(conn: &mut Connection, rule: &RulePlan, target: &Target) -> Result<Option<Timestamp>, DbError> {
    oldest_where(conn, target, |sql| eligible::spoken_of(sql, scope(rule, target)))
}

/// The oldest known age among the rows that are due.
pub fn oldest_due(conn: &mut Connection, rule: &RulePlan, target: &Target) -> Result<Option<Timestamp>, DbError> {
    let scope = scope(rule, target);
    oldest_where(conn, target, |sql| {
        eligible::spoken_of(sql, scope);
        sql.push(" AND (");
        eligible::due(sql, scope, Look::Ahead);
        sql.push(")");
    })
}

fn oldest_where(
    conn: &mut Connection,
    target: &Target,
    condition: impl FnOnce(&mut Sql),
) -> Result<Option<Timestamp>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT MIN(");
    eligible::latest(&mut sql, &target.alias, &target.anchors);
    sql.push(") FROM ");
    eligible::from(&mut sql, target);
    sql.push(" WHERE ");
    condition(&mut sql);
    let row = one_row(conn, &sql.finish())?;
    let Some(micros) = row.int(0) else { return Ok(None) };
    Ok(target.anchors.last().and_then(|anchor| anchor::instant_of(micros, &anchor.reading, conn.dialect())))
}

fn oldest_from_bound(
    conn: &mut Connection,
    target: &Target,
    only: &crate::plan::Anchor,
) -> Result<Option<Timestamp>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ");
    anchor::micros(&mut sql, &target.alias, only);
    sql.push(" FROM ");
    eligible::from(&mut sql, target);
    sql.push(" WHERE ");
    anchor::from_bound(&mut sql, &target.alias, only);
    sql.push(" ORDER BY ").column(&target.alias, &only.column).push(" LIMIT 1");
    let rows = conn.query(&sql.finish())?;
    let micros = rows.first().and_then(|row| row.int(0));
    Ok(micros.and_then(|micros| anchor::instant_of(micros, &only.reading, conn.dialect())))
}

/// Rows that are too young to be due, counted up to `limit`: along the index of the age column, where there is one. `None`
/// where the age is no plain column, so that counting them would take longer than counting all rows.
pub fn young_up_to(conn: &mut Connection, target: &Target, limit: u64) -> Result<Option<u64>, DbError> {
    let [only] = target.anchors.as_slice() else { return Ok(None) };
    if !anchor::is_plain(only) {
        return Ok(None);
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM (SELECT 1 AS one FROM ");
    eligible::from(&mut sql, target);
    sql.push(" WHERE ");
    anchor::from_bound(&mut sql, &target.alias, only);
    sql.push(" LIMIT ").number(limit).push(") AS tenure_rows");
    Ok(Some(number(&one_row(conn, &sql.finish())?, 0)))
}

/// Rows of the table, counted up to `limit`.
pub fn rows_up_to(conn: &mut Connection, target: &Target, limit: u64) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM (SELECT 1 AS one FROM ");
    eligible::from(&mut sql, target);
    sql.push(" LIMIT ").number(limit).push(") AS tenure_rows");
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Rows of a table that a hold covers.
pub fn covered(conn: &mut Connection, table: &TableName, hold: &Hold) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ").table(table).push(" WHERE ");
    eligible::covers(&mut sql, &table.table, hold);
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Rows of any table, counted up to `limit`.
pub fn table_rows_up_to(conn: &mut Connection, table: &TableName, limit: u64) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM (SELECT 1 AS one FROM ").table(table);
    sql.push(" LIMIT ").number(limit).push(") AS tenure_rows");
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Dependent rows that would go, or be let go, with all the rule's rows, or with those of a few people.
pub fn consequences(conn: &mut Connection, rule: &RulePlan, few: Option<Few<'_>>) -> Result<Consequences, DbError> {
    let mut found = Consequences::default();
    let Some(whole) = whole(rule) else { return Ok(found) };
    let scope = Scope { few, ..scope(rule, &whole) };
    for (index, dependent) in rule.dependents.iter().enumerate() {
        let statement = doomed::count_dependent(conn.dialect(), scope, index, Within::Everything);
        let count = number(&one_row(conn, &statement)?, 0);
        if count == 0 {
            continue;
        }
        match dependent.then {
            Then::Delete => *found.cascaded.entry(dependent.shown.to_string()).or_default() += count,
            Then::Null => *found.detached.entry(doomed::link_label(dependent)).or_default() += count,
        }
    }
    if let Some(link) = scope.self_cascade() {
        let row = one_row(conn, &doomed::count_descendants(conn.dialect(), scope, link, Within::Everything))?;
        let beyond = number(&row, 1);
        if beyond > 0 {
            *found.cascaded.entry(rule.table.to_string()).or_default() += beyond;
        }
    }
    for link in whole.self_links.iter().filter(|link| link.effect == SelfEffect::Null) {
        let statement = doomed::count_orphans(conn.dialect(), scope, link, Within::Everything);
        let count = number(&one_row(conn, &statement)?, 0);
        if count > 0 {
            *found.detached.entry(doomed::self_label(rule, link)).or_default() += count;
        }
    }
    Ok(found)
}

pub(in crate::db) fn scope<'a>(rule: &'a RulePlan, target: &'a Target) -> Scope<'a> {
    Scope {
        target,
        dependents: &rule.dependents,
        removes: rule.act.removes(),
        earlier: &rule.earlier,
        few: None,
        is_joined: false,
        is_one_of_several: false,
    }
}

/// The rule's table with everything below it, as one, under the holds of all its parts.
pub(in crate::db) fn whole(rule: &RulePlan) -> Option<Target> {
    let first = rule.targets.first()?;
    let mut holds: Vec<Hold> = Vec::new();
    for hold in rule.targets.iter().flat_map(|target| &target.holds) {
        if !holds.contains(hold) {
            holds.push(hold.clone());
        }
    }
    Some(Target { table: first.root.clone(), only: false, holds, ..first.clone() })
}

pub(in crate::db) fn one_row(conn: &mut Connection, statement: &Statement) -> Result<Row, DbError> {
    Ok(conn.query(statement)?.into_iter().next().unwrap_or(Row(vec![Value::Int(0)])))
}

pub(in crate::db) fn number(row: &Row, column: usize) -> u64 {
    row.int(column).and_then(|int| u64::try_from(int).ok()).unwrap_or(0)
}
