//! Placeholders that another row bears already, in columns that take each text once: these rows cannot be redacted.

use std::collections::BTreeMap;

use crate::base::name::{Name, TableName};
use crate::db::predicate::eligible;
use crate::db::predicate::eligible::Look;
use crate::db::query::count::{number, one_row, scope};
use crate::db::sql::builder::Sql;
use crate::db::write::redact;
use crate::db::{Connection, DbError, Dialect, Value};
use crate::plan::{Axis, Redaction, RulePlan, Target};
use crate::schedule::Redact;

/// Of the plan's rows, how many would be given a placeholder that another row bears; by the column, and only where there are
/// any. `first` is what is written into rows before they go.
pub fn placeholders(
    conn: &mut Connection,
    plan: &RulePlan,
    first: &[Redaction],
) -> Result<BTreeMap<Name, u64>, DbError> {
    let mut taken = BTreeMap::new();
    let can_be = |one: &&Redaction| one.is_unique && matches!(one.how, Redact::Placeholder(_));
    for target in &plan.targets {
        let Some(key) = key(target) else { continue };
        for redaction in target.redactions.iter().chain(first).filter(can_be) {
            let rows = rows(conn, plan, (target, &key), redaction)?;
            if rows > 0 {
                *taken.entry(redaction.column.clone()).or_default() += rows;
            }
        }
    }
    Ok(taken)
}

/// What tells rows of the table apart: its key, or the rowid of SQLite.
fn key(target: &Target) -> Option<Vec<Name>> {
    if !target.key.is_empty() {
        return Some(target.key.clone());
    }
    target.axes.iter().find_map(|axis| match axis {
        Axis::Key(columns) => Some(columns.iter().map(|column| column.name.clone()).collect()),
        Axis::Anchor(_) | Axis::Pages | Axis::Whole => None,
    })
}

fn rows(
    conn: &mut Connection,
    plan: &RulePlan,
    (target, key): (&Target, &[Name]),
    redaction: &Redaction,
) -> Result<u64, DbError> {
    let collation = collation(conn, &target.table, &redaction.column)?;
    let mut sql = Sql::new(conn.dialect());
    let other = sql.fresh_alias();
    sql.push("SELECT COUNT(*) FROM ");
    eligible::from(&mut sql, target);
    sql.push(" WHERE ");
    eligible::due(&mut sql, scope(plan, target), Look::Ahead);
    sql.push(" AND EXISTS (SELECT 1 FROM ").table(&target.root).push(" AS ").name(&other).push(" WHERE ");
    sql.column(&other, &redaction.column).push(" = ");
    match &collation {
        None => redact::becomes(&mut sql, &target.alias, redaction),
        Some(collation) => {
            sql.push("CONVERT(");
            redact::becomes(&mut sql, &target.alias, redaction);
            sql.push(" USING ").type_name(character_set(collation)).push(") COLLATE ").type_name(collation);
        }
    }
    sql.push(" AND NOT (");
    eligible::equal(&mut sql, &other, key, &target.alias, key);
    sql.push("))");
    Ok(number(&one_row(conn, &sql.finish())?, 0))
}

/// Of a column of MySQL's: beside a text of another collation it is compared with it under its own only where that is said,
/// and only so does its index serve.
fn collation(conn: &mut Connection, table: &TableName, column: &Name) -> Result<Option<String>, DbError> {
    if conn.dialect() != Dialect::Mysql {
        return Ok(None);
    }
    let mut sql = Sql::new(Dialect::Mysql);
    sql.push("SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ");
    match &table.schema {
        Some(schema) => sql.bind(Value::Text(schema.as_str().to_owned())),
        None => sql.push("DATABASE()"),
    };
    sql.push(" AND TABLE_NAME = ").bind(Value::Text(table.table.as_str().to_owned()));
    sql.push(" AND COLUMN_NAME = ").bind(Value::Text(column.as_str().to_owned()));
    let named = one_row(conn, &sql.finish())?.text(0).map(str::to_owned);
    Ok(named.filter(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')))
}

/// `utf8mb4` of `utf8mb4_general_ci`.
fn character_set(collation: &str) -> &str {
    collation.split('_').next().unwrap_or(collation)
}
