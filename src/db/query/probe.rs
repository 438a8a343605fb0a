//! Questions that read no row: would the server take what the schedule asks for?
//!
//! A server that refuses a statement breaks the transaction around it off, so these are asked outside of any. What
//! they send holds the schedule's and the schema's own words and no value of a row, so the server's own sentence is
//! repeated.

use crate::base::name::TableName;
use crate::db::predicate::deletion_set;
use crate::db::predicate::deletion_set::Within;
use crate::db::query::count;
use crate::db::query::count::{scope, whole};
use crate::db::sql::builder::Sql;
use crate::db::write::batch;
use crate::db::{Connection, DbError, Dialect, Statement, Value};
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
        let scope = scope(rule, target);
        for part in count::Part::all(scope) {
            read_nothing(conn, count::counts_statement(dialect, scope, &part))?;
        }
    }
    let Some(root) = whole(rule) else { return Ok(()) };
    let scope = scope(rule, &root);
    for index in 0..rule.dependents.len() {
        read_nothing(conn, deletion_set::count_dependent(dialect, scope, index, Within::Everything))?;
    }
    match scope.self_cascade() {
        Some(link) => read_nothing(conn, deletion_set::count_descendants(dialect, scope, link, Within::Everything)),
        None => Ok(()),
    }
}

/// Does the database understand every statement with which a run changes rows? PostgreSQL can tell without beginning, and so
/// can SQLite, which looks into triggers, indexes and constraints for it: these may call functions that only the application
/// has. MySQL looks at types when it meets values, and would take write locks. The role needs the rights of a run.
///
/// # Errors
/// The database's sentence on the first that it refuses.
pub fn acting(conn: &mut Connection, rule: &RulePlan) -> Result<(), DbError> {
    if conn.dialect() == Dialect::Mysql {
        return Ok(());
    }
    let unkeyed = |statement: &Statement| !statement.is_by_key();
    for statement in batch::statements(conn.dialect(), rule).into_iter().filter(unkeyed) {
        let explain = Statement { sql: format!("EXPLAIN {}", statement.sql), binds: statement.binds };
        if let Err(error) = conn.probe(&explain) {
            return Err(with_its_place(conn, error));
        }
    }
    Ok(())
}

/// SQLite says which function is not there, and not what calls it.
fn with_its_place(conn: &mut Connection, error: DbError) -> DbError {
    let Some(function) = error.message.strip_prefix("no such function: ").filter(|_| conn.dialect() == Dialect::Sqlite)
    else {
        return error;
    };
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT type || ' `' || name || '`' FROM sqlite_schema WHERE instr(lower(sql), lower(");
    sql.bind(Value::Text(format!("{function}("))).push(")) > 0 ORDER BY 1");
    let places = conn.query(&sql.finish()).unwrap_or_default();
    let places: Vec<&str> = places.iter().filter_map(|row| row.text(0)).collect();
    match places.is_empty() {
        true => error,
        false => DbError::new(
            error.kind,
            format!(
                "{}, which {} calls: only the application has it, so that nobody else can change these rows",
                error.message,
                places.join(", ")
            ),
        ),
    }
}

/// The triggers of a table that the application made.
///
/// # Errors
/// Those of the query.
pub fn triggers(conn: &mut Connection, table: &TableName) -> Result<Vec<String>, DbError> {
    let mut sql = Sql::new(conn.dialect());
    let name = Value::Text(table.table.as_str().to_owned());
    match conn.dialect() {
        Dialect::Postgres => {
            sql.push("SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = ").regclass(table);
        }
        Dialect::Mysql => {
            let schema = table.schema.as_ref().map(|schema| schema.as_str().to_owned()).unwrap_or_default();
            sql.push("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ");
            sql.bind(Value::Text(schema)).push(" AND EVENT_OBJECT_TABLE = ").bind(name);
        }
        Dialect::Sqlite => {
            sql.push("SELECT name FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(");
            sql.bind(name).push(")");
        }
    }
    sql.push(" ORDER BY 1");
    Ok(conn.query(&sql.finish())?.iter().filter_map(|row| row.text(0).map(str::to_owned)).collect())
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
