//! Rolling a bucket up and removing its rows, in the caller's transaction.
//!
//! A bucket is never split: whether a group has enough people can only be told from all of it. Groups with too few people
//! are folded into the bucket's `other` row; where those few are themselves too few, the smallest of the larger groups is
//! folded in with them, so that neither a row nor a difference of rows singles anyone out; and where the whole bucket has
//! too few, it goes into the one residual row that has neither time nor dimensions.

use jiff::Timestamp;

use crate::base::name::Name;
use crate::db::predicate::age::Told;
use crate::db::predicate::anchor;
use crate::db::predicate::deletion_set::Within;
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::{Look, Scope};
use crate::db::predicate::window::Window;
use crate::db::query::count::{Consequences, number, one_row, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::batch::{Done, require_same};
use crate::db::{Connection, DbError, Dialect, ErrorKind, Statement, Value};
use crate::plan::{Anchor, Axis, BucketForm, Fold, Measure, Rollup, RulePlan, Target};

/// What a row of the target stands for; the value of its `folded` column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Folded {
    /// One group of one bucket.
    Named = 0,
    /// The small groups of one bucket.
    Other = 1,
    /// Buckets that were too small to show.
    Residual = 2,
}

/// The instant of some row that is due, of the oldest ones by the column's own order: it tells the next bucket.
pub fn next_due(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    behind: Option<Timestamp>,
) -> Result<Option<Timestamp>, DbError> {
    let Some(first) = target.anchors.first() else { return Ok(None) };
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ");
    anchor::told(&mut sql, &target.alias, first);
    sql.push(" FROM ");
    eligible::from(&mut sql, target);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| eligible::due(sql, scope(rule, target), Look::Now));
            if let Some(behind) = behind {
                terms.not_true(|sql| anchor::before(sql, &target.alias, &first.bounded_by(behind)));
            }
        });
    });
    sql.push(" ORDER BY ").column(&target.alias, &first.column).push(" LIMIT 1");
    let rows = conn.query(&sql.finish())?;
    // A day is as late as it can be: so late that the bucket of that instant holds it.
    let told = rows.first().and_then(|row| Told::read(row, 0, std::slice::from_ref(first)));
    Ok(told.map(|told| told.latest))
}

/// One bucket of one table: its rows, and where they go.
#[derive(Clone, Copy)]
struct Bucket<'a> {
    scope: Scope<'a>,
    rollup: &'a Rollup,
    /// The anchor with the bucket's start as its bound: rows before it belong to earlier buckets.
    start: &'a Anchor,
    at: Timestamp,
}

/// Rolls up the bucket `[start, end)` and deletes its rows. `target` bears the bucket's end as its bound.
///
/// # Errors
/// As [`delete`](crate::db::write::batch::delete); the caller rolls back.
pub fn bucket(
    conn: &mut Connection,
    rule: &RulePlan,
    target: &Target,
    rollup: &Rollup,
    start: &Anchor,
    at: Timestamp,
) -> Result<Done, DbError> {
    let bucket = Bucket { scope: scope(rule, target), rollup, start, at };
    let expected = lock_and_count(conn, bucket)?;
    if expected == 0 {
        return Ok(Done::default());
    }
    let rolled_up = match folding(conn, bucket)? {
        Folding::Groups { folded } => {
            let named = write(conn, bucket, Folded::Named, folded)?;
            let other = if folded > 0 { write(conn, bucket, Folded::Other, folded)? } else { 0 };
            named + other
        }
        Folding::TooSmall => write(conn, bucket, Folded::Residual, 0)?,
    };
    let rows = conn.execute(&delete_rows(conn.dialect(), bucket))?;
    require_same(expected, rows)?;
    Ok(Done { rows, consequences: Consequences::default(), rolled_up })
}

enum Folding {
    /// The `folded` smallest groups become `other`.
    Groups {
        folded: u64,
    },
    TooSmall,
}

fn folding(conn: &mut Connection, bucket: Bucket<'_>) -> Result<Folding, DbError> {
    let Some(people) = &bucket.rollup.people else { return Ok(Folding::Groups { folded: 0 }) };
    let row = one_row(conn, &people_statement(conn.dialect(), bucket, people))?;
    let [groups, small, small_people, all_people] = [0, 1, 2, 3].map(|column| number(&row, column));
    let enough = u64::from(bucket.rollup.at_least);
    Ok(if all_people < enough {
        Folding::TooSmall
    } else if small == 0 || small_people >= enough {
        Folding::Groups { folded: small }
    } else {
        // A group of enough people, or all groups there are, whose people together are enough.
        Folding::Groups { folded: (small + 1).min(groups) }
    })
}

