//! Reading the control tables from end to end, for whoever holds them against each other.
//!
//! MySQL compares texts without the blanks at their ends: what is asked for by a text is compared again by the caller.

use super::{EntryRow, RUN_COLUMNS, RunRow, Table, entry_rows, run_row, select_entries};
use crate::db::sql::builder::Sql;
use crate::db::{Connection, DbError};

/// The next entries in the order of their numbers, `limit` at most; those with a greater number than `number`.
pub fn entries_after(conn: &mut Connection, number: i64, limit: u64) -> Result<Vec<EntryRow>, DbError> {
    let mut sql = select_entries(conn.dialect());
    sql.push(" WHERE number > ").int(number).push(" ORDER BY number LIMIT ").number(limit);
    entry_rows(conn, &sql.finish())
}

/// One entry.
pub fn entry(conn: &mut Connection, number: i64) -> Result<Option<EntryRow>, DbError> {
    let mut sql = select_entries(conn.dialect());
    sql.push(" WHERE number = ").int(number);
    Ok(entry_rows(conn, &sql.finish())?.pop())
}

/// The entries that say of themselves that they come after the one with this hash.
pub fn entries_naming(conn: &mut Connection, previous: &str) -> Result<Vec<EntryRow>, DbError> {
    let mut sql = select_entries(conn.dialect());
    sql.push(" WHERE previous = ").text(previous).push(" ORDER BY number");
    entry_rows(conn, &sql.finish())
}

/// The entries of a kind, oldest first.
pub fn entries_of_kind(conn: &mut Connection, kind: &str) -> Result<Vec<EntryRow>, DbError> {
    let mut sql = select_entries(conn.dialect());
    sql.push(" WHERE kind = ").text(kind).push(" ORDER BY number");
    entry_rows(conn, &sql.finish())
}

/// One run.
pub fn run(conn: &mut Connection, id: &str) -> Result<Option<RunRow>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push(RUN_COLUMNS).control(Table::Run).push(" WHERE id = ").text(id);
    let rows = Table::Run.query(conn, &sql.finish())?;
    Ok(rows.iter().map(run_row).find(|row| row.id == id))
}

/// The ids of all runs, and whether they are closed.
pub fn closings(conn: &mut Connection) -> Result<Vec<(String, bool)>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT id, finished FROM ").control(Table::Run).push(" ORDER BY started, id");
    let rows = Table::Run.query(conn, &sql.finish())?;
    Ok(rows.iter().map(|row| (row.text(0).unwrap_or_default().to_owned(), row.int(1).is_some())).collect())
}

/// The runs that were closed before an instant and of which there are batches still.
pub fn runs_with_batches_closed_before(conn: &mut Connection, before: i64) -> Result<Vec<String>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT id FROM ").control(Table::Run).push(" WHERE finished < ").int(before);
    sql.push(" AND id IN (SELECT run FROM ").control(Table::Batch).push(") ORDER BY started, id");
    let rows = Table::Run.query(conn, &sql.finish())?;
    Ok(rows.iter().map(|row| row.text(0).unwrap_or_default().to_owned()).collect())
}

/// Removes the batches of a run, for a role that may; how many.
pub fn remove_batches(conn: &mut Connection, run: &str) -> Result<u64, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("DELETE FROM ").control(Table::Batch).push(" WHERE run = ").text(run);
    conn.execute(&sql.finish())
}

/// The runs of which there are batches.
pub fn runs_with_batches(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT DISTINCT run FROM ").control(Table::Batch).push(" ORDER BY run");
    let rows = Table::Batch.query(conn, &sql.finish())?;
    Ok(rows.iter().map(|row| row.text(0).unwrap_or_default().to_owned()).collect())
}
