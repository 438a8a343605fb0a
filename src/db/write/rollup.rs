//! Rolling a bucket up and removing its rows, in the caller's transaction.
//!
//! Nobody is singled out: whatever is added to a row of the target comes from rows of at least `at_least` known people, or of
//! nobody. So neither a row nor the difference between two states of it shows fewer. Each bucket is looked at by itself, also where
//! rows of it were rolled up before. Groups with too few people are folded into the bucket's `other`; where these have too few
//! together, the smallest of the larger groups is folded in with them. A bucket with too few people is not rolled up by itself:
//! what is left of all buckets goes into the one residual row, which has neither time nor dimensions, or nowhere.

use jiff::{SignedDuration, Timestamp};

use crate::base::name::Name;
use crate::db::predicate::age::Told;
use crate::db::predicate::anchor;
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::{Look, Scope};
use crate::db::query::count::{Consequences, number, one_row, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::batch::{Done, require_same};
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement, Value};
use crate::plan::{BucketForm, Fold, Measure, Rollup, RulePlan, Span, Target};

/// What a row of the target stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folded {
    /// One group of the bucket that begins then.
    Named(Timestamp),
    /// The small groups of the bucket that begins then.
    Other(Timestamp),
    /// Buckets that were too small to show.
    Residual,
}

impl Folded {
    /// The value of the `folded` column.
    fn number(self) -> u64 {
        match self {
            Self::Named(_) => 0,
            Self::Other(_) => 1,
            Self::Residual => 2,
        }
    }

    fn bucket(self) -> Option<Timestamp> {
        match self {
            Self::Named(start) | Self::Other(start) => Some(start),
            Self::Residual => None,
        }
    }

    fn is_named(self) -> bool {
        matches!(self, Self::Named(_))
    }
}

/// The instant of some row of the span that is due.
pub fn next_due(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    span: Span,
) -> Result<Option<Timestamp>, DbError> {
    let Some(first) = target.anchors.first() else { return Ok(None) };
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ");
    anchor::told(&mut sql, &target.alias, first);
    sql.push(" FROM ");
    rows_of(&mut sql, scope(rule, target), &[span]);
    sql.push(" ORDER BY ").column(&target.alias, &first.column).push(" LIMIT 1");
    let rows = conn.query(&sql.finish())?;
    // A day is as late as it can be: so late that the bucket of that instant holds it.
    let told = rows.first().and_then(|row| Told::read(row, 0, std::slice::from_ref(first)));
    Ok(told.map(|told| told.latest))
}

/// How many rows of the spans are due.
pub fn due_in(conn: &mut Connection, rule: &RulePlan, target: &Target, spans: &[Span]) -> Result<u64, DbError> {
    count(conn, scope(rule, target), spans, Lock::No)
}

/// Are there fewer known people than the rule shows in all the rows that are due, and any? Then there are in each part of them.
pub fn are_too_few(conn: &mut Connection, rule: &RulePlan, target: &Target, rollup: &Rollup) -> Result<bool, DbError> {
    let Some(people) = &rollup.people else { return Ok(false) };
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM (SELECT DISTINCT ").column(&target.alias, people).push(" AS tenure_p FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| eligible::due(sql, scope(rule, target), Look::Ahead));
            terms.term(|sql| {
                sql.column(&target.alias, people).push(" IS NOT NULL");
            });
        });
    });
    sql.push(" LIMIT ").number(u64::from(rollup.at_least)).push(") AS tenure_people");
    let known = number(&one_row(conn, &sql.finish())?, 0);
    Ok(known > 0 && known < u64::from(rollup.at_least))
}

/// The rows of these spans that are due, and what is kept of them.
#[derive(Clone, Copy)]
struct Part<'a> {
    scope: Scope<'a>,
    rollup: &'a Rollup,
    spans: &'a [Span],
}

/// Rolls up the bucket and deletes its rows.
///
/// # Errors
/// As [`delete`](crate::db::write::batch::delete), and [`ErrorKind::TooFew`] where nothing else stands against it but that it has
/// too few people; the caller rolls back.
pub fn bucket(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    rollup: &Rollup,
    (start, end): (Timestamp, Timestamp),
) -> Result<Done, DbError> {
    let spans = [Span { from: Some(start), until: end }];
    let part = Part { scope: scope(rule, target), rollup, spans: &spans };
    let expected = count(conn, part.scope, part.spans, Lock::OnMysql)?;
    if expected == 0 {
        return Ok(Done::default());
    }
    let Some(folded) = groups_to_fold(conn, part)? else {
        delete(conn, part, expected)?;
        return Err(DbError::new(ErrorKind::TooFew, "a bucket has too few people to be rolled up by itself"));
    };
    let mut rolled_up = write(conn, part, Folded::Named(start), folded)?;
    if folded > 0 {
        rolled_up += write(conn, part, Folded::Other(start), folded)?;
    }
    let rows = delete(conn, part, expected)?;
    Ok(Done { rows, consequences: Consequences::default(), rolled_up })
}

