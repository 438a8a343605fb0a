//! The table `erasure`: what was done to whose rows, people being pseudonyms.

use super::{Sql, Table};
use crate::base::name::{Name, TableName};
use crate::db::catalog::ColumnKind;
use crate::db::{Connection, DbError, Dialect, InsertInto, Row, Value};

/// A row of `erasure`: what one transaction did to one person's rows. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasureRow {
    pub reference: String,
    pub person: String,
    pub key_id: String,
    pub policy: String,
    pub cause: String,
    pub asked: i64,
    pub begun: i64,
    /// `None` where more of the person's rows were to follow.
    pub finished: Option<i64>,
    pub run: String,
    /// JSON of the rows by entry of the map.
    pub counts: String,
}

/// In the order of the fields.
const COLUMNS: [(&str, ColumnKind); 10] = [
    ("reference", ColumnKind::Text),
    ("person", ColumnKind::Text),
    ("key_id", ColumnKind::Text),
    ("policy", ColumnKind::Text),
    ("cause", ColumnKind::Text),
    ("asked", ColumnKind::Integer),
    ("begun", ColumnKind::Integer),
    ("finished", ColumnKind::Integer),
    ("run", ColumnKind::Text),
    ("counts", ColumnKind::Text),
];

/// Must stand in the transaction that erases; thousands of rows at once.
pub fn insert(conn: &mut Connection, rows: Vec<ErasureRow>) -> Result<(), DbError> {
    let dialect = conn.dialect();
    let into = into(dialect);
    let values = rows.into_iter().map(|row| {
        vec![
            Value::Text(row.reference),
            Value::Text(row.person),
            Value::Text(row.key_id),
            Value::Text(row.policy),
            Value::Text(row.cause),
            Value::Int(row.asked),
            Value::Int(row.begun),
            row.finished.map_or(Value::Null, Value::Int),
            Value::Text(row.run),
            Value::Text(row.counts),
        ]
    });
    conn.insert_within(&into, values).map(drop).map_err(|error| Table::Erasure.with_grant(dialect, error))
}

fn into(dialect: Dialect) -> InsertInto {
    let name = |text: &str| Name::new(text).expect("letters are a name");
    let table = match dialect {
        Dialect::Postgres => TableName::new(Some(name("tenure")), name("erasure")),
        Dialect::Sqlite | Dialect::Mysql => TableName::new(None, name("tenure_erasure")),
    };
    InsertInto { table, columns: COLUMNS.iter().map(|(column, kind)| (name(column), *kind)).collect() }
}

/// Where the pages of a run end: every so many rows the reference, in their order. A page between two references reads nothing
/// beside itself, while of one that is only told how long it may be PostgreSQL, which has not heard yet of a hundred thousand
/// new rows, sorts all the rest.
pub fn page_ends(conn: &mut Connection, run: &str, rows: u64) -> Result<Vec<String>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT reference FROM (SELECT reference, ROW_NUMBER() OVER (ORDER BY reference) AS place FROM ");
    sql.control(Table::Erasure).push(" WHERE run = ").text(run).push(") AS numbered WHERE place % ").number(rows);
    sql.push(" = 0 ORDER BY reference");
    let rows = Table::Erasure.query(conn, &sql.finish())?;
    Ok(rows.iter().map(|row| row.text(0).unwrap_or_default().to_owned()).collect())
}

/// The rows of a run in the order of their references: those after the one, up to the other or up to the last.
pub fn of_run(conn: &mut Connection, run: &str, after: &str, up_to: Option<&str>) -> Result<Vec<ErasureRow>, DbError> {
    let mut sql = select(conn.dialect());
    sql.push(" WHERE run = ").text(run).push(" AND reference > ").text(after);
    if let Some(last) = up_to {
        sql.push(" AND reference <= ").text(last);
    }
    sql.push(" ORDER BY reference");
    rows(conn, sql)
}

/// The rows of a person by any of these pseudonyms, oldest first.
pub fn of_person(conn: &mut Connection, people: &[String]) -> Result<Vec<ErasureRow>, DbError> {
    let mut sql = select(conn.dialect());
    sql.push(" WHERE person IN (");
    sql.list(people, ", ", |sql, person| {
        sql.text(person);
    });
    sql.push(if people.is_empty() { "NULL)" } else { ")" }).push(" ORDER BY begun, reference");
    rows(conn, sql)
}

/// All rows in the order of their references, `limit` at most, from after `reference`.
pub fn all(conn: &mut Connection, reference: &str, limit: u64) -> Result<Vec<ErasureRow>, DbError> {
    let mut sql = select(conn.dialect());
    sql.push(" WHERE reference > ").text(reference).push(" ORDER BY reference LIMIT ").number(limit);
    rows(conn, sql)
}

/// The runs of which there are rows.
pub fn runs(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    distinct(conn, "run")
}

/// The ids of the keys under which people are called in the rows.
pub fn key_ids(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    distinct(conn, "key_id")
}

fn distinct(conn: &mut Connection, column: &'static str) -> Result<Vec<String>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT DISTINCT ").push(column).push(" FROM ").control(Table::Erasure).push(" ORDER BY ").push(column);
    let rows = Table::Erasure.query(conn, &sql.finish())?;
    Ok(rows.iter().map(|row| row.text(0).unwrap_or_default().to_owned()).collect())
}

/// Is there the table? It is younger than the ledger.
pub fn is_there(conn: &mut Connection) -> Result<bool, DbError> {
    Table::Erasure.is_there(conn)
}

fn select(dialect: Dialect) -> Sql {
    let mut sql = Sql::new(dialect);
    sql.push("SELECT ");
    sql.list(&COLUMNS, ", ", |sql, (column, _)| {
        sql.push(column);
    });
    sql.push(" FROM ").control(Table::Erasure);
    sql
}

fn rows(conn: &mut Connection, sql: Sql) -> Result<Vec<ErasureRow>, DbError> {
    Ok(Table::Erasure.query(conn, &sql.finish())?.into_iter().map(row_of).collect())
}

fn row_of(mut row: Row) -> ErasureRow {
    let mut text = |column: usize| row.take_text(column).unwrap_or_default();
    ErasureRow {
        reference: text(0),
        person: text(1),
        key_id: text(2),
        policy: text(3),
        cause: text(4),
        run: text(8),
        counts: text(9),
        asked: row.int(5).unwrap_or(0),
        begun: row.int(6).unwrap_or(0),
        finished: row.int(7),
    }
}
