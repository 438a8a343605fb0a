//! The counting half of the predicate: what a plan says and what a run checks itself against.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::base::name::TableName;
use crate::db::predicate::age::{self, Told};
use crate::db::predicate::anchor;
use crate::db::predicate::doomed;
use crate::db::predicate::doomed::Within;
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::{Look, Scope};
use crate::db::predicate::window::Window;
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError, Dialect, Row, Statement, Value};
use crate::plan::{Anchor, Axis, Hold, RulePlan, SelfEffect, Target};
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
    /// The oldest and the youngest age among the eligible; `None` where there is none, or where people are counted.
    pub ages: Option<(Timestamp, Timestamp)>,
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
        self.ages = match (self.ages, more.ages) {
            (Some((oldest, youngest)), Some((old, young))) => Some((oldest.min(old), youngest.max(young))),
            (ours, theirs) => ours.or(theirs),
        };
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
    let scope = scope(rule, target);
    let mut counts = Counts::default();
    for part in Part::all(target) {
        let row = one_row(conn, &counts_statement(conn.dialect(), scope, part))?;
        counts.add(&Counts { ages: part.ages(&row, target), ..counts_of(&row, part.ages_before(), part) });
    }
    Ok(counts)
}

/// What one statement counts. A statement has room for some 1,600 columns, and each hold takes one.
#[derive(Clone, Copy)]
pub(in crate::db) enum Part<'t> {
    /// All rows, and those under each of the first holds.
    Totals(&'t [Hold]),
    /// Nothing but the rows under each of some more holds.
    Holds(&'t [Hold]),
}

impl<'t> Part<'t> {
    /// The parts that make up the counts of a table's rows.
    pub fn all(target: &'t Target) -> impl Iterator<Item = Part<'t>> {
        const AT_ONCE: usize = 500;
        let (first, more) = target.holds.split_at(target.holds.len().min(AT_ONCE));
        std::iter::once(Part::Totals(first)).chain(more.chunks(AT_ONCE).map(Part::Holds))
    }

    /// Columns before the counts: the oldest and the youngest age of the eligible rows.
    fn ages_before(self) -> usize {
        match self {
            Part::Totals(_) => 2,
            Part::Holds(_) => 0,
        }
    }

    fn ages(self, row: &Row, target: &Target) -> Option<(Timestamp, Timestamp)> {
        let Part::Totals(_) = self else { return None };
        let at = |column| Told::read(row, column, &target.anchors);
        at(0).zip(at(1)).map(|(oldest, youngest)| (oldest.earliest, youngest.latest))
    }

    fn holds(self) -> &'t [Hold] {
        match self {
            Part::Totals(holds) | Part::Holds(holds) => holds,
        }
    }
}

/// Reads the columns of [`select_counts`], of which `first` is the first.
pub(in crate::db) fn counts_of(row: &Row, first: usize, part: Part<'_>) -> Counts {
    let mut held_by = BTreeMap::new();
    for (index, hold) in part.holds().iter().enumerate() {
        // Two schedules may have holds of one name.
        *held_by.entry(hold.name.clone()).or_default() += number(row, first + 3 + index);
    }
    held_by.retain(|_, count| *count > 0);
    let [eligible, held, blocked] = [first, first + 1, first + 2].map(|column| number(row, column));
    Counts { eligible, held, blocked, held_by, ages: None }
}

/// The oldest and the youngest age of the eligible rows, and their counts.
pub(in crate::db) fn counts_statement(dialect: Dialect, scope: Scope<'_>, part: Part<'_>) -> Statement {
    let target = scope.target;
    let mut sql = Sql::new(dialect);
    sql.push("SELECT ");
    if let Part::Totals(_) = part {
        for aggregate in ["MIN(", "MAX("] {
            match target.anchors.as_slice() {
                [] => {
                    sql.push("NULL");
                }
                anchors => age::extreme(&mut sql, &target.alias, anchors, aggregate),
            }
            sql.push(", ");
        }
    }
    select_counts(&mut sql, scope, part);
    sql.push(" FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| eligible::considered(sql, scope, Look::Ahead));
    sql.finish()
}

/// Eligible rows, held ones, blocked ones, and those under each hold of the part.
fn select_counts(sql: &mut Sql, scope: Scope<'_>, part: Part<'_>) {
    match part {
        Part::Totals(_) => select_totals(sql, scope),
        Part::Holds(_) => {
            sql.push("0, 0, 0");
        }
    }
    for hold in part.holds() {
        sum_where(sql, true, |sql| eligible::covers(sql, &scope.target.alias, hold));
    }
}

fn select_totals(sql: &mut Sql, scope: Scope<'_>) {
    sql.push("COUNT(*)");
    sum_where(sql, eligible::has_holds(scope), |sql| eligible::held(sql, scope));
    sum_where(sql, eligible::has_blockers(scope), |sql| {
        sql.all(|terms| {
            terms.not_true(|sql| eligible::held(sql, scope));
            terms.term(|sql| eligible::blocked(sql, scope, Look::Ahead));
        });
    });
}

fn sum_where(sql: &mut Sql, wanted: bool, condition: impl FnOnce(&mut Sql)) {
    if !wanted {
        sql.push(", 0");
        return;
    }
    sql.push(", COALESCE(SUM(").either(condition, "1", "0").push("), 0)");
}

/// Rows that the rule speaks of and whose age is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ageless {
    pub rows: u64,
    /// Of these, those that tell something which nobody can read, and do not just say that there is no time.
    pub unreadable: u64,
}

/// Counts the rows of unknown age; none where no age is asked for.
pub fn ageless(conn: &mut Connection, rule: &RulePlan, target: &Target) -> Result<Ageless, DbError> {
    if target.anchors.is_empty() {
        return Ok(Ageless::default());
    }
    let (alias, anchors) = (&target.alias, target.anchors.as_slice());
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*)");
    sum_where(&mut sql, true, |sql| {
        sql.not_true(|sql| age::says_none(sql, alias, anchors));
    });
    sql.push(" FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| age::unknown(sql, alias, anchors));
            terms.term(|sql| eligible::spoken_of(sql, scope(rule, target)));
        });
    });
    let row = one_row(conn, &sql.finish())?;
    Ok(Ageless { rows: number(&row, 0), unreadable: number(&row, 1) })
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
        [only] if all_go && target.condition.is_none() && anchor::is_plain(only) => {
            return oldest_from_bound(conn, target, only);
        }
        _ => {}
    }
    oldest_where(conn, target, |sql| {
        sql.all(|terms| {
            terms.term(|sql| eligible::spoken_of(sql, scope));
            terms.not_true(|sql| eligible::due(sql, scope, Look::Ahead));
        });
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
        sql.all(|terms| {
            terms.term(|sql| eligible::spoken_of(sql, scope));
            terms.term(|sql| eligible::due(sql, scope, Look::Ahead));
        });
    })
}