/// Adds the rows of the spans to the residual row and deletes them. Where they are of too few people, they are deleted all the
/// same, and nothing is rolled up.
///
/// # Errors
/// As [`delete`](crate::db::write::batch::delete); the caller rolls back.
pub fn rest(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    rollup: &Rollup,
    spans: &[Span],
) -> Result<Done, DbError> {
    let part = Part { scope: scope(rule, target), rollup, spans };
    let expected = count(conn, part.scope, part.spans, Lock::OnMysql)?;
    if expected == 0 {
        return Ok(Done::default());
    }
    let known = known_people(conn, part)?;
    let may_be_shown = known == 0 || known >= u64::from(rollup.at_least);
    let rolled_up = if may_be_shown { write(conn, part, Folded::Residual, 0)? } else { 0 };
    let rows = delete(conn, part, expected)?;
    Ok(Done { rows, consequences: Consequences::default(), rolled_up })
}

/// How many of the smallest groups become `other`; `None` where even all of them have too few people.
fn groups_to_fold(conn: &mut Connection, part: Part<'_>) -> Result<Option<u64>, DbError> {
    let Some(people) = &part.rollup.people else { return Ok(Some(0)) };
    let row = one_row(conn, &people_statement(conn.dialect(), part, people))?;
    let [groups, small, small_people, all_people] = [0, 1, 2, 3].map(|column| number(&row, column));
    let enough = u64::from(part.rollup.at_least);
    Ok(if all_people < enough {
        None
    } else if small == 0 || small_people >= enough {
        Some(small)
    } else {
        // With a group of enough people, or with all groups there are, whose people together are enough.
        Some((small + 1).min(groups))
    })
}

/// Groups; those with too few people; the people in those; all people. Who is not known is nobody here.
fn people_statement(dialect: Dialect, part: Part<'_>, people: &Name) -> Statement {
    let mut sql = Sql::new(dialect);
    let alias = &part.scope.target.alias;
    let dimensions: Vec<Name> = part.rollup.dimensions.iter().map(|dimension| dimension.column.clone()).collect();
    let keys = dimension_names(part.rollup);
    let enough = u64::from(part.rollup.at_least);
    sql.push("SELECT COUNT(DISTINCT tenure_g), COUNT(DISTINCT CASE WHEN tenure_n < ").number(enough);
    sql.push(" THEN tenure_g END), COUNT(DISTINCT CASE WHEN tenure_n < ").number(enough);
    sql.push(" THEN tenure_p END), COUNT(DISTINCT tenure_p) FROM (SELECT tenure_p, COUNT(tenure_p) OVER (");
    partition(&mut sql, &keys);
    sql.push(") AS tenure_n, DENSE_RANK() OVER (");
    if !keys.is_empty() {
        sql.push("ORDER BY ").list(&keys, ", ", |sql, key| {
            sql.name(key);
        });
    } else {
        sql.push("ORDER BY 1");
    }
    sql.push(") AS tenure_g FROM (SELECT ");
    eligible::select_as(&mut sql, alias, &dimensions, &keys);
    if !keys.is_empty() {
        sql.push(", ");
    }
    sql.column(alias, people).push(" AS tenure_p FROM ");
    rows_of(&mut sql, part.scope, part.spans);
    sql.push(" GROUP BY ").columns(alias, &dimensions);
    if !keys.is_empty() {
        sql.push(", ");
    }
    sql.column(alias, people).push(") AS tenure_pairs) AS tenure_groups");
    sql.finish()
}

