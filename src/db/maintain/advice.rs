//! Statements for an owner of the database to run, which tenure itself never does: text to be shown, nothing more.

use crate::base::name::{Name, TableName};
use crate::db::Dialect;
use crate::db::catalog::{Table, TableKind};
use crate::db::predicate::whose::form;
use crate::db::sql::builder::Sql;
use crate::plan::Likeness;

/// The longest name of an index, in characters: PostgreSQL takes 63 bytes, MySQL 64 characters.
const LONGEST_NAME: usize = 60;

/// What the application can go on working beside, where the database has it.
///
/// PostgreSQL names the index by itself; it cannot index a partitioned table without locking it.
pub fn create_index(dialect: Dialect, table: &Table, columns: &[Name]) -> String {
    let column_list = columns.iter().map(|column| column.quoted(dialect.quote())).collect::<Vec<_>>().join(", ");
    let on = format!("ON {} ({column_list});", quoted(dialect, &table.name));
    match dialect {
        Dialect::Postgres if table.kind == TableKind::Partitioned => format!("CREATE INDEX {on}"),
        Dialect::Postgres => format!("CREATE INDEX CONCURRENTLY {on}"),
        Dialect::Sqlite | Dialect::Mysql => format!("CREATE INDEX {} {on}", index_name(dialect, table, columns)),
    }
}

/// An index on a column as the way to a person compares it; `None` where the database has none that would be used.
///
/// A condition of SQLite's may not call a function of ours in an index, because the application does not know it; MariaDB
/// indexes no expression, and MySQL none of this kind.
pub fn create_index_as_compared(dialect: Dialect, table: &Table, column: &Name, likeness: Likeness) -> Option<String> {
    let compared = match (dialect, likeness) {
        (Dialect::Mysql, _) | (Dialect::Sqlite, Likeness::Folded | Likeness::Referred(_)) => return None,
        (Dialect::Postgres | Dialect::Sqlite, _) => {
            let mut sql = Sql::new(dialect);
            form(likeness, dialect).write(&mut sql, |sql| {
                sql.name(column);
            });
            sql.finish().sql
        }
    };
    let on = format!("ON {} (({compared}));", quoted(dialect, &table.name));
    Some(match dialect {
        Dialect::Postgres if table.kind == TableKind::Partitioned => format!("CREATE INDEX {on}"),
        Dialect::Postgres => format!("CREATE INDEX CONCURRENTLY {on}"),
        Dialect::Sqlite | Dialect::Mysql => {
            format!("CREATE INDEX {} {on}", index_name(dialect, table, std::slice::from_ref(column)))
        }
    })
}

fn index_name(dialect: Dialect, table: &Table, columns: &[Name]) -> String {
    let words = std::iter::once(&table.name.table).chain(columns).map(Name::as_str);
    let joined: String = words.collect::<Vec<_>>().join("_").chars().take(LONGEST_NAME).collect();
    Name::new(joined).map(|name| name.quoted(dialect.quote())).unwrap_or_default()
}

/// `rights` are the words of GRANT; `role` is written as [`probe::role`](crate::db::query::probe::role) quotes it.
pub fn grant(dialect: Dialect, rights: &[&str], table: &TableName, role: &str) -> String {
    format!("GRANT {} ON {} TO {role};", rights.join(", "), quoted(dialect, table))
}

/// On every table of a database, those to come included (MySQL).
pub fn grant_everywhere(database: &Name, right: &str, role: &str) -> String {
    // In such a grant the name is a pattern.
    let pattern = database.as_str().replace('\\', "\\\\").replace('_', "\\_").replace('%', "\\%");
    let quote = Dialect::Mysql.quote();
    format!("GRANT {right} ON {quote}{}{quote}.* TO {role};", pattern.replace(quote, &format!("{quote}{quote}")))
}

/// Of the whole server (MySQL).
pub fn grant_on_server(right: &str, role: &str) -> String {
    format!("GRANT {right} ON *.* TO {role};")
}

/// Without it no right on a table of the schema counts (PostgreSQL).
pub fn grant_usage(schema: &Name, role: &str) -> String {
    format!("GRANT USAGE ON SCHEMA {} TO {role};", schema.quoted(Dialect::Postgres.quote()))
}

fn quoted(dialect: Dialect, table: &TableName) -> String {
    let parts = table.schema.iter().chain([&table.table]);
    parts.map(|part| part.quoted(dialect.quote())).collect::<Vec<_>>().join(".")
}