fn oldest_where(
    conn: &mut Connection,
    target: &Target,
    condition: impl FnOnce(&mut Sql),
) -> Result<Option<Timestamp>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT MIN(");
    age::latest(&mut sql, &target.alias, &target.anchors);
    sql.push(") FROM ");
    eligible::from(&mut sql, target);
    sql.filter(condition);
    let row = one_row(conn, &sql.finish())?;
    Ok(Told::read(&row, 0, &target.anchors).map(|told| told.at))
}

fn oldest_from_bound(conn: &mut Connection, target: &Target, only: &Anchor) -> Result<Option<Timestamp>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ");
    anchor::told(&mut sql, &target.alias, only);
    sql.push(" FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| anchor::ahead(sql, &target.alias, only));
    sql.push(" ORDER BY ").column(&target.alias, &only.column).push(" LIMIT 1");
    let rows = conn.query(&sql.finish())?;
    let told = rows.first().and_then(|row| Told::read(row, 0, std::slice::from_ref(only)));
    Ok(told.map(|told| told.at))
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
    sql.filter(|sql| anchor::ahead(sql, &target.alias, only));
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

/// Rows of a window that are due now.
pub fn due_within(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    axis: &Axis,
    window: &Window,
) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    eligible::from(&mut sql, target);
    doomed::where_due(&mut sql, scope(rule, target), Within::Window(axis, window));
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Rows that the rule speaks of, whatever their age, counted up to `limit`.
pub fn spoken_of_up_to(conn: &mut Connection, rule: &RulePlan, target: &Target, limit: u64) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM (SELECT 1 AS one FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| eligible::spoken_of(sql, scope(rule, target)));
    sql.push(" LIMIT ").number(limit).push(") AS tenure_rows");
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Rows of a table that a hold covers.
pub fn covered(conn: &mut Connection, table: &TableName, hold: &Hold) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ").table(table).filter(|sql| eligible::covers(sql, &table.table, hold));
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Rows of any table, counted up to `limit`.
pub fn table_rows_up_to(conn: &mut Connection, table: &TableName, limit: u64) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM (SELECT 1 AS one FROM ").table(table);
    sql.push(" LIMIT ").number(limit).push(") AS tenure_rows");
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Dependent rows that would go, or be let go, with all the rule's rows.
pub fn consequences(conn: &mut Connection, rule: &RulePlan) -> Result<Consequences, DbError> {
    let mut found = Consequences::default();
    let Some(whole) = whole(rule) else { return Ok(found) };
    let scope = scope(rule, &whole);
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
    let (first, others) = rule.targets.split_first()?;
    let mut holds: Vec<Hold> = first.holds.clone();
    for hold in others.iter().flat_map(|target| &target.holds) {
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