/// Whoever is known among the people of the rows.
fn known_people(conn: &mut Connection, part: Part<'_>) -> Result<u64, DbError> {
    let Some(people) = &part.rollup.people else { return Ok(0) };
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(DISTINCT ").column(&part.scope.target.alias, people).push(") FROM ");
    rows_of(&mut sql, part.scope, part.spans);
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

fn partition(sql: &mut Sql, keys: &[Name]) {
    if !keys.is_empty() {
        sql.push("PARTITION BY ").list(keys, ", ", |sql, key| {
            sql.name(key);
        });
    }
}

/// Adds the bucket's measures to rows of the target that are there (a late row meets its bucket) and inserts the others.
fn write(conn: &mut Connection, part: Part<'_>, folded: Folded, count: u64) -> Result<u64, DbError> {
    let dialect = conn.dialect();
    if number(&one_row(conn, &has_rows(dialect, part, folded))?, 0) == 0 {
        return conn.execute(&insert_rows(dialect, part, folded, count));
    }
    let groups = number(&one_row(conn, &count_groups(dialect, part, folded, count))?, 0);
    let added = conn.execute(&add_to_rows(dialect, part, folded, count))?;
    let written = added + conn.execute(&insert_rows(dialect, part, folded, count))?;
    if written == groups {
        return Ok(written);
    }
    Err(DbError::new(
        ErrorKind::Constraint,
        format!(
            "{groups} groups met {written} rows of the roll-up's target `{}`, so a total would be lost or counted twice; \
             let each group have one row there, and its columns compare as those of the table that is rolled up",
            part.rollup.into
        ),
    ))
}

fn count_groups(dialect: Dialect, part: Part<'_>, folded: Folded, count: u64) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*) FROM (");
    source(&mut sql, part, folded, count);
    sql.push(") AS tenure_s");
    sql.finish()
}

fn has_rows(dialect: Dialect, part: Part<'_>, folded: Folded) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*) FROM (SELECT 1 AS one FROM ").table(&part.rollup.into).push(" AS tenure_t WHERE ");
    same_bucket(&mut sql, part, folded);
    sql.push(" LIMIT 1) AS tenure_rows");
    sql.finish()
}

fn same_bucket(sql: &mut Sql, part: Part<'_>, folded: Folded) {
    sql.push("tenure_t.").name(&bucket_name());
    match folded.bucket() {
        Some(start) => bucket_value(sql.push(" = "), part.rollup, start),
        None => {
            sql.push(" IS NULL");
        }
    }
    sql.push(" AND tenure_t.").name(&folded_name()).push(" = ").number(folded.number());
}

fn add_to_rows(dialect: Dialect, part: Part<'_>, folded: Folded, count: u64) -> Statement {
    let mut sql = Sql::new(dialect);
    let into = &part.rollup.into;
    let assign = |sql: &mut Sql| {
        sql.list(&part.rollup.measures, ", ", |sql, measure| {
            if dialect == Dialect::Mysql {
                sql.push("tenure_t.");
            }
            sql.name(&measure.target).push(" = ");
            merged(sql, measure);
        });
    };
    let matched = |sql: &mut Sql| {
        same_bucket(sql, part, folded);
        if folded.is_named() {
            same_group(sql, part);
        }
    };
    sql.update().table(into).push(" AS tenure_t");
    if dialect == Dialect::Mysql {
        sql.push(" JOIN (");
        source(&mut sql, part, folded, count);
        sql.push(") AS tenure_s ON ");
        matched(&mut sql);
        sql.push(" SET ");
        assign(&mut sql);
    } else {
        sql.push(" SET ");
        assign(&mut sql);
        sql.push(" FROM (");
        source(&mut sql, part, folded, count);
        sql.push(") AS tenure_s WHERE ");
        matched(&mut sql);
    }
    sql.finish()
}

fn same_group(sql: &mut Sql, part: Part<'_>) {
    for (dimension, key) in part.rollup.dimensions.iter().zip(dimension_names(part.rollup)) {
        // The group's own value on the left: there SQLite takes the collation from, so that no two groups are one here.
        sql.push(" AND tenure_s.").name(&key);
        sql.push(match sql.dialect {
            Dialect::Postgres => " IS NOT DISTINCT FROM ",
            Dialect::Sqlite => " IS ",
            Dialect::Mysql => " <=> ",
        });
        sql.push("tenure_t.").name(&dimension.column);
    }
}

fn merged(sql: &mut Sql, measure: &Measure) {
    let old = |sql: &mut Sql| {
        sql.push("tenure_t.").name(&measure.target);
    };
    let new = |sql: &mut Sql| {
        sql.push("tenure_s.").name(&measure.target);
    };
    let choose = |sql: &mut Sql, better: &'static str| {
        sql.push("CASE WHEN ");
        old(sql);
        sql.push(" IS NULL OR ");
        new(sql);
        sql.push(better);
        old(sql);
        sql.push(" THEN ");
        new(sql);
        sql.push(" ELSE ");
        old(sql);
        sql.push(" END");
    };
    match measure.fold {
        Fold::Min(_) => choose(sql, " < "),
        Fold::Max(_) => choose(sql, " > "),
        // The people of two roll-ups may be the same: what was exact is not any more.
        Fold::Distinct(_) => {
            sql.push("NULL");
        }
        Fold::CountRows | Fold::CountValues(_) | Fold::Sum(_) => {
            sql.push("CASE WHEN ");
            old(sql);
            sql.push(" IS NULL THEN ");
            new(sql);
            sql.push(" WHEN ");
            new(sql);
            sql.push(" IS NULL THEN ");
            old(sql);
            sql.push(" ELSE ");
            old(sql);
            sql.push(" + ");
            new(sql);
            sql.push(" END");
        }
    }
}