/// Groups; those with too few people; the distinct people in those; all distinct people. Rows without a person count as
/// one person together.
fn people_statement(dialect: Dialect, bucket: Bucket<'_>, people: &Name) -> Statement {
    let mut sql = Sql::new(dialect);
    let alias = &bucket.scope.target.alias;
    let dimensions: Vec<Name> = bucket.rollup.dimensions.iter().map(|dimension| dimension.column.clone()).collect();
    let keys = dimension_names(bucket.rollup);
    let enough = u64::from(bucket.rollup.at_least);
    sql.push("SELECT COUNT(DISTINCT tenure_g), COUNT(DISTINCT CASE WHEN tenure_n < ").number(enough);
    sql.push(" THEN tenure_g END), COUNT(DISTINCT CASE WHEN tenure_n < ").number(enough);
    sql.push(" THEN tenure_p END) + COALESCE(MAX(CASE WHEN tenure_n < ").number(enough);
    sql.push(" AND tenure_p IS NULL THEN 1 ELSE 0 END), 0), COUNT(DISTINCT tenure_p) + ");
    sql.push("COALESCE(MAX(CASE WHEN tenure_p IS NULL THEN 1 ELSE 0 END), 0) FROM (SELECT tenure_p, COUNT(*) OVER (");
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
    rows_of(&mut sql, bucket);
    sql.push(" GROUP BY ").columns(alias, &dimensions);
    if !keys.is_empty() {
        sql.push(", ");
    }
    sql.column(alias, people).push(") AS tenure_pairs) AS tenure_groups");
    sql.finish()
}

fn partition(sql: &mut Sql, keys: &[Name]) {
    if !keys.is_empty() {
        sql.push("PARTITION BY ").list(keys, ", ", |sql, key| {
            sql.name(key);
        });
    }
}

/// Adds the bucket's measures to rows of the target that are there (a late row meets its bucket) and inserts the others.
fn write(conn: &mut Connection, bucket: Bucket<'_>, folded: Folded, count: u64) -> Result<u64, DbError> {
    let dialect = conn.dialect();
    if number(&one_row(conn, &has_rows(dialect, bucket, folded))?, 0) == 0 {
        return conn.execute(&insert_rows(dialect, bucket, folded, count));
    }
    let groups = number(&one_row(conn, &count_groups(dialect, bucket, folded, count))?, 0);
    let added = conn.execute(&add_to_rows(dialect, bucket, folded, count))?;
    let written = added + conn.execute(&insert_rows(dialect, bucket, folded, count))?;
    if written == groups {
        return Ok(written);
    }
    Err(DbError::new(
        ErrorKind::Constraint,
        format!(
            "{groups} groups met {written} rows of the roll-up's target `{}`, so a total would be lost or counted twice; \
             let each group have one row there, and its columns compare as those of the table that is rolled up",
            bucket.rollup.into
        ),
    ))
}

fn count_groups(dialect: Dialect, bucket: Bucket<'_>, folded: Folded, count: u64) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*) FROM (");
    source(&mut sql, bucket, folded, count);
    sql.push(") AS tenure_s");
    sql.finish()
}

fn has_rows(dialect: Dialect, bucket: Bucket<'_>, folded: Folded) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT COUNT(*) FROM (SELECT 1 AS one FROM ").table(&bucket.rollup.into).push(" AS tenure_t WHERE ");
    same_bucket(&mut sql, bucket, folded);
    sql.push(" LIMIT 1) AS tenure_rows");
    sql.finish()
}

fn same_bucket(sql: &mut Sql, bucket: Bucket<'_>, folded: Folded) {
    sql.push("tenure_t.").name(&bucket_name()).push(match folded {
        Folded::Residual => " IS NULL",
        Folded::Named | Folded::Other => " = ",
    });
    if folded != Folded::Residual {
        bucket_value(sql, bucket);
    }
    sql.push(" AND tenure_t.").name(&folded_name()).push(" = ").number(folded as u64);
}

fn add_to_rows(dialect: Dialect, bucket: Bucket<'_>, folded: Folded, count: u64) -> Statement {
    let mut sql = Sql::new(dialect);
    let into = &bucket.rollup.into;
    let assign = |sql: &mut Sql| {
        sql.list(&bucket.rollup.measures, ", ", |sql, measure| {
            if dialect == Dialect::Mysql {
                sql.push("tenure_t.");
            }
            sql.name(&measure.target).push(" = ");
            merged(sql, measure);
        });
    };
    let matched = |sql: &mut Sql| {
        same_bucket(sql, bucket, folded);
        if folded == Folded::Named {
            same_group(sql, bucket);
        }
    };
    sql.update().table(into).push(" AS tenure_t");
    if dialect == Dialect::Mysql {
        sql.push(" JOIN (");
        source(&mut sql, bucket, folded, count);
        sql.push(") AS tenure_s ON ");
        matched(&mut sql);
        sql.push(" SET ");
        assign(&mut sql);
    } else {
        sql.push(" SET ");
        assign(&mut sql);
        sql.push(" FROM (");
        source(&mut sql, bucket, folded, count);
        sql.push(") AS tenure_s WHERE ");
        matched(&mut sql);
    }
    sql.finish()
}

