//! The table `gate`: who may work on a rule. Its token fences off whoever was slower.

use super::{Sql, Table};
use crate::db::{Connection, DbError, Dialect};

/// A row of `gate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateRow {
    pub token: i64,
    /// `None` where nobody holds it.
    pub run: Option<String>,
    pub holder: Option<String>,
    /// Last sign of life, microseconds since 1970 by the database's clock.
    pub seen: i64,
}

/// Makes the rule's gate where there is none.
pub fn ensure(conn: &mut Connection, rule: &str, now: i64) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push(match conn.dialect() {
        Dialect::Mysql => "INSERT IGNORE INTO ",
        Dialect::Sqlite | Dialect::Postgres => "INSERT INTO ",
    });
    sql.control(Table::Gate).push(" (rule, token, seen) VALUES (").text(rule).push(", 0, ").int(now).push(")");
    if conn.dialect() != Dialect::Mysql {
        sql.push(" ON CONFLICT (rule) DO NOTHING");
    }
    Table::Gate.execute(conn, &sql.finish()).map(drop)
}

pub fn of(conn: &mut Connection, rule: &str) -> Result<Option<GateRow>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT token, run, holder, seen FROM ").control(Table::Gate).push(" WHERE rule = ").text(rule);
    let rows = Table::Gate.query(conn, &sql.finish())?;
    Ok(rows.first().map(|row| GateRow {
        token: row.int(0).unwrap_or(0),
        run: row.text(1).map(str::to_owned),
        holder: row.text(2).map(str::to_owned),
        seen: row.int(3).unwrap_or(0),
    }))
}

/// Takes, renews or (with no run) gives back a gate by compare-and-swap on its token; false where another was faster.
/// Waits for batches in flight, which share a lock on the row.
pub fn swap(
    conn: &mut Connection,
    rule: &str,
    old: i64,
    new: i64,
    run: Option<&str>,
    holder: Option<&str>,
    now: i64,
) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Gate).push(" SET token = ").int(new).push(", run = ").maybe(run);
    sql.push(", holder = ").maybe(holder).push(", seen = ").int(now);
    sql.push(" WHERE rule = ").text(rule).push(" AND token = ").int(old);
    Ok(Table::Gate.execute(conn, &sql.finish())? == 1)
}

/// Gives a gate back, whatever its token is by now: nobody else bears this run's name.
pub fn free(conn: &mut Connection, rule: &str, run: &str, now: i64) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ")
        .control(Table::Gate)
        .push(" SET token = token + 1, run = NULL, holder = NULL, seen = ")
        .int(now);
    sql.push(" WHERE rule = ").text(rule).push(" AND run = ").text(run);
    Table::Gate.execute(conn, &sql.finish()).map(drop)
}

/// The gate of no rule, which every order raises before the gates that it shuts.
const ORDERS: &str = "orders";

/// Raises the token of one gate, or of all, so that no run that goes on now does another batch there. Waits for the batches
/// in flight, and is seen by whoever begins a rule: see [`wait_for_orders`].
pub fn raise(conn: &mut Connection, only: Option<&str>) -> Result<(), DbError> {
    let one = |conn: &mut Connection, rule: Option<&str>| {
        let mut sql = Sql::new(conn.dialect());
        sql.push("UPDATE ").control(Table::Gate).push(" SET token = token + 1");
        if let Some(rule) = rule {
            sql.push(" WHERE rule = ").text(rule);
        }
        Table::Gate.execute(conn, &sql.finish()).map(drop)
    };
    // In a statement of its own: only the next one sees the gates of rules that began while this one waited.
    one(conn, Some(ORDERS))?;
    one(conn, only)
}

/// Waits for the orders that are about to be committed; those that come later find every gate that was made until now. So
/// whoever takes a gate, and after that reads the orders in the transaction of this, misses none.
pub fn wait_for_orders(conn: &mut Connection) -> Result<(), DbError> {
    match conn.is_cluster() {
        true => write(conn, ORDERS, None).map(drop),
        false => token_is(conn, ORDERS, 0).map(drop),
    }
}

/// Galera: other nodes know of no lock on this one. Of two transactions that write one row, on whichever nodes, one is refused
/// at COMMIT: so a batch writes the gate that it stands on, and a takeover on another node makes it fail.
fn write(conn: &mut Connection, rule: &str, token: Option<i64>) -> Result<bool, DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("UPDATE ").control(Table::Gate).push(" SET seen = seen + 1 WHERE rule = ").text(rule);
    if let Some(token) = token {
        sql.push(" AND token = ").int(token);
    }
    Ok(Table::Gate.execute(conn, &sql.finish())? == 1)
}

/// Inside a batch's transaction: is this still the rule's token? Shares a lock on the row, so that a takeover waits for
/// the batch and every batch after it sees the new token.
pub fn token_is(conn: &mut Connection, rule: &str, token: i64) -> Result<bool, DbError> {
    if conn.is_cluster() {
        return write(conn, rule, Some(token));
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT token FROM ").control(Table::Gate).push(" WHERE rule = ").text(rule);
    sql.push(match conn.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => " FOR SHARE",
        Dialect::Mysql => " LOCK IN SHARE MODE",
    });
    Ok(Table::Gate.query(conn, &sql.finish())?.first().and_then(|row| row.int(0)) == Some(token))
}