fn insert_rows(dialect: Dialect, part: Part<'_>, folded: Folded, count: u64) -> Statement {
    let mut sql = Sql::new(dialect);
    let rollup = part.rollup;
    sql.insert_into().table(&rollup.into).push(" (").name(&bucket_name()).push(", ").name(&folded_name());
    for column in rollup.dimensions.iter().map(|d| &d.column).chain(rollup.measures.iter().map(|m| &m.target)) {
        sql.push(", ").name(column);
    }
    sql.push(") SELECT ");
    match folded.bucket() {
        Some(start) => bucket_value(&mut sql, rollup, start),
        None => {
            sql.push("NULL");
        }
    }
    sql.push(", ").number(folded.number());
    for (dimension, key) in rollup.dimensions.iter().zip(dimension_names(rollup)) {
        if folded.is_named() {
            sql.push(", tenure_s.").name(&key);
        } else {
            sql.push(if dimension.is_text { ", 'other'" } else { ", NULL" });
        }
    }
    for measure in &rollup.measures {
        sql.push(", tenure_s.").name(&measure.target);
    }
    sql.push(" FROM (");
    source(&mut sql, part, folded, count);
    sql.push(") AS tenure_s WHERE NOT EXISTS (SELECT 1 FROM ").table(&rollup.into).push(" AS tenure_t WHERE ");
    same_bucket(&mut sql, part, folded);
    if folded.is_named() {
        same_group(&mut sql, part);
    }
    sql.push(")");
    sql.finish()
}

/// The rows to write: the named groups, or the folded ones as one row. Dimensions are `k1`, `k2`, …; measures bear the
/// names of their columns.
fn source(sql: &mut Sql, part: Part<'_>, folded: Folded, count: u64) {
    let rollup = part.rollup;
    if folded == Folded::Residual || rollup.people.is_none() {
        return groups(sql, part, folded.is_named());
    }
    sql.push("SELECT ");
    match folded {
        Folded::Named(_) => {
            for key in dimension_names(rollup) {
                sql.name(&key).push(", ");
            }
            sql.list(&rollup.measures, ", ", |sql, measure| {
                sql.name(&measure.target);
            });
        }
        Folded::Other(_) | Folded::Residual => {
            sql.list(&rollup.measures, ", ", |sql, measure| {
                regrouped(sql, measure);
                sql.push(" AS ").name(&measure.target);
            });
        }
    }
    sql.push(" FROM (SELECT tenure_c.*, ROW_NUMBER() OVER (ORDER BY tenure_n");
    for key in dimension_names(rollup) {
        sql.push(", ").name(&key);
    }
    sql.push(") AS tenure_r FROM (");
    groups(sql, part, true);
    sql.push(") AS tenure_c) AS tenure_f WHERE tenure_r ");
    sql.push(if folded.is_named() { "> " } else { "<= " }).number(count);
}

/// The measures of each group, or of the whole bucket.
fn groups(sql: &mut Sql, part: Part<'_>, by_dimension: bool) {
    let rollup = part.rollup;
    let alias = &part.scope.target.alias;
    let dimensions: Vec<Name> = rollup.dimensions.iter().map(|dimension| dimension.column.clone()).collect();
    let by_dimension = by_dimension && !dimensions.is_empty();
    sql.push("SELECT ");
    if by_dimension {
        eligible::select_as(sql, alias, &dimensions, &dimension_names(rollup));
        sql.push(", ");
    }
    sql.list(&rollup.measures, ", ", |sql, measure| {
        folded_rows(sql, alias, measure);
        sql.push(" AS ").name(&measure.target);
    });
    if let Some(people) = &rollup.people {
        sql.push(", COUNT(DISTINCT ").column(alias, people).push(") AS tenure_n");
    }
    sql.push(" FROM ");
    rows_of(sql, part.scope, part.spans);
    if by_dimension {
        sql.push(" GROUP BY ").columns(alias, &dimensions);
    }
}

