//! The table `hold`: what somebody ordered to be kept, beside the holds of the schedules.

use super::{Sql, Table};
use crate::db::{Connection, DbError, Row};

/// A row of `hold`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// From 1, in the order in which they were added.
    pub number: i64,
    pub name: String,
    /// The table, as a schedule would name it.
    pub target: String,
    /// The condition; `None` for all rows, and once the hold has ended.
    pub asks: Option<String>,
    /// Random text that goes into the condition's digest; `None` where there is no condition (any more).
    pub salt: Option<String>,
    /// As `2026-12-31`; `None` until somebody releases it.
    pub last_day: Option<String>,
    pub reason: String,
    /// Microseconds since 1970.
    pub added: i64,
    pub added_by: String,
    /// Microseconds since 1970; `None` while it holds.
    pub ended: Option<i64>,
    /// `target` is the table of people, and every row of theirs is covered.
    pub of_people: bool,
}

const COLUMNS: &str = "number, name, target, asks, salt, last_day, reason, added, added_by, ended, of_people";

/// Fails with [`ErrorKind::Constraint`](crate::db::ErrorKind::Constraint) where somebody else took the number.
pub fn insert(conn: &mut Connection, row: &HoldRow) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("INSERT INTO ").control(Table::Hold).push(" (").push(COLUMNS).push(") VALUES (");
    sql.int(row.number).push(", ").text(&row.name).push(", ").text(&row.target);
    for text in [&row.asks, &row.salt, &row.last_day] {
        sql.push(", ").maybe(text.as_deref());
    }
    sql.push(", ").text(&row.reason).push(", ").int(row.added).push(", ").text(&row.added_by);
    sql.push(", ").maybe_int(row.ended).push(", ").int(i64::from(row.of_people)).push(")");
    Table::Hold.execute(conn, &sql.finish()).map(drop)
}

/// Ends a hold and forgets what it asked for; false where it had ended already.
pub fn end(conn: &mut Connection, number: i64, at: i64) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Hold).push(" SET ended = ").int(at).push(", asks = NULL, salt = NULL");
    sql.push(" WHERE number = ").int(number).push(" AND ended IS NULL");
    Ok(Table::Hold.execute(conn, &sql.finish())? == 1)
}

/// All holds in the order of their numbers, those that have ended included; none where the table was not made yet.
///
/// # Errors
/// [`ErrorKind::Privilege`](crate::db::ErrorKind::Privilege) where the role may not read them: a plan without them would
/// promise what no run does.
pub fn all(conn: &mut Connection) -> Result<Vec<HoldRow>, DbError> {
    if !Table::Hold.is_there(conn)? && !Table::Hold.is_hidden(conn)? {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ").push(COLUMNS).push(" FROM ").control(Table::Hold).push(" ORDER BY number");
    Ok(Table::Hold.query(conn, &sql.finish())?.iter().map(row_of).collect())
}

fn row_of(row: &Row) -> HoldRow {
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    let maybe = |column| row.text(column).map(str::to_owned);
    HoldRow {
        number: row.int(0).unwrap_or(0),
        name: text(1),
        target: text(2),
        asks: maybe(3),
        salt: maybe(4),
        last_day: maybe(5),
        reason: text(6),
        added: row.int(7).unwrap_or(0),
        added_by: text(8),
        ended: row.int(9),
        of_people: row.int(10).is_some_and(|flag| flag != 0),
    }
}
