//! The table `pause`: what somebody ordered to wait.

use super::{Sql, Table};
use crate::db::{Connection, DbError, Row};

/// A row of `pause`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PauseRow {
    /// From 1, in the order in which they were ordered.
    pub number: i64,
    /// `None`: every policy on this database.
    pub policy: Option<String>,
    /// `None`: every rule.
    pub rule: Option<String>,
    /// When it ends by itself, microseconds since 1970; `None` until somebody resumes it.
    pub expires: Option<i64>,
    pub reason: String,
    /// Microseconds since 1970.
    pub paused: i64,
    pub paused_by: String,
    /// Microseconds since 1970; `None` while no entry has ended it.
    pub ended: Option<i64>,
}

const COLUMNS: &str = "number, policy, rule, expires, reason, paused, paused_by, ended";

/// Fails with [`ErrorKind::Constraint`](crate::db::ErrorKind::Constraint) where somebody else took the number.
pub fn insert(conn: &mut Connection, row: &PauseRow) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("INSERT INTO ").control(Table::Pause).push(" (").push(COLUMNS).push(") VALUES (");
    sql.int(row.number).push(", ").maybe(row.policy.as_deref()).push(", ").maybe(row.rule.as_deref());
    sql.push(", ").maybe_int(row.expires).push(", ").text(&row.reason).push(", ").int(row.paused);
    sql.push(", ").text(&row.paused_by).push(", ").maybe_int(row.ended).push(")");
    Table::Pause.execute(conn, &sql.finish()).map(drop)
}

/// Ends a pause; false where it had ended already.
pub fn end(conn: &mut Connection, number: i64, at: i64) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Pause).push(" SET ended = ").int(at);
    sql.push(" WHERE number = ").int(number).push(" AND ended IS NULL");
    Ok(Table::Pause.execute(conn, &sql.finish())? == 1)
}

/// All pauses in the order of their numbers, those that have ended included; none where the table was not made yet.
///
/// # Errors
/// [`ErrorKind::Privilege`](crate::db::ErrorKind::Privilege) where the role may not read them: a plan without them would
/// promise what no run does.
pub fn all(conn: &mut Connection) -> Result<Vec<PauseRow>, DbError> {
    if !Table::Pause.is_there(conn)? && !Table::Pause.is_hidden(conn)? {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ").push(COLUMNS).push(" FROM ").control(Table::Pause).push(" ORDER BY number");
    Ok(Table::Pause.query(conn, &sql.finish())?.iter().map(row_of).collect())
}

fn row_of(row: &Row) -> PauseRow {
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    let maybe = |column| row.text(column).map(str::to_owned);
    PauseRow {
        number: row.int(0).unwrap_or(0),
        policy: maybe(1),
        rule: maybe(2),
        expires: row.int(3),
        reason: text(4),
        paused: row.int(5).unwrap_or(0),
        paused_by: text(6),
        ended: row.int(7),
    }
}