fn folded_rows(sql: &mut Sql, alias: &Name, measure: &Measure) {
    let (function, column) = match &measure.fold {
        Fold::CountRows => {
            sql.push("COUNT(*)");
            return;
        }
        Fold::CountValues(column) => ("COUNT(", column),
        Fold::Sum(column) => ("SUM(", column),
        Fold::Min(column) => ("MIN(", column),
        Fold::Max(column) => ("MAX(", column),
        Fold::Distinct(column) => ("COUNT(DISTINCT ", column),
    };
    sql.push(function).column(alias, column).push(")");
}

fn regrouped(sql: &mut Sql, measure: &Measure) {
    let function = match measure.fold {
        Fold::CountRows | Fold::CountValues(_) | Fold::Sum(_) => "SUM(",
        Fold::Min(_) => "MIN(",
        Fold::Max(_) => "MAX(",
        Fold::Distinct(_) => {
            // A NULL that is a number: in a subquery PostgreSQL takes a bare one for a text.
            sql.push("NULLIF(0, 0)");
            return;
        }
    };
    sql.push(function).name(&measure.target).push(")");
}

/// `FROM` the table `WHERE` the spans and the whole predicate.
fn rows_of(sql: &mut Sql, scope: Scope<'_>, spans: &[Span]) {
    eligible::from(sql, scope.target);
    sql.filter(|sql| {
        sql.all(|terms| {
            if let Some(first) = scope.target.anchors.first() {
                terms.term(|sql| {
                    sql.any(|terms| {
                        terms.each(spans, |sql, span| anchor::within(sql, &scope.target.alias, first, *span));
                    });
                });
            }
            terms.term(|sql| eligible::due(sql, scope, Look::Now));
        });
    });
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    No,
    /// The rows and the gaps between them, so that the statements that follow meet the same rows. The others' snapshots do that.
    OnMysql,
}

fn count(conn: &mut Connection, scope: Scope<'_>, spans: &[Span], lock: Lock) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    rows_of(&mut sql, scope, spans);
    if conn.dialect() == Dialect::Mysql && lock == Lock::OnMysql {
        sql.push(" FOR UPDATE");
    }
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

fn delete(conn: &mut Connection, part: Part<'_>, expected: u64) -> Result<u64, DbError> {
    let rows = conn.execute(&delete_rows(conn.dialect(), part))?;
    require_same(expected, rows)?;
    Ok(rows)
}

fn delete_rows(dialect: Dialect, part: Part<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("DELETE FROM ");
    rows_of(&mut sql, part.scope, part.spans);
    sql.finish()
}

/// The statements of the last bucket, for showing: those that write the named groups, and the delete.
pub(in crate::db) fn statements(dialect: Dialect, rule: &RulePlan, target: &Target, rollup: &Rollup) -> Vec<Statement> {
    let within_last = |cutoff: Timestamp| cutoff.checked_sub(SignedDuration::from_nanos(1)).ok();
    let last = rule.cutoff.and_then(within_last).and_then(|instant| rollup.bucket_of(instant));
    let Some((start, end)) = last else { return Vec::new() };
    let spans = [Span { from: Some(start), until: end }];
    let part = Part { scope: scope(rule, target), rollup, spans: &spans };
    vec![insert_rows(dialect, part, Folded::Named(start), 0), delete_rows(dialect, part)]
}

fn bucket_value(sql: &mut Sql, rollup: &Rollup, start: Timestamp) {
    let (text, sql_type) = match &rollup.form {
        BucketForm::Instant => (anchor::instant_text(start, sql.dialect), "timestamptz"),
        BucketForm::Naive(zone) => (zone.to_datetime(start).strftime("%Y-%m-%d %H:%M:%S").to_string(), "timestamp"),
        BucketForm::Date(zone) => (zone.to_datetime(start).date().to_string(), "date"),
    };
    sql.bind_as(Value::Text(text), sql_type);
}

fn dimension_names(rollup: &Rollup) -> Vec<Name> {
    eligible::key_names(rollup.dimensions.len())
}

fn bucket_name() -> Name {
    Name::new("bucket").expect("letters are a name")
}

fn folded_name() -> Name {
    Name::new("folded").expect("letters are a name")
}
