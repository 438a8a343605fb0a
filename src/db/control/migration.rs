//! How the control tables are made: by migrations that are embedded in the program and tracked in a table of our own, so
//! that an application that uses Diesel keeps its `__diesel_schema_migrations` as it was.

use std::thread;
use std::time::Duration;

use diesel::migration::{Migration, MigrationSource};
use diesel::mysql::Mysql;
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};

use super::{Sql, Table};
use crate::db::driver::connection::Link;
use crate::db::{Connection, DbError, Dialect, ErrorKind, Mode};

const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
const MYSQL: EmbeddedMigrations = embed_migrations!("migrations/mysql");

/// Are the control tables there, and of this version?
pub fn is_ready(conn: &mut Connection) -> Result<bool, DbError> {
    Ok(pending(conn)?.is_empty())
}

/// Versions of the migrations that were not applied yet.
fn pending(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    let applied = applied(conn)?;
    let all = match conn.dialect() {
        Dialect::Sqlite => versions::<Sqlite>(&SQLITE)?,
        Dialect::Postgres => versions::<Pg>(&POSTGRES)?,
        Dialect::Mysql => versions::<Mysql>(&MYSQL)?,
    };
    Ok(all.into_iter().filter(|version| !applied.contains(version)).collect())
}

/// An application may have a table that bears the name of one of ours, and other columns.
fn refuse_tables_of_others(conn: &mut Connection) -> Result<(), DbError> {
    for table in Table::ALL {
        if !table.is_there(conn)? {
            continue;
        }
        let mut sql = Sql::new(conn.dialect());
        sql.push("SELECT ").list(table.telling_columns(), ", ", |sql, column| {
            sql.push(column);
        });
        sql.push(" FROM ").control(table).push(" WHERE 1 = 0");
        match conn.query(&sql.finish()) {
            Err(error) if error.kind == ErrorKind::Missing => {
                let name = format!("{}{}", Table::prefix(conn.dialect()), table.as_str());
                let reason = format!(
                    "there is a table `{name}` that was not made by tenure, which would keep its ledger under that name; rename it, \
                     or let the application have a database of its own"
                );
                return Err(DbError::new(ErrorKind::Missing, reason));
            }
            answer => drop(answer?),
        }
    }
    Ok(())
}

/// Are there any control tables, of whatever version?
pub fn exist(conn: &mut Connection) -> Result<bool, DbError> {
    Table::Migration.is_there(conn)
}

fn applied(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    if !exist(conn)? {
        return Ok(Vec::new());
    }
    let mut sql = Sql::new(conn.dialect());
    sql.push("SELECT version FROM ").control(Table::Migration);
    Ok(Table::Migration.query(conn, &sql.finish())?.iter().filter_map(|row| row.text(0).map(str::to_owned)).collect())
}

fn versions<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<Vec<String>, DbError> {
    Ok(sorted::<DB>(source)?.iter().map(|migration| migration.name().version().to_string()).collect())
}

fn sorted<DB: diesel::backend::Backend>(source: &EmbeddedMigrations) -> Result<Vec<Box<dyn Migration<DB>>>, DbError> {
    let mut all = MigrationSource::<DB>::migrations(source)
        .map_err(|_| DbError::new(ErrorKind::Other, "the embedded migrations cannot be read"))?;
    all.sort_by_key(|migration| migration.name().version().as_owned());
    Ok(all)
}

/// Makes or upgrades the control tables; the versions that were applied, by us or by somebody beside us.
///
/// Of two that start at once, one fails on what the other has just made, is rolled back (but on MySQL, whose migrations
/// can be repeated), and looks again.
pub fn migrate(conn: &mut Connection) -> Result<Vec<String>, DbError> {
    const ATTEMPTS: u64 = 10;
    let wanted = pending(conn)?;
    let mut attempt = 1;
    while let Err(error) = apply_pending(conn) {
        let may_be_a_race = error.is_of_a_row()
            || matches!(error.kind, ErrorKind::Conflict | ErrorKind::Missing | ErrorKind::Unread | ErrorKind::Other);
        if attempt == ATTEMPTS || !may_be_a_race {
            return Err(error);
        }
        thread::sleep(Duration::from_millis(20 * attempt));
        attempt += 1;
    }
    Ok(wanted)
}

fn apply_pending(conn: &mut Connection) -> Result<(), DbError> {
    let pending = pending(conn)?;
    if pending.is_empty() {
        return Ok(());
    }
    refuse_tables_of_others(conn)?;
    let first = match conn.dialect() {
        Dialect::Sqlite => "CREATE TABLE IF NOT EXISTS tenure_migration (version TEXT NOT NULL PRIMARY KEY) STRICT",
        Dialect::Postgres => {
            "CREATE SCHEMA IF NOT EXISTS tenure; \
             CREATE TABLE IF NOT EXISTS tenure.migration (version TEXT NOT NULL PRIMARY KEY)"
        }
        Dialect::Mysql => {
            "CREATE TABLE IF NOT EXISTS tenure_migration (version VARCHAR(128) NOT NULL PRIMARY KEY) ENGINE = InnoDB"
        }
    };
    conn.transaction(Mode::Single, |conn| conn.script(first))?;
    pending.iter().try_for_each(|version| conn.transaction(Mode::Single, |conn| apply(conn, version)))
}

fn apply(conn: &mut Connection, version: &str) -> Result<(), DbError> {
    let dialect = conn.dialect();
    let applied = match conn.link() {
        Link::Sqlite(link) => run_one::<Sqlite, _>(&SQLITE, version, |m| m.run(link))?,
        Link::Postgres(link) => run_one::<Pg, _>(&POSTGRES, version, |m| m.run(link))?,
        Link::Mysql(link) => run_one::<Mysql, _>(&MYSQL, version, |m| m.run(link))?,
    };
    applied.map_err(|error| match error.downcast::<diesel::result::Error>() {
        Ok(error) => DbError::of(dialect, &error),
        Err(_) => DbError::new(ErrorKind::Other, "a migration of the control tables failed"),
    })?;
    let mut sql = Sql::new(dialect);
    sql.push("INSERT INTO ").control(Table::Migration).push(" (version) VALUES (").text(version).push(")");
    conn.execute(&sql.finish()).map(drop)
}

type MigrationResult = diesel::migration::Result<()>;

fn run_one<DB: diesel::backend::Backend, F>(
    source: &EmbeddedMigrations,
    version: &str,
    run: F,
) -> Result<MigrationResult, DbError>
where
    F: FnOnce(Box<dyn Migration<DB>>) -> MigrationResult,
{
    let found = sorted::<DB>(source)?.into_iter().find(|migration| migration.name().version().to_string() == version);
    found.map(run).ok_or_else(|| DbError::new(ErrorKind::Other, "an embedded migration is missing"))
}
