//! The table `signature`: who vouches for an entry.

use std::collections::BTreeMap;

use super::{Sql, Table};
use crate::db::{Connection, DbError};

/// Signs an entry; must stand in the transaction that writes it.
pub fn insert(conn: &mut Connection, number: i64, signature: &str) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("INSERT INTO ").control(Table::Signature).push(" (number, signature) VALUES (");
    sql.int(number).push(", ").text(signature).push(")");
    Table::Signature.execute(conn, &sql.finish()).map(drop)
}

/// The signature of one entry.
pub fn of(conn: &mut Connection, number: i64) -> Result<Option<String>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT signature FROM ").control(Table::Signature).push(" WHERE number = ").int(number);
    let rows = Table::Signature.query(conn, &sql.finish())?;
    Ok(rows.first().and_then(|row| row.text(0)).map(str::to_owned))
}

/// Those of the entries from `first` to `last`, by the numbers of the entries.
pub fn between(conn: &mut Connection, first: i64, last: i64) -> Result<BTreeMap<i64, String>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT number, signature FROM ").control(Table::Signature).push(" WHERE number >= ").int(first);
    sql.push(" AND number <= ").int(last);
    let rows = Table::Signature.query(conn, &sql.finish())?;
    Ok(rows.iter().filter_map(|row| Some((row.int(0)?, row.text(1)?.to_owned()))).collect())
}

/// All of them, by the numbers of their entries.
pub fn all(conn: &mut Connection) -> Result<BTreeMap<i64, String>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT number, signature FROM ").control(Table::Signature);
    let rows = Table::Signature.query(conn, &sql.finish())?;
    Ok(rows.iter().filter_map(|row| Some((row.int(0)?, row.text(1)?.to_owned()))).collect())
}
