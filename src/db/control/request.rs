//! The table `request`: whose erasure was asked for, since when, and what came of it.

use super::{Sql, Table};
use crate::db::{Connection, DbError, Row};

/// A row of `request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// From 1, in the order in which they were received.
    pub number: i64,
    /// The policy whose `[subject]` says what the person's data is.
    pub policy: String,
    /// The person's pseudonym, and the key that it was made with.
    pub person: String,
    pub key_id: String,
    /// The person's key as text; `None` once the request is settled.
    pub wanted: Option<String>,
    /// Random text that goes into the digest of `wanted`; forgotten with it.
    pub salt: Option<String>,
    /// `None` for all that is to go, else one category of it.
    pub category: Option<String>,
    pub reason: String,
    /// Microseconds since 1970, as are the other times: when the person asked.
    pub asked: i64,
    pub received: i64,
    pub received_by: String,
    /// Since when it is known that it was the person who asked; `None` where nobody has looked yet.
    pub verified: Option<i64>,
    pub settled: Option<i64>,
    /// `erased` or `refused`.
    pub outcome: Option<String>,
}

const COLUMNS: &str = "number, policy, person, key_id, wanted, salt, category, reason, asked, received, received_by, \
                       verified, settled, outcome";

/// Fails with [`ErrorKind::Constraint`](crate::db::ErrorKind) where somebody else took the number.
pub fn insert(conn: &mut Connection, row: &RequestRow) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("INSERT INTO ").control(Table::Request).push(" (").push(COLUMNS).push(") VALUES (");
    sql.int(row.number);
    for text in [&row.policy, &row.person, &row.key_id] {
        sql.push(", ").text(text);
    }
    for text in [&row.wanted, &row.salt, &row.category] {
        sql.push(", ").maybe(text.as_deref());
    }
    sql.push(", ").text(&row.reason).push(", ").int(row.asked).push(", ").int(row.received);
    sql.push(", ").text(&row.received_by);
    for int in [row.verified, row.settled] {
        sql.push(", ").maybe_int(int);
    }
    sql.push(", ").maybe(row.outcome.as_deref()).push(")");
    Table::Request.execute(conn, &sql.finish()).map(drop)
}

/// Notes since when it is known who asked; false where the request is settled, or was verified before.
pub fn verify(conn: &mut Connection, number: i64, at: i64) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Request).push(" SET verified = ").int(at);
    sql.push(" WHERE number = ").int(number).push(" AND verified IS NULL AND settled IS NULL");
    Ok(Table::Request.execute(conn, &sql.finish())? == 1)
}

/// Settles a request and forgets whom it named; false where it was settled before.
pub fn settle(conn: &mut Connection, number: i64, outcome: &str, at: i64) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Request).push(" SET settled = ").int(at).push(", outcome = ").text(outcome);
    sql.push(", wanted = NULL, salt = NULL WHERE number = ").int(number).push(" AND settled IS NULL");
    Ok(Table::Request.execute(conn, &sql.finish())? == 1)
}

/// All requests in the order of their numbers; none where the table was not made yet.
pub fn all(conn: &mut Connection) -> Result<Vec<RequestRow>, DbError> {
    rows(conn, |_| {})
}

/// Those that wait, verified or not, in the order of their numbers.
pub fn open(conn: &mut Connection) -> Result<Vec<RequestRow>, DbError> {
    rows(conn, |sql| {
        sql.push(" WHERE settled IS NULL");
    })
}

/// Those of one person.
pub fn of(conn: &mut Connection, person: &str) -> Result<Vec<RequestRow>, DbError> {
    rows(conn, |sql| {
        sql.push(" WHERE person = ").text(person);
    })
}

/// The greatest number that was given; 0 before the first.
pub fn last_number(conn: &mut Connection) -> Result<i64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT MAX(number) FROM ").control(Table::Request);
    Ok(Table::Request.query(conn, &sql.finish())?.first().and_then(|row| row.int(0)).unwrap_or(0))
}

fn rows(conn: &mut Connection, which: impl FnOnce(&mut Sql)) -> Result<Vec<RequestRow>, DbError> {
    if !Table::Request.is_there(conn)? {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT ").push(COLUMNS).push(" FROM ").control(Table::Request);
    which(&mut sql);
    sql.push(" ORDER BY number");
    Ok(Table::Request.query(conn, &sql.finish())?.iter().map(row_of).collect())
}

fn row_of(row: &Row) -> RequestRow {
    let text = |column| row.text(column).unwrap_or_default().to_owned();
    let maybe = |column| row.text(column).map(str::to_owned);
    RequestRow {
        number: row.int(0).unwrap_or(0),
        policy: text(1),
        person: text(2),
        key_id: text(3),
        wanted: maybe(4),
        salt: maybe(5),
        category: maybe(6),
        reason: text(7),
        asked: row.int(8).unwrap_or(0),
        received: row.int(9).unwrap_or(0),
        received_by: text(10),
        verified: row.int(11),
        settled: row.int(12),
        outcome: maybe(13),
    }
}
