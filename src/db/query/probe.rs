//! Questions that read no row: would the server take what the schedule asks for?
//!
//! A server that refuses a statement breaks the transaction around it off, so these are asked outside of any. What
//! they send holds the schedule's and the schema's own words and no value of a row, so the server's own sentence is
//! repeated.

use crate::base::name::TableName;
use crate::db::predicate::doomed::{self, Within};
use crate::db::query::count::{self, scope, whole};
use crate::db::sql::builder::Sql;
use crate::db::write::batch;
use crate::db::{Connection, DbError, Dialect, Statement};
use crate::plan::{Condition, RulePlan};

/// Does the condition mean something on rows of `table`?
///
/// # Errors
/// The server's sentence.
pub fn condition(conn: &mut Connection, table: &TableName, condition: &Condition) -> Result<(), DbError> {
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT 1 FROM ").table(table).push(" WHERE ").condition(condition);
    read_nothing(conn, sql.finish())
}

/// Does the server understand every statement with which a plan counts the rule's rows, and those that go with them?
///
/// # Errors
/// The server's sentence on the first that it refuses.
pub fn counting(conn: &mut Connection, rule: &RulePlan) -> Result<(), DbError> {
    let dialect = conn.dialect();
    for target in &rule.targets {
        read_nothing(conn, count::counts_statement(dialect, scope(rule, target)))?;
    }
    let Some(root) = whole(rule) else { return Ok(()) };
    let scope = scope(rule, &root);
    for index in 0..rule.dependents.len() {
        read_nothing(conn, doomed::count_dependent(dialect, scope, index, Within::Everything))?;
    }
    match scope.self_cascade() {
        Some(link) => read_nothing(conn, doomed::count_descendants(dialect, scope, link, Within::Everything)),
        None => Ok(()),
    }
}

/// Does the server understand every statement with which a run changes rows? Only PostgreSQL can tell without
/// beginning: the others look at types when they meet values, and MySQL would take write locks. The role needs the
/// rights of a run.
///
/// # Errors
/// The server's sentence on the first that it refuses.
pub fn acting(conn: &mut Connection, rule: &RulePlan) -> Result<(), DbError> {
    if conn.dialect() != Dialect::Postgres {
        return Ok(());
    }
    for statement in batch::statements(conn.dialect(), rule) {
        conn.probe(&Statement { sql: format!("EXPLAIN {}", statement.sql), binds: statement.binds })?;
    }
    Ok(())
}

/// Who is asking, quoted as GRANT wants it; `None` on SQLite, which has no roles.
///
/// # Errors
/// Those of the query.
pub fn role(conn: &mut Connection) -> Result<Option<String>, DbError> {
    let statement = match conn.dialect() {
        Dialect::Sqlite => return Ok(None),
        Dialect::Postgres => Statement::plain("SELECT quote_ident(current_user::text)"),
        Dialect::Mysql => Statement::plain(
            "SELECT CONCAT('`', REPLACE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '`', '``'), '`@`',
                    SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '`')",
        ),
    };
    Ok(conn.query(&statement)?.first().and_then(|row| row.text(0)).map(str::to_owned))
}

/// LIMIT 0 has the server parse, resolve and plan a statement, and then not begin.
fn read_nothing(conn: &mut Connection, mut statement: Statement) -> Result<(), DbError> {
    statement.sql.push_str(" LIMIT 0");
    conn.probe(&statement)
}