fn same_group(sql: &mut Sql, bucket: Bucket<'_>) {
    for (dimension, key) in bucket.rollup.dimensions.iter().zip(dimension_names(bucket.rollup)) {
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

fn insert_rows(dialect: Dialect, bucket: Bucket<'_>, folded: Folded, count: u64) -> Statement {
    let mut sql = Sql::new(dialect);
    let rollup = bucket.rollup;
    sql.insert_into().table(&rollup.into).push(" (").name(&bucket_name()).push(", ").name(&folded_name());
    for column in rollup.dimensions.iter().map(|d| &d.column).chain(rollup.measures.iter().map(|m| &m.target)) {
        sql.push(", ").name(column);
    }
    sql.push(") SELECT ");
    match folded {
        Folded::Residual => {
            sql.push("NULL");
        }
        Folded::Named | Folded::Other => bucket_value(&mut sql, bucket),
    }
    sql.push(", ").number(folded as u64);
    for (dimension, key) in rollup.dimensions.iter().zip(dimension_names(rollup)) {
        match folded {
            Folded::Named => {
                sql.push(", tenure_s.").name(&key);
            }
            Folded::Other | Folded::Residual => {
                sql.push(if dimension.is_text { ", 'other'" } else { ", NULL" });
            }
        }
    }
    for measure in &rollup.measures {
        sql.push(", tenure_s.").name(&measure.target);
    }
    sql.push(" FROM (");
    source(&mut sql, bucket, folded, count);
    sql.push(") AS tenure_s WHERE NOT EXISTS (SELECT 1 FROM ").table(&rollup.into).push(" AS tenure_t WHERE ");
    same_bucket(&mut sql, bucket, folded);
    if folded == Folded::Named {
        same_group(&mut sql, bucket);
    }
    sql.push(")");
    sql.finish()
}

/// The rows to write: the named groups, or the folded ones as one row. Dimensions are `k1`, `k2`, …; measures bear the
/// names of their columns.
fn source(sql: &mut Sql, bucket: Bucket<'_>, folded: Folded, count: u64) {
    let rollup = bucket.rollup;
    if folded == Folded::Residual || rollup.people.is_none() {
        return groups(sql, bucket, folded == Folded::Named);
    }
    sql.push("SELECT ");
    match folded {
        Folded::Named => {
            for key in dimension_names(rollup) {
                sql.name(&key).push(", ");
            }
            sql.list(&rollup.measures, ", ", |sql, measure| {
                sql.name(&measure.target);
            });
        }
        Folded::Other | Folded::Residual => {
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
    groups(sql, bucket, true);
    sql.push(") AS tenure_c) AS tenure_f WHERE tenure_r ");
    sql.push(if folded == Folded::Named { "> " } else { "<= " }).number(count);
}

/// The measures of each group, or of the whole bucket.
fn groups(sql: &mut Sql, bucket: Bucket<'_>, by_dimension: bool) {
    let rollup = bucket.rollup;
    let alias = &bucket.scope.target.alias;
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
        sql.push(", COUNT(DISTINCT ").column(alias, people).push(") + MAX(CASE WHEN ").column(alias, people);
        sql.push(" IS NULL THEN 1 ELSE 0 END) AS tenure_n");
    }
    sql.push(" FROM ");
    rows_of(sql, bucket);
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

/// `FROM` the table `WHERE` the bucket and the whole predicate.
fn rows_of(sql: &mut Sql, bucket: Bucket<'_>) {
    eligible::from(sql, bucket.scope.target);
    sql.filter(|sql| {
        sql.all(|terms| {
            terms.term(|sql| anchor::since(sql, &bucket.scope.target.alias, bucket.start));
            terms.term(|sql| eligible::due(sql, bucket.scope, Look::Now));
        });
    });
}

fn lock_and_count(conn: &mut Connection, bucket: Bucket<'_>) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT COUNT(*) FROM ");
    rows_of(&mut sql, bucket);
    if conn.dialect() == Dialect::Mysql {
        sql.push(" FOR UPDATE");
    }
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

fn delete_rows(dialect: Dialect, bucket: Bucket<'_>) -> Statement {
    let mut sql = Sql::new(dialect);
    sql.push("DELETE FROM ");
    rows_of(&mut sql, bucket);
    sql.finish()
}

/// The statements of one bucket, for showing: those that write the named groups, and the delete.
pub(in crate::db) fn statements(dialect: Dialect, rule: &RulePlan, target: &Target, rollup: &Rollup) -> Vec<Statement> {
    let (Some(first), Some(at)) = (target.anchors.first(), rule.cutoff) else { return Vec::new() };
    let bucket = Bucket { scope: scope(rule, target), rollup, start: first, at };
    let everything = Window::default();
    vec![
        insert_rows(dialect, bucket, Folded::Named, 0),
        crate::db::write::batch::delete_roots(dialect, bucket.scope, Within::Window(&Axis::Whole, &everything)),
    ]
}

fn bucket_value(sql: &mut Sql, bucket: Bucket<'_>) {
    let (text, sql_type) = match &bucket.rollup.form {
        BucketForm::Instant => (anchor::instant_text(bucket.at, sql.dialect), "timestamptz"),
        BucketForm::Naive(zone) => (zone.to_datetime(bucket.at).strftime("%Y-%m-%d %H:%M:%S").to_string(), "timestamp"),
        BucketForm::Date(zone) => (zone.to_datetime(bucket.at).date().to_string(), "date"),
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
